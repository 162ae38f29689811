"""The pages in docs/explanation/: what they count and what they name is so."""

import re
from pathlib import Path

import pytest

from tests.conftest import sent_code, sent_sms_code
from tests.test_statements import WRONG_CODE, record
from tests.two_factor.conftest import TwoFactorApi, person

__all__ = ["person"]

ROOT = Path(__file__).parent.parent
PAGES = ROOT / "docs" / "explanation"
ADA = "ada@example.com"


def counted(verbs):
    """Reads and writes, as the page has them."""
    reads = verbs.count("SELECT")
    return reads, len(verbs) - reads


@pytest.mark.django_db
def test_the_statements_of_the_page_on_sizing_are_those_that_run(configure, person):
    page = (PAGES / "sizing.md").read_text()
    table = {
        what: (int(reads), int(writes))
        for what, reads, writes in re.findall(r"^\| (.+) \| (\d) \| (\d) \|$", page, re.M)
    }
    ada, grace = person(email=ADA), person(email="grace@example.com", device="+12015550199")
    api = TwoFactorApi()

    def costs(what, call, status):
        answer, verbs = record(call)
        assert (answer, counted(verbs)) == (status, table[what])

    costs("request for a code, by email or SMS", lambda: api.request_email(ADA), 200)
    costs("the same within the wait (429)", lambda: api.request_email(ADA), 429)
    costs("wrong code", lambda: api.exchange_email(ADA, WRONG_CODE), 400)
    costs("exchange of a code or link", lambda: api.exchange_email(ADA, sent_code()), 200)
    configure(TWO_FACTOR={})
    costs("login by password, no second factor", lambda: api.token(ada), 200)
    costs("login by password, phone as second factor (206)", lambda: api.token(grace), 206)
    ticket = api.ticket(grace)
    costs("its second step", lambda: api.verify(ticket, sent_sms_code()), 200)
    configure(SESSIONS={})
    refresh = api.token(ada).json()["refresh"]
    costs("refresh with `SESSIONS`", lambda: api.call("token/refresh/", {"refresh": refresh}), 200)


def test_the_tests_that_the_threat_model_names_are_there():
    named = re.findall(r"`([\w/]+\.py)`", (PAGES / "threat-model.md").read_text())
    assert len(set(named)) > 25
    for name in named:
        assert any((folder / name).is_file() for folder in (ROOT, ROOT / "tests")), name
