"""What every change of a factor causes: sessions, tickets and trust end, and all of it is told with its request."""

import pytest
from django.dispatch import receiver

from jwt_drf_passwordless.models import PasswordlessChallengeToken
from jwt_drf_passwordless.sessions.signals import sessions_ended
from jwt_drf_passwordless.sms import PasswordlessRequestSMS
from jwt_drf_passwordless.two_factor import signals
from jwt_drf_passwordless.two_factor.eligibility import has_factor
from tests.conftest import sent_sms_code
from tests.two_factor.conftest import PHONE
from tests.two_factor.test_login import BAD_TICKET, INVALID, outcome
from tests.two_factor.test_several_factors import PHONE_FACTOR
from tests.two_factor.test_totp import RECOVERY, TOTP, begin, code_of, confirm

pytestmark = pytest.mark.django_db

EVENTS = (
    sessions_ended,
    signals.trusted_devices_removed,
    signals.factor_added,
    signals.factor_removed,
    signals.second_factor_changed,
)


@pytest.fixture(autouse=True)
def _all_kinds(configure, two_factor):
    configure(SESSIONS={})
    two_factor(factors=[PHONE_FACTOR, TOTP, RECOVERY], trusted_device_days=30)


@pytest.fixture
def told():
    """What was told: name, field, user, subject, path of the request, reason."""
    facts = []

    @receiver(EVENTS)
    def hear(signal, field, user, subject, request, reason=None, **kwargs):
        facts.append((signal.name, field, user, subject, request and request.path, reason))

    yield facts
    for event in EVENTS:
        event.disconnect(hear)


def codes(api, user, access):
    assert api.call("2fa/factors/recovery_code/", access=access).status_code == 201
    return "recovery_code", "***", "/api/2fa/factors/recovery_code/"


def app(api, user, access):
    secret = begin(api, access).json()["secret"]
    assert confirm(api, access, code_of(secret)).status_code == 201
    return "totp", "***", "/api/2fa/factors/totp/confirm/"


def removal(api, user, access):
    assert api.send("DELETE", "2fa/phone/", access=access).status_code == 204
    return "phone", "***99", "/api/2fa/phone/"


@pytest.mark.parametrize("change", [codes, app, removal])
def test_other_sessions_and_the_trust_in_devices_end_and_all_is_told_with_the_request(api, grace, told, change):
    body = {"ticket": api.ticket(grace), "token": sent_sms_code(), "trust_device": True}
    other = api.call("2fa/token-verify/", body).json()
    mine = api.pair(grace)
    told.clear()
    field, subject, path = change(api, grace, mine["access"])
    assert told == [
        ("sessions_ended", "", grace, "***", path, "factor_changed"),
        ("trusted_devices_removed", "trusted_device", grace, "***", path, None),
        (f"factor_{'removed' if change is removal else 'added'}", field, grace, subject, path, None),
        ("second_factor_changed", field, grace, subject, path, None),
    ]
    refreshed = [api.call("token/refresh/", {"refresh": pair["refresh"]}).status_code for pair in (mine, other)]
    assert refreshed == [200, 401]


@pytest.mark.parametrize("change", [codes, app])
def test_open_tickets_of_logins_and_step_ups_end(api, grace, change):
    access = api.pair(grace)["access"]
    login = api.ticket(grace), sent_sms_code()
    step_up = api.call("2fa/step-up/", access=access).json()["ticket"], sent_sms_code()
    change(api, grace, access)
    assert [outcome(api.verify(ticket, code)) for ticket, code in (login, step_up)] == [BAD_TICKET] * 2


def test_what_sends_nothing_can_be_begun_anew_at_once(api, ada, configure):
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=60)
    access = api.pair(ada)["access"]
    assert [begin(api, access).status_code for _ in range(3)] == [200] * 3


def test_what_was_begun_goes_with_its_user(api, ada):
    begin(api, api.pair(ada)["access"])
    row = PasswordlessChallengeToken.objects.get(purpose="enrol_totp")
    assert (row.user_id, row.short_digest, row.long_digest) == (ada.pk, "", None)


def test_what_was_not_begun_is_refused_with_its_reason(api, ada, caplog):
    caplog.set_level("INFO", logger="jwt_drf_passwordless.events")
    assert outcome(confirm(api, api.pair(ada)["access"], "123456")) == INVALID
    assert [line.reason for line in caplog.records if getattr(line, "event", "") == "token_refused"] == ["unknown"]


def test_a_session_that_has_stepped_up_ends_with_its_user_and_request(api, grace, told):
    access = api.pair(grace)["access"]
    ticket = api.call("2fa/step-up/", access=access).json()["ticket"]
    told.clear()
    assert api.verify(ticket, sent_sms_code()).status_code == 200
    assert told == [("sessions_ended", "", grace, "***", "/api/2fa/token-verify/", "step_up")]


def test_a_phone_in_the_list_has_the_keys_of_every_factor(api, grace):
    (entry,) = api.send("GET", "2fa/factors/", access=api.pair(grace)["access"]).json()["factors"]
    assert entry.keys() == {"id", "method", "name", "phone", "created_at", "last_used_at"}
    assert (entry["phone"], entry["last_used_at"]) == (f"***{PHONE[-2:]}", None)


def test_a_recovery_code_steps_up_a_session_of_two_factors(api, grace):
    access = api.pair(grace)["access"]
    codes(api, grace, access)
    assert api.call("2fa/step-up/", access=access).json()["methods"] == ["phone", "recovery_code"]


def test_a_step_up_ends_with_its_session(api, grace):
    pair = api.pair(grace)
    ticket = api.call("2fa/step-up/", access=pair["access"]).json()["ticket"]
    api.call("token/logout/", {"refresh": pair["refresh"]})
    assert outcome(api.verify(ticket, sent_sms_code())) == BAD_TICKET


CONTEXTS = []


class Request(PasswordlessRequestSMS):
    def __init__(self, request, context=None):
        CONTEXTS.append({name: value for name, value in context.items() if name != "short_token"})
        super().__init__(request, context)


def test_the_context_of_a_code_is_that_of_a_login_without_a_link(api, grace, configure):
    CONTEXTS.clear()
    configure(SMS_SENDERS={"passwordless_request": f"{__name__}.Request"}, LANGUAGE_FOR_USER=lambda user: "fr")
    api.token(grace)
    expected = {"user": grace, "language": "fr", "purpose": "second_factor", "lifetime_minutes": 5, "token": ""}
    assert CONTEXTS == [expected]


def test_a_factor_that_is_broken_is_none_that_is_missing(grace):
    grace.jwt_drf_passwordless_phone.confirmed_at = None
    grace.jwt_drf_passwordless_phone.save()
    assert has_factor(grace)


def test_a_code_that_is_sent_is_told_of_the_phone_masked(api, grace, caplog):
    caplog.set_level("INFO", logger="jwt_drf_passwordless.events")
    api.token(grace)
    (line,) = [line for line in caplog.records if getattr(line, "event", "") == "token_sent"]
    assert (line.field, line.subject) == ("phone", "***99")


def test_a_device_was_used_last_when_it_was_trusted(api, grace):
    body = {"ticket": api.ticket(grace), "token": sent_sms_code(), "trust_device": True}
    access = api.call("2fa/token-verify/", body).json()["access"]
    (device,) = api.send("GET", "2fa/trusted-devices/", access=access).json()
    assert device["last_used_at"] == device["created_at"]
