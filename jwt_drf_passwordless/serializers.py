"""Request and exchange bodies: fields and formats. Nothing is looked up, used up or sent here."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from rest_framework import serializers
from rest_framework.fields import empty

from jwt_drf_passwordless import token_response, users
from jwt_drf_passwordless.conf import message, settings
from jwt_drf_passwordless.exceptions import MethodDisabled
from jwt_drf_passwordless.methods import EMAIL, METHODS, MOBILE, LoginMethod
from jwt_drf_passwordless.services import PasswordlessTokenService
from jwt_drf_passwordless.token_response import PasswordlessJwtRefreshTokenResponse

__all__ = [
    "AbstractPasswordlessTokenExchangeSerializer",
    "AbstractPasswordlessTokenRequestSerializer",
    "ExternalMobileTokenExchangeSerializer",
    "PasswordlessEmailTokenExchangeSerializer",
    "PasswordlessEmailTokenRequestSerializer",
    "PasswordlessJwtRefreshTokenResponse",
    "PasswordlessMobileTokenExchangeSerializer",
    "PasswordlessMobileTokenRequestSerializer",
    "PasswordlessTokenExchangeSerializer",
    "PasswordlessTokenService",
]


class TextField(serializers.CharField):
    """A text; unlike CharField it takes no numbers, which lose leading zeros and signs (ASVS 15.3.5)."""

    def run_validation(self, data: Any = empty) -> Any:
        if data is not empty and data is not None and not isinstance(data, str):
            self.fail("invalid")
        return super().run_validation(data)


class NameField(TextField):
    """What a user calls a session, factor or device: one line of at most 64 characters."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=64, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        text = " ".join(super().to_internal_value(data).split())
        if not text.isprintable():
            self.fail("invalid")
        return text


class IdentifierField(TextField):
    """An email address or phone number; validated to its canonical form."""

    def __init__(self, method: LoginMethod, *, for_sending: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.method = method
        self.for_sending = for_sending

    def to_internal_value(self, data: Any) -> str:
        identifier = self.method.canonicalize(super().to_internal_value(data))
        if identifier is None:
            raise serializers.ValidationError(message(self.method.invalid_message), code="invalid")
        if self.for_sending and not self.method.may_be_sent_to(identifier):
            raise serializers.ValidationError(message("CANNOT_SEND_THERE"), code="cannot_send_there")
        return identifier


class ChannelField(TextField):
    """A channel that the mobile method has now: "sms", or what the vendor offers."""

    def to_internal_value(self, data: Any) -> str:
        channel: str = super().to_internal_value(data).lower()
        if channel not in MOBILE.channels:
            sentence = message("UNKNOWN_CHANNEL") % {"channels": ", ".join(MOBILE.channels)}
            raise serializers.ValidationError(sentence, code="invalid_choice")
        return channel


class TokenField(TextField):
    """A code or a link's token, under the key `token` or `code`, without the spaces and hyphens of people."""

    def get_value(self, dictionary: Mapping[Any, Any]) -> Any:
        value = super().get_value(dictionary)
        return dictionary.get("code", empty) if value is empty else value

    def to_internal_value(self, data: Any) -> str:
        token: str = super().to_internal_value(data)
        alphabet = settings.SHORT_TOKEN_CHARS + settings.LONG_TOKEN_CHARS
        return "".join(char for char in token if char in alphabet or char not in " -")


class AbstractPasswordlessTokenRequestSerializer(serializers.Serializer[Any]):
    """Body of a request: the identifier of `method`. Its account hooks may be overridden by a project."""

    method: LoginMethod

    @property
    def token_request_identifier_field(self) -> str:
        return self.method.field

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), self.method.field: IdentifierField(self.method, for_sending=True)}

    def find_user_by_identifier(self, identifier_value: str) -> AbstractBaseUser | None:
        """The user of a canonical identifier, or None; MultipleObjectsReturned when there are two.

        The user's field must hold the identifier, or the code that is sent will let nobody in.
        """
        return users.find_user(self.method, identifier_value)

    def create(self, validated_data: dict[str, Any]) -> AbstractBaseUser:
        """Make the account of `validated_data`, which holds the canonical identifier under the field's name.

        Called once the identifier is proven (or at the request, with `REGISTER_ON`), inside a
        savepoint: an IntegrityError refuses the login.
        """
        return users.register(self.method, validated_data[self.method.field])


class PasswordlessEmailTokenRequestSerializer(AbstractPasswordlessTokenRequestSerializer):
    """Body of a request by email: `EMAIL_FIELD_NAME`."""

    method = EMAIL


class PasswordlessMobileTokenRequestSerializer(AbstractPasswordlessTokenRequestSerializer):
    """Body of a request by phone; `method` in it is the channel."""

    method = MOBILE

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), "method": ChannelField(required=False)}


class AbstractPasswordlessTokenExchangeSerializer(serializers.Serializer[Any]):
    """Body of an exchange: `token`, for a code the identifier of one of `methods`, with `BIND_TO_REQUEST` `handle`."""

    methods: tuple[LoginMethod, ...]

    def get_fields(self) -> dict[str, Any]:
        # Made here: what the class declares is copied for each body, which takes longer.
        own: dict[str, Any] = {"token": TokenField(max_length=255)}
        if settings.BIND_TO_REQUEST:
            own["handle"] = TextField(max_length=64, required=False)
        identifiers = {method.field: IdentifierField(method, required=False) for method in self.methods}
        return {**own, **super().get_fields(), **identifiers}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        given = [method for method in self.methods if method.field in attrs]
        if len(given) > 1:
            raise serializers.ValidationError(message("ONE_IDENTIFIER_ONLY"), code="one_identifier_only")
        if not given and len(attrs["token"]) != settings.LONG_TOKEN_LENGTH:
            wanted = next(method for method in self.methods if method.is_enabled)
            field = self.fields[wanted.field]
            raise serializers.ValidationError({wanted.field: field.error_messages["required"]}, code="required")
        if any(not method.is_enabled for method in given):
            raise MethodDisabled
        return attrs

    @property
    def token_request_identifier_field(self) -> str | None:
        """The user field to which this exchange is bound, or None for a link alone."""
        fields = [method.field for method in self.methods]
        if len(fields) == 1:
            return fields[0]
        return next((field for field in fields if field in self.validated_data), None)

    @classmethod
    def generate_auth_token(cls, user: AbstractBaseUser) -> dict[str, Any]:
        """The body of the answer. A project that adds keys to it overrides this, not `validate`."""
        return token_response.generate_auth_token(user)


class PasswordlessEmailTokenExchangeSerializer(AbstractPasswordlessTokenExchangeSerializer):
    """Body of an exchange by email."""

    methods = (EMAIL,)


class PasswordlessMobileTokenExchangeSerializer(AbstractPasswordlessTokenExchangeSerializer):
    """Body of an exchange by phone, with codes of ours."""

    methods = (MOBILE,)


class ExternalMobileTokenExchangeSerializer(PasswordlessMobileTokenExchangeSerializer):
    """Body of an exchange by phone while a vendor makes the codes."""


class PasswordlessTokenExchangeSerializer(AbstractPasswordlessTokenExchangeSerializer):
    """Body of `exchange/`, for either method."""

    methods = METHODS
