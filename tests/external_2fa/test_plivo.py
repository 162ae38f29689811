"""Plivo Verify, played after its reference of sessions and callbacks."""

import base64
import hashlib
import hmac
import re
from urllib.parse import parse_qs, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwt_drf_passwordless.external_2fa.base import (
    DeliveryStatus,
    MalformedWebhook,
    VerificationStatus,
    WebhookEventType,
)
from jwt_drf_passwordless.external_2fa.plivo import PlivoVerifyProvider
from tests.external_2fa.contracts import FUZZ, JUNK, VendorContract, WebhookContract
from tests.vendor_server import Answer, Optional, Route, Vendor

ACCOUNT = "MA000000000000000049"
APP = "49000000-0000-4000-8000-000000000049"
URL = "https://app.example/hook/"
API_ID = "e7af31b5-a7cb-40d6-a3ab-122fdcc9f0fe"
START = {
    "recipient": re.compile(r"\+[1-9]\d{6,14}"),
    "app_uuid": APP,
    "channel": re.compile("sms|voice"),
    "url": Optional(URL),
    "method": Optional("POST"),
}


class Plivo(Vendor):
    headers = {"authorization": "Basic " + base64.b64encode(f"{ACCOUNT}:token1".encode()).decode()}

    def create(self, request):
        session = self.start(request.fields["recipient"])
        return Answer(202, {"api_id": API_ID, "message": "Session initiated", "session_uuid": session})

    def validate(self, request, session):
        if session not in self.numbers:
            return Answer(404, {"api_id": API_ID, "error": "session not found"})
        if request.fields["otp"] != self.code:
            return Answer(400, {"api_id": API_ID, "error": "incorrect otp"})
        return Answer(200, {"api_id": API_ID, "message": "session validated successfully."})

    routes = [
        Route("POST", f"/v1/Account/{ACCOUNT}/Verify/Session/", START, create),
        Route("POST", f"/v1/Account/{ACCOUNT}/Verify/Session/([^/]+)/", {"otp": str}, validate),
    ]


class TestPlivo(VendorContract, WebhookContract):
    vendor_class = Plivo
    provider_class = PlivoVerifyProvider
    base_path = "/v1"
    options = {"auth_id": ACCOUNT, "auth_token": "token1", "app_uuid": APP}
    echoes_number = False
    echoes_id = False
    checks_by_number = False
    checks_by_id_alone = True

    key_option = "auth_token"
    signature_header = "X-Plivo-Signature-V3"
    signs_time = False
    fields = {
        "AttemptSequence": "1",
        "AttemptUUID": "acbffc94-283b-42b3-8a96-65cbc18a9624",
        "Channel": "sms",
        "ChannelErrorCode": "000",
        "ChannelStatus": "delivered",
        "Recipient": "13035551234",
        "RequestTime": "2026-11-21 10:00:01.125",
        "SessionStatus": "in-progress",
        "SessionUUID": "00000000-0000-4000-8000-000000000001",
    }
    webhook = urlencode(fields).encode()
    # Those are about JSON; what there is of them for forms is below.
    test_the_same_json_in_other_bytes_is_refused = None
    test_a_webhook_outlives_any_value_in_the_place_of_another = None

    def sign(self, body, at):
        """As the vendor's documents describe it; `at` is not part of it."""
        fields = parse_qs(body.decode(errors="replace"), keep_blank_values=True)
        text = "".join(f"{name}{value}" for name in sorted(fields) for value in sorted(fields[name]))
        signed = f"{URL}{'?' if fields else ''}{text}.nonce{at}"
        signature = hmac.new(b"token1", signed.encode(), hashlib.sha256).digest()
        return {
            "X-Plivo-Signature-V3": base64.b64encode(signature).decode(),
            "X-Plivo-Signature-V3-Nonce": f"nonce{at}",
        }, URL

    def event(self, **changes):
        """The event of a webhook with other fields; those that are None are left out."""
        fields = {name: value for name, value in {**self.fields, **changes}.items() if value is not None}
        [event] = self.receive(urlencode(fields).encode())
        return event

    def test_the_session_alone_decides(self):
        provider = self.make_provider()
        first = provider.send_verification(self.phone_number)
        result = provider.verify_code(self.other_number, self.vendor.code, verification_id=first.verification_id)
        assert result.status is VerificationStatus.ACCEPTED

    @pytest.mark.parametrize(
        ("status", "to_a_send", "to_a_check"),
        [
            (400, VerificationStatus.INVALID_NUMBER, VerificationStatus.REJECTED),
            (401, VerificationStatus.MISCONFIGURED, VerificationStatus.MISCONFIGURED),
            (403, VerificationStatus.MISCONFIGURED, VerificationStatus.MISCONFIGURED),
            (404, VerificationStatus.MISCONFIGURED, VerificationStatus.NOT_FOUND),
            (405, VerificationStatus.ERROR, VerificationStatus.ERROR),
            (429, VerificationStatus.RATE_LIMITED, VerificationStatus.RATE_LIMITED),
            (503, VerificationStatus.UNAVAILABLE, VerificationStatus.UNAVAILABLE),
        ],
    )
    @pytest.mark.parametrize("body", [{"api_id": API_ID, "error": "A sentence."}, {"code": "400"}, None])
    def test_an_http_status_has_a_meaning_whatever_the_body(self, status, body, to_a_send, to_a_check):
        assert self.check_met_by(status=status, body=body).status is to_a_check
        result = self.send_met_by(status=status, body=body)
        assert (result.status, result.error_code, result.message) == (to_a_send, str(status), None)

    @pytest.mark.parametrize(
        "message",
        [
            "session could not be validated successfully.",
            "The passcode entered is incorrect.",
            ["session validated successfully."],
            "verified",
            True,
            None,
        ],
    )
    def test_another_sentence_is_no_proof(self, message):
        assert self.check_met_by(body={"api_id": API_ID, "message": message}).status is VerificationStatus.ERROR

    def test_a_session_that_is_unknown_is_not_found(self):
        result = self.make_provider().verify_code(self.phone_number, "482915", verification_id="unknown")
        assert result.status is VerificationStatus.NOT_FOUND

    def test_the_channels_have_the_names_of_the_vendor(self):
        provider = self.make_provider()
        for method in provider.methods:
            provider.send_verification(self.phone_number, method)
        assert [b'"channel": "sms"' in self.vendor.requests[0].body, b'"voice"' in self.vendor.requests[1].body] == [
            True,
            True,
        ]

    def test_without_a_callback_url_none_is_named(self):
        assert self.send(self.make_provider()).success
        assert b"url" not in self.vendor.requests[0].body

    def test_a_callback_url_is_part_of_each_send(self):
        assert self.send(self.make_provider(callback_url=URL)).success
        assert b'"url": "https://app.example/hook/", "method": "POST"' in self.vendor.requests[0].body

    @pytest.mark.parametrize(("url", "expected"), [(URL, True), (None, False)])
    def test_webhooks_come_where_a_callback_url_is_set(self, url, expected):
        assert self.make_provider(callback_url=url).accepts_webhooks is expected

    def test_the_vector_is_accepted(self):
        body = b"SessionUUID=s1&SessionStatus=verified"
        headers = {
            "X-Plivo-Signature-V3": "CiooSlvKYLQGFOpUFacitDYKZgHveU/crINV338aBcY=",
            "X-Plivo-Signature-V3-Nonce": "nonce1",
        }
        [event] = self.make_provider().handle_webhook(body, headers, URL).events
        assert (event.event_type, event.verification_id) == (WebhookEventType.VERIFIED, "s1")

    @pytest.mark.parametrize(
        ("url", "signature"),
        [
            ("https://app.example/hook/", "hx0IizMDnBg7nVLRxKMCVrlQtybflossn2MPs0hl8Yo="),
            ("https://app.example/hook/?a=1", "GzqYZ+VfjSQq+37m+JXdWK9Kc9IsKxIIyYQGC79onWE="),
        ],
    )
    def test_a_body_without_fields_is_signed_in_its_own_way(self, url, signature):
        """Made by plivo 4.63.0; malformed, which is found after the signature."""
        headers = {"X-Plivo-Signature-V3": signature, "X-Plivo-Signature-V3-Nonce": "nonce1"}
        with pytest.raises(MalformedWebhook):
            self.make_provider().handle_webhook(b"", headers, url)

    def test_any_signature_of_the_list_will_do(self):
        headers, url = self.signed_now()
        headers["X-Plivo-Signature-V3"] = "AAAA," + headers["X-Plivo-Signature-V3"] + ",BBBB"
        assert not self.refuses(self.webhook, headers, url)

    def test_the_order_of_the_fields_does_not_count(self):
        headers, url = self.signed_now()
        assert not self.refuses(urlencode(dict(reversed(self.fields.items()))).encode(), headers, url)

    @pytest.mark.parametrize(
        "url", ["http://app.example/hook/", "https://app.example/hook", "https://app.example/hook/?a=1", "https://[x"]
    )
    def test_a_signature_for_another_url_is_refused(self, url):
        headers, _ = self.signed_now()
        assert self.refuses(self.webhook, headers, url)

    def test_too_many_fields_are_refused(self):
        body = b"&".join([self.webhook, *(b"f%d=1" % number for number in range(50))])
        headers, url = self.sign(body, 0)
        assert self.refuses(body, headers, url)

    def test_another_division_of_the_same_text_is_the_same_event(self):
        headers, url = self.signed_now()
        other = {**self.fields, "AttemptUUID": None, "ChannelStatus": None, "Channel": None}
        whole = self.fields["AttemptUUID"] + "Channelsms"
        other = {name: value for name, value in other.items() if value} | {
            "AttemptUUID": whole,
            "ChannelStatus": "delivered",
        }
        [first] = self.make_provider().handle_webhook(self.webhook, headers, url).events
        [second] = self.make_provider().handle_webhook(urlencode(other).encode(), headers, url).events
        assert first.event_id == second.event_id

    def test_an_event_tells_all_that_the_vendor_told(self):
        event = self.event()
        assert event.event_type is WebhookEventType.DELIVERED
        assert event.phone_number == "+13035551234"
        assert event.verification_id == "00000000-0000-4000-8000-000000000001"
        assert event.delivery_status is DeliveryStatus.DELIVERED
        assert event.occurred_at == "2026-11-21 10:00:01.125"
        assert event.raw_payload == self.fields

    def test_unknown_fields_are_not_kept(self):
        assert "482915" not in repr(self.event(Otp="482915"))

    @pytest.mark.parametrize("number", ["+13035551234", "13035551234"])
    def test_a_number_has_its_plus(self, number):
        assert self.event(Recipient=number).phone_number == "+13035551234"

    @pytest.mark.parametrize("number", [None, "", "+", "1\n2"])
    def test_what_is_no_number_is_none(self, number):
        assert self.event(Recipient=number).phone_number is None

    @pytest.mark.parametrize(
        ("session", "channel", "meaning", "delivery"),
        [
            ("in-progress", "queued", WebhookEventType.UNKNOWN, None),
            ("in-progress", "sent", WebhookEventType.SENT, DeliveryStatus.SENT),
            ("in-progress", "delivered", WebhookEventType.DELIVERED, DeliveryStatus.DELIVERED),
            ("in-progress", "failed", WebhookEventType.FAILED, DeliveryStatus.SENDING_FAILED),
            ("in-progress", "undelivered", WebhookEventType.FAILED, DeliveryStatus.DELIVERY_FAILED),
            ("in-progress", "ringing", WebhookEventType.UNKNOWN, None),
            ("verified", "sent", WebhookEventType.VERIFIED, DeliveryStatus.SENT),
            ("expired", None, WebhookEventType.EXPIRED, None),
            (None, None, WebhookEventType.UNKNOWN, None),
        ],
    )
    def test_the_words_of_an_event_have_a_meaning(self, session, channel, meaning, delivery):
        event = self.event(SessionStatus=session, ChannelStatus=channel)
        assert (event.event_type, event.delivery_status) == (meaning, delivery)

    def test_what_is_no_event_is_malformed(self):
        with pytest.raises(MalformedWebhook):
            self.event(SessionUUID=None)

    @FUZZ
    @given(fields=st.dictionaries(st.sampled_from(sorted(fields)), st.text(max_size=300), max_size=9))
    def test_any_signed_form_gives_events_or_is_malformed(self, fields):
        self._is_read_or_malformed(urlencode(fields, errors="replace").encode())

    @pytest.mark.parametrize("name", sorted(fields))
    def test_a_webhook_outlives_any_value_of_a_field(self, name):
        for value in JUNK:
            self._is_read_or_malformed(urlencode({**self.fields, name: value}).encode())


@pytest.fixture
def route(configure, client, db):
    """Posts a body and headers to the webhook route of Plivo; the response."""
    provider = "jwt_drf_passwordless.external_2fa.plivo.PlivoVerifyProvider"
    configure(EXTERNAL_2FA={"provider": provider, "webhook_url": URL, "callback_url": URL, **TestPlivo.options})

    def post(body, headers, content_type="application/x-www-form-urlencoded"):
        return client.post("/passwordless/external/webhook/plivo/", body, content_type=content_type, headers=headers)

    return post


def test_the_route_takes_a_signed_form(route):
    headers, _ = TestPlivo().sign(TestPlivo.webhook, 0)
    assert route(TestPlivo.webhook, headers).status_code == 200


def test_the_route_refuses_a_form_with_another_signature(route):
    headers, _ = TestPlivo().sign(b"SessionUUID=s1", 0)
    assert route(TestPlivo.webhook, headers).status_code == 401


def test_the_route_takes_forms_only(route):
    headers, _ = TestPlivo().sign(TestPlivo.webhook, 0)
    assert route(TestPlivo.webhook, headers, "application/json").status_code == 415
