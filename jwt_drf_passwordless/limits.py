"""Limits per client network (`THROTTLE_RATES`), and what may be sent to phones (`SMS_COUNTRIES`, `SMS_BUDGET`).

The cooldown of each address is not here: it is kept in the challenge's row.
"""

import math
import re
from functools import cache, partial
from typing import Any

import phonenumbers
from django.core.cache import cache as shared
from rest_framework.exceptions import Throttled
from rest_framework.request import Request

from jwt_drf_passwordless.clients import client_address, counted_as
from jwt_drf_passwordless.conf import settings
from jwt_drf_passwordless.counters import cache_key, count_in_window, safely
from jwt_drf_passwordless.events import record
from jwt_drf_passwordless.exceptions import DeliveryUnavailable
from jwt_drf_passwordless.signals import network_limited, sms_budget_exhausted

#: Seconds of the periods of a rate, as in DRF: "30/h", "100/day".
PERIODS = {"s": 1, "m": 60, "h": 3600, "d": 24 * 3600}
#: Digits at the end of a number that its range leaves out: SMS fraud goes through ranges number by number.
RANGE_DIGITS = 3
#: Windows of `SMS_BUDGET`, in seconds.
BUDGET_WINDOWS = {"hour": 3600, "day": 24 * 3600}


class BudgetExhausted(Exception):
    """The site's budget of messages to phones is used up."""


@cache
def parse_rate(rate: str) -> tuple[int, int]:
    """Number and seconds of a rate in DRF's syntax. Raises ValueError."""
    found = re.fullmatch(r"(\d+)/([smhd])\w*", rate)
    if not found:
        raise ValueError(f"{rate!r} is no rate: it is written as '30/h'")
    return int(found[1]), PERIODS[found[2]]


def check_network(name: str, request: Request, *, public_only: bool = True) -> None:
    """Count a request of a client's network. Raises Throttled, with `wait` in seconds, above the rate of `name`.

    A network is an IPv4 address or an IPv6 /64. With `public_only` no others count: a private one is a proxy
    that `TRUSTED_PROXIES` does not declare, and behind it stands everybody.
    """
    address = client_address(request)
    if public_only and (address is None or not address.is_global):
        return
    _check_rate(name, counted_as(address), request=request)


def check_number(number: str) -> None:
    """Count a request for a phone's number range. Raises Throttled above the rate `number_range`.

    Asked for every number alike, with an account or not (ASVS 2.4.1).
    """
    _check_rate("number_range", number[:-RANGE_DIGITS], identifier=number)


def _check_rate(name: str, counted: str, **facts: Any) -> None:
    rate = settings.THROTTLE_RATES.get(name)
    if not rate:
        return
    most, seconds = parse_rate(rate)
    number, wait = count_in_window(seconds, "limit", name, counted)
    if number > most:
        record(network_limited, field="", limit=name, **facts)
        raise Throttled(math.ceil(wait))


def may_be_sent_to(number: str) -> bool:
    """Whether `SMS_COUNTRIES` and `SMS_NUMBER_TYPES` allow messages and calls to an E.164 number."""
    parsed = phonenumbers.parse(number)
    countries, types = settings.SMS_COUNTRIES, settings.SMS_NUMBER_TYPES
    if countries is not None and phonenumbers.region_code_for_number(parsed) not in countries:
        return False
    kind = phonenumbers.PhoneNumberType.to_string(phonenumbers.number_type(parsed))
    return types is None or kind in types


def ensure_budget() -> None:
    """Raises DeliveryUnavailable while the budget is used up, for whoever asks."""
    for name, seconds in BUDGET_WINDOWS.items():
        most = settings.SMS_BUDGET.get(name)
        if most is not None and count_in_window(seconds, "budget", name, by=0)[0] >= most:
            raise DeliveryUnavailable


def spend_budget() -> None:
    """Count a message or call to a phone. Raises BudgetExhausted, and tells it once a window, above `SMS_BUDGET`."""
    for name, seconds in BUDGET_WINDOWS.items():
        most = settings.SMS_BUDGET.get(name)
        if most is None:
            continue
        number, wait = count_in_window(seconds, "budget", name)
        if number >= most:
            key = cache_key("budget told", name)
            if safely(partial(shared.add, key, 1, wait), False):
                record(sms_budget_exhausted, field="", window=name, most=most)
        if number > most:
            raise BudgetExhausted
