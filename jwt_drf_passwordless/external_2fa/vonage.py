"""Vonage Verify v2: https://developer.vonage.com/en/api/verify.v2 (webhooks signed with a JWT of HS256)."""

import json
import re
import time
import uuid
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import jwt
from django.core.exceptions import ImproperlyConfigured

from jwt_drf_passwordless.external_2fa.base import (
    MalformedWebhook,
    VerificationMethod,
    VerificationStatus,
    WebhookEvent,
    WebhookEventType,
    text,
)
from jwt_drf_passwordless.external_2fa.http import VendorError, VendorProvider, expect, segment
from jwt_drf_passwordless.external_2fa.signatures import is_fresh, jwt_claims, same, sha256_hex
from jwt_drf_passwordless.http import READ_TIMEOUT, Reply

CHANNELS = {VerificationMethod.SMS: "sms", VerificationMethod.CALL: "voice", VerificationMethod.WHATSAPP: "whatsapp"}
#: "user_rejected" is left out: whoever said no is not to be sent the next channel.
EVENTS = {
    "completed": WebhookEventType.VERIFIED,
    "expired": WebhookEventType.EXPIRED,
    **dict.fromkeys(("failed", "rejected", "blocked"), WebhookEventType.FAILED),
}
#: What stays the same when Vonage sends an event again; the JWT and its "jti" are made anew.
IDENTITY = ("request_id", "type", "channel", "status", "triggered_at", "submitted_at")


@lru_cache(maxsize=8)
def _signing_key(pem: str) -> Any:
    """The key of a PEM text, kept since to read and check one takes 40 ms. Raises what a key that cannot sign does."""
    key = jwt.get_algorithm_by_name("RS256").prepare_key(pem)
    jwt.encode({}, key, "RS256")
    return key


class VonageVerifyProvider(VendorProvider):
    """Options: `brand`, and `application_id` with `private_key` (PEM), or `api_key` with `api_secret`.

    `whatsapp_sender` is the business number, without "+", that WhatsApp needs. Webhooks need an application and
    `signature_secret`; their `api_key` is compared where that option is set, or else their application id.
    """

    name = "vonage"
    methods = tuple(CHANNELS)
    #: https://developer.vonage.com/en/verify/guides/verify-v2-languages
    locales = {
        **{code: f"{code}-{code}" for code in ("de", "es", "fi", "fr", "it", "nl", "pl")},
        "ar": "ar-xa",
        "en": "en-us",
        "en-gb": "en-gb",
        "ja": "ja-jp",
        "pt": "pt-pt",
        "pt-br": "pt-br",
        "zh-hans": "zh-cn",
    }
    default_base_url = "https://api.nexmo.com/v2/verify"
    errors = {"invalid-code": VerificationStatus.REJECTED}
    statuses = {
        402: VerificationStatus.MISCONFIGURED,
        # Another one to this number is still open.
        409: VerificationStatus.RATE_LIMITED,
        410: VerificationStatus.EXPIRED,
        412: VerificationStatus.UNSUPPORTED_CHANNEL,
        # Of what we send, only the number changes.
        422: VerificationStatus.INVALID_NUMBER,
    }
    signature_header = "Authorization"

    def __init__(
        self,
        *,
        brand: str = "",
        api_key: str = "",
        api_secret: str = "",
        application_id: str = "",
        private_key: str = "",
        signature_secret: str = "",
        whatsapp_sender: str = "",
        base_url: str | None = None,
        timeout: float = READ_TIMEOUT,
    ) -> None:
        super().__init__(base_url=base_url, timeout=timeout)
        self.brand = brand
        self.api_key, self.api_secret = api_key, api_secret
        self.application_id, self.private_key = application_id, private_key
        self.signature_secret = signature_secret
        self.whatsapp_sender = whatsapp_sender
        if brand and not re.fullmatch(r"[^\\/{}:$]{1,18}", brand):
            raise ImproperlyConfigured("VonageVerifyProvider: brand is at most 18 characters, none of \\ / { } : $")
        if private_key:
            self._key()

    def is_configured(self) -> bool:
        return bool(self.brand and ((self.application_id and self.private_key) or (self.api_key and self.api_secret)))

    @property
    def accepts_webhooks(self) -> bool:
        return bool(self.signature_secret)

    def _headers(self) -> dict[str, str]:
        """The header of an application."""
        now = int(time.time())
        claims = {"application_id": self.application_id, "iat": now, "exp": now + 300, "jti": str(uuid.uuid4())}
        return {"Authorization": f"Bearer {jwt.encode(claims, self._key(), 'RS256')}"}

    def _key(self) -> Any:
        """The private key. Raises ImproperlyConfigured."""
        try:
            return _signing_key(self.private_key)
        except NotImplementedError:
            raise ImproperlyConfigured(
                "VonageVerifyProvider: private_key needs cryptography: pip install 'jwt-drf-passwordless[vonage]'"
            ) from None
        except (jwt.PyJWTError, TypeError, ValueError):
            raise ImproperlyConfigured("VonageVerifyProvider: private_key is no RSA key in PEM") from None

    def _ask(self, verb: str, path: str, **kwargs: Any) -> Reply:
        if self.private_key:
            return self._call(verb, path, headers=self._headers(), **kwargs)
        return self._call(verb, path, auth=(self.api_key, self.api_secret), **kwargs)

    def _error_code(self, reply: Reply) -> object:
        return (text(reply.get("type")) or "").rpartition("#")[2]

    def _start(self, phone_number: str, method: VerificationMethod, locale: str) -> object:
        channel = {"channel": CHANNELS[method], "to": phone_number.removeprefix("+")}
        if method is VerificationMethod.WHATSAPP:
            if not self.whatsapp_sender:
                raise VendorError(VerificationStatus.UNSUPPORTED_CHANNEL)
            channel["from"] = self.whatsapp_sender
        body = {"brand": self.brand, "workflow": [channel], "code_length": 6, **({"locale": locale} if locale else {})}
        return self._ask("POST", "", json=body).get("request_id")

    def _check(self, phone_number: str, code: str, verification_id: str) -> VerificationStatus:
        reply = self._ask("POST", self._path(verification_id), json={"code": code})
        expect(reply, verification_id, "request_id")
        return VerificationStatus.ACCEPTED if reply.get("status") == "completed" else VerificationStatus.ERROR

    def _cancel(self, phone_number: str, verification_id: str) -> None:
        """Vonage refuses within the first 30 seconds, and once its second message is on its way."""
        self._ask("DELETE", self._path(verification_id))

    def _path(self, verification_id: str) -> str:
        """Vonage finds a verification by its id only."""
        if not verification_id:
            raise VendorError(VerificationStatus.NOT_FOUND)
        return f"/{segment(verification_id)}"

    def verify_webhook_signature(self, payload: bytes, signature: str, timestamp: str | None = None) -> bool:
        """The JWT in `signature`, behind "Bearer": HS256, of Vonage, for this account and body, 300 s old at most."""
        scheme, _, token = signature.partition(" ")
        claims = jwt_claims(token, self.signature_secret, "Vonage") if scheme.lower() == "bearer" else {}
        name, account = ("api_key", self.api_key) if self.api_key else ("application_id", self.application_id)
        ours = bool(account) and same(account, claims.get(name))
        return ours and same(sha256_hex(payload), claims.get("payload_hash")) and is_fresh(claims.get("iat"))

    def parse_webhook(self, payload: dict[str, Any], headers: Mapping[str, str] | None = None) -> WebhookEvent:
        verification_id = text(payload.get("request_id"))
        if verification_id is None:
            raise MalformedWebhook("This is no event of Vonage.")
        times = (text(payload.get(name)) for name in ("finalized_at", "triggered_at", "submitted_at"))
        return WebhookEvent(
            EVENTS.get(text(payload.get("status")) or "", WebhookEventType.UNKNOWN),
            sha256_hex(json.dumps([text(payload.get(name)) for name in IDENTITY]).encode()),
            verification_id=verification_id,
            occurred_at=next(filter(None, times), None),
            raw_payload=payload,
            provider=self.name,
            number_at_fault=payload.get("status") == "blocked",
        )
