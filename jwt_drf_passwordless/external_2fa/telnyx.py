"""Telnyx Verify v2: https://developers.telnyx.com/api/verify (webhooks signed with Ed25519)."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from jwt_drf_passwordless.external_2fa.base import (
    DeliveryStatus,
    MalformedWebhook,
    VerificationMethod,
    VerificationStatus,
    WebhookEvent,
    WebhookEventType,
    text,
)
from jwt_drf_passwordless.external_2fa.http import VendorProvider, expect, segment
from jwt_drf_passwordless.external_2fa.signatures import is_fresh
from jwt_drf_passwordless.http import READ_TIMEOUT, Reply

STATUSES = {"accepted": VerificationStatus.ACCEPTED, "rejected": VerificationStatus.REJECTED}
EVENTS = {
    "verify.sent": WebhookEventType.SENT,
    "verify.delivered": WebhookEventType.DELIVERED,
    "verify.failed": WebhookEventType.FAILED,
}
DELIVERIES = {status.value: status for status in DeliveryStatus}


class TelnyxVerifyProvider(VendorProvider):
    """Options: `api_key`, `verify_profile_id`, and for webhooks `webhook_public_key` (base64).

    Without the id of a verification, `verify_code` checks against the newest one of the number.
    """

    name = "telnyx"
    methods = (
        VerificationMethod.SMS,
        VerificationMethod.CALL,
        VerificationMethod.FLASHCALL,
        VerificationMethod.WHATSAPP,
    )
    default_base_url = "https://api.telnyx.com/v2"
    errors = {
        "10001": VerificationStatus.INVALID_NUMBER,
        "10002": VerificationStatus.INVALID_NUMBER,
        "10005": VerificationStatus.NOT_FOUND,
        "10008": VerificationStatus.UNAVAILABLE,
        "10009": VerificationStatus.MISCONFIGURED,
        "10010": VerificationStatus.MISCONFIGURED,
        "10011": VerificationStatus.RATE_LIMITED,
        "10016": VerificationStatus.INVALID_NUMBER,
    }
    signature_header = "telnyx-signature-ed25519"
    timestamp_header = "telnyx-timestamp"

    def __init__(
        self,
        api_key: str,
        verify_profile_id: str,
        timeout: float = READ_TIMEOUT,
        webhook_public_key: str | None = None,
        *,
        base_url: str | None = None,
    ) -> None:
        super().__init__(base_url=base_url, timeout=timeout)
        self.api_key = api_key
        self.verify_profile_id = verify_profile_id
        self.webhook_public_key = webhook_public_key

    def is_configured(self) -> bool:
        return bool(self.api_key and self.verify_profile_id)

    @property
    def accepts_webhooks(self) -> bool:
        return bool(self.webhook_public_key)

    def _post(self, path: str, **body: str) -> Reply:
        headers = {"Authorization": f"Bearer {self.api_key}"}
        return self._call("POST", path, json={"verify_profile_id": self.verify_profile_id, **body}, headers=headers)

    def _error_code(self, reply: Reply) -> object:
        return reply.get("errors", 0, "code")

    def _start(self, phone_number: str, method: VerificationMethod, locale: str) -> object:
        reply = self._post(f"/verifications/{method.value}", phone_number=phone_number)
        expect(reply, phone_number, "data", "phone_number")
        return reply.get("data", "id")

    def _check(self, phone_number: str, code: str, verification_id: str) -> VerificationStatus:
        which = segment(verification_id) if verification_id else f"by_phone_number/{segment(phone_number)}"
        reply = self._post(f"/verifications/{which}/actions/verify", code=code)
        expect(reply, phone_number, "data", "phone_number")
        return STATUSES.get(text(reply.get("data", "response_code")) or "", VerificationStatus.ERROR)

    def verify_webhook_signature(self, payload: bytes, signature: str, timestamp: str | None = None) -> bool:
        """Ed25519 over time, bar and raw body; the time, in Unix seconds, no more than 300 s from now."""
        try:
            key = VerifyKey(base64.b64decode(self.webhook_public_key or "", validate=True))
            key.verify(f"{timestamp}|".encode() + payload, base64.b64decode(signature, validate=True))
        except (BadSignatureError, TypeError, ValueError, binascii.Error):
            return False
        return is_fresh(timestamp)

    def parse_webhook(self, payload: dict[str, Any], headers: Mapping[str, str] | None = None) -> WebhookEvent:
        data = payload.get("data")
        inner = data.get("payload") if isinstance(data, dict) else None
        event_id = text(data.get("id")) if isinstance(data, dict) else None
        if not isinstance(data, dict) or not isinstance(inner, dict) or event_id is None:
            raise MalformedWebhook("This is no event of Telnyx.")
        # "custom_code" can be the code that is open now.
        safe = {**payload, "data": {**data, "payload": {k: v for k, v in inner.items() if k != "custom_code"}}}
        return WebhookEvent(
            EVENTS.get(text(data.get("event_type")) or "", WebhookEventType.UNKNOWN),
            event_id,
            phone_number=text(inner.get("phone_number")),
            verification_id=text(inner.get("id")),
            # Not "status", which is that of the verification.
            delivery_status=DELIVERIES.get(text(inner.get("delivery_status")) or ""),
            occurred_at=text(data.get("occurred_at")),
            raw_payload=safe,
            provider=self.name,
        )
