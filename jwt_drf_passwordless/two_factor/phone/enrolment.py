"""Making a phone the second factor, replacing and removing it."""

import logging
from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.views.decorators.debug import sensitive_variables
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request

from jwt_drf_passwordless import challenges, limits, signals
from jwt_drf_passwordless.claims import has_second_factor, is_fresh
from jwt_drf_passwordless.conf import message
from jwt_drf_passwordless.events import record
from jwt_drf_passwordless.exceptions import (
    InvalidCredentials,
    ProviderUnavailable,
    ReauthenticationRequired,
    SecondFactorNeeded,
)
from jwt_drf_passwordless.models import PasswordlessChallengeToken as Challenge
from jwt_drf_passwordless.models import PhoneDevice
from jwt_drf_passwordless.two_factor import notices, services
from jwt_drf_passwordless.two_factor.base import NumberRefused, PhoneProvider
from jwt_drf_passwordless.two_factor.conf import is_required
from jwt_drf_passwordless.two_factor.phone import devices
from jwt_drf_passwordless.two_factor.phone.factor import PhoneFactor, ensure_length
from jwt_drf_passwordless.two_factor.registry import factors
from jwt_drf_passwordless.two_factor.signals import factor_added, factor_removed, second_factor_changed
from jwt_drf_passwordless.utils import challenge_key, mask

logger = logging.getLogger(__name__)

#: The purpose of its challenges; one row for each user, so that nobody texts numbers in turn.
ENROL_PHONE = "enrol_phone"
#: The purpose of rows, one for each number, that hold its wait.
TEXT_NUMBER = "text_number"
FIELD = "user"
NAME = PhoneFactor.name


def start(user: AbstractBaseUser, number: str, claims: Mapping[str, Any], request: Request | None) -> None:
    """Send a code to a number that is to be the user's second factor.

    Raises ReauthenticationRequired, Throttled, ProviderUnavailable, ValidationError for a number that
    the provider does not take.
    """
    factor = PhoneFactor()
    _ensure_fresh(user, factor.device(user), claims)
    provider, owner = factor.provider, str(user.pk)
    limits.check_number(number)
    row = challenges.issue(ENROL_PHONE, FIELD, number, user, owner=owner, with_codes=provider.makes_codes)
    # No code, only the number's own wait: many accounts must not text one number faster than one does.
    challenges.issue(TEXT_NUMBER, NAME, number, None, with_codes=False)
    try:
        limits.spend_budget()
        provider.send(number, row, request)
    except NumberRefused:
        raise serializers.ValidationError({"authy_phone": [message("INVALID_PHONE_NUMBER")]}, "invalid") from None
    except Exception as error:  # noqa: BLE001 - whatever a backend raises, the client's answer is the same
        failure = type(error).__name__
    else:
        return
    record(signals.token_send_failed, field=NAME, identifier=number, user=user, request=request, error=failure)
    raise ProviderUnavailable


@sensitive_variables()
def finish(user: AbstractBaseUser, number: str, code: str, claims: Mapping[str, Any], request: Request | None) -> None:
    """Make the number the user's second factor, if the code is the one sent there for this user.

    Raises ReauthenticationRequired, InvalidCredentials, ProviderUnavailable.
    """
    factor = PhoneFactor()
    known, provider = factor.device(user), factor.provider
    _ensure_fresh(user, known, claims)
    ensure_length(code, provider.code_length())

    def check(row: Challenge, code: str) -> bool:
        return provider.check(number, row, code)

    try:
        key = challenge_key(ENROL_PHONE, FIELD, str(user.pk))
        challenges.redeem_code(key, code, identifier=number, ask_vendor=check)
        vendor_user_id = _register(provider, user, number)
        if not devices.store(user, known, number, provider.alias, vendor_user_id):
            raise InvalidCredentials("raced")
    except InvalidCredentials as refused:
        record(signals.token_refused, field=NAME, identifier=number, user=user, request=request, reason=refused.reason)
        raise
    facts: dict[str, Any] = {"field": NAME, "identifier": number, "user": user, "request": request, "factor": NAME}
    record(factor_added, replaced=known is not None, **facts)
    services.void_challenges(user)  # with no phone known too: support may have removed the one that had a code
    _tell(user, number, "replaced" if known else "added", request)


@sensitive_variables()
def remove(user: AbstractBaseUser, code: str | None, claims: Mapping[str, Any], request: Request | None) -> None:
    """Remove the user's phone, by a code of `services.step_up` or a fresh token with a second factor.

    Raises NotFound, SecondFactorNeeded when the user must have one, ReauthenticationRequired,
    InvalidCredentials.
    """
    device = PhoneFactor().device(user)
    if device is None:
        raise NotFound
    if is_required(user):
        raise SecondFactorNeeded
    if code:
        services.prove_step_up(user, code, request)
    else:
        _ensure_fresh(user, device, claims)
    if not devices.remove(user, device):
        raise NotFound
    services.void_challenges(user)
    record(factor_removed, field=NAME, identifier=device.number, user=user, request=request, factor=NAME)
    _tell(user, device.number, "removed", request)


def status(user: AbstractBaseUser) -> dict[str, Any]:
    """What a user may know of the own second factor; the number is masked."""
    device = PhoneFactor().device(user)
    if device is None:
        return {"enrolled": False}
    return {"enrolled": True, "phone": mask(device.number), "confirmed_at": device.confirmed_at}


def _ensure_fresh(user: AbstractBaseUser, device: PhoneDevice | None, claims: Mapping[str, Any]) -> None:
    """Whoever has stolen an access token must not replace a second factor, or add one (OWASP ASVS 7.5.1).

    Raises ReauthenticationRequired, and what another factor's `is_enrolled` raises.
    """
    others = (factor for factor in factors() if not isinstance(factor, PhoneFactor))
    is_protected = device is not None or any(factor.is_enrolled(user) for factor in others)
    if is_protected and not (has_second_factor(claims) and is_fresh(claims)):
        raise ReauthenticationRequired


def _register(provider: PhoneProvider, user: AbstractBaseUser, number: str) -> str:
    try:
        return provider.register(user, number)
    except Exception as error:  # noqa: BLE001 - as in start(); the code is used up, another one can be asked for
        logger.warning("%s has not registered the user %s: %s", provider.alias, user.pk, type(error).__name__)
        raise ProviderUnavailable from None


def _tell(user: AbstractBaseUser, number: str, action: str, request: Request | None) -> None:
    record(second_factor_changed, field=NAME, identifier=number, user=user, request=request, factor=NAME, action=action)
    notices.notify(user, action=action, phone=mask(number))
