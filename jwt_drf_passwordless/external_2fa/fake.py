"""A provider that sends nothing and accepts one fixed code: for development, demos and tests."""

import hashlib
import secrets
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from jwt_drf_passwordless.external_2fa.base import (
    External2FAProvider,
    External2FAResult,
    MalformedWebhook,
    VerificationMethod,
    VerificationStatus,
    WebhookEvent,
    WebhookEventType,
    text,
)
from jwt_drf_passwordless.external_2fa.signatures import is_fresh, mac_matches

EVENTS = {event.value: event for event in WebhookEventType}


class FakeVerifyProvider(External2FAProvider):
    """Options: `code`, `webhook_secret` for webhooks, and `insecure`; those of other providers are ignored.

    Whoever knows the code signs in as anybody: it is refused where DEBUG is off, unless `insecure` is True.
    It remembers nothing, so that it works with any number of processes: the code is right for every number,
    as often as it is asked, but not with the verification id of another number.
    """

    name = "fake"
    methods = tuple(VerificationMethod)
    uses_verification_id = True
    signature_header = "X-Fake-Signature"
    timestamp_header = "X-Fake-Timestamp"

    def __init__(
        self, code: str = "123456", *, insecure: bool = False, webhook_secret: str = "", **ignored: object
    ) -> None:
        super().__init__()
        if not settings.DEBUG and insecure is not True:
            raise ImproperlyConfigured(
                "FakeVerifyProvider accepts a known code for every number: choose a real provider, or "
                'set "insecure": True where DEBUG is off and nothing is to be protected.'
            )
        self.code = code
        self.webhook_secret = webhook_secret

    def send_verification(
        self, phone_number: str, method: VerificationMethod = VerificationMethod.SMS
    ) -> External2FAResult:
        id_ = _prefix(phone_number) + secrets.token_hex(8)
        return External2FAResult(True, VerificationStatus.PENDING, verification_id=id_)

    def verify_code(self, phone_number: str, code: str, *, verification_id: str = "") -> External2FAResult:
        if verification_id and not verification_id.startswith(_prefix(phone_number)):
            return External2FAResult(False, VerificationStatus.NOT_FOUND)
        if code != self.code:
            return External2FAResult(False, VerificationStatus.REJECTED)
        return External2FAResult(True, VerificationStatus.ACCEPTED)

    def cancel_verification(self, phone_number: str, *, verification_id: str = "") -> External2FAResult:
        return External2FAResult(True, VerificationStatus.EXPIRED)

    def verify_webhook_signature(self, payload: bytes, signature: str, timestamp: str | None = None) -> bool:
        """Base64 HMAC-SHA256 over time, full stop and raw body; the time, in Unix seconds, no more than 300 s off."""
        signed = f"{timestamp}.".encode("utf-8", "replace") + payload
        return mac_matches(self.webhook_secret.encode(), signed, signature) and is_fresh(timestamp)

    def parse_webhook(self, payload: dict[str, Any], headers: Mapping[str, str] | None = None) -> WebhookEvent:
        event_id = text(payload.get("id"))
        if event_id is None:
            raise MalformedWebhook("This is no event of the fake provider.")
        return WebhookEvent(
            EVENTS.get(text(payload.get("type")) or "", WebhookEventType.UNKNOWN),
            event_id,
            phone_number=text(payload.get("phone_number")),
            verification_id=text(payload.get("verification_id")),
            occurred_at=text(payload.get("occurred_at")),
            raw_payload=payload,
            provider=self.name,
        )


def _prefix(phone_number: str) -> str:
    """What the ids of a number's verifications begin with."""
    return hashlib.sha256(phone_number.encode("utf-8", "replace")).hexdigest()[:16] + "-"
