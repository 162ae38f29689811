"""What each request costs the database: how many statements, and that none of them reads the whole table."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from jwt_drf_passwordless.models import PasswordlessChallengeToken
from tests.conftest import sent_code, sent_link_token, sent_sms_code

pytestmark = pytest.mark.django_db

IDENTIFIERS = {"email": "ada@example.com", "mobile": "+12015550123"}
#: Six characters, and no code of digits.
WRONG_CODE = "abcdef"
#: Turns a statement into the question how the database would run it, and finds a full scan in the answer.
EXPLAIN = {"sqlite": "EXPLAIN QUERY PLAN", "postgresql": "EXPLAIN", "mysql": "EXPLAIN"}
FULL_SCAN = {"sqlite": r"SCAN {}", "postgresql": r"Seq Scan on {}", "mysql": r"{} (?:None )?(?:ALL|index) "}
TABLE = PasswordlessChallengeToken._meta.db_table

every_method = pytest.mark.parametrize("method", ["email", "mobile"])
every_account = pytest.mark.parametrize("account", ["active", "unknown", "inactive", "staff"])


class Requester:
    """Requests and exchanges by one method; each returns the status and the statements that it took."""

    def __init__(self, api: Any, method: str) -> None:
        self.identifier = IDENTIFIERS[method]
        self._request = getattr(api, f"request_{method}")
        self._exchange = getattr(api, f"exchange_{method}")

    def request(self) -> tuple[int, list[str]]:
        return record(lambda: self._request(self.identifier))

    def exchange(self, token: str) -> tuple[int, list[str]]:
        return record(lambda: self._exchange(self.identifier, token))


def record(call: Callable[[], Any]) -> tuple[int, list[str]]:
    """The status of an answer, and the verbs of its statements without those of transactions."""
    with CaptureQueriesContext(connection) as queries:
        status = call().status_code
    verbs = [query["sql"].split()[0] for query in queries]
    return status, [verb for verb in verbs if verb in {"SELECT", "INSERT", "UPDATE", "DELETE"}]


@pytest.fixture
def person(make_user):
    """Make the account of a parameter `account`: `person("staff")`."""

    def make(account: str) -> None:
        fields = {"active": [{}], "unknown": [], "inactive": [{"is_active": False}], "staff": [{"staff": True}]}
        for extra in fields[account]:
            make_user(email=IDENTIFIERS["email"], phone=IDENTIFIERS["mobile"], **extra)

    return make


@pytest.fixture
def link(configure):
    configure(PASSWORDLESS_EMAIL_LOGIN_URL="https://app.example/login#token={token}")
    return sent_link_token


def fill_table() -> None:
    """Make 102,400 rows: a hundred, then doubled ten times by the database itself, which is fast."""
    now = timezone.now()
    for number in range(100):
        key = str(number)
        PasswordlessChallengeToken.objects.create(key=key, long_digest=key, expires_at=now, next_send_at=now)
    quote = connection.ops.quote_name
    columns = [quote(field.column) for field in PasswordlessChallengeToken._meta.concrete_fields[1:]]
    for round_number in range(1, 11):
        unique = f"CAST(id + {round_number * 10**9} AS CHAR(64))"
        values = [unique if column in (quote("key"), quote("long_digest")) else column for column in columns]
        statement = f"INSERT INTO {TABLE} ({', '.join(columns)}) SELECT {', '.join(values)} FROM {TABLE}"  # noqa: S608
        with connection.cursor() as cursor:
            cursor.execute(statement)


@every_method
@every_account
def test_a_first_request_takes_three_statements(api, person, method, account):
    person(account)

    assert Requester(api, method).request() == (200, ["SELECT", "SELECT", "INSERT"])


@every_method
@every_account
def test_a_later_request_takes_three_statements(api, person, configure, method, account):
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=0)
    person(account)
    Requester(api, method).request()

    assert Requester(api, method).request() == (200, ["SELECT", "SELECT", "UPDATE"])


@every_method
@every_account
def test_a_request_in_the_cooldown_takes_two_statements(api, person, method, account):
    person(account)
    Requester(api, method).request()

    assert Requester(api, method).request() == (429, ["SELECT", "SELECT"])


@every_method
@every_account
def test_a_wrong_code_takes_two_statements(api, person, method, account):
    person(account)
    Requester(api, method).request()

    assert Requester(api, method).exchange(WRONG_CODE) == (400, ["SELECT", "UPDATE"])


@every_method
@every_account
def test_a_code_that_nobody_asked_for_takes_two_statements(api, person, method, account):
    person(account)

    assert Requester(api, method).exchange(WRONG_CODE) == (400, ["SELECT", "UPDATE"])


@every_method
@every_account
def test_a_wrong_link_takes_two_statements(api, person, method, account):
    person(account)
    Requester(api, method).request()

    assert Requester(api, method).exchange("x" * 64) == (400, ["SELECT", "UPDATE"])


@pytest.mark.parametrize(("method", "code"), [("email", sent_code), ("mobile", sent_sms_code)])
def test_an_exchange_takes_two_statements(api, person, method, code):
    person("active")
    Requester(api, method).request()

    assert Requester(api, method).exchange(code()) == (200, ["SELECT", "UPDATE"])


def test_the_exchange_of_a_link_takes_two_statements(api, person, link):
    person("active")
    Requester(api, "email").request()

    assert record(lambda: api.post("exchange/", {"token": link()})) == (200, ["SELECT", "UPDATE"])


def test_a_second_use_takes_two_statements(api, person):
    person("active")
    Requester(api, "email").request()
    Requester(api, "email").exchange(sent_code())

    assert Requester(api, "email").exchange(sent_code()) == (400, ["SELECT", "UPDATE"])


def test_a_malformed_request_takes_no_statement(api):
    assert record(lambda: api.request_email("no address")) == (400, [])
    assert record(lambda: api.exchange_email("no address", WRONG_CODE)) == (400, [])


def test_update_last_login_takes_one_statement_more(api, person, settings):
    settings.SIMPLE_JWT = {"UPDATE_LAST_LOGIN": True}
    person("active")
    Requester(api, "email").request()

    assert Requester(api, "email").exchange(sent_code()) == (200, ["SELECT", "UPDATE", "UPDATE"])


def full_scans(call: Callable[[], object]) -> tuple[int, list[str]]:
    """How many statements on the challenge table a call makes, not counting INSERTs, and the plans of
    those that read all of it."""
    with CaptureQueriesContext(connection) as queries:
        call()
    statements = [query["sql"] for query in queries if re.match(r"(?!INSERT).*" + TABLE, query["sql"], re.DOTALL)]
    plans = []
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(f"{EXPLAIN[connection.vendor]} {statement}")
            plans.append("\n".join(" ".join(map(str, row)) for row in cursor.fetchall()))
    pattern = FULL_SCAN[connection.vendor].format(TABLE)
    return len(statements), [plan for plan in plans if re.search(pattern, plan)]


def test_a_hundred_thousand_open_challenges_change_nothing(api, person, configure, link):
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=0)
    person("active")
    fill_table()
    assert PasswordlessChallengeToken.objects.count() == 102_400
    email = Requester(api, "email")

    # The search for full scans finds one where there is one.
    assert full_scans(lambda: PasswordlessChallengeToken.objects.filter(nonce="x").count())[1] != []

    assert email.request() == (200, ["SELECT", "SELECT", "INSERT"])
    assert email.request() == (200, ["SELECT", "SELECT", "UPDATE"])
    assert email.exchange(WRONG_CODE) == (400, ["SELECT", "UPDATE"])
    assert email.exchange(sent_code()) == (200, ["SELECT", "UPDATE"])

    assert full_scans(email.request) == (2, [])
    assert full_scans(lambda: email.exchange(WRONG_CODE)) == (2, [])
    assert full_scans(lambda: email.exchange(sent_code())) == (2, [])
    email.request()
    assert full_scans(lambda: api.post("exchange/", {"token": link()})) == (2, [])

    configure(TOKEN_REQUEST_THROTTLE_SECONDS=60)
    email.request()
    assert email.request() == (429, ["SELECT", "SELECT"])
    assert len(mail.outbox) == 5
