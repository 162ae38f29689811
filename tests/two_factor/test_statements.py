"""What each step costs the database."""

import pytest

from jwt_drf_passwordless.models import PasswordlessChallengeToken
from tests.conftest import sent_code, sent_sms_code
from tests.test_statements import record
from tests.two_factor.conftest import OTHER_PHONE, PHONE

pytestmark = pytest.mark.django_db


def test_a_login_without_a_factor_costs_one_statement_more(api, ada, configure):
    with_it = record(lambda: api.token(ada))
    configure(TWO_FACTOR=None)
    api.request_email("ada@example.com")
    code = sent_code()
    without = record(lambda: api.exchange_email("ada@example.com", code))
    configure(TWO_FACTOR={})
    api.request_email("ada@example.com")
    code = sent_code()
    exchange = record(lambda: api.exchange_email("ada@example.com", code))
    assert with_it == (200, ["SELECT", "SELECT"])
    assert without == (200, ["SELECT", "UPDATE"])
    assert exchange == (200, ["SELECT", "UPDATE", "SELECT"])


def test_a_login_with_a_factor(api, grace):
    assert record(lambda: api.token(grace)) == (206, ["SELECT", "SELECT", "SELECT", "INSERT"])
    assert record(lambda: api.token(grace)) == (206, ["SELECT", "SELECT", "SELECT", "UPDATE"])


def test_a_login_within_the_wait(api, grace, configure):
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=60)
    api.token(grace)
    assert record(lambda: api.token(grace)) == (206, ["SELECT", "SELECT", "SELECT", "SELECT", "UPDATE"])


def test_a_ticket_with_its_code(api, grace):
    ticket = api.ticket(grace)
    assert record(lambda: api.verify(ticket, "000000x")) == (400, ["SELECT", "SELECT", "UPDATE"])
    assert record(lambda: api.verify(ticket, sent_sms_code())) == (200, ["SELECT", "SELECT", "UPDATE", "UPDATE"])


def test_a_ticket_that_is_forged_costs_none(api, grace):
    ticket = api.ticket(grace)
    assert record(lambda: api.verify(ticket[:-1], sent_sms_code())) == (401, [])


def test_a_resend(api, grace):
    ticket = api.ticket(grace)
    assert record(lambda: api.call("2fa/resend/", {"ticket": ticket})) == (204, ["SELECT", "SELECT", "UPDATE"])


def test_an_enrolment(api, ada):
    access = api.pair(ada)["access"]
    body = {"authy_phone": PHONE}
    asked = record(lambda: api.call("2fa/phone-verify/", body, access))
    assert asked == (204, ["SELECT", "SELECT", "SELECT", "SELECT", "INSERT", "INSERT"])
    registered = record(lambda: api.call("2fa/phone-register/", {**body, "token": sent_sms_code()}, access))
    assert registered == (
        204,
        ["SELECT", "SELECT", "SELECT", "UPDATE", "UPDATE", "INSERT", "SELECT", "UPDATE", "DELETE"],
    )


def test_a_replacement(api, grace):
    access = api.pair(grace)["access"]
    body = {"authy_phone": OTHER_PHONE}
    api.call("2fa/phone-verify/", body, access)
    replaced = record(lambda: api.call("2fa/phone-register/", {**body, "token": sent_sms_code()}, access))
    assert replaced == (204, ["SELECT", "SELECT", "SELECT", "UPDATE", "UPDATE", "UPDATE", "SELECT", "UPDATE", "DELETE"])


def test_the_table_grows_with_the_users_and_not_with_the_logins(api, grace):
    for _ in range(5):
        api.pair(grace)
    assert PasswordlessChallengeToken.objects.count() == 1
