"""A provider of a project's own, whose vendor is this module: it does what a test has written down."""

import json
from collections.abc import Callable
from typing import Any

from django.db import connection

from jwt_drf_passwordless.external_2fa import (
    External2FAProvider,
    External2FAResult,
    VerificationMethod,
    VerificationStatus,
    WebhookEvent,
    WebhookEventType,
)
from tests.conftest import SCAN

PATH = "tests.external_2fa.providers.ScriptedProvider"
#: What the vendor has sent to the phone.
CODE = "482913"
WRONG_CODE = "318294"
#: What every signed webhook of the vendor carries.
SIGNATURE = "signed by the vendor"
SENT = External2FAResult(True, VerificationStatus.PENDING)
ACCEPTED = External2FAResult(True, VerificationStatus.ACCEPTED)


class Vendor:
    """All that the vendor was asked, as (provider's name, action, number, detail), and its answers."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str, str]] = []
        #: By provider's name and action: the answer, or what to call for it.
        self.answers: dict[tuple[str, str], Any] = {}
        self.sends = 0

    def answer(self, name: str, action: str, number: str, detail: str, usual: External2FAResult) -> Any:
        self.asked.append((name, action, number, detail))
        answer = self.answers.get((name, action), usual)
        return answer() if isinstance(answer, Callable) else answer

    def actions(self) -> list[tuple[str, str]]:
        return [(name, action) for name, action, _, _ in self.asked]


VENDOR = Vendor()


class ScriptedProvider(External2FAProvider):
    """Accepts `CODE`, unless the test says otherwise."""

    methods = (VerificationMethod.SMS, VerificationMethod.CALL, VerificationMethod.WHATSAPP)
    uses_verification_id = True
    signature_header = "X-Signature"

    def __init__(self, name: str = "first", configured: bool = True, channels: Any = None) -> None:
        super().__init__()
        self.name = name
        self.configured = configured
        if channels:
            self.methods = tuple(map(VerificationMethod, channels))

    def is_configured(self) -> bool:
        return self.configured

    def send_verification(self, phone_number, method=VerificationMethod.SMS):
        SCAN.codes.add(CODE)
        VENDOR.sends += 1
        usual = External2FAResult(True, VerificationStatus.PENDING, verification_id=f"{self.name}-{VENDOR.sends}")
        return VENDOR.answer(self.name, "send", phone_number, method.value, usual)

    def verify_code(self, phone_number, code, *, verification_id):
        status = VerificationStatus.ACCEPTED if code == CODE else VerificationStatus.REJECTED
        usual = External2FAResult(status is VerificationStatus.ACCEPTED, status)
        return VENDOR.answer(self.name, "check", phone_number, verification_id, usual)

    def cancel_verification(self, phone_number, *, verification_id):
        return VENDOR.answer(self.name, "cancel", phone_number, verification_id, SENT)

    def verify_webhook_signature(self, payload, signature, timestamp=None):
        return signature == SIGNATURE

    def parse_webhook(self, payload, headers=None):
        return WebhookEvent(
            WebhookEventType(payload["type"]),
            payload["id"],
            phone_number=payload.get("phone_number"),
            verification_id=payload.get("verification_id"),
            raw_payload=payload,
        )


class NoConstructor(External2FAProvider):
    """The least that a project writes; the vendor knows its verifications by number."""

    def send_verification(self, phone_number, method=VerificationMethod.SMS):
        return VENDOR.answer("NoConstructor", "send", phone_number, method.value, SENT)

    def verify_code(self, phone_number, code):
        return VENDOR.answer("NoConstructor", "check", phone_number, "", ACCEPTED)

    def cancel_verification(self, phone_number):
        raise NotImplementedError  # there is no verification id to cancel


class EndsByNumber(NoConstructor):
    """Its vendor ends verifications by number, too."""

    def send_verification(self, phone_number, method=VerificationMethod.SMS):
        return VENDOR.answer("EndsByNumber", "send", phone_number, method.value, SENT)

    def cancel_verification(self, phone_number):
        return VENDOR.answer("EndsByNumber", "cancel", phone_number, "", SENT)


def in_transaction() -> External2FAResult:
    """An answer that tells whether the question came inside a transaction."""
    status = VerificationStatus.ERROR if connection.in_atomic_block else VerificationStatus.PENDING
    return External2FAResult(not connection.in_atomic_block, status, verification_id="x")


def event(type_: str, id_: str = "event-1", **more: Any) -> bytes:
    return json.dumps({"type": type_, "id": id_, **more}).encode()
