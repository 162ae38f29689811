"""Sinch Verification: https://developers.sinch.com/docs/verification (both sides sign as "Application")."""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any
from urllib.parse import quote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from jwt_drf_passwordless.external_2fa.base import (
    DeliveryStatus,
    InvalidSignature,
    MalformedWebhook,
    VerificationMethod,
    VerificationStatus,
    WebhookEvent,
    WebhookEventType,
    WebhookReply,
    header,
    json_object,
    text,
)
from jwt_drf_passwordless.external_2fa.http import VendorError, VendorProvider, expect
from jwt_drf_passwordless.external_2fa.signatures import is_fresh, mac_matches, same, sha256_hex
from jwt_drf_passwordless.http import READ_TIMEOUT, Reply

PATH = "/verification/v1/verifications"
CONTENT_TYPE = "application/json"
#: Our name of a channel: Sinch's, and its field for what the user types.
CHANNELS = {"sms": ("sms", "code"), "call": ("callout", "code"), "flashcall": ("flashCall", "cli")}
OUR_NAMES = {name.lower(): ours for ours, (name, _) in CHANNELS.items()}
#: Why a verification has failed.
REASONS = {
    "Invalid code": VerificationStatus.REJECTED,
    "Invalid CLI": VerificationStatus.REJECTED,
    "Hung up without entering valid code": VerificationStatus.REJECTED,
    "Expired": VerificationStatus.EXPIRED,
    "Fraud": VerificationStatus.BLOCKED,
    "Blocked": VerificationStatus.BLOCKED,
    "Destination denied": VerificationStatus.BLOCKED,
    "Denied by callback": VerificationStatus.BLOCKED,
    "Invalid callback": VerificationStatus.MISCONFIGURED,
    "Not enough credit": VerificationStatus.MISCONFIGURED,
    "Internal error": VerificationStatus.UNAVAILABLE,
    "Network error or number unreachable": VerificationStatus.UNSUPPORTED_CHANNEL,
    "SMS delivery failure": VerificationStatus.UNSUPPORTED_CHANNEL,
}
#: What these tell about the message; a wrong code tells nothing about it.
RESULT_EVENTS = {
    VerificationStatus.EXPIRED: (WebhookEventType.EXPIRED, None),
    VerificationStatus.BLOCKED: (WebhookEventType.FAILED, DeliveryStatus.SENDING_FAILED),
    VerificationStatus.MISCONFIGURED: (WebhookEventType.FAILED, DeliveryStatus.SENDING_FAILED),
    VerificationStatus.UNAVAILABLE: (WebhookEventType.FAILED, DeliveryStatus.SENDING_FAILED),
    VerificationStatus.UNSUPPORTED_CHANNEL: (WebhookEventType.FAILED, DeliveryStatus.DELIVERY_FAILED),
}
SMS_EVENTS = {
    "Successful": (WebhookEventType.DELIVERED, DeliveryStatus.DELIVERED),
    "Failed": (WebhookEventType.FAILED, DeliveryStatus.DELIVERY_FAILED),
}
UNKNOWN = (WebhookEventType.UNKNOWN, None)
#: The fields of an event that are kept: the others are the project's own or may hold a code.
FIELDS = ("id", "event", "method", "identity", "status", "reason", "source", "smsResult")
#: With id and channel what makes it another one; Sinch numbers no events.
OUTCOME = ("event", "status", "reason", "smsResult")


class SinchVerificationProvider(VendorProvider):
    """Options: `application_key`, `application_secret` (base64), which is the key of webhooks too.

    A check has to name the channel, so our verification id begins with it: `sms:1234567890`. Checks go by
    number, and their answer must have the id: so both are the vendor's word.
    """

    name = "sinch"
    methods = (VerificationMethod.SMS, VerificationMethod.CALL, VerificationMethod.FLASHCALL)
    default_base_url = "https://verification.api.sinch.com"
    errors = {
        # On a send the number is all that differs, on a check the code.
        "40001": VerificationStatus.INVALID_NUMBER,
        "40003": VerificationStatus.INVALID_NUMBER,
        "40300": VerificationStatus.BLOCKED,
        "42200": VerificationStatus.MISCONFIGURED,
        "42201": VerificationStatus.UNSUPPORTED_CHANNEL,
    }
    statuses = {402: VerificationStatus.MISCONFIGURED}

    def __init__(
        self,
        application_key: str,
        application_secret: str,
        *,
        base_url: str | None = None,
        timeout: float = READ_TIMEOUT,
    ) -> None:
        super().__init__(base_url=base_url, timeout=timeout)
        self.application_key = application_key
        try:
            self.application_secret = base64.b64decode(application_secret, validate=True)
        except ValueError:
            raise ImproperlyConfigured(f"{type(self).__name__}: application_secret must be base64") from None

    def is_configured(self) -> bool:
        return bool(self.application_key and self.application_secret)

    @property
    def accepts_webhooks(self) -> bool:
        return bool(self.application_secret)

    def _error_code(self, reply: Reply) -> object:
        return reply.get("errorCode")

    def _ask(self, verb: str, path: str, content: dict[str, Any]) -> Reply:
        body = json.dumps(content).encode()
        timestamp = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        signed = signed_text(verb, body, CONTENT_TYPE, timestamp, path)
        signature = base64.b64encode(hmac.digest(self.application_secret, signed, "sha256")).decode()
        headers = {"Authorization": f"Application {self.application_key}:{signature}", "x-timestamp": timestamp}
        return self._call(verb, path, data=body, headers={**headers, "Content-Type": CONTENT_TYPE})

    def _start(self, phone_number: str, method: VerificationMethod, locale: str) -> object:
        content = {"identity": {"type": "number", "endpoint": phone_number}, "method": CHANNELS[method.value][0]}
        id_ = text(self._ask("POST", PATH, content).get("id"))
        return id_ and f"{method.value}:{id_}"

    def _check(self, phone_number: str, code: str, verification_id: str) -> VerificationStatus:
        channel, _, id_ = verification_id.partition(":")
        if channel not in CHANNELS or not id_:
            return VerificationStatus.NOT_FOUND
        name, field = CHANNELS[channel]
        # "+" may stand in a path; as "%2B" it would not be clear which form is signed.
        path = f"{PATH}/number/{quote(phone_number, safe='+')}"
        try:
            reply = self._ask("PUT", path, {"method": name, name: {field: code}})
        except VendorError as error:
            is_code = error.status is VerificationStatus.INVALID_NUMBER
            raise VendorError(VerificationStatus.REJECTED if is_code else error.status, error.code) from None
        expect(reply, id_, "id")
        if reply.get("status") == "SUCCESSFUL":
            return VerificationStatus.ACCEPTED
        return REASONS.get(text(reply.get("reason")) or "", VerificationStatus.ERROR)

    def handle_webhook(self, body: bytes, headers: Mapping[str, str], url: str) -> WebhookReply:
        """The signature of `signed_text` under our secret, the time within 300 s of now, and our key."""
        scheme, _, credentials = header(headers, "Authorization").partition(" ")
        key, _, signature = credentials.partition(":")
        timestamp = header(headers, "x-timestamp")
        try:
            path = urlsplit(url).path
        except ValueError:
            raise InvalidSignature from None
        signed = signed_text("POST", body, header(headers, "Content-Type"), timestamp, path)
        is_ours = scheme.lower() == "application" and same(self.application_key, key)
        if not (is_ours and mac_matches(self.application_secret, signed, signature) and _is_fresh(timestamp)):
            raise InvalidSignature
        payload = json_object(body)
        event = self.parse_webhook(payload, headers)
        if payload.get("event") == "VerificationRequestEvent":
            # Sinch asks whether it may go on, and does not without a yes.
            return WebhookReply(body={"action": "allow"})
        return WebhookReply([event])

    def parse_webhook(self, payload: dict[str, Any], headers: Mapping[str, str] | None = None) -> WebhookEvent:
        safe = {name: payload[name] for name in FIELDS if name in payload}
        id_, identity = text(payload.get("id")), payload.get("identity")
        if id_ is None:
            raise MalformedWebhook("This is no event of Sinch.")
        channel = OUR_NAMES.get((text(payload.get("method")) or "").lower())
        type_, delivery = _news(payload)
        return WebhookEvent(
            type_,
            sha256_hex(json.dumps([id_, channel, *(text(payload.get(name)) for name in OUTCOME)]).encode()),
            phone_number=text(identity.get("endpoint")) if isinstance(identity, dict) else None,
            verification_id=text(f"{channel}:{id_}") if channel else None,
            delivery_status=delivery,
            raw_payload=safe,
            provider=self.name,
            number_at_fault=REASONS.get(text(payload.get("reason")) or "") is VerificationStatus.BLOCKED,
        )


def signed_text(verb: str, body: bytes, content_type: str, timestamp: str, path: str) -> bytes:
    """What Sinch's signatures cover: https://developers.sinch.com/docs/verification/api-reference/authentication."""
    digest = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode() if body else ""
    return f"{verb}\n{digest}\n{content_type}\nx-timestamp:{timestamp}\n{path}".encode("utf-8", "replace")


def _is_fresh(timestamp: str) -> bool:
    """Whether an ISO 8601 time in UTC, with any fraction of a second, is within 300 s of now."""
    match = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,9})?(Z|\+00:00)", timestamp, re.ASCII)
    try:
        return match is not None and is_fresh(int(datetime.fromisoformat(f"{match[1]}+00:00").timestamp()))
    except ValueError:
        return False


def _news(payload: dict[str, Any]) -> tuple[WebhookEventType, DeliveryStatus | None]:
    if payload.get("event") == "VerificationSmsDeliveredEvent":
        return SMS_EVENTS.get(text(payload.get("smsResult")) or "", UNKNOWN)
    if payload.get("event") != "VerificationResultEvent":
        return UNKNOWN
    if payload.get("status") == "SUCCESSFUL":
        return WebhookEventType.VERIFIED, None
    return RESULT_EVENTS.get(REASONS.get(text(payload.get("reason")) or "", VerificationStatus.ERROR), UNKNOWN)
