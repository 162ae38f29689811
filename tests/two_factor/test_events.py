"""What the signals of a second step tell of the request."""

import time

import pytest
import time_machine
from django.dispatch import receiver

from jwt_drf_passwordless.models import PasswordlessChallengeToken
from jwt_drf_passwordless.signals import token_refused, token_send_failed, token_throttled
from jwt_drf_passwordless.sms import PasswordlessRequestSMS
from jwt_drf_passwordless.two_factor.signals import factor_removed, factor_used, second_factor_changed
from tests.conftest import sent_sms_code
from tests.test_interleaving import meanwhile
from tests.two_factor.conftest import OTHER_PHONE, PHONE, WRONG

pytestmark = pytest.mark.django_db

VERIFY = "/api/2fa/token-verify/"


@pytest.fixture
def told():
    """What was told: signal, factor, user and the path of the request."""
    facts = []

    @receiver([token_refused, factor_used])
    def hear(signal, field, user, request, **kwargs):
        facts.append((signal.name, field, user, request and request.path))

    yield facts
    for signal in (token_refused, factor_used):
        signal.disconnect(hear)


def test_codes_for_a_ticket_are_told_with_the_request(api, grace, told):
    ticket = api.ticket(grace)
    api.verify(ticket, sent_sms_code().translate(WRONG))
    api.verify(ticket, sent_sms_code())
    assert told == [("token_refused", "phone", grace, VERIFY), ("factor_used", "phone", grace, VERIFY)]


def test_codes_with_the_password_are_told_with_the_request(api, grace, told):
    api.token(grace)
    for code in (sent_sms_code().translate(WRONG), sent_sms_code()):
        api.call("2fa/token-verify/", {**api.credentials(grace), "token": code})
    assert told == [("token_refused", "phone", grace, VERIFY), ("factor_used", "phone", grace, VERIFY)]


def test_a_code_that_nothing_has_asked_for_is_told_with_the_request(api, grace, told):
    answer = api.call("2fa/token-verify/", {**api.credentials(grace), "token": "123456"})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_credentials")
    assert told == [("token_refused", "phone", grace, VERIFY)]


def test_a_factor_that_the_user_has_not_is_told_with_the_request(api, grace, told, caplog):
    caplog.set_level("INFO", logger="jwt_drf_passwordless.events")
    answer = api.call("2fa/token-verify/", {"ticket": api.ticket(grace), "token": "123456", "method": "totp"})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_credentials")
    assert told == [("token_refused", "", grace, VERIFY)]
    assert [line.reason for line in caplog.records if hasattr(line, "reason")] == ["unknown"]


def test_a_factor_that_the_user_has_not_is_told_with_the_request_of_a_password_too(api, grace, told):
    body = {**api.credentials(grace), "token": "123456", "method": "totp"}
    assert api.call("2fa/token-verify/", body).status_code == 400
    assert told == [("token_refused", "", grace, VERIFY)]


def test_a_factor_that_the_user_has_not_is_told_with_the_request_of_a_removal_too(api, grace, told):
    access = api.pair(grace)["access"]
    told.clear()
    assert api.send("DELETE", "2fa/phone/", {"token": "123456", "method": "totp"}, access).status_code == 400
    assert told == [("token_refused", "", grace, "/api/2fa/phone/")]


def test_a_factor_that_the_user_has_not_is_told_with_the_request_of_a_resend_too(api, grace, told):
    assert api.call("2fa/resend/", {"ticket": api.ticket(grace), "method": "totp"}).status_code == 400
    assert told == [("token_refused", "", grace, "/api/2fa/resend/")]


def test_a_ticket_that_is_used_or_none_is_told(api, grace, told):
    ticket = api.ticket(grace)
    api.verify(ticket, sent_sms_code())
    told.clear()
    for bad in (ticket, "x"):
        assert api.verify(bad, "123456").status_code == 401
        assert api.call("2fa/resend/", {"ticket": bad}).status_code == 401
    assert told == [("token_refused", "", None, f"/api/2fa/{route}/") for route in ["token-verify", "resend"] * 2]


def test_a_wait_is_told_with_the_request(api, ada, grace, configure):
    told = []

    @receiver(token_throttled)
    def hear(field, user, subject, request, wait, **kwargs):
        told.append((field, user, subject, request.path, wait))

    configure(TOKEN_REQUEST_THROTTLE_SECONDS=60)
    try:
        with time_machine.travel(time.time(), tick=False):
            access = api.pair(ada)["access"]
            for _ in range(2):
                answer = api.call("2fa/phone-verify/", {"authy_phone": OTHER_PHONE}, access)
            assert answer.status_code == 429
            assert api.call("2fa/resend/", {"ticket": api.ticket(grace)}).status_code == 429
    finally:
        token_throttled.disconnect(hear)
    assert told == [
        ("phone", ada, "***77", "/api/2fa/phone-verify/", 60),
        ("phone", grace, "***", "/api/2fa/resend/", 60),
    ]


def test_codes_with_a_removal_are_told_with_the_request(api, grace, told):
    access = api.pair(grace)["access"]
    api.call("2fa/step-up/", access=access)
    told.clear()
    for code in (sent_sms_code().translate(WRONG), sent_sms_code()):
        api.send("DELETE", "2fa/phone/", {"token": code}, access)
    path = "/api/2fa/phone/"
    assert told == [("token_refused", "phone", grace, path), ("factor_used", "phone", grace, path)]


def test_a_removal_is_told_with_the_request(api, grace):
    told = []

    @receiver([factor_removed, second_factor_changed])
    def hear(signal, user, request, **kwargs):
        told.append((signal.name, user, request.path))

    try:
        api.send("DELETE", "2fa/phone/", access=api.pair(grace)["access"])
    finally:
        factor_removed.disconnect(hear)
        second_factor_changed.disconnect(hear)
    assert told == [(name, grace, "/api/2fa/phone/") for name in ("factor_removed", "second_factor_changed")]


@pytest.mark.parametrize(("number", "code"), [(PHONE, WRONG), (OTHER_PHONE, {})])
def test_a_refused_enrolment_is_told_with_the_request(api, ada, told, number, code):
    access = api.pair(ada)["access"]
    api.call("2fa/phone-verify/", {"authy_phone": PHONE}, access)
    body = {"authy_phone": number, "token": sent_sms_code().translate(code)}
    api.call("2fa/phone-register/", body, access)
    assert told == [("token_refused", "phone", ada, "/api/2fa/phone-register/")]


def test_a_code_that_cannot_be_sent_is_told_with_user_and_request(api, ada, grace, two_factor):
    two_factor(phone={"provider": "tests.two_factor.test_every_first_factor.DeafProvider"})
    access = api.pair(ada)["access"]
    told = []

    @receiver(token_send_failed)
    def hear(field, user, subject, request, error, **kwargs):
        told.append((field, user, subject, request and request.path, error))

    try:
        api.call("2fa/phone-verify/", {"authy_phone": OTHER_PHONE}, access)
        api.token(grace)
    finally:
        token_send_failed.disconnect(hear)
    assert told == [
        ("phone", ada, "***77", "/api/2fa/phone-verify/", "OSError"),
        ("phone", None, "***99", None, "OSError"),
    ]


class RequestSMS(PasswordlessRequestSMS):
    """A project's own: its message may say where it was asked for."""

    paths: list[str] = []

    def __init__(self, request, context=None):
        self.paths.append(request.path)
        super().__init__(request, context)


def test_the_class_of_a_project_that_makes_the_text_is_given_the_request(api, ada, grace, configure):
    configure(SMS_SENDERS={"passwordless_request": f"{__name__}.RequestSMS"})
    access = api.pair(ada)["access"]
    RequestSMS.paths.clear()
    api.call("2fa/phone-verify/", {"authy_phone": OTHER_PHONE}, access)
    ticket = api.ticket(grace)
    api.call("2fa/resend/", {"ticket": ticket})
    assert RequestSMS.paths == ["/api/2fa/phone-verify/", "/api/token/", "/api/2fa/resend/"]


@pytest.fixture
def reasons():
    """Why proofs were refused."""
    found = []

    @receiver(token_refused)
    def hear(reason, **kwargs):
        found.append(reason)

    yield found
    token_refused.disconnect(hear)


def prove(api, user, code):
    """A second step by the password once more, which asks for no new code."""
    return api.call("2fa/token-verify/", {**api.credentials(user), "token": code})


def test_wrong_codes_are_told_to_be_wrong_and_then_too_many(api, grace, reasons):
    api.token(grace)
    for _ in range(6):
        prove(api, grace, sent_sms_code().translate(WRONG))
    assert reasons == ["wrong"] * 5 + ["too_many_tries"]


def test_a_used_code_is_told_to_be_used(api, grace, reasons):
    api.token(grace)
    for _ in range(2):
        prove(api, grace, sent_sms_code())
    assert reasons == ["used"]


def test_an_old_code_is_told_to_be_expired(api, grace, reasons):
    api.token(grace)
    with time_machine.travel(time.time() + 601):
        prove(api, grace, sent_sms_code())
    assert reasons == ["expired"]


def test_a_code_that_another_one_replaces_meanwhile_is_told_to_be_late_and_costs_that_one_no_try(api, grace, reasons):
    api.token(grace)
    with meanwhile("UPDATE", lambda: PasswordlessChallengeToken.objects.update(nonce="of the next one")):
        prove(api, grace, sent_sms_code())
    assert reasons == ["raced"]
    assert PasswordlessChallengeToken.objects.get().tries == 0
