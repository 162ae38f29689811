"""Logins by password: the five requests, the ticket, the cap of wrong codes, the wait, sending again."""

import re

import jwt
import pytest
import sms
import time_machine
from django.conf import settings as django_settings
from django.core import signing
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from jwt_drf_passwordless.models import PasswordlessChallengeToken, PhoneDevice
from tests.conftest import sent_sms_code
from tests.two_factor.conftest import OTHER_PHONE, PASSWORD, PHONE, WRONG, enrol

pytestmark = pytest.mark.django_db

SENTENCE = "SMS request successful. Two Factor Token verification expected."
INVALID = (400, {"detail": "Invalid credentials", "code": "invalid_credentials"})
BAD_TICKET = (401, {"detail": "The ticket is not valid any more. Please sign in again.", "code": "invalid_ticket"})


def outcome(answer):
    return answer.status_code, answer.json()


def claims(token):
    return jwt.decode(token, django_settings.SECRET_KEY, algorithms=["HS256"])


def later(seconds):
    return time_machine.travel(PasswordlessChallengeToken.objects.latest("pk").expires_at.timestamp() - 600 + seconds)


def test_the_five_requests_of_the_earlier_project(api, ada):
    credentials = api.credentials(ada)

    first = api.call("token/", credentials)
    assert (first.status_code, first.json().keys()) == (200, {"refresh", "access"})

    access = first.json()["access"]
    verified = api.call("2fa/phone-verify/", {"authy_phone": PHONE}, access)
    assert (verified.status_code, verified.content) == (204, b"")

    registered = api.call("2fa/phone-register/", {"authy_phone": PHONE, "token": sent_sms_code()}, access)
    assert (registered.status_code, registered.content) == (204, b"")

    again = api.call("token/", credentials)
    assert again.status_code == 206
    assert again.json()["message"] == SENTENCE

    pair = api.call("2fa/token-verify/", {**credentials, "token": sent_sms_code()})
    assert (pair.status_code, pair.json().keys()) == (200, {"refresh", "access"})


def test_username_stands_for_the_username_field_of_any_model(api, ada):
    body = {"username": ada.get_username(), "password": PASSWORD}
    assert api.call("token/", body).status_code == 200


def test_a_login_with_a_second_factor_is_answered_with_a_ticket_and_no_token(api, grace):
    answer = api.token(grace)
    body = answer.json()
    assert answer.status_code == 206
    assert body.pop("ticket")
    assert body == {
        "message": SENTENCE,
        "detail": SENTENCE,
        "code": "second_factor_required",
        "methods": ["phone"],
        "sent": True,
    }


def test_the_code_goes_to_the_device(api, grace):
    api.token(grace)
    assert [message.recipients for message in sms.outbox] == [[PHONE]]


def test_a_ticket_and_its_code_are_a_pair(api, grace, settings):
    settings.SIMPLE_JWT = {"UPDATE_LAST_LOGIN": True}
    ticket = api.ticket(grace)
    grace.refresh_from_db()
    assert grace.last_login is None

    answer = api.verify(ticket, sent_sms_code())

    assert (answer.status_code, answer.json().keys()) == (200, {"refresh", "access"})
    grace.refresh_from_db()
    assert grace.last_login is not None


@pytest.mark.parametrize("kind", ["access", "refresh"])
def test_the_tokens_say_what_was_proven(api, grace, kind):
    token = claims(api.pair(grace)[kind])
    assert (token["amr"], token["acr"]) == (["pwd", "otp", "sms", "mfa"], "aal2")


def test_a_password_alone_is_level_one(api, ada):
    token = claims(api.pair(ada)["access"])
    assert (token["amr"], token["acr"]) == (["pwd"], "aal1")


def test_the_claims_hold_nothing_personal(api, grace):
    assert claims(api.pair(grace)["access"]).keys() == {
        "token_type",
        "exp",
        "iat",
        "jti",
        "user_id",
        "amr",
        "auth_time",
        "acr",
    }


def test_a_wrong_password_is_a_401(api, ada, grace):
    for user in (ada, grace):
        answer = api.token(user, "wrong")
        assert outcome(answer) == (
            401,
            {"detail": "No active account found with the given credentials", "code": "no_active_account"},
        )
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="api"'
    assert not sms.outbox


def test_a_wrong_code_is_a_400(api, grace):
    ticket = api.ticket(grace)
    assert outcome(api.verify(ticket, sent_sms_code().translate(WRONG))) == INVALID


def test_a_right_code_after_four_wrong_ones_lets_in(api, grace):
    ticket = api.ticket(grace)
    for _ in range(4):
        api.verify(ticket, sent_sms_code().translate(WRONG))
    assert api.verify(ticket, sent_sms_code()).status_code == 200


def test_five_wrong_codes_kill_the_code(api, grace):
    ticket = api.ticket(grace)
    for _ in range(5):
        api.verify(ticket, sent_sms_code().translate(WRONG))
    assert outcome(api.verify(ticket, sent_sms_code())) == INVALID


def test_wrong_codes_are_counted_over_new_tickets(api, grace, configure):
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=60)
    for _ in range(5):
        ticket = api.ticket(grace)
        assert outcome(api.verify(ticket, sent_sms_code().translate(WRONG))) == INVALID
    assert outcome(api.verify(api.ticket(grace), sent_sms_code())) == INVALID
    assert len(sms.outbox) == 1


def test_wrong_codes_do_not_lock_the_first_factor(api, grace, configure):
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=60)
    ticket = api.ticket(grace)
    for _ in range(9):
        api.verify(ticket, "000000x")
    assert api.token(grace).status_code == 206
    api.request_email("grace@example.com")
    with later(61):
        assert api.verify(api.ticket(grace), sent_sms_code()).status_code == 200


def test_a_day_of_guessing_costs_hardly_more_than_thirty_codes(api, grace, configure):
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=60)
    now, end = 1772366400, 1772366400 + 24 * 3600
    while now < end:
        with time_machine.travel(now, tick=False):
            now += api.token(grace).json().get("retry_after") or 1
    assert len(sms.outbox) <= 31


def test_passwords_and_codes_together_finish_a_login_too(api, grace):
    api.token(grace)
    answer = api.call("2fa/token-verify/", {**api.credentials(grace), "token": sent_sms_code()})
    assert claims(answer.json()["access"])["amr"] == ["pwd", "otp", "sms", "mfa"]


@pytest.mark.parametrize("body", [{}, {"username": "grace"}])
def test_without_ticket_and_password_it_is_the_ticket_that_is_missing(api, body):
    answer = api.call("2fa/token-verify/", {**body, "token": "123456"})
    assert (answer.status_code, answer.json()) == (400, {"ticket": ["This field is required."]})


def test_a_code_with_a_wrong_password_is_a_401_and_costs_no_try(api, grace):
    api.token(grace)
    answer = api.call("2fa/token-verify/", {**api.credentials(grace, "wrong"), "token": sent_sms_code()})
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="api"')
    assert PasswordlessChallengeToken.objects.get().tries == 0


def test_a_right_password_with_a_wrong_code_is_a_400(api, grace):
    api.token(grace)
    body = {**api.credentials(grace), "token": sent_sms_code().translate(WRONG)}
    assert outcome(api.call("2fa/token-verify/", body)) == INVALID


def test_users_without_a_second_factor_and_without_a_code_are_told_the_same(api, ada, grace):
    for user in (ada, grace):
        assert outcome(api.call("2fa/token-verify/", {**api.credentials(user), "token": "123456"})) == INVALID


def test_another_factor_than_the_users_is_a_400(api, grace):
    ticket = api.ticket(grace)
    body = {"ticket": ticket, "token": sent_sms_code(), "method": "totp"}
    assert outcome(api.call("2fa/token-verify/", body)) == INVALID
    assert api.call("2fa/token-verify/", {**body, "method": "phone"}).status_code == 200


def test_spaces_and_hyphens_in_a_code_are_ignored(api, grace):
    ticket, code = api.ticket(grace), sent_sms_code()
    assert api.verify(ticket, f" {code[:3]}-{code[3:]} ").status_code == 200


# The ticket


def test_a_ticket_works_once(api, grace):
    ticket, code = api.ticket(grace), sent_sms_code()
    api.verify(ticket, code)
    answer = api.verify(ticket, code)
    assert outcome(answer) == BAD_TICKET
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="api"'


def test_a_ticket_is_void_after_five_minutes(api, grace):
    ticket, code = api.ticket(grace), sent_sms_code()
    with later(302):
        assert outcome(api.verify(ticket, code)) == BAD_TICKET


def test_the_lifetime_of_tickets_is_a_setting(api, grace, two_factor):
    two_factor(ticket_lifetime=10)
    ticket, code = api.ticket(grace), sent_sms_code()
    with later(12):
        assert outcome(api.verify(ticket, code)) == BAD_TICKET


def test_a_newer_ticket_voids_the_older_one(api, grace):
    older = api.ticket(grace)
    newer = api.ticket(grace)
    assert outcome(api.verify(older, sent_sms_code())) == BAD_TICKET
    assert api.verify(newer, sent_sms_code()).status_code == 200


def test_a_ticket_takes_the_code_of_its_own_user_only(api, grace, person):
    hers = api.ticket(grace)
    api.ticket(person(email="eve@example.com", device=OTHER_PHONE))
    assert outcome(api.verify(hers, sent_sms_code())) == INVALID


@pytest.mark.parametrize(
    "spoil",
    [
        lambda ticket: ticket[:-1] + ("A" if ticket[-1] != "A" else "B"),
        lambda ticket: "A" + ticket[1:],
        lambda ticket: ticket.rpartition(":")[0],
        lambda ticket: "",
        lambda ticket: ":",
        lambda ticket: "é" * 20,
        lambda ticket: signing.dumps({"user": "1"}, salt="another"),
        lambda ticket: str(RefreshToken()),
    ],
    ids=["changed signature", "changed body", "cut", "empty", "colon", "letters", "another salt", "refresh token"],
)
def test_a_text_that_we_have_not_signed_is_no_ticket(api, grace, spoil):
    ticket, code = api.ticket(grace), sent_sms_code()
    answer = api.verify(spoil(ticket), code)
    assert answer.status_code == (400 if spoil(ticket) == "" else 401)
    assert api.verify(ticket, code).status_code == 200


def test_a_ticket_under_a_fallback_key_is_good_until_that_key_is_gone(api, grace, settings):
    old = settings.SECRET_KEY
    ticket, code = api.ticket(grace), sent_sms_code()
    settings.SECRET_KEY = "another key, of more than fifty characters in all, for tests"
    assert outcome(api.verify(ticket, code)) == BAD_TICKET
    settings.SECRET_KEY_FALLBACKS = [old]
    assert api.verify(ticket, code).status_code == 200


def test_a_ticket_is_refused_as_bearer(api, grace):
    headers = {"Authorization": f"Bearer {api.ticket(grace)}"}
    assert api.client.get("/whoami/", headers=headers).status_code == 401
    assert api.client.get("/api/2fa/phone/", headers=headers).status_code == 401


def test_a_ticket_is_refused_as_refresh_token(api, grace):
    assert api.call("token/refresh/", {"refresh": api.ticket(grace)}).status_code == 401


def test_a_ticket_of_a_deleted_user_is_void(api, grace):
    ticket, code = api.ticket(grace), sent_sms_code()
    grace.delete()
    assert outcome(api.verify(ticket, code)) == BAD_TICKET


def test_a_ticket_of_a_user_who_was_deactivated_is_void(api, grace):
    ticket, code = api.ticket(grace), sent_sms_code()
    type(grace).objects.filter(pk=grace.pk).update(is_active=False)
    assert outcome(api.verify(ticket, code)) == BAD_TICKET


def test_a_ticket_of_a_user_who_has_lost_the_device_is_good_for_nothing(api, grace):
    ticket, code = api.ticket(grace), sent_sms_code()
    PhoneDevice.objects.all().delete()
    assert outcome(api.verify(ticket, code)) == INVALID


# The wait between two messages


def test_a_login_within_the_wait_sends_nothing_and_has_a_ticket_of_its_own(api, grace, configure):
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=60)
    first = api.ticket(grace)
    body = api.token(grace).json()
    assert (body["sent"], body["code"]) == (False, "second_factor_required")
    assert 58 <= body["retry_after"] <= 60
    assert len(sms.outbox) == 1
    assert outcome(api.verify(first, sent_sms_code())) == BAD_TICKET
    assert api.verify(body["ticket"], sent_sms_code()).status_code == 200


def test_a_used_code_stays_used_within_the_wait(api, grace, configure):
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=60)
    api.pair(grace)
    body = api.token(grace).json()
    assert body["sent"] is False
    assert outcome(api.verify(body["ticket"], sent_sms_code())) == INVALID


def test_after_a_login_the_next_code_is_sent_once_the_wait_is_over(api, grace, configure):
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=60)
    api.pair(grace)
    with later(61):
        assert api.token(grace).json()["sent"] is True
    assert len(sms.outbox) == 2


# Sending again


def test_a_resend_sends_a_new_code_for_the_same_ticket(api, grace):
    ticket = api.ticket(grace)
    answer = api.call("2fa/resend/", {"ticket": ticket})
    assert (answer.status_code, answer.content) == (204, b"")
    assert len(sms.outbox) == 2
    assert api.verify(ticket, sent_sms_code()).status_code == 200


def test_a_resend_within_the_wait_is_a_429(api, grace, configure):
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=60)
    answer = api.call("2fa/resend/", {"ticket": api.ticket(grace)})
    assert (answer.status_code, answer.json()["code"]) == (429, "throttled")
    assert answer.headers["Retry-After"] in {"59", "60"}
    assert len(sms.outbox) == 1


def test_a_used_ticket_cannot_be_sent_again(api, grace):
    ticket = api.ticket(grace)
    api.verify(ticket, sent_sms_code())
    assert outcome(api.call("2fa/resend/", {"ticket": ticket})) == BAD_TICKET
    assert len(sms.outbox) == 1


def test_a_resend_after_a_login_within_the_wait_gives_the_ticket_a_code(api, grace, configure):
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=60)
    api.pair(grace)
    ticket = api.ticket(grace)
    with later(61):
        assert api.call("2fa/resend/", {"ticket": ticket}).status_code == 204
        assert api.verify(ticket, sent_sms_code()).status_code == 200


def test_a_resend_by_a_factor_that_the_user_has_not_is_a_400(api, grace):
    assert outcome(api.call("2fa/resend/", {"ticket": api.ticket(grace), "method": "totp"})) == INVALID


def test_a_resend_by_another_users_ticket_texts_that_user(api, grace, person):
    ticket = api.ticket(grace)
    api.ticket(person(email="eve@example.com", device=OTHER_PHONE))
    api.call("2fa/resend/", {"ticket": ticket})
    assert sms.outbox[-1].recipients == [PHONE]


# What is off


ROUTES = ["token/", "2fa/phone-verify/", "2fa/phone-register/", "2fa/token-verify/", "2fa/resend/", "2fa/step-up/"]


@pytest.mark.parametrize("route", ROUTES)
def test_without_the_setting_the_routes_are_404(api, ada, configure, route):
    configure(TWO_FACTOR=None)
    answer = api.call(route, api.credentials(ada), str(AccessToken.for_user(ada)))
    assert (answer.status_code, answer.json()["code"]) == (404, "method_disabled")


@pytest.mark.parametrize("verb", ["GET", "DELETE"])
def test_without_the_setting_the_phone_is_404(api, ada, configure, verb):
    configure(TWO_FACTOR=None)
    assert api.send(verb, "2fa/phone/", access=str(AccessToken.for_user(ada))).status_code == 404


def test_the_views_of_simplejwt_beside_ours_work(api, grace):
    refresh = api.pair(grace)["refresh"]
    renewed = api.call("token/refresh/", {"refresh": refresh})
    assert renewed.status_code == 200
    assert claims(renewed.json()["access"])["amr"] == ["pwd", "otp", "sms", "mfa"]
    assert api.call("token/verify/", {"token": refresh}).status_code == 200


def test_the_message_says_what_the_code_is_for(api, ada, grace):
    api.token(grace)
    assert re.fullmatch(r"\d{6} is your sign-in code\. Do not share it\.", sms.outbox[-1].body)
    api.call("2fa/phone-verify/", {"authy_phone": OTHER_PHONE}, api.pair(ada)["access"])
    assert re.fullmatch(r"\d{6} is your code to confirm this phone\. Do not share it\.", sms.outbox[-1].body)


def test_a_code_for_enrolment_is_none_for_a_login(api, grace):
    access = api.pair(grace)["access"]
    api.call("2fa/phone-verify/", {"authy_phone": OTHER_PHONE}, access)
    code = sent_sms_code()
    body = {**api.credentials(grace), "token": code}
    assert outcome(api.call("2fa/token-verify/", body)) == INVALID


def test_a_device_of_another_provider_is_served_by_the_present_one(api, ada):
    enrol(ada, provider="authy", vendor_user_id="7")
    assert api.verify(api.ticket(ada), sent_sms_code()).status_code == 200


def test_a_code_that_is_sent_again_has_all_its_tries(api, grace):
    ticket = api.ticket(grace)
    api.verify(ticket, sent_sms_code().translate(WRONG))
    assert api.call("2fa/resend/", {"ticket": ticket}).status_code == 204
    for _ in range(4):
        assert outcome(api.verify(ticket, sent_sms_code().translate(WRONG))) == INVALID
    assert api.verify(ticket, sent_sms_code()).status_code == 200
