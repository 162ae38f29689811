"""Limits by network, and what keeps a bill for SMS small."""

import ipaddress

import pytest
import sms
import time_machine
from django.core import mail
from django.core.cache import cache
from django.core.cache.backends.base import BaseCache
from django.dispatch import receiver
from django_ratelimit.decorators import ratelimit
from rest_framework.throttling import AnonRateThrottle

from jwt_drf_passwordless import limits, signals
from jwt_drf_passwordless.conf import settings as package_settings
from tests.conftest import sent_sms_code
from tests.test_statements import record
from tests.two_factor.conftest import PASSWORD, TwoFactorApi, person

pytestmark = pytest.mark.django_db

__all__ = ["person"]

ADA = "ada@example.com"
PHONE = "+12015550123"
PUBLIC = "8.8.8.8"
#: The beginning of an hour, of a day, and of every window.
MIDNIGHT = 1_767_225_600


@pytest.fixture(autouse=True)
def clock():
    cache.clear()
    with time_machine.travel(MIDNIGHT, tick=False) as traveller:
        yield traveller
    cache.clear()


def statuses(call, times):
    return [call(number).status_code for number in range(times)]


@pytest.mark.parametrize(("route", "most"), [("request/email/", 30), ("exchange/email/", 100), ("exchange/", 100)])
def test_a_network_has_its_number_of_requests_an_hour(api, clock, route, most):
    field = package_settings.EMAIL_FIELD_NAME

    def post(number):
        return api.post(route, {field: f"user{number}@example.com", "token": "000000"}, REMOTE_ADDR=PUBLIC)

    usual = {200, 400}
    assert set(statuses(post, most)) <= usual
    clock.shift(600)
    refused = post(most)
    assert (refused.status_code, refused["Retry-After"], refused.json()["code"]) == (429, "3000", "throttled")
    clock.shift(3000)
    assert post(most + 1).status_code in usual


def test_a_network_has_a_hundred_passwords_an_hour_and_locks_nobody_out(configure, person, clock):
    configure(TWO_FACTOR={})
    api, user = TwoFactorApi(), person()

    def post(password, address=PUBLIC):
        return api.call("token/", api.credentials(user, password), REMOTE_ADDR=address)

    assert set(statuses(lambda number: post(f"wrong {number}"), 100)) == {401}
    clock.shift(600)
    refused = post(PASSWORD)
    assert (refused.status_code, refused["Retry-After"], refused.json()["code"]) == (429, "3000", "throttled")
    assert record(lambda: post(PASSWORD)) == (429, [])
    with_password = {**api.credentials(user), "token": "123456"}
    assert api.call("2fa/token-verify/", with_password, REMOTE_ADDR=PUBLIC).status_code == 429
    assert post(PASSWORD, "8.8.4.4").status_code == 200
    clock.shift(3000)
    assert post(PASSWORD).status_code == 200


def test_a_limited_request_costs_no_statement_and_no_message(configure, api, make_user):
    configure(THROTTLE_RATES={"request": "1/h", "redeem": "1/h"})
    make_user(email=ADA)
    for call in (api.request_email, lambda email, **extra: api.exchange_email(email, "000000", **extra)):
        call("other@example.com", REMOTE_ADDR=PUBLIC)
        mail.outbox.clear()
        assert record(lambda call=call: call(ADA, REMOTE_ADDR=PUBLIC)) == (429, [])
        assert mail.outbox == []


def test_limited_answers_are_the_same_for_known_and_unknown(configure, api, make_user):
    configure(THROTTLE_RATES={"request": "1/h"})
    make_user(email=ADA)
    api.request_email("first@example.com", REMOTE_ADDR=PUBLIC)
    known, unknown = (api.request_email(email, REMOTE_ADDR=PUBLIC) for email in (ADA, "nobody@example.com"))
    assert (known.content, known.headers) == (unknown.content, unknown.headers)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "192.168.1.1", "fd00::1", "::1", "", "unknown"])
def test_private_addresses_are_not_counted_for_behind_them_stands_everybody(configure, api, address):
    configure(THROTTLE_RATES={"request": "1/h"})
    assert statuses(lambda number: api.request_email(f"u{number}@example.com", REMOTE_ADDR=address), 3) == [200] * 3


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [
        ("8.8.8.8", "8.8.8.9", False),
        ("2a00:1450:4001:81b::1", "2a00:1450:4001:81b:ffff::2", True),
        ("2a00:1450:4001:81b::1", "2a00:1450:4001:81c::1", False),
        ("::ffff:8.8.8.8", "8.8.8.8", True),
    ],
)
def test_a_network_is_an_ipv4_address_or_64_bits_of_an_ipv6_one(configure, api, first, second, shared):
    configure(THROTTLE_RATES={"request": "1/h"})
    assert api.request_email("a@example.com", REMOTE_ADDR=first).status_code == 200
    assert api.request_email("b@example.com", REMOTE_ADDR=second).status_code == (429 if shared else 200)


def test_every_64_bits_are_told_apart():
    one, other = (ipaddress.ip_address(f"2a00:1:2:{end}::9").exploded[:19] for end in ("3", "4"))
    assert one != other


def test_with_a_declared_proxy_the_client_is_counted_not_the_proxy(configure, api):
    configure(THROTTLE_RATES={"request": "1/h"}, TRUSTED_PROXIES=1)

    def request(number, client):
        return api.request_email(f"{number}@example.com", REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR=client)

    assert request(1, "6.6.6.6, 8.8.8.8").status_code == 200
    assert request(2, "7.7.7.7, 8.8.8.8").status_code == 429
    assert request(3, "8.8.4.4").status_code == 200


def test_a_rate_of_none_is_no_limit(configure, api):
    configure(THROTTLE_RATES={"request": None})
    assert statuses(lambda number: api.request_email(f"u{number}@example.com", REMOTE_ADDR=PUBLIC), 40) == [200] * 40


def test_a_limit_is_told_by_signal_with_the_network_and_no_address(configure, api, caplog):
    configure(THROTTLE_RATES={"request": "1/h"})
    heard = []

    @receiver(signals.network_limited)
    def hear(limit, request, **kwargs):
        heard.append(limit)

    api.request_email(ADA, REMOTE_ADDR=PUBLIC)
    api.request_email(ADA, REMOTE_ADDR=PUBLIC)
    signals.network_limited.disconnect(hear)
    assert heard == ["request"]
    (line,) = [record for record in caplog.records if getattr(record, "event", "") == "network_limited"]
    assert (line.limit, line.network, line.levelname) == ("request", "8.8.8.0/24", "WARNING")
    assert PUBLIC not in caplog.text


class BrokenCache(BaseCache):
    """A cache whose server is gone."""

    def __init__(self, location, params):
        super().__init__(params)

    def add(self, *args, **kwargs):
        raise ConnectionError("secret://password@cache")


def test_with_a_cache_that_is_gone_logins_go_on(settings, configure, api, caplog):
    configure(THROTTLE_RATES={"request": "1/h"})
    settings.CACHES = {"default": {"BACKEND": f"{__name__}.BrokenCache"}}
    assert statuses(lambda number: api.request_email(f"u{number}@example.com", REMOTE_ADDR=PUBLIC), 3) == [200] * 3
    assert "The cache failed: ConnectionError" in caplog.text
    assert "secret://" not in caplog.text


class ForgetfulCache(BaseCache):
    """A cache that has just thrown the count away."""

    def __init__(self, location, params):
        super().__init__(params)

    def add(self, *args, **kwargs):
        return False

    def incr(self, *args, **kwargs):
        raise ValueError


def test_with_a_cache_that_forgets_logins_go_on(settings, api):
    settings.CACHES = {"default": {"BACKEND": f"{__name__}.ForgetfulCache"}}
    assert api.request_email(ADA, REMOTE_ADDR=PUBLIC).status_code == 200


# Limits of a project's own, as docs/abuse.md shows them

three_a_minute = ratelimit(key="ip", rate="3/m", block=True)


class LoginThrottle(AnonRateThrottle):
    rate = "2/day"


def test_django_ratelimit_applies_as_well(configure, api):
    configure(DECORATORS={"token_request_rate_limit_decorator": f"{__name__}.three_a_minute"})
    assert statuses(lambda number: api.request_email(f"u{number}@example.com"), 4) == [200, 200, 200, 403]


def test_throttles_of_drf_apply_as_well(settings, api):
    settings.REST_FRAMEWORK = {"DEFAULT_THROTTLE_CLASSES": [f"{__name__}.LoginThrottle"]}
    assert statuses(lambda number: api.request_email(f"u{number}@example.com"), 3) == [200, 200, 429]


# Messages to phones


@pytest.mark.parametrize(("countries", "status"), [(None, 200), (["US"], 200), (["DE", "CA"], 400), ([], 400)])
def test_messages_go_to_the_countries_of_the_list(configure, api, make_user, countries, status):
    configure(SMS_COUNTRIES=countries)
    make_user(phone=PHONE)
    answer = api.request_mobile(PHONE)
    assert answer.status_code == status
    assert len(sms.outbox) == (status == 200)
    if status == 400:
        assert answer.json() == {package_settings.MOBILE_FIELD_NAME: ["Messages cannot be sent to this number."]}


def test_a_number_of_another_country_costs_no_statement(configure, api):
    configure(SMS_COUNTRIES=["DE"])
    assert record(lambda: api.request_mobile(PHONE)) == (400, [])


def test_a_code_that_was_sent_before_the_list_changed_still_works(configure, api, make_user):
    make_user(phone=PHONE)
    api.request_mobile(PHONE)
    configure(SMS_COUNTRIES=["DE"])
    assert api.exchange_mobile(PHONE, sent_sms_code()).status_code == 200


@pytest.mark.parametrize(
    ("types", "number", "status"),
    [
        (["MOBILE"], "+4915112345678", 200),
        (["MOBILE"], "+493012345678", 400),
        (["FIXED_LINE", "MOBILE"], "+493012345678", 200),
        (["MOBILE"], PHONE, 400),
        (["FIXED_LINE_OR_MOBILE"], PHONE, 200),
    ],
)
def test_messages_go_to_the_types_of_numbers_of_the_list(configure, api, types, number, status):
    configure(SMS_NUMBER_TYPES=types)
    assert api.request_mobile(number).status_code == status


@pytest.mark.parametrize("number", ["+499001234567", "+4418012345", "+448431234567"])
def test_premium_and_shared_cost_numbers_are_refused_whatever_the_list_says(configure, api, number):
    configure(SMS_NUMBER_TYPES=["PREMIUM_RATE", "SHARED_COST"])
    assert api.request_mobile(number).status_code == 400


def test_two_hundred_numbers_of_one_range_are_sent_thirty_messages(configure, api):
    configure(REGISTER_NONEXISTENT_USERS=True)
    numbers = [f"+4915112345{number:03}" for number in range(200)]
    # Each from a network of its own.
    answers = [api.request_mobile(number, REMOTE_ADDR=f"8.8.{index}.8") for index, number in enumerate(numbers)]
    assert [answer.status_code for answer in answers] == [200] * 30 + [429] * 170
    assert len(sms.outbox) == 30
    assert api.request_mobile("+4915112346000").status_code == 200


def test_a_range_above_its_rate_is_told(configure, api, caplog):
    configure(REGISTER_NONEXISTENT_USERS=True, THROTTLE_RATES={"number_range": "1/h"})
    for number in ("+4915112345678", "+4915112345679"):
        api.request_mobile(number)
    (line,) = [line for line in caplog.records if getattr(line, "event", "") == "network_limited"]
    assert (line.limit, line.subject) == ("number_range", "***79")


def test_without_registration_ranges_are_not_counted_for_strangers_are_sent_nothing(api):
    numbers = [f"+4915112345{number:03}" for number in range(40)]
    assert {api.request_mobile(number).status_code for number in numbers} == {200}
    assert sms.outbox == []


@pytest.mark.parametrize(("window", "seconds"), [("hour", 3600), ("day", 24 * 3600)])
def test_the_budget_of_the_site_ends_messages_to_phones_for_everybody(
    configure, api, make_user, clock, window, seconds
):
    configure(SMS_BUDGET={window: 2})
    numbers = [f"+1201555012{number}" for number in range(4)]
    for number in numbers:
        make_user(phone=number)
    assert [api.request_mobile(number).status_code for number in numbers] == [200, 200, 503, 503]
    assert len(sms.outbox) == 2
    unknown = api.request_mobile("+12015550199")
    assert (unknown.status_code, unknown.json()["code"]) == (503, "delivery_unavailable")
    assert record(lambda: api.request_mobile(numbers[3])) == (503, [])
    assert api.request_email(ADA).status_code == 200
    clock.shift(seconds)
    assert api.request_mobile(numbers[3]).status_code == 200
    assert len(sms.outbox) == 3


def test_strangers_who_are_sent_nothing_do_not_use_up_the_budget(configure, api, make_user):
    configure(SMS_BUDGET={"hour": 1})
    make_user(phone=PHONE)
    for number in range(5):
        api.request_mobile(f"+1201555013{number}")
    assert api.request_mobile(PHONE).status_code == 200
    assert len(sms.outbox) == 1


def test_a_budget_of_nothing_sends_nothing(configure, api, make_user):
    configure(SMS_BUDGET={"day": 0})
    make_user(phone=PHONE)
    assert api.request_mobile(PHONE).status_code == 503
    with pytest.raises(limits.BudgetExhausted):
        limits.spend_budget()


def test_the_end_of_the_budget_is_told_once(configure, api, make_user, clock):
    configure(SMS_BUDGET={"hour": 2})
    heard = []

    @receiver(signals.sms_budget_exhausted)
    def hear(window, most, **kwargs):
        heard.append((window, most))

    for number in range(4):
        make_user(phone=f"+1201555012{number}")
        api.request_mobile(f"+1201555012{number}")
        assert heard == ([] if number == 0 else [("hour", 2)])
    clock.shift(3600)
    for number in range(4):
        api.request_mobile(f"+1201555012{number}")
    signals.sms_budget_exhausted.disconnect(hear)
    assert heard == [("hour", 2)] * 2


def test_a_message_that_comes_a_moment_too_late_for_the_budget_is_a_failed_delivery(configure):
    configure(SMS_BUDGET={"hour": 1})
    limits.spend_budget()
    with pytest.raises(limits.BudgetExhausted):
        limits.spend_budget()
