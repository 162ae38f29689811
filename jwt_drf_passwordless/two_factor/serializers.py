"""Bodies of the second factor's endpoints. The password is checked here, as SimpleJWT does; nothing is used up."""

import json
from collections.abc import Mapping
from typing import Any

from rest_framework import serializers
from rest_framework.fields import empty
from rest_framework_simplejwt.serializers import TokenObtainSerializer

from jwt_drf_passwordless.methods import MOBILE
from jwt_drf_passwordless.serializers import IdentifierField, NameField, TextField, TokenField


class ProofField(TokenField):
    """A code; or, where the proof of a factor is a JSON object, that object, which becomes its text."""

    #: Longest object in characters.
    max_object = 8192

    def run_validation(self, data: Any = empty) -> Any:
        if not isinstance(data, Mapping):
            return super().run_validation(data)
        try:
            text = json.dumps(data, separators=(",", ":"))
        except (RecursionError, TypeError, ValueError):
            self.fail("invalid")
        if len(text) > self.max_object:
            self.fail("max_length", max_length=self.max_object)
        return text


class NameSerializer(serializers.Serializer[Any]):
    name = NameField()


class ConfirmationSerializer(serializers.Serializer[Any]):
    """The proof that finishes an enrolment, and what the user calls the factor."""

    token = ProofField(max_length=255)
    name = NameField(required=False, allow_blank=True)


class PasswordSerializer(TokenObtainSerializer):
    """The user model's `USERNAME_FIELD`, or `username` in its place, and `password`.

    Authenticates (`user`) and makes no token, as the classes that SimpleJWT derives from this one do.
    """

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping) and self.username_field not in data and "username" in data:
            data = {**{key: data[key] for key in data}, self.username_field: data["username"]}
        return super().to_internal_value(data)


class PasswordTokenSerializer(PasswordSerializer):
    """The same, and the code: all of the login once more, for clients that keep no ticket."""

    token = ProofField(max_length=255)
    method = TextField(max_length=32, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        super().validate(attrs)
        return attrs


class TicketSerializer(serializers.Serializer[Any]):
    """The ticket, and `method`, the factor that is meant if not the first."""

    ticket = TextField(max_length=2048)
    method = TextField(max_length=32, required=False)


class TicketTokenSerializer(TicketSerializer):
    token = ProofField(max_length=255)


class PhoneField(IdentifierField):
    """A phone number under the key `authy_phone` or `phone_number`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(MOBILE, **kwargs)

    def get_value(self, dictionary: Mapping[Any, Any]) -> Any:
        value = super().get_value(dictionary)
        return dictionary.get("phone_number", empty) if value is empty else value


class PhoneSerializer(serializers.Serializer[Any]):
    authy_phone = PhoneField(for_sending=True)


class PhoneTokenSerializer(serializers.Serializer[Any]):
    authy_phone = PhoneField()
    token = TokenField(max_length=255)


class RemovalSerializer(serializers.Serializer[Any]):
    """A proof for `2fa/step-up/`, of the factor `method` if not of the first; needless with a fresh token."""

    token = ProofField(max_length=255, required=False)
    method = TextField(max_length=32, required=False)
