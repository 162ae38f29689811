"""Plivo Verify: https://www.plivo.com/docs/verify/api/session (webhooks signed by HMAC, "signature V3")."""

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
    text,
)
from jwt_drf_passwordless.external_2fa.http import VendorError, VendorProvider, segment
from jwt_drf_passwordless.external_2fa.signatures import mac_matches, sha256_hex
from jwt_drf_passwordless.http import READ_TIMEOUT, Reply

CHANNELS = {VerificationMethod.SMS: "sms", VerificationMethod.CALL: "voice"}
# Errors have a sentence and no code. What we send is the same each time, but for the number or the code.
SEND_FAILURES = {"400": VerificationStatus.INVALID_NUMBER}
CHECK_FAILURES = {"400": VerificationStatus.REJECTED}
SESSION_EVENTS = {"verified": WebhookEventType.VERIFIED, "expired": WebhookEventType.EXPIRED}
CHANNEL_EVENTS = {
    "sent": (WebhookEventType.SENT, DeliveryStatus.SENT),
    "delivered": (WebhookEventType.DELIVERED, DeliveryStatus.DELIVERED),
    "failed": (WebhookEventType.FAILED, DeliveryStatus.SENDING_FAILED),
    "undelivered": (WebhookEventType.FAILED, DeliveryStatus.DELIVERY_FAILED),
}
#: What is kept of a webhook: of other fields it is not known that they hold no code.
FIELDS = (
    "AttemptSequence",
    "AttemptUUID",
    "Channel",
    "ChannelErrorCode",
    "ChannelStatus",
    "Recipient",
    "RequestTime",
    "SessionStatus",
    "SessionUUID",
)


class PlivoVerifyProvider(VendorProvider):
    """Options: `auth_id`, `auth_token`, `app_uuid` of a Verify application, and for webhooks `callback_url`.

    Plivo calls the URL that each send names, so without `callback_url` it sends no webhooks.
    """

    name = "plivo"
    methods = (VerificationMethod.SMS, VerificationMethod.CALL)
    default_base_url = "https://api.plivo.com/v1"
    webhook_content_types = ("application/x-www-form-urlencoded",)

    def __init__(
        self,
        auth_id: str,
        auth_token: str,
        app_uuid: str,
        callback_url: str | None = None,
        *,
        base_url: str | None = None,
        timeout: float = READ_TIMEOUT,
    ) -> None:
        super().__init__(base_url=base_url, timeout=timeout)
        self.auth_id = auth_id
        self.auth_token = auth_token
        self.app_uuid = app_uuid
        self.callback_url = callback_url

    def is_configured(self) -> bool:
        return bool(self.auth_id and self.auth_token and self.app_uuid)

    @property
    def accepts_webhooks(self) -> bool:
        return bool(self.auth_token and self.callback_url)

    def _error_code(self, reply: Reply) -> object:
        return reply.status

    def _post(self, session: str, failures: Mapping[str, VerificationStatus], **body: str) -> Reply:
        path = f"/Account/{segment(self.auth_id)}/Verify/Session/{session}"
        try:
            return self._call("POST", path, json=body, auth=(self.auth_id, self.auth_token))
        except VendorError as error:
            raise VendorError(failures.get(error.code, error.status), error.code) from None

    def _start(self, phone_number: str, method: VerificationMethod, locale: str) -> object:
        body = {"recipient": phone_number, "app_uuid": self.app_uuid, "channel": CHANNELS[method]}
        if self.callback_url:
            body |= {"url": self.callback_url, "method": "POST"}
        return self._post("", SEND_FAILURES, **body).get("session_uuid")

    def _check(self, phone_number: str, code: str, verification_id: str) -> VerificationStatus:
        if not verification_id:
            return VerificationStatus.NOT_FOUND
        reply = self._post(f"{segment(verification_id)}/", CHECK_FAILURES, otp=code)
        # The answer names neither number nor session and has no field for the result: besides the HTTP
        # status the documented sentence is asked for, so that no other answer passes for a proof.
        is_proof = (text(reply.get("message")) or "").lower().rstrip(".") == "session validated successfully"
        return VerificationStatus.ACCEPTED if is_proof else VerificationStatus.ERROR

    def handle_webhook(self, body: bytes, headers: Mapping[str, str], url: str) -> WebhookReply:
        """HMAC-SHA256 over URL, fields and a nonce, but over no time: old news is told by its id alone."""
        try:
            fields = parse_qs(body.decode(errors="replace"), keep_blank_values=True, max_num_fields=50)
            content = _content(url, fields)
        except ValueError:
            raise InvalidSignature from None
        signed = f"{content}.{header(headers, 'X-Plivo-Signature-V3-Nonce')}".encode("utf-8", "replace")
        # One signature for each auth token of the account; not thousands, each of which costs a MAC.
        signatures = header(headers, "X-Plivo-Signature-V3").split(",", 9)
        if not any(mac_matches(self.auth_token.encode(), signed, signature) for signature in signatures):
            raise InvalidSignature
        # Names and values are signed without a border between them: the id is over what is signed, so that
        # no other division of the same text makes another event.
        event_id = sha256_hex(content.encode("utf-8", "replace"))
        return WebhookReply([self._event(event_id, {name: fields[name][0] for name in FIELDS if name in fields})])

    def _event(self, event_id: str, fields: dict[str, str]) -> WebhookEvent:
        session = text(fields.get("SessionUUID"))
        if session is None:
            raise MalformedWebhook("This is no event of Plivo.")
        type_, delivery = CHANNEL_EVENTS.get(fields.get("ChannelStatus", ""), (WebhookEventType.UNKNOWN, None))
        recipient = text(fields.get("Recipient", "").lstrip("+"))
        return WebhookEvent(
            SESSION_EVENTS.get(fields.get("SessionStatus", ""), type_),
            event_id,
            phone_number=recipient and f"+{recipient}",
            verification_id=session,
            delivery_status=delivery,
            occurred_at=text(fields.get("RequestTime")),
            raw_payload=fields,
            provider=self.name,
        )


def _content(url: str, fields: Mapping[str, list[str]]) -> str:
    """What Plivo signs for a POST, before the nonce. Raises ValueError for a URL that is none."""
    parts = urlsplit(url)
    query = parse_qs(parts.query, keep_blank_values=True)
    content = f"{parts.scheme}://{parts.netloc}{parts.path}"
    if query or fields:
        content += "?" + "&".join(f"{name}={value}" for name in sorted(query) for value in sorted(query[name]))
    if query and fields:
        content += "."
    return content + "".join(f"{name}{value}" for name in sorted(fields) for value in sorted(fields[name]))
