"""What each step costs the database."""

import pytest

from tests.conftest import sent_code
from tests.sessions.conftest import ADA, claims
from tests.test_statements import record

pytestmark = pytest.mark.django_db


def test_a_login_costs_one_statement_more(api, ada, configure):
    def log_in():
        api.request_email(ADA)
        code = sent_code()
        return record(lambda: api.exchange_email(ADA, code))

    configure(TWO_FACTOR=None)
    assert log_in() == (200, ["SELECT", "UPDATE", "INSERT"])
    configure(SESSIONS=None)
    assert log_in() == (200, ["SELECT", "UPDATE"])


def test_a_refresh_costs_two(api, ada):
    pair = api.log_in()
    assert record(lambda: api.refresh(pair["refresh"])) == (200, ["SELECT", "UPDATE"])
    assert record(lambda: api.refresh(pair["refresh"])) == (200, ["SELECT"])


def test_a_replay_costs_two(api, ada, clock):
    pair = api.log_in()
    api.refresh(pair["refresh"])
    clock(60)
    assert record(lambda: api.refresh(pair["refresh"])) == (401, ["SELECT", "DELETE"])
    assert record(lambda: api.refresh(pair["refresh"])) == (401, ["SELECT"])


def test_a_forged_token_costs_none(api, ada):
    token = api.log_in()["refresh"]
    forged = token[:-8] + token[:8]
    assert record(lambda: api.refresh(forged)) == (401, [])
    assert record(lambda: api.log_out(forged)) == (204, [])


def test_a_logout_costs_three(api, ada):
    token = api.log_in()["refresh"]
    assert record(lambda: api.log_out(token)) == (204, ["SELECT", "SELECT", "DELETE"])


def test_the_routes_of_the_list(api, ada):
    for _ in range(5):
        access = api.log_in()["access"]
    one = f"sessions/{claims(access)['sid']}/"
    read = ["SELECT", "SELECT"]  # the user and the session of the token
    assert record(lambda: api.send("GET", "sessions/", access=access)) == (200, [*read, "SELECT"])
    renamed = record(lambda: api.send("PATCH", one, {"name": "x"}, access))
    assert renamed == (200, [*read, "SELECT", "UPDATE"])
    assert record(lambda: api.send("DELETE", "sessions/others/", access=access)) == (204, [*read, "SELECT", "DELETE"])
    assert record(lambda: api.send("DELETE", one, access=access)) == (204, [*read, "SELECT", "DELETE"])
