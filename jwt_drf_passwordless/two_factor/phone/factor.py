"""The phone factor: the user's device, and the provider that `TWO_FACTOR["phone"]` names."""

import logging
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables
from rest_framework.request import Request

from jwt_drf_passwordless import delivery, limits
from jwt_drf_passwordless.conf import resolve
from jwt_drf_passwordless.exceptions import InvalidCredentials, ProviderUnavailable, SecondFactorBroken
from jwt_drf_passwordless.external_2fa.base import External2FAProvider
from jwt_drf_passwordless.external_2fa.registry import build
from jwt_drf_passwordless.methods import MOBILE
from jwt_drf_passwordless.models import PasswordlessChallengeToken as Challenge
from jwt_drf_passwordless.models import PhoneDevice
from jwt_drf_passwordless.token_response import Proof
from jwt_drf_passwordless.two_factor.base import PHONE, NumberRefused, PhoneProvider, SecondFactor, ensure_length
from jwt_drf_passwordless.two_factor.conf import LOCAL_PROVIDER, option
from jwt_drf_passwordless.two_factor.phone import devices, enrolment
from jwt_drf_passwordless.two_factor.phone.external import ExternalPhoneProvider
from jwt_drf_passwordless.two_factor.serializers import PhoneSerializer, PhoneTokenSerializer
from jwt_drf_passwordless.utils import mask

logger = logging.getLogger(__name__)

#: What a number must look like. Whether its range is still in use is not asked: a confirmed one stays good.
E164 = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
#: RFC 8176 names that mean a phone.
BY_PHONE = {"sms", "tel"}


def phone_provider() -> PhoneProvider:
    """The provider that the settings name. Raises what its constructor raises, and ImproperlyConfigured."""
    config = {"provider": LOCAL_PROVIDER, **option("phone")}
    provider_class = resolve(config.pop("provider"))
    provider: PhoneProvider
    if issubclass(provider_class, External2FAProvider):
        provider = ExternalPhoneProvider(build({"provider": provider_class, **config}))
    else:
        alias = config.pop("alias", None)
        provider = provider_class(**config)
        provider.alias = alias or provider.alias
    if not provider.is_configured():
        raise ImproperlyConfigured("The provider of the phone factor lacks options that it needs.")
    return provider


class PhoneFactor(SecondFactor):
    """A code to the user's `PhoneDevice`. A device that lacks something refuses the login: it never counts as none."""

    name = PHONE
    label = _("phone")
    sends = True
    shared_wait = "text_number"
    asking = "SECOND_FACTOR_REQUIRED"
    begin_serializer = PhoneSerializer
    confirm_serializer = PhoneTokenSerializer

    def __init__(self) -> None:
        self._found: dict[Any, PhoneDevice | None] = {}
        self._provider: PhoneProvider | None = None

    def device(self, user: AbstractBaseUser) -> PhoneDevice | None:
        """The user's device, asked for once."""
        if user.pk not in self._found:
            self._found[user.pk] = PhoneDevice.objects.of(user)
        return self._found[user.pk]

    @property
    def provider(self) -> PhoneProvider:
        """Made once, when it is needed. Raises SecondFactorBroken when it cannot be."""
        if self._provider is None:
            try:
                self._provider = phone_provider()
            except Exception as error:  # noqa: BLE001 - whatever the constructor raises, it never counts as no factor
                # The class only: a text may quote an option, such as a key.
                logger.error("The provider of the phone factor cannot be made: %s", type(error).__name__)
                raise SecondFactorBroken from None
        return self._provider

    @property
    def makes_codes(self) -> bool:
        return self.provider.makes_codes

    def is_enrolled(self, user: AbstractBaseUser) -> bool:
        device = self.device(user)
        if device is None:
            return False
        if device.confirmed_at is None or not E164.fullmatch(device.number) or not self.provider.can_serve(device):
            logger.error("The second factor of the user %s is incomplete", user.pk)
            raise SecondFactorBroken
        return True

    def is_independent(self, user: AbstractBaseUser, proof: Proof) -> bool:
        """Not the phone of the first factor; where only claims tell of that one, any phone counts as the same."""
        if proof.identifier:
            device = self.device(user)
            return device is None or proof.identifier != device.number
        return "mfa" in proof.amr or not BY_PHONE.intersection(proof.amr)

    def enrolled_at(self, user: AbstractBaseUser) -> datetime | None:
        return self._needed(user).confirmed_at

    def challenge(self, user: AbstractBaseUser, row: Challenge, request: Request | None) -> None:
        device = self._needed(user)

        def send() -> None:
            if not limits.may_be_sent_to(device.number):
                raise NumberRefused("not_allowed")
            limits.spend_budget()
            self.provider.send(device.number, row, request, device)

        if not delivery.report_failure(send, field=self.name, subject=mask(device.number)):
            raise ProviderUnavailable

    def check_format(self, user: AbstractBaseUser, code: str) -> None:
        ensure_length(code, self.provider.code_length(self.device(user)))

    @sensitive_variables()
    def verify(self, user: AbstractBaseUser, row: Challenge, code: str) -> bool:
        device = self._needed(user)
        return self.provider.check(device.number, row, code, device)

    def amr(self, row: Challenge) -> tuple[str, ...]:
        return MOBILE.amr_of(row.channel)

    def may_enrol(self, user: AbstractBaseUser) -> bool:
        return True

    def ensure_may_enrol(self, user: AbstractBaseUser, data: Mapping[str, Any]) -> None:
        self.provider.is_configured()  # made, or refused, before anything is counted
        limits.check_number(data["authy_phone"])

    def about(self, user: AbstractBaseUser, data: Mapping[str, Any]) -> str:
        return str(data["authy_phone"])

    def begin(
        self, user: AbstractBaseUser, row: Challenge, data: Mapping[str, Any], request: Request | None
    ) -> dict[str, Any]:
        enrolment.send(self.provider, user, row, self.name, request)
        return {"sent": True}

    def check_enrolment_format(self, user: AbstractBaseUser, code: str) -> None:
        ensure_length(code, self.provider.code_length())

    @sensitive_variables()
    def check_enrolment(self, user: AbstractBaseUser, row: Challenge, code: str) -> bool:
        return self.provider.check(row.identifier, row, code)

    def store(self, user: AbstractBaseUser, row: Challenge, data: Mapping[str, Any]) -> dict[str, Any]:
        known, number = self.device(user), row.identifier
        vendor_user_id = enrolment.register(self.provider, user, number)
        if not devices.store(user, known, number, self.provider.alias, vendor_user_id):
            raise InvalidCredentials("raced")
        self._found.clear()
        return self.listed(user)[0]

    def listed(self, user: AbstractBaseUser) -> list[dict[str, Any]]:
        device = self.device(user)
        if device is None:
            return []
        number = mask(device.number)
        return [
            {
                "id": str(device.pk),
                "method": self.name,
                "name": number,
                "phone": number,
                "created_at": device.confirmed_at,
                "last_used_at": None,
            }
        ]

    def remove(self, user: AbstractBaseUser, pk: str) -> bool:
        device = self.device(user)
        return device is not None and str(device.pk) == pk and devices.remove(user, device)

    def status(self, user: AbstractBaseUser) -> dict[str, Any]:
        """The answer of `2fa/phone/`."""
        device = self.device(user)
        if device is None:
            return {"enrolled": False}
        return {"enrolled": True, "phone": mask(device.number), "confirmed_at": device.confirmed_at}

    def _needed(self, user: AbstractBaseUser) -> PhoneDevice:
        device = self.device(user)
        if device is None:
            raise SecondFactorBroken
        return device
