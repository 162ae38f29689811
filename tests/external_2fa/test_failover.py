"""Several providers: who is asked when the first one fails, who is left out, and what is told of it."""

import logging
import time

import pytest
import time_machine
from django.core.cache.backends.base import BaseCache
from django.dispatch import receiver

from jwt_drf_passwordless import delivery, signals
from jwt_drf_passwordless.conf import settings as package_settings
from jwt_drf_passwordless.external_2fa import External2FAResult, VerificationStatus
from jwt_drf_passwordless.external_2fa import signals as provider_signals
from jwt_drf_passwordless.models import PasswordlessChallengeToken
from tests.external_2fa.providers import CODE, PATH, WRONG_CODE
from tests.test_statements import record

pytestmark = pytest.mark.django_db

PHONE = "+12015550123"
SECOND = {"provider": PATH, "name": "second"}
DOWN = External2FAResult(False, VerificationStatus.UNAVAILABLE, error_code="no_answer")


@pytest.fixture
def two(external):
    external(fallbacks=[SECOND])


@pytest.fixture
def ask(api, make_user, configure):
    """Request for a user who exists, without cooldown."""
    make_user(phone=PHONE)
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=0)

    def request(**body):
        return api.post("request/mobile/", {package_settings.MOBILE_FIELD_NAME: PHONE, **body})

    return request


@pytest.fixture
def told():
    """What the signals have told, in order: their names and facts."""
    facts = []
    everything = [
        signals.token_sent,
        signals.token_send_failed,
        provider_signals.verification_started,
        provider_signals.provider_failed,
    ]

    @receiver(everything)
    def hear(signal, **kwargs):
        names = ("provider", "channel", "action", "status", "error_code", "error")
        facts.append((signal.name, *(kwargs[name] for name in names if name in kwargs)))

    yield facts
    for signal in everything:
        signal.disconnect(hear)


@pytest.mark.parametrize(
    "status",
    [
        VerificationStatus.UNAVAILABLE,
        VerificationStatus.RATE_LIMITED,
        VerificationStatus.MISCONFIGURED,
        VerificationStatus.UNSUPPORTED_CHANNEL,
    ],
)
def test_the_code_arrives_by_the_second_provider_within_one_delivery(two, vendor, ask, api, told, status):
    vendor.answers["first", "send"] = External2FAResult(False, status, error_code="e1")
    assert ask().status_code == 200
    assert vendor.actions()[:2] == [("first", "send"), ("second", "send")]
    row = PasswordlessChallengeToken.objects.get()
    assert (row.provider, row.verification_id) == ("second", "second-2")
    assert told == [
        ("provider_failed", "first", "send", status.value, "e1"),
        ("verification_started", "second", "sms"),
        ("token_sent",),
    ]

    assert api.exchange_mobile(PHONE, CODE).status_code == 200
    assert vendor.asked[-1] == ("second", "check", PHONE, "second-2")


@pytest.mark.parametrize(
    "status", [VerificationStatus.INVALID_NUMBER, VerificationStatus.BLOCKED, VerificationStatus.ERROR]
)
def test_nobody_else_is_asked_when_the_number_is_at_fault(two, vendor, ask, told, status):
    vendor.answers["first", "send"] = External2FAResult(False, status)
    assert ask().status_code == 200
    assert vendor.actions() == [("first", "send")]
    assert told[-1] == ("token_send_failed", "NotStarted")


def test_a_provider_that_may_have_started_all_the_same_is_told_to_stop(two, vendor, ask):
    vendor.answers["first", "send"] = DOWN
    ask()
    assert vendor.asked[2:] == [("first", "cancel", PHONE, "")]


def test_a_provider_that_said_no_is_not_told_to_stop(two, vendor, ask):
    vendor.answers["first", "send"] = External2FAResult(False, VerificationStatus.RATE_LIMITED)
    ask()
    assert vendor.actions() == [("first", "send"), ("second", "send")]


def test_a_provider_that_has_not_the_channel_or_lacks_options_is_passed_over(external, vendor, ask, told):
    external(
        fallbacks=[
            {**SECOND, "channels": ["sms"]},
            {**SECOND, "name": "third", "configured": False},
            {**SECOND, "name": "fourth"},
        ]
    )
    vendor.answers["first", "send"] = DOWN
    ask(method="call")
    assert [name for name, _, _, detail in vendor.asked if detail == "call"] == ["first", "fourth"]
    assert told[1:3] == [
        ("provider_failed", "second", "send", "unsupported_channel", ""),
        ("provider_failed", "third", "send", "misconfigured", "skipped"),
    ]


def test_with_all_down_the_answer_is_the_same_and_the_failure_is_told(two, vendor, ask, told):
    vendor.answers = {("first", "send"): DOWN, ("second", "send"): lambda: 1 / 0}
    assert ask().status_code == 200
    assert told == [
        ("provider_failed", "first", "send", "unavailable", "no_answer"),
        ("provider_failed", "second", "send", "unavailable", "ZeroDivisionError"),
        ("token_send_failed", "NotStarted"),
    ]


def test_a_provider_that_keeps_failing_is_left_out_for_a_minute(two, vendor, ask, told):
    vendor.answers["first", "send"] = DOWN
    with time_machine.travel(time.time(), tick=False) as clock:
        for _ in range(5):
            ask()
        vendor.asked.clear()
        told.clear()
        ask()
        assert ("first", "send") not in vendor.actions()
        assert told[0] == ("provider_failed", "first", "send", "misconfigured", "skipped")
        clock.shift(61)
        ask()
        assert ("first", "send") in vendor.actions()


def test_failures_with_a_success_between_them_leave_nobody_out(two, vendor, ask):
    for _ in range(3):
        vendor.answers["first", "send"] = DOWN
        for _ in range(4):
            ask()
        del vendor.answers["first", "send"]
        ask()
    assert vendor.actions()[-1] == ("first", "send")


def test_codes_that_make_a_provider_fail_leave_nobody_out(two, vendor, ask, api):
    vendor.answers["first", "check"] = lambda: 1 / 0
    for _ in range(2):
        ask()
        for _ in range(5):
            assert api.exchange_mobile(PHONE, "111111").status_code == 400
    ask()
    assert vendor.actions()[-1] == ("first", "send")


def test_numbers_that_a_vendor_refuses_leave_nobody_out(two, vendor, ask):
    vendor.answers["first", "send"] = External2FAResult(False, VerificationStatus.INVALID_NUMBER)
    for _ in range(6):
        ask()
    assert vendor.actions()[-1] == ("first", "send")


def test_with_everybody_left_out_the_answer_is_a_503_before_any_user_is_looked_up(external, vendor, ask, api):
    vendor.answers["first", "send"] = DOWN
    for _ in range(5):
        ask()
    status, statements = record(ask)
    assert (status, statements) == (503, [])
    answer = api.exchange_mobile("+12015550199", CODE)
    assert (answer.status_code, answer.json()["code"]) == (503, "provider_unavailable")
    assert answer.json()["detail"] == "The service that sends codes cannot be reached. Please try again later."


def test_a_provider_without_its_options_answers_503(external, vendor, ask):
    external(configured=False)
    assert ask().status_code == 503


class BrokenCache(BaseCache):
    """A cache whose server is gone."""

    def __init__(self, location, params):
        super().__init__(params)

    def get(self, *args, **kwargs):
        raise ConnectionError("secret://password@cache")

    add = delete = get

    def clear(self):
        pass


def test_a_cache_that_is_gone_does_not_keep_codes_back(settings, two, vendor, ask, caplog):
    settings.CACHES = {"default": {"BACKEND": f"{__name__}.BrokenCache"}}
    vendor.answers["first", "send"] = DOWN
    assert ask().status_code == 200
    assert ("second", "send") in vendor.actions()
    assert "secret://" not in caplog.text


def test_the_failures_are_logged_as_warnings_without_the_number(two, vendor, ask, caplog):
    vendor.answers["first", "send"] = External2FAResult(False, VerificationStatus.RATE_LIMITED, error_code="429")
    ask()
    (line,) = [record for record in caplog.records if getattr(record, "event", "") == "provider_failed"]
    assert line.levelno == logging.WARNING
    assert (line.field, line.provider, line.action, line.status, line.error_code, line.subject) == (
        package_settings.MOBILE_FIELD_NAME,
        "first",
        "send",
        "rate_limited",
        "429",
        "***23",
    )
    assert PHONE not in caplog.text


def test_a_verification_that_has_started_is_logged_without_the_number(two, vendor, ask, caplog):
    ask()
    (line,) = [record for record in caplog.records if getattr(record, "event", "") == "verification_started"]
    assert (line.field, line.provider, line.channel, line.subject) == (
        package_settings.MOBILE_FIELD_NAME,
        "first",
        "sms",
        "***23",
    )


def test_a_check_that_the_vendor_cannot_make_is_told(two, vendor, ask, api, told, caplog):
    ask()
    told.clear()
    caplog.clear()
    vendor.answers["first", "check"] = DOWN
    assert api.exchange_mobile(PHONE, CODE).status_code == 400
    assert told == [("provider_failed", "first", "check", "unavailable", "no_answer")]
    (line,) = [record for record in caplog.records if getattr(record, "event", "") == "provider_failed"]
    assert (line.field, line.subject) == (package_settings.MOBILE_FIELD_NAME, "***23")


def test_codes_that_the_vendor_has_checked_are_no_failure(two, vendor, ask, api, told):
    ask()
    told.clear()
    assert [api.exchange_mobile(PHONE, code).status_code for code in (WRONG_CODE, CODE)] == [400, 200]
    assert told == []


def test_what_a_provider_without_ids_may_have_started_is_ended_by_its_number(configure, vendor, ask):
    configure(
        EXTERNAL_2FA={"provider": "tests.external_2fa.providers.EndsByNumber", "fallbacks": [SECOND]},
    )
    vendor.answers["EndsByNumber", "send"] = DOWN
    ask()
    assert vendor.asked == [
        ("EndsByNumber", "send", PHONE, "sms"),
        ("second", "send", PHONE, "sms"),
        ("EndsByNumber", "cancel", PHONE, ""),
    ]


class Queue:
    """A delivery that keeps what it is given, sealed."""

    kept: list[str] = []

    def deliver(self, outgoing):
        self.kept.append(outgoing.seal())


def test_a_verification_can_wait_in_a_queue(configure, two, vendor, ask, api):
    Queue.kept.clear()
    configure(DELIVERY=f"{__name__}.Queue")
    assert ask().status_code == 200
    assert vendor.asked == []
    assert api.exchange_mobile(PHONE, CODE).status_code == 400

    delivery.Outgoing.unseal(Queue.kept[0]).send_or_report()

    assert vendor.asked == [("first", "send", PHONE, "sms")]
    assert api.exchange_mobile(PHONE, CODE).status_code == 200


def test_a_verification_that_a_newer_one_has_replaced_is_not_noted(configure, two, vendor, ask):
    Queue.kept.clear()
    configure(DELIVERY=f"{__name__}.Queue")
    ask()
    ask()
    delivery.Outgoing.unseal(Queue.kept[1]).send_or_report()
    delivery.Outgoing.unseal(Queue.kept[0]).send_or_report()
    assert PasswordlessChallengeToken.objects.get().verification_id == "first-1"
