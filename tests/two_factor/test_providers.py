"""Providers of the phone factor: any vendor of external_2fa, and Authy, played on this machine."""

import pytest
import sms
from django.core.exceptions import ImproperlyConfigured
from django.dispatch import receiver

from jwt_drf_passwordless.deadlines import seconds_left
from jwt_drf_passwordless.external_2fa.base import (
    External2FAProvider,
    External2FAResult,
    VerificationMethod,
    VerificationStatus,
)
from jwt_drf_passwordless.external_2fa.signals import provider_failed
from jwt_drf_passwordless.messages import language_of
from jwt_drf_passwordless.models import PasswordlessChallengeToken, PhoneDevice
from jwt_drf_passwordless.signals import token_refused
from jwt_drf_passwordless.two_factor import AuthyProvider, NotSent, NumberRefused
from jwt_drf_passwordless.two_factor.phone.factor import phone_provider
from tests.two_factor.conftest import PHONE, enrol
from tests.two_factor.test_enrolment import SPARE, ask, register
from tests.two_factor.test_every_first_factor import BROKEN
from tests.two_factor.test_login import INVALID, claims, outcome
from tests.vendor_server import Answer, Misbehaviour, Request, Route, Vendor

pytestmark = pytest.mark.django_db

UNAVAILABLE = (
    503,
    {
        "detail": "The service that sends codes cannot be reached. Please try again later.",
        "code": "provider_unavailable",
    },
)
#: Authy's parts of PHONE.
PARTS = {"phone_number": "2015550199", "country_code": "1"}
START = {**PARTS, "via": "sms", "code_length": 4}
KEY = "key-of-authy-0123"


class PlannedProvider(External2FAProvider):
    """A vendor whose answers the test chooses; codes are 246810."""

    name = "planned"
    methods = (VerificationMethod.CALL,)
    uses_verification_id = True
    sends = External2FAResult(True, VerificationStatus.PENDING, verification_id="v1")
    checks = None
    asked = []
    #: Seconds that each question was given.
    allowed = []

    def send_verification(self, phone_number, method=VerificationMethod.SMS):
        self.asked.append(("send", phone_number, method))
        self.allowed.append(seconds_left())
        return self.sends

    def verify_code(self, phone_number, code, *, verification_id):
        self.asked.append(("check", phone_number, verification_id))
        self.allowed.append(seconds_left())
        if self.checks is not None:
            if isinstance(self.checks, Exception):
                raise self.checks
            return self.checks
        is_right = code == "246810"
        return External2FAResult(is_right, VerificationStatus.ACCEPTED if is_right else VerificationStatus.REJECTED)

    def cancel_verification(self, phone_number, *, verification_id):
        raise NotImplementedError


@pytest.fixture
def vendor(two_factor):
    """A vendor as provider: its class, whose attributes are its answers."""
    two_factor(phone={"provider": "tests.two_factor.test_providers.PlannedProvider"})
    PlannedProvider.asked, PlannedProvider.allowed = [], []
    before = PlannedProvider.sends, PlannedProvider.checks
    yield PlannedProvider
    PlannedProvider.sends, PlannedProvider.checks = before


def result(status, **facts):
    return External2FAResult(status is VerificationStatus.ACCEPTED, status, **facts)


def test_a_vendor_makes_sends_and_checks_the_codes(api, ada, vendor):
    access = api.pair(ada)["access"]
    assert ask(api, access).status_code == 204
    assert outcome(register(api, access, code="135791")) == INVALID
    assert register(api, access, code="246810").status_code == 204
    assert PhoneDevice.objects.get().provider == "planned"

    ticket = api.ticket(ada)
    assert outcome(api.verify(ticket, "135791")) == INVALID
    pair = api.verify(ticket, "246810")
    assert claims(pair.json()["access"])["amr"] == ["pwd", "otp", "tel", "mfa"]
    assert [call[:2] for call in vendor.asked] == [
        ("send", PHONE),
        ("check", PHONE),
        ("check", PHONE),
        ("send", PHONE),
        ("check", PHONE),
        ("check", PHONE),
    ]
    assert not sms.outbox


def test_webhooks_about_a_second_factor_find_no_challenge(api, grace, vendor):
    api.token(grace)
    assert PasswordlessChallengeToken.objects.get().provider == "2fa:planned"


def test_the_vendor_is_asked_about_the_verification_that_it_started(api, grace, vendor):
    api.verify(api.ticket(grace), "246810")
    assert vendor.asked[-1] == ("check", PHONE, "v1")


def test_the_vendor_is_asked_for_its_first_channel(api, grace, vendor):
    api.token(grace)
    assert vendor.asked == [("send", PHONE, VerificationMethod.CALL)]


@pytest.mark.parametrize("verification_id", [None, "", "v1"])
def test_the_vendor_need_not_say_which_verification_it_has_accepted(api, grace, vendor, verification_id):
    ticket = api.ticket(grace)
    vendor.checks = External2FAResult(True, VerificationStatus.ACCEPTED, verification_id=verification_id)
    assert api.verify(ticket, "246810").status_code == 200


class SlowProvider(PlannedProvider):
    """Another code is sent before it answers."""

    newer = {}

    def send_verification(self, phone_number, method=VerificationMethod.SMS):
        PasswordlessChallengeToken.objects.update(verification_id="newer", **self.newer)
        return self.sends


@pytest.mark.parametrize("newer", [{"sends": 7}, {"nonce": "another"}])
def test_an_answer_that_comes_late_is_not_written_over_what_came_after_it(api, grace, two_factor, newer):
    two_factor(phone={"provider": "tests.two_factor.test_providers.SlowProvider"})
    SlowProvider.newer = newer
    api.token(grace)
    assert PasswordlessChallengeToken.objects.get().verification_id == "newer"


def test_a_vendor_may_know_its_verifications_by_number(api, grace, two_factor):
    two_factor(phone={"provider": "tests.external_2fa.providers.NoConstructor"})
    ticket = api.ticket(grace)
    assert PasswordlessChallengeToken.objects.get().verification_id == ""
    assert api.verify(ticket, "246810").status_code == 200


def german(user):
    return "de"


def test_a_vendor_that_takes_no_language_is_told_none(api, grace, vendor, configure):
    configure(LANGUAGE_FOR_USER="tests.two_factor.test_providers.german")
    assert language_of(grace) == "de"
    assert api.verify(api.ticket(grace), "246810").status_code == 200


def test_a_vendor_that_sends_again_sends_no_code_of_ours(api, grace, vendor):
    ticket = api.ticket(grace)
    assert api.call("2fa/resend/", {"ticket": ticket}).status_code == 204
    row = PasswordlessChallengeToken.objects.get()
    assert (row.short_digest, row.long_digest) == ("", None)


def test_a_sixth_code_is_not_asked_about(api, grace, vendor):
    ticket = api.ticket(grace)
    for _ in range(6):
        api.verify(ticket, "135791")
    assert len(vendor.asked) == 1 + 5
    assert outcome(api.verify(ticket, "246810")) == INVALID


def test_a_code_that_no_vendor_makes_is_not_asked_about(api, grace, vendor):
    ticket = api.ticket(grace)
    assert outcome(api.verify(ticket, "24/../68")) == INVALID
    assert len(vendor.asked) == 1


NO_PROOFS = [
    result(VerificationStatus.EXPIRED),
    result(VerificationStatus.MAX_ATTEMPTS),
    result(VerificationStatus.NOT_FOUND),
    result(VerificationStatus.ERROR),
    External2FAResult(False, VerificationStatus.ACCEPTED),
    External2FAResult(True, VerificationStatus.PENDING),
    External2FAResult("yes", VerificationStatus.ACCEPTED),
    External2FAResult(True, VerificationStatus.ACCEPTED, verification_id="another"),
]


@pytest.mark.parametrize("answer", NO_PROOFS)
def test_only_an_accepted_code_of_this_verification_is_a_proof(api, grace, vendor, answer):
    ticket = api.ticket(grace)
    vendor.checks = answer
    assert outcome(api.verify(ticket, "246810")) == INVALID


@pytest.mark.parametrize(
    "answer",
    [
        result(VerificationStatus.UNAVAILABLE),
        result(VerificationStatus.RATE_LIMITED),
        result(VerificationStatus.MISCONFIGURED),
        ValueError("marker 246810"),
        "no result",
    ],
    ids=["unavailable", "rate limited", "misconfigured", "raises", "no result"],
)
def test_a_vendor_that_cannot_be_asked_is_a_503_and_costs_a_try(api, grace, vendor, answer):
    ticket = api.ticket(grace)
    vendor.checks = answer
    assert outcome(api.verify(ticket, "246810")) == UNAVAILABLE
    assert PasswordlessChallengeToken.objects.get().tries == 1
    vendor.checks = None
    assert api.verify(ticket, "246810").status_code == 200


def test_a_vendor_that_cannot_send_is_a_503(api, grace, vendor, caplog):
    vendor.sends = result(VerificationStatus.RATE_LIMITED, error_code="20429", message="marker")
    answer = api.token(grace)
    assert outcome(answer) == UNAVAILABLE
    assert "provider=planned action=send status=rate_limited error_code=20429" in caplog.text
    assert "marker" not in caplog.text


@pytest.mark.parametrize("action", ["send", "check"])
def test_what_a_vendor_says_of_a_failure_forges_no_log_line_and_tells_no_number(api, grace, vendor, caplog, action):
    said = result(VerificationStatus.UNAVAILABLE, error_code=f"no way to {PHONE}\nevent=forged")
    if action == "send":
        vendor.sends = said
        api.token(grace)
    else:
        ticket = api.ticket(grace)
        vendor.checks = said
        api.verify(ticket, "246810")
    assert f"provider=planned action={action} status=unavailable error_code=\n" in caplog.text
    assert "forged" not in caplog.text


def test_a_vendor_has_fifteen_seconds_whatever_the_provider_allows(api, grace, vendor):
    api.verify(api.ticket(grace), "246810")
    assert [14 < seconds <= 15 for seconds in vendor.allowed] == [True, True]


@pytest.fixture
def heard():
    """What was told of refusals and of vendors' failures: name, field, user, path of the request, facts."""
    told = []

    @receiver([token_refused, provider_failed])
    def hear(signal, field, user, request, **facts):
        facts = facts.get("reason") or (facts["provider"], facts["action"], facts["status"], facts["error_code"])
        told.append((signal.name, field, user, request and request.path, facts))

    yield told
    token_refused.disconnect(hear)
    provider_failed.disconnect(hear)


def test_a_failure_of_a_vendor_is_told_of_the_phone(api, grace, vendor, heard):
    ticket = api.ticket(grace)
    vendor.checks = result(VerificationStatus.UNAVAILABLE, error_code="503")
    api.verify(ticket, "246810")
    vendor.sends = result(VerificationStatus.RATE_LIMITED)
    api.token(grace)
    assert [fact for fact in heard if fact[0] == "provider_failed"] == [
        ("provider_failed", "phone", None, None, ("planned", "check", "unavailable", "503")),
        ("provider_failed", "phone", None, None, ("planned", "send", "rate_limited", "")),
    ]


class ChangingProvider(PlannedProvider):
    """While its vendor looks at the code, somebody changes the account."""

    change = None

    def verify_code(self, phone_number, code, *, verification_id):
        type(self).change()
        return super().verify_code(phone_number, code, verification_id=verification_id)


@pytest.mark.parametrize("what", ["deactivated", "password", "deleted", "nothing"])
def test_an_account_that_changes_while_the_vendor_is_asked_is_not_let_in(
    api, grace, two_factor, what, monkeypatch, heard
):
    def change():
        if what == "deactivated":
            grace.is_active = False
        if what == "password":
            grace.set_password("another one entirely")
        grace.save()
        if what == "deleted":
            type(grace).objects.filter(pk=grace.pk).delete()

    two_factor(phone={"provider": "tests.two_factor.test_providers.ChangingProvider"})
    monkeypatch.setattr(ChangingProvider, "change", change)
    answer = api.verify(api.ticket(grace), "246810")
    assert answer.status_code == {"nothing": 200, "deleted": 400}.get(what, 401)
    refused = ("token_refused", "", grace, "/api/2fa/token-verify/", "ticket")
    assert [fact for fact in heard if fact[4] == "ticket"] == ([] if what in ("nothing", "deleted") else [refused])
    assert "provider_failed" not in [name for name, *_ in heard]


def test_a_number_that_the_vendor_does_not_take_is_an_error_of_the_field(api, ada, vendor):
    access = api.pair(ada)["access"]
    vendor.sends = result(VerificationStatus.INVALID_NUMBER)
    answer = ask(api, access)
    assert outcome(answer) == (400, {"authy_phone": ["Enter a valid phone number."]})


def test_a_code_that_was_never_sent_proves_nothing(api, grace, vendor):
    vendor.sends = result(VerificationStatus.UNAVAILABLE)
    api.token(grace)
    vendor.asked.clear()
    body = {**api.credentials(grace), "token": "246810"}
    assert outcome(api.call("2fa/token-verify/", body)) == INVALID
    assert vendor.asked == []


def test_a_used_verification_proves_nothing_within_the_wait(api, grace, vendor, configure):
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=60)
    api.verify(api.ticket(grace), "246810")
    vendor.asked.clear()
    assert outcome(api.verify(api.ticket(grace), "246810")) == INVALID
    assert vendor.asked == []


def test_a_provider_can_have_another_alias(api, ada, two_factor):
    two_factor(phone={"provider": "tests.two_factor.test_providers.PlannedProvider", "alias": "first"})
    assert phone_provider().alias == "first"
    two_factor(phone={"alias": "ours"})
    assert phone_provider().alias == "ours"


# Authy


class Authy(Vendor):
    """The calls of the API that the earlier project made."""

    headers = {"x-authy-api-key": KEY}
    enrolment_code, login_code = "1234", "7654321"

    def route(self, request):
        # Here a query is part of what is asked.
        path = request.path + "".join(f" {name}={value}" for name, value in sorted(request.query.items()))
        return super().route(Request(**{**vars(request), "path": path, "query": {}}))

    def start_check(self, request):
        return Answer(200, {"success": True, "message": "Text message sent to +1 201-555-0199.", "is_cellphone": True})

    def check(self, request, country, number, code):
        if code != self.enrolment_code:
            return Answer(401, {"success": False, "message": "marker", "error_code": "60022"})
        return Answer(200, {"success": True, "message": "Verification code is correct."})

    def new_user(self, request):
        return Answer(200, {"success": True, "message": "User created successfully.", "user": {"id": 4711}})

    def text_user(self, request):
        return Answer(200, {"success": True, "message": "SMS token was sent", "cellphone": "+1-XXX-XXX-XX99"})

    def check_user(self, request, code):
        if code != self.login_code:
            return Answer(401, {"success": "false", "token": "is invalid", "error_code": "60020"})
        return Answer(200, {"success": "true", "message": "Token is valid.", "token": "is valid"})

    routes = [
        Route(
            "POST", "/protected/json/phones/verification/start", {**PARTS, "via": "sms", "code_length": 4}, start_check
        ),
        Route(
            "GET",
            r"/protected/json/phones/verification/check country_code=(\d+) phone_number=(\d+) verification_code=(\d+)",
            None,
            check,
        ),
        Route(
            "POST",
            "/protected/json/users/new",
            {
                "user": {"email": "ada@example.com", "cellphone": PARTS["phone_number"], "country_code": "1"},
                "send_install_link_via_sms": False,
            },
            new_user,
        ),
        Route("GET", "/protected/json/sms/4711 force=true", None, text_user),
        Route("GET", r"/protected/json/verify/(\d+)/4711 force=true", None, check_user),
    ]


@pytest.fixture
def authy(two_factor):
    with Authy() as server:
        path = "jwt_drf_passwordless.two_factor.AuthyProvider"
        two_factor(phone={"provider": path, "api_key": KEY, "base_url": server.url, "timeout": 0.3})
        yield server
    assert server.complaints == []


@pytest.fixture
def customer(ada):
    """A user with a phone at Authy."""
    enrol(ada, provider="authy", vendor_user_id="4711")
    return ada


@pytest.mark.parametrize(("provider", "vendor_user_id"), [("local", "4711"), ("authy", ""), ("authy", "47/11")])
def test_authy_serves_no_phone_that_it_does_not_know(api, ada, authy, provider, vendor_user_id):
    enrol(ada, provider=provider, vendor_user_id=vendor_user_id)
    assert outcome(api.token(ada)) == BROKEN
    assert not authy.requests


def test_the_whole_flow_with_authy(api, ada, authy):
    access = api.pair(ada)["access"]
    assert ask(api, access).status_code == 204
    assert register(api, access, code="1234").status_code == 204
    device = PhoneDevice.objects.get()
    assert (device.provider, device.vendor_user_id) == ("authy", "4711")
    ticket = api.ticket(ada)
    pair = api.verify(ticket, "7654321")
    assert claims(pair.json()["access"])["amr"] == ["pwd", "otp", "sms", "mfa"]


def test_the_id_of_authy_is_repeated_in_the_field_of_the_user_model(api, ada, authy, settings, two_factor):
    field = SPARE[settings.AUTH_USER_MODEL]
    two_factor(user_fields={"id": field})
    access = api.pair(ada)["access"]
    ask(api, access)
    assert register(api, access, code="1234").status_code == 204
    ada.refresh_from_db()
    assert getattr(ada, field) == "4711"


@pytest.mark.parametrize("code", ["123", "12345", "12a4", "１２３４"])
def test_an_enrolment_code_has_four_digits(api, ada, authy, code):
    access = api.pair(ada)["access"]
    ask(api, access)
    assert outcome(register(api, access, code=code)) == (400, {"token": ["Enter the code of 4 digits."]})
    assert len(authy.requests) == 1


@pytest.mark.parametrize("code", ["123456", "12345678", "123456x"])
def test_a_login_code_has_seven_digits(api, customer, authy, code):
    ticket = api.ticket(customer)
    assert outcome(api.verify(ticket, code)) == (400, {"token": ["Enter the code of 7 digits."]})
    assert PasswordlessChallengeToken.objects.get().tries == 0


def test_wrong_codes_are_400(api, person, customer, authy):
    assert outcome(api.verify(api.ticket(customer), "0000000")) == INVALID
    PhoneDevice.objects.all().delete()
    access = api.pair(customer)["access"]
    ask(api, access)
    assert outcome(register(api, access, code="0000")) == INVALID


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, {"success": True, "message": "Token is valid."}),
        Answer(200, {"success": True, "token": "is invalid"}),
    ],
)
def test_a_success_without_the_word_valid_is_a_wrong_code(api, customer, authy, answer):
    ticket = api.ticket(customer)
    authy.instead = answer
    assert outcome(api.verify(ticket, "7654321")) == INVALID


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, {"token": "is valid"}),
        Answer(200, {"success": "false", "token": "is valid", "message": "marker"}),
        Answer(200, []),
        Answer(503, {"success": False, "message": "marker"}),
        Answer(401, {"success": False, "message": "marker", "error_code": "60001"}),
    ],
    ids=["no success", "false", "list", "503", "API key"],
)
def test_an_answer_that_is_none_is_a_503(api, customer, authy, answer):
    ticket = api.ticket(customer)
    authy.instead = answer
    assert outcome(api.verify(ticket, "7654321")) == UNAVAILABLE


def test_a_failure_of_authy_is_told(api, ada, customer, authy, heard):
    ticket = api.ticket(customer)
    authy.instead = Answer(503, {"success": False})
    api.verify(ticket, "7654321")
    api.token(customer)
    authy.instead = Answer(400, {"success": False, "error_code": "60033"})
    api.token(customer)
    assert [fact for fact in heard if fact[0] == "provider_failed"] == [
        ("provider_failed", "phone", None, None, ("authy", *facts))
        for facts in (
            ("check", "unavailable", "503"),
            ("send", "unavailable", "503"),
            ("send", "invalid_number", "60033"),
        )
    ]


def test_an_authy_that_refuses_us_is_no_error_of_the_number(api, ada, authy):
    access = api.pair(ada)["access"]
    authy.instead = Answer(401, {"success": False, "error_code": "60001"})
    assert outcome(ask(api, access)) == UNAVAILABLE


@pytest.mark.parametrize("misbehaviour", [Misbehaviour.SILENT, Misbehaviour.HTML, Misbehaviour.REDIRECT])
def test_an_authy_that_does_not_answer_is_a_503(api, customer, authy, misbehaviour):
    authy.misbehaviour = misbehaviour
    assert outcome(api.token(customer)) == UNAVAILABLE


def test_a_number_that_authy_does_not_take_is_an_error_of_the_field(api, ada, authy):
    access = api.pair(ada)["access"]
    authy.instead = Answer(400, {"success": False, "message": "marker", "error_code": "60033"})
    assert outcome(ask(api, access)) == (400, {"authy_phone": ["Enter a valid phone number."]})


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, {"success": True, "user": {}}),
        Answer(200, {"success": True, "user": {"id": None}}),
        Answer(200, {"success": True, "user": {"id": "../1"}}),
        Answer(400, {"success": False, "message": "marker", "error_code": "60027"}),
        Answer(503, {"success": False, "message": "marker", "error_code": "mar ker"}),
    ],
    ids=["no id", "null", "path", "email refused", "down"],
)
def test_a_registration_without_an_id_is_a_503_and_no_device(api, ada, authy, answer):
    access = api.pair(ada)["access"]
    ask(api, access)
    authy.routes = [
        Route(**{**vars(route), "answer": lambda *_: answer}) if route.path.endswith("users/new") else route
        for route in Authy.routes
    ]
    assert outcome(register(api, access, code="1234")) == UNAVAILABLE
    assert not PhoneDevice.objects.exists()


def test_the_address_of_authy_may_end_in_a_slash():
    assert AuthyProvider("key", base_url="https://authy.example/").base_url == "https://authy.example"


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (Answer(401, {"success": False, "error_code": "60001"}), "60001"),
        (Answer(503, None), "503"),
        (Answer(503, {"success": False, "error_code": "mar ker"}), "unknown"),
        (Answer(503, {"success": False, "error_code": "m\u00e4rker"}), "unknown"),
    ],
    ids=["code", "status", "words", "letters"],
)
def test_what_is_said_of_an_answer_of_authy_is_one_word(ada, authy, answer, word):
    authy.instead = answer
    with pytest.raises(NotSent) as sending:
        phone_provider().send(PHONE, PasswordlessChallengeToken(), None)
    with pytest.raises(NotSent) as registration:
        phone_provider().register(ada, PHONE)
    assert [str(sending.value), str(registration.value)] == [word, word]


def test_a_user_of_authy_without_an_id_is_said_to_have_none(ada, authy):
    authy.instead = Answer(200, {"success": True})
    with pytest.raises(NotSent, match="^no_id$"):
        phone_provider().register(ada, PHONE)


@pytest.mark.parametrize(
    ("status", "error"), [(VerificationStatus.INVALID_NUMBER, NumberRefused), (VerificationStatus.BLOCKED, NotSent)]
)
def test_what_is_said_of_a_vendor_that_has_sent_nothing_is_its_status(vendor, status, error):
    vendor.sends = result(status)
    with pytest.raises(error, match=f"^{status.value}$"):
        phone_provider().send(PHONE, PasswordlessChallengeToken(), None)


def test_authy_is_where_its_documentation_says():
    assert AuthyProvider("key").base_url == "https://api.authy.com"


def test_a_code_that_authy_never_sent_proves_nothing(api, customer, authy):
    authy.instead = Answer(503, None)
    api.token(customer)
    authy.instead = None
    body = {**api.credentials(customer), "token": "7654321"}
    assert outcome(api.call("2fa/token-verify/", body)) == INVALID


def test_an_account_without_a_key_is_refused(two_factor):
    two_factor(phone={"provider": "jwt_drf_passwordless.two_factor.AuthyProvider", "api_key": ""})
    with pytest.raises(ImproperlyConfigured):
        phone_provider()


def test_only_https_is_asked():
    with pytest.raises(ImproperlyConfigured, match="https"):
        AuthyProvider("key", base_url="http://authy.example")
