"""Sending the code of a number that is to be the second factor, and making it known to the provider."""

import logging

from django.contrib.auth.models import AbstractBaseUser
from rest_framework import serializers
from rest_framework.request import Request

from jwt_drf_passwordless import limits, signals
from jwt_drf_passwordless.conf import message
from jwt_drf_passwordless.events import record
from jwt_drf_passwordless.exceptions import ProviderUnavailable
from jwt_drf_passwordless.models import PasswordlessChallengeToken as Challenge
from jwt_drf_passwordless.two_factor.base import NumberRefused, PhoneProvider

logger = logging.getLogger(__name__)


def send(provider: PhoneProvider, user: AbstractBaseUser, row: Challenge, field: str, request: Request | None) -> None:
    """Send the code of the row to its number.

    Raises ProviderUnavailable, ValidationError for a number that the provider does not take.
    """
    number = row.identifier
    try:
        limits.spend_budget()
        provider.send(number, row, request)
    except NumberRefused:
        raise serializers.ValidationError({"authy_phone": [message("INVALID_PHONE_NUMBER")]}) from None
    except Exception as error:  # noqa: BLE001 - whatever a backend raises, the client's answer is the same
        failure = type(error).__name__
    else:
        return
    record(signals.token_send_failed, field=field, identifier=number, user=user, request=request, error=failure)
    raise ProviderUnavailable


def register(provider: PhoneProvider, user: AbstractBaseUser, number: str) -> str:
    """The provider's id of a user whose number was proven. Raises ProviderUnavailable."""
    try:
        return provider.register(user, number)
    except Exception as error:  # noqa: BLE001 - as in send(); the code is used up, another one can be asked for
        logger.warning("%s has not registered the user %s: %s", provider.alias, user.pk, type(error).__name__)
        raise ProviderUnavailable from None
