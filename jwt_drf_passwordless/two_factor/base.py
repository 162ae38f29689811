"""The contract of a second factor, and of whoever sends and checks the codes of the phone factor."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser
from django.core.checks import CheckMessage
from rest_framework import serializers
from rest_framework.exceptions import APIException
from rest_framework.request import Request

from jwt_drf_passwordless.conf import message, settings
from jwt_drf_passwordless.exceptions import SecondFactorSamePhone
from jwt_drf_passwordless.messages import language_of
from jwt_drf_passwordless.models import PasswordlessChallengeToken as Challenge
from jwt_drf_passwordless.models import PhoneDevice
from jwt_drf_passwordless.token_response import Proof
from jwt_drf_passwordless.two_factor.conf import option
from jwt_drf_passwordless.two_factor.serializers import ConfirmationSerializer


def ensure_length(code: str, length: int | None) -> None:
    """Raises ValidationError for a text that cannot be a code of so many digits; None takes all."""
    if length and not (code.isascii() and code.isdigit() and len(code) == length):
        raise serializers.ValidationError({"token": [message("CODE_OF_LENGTH") % {"length": length}]})


class SecondFactor(ABC):
    """One kind of second factor, listed in `TWO_FACTOR["factors"]`; made anew for each request, without arguments.

    The challenge row holds uses, wrong tries, expiry and wait, whatever the factor is. One kept in the
    table `Authenticator` is a `StoredFactor`, which has done half of what follows.
    """

    #: Its word in `methods` and in the routes, at most 26 characters.
    name: ClassVar[str]
    #: What people call it, in messages.
    label: ClassVar[Any] = ""
    #: Whether `challenge` sends something, so that there is a wait before the next time.
    sends: ClassVar[bool] = False
    #: Whether its proof makes a login one of two factors: "mfa" and acr "aal2" (NIST SP 800-63B).
    raises_level: ClassVar[bool] = True
    #: Whether it only stands in for another factor: it is never the only one, and raises the level in a step-up only.
    is_backup: ClassVar[bool] = False
    #: Whether a user may have more than one; if not, a new one takes the place of the old.
    several: ClassVar[bool] = False
    #: Modules that it imports when it is used, and the extra of this package that brings them.
    libraries: ClassVar[tuple[str, ...]] = ()
    extra: ClassVar[str] = ""
    #: The sentence, in the messages class, with which a login asks for it.
    asking: ClassVar[str] = "SECOND_FACTOR_REQUIRED_NOTHING_SENT"
    #: The purpose of rows that hold the wait of what an enrolment is `about`, where that sends something there.
    shared_wait: ClassVar[str] = ""
    #: Whether an enrolment is finished by a proof; if not, `store` follows at once.
    needs_confirmation: ClassVar[bool] = True
    #: The bodies that begin and that finish an enrolment.
    begin_serializer: ClassVar[type[serializers.Serializer[Any]]] = serializers.Serializer
    confirm_serializer: ClassVar[type[serializers.Serializer[Any]]] = ConfirmationSerializer

    @classmethod
    def check(cls, *, deploy: bool = False) -> list[CheckMessage]:
        """What `manage.py check`, or with `deploy` what `check --deploy` alone, has to say of its settings."""
        return []

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

    def refusal(self, user: AbstractBaseUser) -> APIException:
        """Why a login is refused whose first factor leaves only this one, which is not independent."""
        return SecondFactorSamePhone()

    def enrolled_at(self, user: AbstractBaseUser) -> datetime | None:
        """When the user got it, where that is known: an older session cannot rise by it."""
        return None

    def challenge(self, user: AbstractBaseUser, row: Challenge, request: Request | None) -> None:
        """Send what the user needs, if anything. Raises ProviderUnavailable."""
        return

    def options(self, user: AbstractBaseUser, row: Challenge) -> dict[str, Any] | None:
        """What a client needs to make the proof, as JSON; None where that is nothing."""
        return None

    def check_format(self, user: AbstractBaseUser, code: str) -> None:
        """Raise ValidationError for a text that cannot be a code: it costs no try."""
        return

    @abstractmethod
    def verify(self, user: AbstractBaseUser, row: Challenge, code: str) -> bool:
        """Whether the code proves the factor. A try is spent already; the caller uses up the row."""

    def used(self, user: AbstractBaseUser, request: Request | None) -> None:
        """What else a use has to cause, once it has succeeded."""
        return

    def identifier_changed(self, user: AbstractBaseUser, field: str, identifier: str) -> None:
        """Follow the user to an address or number that was just proven, as whoever changed it may add it here, too."""
        return

    def amr(self, row: Challenge) -> tuple[str, ...]:
        """RFC 8176 names of what it proves."""
        return ("otp",)

    def may_enrol(self, user: AbstractBaseUser) -> bool:
        """Whether users may add one, or replace it, themselves; what follows is only asked where they may."""
        return False

    def ensure_may_enrol(self, user: AbstractBaseUser, data: Mapping[str, Any]) -> None:
        """What must hold before a challenge is written. Raises ValidationError, Throttled."""
        return

    def about(self, user: AbstractBaseUser, data: Mapping[str, Any]) -> str:
        """What the challenge of an enrolment is about, such as the number: both bodies must name the same."""
        return ""

    def begin(
        self, user: AbstractBaseUser, row: Challenge, data: Mapping[str, Any], request: Request | None
    ) -> dict[str, Any]:
        """Begin an enrolment: what the client needs for it. Raises ProviderUnavailable, ValidationError."""
        return {}

    def check_enrolment_format(self, user: AbstractBaseUser, code: str) -> None:
        """As `check_format`, for the code of an enrolment."""
        return

    def check_enrolment(self, user: AbstractBaseUser, row: Challenge, code: str) -> bool:
        """Whether the code proves what is being enrolled. A try is spent already."""
        return False

    def store(self, user: AbstractBaseUser, row: Challenge, data: Mapping[str, Any]) -> dict[str, Any]:
        """Make it the user's, after `check_enrolment`: its entry of `listed`, and what is told only now.

        Raises InvalidCredentials when that cannot be any more.
        """
        raise NotImplementedError

    def listed(self, user: AbstractBaseUser) -> list[dict[str, Any]]:
        """What the user has: `id`, a text; `method`, `name`; `created_at`, `last_used_at`; what else is no secret."""
        return []

    def remove(self, user: AbstractBaseUser, pk: str) -> bool:
        """Remove the one of that id; False when there is none (any more)."""
        return False

    def rename(self, user: AbstractBaseUser, pk: str, name: str) -> bool:
        """Give the one of that id another name; False when there is none, or it has no name."""
        return False


#: Name of the factor of which providers tell.
PHONE = "phone"


class NotSent(Exception):
    """A provider has not sent a code; the text is its own word for that, for the log."""


class NumberRefused(NotSent):
    """The number is at fault."""


def context_of(user: AbstractBaseUser | None, row: Challenge) -> dict[str, Any]:
    """The context of a message with the code of a row. A login's is good for as long as the ticket beside it."""
    seconds = settings.TOKEN_LIFETIME
    if not row.purpose.startswith("enrol_"):
        seconds = min(seconds, option("ticket_lifetime"))
    return {
        "user": user,
        "language": language_of(user),
        "purpose": row.purpose,
        "lifetime_minutes": math.ceil(seconds / 60),
        "token": "",
        "short_token": row.short_token,
    }


def sender_name(alias: str) -> str:
    """A provider's name in a row: apart from the aliases of `EXTERNAL_2FA`, whose webhooks must not find the row."""
    return f"2fa:{alias}"[:64]


def note_sent(row: Challenge, alias: str, verification_id: str, channel: str) -> None:
    """Write to the row who has sent its code, unless a newer challenge has taken its place."""
    values = {"provider": sender_name(alias), "verification_id": verification_id, "channel": channel}
    Challenge.objects.filter(pk=row.pk, nonce=row.nonce, sends=row.sends).update(**values)


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
