"""Signing in by a code that a vendor makes, sends and checks: the rules are those of our own codes."""

import time
from dataclasses import replace

import jwt
import pytest
import sms
import time_machine
from django.contrib.auth import get_user_model

from jwt_drf_passwordless.conf import settings as package_settings
from jwt_drf_passwordless.external_2fa import External2FAResult, VerificationStatus
from jwt_drf_passwordless.models import PasswordlessChallengeToken
from jwt_drf_passwordless.services import PasswordlessTokenService
from tests.conftest import sent_sms_code
from tests.external_2fa.providers import ACCEPTED, CODE, WRONG_CODE, in_transaction
from tests.test_statements import record

pytestmark = pytest.mark.django_db

PHONE = "+12015550123"
OTHER = "+12015550124"
CALLED = []
REFUSED = {"detail": "Invalid credentials", "code": "invalid_credentials"}

every_route = pytest.mark.parametrize(
    ("request_route", "verify_route"),
    [
        ("request/mobile/", "exchange/mobile/"),
        ("external/request/", "external/verify/"),
        ("request/mobile/", "exchange/"),
    ],
)


@pytest.fixture
def ask(api):
    """Request by the mobile route."""

    def request(number=PHONE, route="request/mobile/", **body):
        return api.post(route, {package_settings.MOBILE_FIELD_NAME: number, **body})

    return request


@pytest.fixture
def verify(api):
    """Exchange by the mobile route."""

    def exchange(code=CODE, number=PHONE, route="exchange/mobile/"):
        return api.post(route, {package_settings.MOBILE_FIELD_NAME: number, "code": code})

    return exchange


@pytest.fixture
def ada(make_user):
    return make_user(phone=PHONE)


@every_route
def test_a_code_of_the_vendor_signs_in(external, vendor, ada, ask, verify, request_route, verify_route):
    answer = ask(route=request_route)
    assert (answer.status_code, answer.json()) == (
        200,
        {"detail": "A token has been sent to you", "code": "token_sent"},
    )
    assert vendor.asked == [("first", "send", PHONE, "sms")]
    assert sms.outbox == []

    pair = verify(route=verify_route)

    assert (pair.status_code, sorted(pair.json())) == (200, ["access", "refresh"])
    assert vendor.asked[1:] == [("first", "check", PHONE, "first-1")]
    claims = jwt.decode(pair.json()["access"], options={"verify_signature": False})
    assert claims["user_id"] == str(ada.pk)
    assert claims["amr"] == ["otp", "sms"]


@pytest.mark.parametrize(
    ("channel", "amr"), [("call", ["otp", "tel"]), ("whatsapp", ["otp", "tel"]), ("SMS", ["otp", "sms"])]
)
def test_the_method_chooses_the_channel(external, vendor, ada, ask, verify, channel, amr):
    assert ask(method=channel).status_code == 200
    assert vendor.asked == [("first", "send", PHONE, channel.lower())]
    claims = jwt.decode(verify().json()["access"], options={"verify_signature": False})
    assert claims["amr"] == amr


@pytest.mark.parametrize("channel", ["pigeon", "flashcall", ""])
def test_a_channel_that_the_provider_does_not_have_is_a_400_that_names_those_it_has(external, vendor, ask, channel):
    answer = ask(method=channel)
    assert answer.status_code == 400
    assert channel == "" or answer.json() == {"method": ["Choose one of: sms, call, whatsapp."]}
    assert vendor.asked == []


def test_our_own_codes_go_by_sms_only(api, ask, make_user):
    make_user(phone=PHONE)
    assert ask(method="call").json() == {"method": ["Choose one of: sms."]}
    assert ask(method="sms").status_code == 200
    assert len(sms.outbox) == 1


@pytest.mark.parametrize("route", ["external/request/", "external/verify/"])
def test_without_a_provider_the_routes_of_vendors_answer_404(api, route):
    body = {package_settings.MOBILE_FIELD_NAME: PHONE, "code": CODE}
    answer = api.post(route, body)
    assert (answer.status_code, answer.json()["code"]) == (404, "method_disabled")


@pytest.mark.parametrize("route", ["external/request/", "external/verify/", "request/mobile/", "exchange/mobile/"])
def test_with_mobile_switched_off_they_answer_404_too(api, configure, external, vendor, route):
    configure(ALLOWED_PASSWORDLESS_METHODS=["EMAIL"])
    assert api.post(route, {package_settings.MOBILE_FIELD_NAME: PHONE, "code": CODE}).status_code == 404


@pytest.mark.parametrize("fields", [None, {"is_active": False}, {"staff": True}])
def test_who_may_not_sign_in_costs_no_message_and_is_answered_the_same(
    external, vendor, make_user, ask, verify, fields
):
    make_user(phone=OTHER)
    if fields is not None:
        make_user(phone=PHONE, **fields)
    usual, other = ask(OTHER), ask(PHONE)
    assert (other.status_code, other.content, other.headers) == (usual.status_code, usual.content, usual.headers)
    assert [number for _, _, number, _ in vendor.asked] == [OTHER]

    assert (verify().status_code, verify().json()) == (400, REFUSED)
    assert len(vendor.asked) == 1


def test_no_code_of_ours_is_made_beside_the_vendors(external, vendor, ada, ask):
    ask()
    row = PasswordlessChallengeToken.objects.get()
    assert (row.short_digest, row.long_digest) == ("", None)


def test_a_request_in_the_cooldown_asks_nobody(external, vendor, ada, ask):
    ask()
    answer = ask(route="external/request/")
    assert (answer.status_code, answer["Retry-After"]) == (429, "60")
    assert len(vendor.asked) == 1


def test_a_sixth_try_asks_nobody_and_the_right_code_comes_too_late(external, vendor, ada, ask, verify):
    ask()
    for _ in range(5):
        assert verify(WRONG_CODE).status_code == 400
    assert vendor.actions().count(("first", "check")) == 5

    assert (verify().status_code, verify().json()) == (400, REFUSED)
    assert vendor.actions().count(("first", "check")) == 5


def test_a_code_works_once_even_if_the_vendor_accepts_it_again(external, vendor, ada, ask, verify):
    vendor.answers["first", "check"] = ACCEPTED
    ask()
    assert verify().status_code == 200
    assert verify().status_code == 400
    assert vendor.actions().count(("first", "check")) == 1


def test_a_vendors_code_is_single_use_whatever_the_settings_allow_our_own(
    configure, external, vendor, ada, ask, verify
):
    configure(MAX_TOKEN_USES=3)
    ask()
    assert [verify().status_code, verify().status_code] == [200, 400]


def test_a_code_is_void_after_its_lifetime(external, vendor, ada, ask, verify):
    with time_machine.travel(time.time(), tick=False) as clock:
        ask()
        clock.shift(600)
        assert verify().status_code == 400
    assert vendor.actions() == [("first", "send")]


@pytest.mark.parametrize(
    "answer",
    [
        None,
        True,
        {"success": True, "status": "accepted"},
        External2FAResult(True, VerificationStatus.PENDING),
        External2FAResult(False, VerificationStatus.ACCEPTED),
        External2FAResult(1, VerificationStatus.ACCEPTED),
        External2FAResult(True, "accepted"),
        External2FAResult(True, VerificationStatus.ACCEPTED, verification_id="first-2"),
        External2FAResult(False, VerificationStatus.UNAVAILABLE),
        pytest.param(lambda: 1 / 0, id="raises"),
    ],
)
def test_whatever_is_no_acceptance_of_this_verification_is_refused(external, vendor, ada, ask, verify, answer):
    ask()
    vendor.answers["first", "check"] = answer
    answer = verify()
    assert (answer.status_code, answer.json()) == (400, REFUSED)


@pytest.mark.parametrize("verification_id", [None, "", "first-1"])
def test_the_vendor_need_not_say_which_verification_it_has_accepted(
    external, vendor, ada, ask, verify, verification_id
):
    ask()
    vendor.answers["first", "check"] = replace(ACCEPTED, verification_id=verification_id)
    assert verify().status_code == 200


@pytest.mark.parametrize("code", ["", "12", "1" * 17, "12345٦", "12_456", "../../x", "+", "12\n345", "é12345"])
def test_what_no_vendors_code_looks_like_is_refused_and_never_sent(external, vendor, ada, ask, verify, code):
    ask()
    assert verify(code).status_code == 400
    assert vendor.actions() == [("first", "send")]


def test_the_number_that_rang_is_the_code_of_a_flash_call(configure, external, vendor, ada, ask, verify):
    external(channels=["flashcall"])
    vendor.answers["first", "check"] = ACCEPTED
    ask()
    assert vendor.asked == [("first", "send", PHONE, "flashcall")]
    assert verify("+46 000 000-000").status_code == 200


def test_a_code_for_one_number_does_not_serve_another(external, vendor, make_user, ask, verify):
    make_user(phone=PHONE)
    make_user(phone=OTHER)
    ask(PHONE)
    assert verify(number=OTHER).status_code == 400
    assert vendor.actions() == [("first", "send")]


def test_nothing_is_checked_before_the_vendor_has_taken_the_verification(external, vendor, ada, ask, verify):
    vendor.answers["first", "send"] = External2FAResult(False, VerificationStatus.INVALID_NUMBER)
    assert ask().status_code == 200
    assert verify().status_code == 400
    assert vendor.actions() == [("first", "send")]


def test_an_account_is_made_once_its_number_is_proven(configure, external, vendor, ask, verify):
    configure(REGISTER_NONEXISTENT_USERS=True)
    ask()
    assert get_user_model().objects.count() == 0
    assert verify(WRONG_CODE).status_code == 400
    assert get_user_model().objects.count() == 0
    assert verify().status_code == 200
    assert get_user_model().objects.count() == 1


@pytest.mark.parametrize("change", ["is_active", "staff", "number"])
def test_the_rules_on_users_are_asked_again_after_the_proof(external, vendor, ada, ask, verify, change):
    ask()
    if change == "is_active":
        ada.is_active = False
    elif change == "staff":
        setattr(ada, "is_staff" if hasattr(ada, "is_staff") else "is_admin", True)
    else:
        setattr(ada, package_settings.MOBILE_FIELD_NAME, OTHER)
    ada.save()
    assert (verify().status_code, verify().json()) == (400, REFUSED)


def remember(**facts):
    CALLED.append(facts)


def test_the_callback_is_called_before_tokens_are_made(configure, external, vendor, ada, ask, verify):
    configure(CALLBACKS={"on_verification_accepted": f"{__name__}.remember"})
    CALLED.clear()
    ask()
    verify(WRONG_CODE)
    assert CALLED == []
    assert verify().status_code == 200
    (facts,) = CALLED
    assert (facts["user"].pk, facts["phone_number"]) == (ada.pk, PHONE)
    assert facts["request"].META["REMOTE_ADDR"] == "127.0.0.1"
    assert set(facts) == {"user", "phone_number", "request"}


def test_the_callback_is_not_called_for_who_may_not_sign_in_nor_for_codes_of_ours(
    configure, api, external, vendor, ada, ask, verify
):
    callbacks = {"on_verification_accepted": f"{__name__}.remember"}
    configure(CALLBACKS=callbacks, TOKEN_REQUEST_THROTTLE_SECONDS=0)
    CALLED.clear()
    ask()
    ada.is_active = False
    ada.save()
    assert verify().status_code == 400
    ada.is_active = True
    ada.save()
    configure(EXTERNAL_2FA=None)
    ask()
    assert verify(sent_sms_code()).status_code == 200
    assert CALLED == []


def test_codes_of_ours_that_are_open_when_a_vendor_is_chosen_stay_good(configure, vendor, ada, ask, verify):
    ask()
    code = sent_sms_code()
    configure(EXTERNAL_2FA={"provider": "tests.external_2fa.providers.ScriptedProvider"})
    assert verify(code).status_code == 200
    assert vendor.asked == []


def test_codes_of_a_vendor_that_is_no_longer_configured_are_refused(configure, external, vendor, ada, ask, verify):
    ask()
    configure(EXTERNAL_2FA={"provider": "tests.external_2fa.providers.NoConstructor"})
    assert verify().status_code == 400
    configure(EXTERNAL_2FA=None)
    assert verify().status_code == 400
    assert vendor.actions() == [("first", "send")]


def test_the_service_checks_codes_of_vendors_too(external, vendor, ada, ask):
    ask()
    field = package_settings.MOBILE_FIELD_NAME
    assert PasswordlessTokenService.check_token(WRONG_CODE, field, PHONE) is None
    assert PasswordlessTokenService.check_token(CODE, field, PHONE).user == ada


def test_a_new_code_ends_the_verification_of_the_old_one_at_the_vendor(configure, external, vendor, ada, ask, verify):
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=0)
    ask()
    ask()
    assert vendor.asked == [
        ("first", "send", PHONE, "sms"),
        ("first", "cancel", PHONE, "first-1"),
        ("first", "send", PHONE, "sms"),
    ]
    assert verify().status_code == 200
    ask()
    assert vendor.asked[3:] == [("first", "check", PHONE, "first-2"), ("first", "send", PHONE, "sms")]


def test_a_provider_without_constructor_gets_no_verification_id(configure, vendor, ada, ask, verify):
    configure(
        EXTERNAL_2FA={"provider": "tests.external_2fa.providers.NoConstructor", "api_key": "k"},
        TOKEN_REQUEST_THROTTLE_SECONDS=0,
    )
    ask()
    ask()
    assert verify().status_code == 200
    assert vendor.actions() == [("NoConstructor", "send"), ("NoConstructor", "send"), ("NoConstructor", "check")]
    row = PasswordlessChallengeToken.objects.get()
    assert (row.provider, row.verification_id, row.channel) == ("NoConstructor", "", "sms")


def test_statements_of_a_request(configure, external, vendor, ada, ask):
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=0)
    assert record(ask) == (200, ["SELECT", "SELECT", "INSERT", "UPDATE"])
    assert record(ask) == (200, ["SELECT", "SELECT", "UPDATE", "UPDATE"])
    assert record(lambda: ask(OTHER)) == (200, ["SELECT", "SELECT", "INSERT"])
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=60)
    ask()
    assert record(ask) == (429, ["SELECT", "SELECT"])


def test_statements_of_a_check(external, vendor, ada, ask, verify):
    ask()
    assert record(lambda: verify(WRONG_CODE)) == (400, ["SELECT", "UPDATE"])
    # The last one reads the user anew: the vendor has taken its time.
    assert record(verify) == (200, ["SELECT", "UPDATE", "UPDATE", "SELECT"])
    assert record(verify) == (400, ["SELECT", "UPDATE"])
    assert record(lambda: verify(number=OTHER)) == (400, ["SELECT", "UPDATE"])


@pytest.mark.django_db(transaction=True)
def test_no_vendor_is_asked_inside_a_transaction(external, vendor, ada, ask, verify):
    vendor.answers["first", "send"] = in_transaction
    ask()
    assert PasswordlessChallengeToken.objects.get().verification_id == "x"

    def accepts():
        assert in_transaction().success
        return ACCEPTED

    vendor.answers["first", "check"] = accepts
    assert verify().status_code == 200


def test_with_accounts_revealed_a_failed_send_is_a_503_and_an_unknown_number_a_400(
    configure, external, vendor, ada, ask
):
    configure(REVEAL_ACCOUNT_EXISTENCE=True)
    vendor.answers["first", "send"] = External2FAResult(False, VerificationStatus.ERROR, message="vendor's own words")
    answer = ask()
    assert (answer.status_code, answer.json()["code"]) == (503, "delivery_unavailable")
    assert "vendor" not in answer.text
    assert ask(OTHER).status_code == 400


def test_the_wait_for_the_next_code_ends_with_a_login(external, vendor, ada, ask, verify):
    ask()
    with time_machine.travel(time.time() + 61, tick=False):
        ask()
    row = PasswordlessChallengeToken.objects.get()
    assert row.sends == 2
    verify()
    row.refresh_from_db()
    assert row.sends == 0


@pytest.mark.parametrize("what", ["deactivated", "promoted", "another number", "deleted"])
def test_an_account_that_changes_while_the_vendor_is_asked_is_not_let_in(external, vendor, ada, ask, verify, what):
    def check():
        flag = "is_staff" if hasattr(ada, "is_staff") else "is_admin"
        changes = {
            "deactivated": {"is_active": False},
            "promoted": {flag: True},
            "another number": {package_settings.MOBILE_FIELD_NAME: "+12015550177"},
            "deleted": {},
        }
        for name, value in changes[what].items():
            setattr(ada, name, value)
        ada.save()
        if what == "deleted":
            type(ada)._base_manager.filter(pk=ada.pk).delete()
        return ACCEPTED

    ask()
    vendor.answers["first", "check"] = check
    assert verify().status_code == 400
