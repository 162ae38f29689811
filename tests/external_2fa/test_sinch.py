"""Sinch Verification, played after its API description, with the examples of its pages on signatures."""

import base64
import hashlib
import hmac
import json
import re
import time
from datetime import datetime, timezone

import pytest
import time_machine
from django.core.exceptions import ImproperlyConfigured

from jwt_drf_passwordless.external_2fa.base import (
    DeliveryStatus,
    InvalidSignature,
    MalformedWebhook,
    VerificationMethod,
    VerificationStatus,
    WebhookEventType,
)
from jwt_drf_passwordless.external_2fa.sinch import SinchVerificationProvider, signed_text
from tests.external_2fa.contracts import VendorContract, WebhookContract
from tests.vendor_server import Answer, Route, Vendor

KEY = "669E367E-6BBA-48AB-AF15-266871C28135"
SECRET = "BeIukql3pTKJ8RGL5zo0DA=="
PATH = "/verification/v1/verifications"
START = {
    "identity": {"type": "number", "endpoint": re.compile(r"\+[1-9]\d{6,14}")},
    "method": re.compile("sms|callout|flashCall"),
}


def signature(secret, verb, body, content_type, timestamp, path):
    """As Sinch's pages describe it, step by step."""
    digest = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()) if body else b""
    lines = [verb, digest.decode(), content_type, f"x-timestamp:{timestamp}", path]
    mac = hmac.new(base64.b64decode(secret), "\n".join(lines).encode(), hashlib.sha256)
    return base64.b64encode(mac.digest()).decode()


def iso(seconds):
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class Sinch(Vendor):
    headers = {
        "authorization": re.compile(f"Application {KEY}:[A-Za-z0-9+/]{{43}}="),
        "x-timestamp": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"),
    }
    id_format = "{:010}"

    def __init__(self):
        super().__init__()
        self.methods = {}

    def route(self, request):
        expected = signature(
            SECRET,
            request.verb,
            request.body,
            request.headers["Content-Type"],
            request.headers["x-timestamp"],
            request.path,
        )
        sent = datetime.fromisoformat(request.headers["x-timestamp"].replace("Z", "+00:00"))
        checks = {
            "signature": request.headers["Authorization"] == f"Application {KEY}:{expected}",
            "time": abs(sent.timestamp() - time.time()) < 5,
        }
        wrong = [name for name in checks if not checks[name]]
        return self.complain(401, request, *wrong) if wrong else super().route(request)

    def create(self, request):
        method = request.fields["method"]
        id_ = self.start(request.fields["identity"]["endpoint"])
        self.methods[id_] = method
        return Answer(200, {"id": id_, "method": method, method: {"interceptionTimeout": 120}, "_links": []})

    def check(self, request, number, method, typed):
        id_ = self.newest(number)
        if id_ is None:
            return Answer(404, {"errorCode": 40400, "message": "Requested resource was not found."})
        assert method == self.methods[id_]
        if typed == self.code:
            return Answer(200, {"id": id_, "method": method, "status": "SUCCESSFUL"})
        reason = "Invalid CLI" if method == "flashCall" else "Invalid code"
        return Answer(200, {"id": id_, "method": method, "status": "FAIL", "reason": reason})

    def check_sms(self, request, number):
        return self.check(request, number, "sms", request.fields["sms"]["code"])

    routes = [
        Route("POST", PATH, START, create),
        Route("PUT", PATH + r"/number/(\+\d+)", {"method": "sms", "sms": {"code": str}}, check_sms),
    ]


class SinchCalls(Sinch):
    """The same, with verifications by a call or a missed call."""

    def check_call(self, request, number):
        return self.check(request, number, "callout", request.fields["callout"]["code"])

    def check_flashcall(self, request, number):
        return self.check(request, number, "flashCall", request.fields["flashCall"]["cli"])

    @property
    def routes(self):
        path = PATH + r"/number/(\+\d+)"
        callout = {"method": "callout", "callout": {"code": str}}
        flashcall = {"method": "flashCall", "flashCall": {"cli": re.compile(r"\+\d+")}}
        check = SinchCalls.check_flashcall if "flashCall" in self.methods.values() else SinchCalls.check_call
        fields = flashcall if "flashCall" in self.methods.values() else callout
        return [Sinch.routes[0], Route("PUT", path, fields, check)]


class TestSinch(VendorContract, WebhookContract):
    vendor_class = Sinch
    provider_class = SinchVerificationProvider
    options = {"application_key": KEY, "application_secret": SECRET}
    # The number is in the path.
    echoes_number = False
    checks_by_number = False

    key_option = "application_secret"
    signature_header = "Authorization"
    payload = {
        "id": "1234567890",
        "event": "VerificationResultEvent",
        "method": "sms",
        "identity": {"type": "number", "endpoint": "+13035551234"},
        "status": "SUCCESSFUL",
        "source": "manual",
        "custom": "of the project",
    }
    webhook = json.dumps(payload).encode()

    def sign(self, body, at):
        mac = signature(SECRET, "POST", body, "application/json", iso(at), "/hook/")
        headers = {
            "Authorization": f"application {KEY}:{mac}",
            "x-timestamp": iso(at),
            "Content-Type": "application/json",
        }
        return headers, "https://app.example/hook/"

    def event(self, **changes):
        [event] = self.receive(json.dumps({**self.payload, **changes}).encode())
        return event

    @pytest.mark.parametrize(
        ("status", "code", "to_a_send", "to_a_check"),
        [
            (400, 40001, VerificationStatus.INVALID_NUMBER, VerificationStatus.REJECTED),
            (400, 40003, VerificationStatus.INVALID_NUMBER, VerificationStatus.REJECTED),
            (400, 40099, VerificationStatus.ERROR, VerificationStatus.ERROR),
            (401, 40102, VerificationStatus.MISCONFIGURED, VerificationStatus.MISCONFIGURED),
            (402, 40200, VerificationStatus.MISCONFIGURED, VerificationStatus.MISCONFIGURED),
            (403, 40300, VerificationStatus.BLOCKED, VerificationStatus.BLOCKED),
            (403, 40303, VerificationStatus.MISCONFIGURED, VerificationStatus.MISCONFIGURED),
            (404, 40400, VerificationStatus.MISCONFIGURED, VerificationStatus.NOT_FOUND),
            (422, 42200, VerificationStatus.MISCONFIGURED, VerificationStatus.MISCONFIGURED),
            (422, 42201, VerificationStatus.UNSUPPORTED_CHANNEL, VerificationStatus.UNSUPPORTED_CHANNEL),
            (429, 42901, VerificationStatus.RATE_LIMITED, VerificationStatus.RATE_LIMITED),
            (503, 50300, VerificationStatus.UNAVAILABLE, VerificationStatus.UNAVAILABLE),
        ],
    )
    def test_an_error_code_of_the_vendor_has_a_meaning(self, status, code, to_a_send, to_a_check):
        body = {"errorCode": code, "message": "A sentence.", "reference": "r1"}
        assert self.check_met_by(status=status, body=body).status is to_a_check
        result = self.send_met_by(status=status, body=body)
        assert (result.status, result.error_code, result.message) == (to_a_send, str(code), None)

    @pytest.mark.parametrize(
        ("status", "reason", "meaning"),
        [
            ("FAIL", "Invalid code", VerificationStatus.REJECTED),
            ("FAIL", "Invalid CLI", VerificationStatus.REJECTED),
            ("FAIL", "Hung up without entering valid code", VerificationStatus.REJECTED),
            ("FAIL", "Expired", VerificationStatus.EXPIRED),
            ("DENIED", "Fraud", VerificationStatus.BLOCKED),
            ("DENIED", "Not enough credit", VerificationStatus.MISCONFIGURED),
            ("ERROR", "Internal error", VerificationStatus.UNAVAILABLE),
            ("FAIL", "Network error or number unreachable", VerificationStatus.UNSUPPORTED_CHANNEL),
            ("FAIL", "A new reason", VerificationStatus.ERROR),
            ("FAIL", None, VerificationStatus.ERROR),
            ("PENDING", None, VerificationStatus.ERROR),
            ("successful", None, VerificationStatus.ERROR),
            (True, None, VerificationStatus.ERROR),
            (["SUCCESSFUL"], None, VerificationStatus.ERROR),
        ],
    )
    def test_only_the_status_successful_accepts(self, status, reason, meaning):
        body = {"id": "0000000001", "method": "sms", "status": status, "reason": reason}
        assert self.check_met_by(body=body).status is meaning

    def test_the_verification_id_begins_with_the_channel(self):
        assert self.send(self.make_provider()).verification_id == "sms:0000000001"

    @pytest.mark.parametrize("id_", ["", "0000000001", "sms:", "rcs:0000000001", ":0000000001"])
    def test_an_id_without_a_channel_asks_nothing(self, id_):
        result = self.make_provider().verify_code(self.phone_number, "482915", verification_id=id_)
        assert (result.status, self.vendor.requests) == (VerificationStatus.NOT_FOUND, [])

    def test_a_number_without_a_verification_is_not_found(self):
        result = self.make_provider().verify_code(self.phone_number, "482915", verification_id="sms:1")
        assert result.status is VerificationStatus.NOT_FOUND

    def test_an_older_verification_is_not_the_newest(self):
        provider = self.make_provider()
        older = self.send(provider)
        self.send(provider)
        assert self.check(provider, older, self.vendor.code).status is VerificationStatus.ERROR

    @pytest.mark.parametrize("secret", ["no base64", "AAA", "é"])
    def test_a_secret_that_is_no_base64_is_refused(self, secret):
        with pytest.raises(ImproperlyConfigured, match="application_secret"):
            self.make_provider(application_secret=secret)

    def test_the_secret_is_the_key_of_webhooks(self):
        assert self.make_provider().accepts_webhooks
        assert not self.make_provider(application_secret="").accepts_webhooks

    @pytest.mark.parametrize(
        ("secret", "body", "timestamp", "path", "expected"),
        [
            (
                "BeIukql3pTKJ8RGL5zo0DA==",
                b'{"event":"ace","callid":"822aa4b7-05b4-4d83-87c7-1f835ee0b6f6_257",'
                b'"timestamp":"2014-09-24T10:59:41Z","version":1}',
                "2014-09-24T10:59:41Z",
                "/sinch/callback/ace",
                "Tg6fMyo8mj9pYfWQ9ssbx3Tc1BNC87IEygAfLbJqZb4=",
            ),
            (
                "AAECAwQFBgcICQoLDA0ODw==",
                b'{"id":"v1","event":"VerificationResultEvent","method":"sms","status":"SUCCESSFUL"}',
                "2027-01-15T08:00:00Z",
                "/hook/",
                "AKFwTJSXPvfLIaaO86Q2nbnuNhLB/jtJp3GjxbQ3yPg=",
            ),
        ],
    )
    def test_the_vectors_are_reproduced(self, secret, body, timestamp, path, expected):
        signed = signed_text("POST", body, "application/json", timestamp, path)
        mac = hmac.new(base64.b64decode(secret), signed, hashlib.sha256).digest()
        assert base64.b64encode(mac).decode() == expected

    def test_the_vector_is_accepted_as_a_webhook(self):
        body = b'{"id":"v1","event":"VerificationResultEvent","method":"sms","status":"SUCCESSFUL"}'
        headers = {
            "Authorization": f"application {KEY}:AKFwTJSXPvfLIaaO86Q2nbnuNhLB/jtJp3GjxbQ3yPg=",
            "x-timestamp": "2027-01-15T08:00:00Z",
            "Content-Type": "application/json",
        }
        provider = self.make_provider(application_secret="AAECAwQFBgcICQoLDA0ODw==")
        with time_machine.travel("2027-01-15T08:00:00Z", tick=False):
            [event] = provider.handle_webhook(body, headers, "https://app.example/hook/").events
        assert (event.event_type, event.verification_id) == (WebhookEventType.VERIFIED, "sms:v1")

    def test_nothing_is_signed_for_an_empty_body(self):
        assert signed_text("GET", b"", "", "2027-01-15T08:00:00Z", "/x") == (
            b"GET\n\n\nx-timestamp:2027-01-15T08:00:00Z\n/x"
        )

    def test_the_query_of_the_url_is_not_signed(self):
        headers, url = self.signed_now()
        assert not self.refuses(self.webhook, headers, url + "?a=1")

    @pytest.mark.parametrize("url", ["https://app.example/other/", "https://app.example/hook", "https://[x"])
    def test_a_signature_for_another_path_is_refused(self, url):
        headers, _ = self.signed_now()
        assert self.refuses(self.webhook, headers, url)

    @pytest.mark.parametrize("start", [f"application {KEY[:-1]}6:", "Application :", f"Basic {KEY}:", f"{KEY}:", ""])
    def test_the_key_must_be_ours(self, start):
        headers, url = self.signed_now()
        mac = headers["Authorization"].partition(":")[2]
        assert self.refuses(self.webhook, {**headers, "Authorization": start + mac}, url)

    @pytest.mark.parametrize("ending", [".2729234Z", ".5Z", "+00:00"])
    def test_a_time_may_have_fractions(self, ending):
        assert self.takes_time("2027-01-15T08:00:00" + ending)

    @pytest.mark.parametrize(
        "timestamp",
        [
            "2027-01-15T08:00:00",
            "2027-01-15T08:00:00+01:00",
            "2027-01-15 08:00:00Z",
            "2027-13-15T08:00:00Z",
            "2027-01-15T08:00:00Z ",
            "0001-01-01T00:00:00Z",
            "２０２７-01-15T08:00:00Z",
            "1800000000",
            "",
        ],
    )
    def test_another_time_is_refused(self, timestamp):
        assert not self.takes_time(timestamp)

    def takes_time(self, timestamp):
        """Whether a webhook signed with this time is taken on 15 January 2027 at 8 o'clock UTC."""
        mac = signature(SECRET, "POST", self.webhook, "application/json", timestamp, "/hook/")
        headers = {
            "Authorization": f"application {KEY}:{mac}",
            "x-timestamp": timestamp,
            "Content-Type": "application/json",
        }
        with time_machine.travel("2027-01-15T08:00:00Z", tick=False):
            return not self.refuses(self.webhook, headers, "https://app.example/hook/")

    def test_a_question_is_answered_with_yes_and_is_no_event(self):
        body = json.dumps({**self.payload, "event": "VerificationRequestEvent"}).encode()
        reply = self.make_provider().handle_webhook(body, *self.sign(body, int(time.time())))
        assert (reply.body, list(reply.events)) == ({"action": "allow"}, [])

    def test_an_unsigned_question_is_not_answered(self):
        body = json.dumps({**self.payload, "event": "VerificationRequestEvent"}).encode()
        with pytest.raises(InvalidSignature):
            self.make_provider().handle_webhook(body, {}, "https://app.example/hook/")

    def test_an_event_tells_all_that_the_vendor_told(self):
        event = self.event()
        assert event.event_type is WebhookEventType.VERIFIED
        assert event.phone_number == "+13035551234"
        assert event.verification_id == "sms:1234567890"
        assert event.raw_payload == {name: self.payload[name] for name in self.payload if name != "custom"}

    def test_a_code_is_not_kept(self):
        assert "482915" not in repr(self.event(sms={"code": "482915"}, code="482915"))

    @pytest.mark.parametrize(
        ("method", "id_"),
        [
            ("flashcall", "flashcall:1234567890"),
            ("flashCall", "flashcall:1234567890"),
            ("callout", "call:1234567890"),
            ("seamless", None),
            (None, None),
        ],
    )
    def test_the_id_of_an_event_is_that_of_the_send(self, method, id_):
        assert self.event(method=method).verification_id == id_

    def test_an_id_that_no_send_can_have_is_none(self):
        assert self.event(id="x" * 255).verification_id is None

    @pytest.mark.parametrize(
        ("changes", "meaning", "delivery"),
        [
            ({"status": "FAIL", "reason": "Invalid code"}, WebhookEventType.UNKNOWN, None),
            ({"status": "FAIL", "reason": "Expired"}, WebhookEventType.EXPIRED, None),
            (
                {"status": "FAIL", "reason": "SMS delivery failure"},
                WebhookEventType.FAILED,
                DeliveryStatus.DELIVERY_FAILED,
            ),
            (
                {"status": "DENIED", "reason": "Destination denied"},
                WebhookEventType.FAILED,
                DeliveryStatus.SENDING_FAILED,
            ),
            ({"status": "FAIL", "reason": "Not enough credit"}, WebhookEventType.FAILED, DeliveryStatus.SENDING_FAILED),
            ({"status": "ERROR", "reason": "Internal error"}, WebhookEventType.FAILED, DeliveryStatus.SENDING_FAILED),
            ({"status": "FAIL", "reason": "A new reason"}, WebhookEventType.UNKNOWN, None),
            ({"status": "PENDING"}, WebhookEventType.UNKNOWN, None),
            ({"event": "NewEvent"}, WebhookEventType.UNKNOWN, None),
            (
                {"event": "VerificationSmsDeliveredEvent", "smsResult": "Successful"},
                WebhookEventType.DELIVERED,
                DeliveryStatus.DELIVERED,
            ),
            (
                {"event": "VerificationSmsDeliveredEvent", "smsResult": "Failed"},
                WebhookEventType.FAILED,
                DeliveryStatus.DELIVERY_FAILED,
            ),
            ({"event": "VerificationSmsDeliveredEvent", "smsResult": "New"}, WebhookEventType.UNKNOWN, None),
        ],
    )
    def test_the_words_of_an_event_have_a_meaning(self, changes, meaning, delivery):
        event = self.event(**changes)
        assert (event.event_type, event.delivery_status) == (meaning, delivery)

    @pytest.mark.parametrize("change", [{"status": "FAIL"}, {"id": "1234567891"}, {"reason": "Fraud"}])
    def test_other_news_is_another_event(self, change):
        assert self.event(**change).event_id != self.event().event_id

    @pytest.mark.parametrize("id_", [None, "", 7, "x" * 256])
    def test_what_is_no_event_is_malformed(self, id_):
        with pytest.raises(MalformedWebhook):
            self.event(id=id_)


class TestSinchCalls:
    @pytest.mark.parametrize(
        ("method", "code", "wrong"),
        [(VerificationMethod.CALL, "4829", "4828"), (VerificationMethod.FLASHCALL, "+46701234567", "+46701234568")],
    )
    def test_a_call_is_checked_by_its_own_field(self, method, code, wrong):
        with SinchCalls() as vendor:
            vendor.code = code
            provider = SinchVerificationProvider(KEY, SECRET, base_url=vendor.url)
            sent = provider.send_verification("+12025550123", method)
            statuses = [
                provider.verify_code("+12025550123", typed, verification_id=sent.verification_id).status
                for typed in (wrong, code)
            ]
        assert statuses == [VerificationStatus.REJECTED, VerificationStatus.ACCEPTED]
        assert (sent.verification_id, vendor.complaints) == (f"{method.value}:0000000001", [])


@pytest.mark.django_db
@pytest.mark.parametrize(("secret", "status"), [(SECRET, 200), ("AAECAwQFBgcICQoLDA0ODw==", 401)])
def test_the_route_answers_the_question_of_the_vendor_alone(configure, client, secret, status):
    provider = "jwt_drf_passwordless.external_2fa.sinch.SinchVerificationProvider"
    configure(EXTERNAL_2FA={"provider": provider, "webhook_url": "https://app.example/hook/", **TestSinch.options})
    body = json.dumps({**TestSinch.payload, "event": "VerificationRequestEvent"})
    now = iso(time.time())
    mac = signature(secret, "POST", body.encode(), "application/json", now, "/hook/")
    response = client.post(
        "/passwordless/external/webhook/sinch/",
        body,
        content_type="application/json",
        headers={"Authorization": f"application {KEY}:{mac}", "x-timestamp": now},
    )
    assert response.status_code == status
    assert (response.json() == {"action": "allow"}) is (status == 200)
