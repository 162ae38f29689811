"""The page on passkeys is true. Its script is run in a browser, by tests_browser."""

import ast
import re
from pathlib import Path

from jwt_drf_passwordless.two_factor.checks import check_two_factor
from jwt_drf_passwordless.two_factor.passkey.conf import DEFAULTS
from jwt_drf_passwordless.two_factor.urls import urlpatterns

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
