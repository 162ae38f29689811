"""What the routes answer, with an example of each."""

from typing import Any, ClassVar

from rest_framework import serializers

from jwt_drf_passwordless.sessions.serializers import SessionSerializer

JWT = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9..."
TICKET = "eyJraW5kIjoi..."
WHEN = "2026-11-22T10:00:00Z"
LATER = "2026-12-22T10:00:00Z"
AGENT = "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"


class Answer(serializers.Serializer[Any]):
    #: What it looks like. Its `detail` and `message` may be names of sentences.
    example: ClassVar[Any] = {}


class TokenPair(Answer):
    """`device_token`: after `trust_device` only."""

    example = {"refresh": JWT, "access": JWT}

    refresh = serializers.CharField()
    access = serializers.CharField()
    device_token = serializers.CharField(required=False)


class RefreshedToken(Answer):
    """`refresh`: with `SESSIONS`, or where SimpleJWT rotates."""

    example = {"access": JWT, "refresh": JWT}

    access = serializers.CharField()
    refresh = serializers.CharField(required=False)


class Notice(Answer):
    example = {"detail": "TOKEN_SENT", "code": "token_sent"}

    detail = serializers.CharField()
    code = serializers.CharField()


class TokenSent(Notice):
    """`handle`: with `BIND_TO_REQUEST`, to be sent with the code."""

    handle = serializers.CharField(required=False)


class ContactChanged(Notice):
    example = {"detail": "CONTACT_CHANGED", "code": "contact_changed"}


class SecondFactorTicket(Notice):
    """`retry_after`: seconds, where a code was sent before; `options`: by factor, what a client needs for the proof."""

    example = {
        "message": "SECOND_FACTOR_REQUIRED",
        "detail": "SECOND_FACTOR_REQUIRED",
        "code": "second_factor_required",
        "ticket": TICKET,
        "methods": ["phone"],
        "sent": True,
    }

    message = serializers.CharField()
    ticket = serializers.CharField()
    methods = serializers.ListField(child=serializers.CharField())
    sent = serializers.BooleanField()
    retry_after = serializers.FloatField(required=False, allow_null=True)
    options = serializers.DictField(required=False)


class SecondFactorEnrolment(Notice):
    """The token opens the routes of enrolment only."""

    example = {
        "detail": "SECOND_FACTOR_ENROLMENT_REQUIRED",
        "code": "second_factor_enrolment_required",
        "enrolment_token": JWT,
    }

    enrolment_token = serializers.CharField()


class WebhookTaken(Answer):
    """Or what the vendor wants."""

    example = {"detail": "OK"}

    detail = serializers.CharField(required=False)


class PhoneStatus(Answer):
    example = {"enrolled": True, "phone": "***77", "confirmed_at": WHEN}

    enrolled = serializers.BooleanField()
    phone = serializers.CharField(required=False)
    confirmed_at = serializers.DateTimeField(required=False, allow_null=True)


class FactorEntry(Answer):
    """`phone`, `email`: of their kind, masked; `remaining` and, at once after they are made, `codes`: recovery codes;
    the rest: passkeys."""

    example = {"id": "7", "method": "totp", "name": "My phone", "created_at": WHEN, "last_used_at": None}

    id = serializers.CharField()
    method = serializers.CharField()
    name = serializers.CharField()
    created_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)
    phone = serializers.CharField(required=False)
    email = serializers.CharField(required=False)
    remaining = serializers.IntegerField(required=False)
    codes = serializers.ListField(child=serializers.CharField(), required=False)
    synced = serializers.BooleanField(required=False)
    aaguid = serializers.CharField(required=False)
    transports = serializers.ListField(child=serializers.CharField(), required=False)


class FactorOverview(Answer):
    """`available`: what may be added or replaced."""

    example = {"factors": [FactorEntry.example], "available": ["totp", "phone"], "required": False}

    factors = FactorEntry(many=True)
    available = serializers.ListField(child=serializers.CharField())
    required = serializers.BooleanField()  # type: ignore[assignment]


class FactorBegun(Answer):
    """`sent`: phone and email; `email`: the address, masked; `secret`, `otpauth_uri`, `qr_svg`: apps;
    `publicKey`: passkeys."""

    example = {"method": "phone", "sent": True}

    method = serializers.CharField()
    sent = serializers.BooleanField(required=False)
    email = serializers.CharField(required=False)
    secret = serializers.CharField(required=False)
    otpauth_uri = serializers.CharField(required=False)
    qr_svg = serializers.CharField(required=False)
    publicKey = serializers.DictField(required=False)


class PasskeyRequest(Answer):
    example = {"publicKey": {"challenge": "bm9uY2U", "rpId": "shop.example", "allowCredentials": []}, "ticket": TICKET}

    publicKey = serializers.DictField()
    ticket = serializers.CharField()


class TrustedDevice(Answer):
    example = {
        "id": 7,
        "name": AGENT,
        "network": "203.0.113.0/24",
        "created_at": WHEN,
        "last_used_at": WHEN,
        "expires_at": LATER,
    }

    id = serializers.IntegerField()
    name = serializers.CharField()
    network = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField()


class UserSession(SessionSerializer):
    example: ClassVar[Any] = {
        "id": "0b0f1f0e-6c36-4a52-b5f5-9d5a4f0c6f0e",
        "name": AGENT,
        "created_at": WHEN,
        "last_used_at": WHEN,
        "expires_at": LATER,
        "network": "203.0.113.0/24",
        "amr": ["otp"],
        "current": True,
    }

    amr = serializers.ListField(child=serializers.CharField())  # type: ignore[assignment]
    current = serializers.BooleanField()  # type: ignore[assignment]


class PasswordlessFailure(Notice):
    """One failure."""


class TokenFailure(Notice):
    """`messages`: of a token that is of no type that the route takes."""

    messages = serializers.ListField(child=serializers.DictField(), required=False)


#: Errors of fields: `{"field": ["sentence"]}`, those of a body as a whole under `non_field_errors`.
FIELD_ERRORS = {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}}

EITHER = {"oneOf": [{"$ref": f"#/components/schemas/{PasswordlessFailure.__name__}"}, FIELD_ERRORS]}
