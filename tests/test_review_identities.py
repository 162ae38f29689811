"""`TEST_IDENTIFIERS`: fixed codes for people who cannot receive a message, and their bounds."""

import logging

import pytest
import sms
import time_machine
from django.contrib.auth.hashers import make_password
from django.core import mail
from django.core.cache import cache
from django.dispatch import receiver
from django.utils import timezone

from jwt_drf_passwordless.conf import settings as package_settings
from jwt_drf_passwordless.models import PasswordlessChallengeToken, PhoneDevice
from jwt_drf_passwordless.signals import fixed_code_used, token_refused
from tests.conftest import sent_code
from tests.external_2fa.conftest import external, vendor

__all__ = ["external", "vendor"]

pytestmark = pytest.mark.django_db

REVIEWER = "reviewer@example.com"
PHONE = "+12015550123"
CODE = "735914"
#: 2026-06-01, noon.
NOON = 1_780_315_200


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def review(configure):
    """Give the reviewer's address and number a fixed code: `review("2026-06-30")`."""

    def change(until="2026-06-30"):
        entry = {"code": make_password(CODE), "until": until}
        configure(TEST_IDENTIFIERS={REVIEWER: entry, PHONE: entry})

    change()
    return change


@pytest.fixture
def heard():
    """What the signals have carried, by signal: `heard(token_refused)`."""
    facts = []

    @receiver([fixed_code_used, token_refused])
    def hear(signal, **payload):
        facts.append((signal, payload))

    yield lambda signal: [payload for sender, payload in facts if sender is signal]
    for signal in (fixed_code_used, token_refused):
        signal.disconnect(hear)


@pytest.fixture
def reviewer(make_user):
    return make_user(email=REVIEWER, phone=PHONE)


def test_the_reviewer_signs_in_by_the_fixed_code_and_nothing_is_sent(review, reviewer, api):
    assert api.request_email(REVIEWER).json() == {"detail": "A token has been sent to you", "code": "token_sent"}
    assert mail.outbox == []
    assert api.exchange_email(REVIEWER, "111111").status_code == 400
    assert api.exchange_email(REVIEWER, CODE).status_code == 200


def test_so_does_the_reviewers_number_also_with_a_vendor(review, external, vendor, reviewer, api):
    assert api.request_mobile(PHONE).status_code == 200
    assert (sms.outbox, vendor.asked) == ([], [])
    assert api.exchange_mobile(PHONE, CODE).status_code == 200
    assert vendor.asked == []


def test_the_code_works_once_for_each_request(review, reviewer, api, clock):
    api.request_email(REVIEWER)
    assert api.exchange_email(REVIEWER, CODE).status_code == 200
    assert api.exchange_email(REVIEWER, CODE).status_code == 400
    clock.shift(60)
    api.request_email(REVIEWER)
    assert api.exchange_email(REVIEWER, CODE).status_code == 200


def test_without_a_request_the_code_is_worth_nothing(review, reviewer, api):
    assert api.exchange_email(REVIEWER, CODE).status_code == 400


def test_tries_are_capped_and_the_wait_between_requests_stays(review, reviewer, api):
    api.request_email(REVIEWER)
    for _ in range(5):
        assert api.exchange_email(REVIEWER, "111111").status_code == 400
    assert api.exchange_email(REVIEWER, CODE).status_code == 400
    assert api.request_email(REVIEWER).status_code == 429


@pytest.mark.parametrize(
    ("until", "status"), [("2026-06-01", 200), ("2026-05-31", 400), ("2026-08-31", 400), ("x", 400)]
)
def test_the_code_works_until_the_end_of_its_last_day_which_is_not_far(review, reviewer, api, until, status):
    review(until)
    api.request_email(REVIEWER)
    assert len(mail.outbox) == (status == 400)
    assert api.exchange_email(REVIEWER, CODE).status_code == status


def test_a_code_whose_time_ends_between_request_and_exchange_is_refused(review, reviewer, api):
    api.request_email(REVIEWER)
    review("2026-05-31")
    assert api.exchange_email(REVIEWER, CODE).status_code == 400


@pytest.mark.parametrize("allowed", [True, False])
def test_administrators_have_no_fixed_code(configure, review, make_user, api, heard, allowed):
    configure(ALLOW_ADMIN_AUTHENTICATION=allowed)
    make_user(email=REVIEWER, staff=True)
    api.request_email(REVIEWER)
    assert api.exchange_email(REVIEWER, CODE).status_code == 400
    assert [refused["reason"] for refused in heard(token_refused)] == ["user_refused"]


def test_a_fixed_code_makes_no_account_for_another_and_obeys_the_rules_on_users(review, make_user, api):
    make_user(email=REVIEWER, is_active=False)
    api.request_email(REVIEWER)
    assert api.exchange_email(REVIEWER, CODE).status_code == 400


@pytest.mark.parametrize("confirmed", [True, False])
def test_a_user_with_a_second_factor_has_no_fixed_code_not_even_with_a_broken_one(
    configure, review, reviewer, api, confirmed
):
    configure(TWO_FACTOR={})
    confirmed_at = timezone.now() if confirmed else None
    PhoneDevice.objects.create(user=reviewer, number="+12015550199", provider="local", confirmed_at=confirmed_at)
    api.request_email(REVIEWER)
    assert api.exchange_email(REVIEWER, CODE).status_code == 400


def test_a_user_who_has_enrolled_none_keeps_the_fixed_code(configure, review, reviewer, api):
    configure(TWO_FACTOR={})
    api.request_email(REVIEWER)
    assert api.exchange_email(REVIEWER, CODE).status_code == 200


def test_other_identifiers_get_codes_of_their_own(review, make_user, api):
    make_user(email="ada@example.com")
    api.request_email("ada@example.com")
    assert api.exchange_email("ada@example.com", CODE).status_code == 400
    assert api.exchange_email("ada@example.com", sent_code()).status_code == 200


def test_each_use_is_logged_as_a_warning(review, reviewer, api, caplog):
    api.request_email(REVIEWER)
    api.exchange_email(REVIEWER, CODE)
    (line,) = [record for record in caplog.records if getattr(record, "event", "") == "fixed_code_used"]
    assert (line.levelno, line.subject, line.user_id) == (logging.WARNING, "r***@example.com", str(reviewer.pk))
    assert CODE not in caplog.text


def test_each_use_is_told_by_a_signal_with_the_request(review, reviewer, api, heard):
    api.request_email(REVIEWER)
    api.exchange_email(REVIEWER, CODE)
    (use,) = heard(fixed_code_used)
    field = package_settings.EMAIL_FIELD_NAME
    assert (use["field"], use["subject"], use["user"]) == (field, "r***@example.com", reviewer)
    assert use["request"].path == "/passwordless/exchange/email/"


def test_no_code_of_ours_is_made_for_it(review, reviewer, api):
    api.request_email(REVIEWER)
    row = PasswordlessChallengeToken.objects.get()
    assert (row.short_digest, row.long_digest) == ("", None)


def test_the_field_of_the_code_is_that_of_every_code(review, reviewer, api):
    cache.clear()
    api.request_email(REVIEWER)
    body = {package_settings.EMAIL_FIELD_NAME: REVIEWER, "code": "735 914"}
    assert api.post("exchange/", body).status_code == 200
