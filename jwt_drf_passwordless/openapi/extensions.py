"""The extensions, which register themselves: views, fields, authentication.

The table is read anew for each schema: names of fields, serializers and sentences are those of the settings.
"""

import re
from http import HTTPStatus
from typing import Any

from drf_spectacular.contrib.rest_framework_simplejwt import SimpleJWTScheme
from drf_spectacular.extensions import OpenApiSerializerFieldExtension, OpenApiViewExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiResponse,
    PolymorphicProxySerializer,
    extend_schema,
    extend_schema_view,
)
from rest_framework import exceptions as drf
from rest_framework.fields import Field

from jwt_drf_passwordless import exceptions as ours
from jwt_drf_passwordless.base_views import FlowView, UserView
from jwt_drf_passwordless.conf import message, settings
from jwt_drf_passwordless.constants import Messages
from jwt_drf_passwordless.methods import EMAIL, MOBILE
from jwt_drf_passwordless.openapi.answers import EITHER, PasswordlessFailure, TokenFailure
from jwt_drf_passwordless.openapi.bodies import body_with, example_body
from jwt_drf_passwordless.openapi.operations import CAPTCHA, OPERATIONS, THROTTLED, UNKNOWN, UNREADABLE, Operation
from jwt_drf_passwordless.serializers import ChannelField, IdentifierField, TextField, TokenField
from jwt_drf_passwordless.sessions import views as sessions
from jwt_drf_passwordless.two_factor import serializers as factors

#: Where Python's own phrase has changed: RFC 9110 section 15.5.14.
PHRASES = {413: "Content Too Large"}

#: By the part of the package that a view is in.
TAGS = {"sessions": "Sessions", "two_factor": "Second factor", "contact": "Contact", "external_2fa": "Vendors"}


#: Django's `slug`.
SLUG = "^[-a-zA-Z0-9_]+$"
VARIABLES = {
    "method": OpenApiParameter(
        "method", str, "path", pattern=SLUG, description="A factor: totp, phone, email, passkey, recovery_code."
    ),
    "alias": OpenApiParameter("alias", str, "path", description="The provider's."),
}
FACTOR_ID = OpenApiParameter("id", str, "path", pattern=SLUG, description="Of the list.")


class FlowViewSchema(OpenApiViewExtension):
    """Our views, and a project's subclasses of them; one that is none of the table stays as it is."""

    target_class = FlowView
    match_subclasses = True

    def view_replacement(self) -> Any:
        view: Any = self.target
        known = next((base for base in view.__mro__ if base in OPERATIONS), None)
        if known is None:
            return view
        tag = TAGS.get(known.__module__.split(".")[1], "Login")
        schemas = {verb: schema_of(view, operation, tag) for verb, operation in OPERATIONS[known].items()}
        described = extend_schema_view(**schemas)(type(view.__name__, (view,), {}))
        for verb in schemas:
            kept = getattr(described, verb).kwargs
            kept["schema"] = type("FlowSchema", (FlowSchema, kept["schema"]), {})
        return described


class FlowSchema(AutoSchema):
    """Mixed into the schema of each operation."""

    def get_operation_id(self) -> str:
        """Apart from that of the whole collection, and of the route without the variable."""
        name, path = super().get_operation_id(), self.path
        return f"{name}_by_{path.split('{')[-1].rstrip('}/')}" if path.endswith("}/") else name

    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        """With the body that some DELETE have, which drf-spectacular leaves out."""
        operation = super().get_operation(*args, **kwargs)
        body = self.get_request_serializer() if self.method == "DELETE" else None
        if operation and body is not None:
            schema = self.resolve_serializer(body, "request").ref
            examples = {one.name: {"value": one.value} for one in self.get_examples()}
            operation["requestBody"] = {"content": {"application/json": {"schema": schema, "examples": examples}}}
        return operation

    def get_override_parameters(self) -> list[Any]:
        """With what is known of the variables in the path."""
        names = re.findall(r"{(\w+)}", self.path)
        known = [VARIABLES[name] for name in names if name in VARIABLES]
        return [*super().get_override_parameters(), *known, *([FACTOR_ID] if {"method", "id"} <= set(names) else [])]


def schema_of(view: Any, operation: Operation, tag: str) -> Any:
    """What decorates the method of a view."""
    body, keys, fails = operation.body, operation.keys, operation.fails
    if getattr(view, "limit", ""):
        fails += (THROTTLED,)
        if settings.CAPTCHA and body is not None:
            keys, fails = (*keys, "captcha"), fails + CAPTCHA
    if view.is_enabled is not sessions.TokenView.is_enabled:
        fails += (ours.MethodDisabled,)
    if issubclass(view, UserView):
        fails += UNKNOWN
    asked, refused = None, dict[int, list[OpenApiExample]]()
    if body not in (None, OpenApiTypes.OBJECT):
        fails += UNREADABLE
        body = body_with(body if isinstance(body, type) else body(view), keys)
        fields = body().fields
        asked = OpenApiExample("OK", example_body(fields), request_only=True)
        refused[400] = [OpenApiExample("fields", {next(iter(fields)): [str(Field.default_error_messages["required"])]})]
    for failure in dict.fromkeys(fails):
        error = failure()
        refused.setdefault(error.status_code, []).append(failed(error))
    failures = {400: EITHER, 401: TokenFailure if issubclass(view, UserView) else PasswordlessFailure}
    retry_after = OpenApiParameter("Retry-After", int, "header", description="Seconds.", response=[429])
    return extend_schema(
        summary=operation.summary,
        tags=[tag],
        request=body,
        examples=[asked] if asked else [],
        parameters=[retry_after] if 429 in refused else [],
        responses={
            **{status: answered(status, of) for status, of in operation.answers.items()},
            **{
                status: answer(status, failures.get(status, PasswordlessFailure), examples)
                for status, examples in sorted(refused.items())
            },
        },
    )


def failed(error: drf.APIException) -> OpenApiExample:
    """What `FlowView` makes of an error."""
    detail: Any = error.detail
    value = plain(detail if isinstance(detail, dict) else {"detail": detail, "code": detail.code})
    return OpenApiExample(value["code"], value)


def plain(part: Any) -> Any:
    """Texts in the place of what is one when it is rendered."""
    if isinstance(part, dict):
        return {key: plain(value) for key, value in part.items()}
    return [plain(value) for value in part] if isinstance(part, list) else str(part)


def answered(status: int, of: Any) -> OpenApiResponse:
    """What `Operation.answers` has for a status, with examples."""
    if of is None:
        return answer(status, None, [])
    if of is dict:
        return answer(status, {"type": "object"}, [OpenApiExample("OK", {})])
    if isinstance(of, list):
        either = PolymorphicProxySerializer("SecondStep", of, resource_type_field_name=None)
        return answer(status, either, [example_of(one) for one in of])
    return answer(status, of, [example_of(getattr(of, "child", of))])


def answer(status: int, schema: Any, examples: list[OpenApiExample]) -> OpenApiResponse:
    return OpenApiResponse(schema, description=PHRASES.get(status, HTTPStatus(status).phrase), examples=examples)


def example_of(answer: Any) -> OpenApiExample:
    """That of the class, with sentences in the place of their names."""
    value = {key: sentence_of(part) if key in ("detail", "message") else part for key, part in answer.example.items()}
    return OpenApiExample(value.get("code", "OK"), value)


def sentence_of(name: str) -> str:
    """The sentence of that name; a text that is none as it is."""
    return str(message(name)) if hasattr(Messages, name) else name


class TextFieldSchema(OpenApiSerializerFieldExtension):
    """Our fields: formats, other keys, and what else than a text they take."""

    target_class = TextField
    match_subclasses = True

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        field = self.target
        schema: dict[str, Any] = auto_schema._map_serializer_field(field, direction, bypass_extensions=True)
        if isinstance(field, IdentifierField):
            schema["format"] = "email" if field.method is EMAIL else "phone"
        if isinstance(field, factors.PhoneField):
            schema["description"] = "Under `phone_number` as well."
        if isinstance(field, ChannelField):
            schema["description"] = f"The channel: {', '.join(MOBILE.channels)}."
        if isinstance(field, TokenField):
            schema["description"] = "Under `code` as well."
        if isinstance(field, factors.ProofField):
            return {"oneOf": [schema, {"type": "object"}]}
        return schema


class EnrolmentScheme(SimpleJWTScheme):
    """The token of a 206 that asks for an enrolment."""

    target_class = "jwt_drf_passwordless.two_factor.authentication.EnrolmentAuthentication"
    name = "enrolmentAuth"


class SessionScheme(SimpleJWTScheme):
    """As that of SimpleJWT."""

    target_class = "jwt_drf_passwordless.sessions.authentication.SessionJWTAuthentication"
