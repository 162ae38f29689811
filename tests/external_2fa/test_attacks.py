"""What an adversary has tried against the codes of vendors and their webhooks. Each test was a hole once."""

import json
import logging
import time

import pytest
import time_machine
from django.dispatch import receiver

from jwt_drf_passwordless.conf import settings as package_settings
from jwt_drf_passwordless.external_2fa import (
    External2FAResult,
    InvalidSignature,
    PlivoVerifyProvider,
    VerificationStatus,
    VonageVerifyProvider,
    WebhookEvent,
    WebhookEventType,
    WebhookReply,
    breaker,
    verification_delivery_failed,
    verification_webhook_received,
)
from jwt_drf_passwordless.external_2fa.registry import find_entry
from jwt_drf_passwordless.external_2fa.services import VERIFIER
from jwt_drf_passwordless.http import seconds_left
from jwt_drf_passwordless.models import PasswordlessChallengeToken
from jwt_drf_passwordless.services import PasswordlessTokenService
from tests.external_2fa import test_plivo, test_sinch, test_telnyx
from tests.external_2fa.providers import ACCEPTED, CODE, PATH, SENT, WRONG_CODE, ScriptedProvider, event
from tests.external_2fa.test_webhooks import post, started
from tests.vendor_server import Answer

__all__ = ["post", "started"]

pytestmark = pytest.mark.django_db

PHONE = "+12015550123"
SECOND = {"provider": PATH, "name": "second"}
DOWN = External2FAResult(False, VerificationStatus.UNAVAILABLE)
SINCH = {
    "provider": "jwt_drf_passwordless.external_2fa.SinchVerificationProvider",
    "application_key": test_sinch.KEY,
    "application_secret": test_sinch.SECRET,
}


@pytest.fixture
def sinch(configure, vendor, make_user):
    """Sinch on this machine, with a code sent to the user's phone; may be escalated to a call."""
    with test_sinch.Sinch() as server:
        configure(EXTERNAL_2FA={**SINCH, "base_url": server.url, "escalate": ["sms", "call"]})
        make_user(phone=PHONE)
        yield server


@pytest.fixture
def resend(configure, external, vendor, api, make_user):
    """Request a code while that of a first request, by the first of two providers, is open."""
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=0)
    external(fallbacks=[SECOND])
    make_user(phone=PHONE)
    api.request_mobile(PHONE)
    vendor.asked.clear()
    return lambda: api.request_mobile(PHONE)


def times_sent(vendor):
    return [detail for _, action, _, detail in vendor.asked if action == "send"]


def test_a_cancel_that_hangs_leaves_each_provider_time_to_send(vendor, resend):
    allowed = {}

    def note(name, answer):
        allowed[name] = seconds_left()
        return answer

    vendor.answers = {
        ("first", "cancel"): lambda: note("cancel", DOWN),
        ("first", "send"): lambda: note("first", External2FAResult(False, VerificationStatus.RATE_LIMITED)),
        ("second", "send"): lambda: note("second", SENT),
    }
    resend()
    assert list(allowed) == ["cancel", "first", "second"]
    assert max(allowed.values()) <= 5


def test_a_provider_that_is_left_out_is_not_told_to_cancel(vendor, resend):
    for _ in range(5):
        breaker.failed("first")
    resend()
    assert vendor.actions() == [("second", "send")]


def test_only_the_provider_that_has_started_it_is_told_to_cancel(configure, external, vendor, api, make_user):
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=0)
    external(fallbacks=[SECOND])
    make_user(phone=PHONE)
    vendor.answers["first", "send"] = External2FAResult(False, VerificationStatus.RATE_LIMITED)
    api.request_mobile(PHONE)
    api.request_mobile(PHONE)
    assert [(name, id_) for name, action, _, id_ in vendor.asked if action == "cancel"] == [("second", "second-2")]


def test_a_check_ends_within_fifteen_seconds_whatever_the_provider_allows(external, vendor, started, api):
    allowed = []

    def check():
        allowed.append(seconds_left())
        return DOWN

    vendor.answers["first", "check"] = check
    api.exchange_mobile(PHONE, CODE)
    assert [14 < seconds <= 15 for seconds in allowed] == [True]


def test_an_old_code_does_not_redeem_the_challenge_that_replaces_it_meanwhile(vendor, resend, api):
    def check():
        resend()
        return ACCEPTED

    vendor.answers["first", "check"] = check
    assert api.exchange_mobile(PHONE, CODE).status_code == 400
    row = PasswordlessChallengeToken.objects.get()
    assert (row.uses, row.verification_id) == (0, "first-2")


def test_a_code_that_expires_while_the_vendor_thinks_comes_too_late(external, vendor, started, api):
    with time_machine.travel(time.time(), tick=False) as clock:

        def check():
            clock.shift(600)
            return ACCEPTED

        vendor.answers["first", "check"] = check
        assert api.exchange_mobile(PHONE, CODE).status_code == 400
    assert PasswordlessChallengeToken.objects.get().uses == 0


@pytest.mark.parametrize("escalate", [["sms", "call", "sms"], ["sms", "sms", "call", "call"]])
def test_a_channel_that_is_listed_twice_is_used_once(external, vendor, post, started, escalate):
    external(escalate=escalate)
    for number in range(1, 6):
        post(event("failed", f"event-{number}", verification_id=f"first-{number}"))
    assert times_sent(vendor) == ["sms", "call"]


def test_a_code_whose_tries_are_spent_is_not_sent_by_another_channel(external, vendor, post, started, api):
    external(escalate=["sms", "call"])
    for _ in range(5):
        api.exchange_mobile(PHONE, WRONG_CODE)
    assert post(event("failed", verification_id="first-1")).status_code == 200
    assert times_sent(vendor) == ["sms"]


def test_two_failures_of_one_message_told_at_once_are_one_message_more(external, vendor, post, started):
    external(escalate=["sms", "call", "whatsapp"])

    @receiver(verification_delivery_failed)
    def other_process(**kwargs):
        PasswordlessChallengeToken.objects.update(channel="call")

    try:
        assert post(event("failed", verification_id="first-1")).status_code == 200
    finally:
        verification_delivery_failed.disconnect(other_process)
    assert times_sent(vendor) == ["sms"]


@pytest.mark.parametrize(("reason", "sends"), [("Fraud", 1), ("SMS delivery failure", 2)])
def test_a_number_that_the_vendor_has_refused_gets_no_call_either(sinch, api, client, reason, sends):
    api.request_mobile(PHONE)
    (number,) = sinch.numbers
    body = json.dumps(
        {"id": number, "event": "VerificationResultEvent", "method": "sms", "status": "FAIL", "reason": reason}
    ).encode()
    path, now = "/passwordless/external/webhook/", test_sinch.iso(time.time())
    mac = test_sinch.signature(test_sinch.SECRET, "POST", body, "application/json", now, path)
    headers = {"authorization": f"application {test_sinch.KEY}:{mac}", "x-timestamp": now}
    answer = client.post(path, body, content_type="application/json", headers=headers)
    assert answer.status_code == 200
    assert [request.verb for request in sinch.requests].count("POST") == sends


@pytest.mark.parametrize(("status", "is_at_fault"), [("blocked", True), ("failed", False), ("rejected", False)])
def test_a_number_that_vonage_has_blocked_is_at_fault(status, is_at_fault):
    told = VonageVerifyProvider(brand="b").parse_webhook({"request_id": "r", "status": status})
    assert (told.event_type, told.number_at_fault) == (WebhookEventType.FAILED, is_at_fault)


def test_thousands_of_signatures_are_not_looked_at():
    headers, url = test_plivo.TestPlivo().sign(test_plivo.TestPlivo.webhook, 0)
    provider = PlivoVerifyProvider(test_plivo.ACCOUNT, "token1", test_plivo.APP)
    right = headers["X-Plivo-Signature-V3"]
    headers["X-Plivo-Signature-V3"] = "x," * 9 + right
    assert provider.handle_webhook(test_plivo.TestPlivo.webhook, headers, url).events
    headers["X-Plivo-Signature-V3"] = "x," * 10 + right
    with pytest.raises(InvalidSignature):
        provider.handle_webhook(test_plivo.TestPlivo.webhook, headers, url)


def test_the_number_in_a_vendors_url_is_not_logged_at_any_level(sinch, api, caplog):
    caplog.set_level(logging.DEBUG)
    api.request_mobile(PHONE)
    assert api.exchange_mobile(PHONE, sinch.code).status_code == 200
    assert PHONE in sinch.requests[-1].path
    assert PHONE[1:] not in caplog.text


def test_the_projects_own_requests_are_logged_as_ever(caplog):
    caplog.set_level(logging.DEBUG)
    logging.getLogger("urllib3.connectionpool").debug("a request of the project")
    assert "a request of the project" in caplog.text


@pytest.mark.parametrize("code", [f"{PHONE}\nforged", f"no way to {PHONE}", PHONE[1:], f"to:{PHONE[1:]}"])
def test_what_a_provider_calls_a_code_forges_no_log_line_and_tells_no_number(
    external, vendor, api, make_user, caplog, code
):
    make_user(phone=PHONE)
    vendor.answers["first", "send"] = External2FAResult(False, VerificationStatus.ERROR, error_code=code)
    api.request_mobile(PHONE)
    assert "status=error error_code=\n" in caplog.text
    assert PHONE[1:] not in caplog.text


def test_a_wrong_code_is_no_failure_of_the_vendor(external, started, api, caplog):
    assert api.exchange_mobile(PHONE, WRONG_CODE).status_code == 400
    assert "token_refused" in caplog.text
    assert "provider_failed" not in caplog.text


def test_an_error_code_that_is_a_number_is_told(external, vendor, api, make_user, caplog):
    make_user(phone=PHONE)
    vendor.answers["first", "send"] = External2FAResult(False, VerificationStatus.ERROR, error_code=60200)
    api.request_mobile(PHONE)
    assert "error_code=60200" in caplog.text


def test_what_a_debugger_shows_of_a_delivery_has_no_keys_and_no_number(external, started):
    external(alias="first", name="KEY0123")
    challenge = PasswordlessChallengeToken.objects.get()
    shown = repr([find_entry(), VERIFIER.message(challenge, "sms", None)])
    assert "KEY0123" in repr(find_entry().config)
    assert "config" not in shown
    assert PHONE not in shown


def test_the_service_answers_none_while_no_vendor_can_be_asked(external, vendor):
    for _ in range(5):
        breaker.failed("first")
    assert PasswordlessTokenService.check_token(CODE, package_settings.MOBILE_FIELD_NAME, PHONE) is None


def test_a_send_without_an_id_is_no_success():
    with test_telnyx.Telnyx() as telnyx:
        provider = test_telnyx.TelnyxVerifyProvider("KEY0123", test_telnyx.PROFILE, base_url=f"{telnyx.url}/v2")
        telnyx.instead = Answer(200, {"data": {"phone_number": PHONE}})
        result = provider.send_verification(PHONE)
    assert (result.success, result.status) == (False, VerificationStatus.UNAVAILABLE)


@pytest.mark.parametrize("code", ["", "1 2", "１２３４５６", "482915\n", "../..", "9" * 21])
def test_what_can_be_no_code_is_not_sent_to_the_vendor(code):
    with test_telnyx.Telnyx() as telnyx:
        provider = test_telnyx.TelnyxVerifyProvider("KEY0123", test_telnyx.PROFILE, base_url=f"{telnyx.url}/v2")
        assert provider.verify_code(PHONE, code).status is VerificationStatus.REJECTED
        assert telnyx.requests == []


@pytest.mark.parametrize("strange", ["\n", " ", "-", "!"])
def test_a_signature_of_telnyx_is_strict_base64(strange):
    contract = test_telnyx.TestTelnyx()
    headers, url = contract.sign(contract.webhook, int(time.time()))
    headers["telnyx-signature-ed25519"] = strange + headers["telnyx-signature-ed25519"]
    provider = test_telnyx.TelnyxVerifyProvider("KEY", "p", webhook_public_key=test_telnyx.PUBLIC_KEY)
    with pytest.raises(InvalidSignature):
        provider.handle_webhook(contract.webhook, headers, url)


class TwoEvents(ScriptedProvider):
    """A vendor that tells several things at once."""

    def handle_webhook(self, body, headers, url):
        return WebhookReply([WebhookEvent(WebhookEventType.SENT, event_id) for event_id in ("first", "second")])


def test_a_receiver_that_fails_for_one_event_keeps_no_other_from_being_told(external, post):
    told = []

    @receiver(verification_webhook_received)
    def failing(event, **kwargs):
        told.append(event.event_id)
        if told == ["first"]:
            raise RuntimeError

    external(provider=f"{__name__}.TwoEvents")
    try:
        assert [post(b"{}").status_code for _ in range(2)] == [500, 200]
    finally:
        verification_webhook_received.disconnect(failing)
    assert told == ["first", "second", "first"]


def test_failures_that_are_a_minute_apart_leave_nobody_out(external, vendor):
    with time_machine.travel(time.time(), tick=False) as clock:
        for _ in range(9):
            breaker.failed("first")
            clock.shift(16)
            assert not breaker.is_open("first")


def test_the_case_of_a_content_type_does_not_matter(post):
    assert post(event("sent"), content_type="Application/JSON; charset=utf-8").status_code == 200


def test_the_number_of_a_code_that_has_expired_is_not_told(post, started):
    told = []

    @receiver(verification_webhook_received)
    def hear(event, **kwargs):
        told.append(event.phone_number)

    try:
        with time_machine.travel(time.time() + 601):
            post(event("sent", verification_id="first-1"))
    finally:
        verification_webhook_received.disconnect(hear)
    assert told == [None]
