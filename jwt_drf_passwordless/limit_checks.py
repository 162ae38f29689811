"""`manage.py check` for the settings of `limits` and `review`: what cannot work, and for `--deploy` what is unsafe."""

from collections.abc import Iterator
from typing import Any

import phonenumbers
from django.conf import settings as django_settings
from django.contrib.auth.hashers import identify_hasher
from django.core.checks import CheckMessage, Error, Warning
from django.utils import timezone

from jwt_drf_passwordless.checks import check_settings
from jwt_drf_passwordless.conf import NAMESPACE, settings
from jwt_drf_passwordless.limits import parse_rate
from jwt_drf_passwordless.methods import METHODS, MOBILE
from jwt_drf_passwordless.review import MAX_DAYS, last_day

BAD_LIMIT = "jwt_drf_passwordless.E018"
BAD_TEST_IDENTIFIER = "jwt_drf_passwordless.E019"
ALL_COUNTRIES = "jwt_drf_passwordless.W016"
NO_BUDGET = "jwt_drf_passwordless.W017"
UNFIT_CACHE = "jwt_drf_passwordless.W018"
UNDECLARED_PROXY = "jwt_drf_passwordless.W019"
TEST_IDENTIFIERS_USED = "jwt_drf_passwordless.W040"
NO_NETWORK_LIMIT = "jwt_drf_passwordless.W041"

#: Caches of Django that are each process's own, keep nothing, or do not count atomically.
UNFIT_CACHES = {
    f"django.core.cache.backends.{name}"
    for name in ("locmem.LocMemCache", "dummy.DummyCache", "filebased.FileBasedCache", "db.DatabaseCache")
}
#: Settings of Django that a project behind a proxy has.
SIGNS_OF_A_PROXY = ("SECURE_PROXY_SSL_HEADER", "USE_X_FORWARDED_HOST", "USE_X_FORWARDED_PORT")


def check_limits(**kwargs: Any) -> list[CheckMessage]:
    """Errors: a rate, country, type, budget or test identity that cannot be used."""
    return [*_limits(), *_test_identifiers()]


def _limits() -> Iterator[CheckMessage]:
    for name, rate in settings.THROTTLE_RATES.items():
        try:
            parse_rate(rate or "1/h")
        except (TypeError, ValueError) as error:
            yield Error(f"{NAMESPACE}['THROTTLE_RATES'][{name!r}]: {error}.", id=BAD_LIMIT)
    for country in sorted(set(settings.SMS_COUNTRIES or ()) - phonenumbers.SUPPORTED_REGIONS):
        yield Error(f"{NAMESPACE}['SMS_COUNTRIES']: there is no country {country!r}.", id=BAD_LIMIT)
    types = set(map(phonenumbers.PhoneNumberType.to_string, phonenumbers.PhoneNumberType.values()))
    for name in sorted(set(settings.SMS_NUMBER_TYPES or ()) - types):
        hint = f"Known: {', '.join(sorted(types))}."
        yield Error(f"{NAMESPACE}['SMS_NUMBER_TYPES']: there is no type {name!r}.", hint=hint, id=BAD_LIMIT)
    for window, most in settings.SMS_BUDGET.items():
        if most is not None and (not isinstance(most, int) or most < 0):
            yield Error(f"{NAMESPACE}['SMS_BUDGET'][{window!r}] must be a number or None.", id=BAD_LIMIT)


def _test_identifiers() -> Iterator[CheckMessage]:
    for identifier, entry in settings.TEST_IDENTIFIERS.items():
        for wrong in _problems(identifier, entry):
            yield Error(f"{NAMESPACE}['TEST_IDENTIFIERS'][{identifier!r}]: {wrong}.", id=BAD_TEST_IDENTIFIER)


def _problems(identifier: str, entry: Any) -> Iterator[str]:
    if identifier not in [method.canonicalize(identifier) for method in METHODS]:
        yield "this is no email address in lower case and no phone number as +12015550123"
    try:
        identify_hasher(entry["code"])
    except (AttributeError, KeyError, TypeError, ValueError):
        yield "'code' must be a hash made by django.contrib.auth.hashers.make_password"
    day = last_day(entry)
    if day is None or (day - timezone.now().date()).days > MAX_DAYS:
        yield f"'until' must be a date as '2027-01-31', at most {MAX_DAYS} days ahead"


def check_limits_in_deployment(**kwargs: Any) -> list[CheckMessage]:
    """Warnings: abuse that nothing limits."""
    if any(not message.is_silenced() for message in (*check_settings(), *check_limits())):
        return []
    cache = django_settings.CACHES.get("default", {}).get("BACKEND")
    behind_proxy = any(getattr(django_settings, name) for name in SIGNS_OF_A_PROXY)
    rates = settings.THROTTLE_RATES
    wanted = ["request", "redeem"] if settings.TWO_FACTOR is None else ["request", "redeem", "password"]
    return [
        Warning(f"{NAMESPACE}: {message}.", id=id_)
        for unsafe, message, id_ in (
            (MOBILE.is_enabled and settings.SMS_COUNTRIES is None, "SMS go to all countries", ALL_COUNTRIES),
            (
                MOBILE.is_enabled and not any(settings.SMS_BUDGET.values()),
                "nothing limits the number of SMS in a day: set SMS_BUDGET",
                NO_BUDGET,
            ),
            (
                cache in UNFIT_CACHES,
                "limits by network are counted in a cache that cannot count for all processes for an hour: use Redis",
                UNFIT_CACHE,
            ),
            (
                behind_proxy and not settings.TRUSTED_PROXIES,
                "there is a proxy in front, but TRUSTED_PROXIES is 0: limits by network cannot work",
                UNDECLARED_PROXY,
            ),
            (bool(settings.TEST_IDENTIFIERS), "somebody can sign in by a fixed code", TEST_IDENTIFIERS_USED),
            (
                not all(rates[name] for name in wanted),
                "requests and tries of a client network are not limited",
                NO_NETWORK_LIMIT,
            ),
        )
        if unsafe
    ]
