"""For the tests of projects: what every provider has to do, the fake one with answers by choice, and its webhooks."""
# ruff: noqa: S101  (asserts: this is test code)

import base64
import hashlib
import hmac
import json
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from django.test import Client
from django.urls import reverse

from jwt_drf_passwordless.external_2fa import breaker
from jwt_drf_passwordless.external_2fa.base import (
    External2FAProvider,
    External2FAResult,
    InvalidSignature,
    VerificationMethod,
    VerificationStatus,
    WebhookEventType,
)
from jwt_drf_passwordless.external_2fa.fake import FakeVerifyProvider

__all__ = ["FakeVendor", "FakeVerifyProvider", "ProviderContract", "signed_webhook"]

#: Codes that people, and others, type. None of them may raise, or be right.
STRANGE_CODES = [
    "",
    " ",
    "0",
    "12 34 56",
    "9" * 1000,
    "１２３４５６",
    "\x00",
    "é",
    "\ud800",
    "{}",
    "null",
    "../..",
    "'--",
]


class ProviderContract:
    """What every provider has to do; inherit it in a test class of pytest or unittest.

        class TestMyProvider(ProviderContract):
            def make_provider(self):
                return MyProvider(api_key="test", base_url=vendor.url)

            def right_code(self, phone_number):
                return vendor.codes[phone_number]

    The provider talks to a stand-in of the vendor that the tests bring along, or to the vendor's test account.
    """

    phone_number = "+12025550123"
    #: A number to which no code is sent.
    other_number = "+12025550199"
    #: True where the vendor looks at the verification id alone, so that the number is bound by it only.
    checks_by_id_alone = False

    def make_provider(self) -> External2FAProvider:
        """A new provider, fully configured."""
        raise NotImplementedError

    def right_code(self, phone_number: str) -> str:
        """The code that the vendor sent last to a number."""
        raise NotImplementedError

    def send(self, provider: External2FAProvider) -> External2FAResult:
        return provider.send_verification(self.phone_number, provider.methods[0])

    def check(
        self, provider: External2FAProvider, sent: External2FAResult, code: str, phone_number: str = ""
    ) -> External2FAResult:
        """What the provider says to a code; for `phone_number`, or else for the one that `sent` is about."""
        given = {"verification_id": sent.verification_id or ""} if provider.uses_verification_id else {}
        return provider.verify_code(phone_number or self.phone_number, code, **given)

    def _is_refused(self, result: External2FAResult) -> bool:
        return not result.success and result.status not in (VerificationStatus.ACCEPTED, VerificationStatus.PENDING)

    def test_it_is_configured(self) -> None:
        assert self.make_provider().is_configured() is True

    def test_a_sent_code_is_pending(self) -> None:
        result = self.send(self.make_provider())
        assert isinstance(result, External2FAResult)
        assert (result.success, result.status) == (True, VerificationStatus.PENDING), result
        assert len(result.verification_id or "") <= 255, result

    def test_a_channel_that_it_does_not_have_is_no_error(self) -> None:
        provider = self.make_provider()
        results = [provider.send_verification(self.phone_number, method) for method in type(provider.methods[0])]
        assert [type(result) for result in results] == [External2FAResult] * len(results)

    def test_the_right_code_is_accepted(self) -> None:
        provider = self.make_provider()
        result = self.check(provider, self.send(provider), self.right_code(self.phone_number))
        assert (result.success, result.status) == (True, VerificationStatus.ACCEPTED), result

    def test_a_wrong_code_is_refused(self) -> None:
        provider = self.make_provider()
        sent = self.send(provider)
        right = self.right_code(self.phone_number)
        wrong = right[:-1] + ("1" if right[-1] == "0" else "0")
        assert self._is_refused(self.check(provider, sent, wrong))

    def test_strange_codes_are_refused(self) -> None:
        provider = self.make_provider()
        sent = self.send(provider)
        for code in STRANGE_CODES:
            assert self._is_refused(self.check(provider, sent, code)), repr(code)

    def test_the_code_of_another_number_is_refused(self) -> None:
        provider = self.make_provider()
        sent = self.send(provider)
        result = self.check(provider, sent, self.right_code(self.phone_number), self.other_number)
        assert self.checks_by_id_alone or self._is_refused(result), result

    def test_cancelling_answers_a_result(self) -> None:
        provider = self.make_provider()
        sent = self.send(provider)
        given = {"verification_id": sent.verification_id or ""} if provider.uses_verification_id else {}
        assert isinstance(provider.cancel_verification(self.phone_number, **given), External2FAResult)

    def test_an_unsigned_webhook_is_refused(self) -> None:
        try:
            self.make_provider().handle_webhook(b"{}", {}, "https://example.com/webhook/")
        except InvalidSignature:
            return
        raise AssertionError("A webhook without a signature was taken.")


def signed_webhook(
    secret: str,
    event_type: WebhookEventType = WebhookEventType.DELIVERED,
    phone_number: str = "",
    verification_id: str = "",
    *,
    event_id: str = "",
    timestamp: int | None = None,
) -> tuple[bytes, dict[str, str]]:
    """Body and headers of a webhook of the fake provider; `timestamp` in Unix seconds, now by default."""
    timestamp = int(time.time()) if timestamp is None else timestamp
    event = {
        "id": event_id or str(uuid.uuid4()),
        "type": event_type.value,
        "phone_number": phone_number,
        "verification_id": verification_id,
    }
    body = json.dumps(event).encode()
    mac = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).digest()
    signature = base64.b64encode(mac).decode()
    return body, {
        "Content-Type": "application/json",
        FakeVerifyProvider.signature_header: signature,
        FakeVerifyProvider.timestamp_header: str(timestamp),
    }


@dataclass
class FakeVendor:
    """A vendor that answers what the test wants: `vendor.send = VerificationStatus.UNAVAILABLE`, until it is changed.

    None, at first, means: it takes every number, and accepts `code` for it. `config` goes into `EXTERNAL_2FA`, or
    into `TWO_FACTOR["phone"]`.
    """

    code: str = "123456"
    webhook_secret: str = "the secret of the fake vendor"
    #: What it says when a verification is to be started, and to a code.
    send: VerificationStatus | None = None
    check: VerificationStatus | None = None
    #: Number, channel and verification id of what it has started.
    sent: list[tuple[str, VerificationMethod, str]] = field(default_factory=list)

    @property
    def config(self) -> dict[str, Any]:
        return {"provider": VendorInTest, "vendor": self}

    def recover(self) -> None:
        """It is asked again, however often it was out of reach."""
        breaker.close(VendorInTest.name)

    def post_webhook(
        self,
        client: Client,
        event_type: WebhookEventType = WebhookEventType.DELIVERED,
        phone_number: str | None = None,
        verification_id: str | None = None,
        **more: Any,
    ) -> Any:
        """The answer to a signed webhook, about what was started last; `more` as in `signed_webhook`."""
        number, _, id_ = self.sent[-1] if self.sent else ("", None, "")
        number = number if phone_number is None else phone_number
        id_ = id_ if verification_id is None else verification_id
        body, headers = signed_webhook(self.webhook_secret, event_type, number, id_, **more)
        content_type = headers.pop("Content-Type")
        extra: Any = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
        url = reverse("external_2fa_webhook_alias", args=[VendorInTest.name])
        return client.generic("POST", url, body, content_type=content_type, **extra)


class VendorInTest(FakeVerifyProvider):
    """The provider that asks a `FakeVendor`."""

    def __init__(self, vendor: FakeVendor, **ignored: object) -> None:
        super().__init__(vendor.code, insecure=True, webhook_secret=vendor.webhook_secret)
        self.vendor = vendor

    def send_verification(
        self, phone_number: str, method: VerificationMethod = VerificationMethod.SMS
    ) -> External2FAResult:
        if self.vendor.send not in (None, VerificationStatus.PENDING):
            return External2FAResult(False, self.vendor.send)
        result = super().send_verification(phone_number, method)
        self.vendor.sent.append((phone_number, method, result.verification_id or ""))
        return result

    def verify_code(self, phone_number: str, code: str, *, verification_id: str = "") -> External2FAResult:
        if self.vendor.check is None:
            return super().verify_code(phone_number, code, verification_id=verification_id)
        return External2FAResult(self.vendor.check is VerificationStatus.ACCEPTED, self.vendor.check)
