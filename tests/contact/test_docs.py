"""The page on changes is true: its routes are all there are, its receiver runs, its request is answered as shown."""

import json
import re
from pathlib import Path

import pytest

from jwt_drf_passwordless.contact.signals import contact_changed
from jwt_drf_passwordless.contact.urls import urlpatterns
from tests.contact.conftest import EMAIL

PAGE = (Path(__file__).parent.parent.parent / "docs" / "contact.md").read_text()


def test_the_table_of_routes_is_complete():
    rows = re.findall(r"^\| `(contact/[^`]*)` \| `(\w+)` \|", PAGE, flags=re.MULTILINE)
    assert rows == [(str(one.pattern), one.name) for one in urlpatterns]


@pytest.mark.django_db
def test_the_request_of_the_page_is_answered_as_shown_and_its_receiver_told(api, ada, capsys):
    sent = json.loads(re.search(r"--data-raw '([^']+)'", PAGE)[1])
    shown = json.loads(re.search(r"```json\n(.*?)```", PAGE, flags=re.DOTALL)[1])
    namespace = {}
    exec(PAGE.split("```python\n")[2].split("```")[0], namespace)  # noqa: S102 - our own page
    try:
        access = EMAIL.access(api)
        assert EMAIL.ask(api, access, sent["email"]).json() == shown
        EMAIL.confirm(api, access, identifier=sent["email"])
    finally:
        contact_changed.disconnect(namespace["on_contact_changed"])
    assert capsys.readouterr().out == f"{EMAIL.field} of {ada.pk}: a***@example.com to l***@example.com\n"
