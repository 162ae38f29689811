"""Ways to sign in: which user field, which form of the identifier, which serializers and sender."""

import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Protocol

import phonenumbers
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import connections
from django.db.models import Func, QuerySet, TextField
from django.db.models.functions import Lower
from django.db.models.lookups import Exact
from phonenumber_field.phonenumber import to_python
from rest_framework.request import Request

from jwt_drf_passwordless import limits
from jwt_drf_passwordless.conf import VERIFIER, resolve, settings
from jwt_drf_passwordless.delivery import Message
from jwt_drf_passwordless.messages import speaking
from jwt_drf_passwordless.models import PasswordlessChallengeToken

#: Longest email address in characters (RFC 5321 section 4.5.3.1.3, errata 1690).
MAX_EMAIL_LENGTH = 254
#: Longest phone number in characters as typed, with signs and spaces.
MAX_PHONE_LENGTH = 32
#: Numbers that cost the caller extra; nobody's own phone.
REFUSED_NUMBER_TYPES = {phonenumbers.PhoneNumberType.PREMIUM_RATE, phonenumbers.PhoneNumberType.SHARED_COST}


class Accounts(Protocol):
    """What a flow asks of a request serializer; projects override these to change who is found or made."""

    def find_user_by_identifier(self, identifier_value: str) -> AbstractBaseUser | None: ...

    def create(self, validated_data: dict[str, Any]) -> AbstractBaseUser: ...


class Verifier(Protocol):
    """Who makes, sends and checks the codes of a method in our place."""

    @property
    def channels(self) -> tuple[str, ...]:
        """By which a code can be sent; the first is the default."""

    def ensure_available(self) -> None:
        """Raises ProviderUnavailable while it is known that nobody can be asked."""

    def message(self, challenge: PasswordlessChallengeToken, channel: str | None, language: str | None) -> Message:
        """What starts the verification when it is sent; the vendor chooses the language for None."""

    def check(self, challenge: PasswordlessChallengeToken, code: str) -> bool:
        """Whether the vendor of the challenge accepts the code. Never raises."""


class LoginMethod(ABC):
    """One way to sign in. `name` is its word in `ALLOWED_PASSWORDLESS_METHODS`."""

    name: str
    #: By which a code can be sent; the first is the default.
    channels: tuple[str, ...]
    #: RFC 8176 names of what a login by this method proves, by channel; "" is the default one.
    amr: Mapping[str, tuple[str, ...]]
    #: Key of the request serializer in `SERIALIZERS`.
    request_serializer: str
    #: The setting that names its field.
    field_setting: str
    #: The sentence, in the messages class, for an identifier that cannot be used.
    invalid_message: str

    @property
    def field(self) -> str:
        """Name of the user field, which is that of the body's key too."""
        name: str = getattr(settings, self.field_setting)
        return name

    @abstractmethod
    def canonicalize(self, value: object) -> str | None:
        """The one form in which an identifier is stored, compared and sent to; None if it has none.

        `value` is a submitted text or what a user's field holds. The length is checked before any
        other work is done.
        """

    @abstractmethod
    def matching(self, users: "QuerySet[Any]", identifier: str) -> "QuerySet[Any]":
        """Those of `users` whose field may hold the canonical `identifier`."""

    @abstractmethod
    def render(self, request: Request | None, context: Mapping[str, Any], to: str) -> Message:
        """The finished message to the address `to`, in the `language` of the context, or the current one for None."""

    def address(self, user: AbstractBaseUser) -> str:
        """Where messages to a user go: to what the account has stored, never to what was submitted."""
        return str(getattr(user, self.field))

    @property
    def verifier(self) -> Verifier | None:
        """Who makes the codes, if it is not us."""
        return None

    def may_be_sent_to(self, identifier: str) -> bool:
        """Whether the site sends messages to this identifier, whosever it is."""
        return True

    def ensure_may_send(self, identifier: str, *, reaches_strangers: bool) -> None:  # noqa: B027 - not all have limits
        """Count a request for an identifier, whosever it is. Raises Throttled, DeliveryUnavailable.

        `reaches_strangers`: whether an identifier that no account has is sent something.
        """

    def spend(self) -> None:  # noqa: B027
        """Count a message that is about to be sent. What it raises is a failed delivery."""

    def amr_of(self, channel: str) -> tuple[str, ...]:
        return self.amr.get(channel, ("otp",))

    @property
    def is_enabled(self) -> bool:
        return self.name in {name.upper() for name in settings.ALLOWED_PASSWORDLESS_METHODS}

    def accounts(self, request: Request | None) -> Accounts:
        """The request serializer that the project names, for its account hooks."""
        serializer_class = getattr(settings.SERIALIZERS, self.request_serializer)
        accounts: Accounts = serializer_class(context={"request": request})
        return accounts


class EmailMethod(LoginMethod):
    name = "EMAIL"
    channels = ("email",)
    amr: Mapping[str, tuple[str, ...]] = {}
    request_serializer = "passwordless_email_token_request"
    field_setting = "EMAIL_FIELD_NAME"
    invalid_message = "INVALID_EMAIL"

    def canonicalize(self, value: object) -> str | None:
        """NFKC and case-folded; None for what is no plain address, or where that is more than lower case.

        Sharp s folds to "ss" and full-width letters to ASCII, which names another mailbox, and IDNA
        drops characters from domains: each mailbox must have one form, or it has several cooldowns
        (Unicode TR36 section 2.11.2, CVE-2019-19844). Quoted local parts, which mailers decode, RFC
        2047 words, which they decode too, and IP addresses for a domain are no plain addresses.
        """
        if not isinstance(value, str) or len(value) > MAX_EMAIL_LENGTH or not value.isprintable():
            return None
        form = unicodedata.normalize("NFKC", value).casefold()
        if form != value.lower() or any(mark in form for mark in ('"', "[", "=?")):
            return None
        try:
            validate_email(form)
            domain = form.rpartition("@")[2]
            survives_idna = domain.isascii() or domain.encode("idna").decode("idna") == domain
        except (UnicodeError, ValidationError):
            return None
        return form if survives_idna and len(form) <= MAX_EMAIL_LENGTH else None

    def matching(self, users: "QuerySet[Any]", identifier: str) -> "QuerySet[Any]":
        if connections[users.db].vendor == "mysql":  # its collations take accented letters for plain ones
            as_bytes = Func(Lower(self.field), template="CAST(%(expressions)s AS BINARY)", output_field=TextField())
            users = users.filter(Exact(as_bytes, identifier))
        if settings.EMAIL_LOOKUP == "exact":
            return users.filter(**{self.field: identifier})
        return users.filter(Exact(Lower(self.field), identifier))

    def render(self, request: Request | None, context: Mapping[str, Any], to: str) -> Message:
        with speaking(context.get("language")):
            message: Message = settings.EMAIL.passwordless_request(request, context).render([to])
        return message


class MobileMethod(LoginMethod):
    name = "MOBILE"
    amr: Mapping[str, tuple[str, ...]] = {
        "": ("otp", "sms"),
        "sms": ("otp", "sms"),
        "call": ("otp", "tel"),
        "flashcall": ("otp", "tel"),
        # Of these RFC 8176 knows no more than that the number was proven.
        "whatsapp": ("otp", "tel"),
        "rcs": ("otp", "tel"),
    }
    request_serializer = "passwordless_mobile_token_request"
    field_setting = "MOBILE_FIELD_NAME"
    invalid_message = "INVALID_PHONE_NUMBER"

    def canonicalize(self, value: object) -> str | None:
        """E.164; None for what is no valid number of a subscriber, with an extension, or premium rate."""
        if not isinstance(value, str | phonenumbers.PhoneNumber):
            return None
        if isinstance(value, str) and (len(value) > MAX_PHONE_LENGTH or not value.isprintable()):
            return None
        number = to_python(value)
        if not number or not number.is_valid() or number.extension:
            return None
        return None if phonenumbers.number_type(number) in REFUSED_NUMBER_TYPES else number.as_e164

    @property
    def channels(self) -> tuple[str, ...]:  # type: ignore[override]
        return self.verifier.channels if self.verifier else ("sms",)

    @property
    def verifier(self) -> Verifier | None:
        verifier: Verifier | None = resolve(VERIFIER) if settings.EXTERNAL_2FA else None
        return verifier

    def may_be_sent_to(self, identifier: str) -> bool:
        return limits.may_be_sent_to(identifier)

    def ensure_may_send(self, identifier: str, *, reaches_strangers: bool) -> None:
        if reaches_strangers:
            limits.check_number(identifier)
        limits.ensure_budget()

    def spend(self) -> None:
        limits.spend_budget()

    def address(self, user: AbstractBaseUser) -> str:
        return self.canonicalize(getattr(user, self.field)) or ""

    def matching(self, users: "QuerySet[Any]", identifier: str) -> "QuerySet[Any]":
        return users.filter(**{self.field: identifier})

    def render(self, request: Request | None, context: Mapping[str, Any], to: str) -> Message:
        with speaking(context.get("language")):
            message: Message = settings.SMS_SENDERS.passwordless_request(request, context).render(to)
        return message


EMAIL = EmailMethod()
MOBILE = MobileMethod()
METHODS: tuple[LoginMethod, ...] = (EMAIL, MOBILE)


def method_for(field: str) -> LoginMethod | None:
    """The method that signs in by a user field, or None."""
    return next((method for method in METHODS if method.field == field), None)
