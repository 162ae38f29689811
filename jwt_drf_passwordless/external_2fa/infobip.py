"""Infobip 2FA: https://www.infobip.com/docs/api/platform/2fa. It signs no webhooks, so all are refused."""

from jwt_drf_passwordless.external_2fa.base import VerificationMethod, VerificationStatus, text
from jwt_drf_passwordless.external_2fa.http import VendorError, VendorProvider, expect, segment
from jwt_drf_passwordless.http import READ_TIMEOUT, Reply

#: Channel: its path, and the field of the answer that tells whether the message has left.
CHANNELS = {VerificationMethod.SMS: ("", "smsStatus"), VerificationMethod.CALL: ("/voice", "callStatus")}
NOT_SENT = {"MESSAGE_NOT_SENT": VerificationStatus.UNSUPPORTED_CHANNEL}
PIN_ERRORS = {
    "WRONG_PIN": VerificationStatus.REJECTED,
    "TTL_EXPIRED": VerificationStatus.EXPIRED,
    "NO_MORE_PIN_ATTEMPTS": VerificationStatus.MAX_ATTEMPTS,
    "VERIFICATION_NOT_FOUND": VerificationStatus.NOT_FOUND,
}


class Infobip2FAProvider(VendorProvider):
    """Options: `api_key`, `application_id`, `message_id`; `base_url` should be the account's own."""

    name = "infobip"
    methods = (VerificationMethod.SMS, VerificationMethod.CALL)
    default_base_url = "https://api.infobip.com"
    errors = {
        "UNAUTHORIZED": VerificationStatus.MISCONFIGURED,
        "NOT_FOUND": VerificationStatus.NOT_FOUND,
        "TOO_MANY_REQUESTS": VerificationStatus.RATE_LIMITED,
        "invalid_to": VerificationStatus.INVALID_NUMBER,
    }

    def __init__(
        self,
        api_key: str,
        application_id: str,
        message_id: str,
        *,
        base_url: str | None = None,
        timeout: float = READ_TIMEOUT,
    ) -> None:
        super().__init__(base_url=base_url, timeout=timeout)
        self.api_key = api_key
        self.application_id = application_id
        self.message_id = message_id

    def is_configured(self) -> bool:
        return bool(self.api_key and self.application_id and self.message_id)

    def _error_code(self, reply: Reply) -> object:
        """The code in either of the two shapes of errors; a word of ours where the number is what is wrong."""
        old = ("requestError", "serviceException")
        if reply.get(*old, "validationErrors", "to") or reply.get("violations", 0, "property") == "to":
            return "invalid_to"
        return reply.get(*old, "messageId") or reply.get("errorCode")

    def _post(self, path: str, **body: str) -> Reply:
        return self._call("POST", f"/2fa/2/pin{path}", json=body, headers={"Authorization": f"App {self.api_key}"})

    def _start(self, phone_number: str, method: VerificationMethod, locale: str) -> object:
        path, field = CHANNELS[method]
        to = phone_number.lstrip("+")
        reply = self._post(path, applicationId=self.application_id, messageId=self.message_id, to=to)
        # A message that was not sent is answered with 200 as well.
        status = text(reply.get(field)) or ""
        if status != "MESSAGE_SENT" and not status.startswith("PENDING_"):
            raise VendorError(NOT_SENT.get(status, VerificationStatus.ERROR), status)
        expect(reply, to, "to")
        return reply.get("pinId")

    def _check(self, phone_number: str, code: str, verification_id: str) -> VerificationStatus:
        if not verification_id:
            return VerificationStatus.NOT_FOUND
        reply = self._post(f"/{segment(verification_id)}/verify", pin=code)
        if reply.get("verified") is not True:
            return PIN_ERRORS.get(text(reply.get("pinError")) or "", VerificationStatus.ERROR)
        expect(reply, verification_id, "pinId")
        expect(reply, phone_number.lstrip("+"), "msisdn")
        return VerificationStatus.ACCEPTED
