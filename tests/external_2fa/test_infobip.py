"""Infobip 2FA, played after its OpenAPI description."""

import json
import re

import pytest

from jwt_drf_passwordless.external_2fa.base import InvalidSignature, VerificationMethod, VerificationStatus
from jwt_drf_passwordless.external_2fa.infobip import Infobip2FAProvider
from tests.external_2fa.contracts import VendorContract
from tests.vendor_server import Answer, Route, Vendor

START = {"applicationId": "APP49", "messageId": "MSG49", "to": re.compile(r"[1-9]\d{6,14}")}


def old_error(word, **more):
    return {"requestError": {"serviceException": {"messageId": word, "text": "A sentence.", **more}}}


def new_error(code, *violations):
    return {"errorCode": code, "description": "A sentence.", "action": "", "violations": list(violations)}


class Infobip(Vendor):
    headers = {"authorization": "App KEY0123"}
    id_format = "{:032X}"

    def send_sms(self, request):
        to = request.fields["to"]
        answer = {"pinId": self.start("+" + to), "to": to, "ncStatus": "NC_DESTINATION_REACHABLE"}
        return Answer(200, {**answer, "smsStatus": "MESSAGE_SENT"})

    def send_voice(self, request):
        to = request.fields["to"]
        return Answer(200, {"pinId": self.start("+" + to), "to": to, "callStatus": "PENDING_ACCEPTED"})

    def verify(self, request, id_):
        if id_ not in self.numbers:
            return Answer(404, old_error("NOT_FOUND"))
        is_right = request.fields["pin"] == self.code
        answer = {"pinId": id_, "msisdn": self.numbers[id_][1:], "verified": is_right, "attemptsRemaining": 4}
        return Answer(200, answer if is_right else {**answer, "pinError": "WRONG_PIN"})

    routes = [
        Route("POST", "/2fa/2/pin", START, send_sms),
        Route("POST", "/2fa/2/pin/voice", START, send_voice),
        Route("POST", "/2fa/2/pin/([^/]+)/verify", {"pin": str}, verify),
    ]


class TestInfobip(VendorContract):
    vendor_class = Infobip
    provider_class = Infobip2FAProvider
    options = {"api_key": "KEY0123", "application_id": "APP49", "message_id": "MSG49"}
    checks_by_number = False

    @pytest.mark.parametrize(
        ("status", "body", "to_a_send", "to_a_check", "code"),
        [
            (
                400,
                old_error("BAD_REQUEST", validationErrors={"to": ["must be a number"]}),
                VerificationStatus.INVALID_NUMBER,
                VerificationStatus.INVALID_NUMBER,
                "invalid_to",
            ),
            (
                400,
                new_error("E400", {"property": "to", "violation": "must be a number"}),
                VerificationStatus.INVALID_NUMBER,
                VerificationStatus.INVALID_NUMBER,
                "invalid_to",
            ),
            (
                400,
                old_error("BAD_REQUEST", validationErrors={"messageId": ["must not be empty"]}),
                VerificationStatus.ERROR,
                VerificationStatus.ERROR,
                "BAD_REQUEST",
            ),
            (400, new_error("E400"), VerificationStatus.ERROR, VerificationStatus.ERROR, "E400"),
            (
                401,
                old_error("UNAUTHORIZED"),
                VerificationStatus.MISCONFIGURED,
                VerificationStatus.MISCONFIGURED,
                "UNAUTHORIZED",
            ),
            (403, new_error("E403"), VerificationStatus.MISCONFIGURED, VerificationStatus.MISCONFIGURED, "E403"),
            (404, old_error("NOT_FOUND"), VerificationStatus.MISCONFIGURED, VerificationStatus.NOT_FOUND, "NOT_FOUND"),
            (404, new_error("E404"), VerificationStatus.MISCONFIGURED, VerificationStatus.NOT_FOUND, "E404"),
            (
                400,
                old_error("TOO_MANY_REQUESTS"),
                VerificationStatus.RATE_LIMITED,
                VerificationStatus.RATE_LIMITED,
                "TOO_MANY_REQUESTS",
            ),
            (429, new_error("E429"), VerificationStatus.RATE_LIMITED, VerificationStatus.RATE_LIMITED, "E429"),
            (500, new_error("E500"), VerificationStatus.UNAVAILABLE, VerificationStatus.UNAVAILABLE, "E500"),
        ],
    )
    def test_both_shapes_of_errors_have_a_meaning(self, status, body, to_a_send, to_a_check, code):
        assert self.check_met_by(status=status, body=body).status is to_a_check
        result = self.send_met_by(status=status, body=body)
        assert (result.status, result.error_code, result.message) == (to_a_send, code, None)

    @pytest.mark.parametrize(
        ("word", "meaning"),
        [
            ("MESSAGE_NOT_SENT", VerificationStatus.UNSUPPORTED_CHANNEL),
            ("message_sent", VerificationStatus.ERROR),
            ("", VerificationStatus.ERROR),
            (None, VerificationStatus.ERROR),
            (["MESSAGE_SENT"], VerificationStatus.ERROR),
        ],
    )
    def test_a_message_that_was_not_sent_is_a_failure(self, word, meaning):
        result = self.send_met_by(body={"pinId": "A1", "to": "12025550123", "smsStatus": word})
        assert (result.success, result.status, result.verification_id) == (False, meaning, None)

    def test_a_call_that_was_not_taken_is_a_failure(self):
        self.vendor.instead = Answer(200, {"pinId": "A1", "to": "12025550123", "callStatus": "REJECTED_DESTINATION"})
        result = self.make_provider().send_verification(self.phone_number, VerificationMethod.CALL)
        assert (result.success, result.status) == (False, VerificationStatus.ERROR)

    def test_an_answer_about_another_number_is_no_start(self):
        result = self.send_met_by(body={"pinId": "A1", "to": "12025550777", "smsStatus": "MESSAGE_SENT"})
        assert (result.success, result.status) == (False, VerificationStatus.ERROR)

    def test_the_channel_is_part_of_the_path(self):
        provider = self.make_provider()
        for method in provider.methods:
            provider.send_verification(self.phone_number, method)
        assert [request.path for request in self.vendor.requests] == ["/2fa/2/pin", "/2fa/2/pin/voice"]

    @pytest.mark.parametrize(
        ("word", "meaning"),
        [
            ("WRONG_PIN", VerificationStatus.REJECTED),
            ("TTL_EXPIRED", VerificationStatus.EXPIRED),
            ("NO_MORE_PIN_ATTEMPTS", VerificationStatus.MAX_ATTEMPTS),
            ("VERIFICATION_NOT_FOUND", VerificationStatus.NOT_FOUND),
            ("NEW_WORD", VerificationStatus.ERROR),
            (None, VerificationStatus.ERROR),
        ],
    )
    def test_the_error_of_a_pin_has_a_meaning(self, word, meaning):
        body = {"pinId": "A1", "msisdn": "12025550123", "verified": False, "attemptsRemaining": 0, "pinError": word}
        assert self.check_met_by(body=body).status is meaning

    @pytest.mark.parametrize("verified", [1, "true", [True], {"verified": True}, None])
    def test_only_true_is_a_proof(self, verified):
        body = {"pinId": f"{1:032X}", "msisdn": "12025550123", "verified": verified}
        assert self.check_met_by(body=body).status is VerificationStatus.ERROR

    def test_a_pin_that_is_unknown_is_not_found(self):
        result = self.make_provider().verify_code(self.phone_number, "482915", verification_id="unknown")
        assert result.status is VerificationStatus.NOT_FOUND

    def test_its_webhooks_are_refused_since_nothing_signs_them(self):
        provider = self.make_provider()
        body = json.dumps({"pinId": "A1", "verified": True}).encode()
        with pytest.raises(InvalidSignature):
            provider.handle_webhook(body, {"Content-Type": "application/json"}, "https://app.example/hook/")
        assert not provider.accepts_webhooks
