"""Twilio Verify v2: https://www.twilio.com/docs/verify/api (webhooks by Event Streams, signed over their URL)."""

from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

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
    json_value,
    text,
)
from jwt_drf_passwordless.external_2fa.http import VendorProvider, expect, segment
from jwt_drf_passwordless.external_2fa.signatures import both_ports, mac_matches, same, sha256_hex
from jwt_drf_passwordless.http import READ_TIMEOUT, Reply

STATUSES = {
    "approved": VerificationStatus.ACCEPTED,
    "pending": VerificationStatus.REJECTED,
    "max_attempts_reached": VerificationStatus.MAX_ATTEMPTS,
    **dict.fromkeys(("expired", "canceled", "deleted"), VerificationStatus.EXPIRED),
}
TYPE = "com.twilio.accountsecurity.verify.verification."
EVENTS = {
    f"{TYPE}pending": WebhookEventType.SENT,
    f"{TYPE}approved": WebhookEventType.VERIFIED,
    # Over without a proof; FAILED would mean that no message arrived.
    **dict.fromkeys((f"{TYPE}expired", f"{TYPE}canceled", f"{TYPE}max_attempts_reached"), WebhookEventType.EXPIRED),
}
DELIVERIES = {
    "SENT": DeliveryStatus.SENT,
    **dict.fromkeys(("DELIVERED", "READ"), DeliveryStatus.DELIVERED),
    "UNDELIVERED": DeliveryStatus.DELIVERY_FAILED,
    "FAILED": DeliveryStatus.SENDING_FAILED,
}


class TwilioVerifyProvider(VendorProvider):
    """Options: `service_sid`, and `account_sid` with `auth_token`, or `api_key` with `api_secret`.

    Webhooks are signed with `auth_token` (HMAC-SHA1), or, where `webhook_secret` is given, with that shared key
    alone (HMAC-SHA256): a request does not choose.
    """

    name = "twilio"
    methods = (VerificationMethod.SMS, VerificationMethod.CALL, VerificationMethod.WHATSAPP)
    #: https://www.twilio.com/docs/verify/supported-languages
    locales = {
        **{code: code for code in ("ar", "de", "en", "es", "fi", "fr", "it", "ja", "nl", "pl")},
        "en-gb": "en-GB",
        "pt": "pt",
        "pt-br": "pt-BR",
        "zh-hans": "zh-CN",
    }
    default_base_url = "https://verify.twilio.com"
    errors = {
        "20404": VerificationStatus.NOT_FOUND,
        "60201": VerificationStatus.REJECTED,
        "60202": VerificationStatus.MAX_ATTEMPTS,
        **dict.fromkeys(("21211", "60200"), VerificationStatus.INVALID_NUMBER),
        **dict.fromkeys(("60205", "60223"), VerificationStatus.UNSUPPORTED_CHANNEL),
        **dict.fromkeys(("60220", "60238", "60410", "60605"), VerificationStatus.BLOCKED),
        **dict.fromkeys(("20429", "60203", "60207", "60212"), VerificationStatus.RATE_LIMITED),
        **dict.fromkeys(("20003", "21608", "60204"), VerificationStatus.MISCONFIGURED),
    }
    signature_header = "X-Twilio-Signature"

    def __init__(
        self,
        *,
        service_sid: str = "",
        account_sid: str = "",
        auth_token: str = "",
        api_key: str = "",
        api_secret: str = "",
        webhook_secret: str = "",
        base_url: str | None = None,
        timeout: float = READ_TIMEOUT,
    ) -> None:
        super().__init__(base_url=base_url, timeout=timeout)
        self.service_sid = service_sid
        self.auth = (api_key, api_secret) if api_key else (account_sid, auth_token)
        self.auth_token = auth_token
        self.webhook_secret = webhook_secret

    def is_configured(self) -> bool:
        return bool(self.service_sid and all(self.auth))

    @property
    def accepts_webhooks(self) -> bool:
        return bool(self.webhook_secret or self.auth_token)

    def _post(self, path: str, phone_number: str, **form: str) -> Reply:
        """The answer, which is about this number."""
        reply = self._call("POST", f"/v2/Services/{segment(self.service_sid)}{path}", data=form, auth=self.auth)
        expect(reply, phone_number, "to")
        return reply

    def _start(self, phone_number: str, method: VerificationMethod, locale: str) -> object:
        form = {"To": phone_number, "Channel": method.value, **({"Locale": locale} if locale else {})}
        return self._post("/Verifications", phone_number, **form).get("sid")

    def _check(self, phone_number: str, code: str, verification_id: str) -> VerificationStatus:
        which = {"VerificationSid": verification_id} if verification_id else {"To": phone_number}
        reply = self._post("/VerificationCheck", phone_number, Code=code, **which)
        if verification_id:
            expect(reply, verification_id, "sid")
        return STATUSES.get(text(reply.get("status")) or "", VerificationStatus.ERROR)

    def _cancel(self, phone_number: str, verification_id: str) -> None:
        path = f"/Verifications/{segment(verification_id or phone_number)}"
        expect(self._post(path, phone_number, Status="canceled"), "canceled", "status")

    def handle_webhook(self, body: bytes, headers: Mapping[str, str], url: str) -> WebhookReply:
        if not self._is_signed(body, header(headers, self.signature_header), url):
            raise InvalidSignature
        events = json_value(body)
        if not isinstance(events, list):
            raise MalformedWebhook("Event Streams sends a list.")
        return WebhookReply([self._event(event) for event in events])

    def _is_signed(self, body: bytes, signature: str, url: str) -> bool:
        """The MAC covers the URL only, with or without its default port; the URL holds the digest of the body."""
        key, algorithm = (self.webhook_secret, "sha256") if self.webhook_secret else (self.auth_token, "sha1")
        try:
            urls, digests = both_ports(url), parse_qs(urlsplit(url).query).get("bodySHA256", [])
        except ValueError:
            return False
        matches = [mac_matches(key.encode(), one.encode("utf-8", "replace"), signature, algorithm) for one in urls]
        return any(matches) and len(digests) == 1 and same(sha256_hex(body), digests[0])

    def _event(self, event: object) -> WebhookEvent:
        data = event.get("data") if isinstance(event, dict) else None
        event_id = text(event.get("id")) if isinstance(event, dict) else None
        if not isinstance(event, dict) or not isinstance(data, dict) or event_id is None:
            raise MalformedWebhook("This is no event of Twilio Verify.")
        # A sink gets the events of all services of the account.
        ours = data.get("service_sid") == self.service_sid
        last = Reply(200, {}, data).get("send_code_attempts", "attempts", -1, "delivery_status")
        return WebhookEvent(
            EVENTS.get(ours and text(event.get("type")) or "", WebhookEventType.UNKNOWN),
            event_id,
            phone_number=text(data.get("to")),
            verification_id=text(data.get("verification_sid")),
            delivery_status=DELIVERIES.get(text(last) or ""),
            occurred_at=text(event.get("time")),
            raw_payload=event,
            provider=self.name,
        )
