"""The page on passkeys is true. Its script is run in a browser, by tests_browser."""

import ast
import re
from pathlib import Path

import pytest

from jwt_drf_passwordless.conf import settings as package_settings
from jwt_drf_passwordless.signals import identifier_proven
from jwt_drf_passwordless.two_factor.checks import check_two_factor
from jwt_drf_passwordless.two_factor.passkey.conf import DEFAULTS
from jwt_drf_passwordless.two_factor.urls import urlpatterns
from tests.conftest import sent_code
from tests.pages import code, section
from tests.two_factor.conftest import EMAIL, PHONE, enrol

ROOT = Path(__file__).parent.parent.parent.parent
PAGE = (ROOT / "docs" / "passkeys.md").read_text()


def test_the_table_of_keys_is_complete():
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", PAGE.split("\n## Routes\n")[0], flags=re.MULTILINE))
    without = {name for name, default in rows.items() if default == "none"}
    assert without == {"rp_id", "origins"}
    assert {name: ast.literal_eval(rows[name].strip("`")) for name in rows.keys() - without} == {
        name: default for name, default in DEFAULTS.items() if name not in without
    }


def test_its_routes_exist():
    rows = re.findall(r"^\| `([\w/]+)`(?:, JWT)? \| `(\w+)` \|", PAGE.split("\n## Routes\n")[1], flags=re.MULTILINE)
    routes = {str(one.pattern).replace("<slug:method>", "passkey"): one.name for one in urlpatterns}
    assert len(rows) == 4
    assert dict(rows).items() <= routes.items()


def test_its_settings_pass_the_checks(configure):
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    namespace = {}
    exec(block, namespace)  # noqa: S102 - our own page
    configure(**namespace["JWT_DRF_PASSWORDLESS"])
    assert check_two_factor() == []


def test_its_settings_for_development_do_too(passkeys, settings):
    settings.DEBUG = True
    given = re.search(r'take `"rp_id": (".*?")` and\s+`"origins": \[(".*?")\]`', PAGE)
    passkeys(rp_id=given[1].strip('"'), origins=[given[2].strip('"')])
    assert check_two_factor() == []


@pytest.mark.django_db
@pytest.mark.parametrize("counts", [True, False])
def test_the_receiver_of_the_page_of_events_ends_what_a_stranger_has_prepared(api, ada, passkeys, monkeypatch, counts):
    passkeys(second_factor=counts)
    prepared = api.register(api.pair(ada)["access"])
    enrol(ada, PHONE)
    monkeypatch.setattr(type(ada), "email_verified", False, raising=False)
    (block,) = code(section((ROOT / "docs" / "events.md").read_text("utf-8"), "## Unproven accounts"))
    block = block.replace('"email"', repr(package_settings.EMAIL_FIELD_NAME))
    space = {}
    exec(block, space)  # noqa: S102 - our own page
    try:
        api.request_email(EMAIL)
        assert api.exchange_email(EMAIL, sent_code()).status_code == 200
    finally:
        identifier_proven.disconnect(space["take_over"])
    assert api.token(ada).status_code == 401
    assert api.by_passkey(prepared).status_code == 400
