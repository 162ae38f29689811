"""Telnyx Verify, played after its OpenAPI description."""

import base64
import json
import re

import pytest
import time_machine
from nacl.signing import SigningKey

from jwt_drf_passwordless.external_2fa.base import (
    DeliveryStatus,
    MalformedWebhook,
    VerificationMethod,
    VerificationStatus,
    WebhookEventType,
)
from jwt_drf_passwordless.external_2fa.telnyx import TelnyxVerifyProvider
from tests.external_2fa.contracts import VendorContract, WebhookContract
from tests.vendor_server import Answer, Route, Vendor

PROFILE = "49000000-0000-4000-8000-000000000049"
NUMBER = re.compile(r"\+[1-9]\d{6,14}")
START = {"phone_number": NUMBER, "verify_profile_id": PROFILE}
CHECK = {"code": str, "verify_profile_id": PROFILE}
#: The seed of the vector: bytes 0 to 31.
KEY = SigningKey(bytes(range(32)))
PUBLIC_KEY = "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="


class Telnyx(Vendor):
    headers = {"authorization": "Bearer KEY0123"}

    def send(self, request, channel):
        number = request.fields["phone_number"]
        data = {
            "id": self.start(number),
            "phone_number": number,
            "record_type": "verification",
            "status": "pending",
            "type": channel,
            "timeout_secs": 300,
            "custom_code": None,
            "verify_profile_id": PROFILE,
            "created_at": "2026-11-21T10:00:00Z",
            "updated_at": "2026-11-21T10:00:00Z",
        }
        return Answer(200, {"data": data})

    def check_id(self, request, id_):
        if id_ not in self.numbers:
            return Answer(404, {"errors": [{"code": "10005", "title": "Resource not found"}]})
        word = "accepted" if request.fields["code"] == self.code else "rejected"
        return Answer(200, {"data": {"phone_number": self.numbers[id_], "response_code": word}})

    def check_number(self, request, number):
        return self.check_id(request, self.newest(number))

    routes = [
        Route("POST", "/v2/verifications/(sms|call|flashcall|whatsapp)", START, send),
        Route("POST", r"/v2/verifications/by_phone_number/(%2B\d+)/actions/verify", CHECK, check_number),
        Route("POST", "/v2/verifications/([^/]+)/actions/verify", CHECK, check_id),
    ]


class TestTelnyx(VendorContract, WebhookContract):
    vendor_class = Telnyx
    provider_class = TelnyxVerifyProvider
    base_path = "/v2"
    options = {"api_key": "KEY0123", "verify_profile_id": PROFILE, "webhook_public_key": PUBLIC_KEY}
    # A check by id is answered with the number alone.
    echoes_id = False

    key_option = "webhook_public_key"
    signature_header = "telnyx-signature-ed25519"
    webhook = json.dumps(
        {
            "data": {
                "record_type": "event",
                "event_type": "verify.delivered",
                "id": "e0000000-0000-4000-8000-000000000001",
                "occurred_at": "2026-11-21T10:00:01Z",
                "payload": {
                    "id": "00000000-0000-4000-8000-000000000001",
                    "phone_number": "+13035551234",
                    "profile_id": PROFILE,
                    "type": "sms",
                    "status": "pending",
                    "delivery_status": "delivered",
                    "custom_code": "25565",
                    "failed_attempts": 0,
                    "record_type": "verification",
                },
            },
            "meta": {"attempt": 1, "delivered_to": "https://example.com/hook/"},
        }
    ).encode()

    def sign(self, body, at):
        signature = KEY.sign(f"{at}|".encode() + body).signature
        headers = {
            "telnyx-signature-ed25519": base64.b64encode(signature).decode(),
            "telnyx-timestamp": str(at),
        }
        return headers, "https://example.com/hook/"

    def event(self, **payload):
        """The event of a webhook whose inner payload is changed so; `event_type` is the outer one."""
        data = json.loads(self.webhook)["data"]
        data["event_type"] = payload.pop("event_type", data["event_type"])
        data["payload"] |= payload
        return self.make_provider().parse_webhook({"data": data})

    @pytest.mark.parametrize(
        ("code", "status"),
        [
            ("10001", VerificationStatus.INVALID_NUMBER),
            ("10002", VerificationStatus.INVALID_NUMBER),
            ("10008", VerificationStatus.UNAVAILABLE),
            ("10009", VerificationStatus.MISCONFIGURED),
            ("10010", VerificationStatus.MISCONFIGURED),
            ("10011", VerificationStatus.RATE_LIMITED),
            ("10016", VerificationStatus.INVALID_NUMBER),
            ("10015", VerificationStatus.ERROR),
            ("99999", VerificationStatus.ERROR),
        ],
    )
    def test_an_error_code_of_the_vendor_has_a_meaning(self, code, status):
        result = self.send_met_by(status=400, body={"errors": [{"code": code, "title": "Something"}]})
        assert (result.status, result.error_code, result.message) == (status, code, None)

    def test_a_profile_that_is_not_found_is_a_matter_of_the_account(self):
        result = self.send_met_by(status=404, body={"errors": [{"code": "10005", "title": "Not found"}]})
        assert result.status is VerificationStatus.MISCONFIGURED

    def test_a_verification_that_is_not_found_has_ended(self):
        provider = self.make_provider()
        result = provider.verify_code(self.phone_number, "123456", verification_id="unknown")
        assert result.status is VerificationStatus.NOT_FOUND

    @pytest.mark.parametrize("word", ["pending", "ACCEPTED", "", None, True, ["accepted"]])
    def test_only_the_word_accepted_accepts(self, word):
        body = {"data": {"phone_number": self.phone_number, "response_code": word}}
        assert self.check_met_by(body=body).status is VerificationStatus.ERROR

    @pytest.mark.parametrize("method", TelnyxVerifyProvider.methods)
    def test_the_channel_is_part_of_the_path(self, method):
        self.make_provider().send_verification(self.phone_number, method)
        assert self.vendor.requests[-1].path == f"/v2/verifications/{method.value}"

    def test_a_text_message_is_the_default(self):
        assert TelnyxVerifyProvider.methods[0] is VerificationMethod.SMS

    def test_the_vector_is_accepted(self):
        body = (
            b'{"data":{"event_type":"verify.delivered","id":"e1",'
            b'"payload":{"phone_number":"+13035551234","delivery_status":"delivered"}}}'
        )
        signature = "RXQSAoK6rEymugHLO5eL/JglVm3ARtyAnaJHtCOIZ4FrIhL9+bvQCh+ZXgVugktMedwO6QeBwFCelHZBclkTCA=="
        with time_machine.travel(1_800_000_000, tick=False):
            assert self.make_provider().verify_webhook_signature(body, signature, "1800000000")

    @pytest.mark.parametrize(
        "timestamp", [None, "", "1800000000.0", "-1800000000", "+1800000000", "１８００００００００"]
    )
    def test_a_time_that_is_no_number_is_refused(self, timestamp):
        signature = base64.b64encode(KEY.sign(f"{timestamp}|".encode() + self.webhook).signature).decode()
        with time_machine.travel(1_800_000_000, tick=False):
            assert not self.make_provider().verify_webhook_signature(self.webhook, signature, timestamp)

    @pytest.mark.parametrize("key", ["", "AAAA", "no base64", PUBLIC_KEY[:-4]])
    def test_a_key_that_is_none_refuses_all(self, key):
        headers, url = self.signed_now()
        assert self.refuses(self.webhook, headers, url, webhook_public_key=key)

    def test_an_event_tells_all_that_the_vendor_told(self):
        [event] = self.receive(self.webhook)
        assert event.event_type is WebhookEventType.DELIVERED
        assert event.event_id == "e0000000-0000-4000-8000-000000000001"
        assert event.phone_number == "+13035551234"
        assert event.verification_id == "00000000-0000-4000-8000-000000000001"
        assert event.delivery_status is DeliveryStatus.DELIVERED
        assert event.occurred_at == "2026-11-21T10:00:01Z"

    def test_the_code_is_taken_out_of_the_payload(self):
        [event] = self.receive(self.webhook)
        assert "25565" not in repr(event)

    @pytest.mark.parametrize(
        ("event_type", "meaning"),
        [
            ("verify.sent", WebhookEventType.SENT),
            ("verify.delivered", WebhookEventType.DELIVERED),
            ("verify.failed", WebhookEventType.FAILED),
            ("verify.new", WebhookEventType.UNKNOWN),
            (None, WebhookEventType.UNKNOWN),
        ],
    )
    def test_the_event_type_has_a_meaning(self, event_type, meaning):
        assert self.event(event_type=event_type).event_type is meaning

    @pytest.mark.parametrize(("word", "status"), [("sent", DeliveryStatus.SENT), ("pending", None), ({}, None)])
    def test_the_delivery_status_is_read_from_its_own_field(self, word, status):
        assert self.event(delivery_status=word, status="delivered").delivery_status is status

    @pytest.mark.parametrize("payload", [{}, {"data": []}, {"data": {"id": "e1"}}, {"data": {"id": 1, "payload": {}}}])
    def test_what_is_no_event_is_malformed(self, payload):
        with pytest.raises(MalformedWebhook):
            self.make_provider().parse_webhook(payload)
