"""Twilio Verify, played after its OpenAPI description."""

import base64
import hashlib
import hmac
import json
import re
from urllib.parse import parse_qsl

import pytest

from jwt_drf_passwordless.external_2fa.base import DeliveryStatus, VerificationStatus, WebhookEventType
from jwt_drf_passwordless.external_2fa.twilio import TwilioVerifyProvider
from tests.external_2fa.contracts import VendorContract, WebhookContract
from tests.vendor_server import FORM, Answer, Optional, Route, Vendor

SERVICE = "VA" + "5" * 32
NUMBER = re.compile(r"\+[1-9]\d{6,14}")
START = {
    "To": NUMBER,
    "Channel": re.compile("sms|call|whatsapp"),
    "Locale": Optional(re.compile("[a-z]{2}(-[A-Z]{2})?")),
}
CHECK = ({"To": NUMBER, "Code": str}, {"VerificationSid": str, "Code": str})
PATH = f"/v2/Services/{SERVICE}"
HOOK = "https://app.example/hook/"
TYPE = "com.twilio.accountsecurity.verify.verification."
NOT_FOUND = {"code": 20404, "message": "Not found", "more_info": "https://www.twilio.com/docs", "status": 404}


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class Twilio(Vendor):
    headers = {"authorization": basic("AC1", "12345")}
    id_format = "VE{:032x}"

    def answer(self, sid, status, http_status=200):
        body = {
            "sid": sid,
            "service_sid": SERVICE,
            "account_sid": "AC1",
            "to": self.numbers[sid],
            "channel": "sms",
            "status": status,
            "valid": status == "approved",
            "lookup": {},
            "amount": None,
            "payee": None,
            "date_created": "2026-11-21T10:00:00Z",
            "date_updated": "2026-11-21T10:00:00Z",
        }
        return Answer(http_status, body)

    def send(self, request):
        if request.fields.get("Locale") == "ja":  # stands for a language that a template does not have
            return Answer(404, NOT_FOUND)
        return self.answer(self.start(request.fields["To"]), "pending", 201)

    def check(self, request):
        fields = request.fields
        sid = fields.get("VerificationSid") or self.newest(fields["To"])
        if sid not in self.numbers:
            return Answer(404, NOT_FOUND)
        return self.answer(sid, "approved" if fields["Code"] == self.code else "pending")

    def cancel(self, request, which):
        sid = which if which in self.numbers else self.newest(which)
        return self.answer(sid, "canceled") if sid else Answer(404, NOT_FOUND)

    routes = [
        Route("POST", f"{PATH}/Verifications", START, send, FORM),
        Route("POST", f"{PATH}/VerificationCheck", CHECK, check, FORM),
        Route("POST", f"{PATH}/Verifications/([^/]+)", {"Status": "canceled"}, cancel, FORM),
    ]


def event(**changes):
    """One event of the stream; `data` is merged."""
    data = {
        "account_sid": "AC1",
        "service_sid": SERVICE,
        "verification_sid": "VE" + "0" * 31 + "1",
        "to": "+15017122661",
        "verification_status": "APPROVED",
        "send_code_attempts": {
            "count": 2,
            "attempts": [
                {"time": "2026-11-21T10:00:00Z", "channel": "SMS", "delivery_status": "UNDELIVERED"},
                {"time": "2026-11-21T10:01:00Z", "channel": "SMS", "delivery_status": "SENT"},
            ],
        },
    } | changes.pop("data", {})
    return {
        "specversion": "1.0",
        "type": f"{TYPE}approved",
        "source": "/v2/Services",
        "id": "EZ1",
        "time": "2026-11-21T10:02:00Z",
        "datacontenttype": "application/json",
        "data": data,
    } | changes


def mac(key, url, algorithm):
    return base64.b64encode(hmac.new(key, url.encode(), algorithm).digest()).decode()


def with_digest(body, url=HOOK):
    return f"{url}?bodySHA256={hashlib.sha256(body).hexdigest()}"


class TestTwilio(VendorContract, WebhookContract):
    vendor_class = Twilio
    provider_class = TwilioVerifyProvider
    options = {"service_sid": SERVICE, "account_sid": "AC1", "auth_token": "12345"}
    cancels = True

    key_option = "auth_token"
    signature_header = "X-Twilio-Signature"
    signs_time = False
    webhook = json.dumps([event()]).encode()

    def sign(self, body, at):
        url = with_digest(body)
        return {"X-Twilio-Signature": mac(b"12345", url, "sha1")}, url

    def read(self, *events):
        return self.receive(json.dumps(events).encode())

    @pytest.mark.parametrize(
        ("language", "locales"),
        [
            ("de", ["de"]),
            ("de-at", ["de"]),
            ("pt-br", ["pt-BR"]),
            ("zh-hans", ["zh-CN"]),
            ("ja", ["ja", None]),
            ("sv", [None]),
        ],
    )
    def test_the_language_goes_along_if_the_vendor_has_it(self, language, locales):
        assert self.make_provider().send_verification("+12025550123", language=language).success
        sent = [dict(parse_qsl(request.body.decode())) for request in self.vendor.requests]
        assert [fields.get("Locale") for fields in sent] == locales

    @pytest.mark.parametrize(
        ("code", "http_status", "status"),
        [
            (20003, 401, VerificationStatus.MISCONFIGURED),
            (20404, 404, VerificationStatus.MISCONFIGURED),
            (20429, 429, VerificationStatus.RATE_LIMITED),
            (60200, 400, VerificationStatus.INVALID_NUMBER),
            (60203, 429, VerificationStatus.RATE_LIMITED),
            (60204, 400, VerificationStatus.MISCONFIGURED),
            (60205, 403, VerificationStatus.UNSUPPORTED_CHANNEL),
            (60207, 429, VerificationStatus.RATE_LIMITED),
            (60212, 429, VerificationStatus.RATE_LIMITED),
            (99999, 400, VerificationStatus.ERROR),
            (99999, 503, VerificationStatus.UNAVAILABLE),
        ],
    )
    def test_an_error_code_of_a_send_has_a_meaning(self, code, http_status, status):
        result = self.send_met_by(status=http_status, body={"code": code, "message": "text", "status": http_status})
        assert (result.status, result.error_code, result.message) == (status, str(code), None)

    @pytest.mark.parametrize(
        ("code", "http_status", "status"),
        [
            (60201, 400, VerificationStatus.REJECTED),
            (60202, 429, VerificationStatus.MAX_ATTEMPTS),
            (20404, 404, VerificationStatus.NOT_FOUND),
        ],
    )
    def test_an_error_code_of_a_check_has_a_meaning(self, code, http_status, status):
        assert self.check_met_by(status=http_status, body={"code": code}).status is status

    @pytest.mark.parametrize(
        ("word", "status"),
        [
            ("pending", VerificationStatus.REJECTED),
            ("max_attempts_reached", VerificationStatus.MAX_ATTEMPTS),
            ("expired", VerificationStatus.EXPIRED),
            ("canceled", VerificationStatus.EXPIRED),
            ("deleted", VerificationStatus.EXPIRED),
            ("failed", VerificationStatus.ERROR),
            ("APPROVED", VerificationStatus.ERROR),
            (True, VerificationStatus.ERROR),
        ],
    )
    def test_only_the_status_approved_accepts_whatever_is_valid(self, word, status):
        body = {"sid": "VE" + "0" * 31 + "1", "to": self.phone_number, "status": word, "valid": True}
        assert self.check_met_by(body=body).status is status

    def test_a_check_may_be_answered_with_201(self):
        body = {"sid": "VE" + "0" * 31 + "1", "to": self.phone_number, "status": "approved"}
        assert self.check_met_by(status=201, body=body).success

    def test_an_api_key_takes_the_place_of_the_account(self, monkeypatch):
        monkeypatch.setattr(Twilio, "headers", {"authorization": basic("SK1", "secret")})
        assert self.send(self.make_provider(api_key="SK1", api_secret="secret")).success

    def test_an_api_key_needs_its_secret(self):
        assert not self.make_provider(api_key="SK1").is_configured()

    def test_without_an_id_the_number_is_cancelled(self):
        provider = self.make_provider()
        self.send(provider)
        assert provider.cancel_verification(self.phone_number).success

    def test_a_cancel_that_is_answered_otherwise_is_no_success(self):
        provider = self.make_provider()
        self.vendor.instead = Answer(200, {"to": self.phone_number, "status": "pending"})
        assert not provider.cancel_verification(self.phone_number).success

    def test_the_vector_of_the_event_stream_is_accepted(self):
        body = b'[{"id":"EZ1"}]'
        url = f"{HOOK}?bodySHA256=2c021c089fa1bc2b8ba53705e101703abfee982503ce96aaa8c907f746c65f7e"
        assert self.make_provider()._is_signed(body, "CLcj4Cs+P+H3q4d2M4yqxwJEjkE=", url)

    @pytest.mark.parametrize("signed", ["https://app.example/hook/", "https://app.example:443/hook/"])
    @pytest.mark.parametrize("called", ["https://app.example/hook/", "https://app.example:443/hook/"])
    def test_the_default_port_may_be_part_of_the_signed_url(self, signed, called):
        signature = mac(b"12345", with_digest(self.webhook, signed), "sha1")
        headers = {"X-Twilio-Signature": signature}
        assert not self.refuses(self.webhook, headers, with_digest(self.webhook, called))

    @pytest.mark.parametrize(
        "url", ["http://app.example/hook/", "https://app.example:8443/hook/", "https://app.example/hook", "https://[/"]
    )
    def test_another_url_is_refused(self, url):
        headers, _ = self.signed_now()
        assert self.refuses(self.webhook, headers, with_digest(self.webhook, url))

    def test_another_port_is_signed_as_it_is(self):
        url = with_digest(self.webhook, "https://app.example:8443/hook/")
        assert not self.refuses(self.webhook, {"X-Twilio-Signature": mac(b"12345", url, "sha1")}, url)

    @pytest.mark.parametrize("query", ["", "?bodySHA256=", "?a=1"])
    def test_a_url_without_the_digest_of_the_body_is_refused(self, query):
        url = HOOK + query
        assert self.refuses(self.webhook, {"X-Twilio-Signature": mac(b"12345", url, "sha1")}, url)

    def test_a_second_digest_is_refused(self):
        url = with_digest(self.webhook) + "&bodySHA256=" + "0" * 64
        assert self.refuses(self.webhook, {"X-Twilio-Signature": mac(b"12345", url, "sha1")}, url)

    def test_a_shared_key_is_accepted_in_its_own_form(self):
        url = with_digest(self.webhook)
        headers = {"X-Twilio-Signature": mac(b"shared", url, "sha256")}
        assert not self.refuses(self.webhook, headers, url, webhook_secret="shared")

    @pytest.mark.parametrize(("key", "algorithm"), [(b"12345", "sha1"), (b"shared", "sha1"), (b"12345", "sha256")])
    def test_with_a_shared_key_no_other_form_is_accepted(self, key, algorithm):
        url = with_digest(self.webhook)
        assert self.refuses(
            self.webhook, {"X-Twilio-Signature": mac(key, url, algorithm)}, url, webhook_secret="shared"
        )

    def test_a_request_does_not_choose_the_algorithm(self):
        url = with_digest(self.webhook)
        headers = {
            "X-Twilio-Signature": mac(b"12345", url, "sha256"),
            "X-Twilio-Webhooks-Signature-Settings": "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256",
        }
        assert self.refuses(self.webhook, headers, url)

    def test_an_event_tells_all_that_the_vendor_told(self):
        [told] = self.read(event())
        assert told.event_type is WebhookEventType.VERIFIED
        assert told.event_id == "EZ1"
        assert told.phone_number == "+15017122661"
        assert told.verification_id == "VE" + "0" * 31 + "1"
        assert told.occurred_at == "2026-11-21T10:02:00Z"

    def test_a_body_can_hold_many_events(self):
        assert [told.event_id for told in self.read(event(id="EZ1"), event(id="EZ2"))] == ["EZ1", "EZ2"]

    def test_a_body_can_hold_no_event(self):
        assert self.read() == []

    @pytest.mark.parametrize(
        ("type_", "meaning"),
        [
            (f"{TYPE}pending", WebhookEventType.SENT),
            (f"{TYPE}approved", WebhookEventType.VERIFIED),
            (f"{TYPE}expired", WebhookEventType.EXPIRED),
            (f"{TYPE}canceled", WebhookEventType.EXPIRED),
            (f"{TYPE}max_attempts_reached", WebhookEventType.EXPIRED),
            (f"{TYPE}other", WebhookEventType.UNKNOWN),
            (["approved"], WebhookEventType.UNKNOWN),
        ],
    )
    def test_the_event_type_has_a_meaning(self, type_, meaning):
        [told] = self.read(event(type=type_))
        assert told.event_type is meaning

    def test_an_event_of_another_service_is_not_ours(self):
        [told] = self.read(event(data={"service_sid": "VA" + "6" * 32}))
        assert told.event_type is WebhookEventType.UNKNOWN

    @pytest.mark.parametrize(
        ("word", "status"),
        [
            ("SENT", DeliveryStatus.SENT),
            ("DELIVERED", DeliveryStatus.DELIVERED),
            ("READ", DeliveryStatus.DELIVERED),
            ("UNDELIVERED", DeliveryStatus.DELIVERY_FAILED),
            ("FAILED", DeliveryStatus.SENDING_FAILED),
            ("QUEUED", None),
            (None, None),
        ],
    )
    def test_the_delivery_status_is_that_of_the_last_attempt(self, word, status):
        attempts = [{"delivery_status": "DELIVERED"}, {"delivery_status": word}]
        [told] = self.read(event(data={"send_code_attempts": {"attempts": attempts}}))
        assert told.delivery_status is status
