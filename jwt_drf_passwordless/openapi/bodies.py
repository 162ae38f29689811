"""Bodies that no serializer of the views describes as a whole."""

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

from django.contrib.auth import get_user_model
from rest_framework import serializers
from rest_framework.fields import Field

from jwt_drf_passwordless.methods import EMAIL, MOBILE, LoginMethod
from jwt_drf_passwordless.openapi.answers import JWT, TICKET
from jwt_drf_passwordless.serializers import IdentifierField, TextField, TokenField
from jwt_drf_passwordless.sessions.serializers import NameSerializer as SessionNameSerializer
from jwt_drf_passwordless.two_factor import serializers as factors


class IdentifierBody(serializers.Serializer[Any]):
    """The key is the name of the user's field."""

    method: LoginMethod

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), self.method.field: IdentifierField(self.method)}


class ContactEmail(IdentifierBody):
    method = EMAIL


class ContactMobile(IdentifierBody):
    method = MOBILE


class ContactEmailConfirmation(ContactEmail):
    token = TokenField(max_length=255)


class ContactMobileConfirmation(ContactMobile):
    token = TokenField(max_length=255)


class FactorBeginning(serializers.Serializer[Any]):
    """`authy_phone`: the phone only."""

    authy_phone = factors.PhoneField(required=False)


class FactorConfirmation(factors.ConfirmationSerializer):
    """`authy_phone`: the phone only, as at the beginning."""

    authy_phone = factors.PhoneField(required=False)


class SecondFactorProof(factors.TicketTokenSerializer):
    """The ticket; or, in its place, the user's name field, or `username`, and `password`."""

    ticket = TextField(max_length=2048, required=False)
    password = TextField(required=False)

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), get_user_model().USERNAME_FIELD: TextField(required=False)}


class Whole(serializers.Serializer[Any]):
    """Of a PATCH; drf-spectacular takes all keys of such a body to be optional."""

    @property
    def partial(self) -> bool:
        return False

    @partial.setter
    def partial(self, value: bool) -> None: ...


class FactorName(Whole, factors.NameSerializer):
    """One line."""


class SessionName(Whole, SessionNameSerializer):
    """May be empty."""


#: What an example has for a key; for the names of user fields see `example_body`.
EXAMPLES: dict[str, Any] = {
    "captcha": "10000000-aaaa-bbbb-cccc-000000000001",
    "credential": {"id": "Zm9v", "type": "public-key", "response": {"clientDataJSON": "e30", "signature": "MEUC"}},
    "method": "totp",
    "name": "My phone",
    "password": "correct horse battery",
    "refresh": JWT,
    "ticket": TICKET,
    "token": "123456",
}
#: Keys that are shown although the body may do without.
SHOWN = {"ticket", "captcha"}


def example_body(fields: Mapping[str, Any]) -> dict[str, Any]:
    """What a client sends: what must be there, or all where nothing must, and the first of the identifiers."""
    wanted = {name for name, field in fields.items() if field.required} or set(fields)
    wanted |= {*[name for name, field in fields.items() if isinstance(field, IdentifierField)][:1], *SHOWN}
    return {name: _example_value(name, field) for name, field in fields.items() if name in wanted}


def _example_value(name: str, field: Any) -> Any:
    if isinstance(field, IdentifierField):
        return "ada@example.com" if field.method is EMAIL else "+12015550123"
    return EXAMPLES.get(name, "ada")


#: Keys of bodies that are read beside the serializer.
KEYS: dict[str, Callable[[], Field[Any, Any, Any, Any]]] = {
    "captcha": partial(serializers.CharField, required=False),
    "device_token": partial(serializers.CharField, required=False, max_length=255),
    "trust_device": partial(serializers.BooleanField, required=False),
}


@cache
def body_with(serializer_class: type[serializers.Serializer[Any]], keys: tuple[str, ...]) -> Any:
    """The serializer with further `KEYS`; one class for one answer, as drf-spectacular compares them."""
    return type(serializer_class.__name__, (serializer_class,), {key: KEYS[key]() for key in keys})
