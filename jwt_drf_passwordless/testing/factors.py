"""Users who have second factors."""

import time
from typing import Any

from django.contrib.auth.models import AbstractBaseUser

from jwt_drf_passwordless import challenges
from jwt_drf_passwordless.methods import MOBILE
from jwt_drf_passwordless.two_factor import enrolment
from jwt_drf_passwordless.two_factor.conf import is_on
from jwt_drf_passwordless.two_factor.registry import factors
from jwt_drf_passwordless.two_factor.totp import DIGITS, PERIOD


def totp_code(secret: str, at: float | None = None) -> str:
    """What an authenticator app shows, now or at a time in Unix seconds. It works once; the next one 30 s before it."""
    from pyotp import TOTP

    return TOTP(secret, digits=DIGITS, interval=PERIOD).at(int(time.time() if at is None else at))


def enrol_totp(user: AbstractBaseUser) -> str:
    """Make an authenticator app a second factor of the user: its secret, for `totp_code`."""
    secret: str = _enrol(user, "totp")["secret"]
    return secret


def enrol_phone(user: AbstractBaseUser, number: object) -> None:
    """Make a number a second factor of the user, confirmed by nobody."""
    _enrol(user, "phone", str(MOBILE.canonicalize(number) or number))


def recovery_codes(user: AbstractBaseUser) -> list[str]:
    """A new set of recovery codes; they are asked for once the user has another factor."""
    codes: list[str] = _enrol(user, "recovery_code")["codes"]
    return codes


def _enrol(user: AbstractBaseUser, name: str, about: str = "") -> dict[str, Any]:
    """What the factor tells. Neither messages nor signals go out, and no session ends: as if it was long ago."""
    factor = next((one for one in factors() if is_on() and one.name == name), None)
    if factor is None:
        raise AssertionError(f"No factor of TWO_FACTOR is called {name!r}.")
    row = challenges.issue(
        enrolment.purpose_of(factor),
        enrolment.FIELD,
        about,
        user,
        owner=str(user.pk),
        cooldown=False,
        with_codes=False,
    )
    sends_nothing = factor.needs_confirmation and not factor.sends
    told = factor.begin(user, row, {}, None) if sends_nothing else {}
    told |= factor.store(user, row, {})
    row.delete()  # nobody has to wait before the next one
    return told
