"""The contract of a second factor, and of whoever sends and checks the codes of the phone factor."""

from abc import ABC, abstractmethod
from datetime import datetime
from typing import ClassVar

from django.contrib.auth.models import AbstractBaseUser
from rest_framework.request import Request

from jwt_drf_passwordless.models import PasswordlessChallengeToken as Challenge
from jwt_drf_passwordless.models import PhoneDevice
from jwt_drf_passwordless.token_response import Proof


class SecondFactor(ABC):
    """One kind of second factor, listed in `TWO_FACTOR["factors"]`; made anew for each request, without arguments.

    The challenge row holds uses, wrong tries, expiry and wait, whatever the factor is.
    """

    #: Its word in `methods`.
    name: ClassVar[str]

    @property
    def makes_codes(self) -> bool:
        """Whether the row is to hold a code of ours, which the factor sends."""
        return False

    @abstractmethod
    def is_enrolled(self, user: AbstractBaseUser) -> bool:
        """Whether the user has this factor. Raises SecondFactorBroken when that is stored by half."""

    def is_independent(self, user: AbstractBaseUser, proof: Proof) -> bool:
        """Whether it proves something else than the first factor did (OWASP ASVS 6.3.6)."""
        return True

    def enrolled_at(self, user: AbstractBaseUser) -> datetime | None:
        """When the user got it, where that is known: an older session cannot rise by it."""
        return None

    def challenge(self, user: AbstractBaseUser, row: Challenge, request: Request | None) -> None:
        """Send what the user needs, if anything. Raises ProviderUnavailable."""
        return

    def check_format(self, user: AbstractBaseUser, code: str) -> None:
        """Raise ValidationError for a text that cannot be a code: it costs no try."""
        return

    @abstractmethod
    def verify(self, user: AbstractBaseUser, row: Challenge, code: str) -> bool:
        """Whether the code proves the factor. A try is spent already; the caller uses up the row."""

    def amr(self, row: Challenge) -> tuple[str, ...]:
        """RFC 8176 names of what it proves."""
        return ("otp",)


class NotSent(Exception):
    """A provider has not sent a code; the text is its own word for that, for the log."""


class NumberRefused(NotSent):
    """The number is at fault."""


def sender_name(alias: str) -> str:
    """A provider's name in a row: apart from the aliases of `EXTERNAL_2FA`, whose webhooks must not find the row."""
    return f"2fa:{alias}"[:64]


def note_sent(row: Challenge, alias: str, verification_id: str, channel: str) -> None:
    """Write to the row who has sent its code, unless a newer challenge has taken its place."""
    values = {"provider": sender_name(alias), "verification_id": verification_id, "channel": channel}
    Challenge.objects.filter(pk=row.pk, nonce=row.nonce, sends=row.sends).update(**values)
    for name, value in values.items():
        setattr(row, name, value)


class PhoneProvider(ABC):
    """Who sends and checks the codes of the phone factor.

    Built with the entries of `TWO_FACTOR["phone"]` by keyword, but for `provider` and `alias`. Numbers are
    E.164; `device` is the user's phone at a login, None while a number is being enrolled.
    """

    #: By which devices name the provider.
    alias: str
    #: Whether the row is to hold a code of ours.
    makes_codes: ClassVar[bool] = False
    #: Why it should be given up, for `manage.py check`; "" when it should not.
    deprecated: ClassVar[str] = ""

    @abstractmethod
    def send(self, number: str, row: Challenge, request: Request | None, device: PhoneDevice | None = None) -> None:
        """Send a code. Raises NotSent, or whatever else a backend raises."""

    @abstractmethod
    def check(self, number: str, row: Challenge, code: str, device: PhoneDevice | None = None) -> bool:
        """Whether the code is right; ProviderUnavailable when nobody could be asked."""

    def is_configured(self) -> bool:
        """Whether the options suffice."""
        return True

    def code_length(self, device: PhoneDevice | None = None) -> int | None:
        """Digits of a code, where they are known: another text is refused without a try."""
        return None

    def register(self, user: AbstractBaseUser, number: str) -> str:
        """The provider's id of a user whose number was proven; "" where it has none. Raises NotSent."""
        return ""

    def can_serve(self, device: PhoneDevice) -> bool:
        """Whether the device has all that a login needs."""
        return True
