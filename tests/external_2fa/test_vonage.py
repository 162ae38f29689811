"""Vonage Verify v2, played after its OpenAPI description."""

import base64
import hashlib
import json
import re
import time

import jwt
import pytest
import time_machine
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.core.exceptions import ImproperlyConfigured
from jwt.algorithms import RSAAlgorithm

from jwt_drf_passwordless.external_2fa.base import VerificationMethod, VerificationStatus, WebhookEventType
from jwt_drf_passwordless.external_2fa.vonage import VonageVerifyProvider
from tests.external_2fa.contracts import VendorContract, WebhookContract
from tests.vendor_server import Answer, Optional, Route, Vendor

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
SECRET = "throwaway-signature-secret-000001"
APPLICATION = "a0000000-0000-4000-8000-00000000000a"
BASIC = "Basic " + base64.b64encode(b"a1b2c3d4:secret").decode()
TO = re.compile(r"[1-9]\d{6,14}")
ITEM = ({"channel": re.compile("sms|voice"), "to": TO}, {"channel": "whatsapp", "to": TO, "from": "447700900000"})
START = {
    "brand": "Example",
    "workflow": [ITEM],
    "code_length": 6,
    "locale": Optional(re.compile("[a-z]{2}-[a-z]{2}")),
}
ID = "00000000-0000-4000-8000-000000000001"


def problem(name, **more):
    """An error in the form of RFC 7807."""
    return {"title": "A title", "type": f"https://developer.vonage.com/api-errors/verify-v2#{name}", **more}


class Vonage(Vendor):
    headers = {"authorization": BASIC}

    def send(self, request):
        item = request.fields["workflow"][0]
        if request.fields.get("locale") == "ja-jp":  # stands for a language that a channel does not have
            return Answer(422, problem("invalid-params"))
        return Answer(202, {"request_id": self.start("+" + item["to"])})

    def check(self, request, id_):
        if id_ not in self.numbers:
            return Answer(404, problem("not-found"))
        if request.fields["code"] != self.code:
            return Answer(400, problem("invalid-code"))
        return Answer(200, {"request_id": id_, "status": "completed"})

    def cancel(self, request, id_):
        return Answer(204) if id_ in self.numbers else Answer(404, problem("not-found"))

    routes = [
        Route("POST", "/v2/verify", START, send),
        Route("POST", "/v2/verify/([^/]+)", {"code": str}, check),
        Route("DELETE", "/v2/verify/([^/]+)", None, cancel),
    ]


class VonageWithApplication(Vonage):
    """Wants the JWT of an application."""

    headers = {"authorization": re.compile("Bearer [^.]+[.][^.]+[.][^.]+")}


class TestVonage(VendorContract, WebhookContract):
    vendor_class = Vonage
    provider_class = VonageVerifyProvider
    base_path = "/v2/verify"
    options = {
        "brand": "Example",
        "api_key": "a1b2c3d4",
        "api_secret": "secret",
        "signature_secret": SECRET,
        "whatsapp_sender": "447700900000",
    }
    # The answer to a check does not name the number.
    checks_by_id_alone = True
    echoes_number = False
    checks_by_number = False
    cancels = True

    key_option = "signature_secret"
    signature_header = "Authorization"
    webhook = json.dumps(
        {
            "request_id": ID,
            "triggered_at": "2026-11-21T10:00:00.000Z",
            "type": "event",
            "channel": "sms",
            "status": "completed",
            "finalized_at": "2026-11-21T10:00:30.000Z",
            "client_ref": "ref",
        }
    ).encode()

    def sign(self, body, at, key=SECRET, algorithm="HS256", **changes):
        claims = {
            "iat": at,
            "jti": f"j{at}",
            "iss": "Vonage",
            "payload_hash": hashlib.sha256(body).hexdigest(),
            "api_key": "a1b2c3d4",
            "application_id": APPLICATION,
        }
        claims = {name: value for name, value in (claims | changes).items() if value is not None}
        return {"Authorization": "Bearer " + jwt.encode(claims, key, algorithm)}, "https://app.example/hook/"

    def event(self, **changes):
        return self.make_provider().parse_webhook(json.loads(self.webhook) | changes)

    @pytest.mark.parametrize(
        ("language", "locales"),
        [
            ("de", ["de-de"]),
            ("de-at", ["de-de"]),
            ("pt-br", ["pt-br"]),
            ("zh-hans", ["zh-cn"]),
            ("ja", ["ja-jp", None]),
            ("sv", [None]),
        ],
    )
    def test_the_language_goes_along_if_the_vendor_has_it(self, language, locales):
        assert self.make_provider().send_verification("+12025550123", language=language).success
        assert [json.loads(request.body).get("locale") for request in self.vendor.requests] == locales

    @pytest.mark.parametrize(
        ("http_status", "body", "status", "code"),
        [
            (401, problem("unauthorized"), VerificationStatus.MISCONFIGURED, "unauthorized"),
            (402, problem("low-balance"), VerificationStatus.MISCONFIGURED, "low-balance"),
            (403, problem("forbidden"), VerificationStatus.MISCONFIGURED, "forbidden"),
            (409, problem("conflict"), VerificationStatus.RATE_LIMITED, "conflict"),
            (412, problem("unsupported"), VerificationStatus.UNSUPPORTED_CHANNEL, "unsupported"),
            (422, problem("invalid-params"), VerificationStatus.INVALID_NUMBER, "invalid-params"),
            (429, problem("throttled"), VerificationStatus.RATE_LIMITED, "throttled"),
            (400, problem("other"), VerificationStatus.ERROR, "other"),
            (400, {"type": 7}, VerificationStatus.ERROR, "400"),
            (400, {"type": "no fragment, but spaces"}, VerificationStatus.ERROR, "400"),
        ],
    )
    def test_an_error_of_a_send_has_a_meaning(self, http_status, body, status, code):
        result = self.send_met_by(status=http_status, body=body)
        assert (result.status, result.error_code, result.message) == (status, code, None)

    @pytest.mark.parametrize(
        ("http_status", "body", "status"),
        [
            (400, problem("invalid-code"), VerificationStatus.REJECTED),
            (404, problem("not-found"), VerificationStatus.NOT_FOUND),
            (410, problem("expired"), VerificationStatus.EXPIRED),
        ],
    )
    def test_an_error_of_a_check_has_a_meaning(self, http_status, body, status):
        assert self.check_met_by(status=http_status, body=body).status is status

    @pytest.mark.parametrize("word", ["pending", "COMPLETED", True, None, ["completed"]])
    def test_only_the_word_completed_accepts(self, word):
        assert self.check_met_by(body={"request_id": ID, "status": word}).status is VerificationStatus.ERROR

    def test_a_cancel_without_an_id_asks_nobody(self):
        result = self.make_provider().cancel_verification(self.phone_number)
        assert (result.status, self.vendor.requests) == (VerificationStatus.NOT_FOUND, [])

    def test_a_cancel_that_comes_too_early_is_no_success(self):
        provider = self.make_provider()
        self.vendor.instead = Answer(404, problem("not-found"))
        assert not provider.cancel_verification(self.phone_number, verification_id=ID).success

    def test_whatsapp_without_a_sender_is_not_possible(self):
        provider = self.make_provider(whatsapp_sender="")
        result = provider.send_verification(self.phone_number, VerificationMethod.WHATSAPP)
        assert (result.status, self.vendor.requests) == (VerificationStatus.UNSUPPORTED_CHANNEL, [])

    @pytest.mark.parametrize("brand", ["a" * 19, "a/b", "a{b}", "a:b", "a$", "a\\b"])
    def test_a_brand_that_the_vendor_refuses_is_a_mistake_in_the_settings(self, brand):
        with pytest.raises(ImproperlyConfigured, match="brand"):
            self.make_provider(brand=brand)

    @pytest.mark.parametrize("missing", ["brand", "api_key", "api_secret"])
    def test_it_needs_a_brand_and_a_pair_of_credentials(self, missing):
        assert not self.make_provider(**{missing: ""}).is_configured()

    @pytest.mark.parametrize(
        "changes",
        [
            {"iss": "Nexmo"},
            {"iss": None},
            {"api_key": "other"},
            {"api_key": None},
            {"api_key": 7},
            {"payload_hash": "0" * 64},
            {"payload_hash": None},
            {"payload_hash": ["x"]},
            {"iat": None},
            {"iat": "yesterday"},
            {"exp": 1_000_000_000},
            {"key": PEM, "algorithm": "RS256"},
        ],
        ids=str,
    )
    def test_each_claim_counts(self, changes):
        headers, url = self.sign(self.webhook, int(time.time()), **changes)
        assert self.refuses(self.webhook, headers, url)

    @pytest.mark.parametrize(("algorithm", "key"), [("HS384", "k" * 64), ("HS512", "k" * 64), ("none", None)])
    def test_the_algorithm_is_hs256(self, algorithm, key):
        headers, url = self.sign(self.webhook, int(time.time()), algorithm=algorithm, key=key)
        assert self.refuses(self.webhook, headers, url, signature_secret="k" * 64)

    def test_the_scheme_is_bearer(self):
        headers, url = self.signed_now()
        token = headers["Authorization"].removeprefix("Bearer ")
        for header in (token, f"Basic {token}", f"Bearer  {token}x"):
            assert self.refuses(self.webhook, {"Authorization": header}, url)

    @pytest.mark.parametrize("part", ["header", "claims"])
    def test_a_token_that_is_too_deep_to_be_read_is_refused(self, part):
        parts = {"header": b'{"alg":"HS256"}', "claims": b"{}"} | {part: b"[" * 100_000}
        token = ".".join(base64.urlsafe_b64encode(piece).decode().rstrip("=") for piece in parts.values())
        assert self.refuses(self.webhook, {"Authorization": f"Bearer {token}.AAAA"}, "https://app.example/hook/")

    def test_the_vector_is_accepted(self):
        token = (
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpYXQiOjE4MDAwMDAwMDAsImp0aSI6ImoxIiwiaXNzIjoiVm9uYWdlIiwicGF5bG9h"
            "ZF9oYXNoIjoiZDA3NjVmNzNjZDVkMWRmMzliZTM1M2Q1MzhlYTdjNDdhMDE3ZDY2YThiZDAwMWRjNDcwNzI0MGRiYjcxZTU4YyIsImFwaV"
            "9rZXkiOiJhMWIyYzNkNCJ9.JkbvjMvF6uhli8G-3iIeLQqt-_1RjkKXvBf2t52-SNM"
        )
        with time_machine.travel(1_800_000_000, tick=False):
            assert self.make_provider().verify_webhook_signature(b'{"status":"completed"}', f"Bearer {token}")

    def test_without_an_api_key_the_application_is_compared(self):
        headers, url = self.signed_now()
        assert not self.refuses(self.webhook, headers, url, api_key="", application_id=APPLICATION)
        assert self.refuses(self.webhook, headers, url, api_key="", application_id="other")

    def test_a_webhook_for_no_account_in_particular_is_refused(self):
        headers, url = self.sign(self.webhook, int(time.time()), application_id="")
        assert self.refuses(self.webhook, headers, url, api_key="", application_id="")

    def test_an_event_tells_all_that_the_vendor_told(self):
        told = self.event()
        assert told.event_type is WebhookEventType.VERIFIED
        assert (told.phone_number, told.verification_id) == (None, ID)
        assert told.occurred_at == "2026-11-21T10:00:30.000Z"

    @pytest.mark.parametrize(
        ("word", "meaning"),
        [
            ("completed", WebhookEventType.VERIFIED),
            ("failed", WebhookEventType.FAILED),
            ("rejected", WebhookEventType.FAILED),
            ("blocked", WebhookEventType.FAILED),
            ("expired", WebhookEventType.EXPIRED),
            ("user_rejected", WebhookEventType.UNKNOWN),
            ("action_pending", WebhookEventType.UNKNOWN),
            (None, WebhookEventType.UNKNOWN),
        ],
    )
    def test_the_status_has_a_meaning(self, word, meaning):
        assert self.event(status=word).event_type is meaning

    @pytest.mark.parametrize("name", ["request_id", "type", "channel", "status", "triggered_at", "submitted_at"])
    def test_another_event_has_another_id(self, name):
        assert self.event(**{name: "other"}).event_id != self.event().event_id

    def test_the_price_that_is_known_later_makes_no_other_event(self):
        assert self.event(price="0.05").event_id == self.event().event_id


class TestVonageWithApplication(VendorContract):
    """The JWT of an application in place of the account's secret."""

    vendor_class = VonageWithApplication
    provider_class = VonageVerifyProvider
    base_path = "/v2/verify"
    options = {
        "brand": "Example",
        "application_id": APPLICATION,
        "private_key": PEM,
        "whatsapp_sender": "447700900000",
    }
    checks_by_id_alone = True
    echoes_number = False
    checks_by_number = False
    cancels = True

    def test_the_token_names_the_application_for_five_minutes(self):
        self.send(self.make_provider())
        token = self.vendor.requests[0].headers["Authorization"].removeprefix("Bearer ")
        claims = jwt.decode(token, KEY.public_key(), algorithms=["RS256"])
        assert claims["application_id"] == APPLICATION
        assert claims["exp"] - claims["iat"] == 300
        assert len(claims["jti"]) == 36

    @pytest.mark.parametrize("key", ["no key", SECRET, PEM.replace("M", "N"), "-----BEGIN PRIVATE KEY-----"])
    def test_a_key_that_is_none_is_a_mistake_in_the_settings(self, key):
        with pytest.raises(ImproperlyConfigured, match="no RSA key"):
            self.make_provider(private_key=key)

    def test_a_missing_library_is_named(self):
        # As PyJWT is without cryptography.
        jwt.unregister_algorithm("RS256")
        try:
            with pytest.raises(ImproperlyConfigured, match=r"pip install 'jwt-drf-passwordless\[vonage\]'"):
                self.make_provider(private_key=PEM + " ")
        finally:
            jwt.register_algorithm("RS256", RSAAlgorithm(RSAAlgorithm.SHA256))
