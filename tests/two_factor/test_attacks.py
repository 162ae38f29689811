"""What somebody tries who has a password, a stolen token or an old ticket, but not the second factor."""

import time

import pytest
import sms
import time_machine

from jwt_drf_passwordless.conf import settings as package_settings
from jwt_drf_passwordless.models import Authenticator, PasswordlessChallengeToken, PhoneDevice
from jwt_drf_passwordless.two_factor.services import void_challenges
from tests.conftest import sent_code, sent_sms_code
from tests.contact.conftest import EMAIL as EMAIL_CHANGE
from tests.external_2fa.conftest import external, vendor
from tests.external_2fa.providers import CODE
from tests.test_interleaving import meanwhile
from tests.two_factor.conftest import EMAIL, LOGIN_PHONE, OTHER_PHONE, PHONE
from tests.two_factor.test_email_factor import EMAIL_FACTOR, give_email, move
from tests.two_factor.test_enrolment import REAUTHENTICATE, ask, register
from tests.two_factor.test_login import BAD_TICKET, INVALID, outcome
from tests.two_factor.test_recovery_codes import give_codes
from tests.two_factor.test_several_factors import PAPER_FACTOR, PHONE_FACTOR, WORD, finish
from tests.two_factor.test_step_up import with_claims
from tests.two_factor.test_totp import RECOVERY, TOTP, give_app

pytestmark = pytest.mark.django_db

__all__ = ["external", "vendor"]


@pytest.fixture
def stolen(api, ada, two_factor):
    """An access token of a user whose second factor is none of ours, got before that."""
    access = api.pair(ada)["access"]
    two_factor(factors=[PHONE_FACTOR, PAPER_FACTOR])
    return access


def test_a_stolen_token_cannot_add_a_phone_beside_another_factor(api, stolen):
    assert outcome(ask(api, stolen)) == REAUTHENTICATE
    assert outcome(register(api, stolen, code="123456")) == REAUTHENTICATE
    assert not sms.outbox


def test_a_login_with_another_factor_can_add_a_phone(api, ada, stolen):
    access = finish(api, api.ticket(ada), WORD).json()["access"]
    assert ask(api, access).status_code == 204
    assert register(api, access).status_code == 204


def test_a_token_to_enrol_cannot_add_a_phone_beside_another_factor(api, ada, two_factor):
    two_factor(required=True)
    restricted = api.token(ada).json()["enrolment_token"]
    two_factor(factors=[PHONE_FACTOR, PAPER_FACTOR])
    assert outcome(ask(api, restricted)) == REAUTHENTICATE


def test_a_ticket_of_a_phone_that_support_has_removed_does_not_fit_the_next_one(api, grace):
    ticket = api.ticket(grace)
    old_code = sent_sms_code()
    PhoneDevice.objects.all().delete()
    access = api.pair(grace)["access"]
    ask(api, access, OTHER_PHONE)
    assert register(api, access, OTHER_PHONE).status_code == 204
    assert outcome(api.verify(ticket, old_code)) == BAD_TICKET


def test_a_ticket_is_void_once_the_phone_is_removed_whatever_else_the_user_has(api, grace, two_factor):
    two_factor(factors=[PHONE_FACTOR, PAPER_FACTOR])
    access = api.pair(grace)["access"]
    ticket = api.ticket(grace)
    assert api.send("DELETE", "2fa/phone/", access=access).status_code == 204
    assert outcome(finish(api, ticket, WORD, "paper")) == BAD_TICKET


def test_a_ticket_is_void_once_the_password_is_changed(api, grace):
    ticket = api.ticket(grace)
    grace.set_password("another horse battery")
    grace.save()
    assert outcome(api.verify(ticket, sent_sms_code())) == BAD_TICKET
    assert outcome(api.call("2fa/resend/", {"ticket": ticket})) == BAD_TICKET


def test_a_ticket_is_void_once_the_address_that_signed_in_is_changed(api, person):
    user = person(device=PHONE)
    api.request_email(EMAIL)
    ticket = api.exchange_email(EMAIL, sent_code()).json()["ticket"]
    setattr(user, package_settings.EMAIL_FIELD_NAME, "lovelace@example.com")
    user.save()
    assert outcome(api.verify(ticket, sent_sms_code())) == BAD_TICKET


def test_many_accounts_text_one_number_once(api, person, configure):
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=60)
    accounts = [api.pair(person(email=f"user{number}@example.com"))["access"] for number in range(3)]
    assert [ask(api, access).status_code for access in accounts] == [204, 429, 429]
    assert len(sms.outbox) == 1


def test_many_accounts_text_one_range_of_numbers_as_often_as_its_limit_says(api, person, configure):
    configure(THROTTLE_RATES={"number_range": "2/h"})
    accounts = [api.pair(person(email=f"user{number}@example.com"))["access"] for number in range(3)]
    texted = [ask(api, access, f"+1201555010{number}").status_code for number, access in enumerate(accounts)]
    assert texted == [204, 204, 429]
    assert len(sms.outbox) == 2


def test_the_budget_of_the_site_ends_codes_for_new_phones(api, ada, configure):
    configure(SMS_BUDGET={"hour": 0})
    answer = ask(api, api.pair(ada)["access"])
    assert (answer.status_code, answer.json()["code"]) == (503, "provider_unavailable")
    assert not sms.outbox


def test_the_budget_of_the_site_ends_codes_to_registered_phones(api, grace, configure):
    configure(SMS_BUDGET={"hour": 1})
    ticket = api.ticket(grace)
    assert api.call("2fa/resend/", {"ticket": ticket}).status_code == 503
    assert api.token(grace).status_code == 503
    assert len(sms.outbox) == 1


def test_a_phone_of_a_country_that_is_not_on_the_list_any_more_is_sent_nothing(api, grace, configure):
    configure(SMS_COUNTRIES=["DE"])
    answer = api.token(grace)
    assert (answer.status_code, answer.json()["code"]) == (503, "provider_unavailable")
    assert not sms.outbox


def test_a_number_in_its_wait_cannot_be_guessed_by_one_account_after_the_other(api, ada, person, configure):
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=60)
    bob = person(email="bob@example.com")
    assert ask(api, api.pair(ada)["access"]).status_code == 204
    access = api.pair(bob)["access"]
    assert ask(api, access).status_code == 429
    assert not PasswordlessChallengeToken.objects.filter(purpose="enrol_phone", user=bob).exists()
    assert outcome(register(api, access, code="123456")) == INVALID
    assert ask(api, access, OTHER_PHONE).status_code == 204


def test_parallel_requests_to_send_again_send_one_code(api, grace, two_factor):
    """The app is asked first and sends nothing, so that the first message has no wait before it."""
    two_factor(factors=[TOTP, PHONE_FACTOR])
    give_app(grace)
    body = {"ticket": api.ticket(grace), "method": "phone"}
    with meanwhile("UPDATE", lambda: api.call("2fa/resend/", body)):
        assert api.call("2fa/resend/", body).status_code == 429
    assert len(sms.outbox) == 1


def test_a_ticket_that_is_voided_while_a_code_is_sent_stays_void(api, grace, two_factor):
    two_factor(factors=[TOTP, PHONE_FACTOR])
    give_app(grace)
    ticket = api.ticket(grace)
    with meanwhile("UPDATE", lambda: void_challenges(grace)):
        assert api.call("2fa/resend/", {"ticket": ticket, "method": "phone"}).status_code == 429
    assert outcome(api.verify(ticket, "123456")) == BAD_TICKET


def test_a_token_to_enrol_cannot_add_a_factor_beside_email(api, ada, two_factor):
    """Email raises no level, but whoever has the password only is asked for it."""
    two_factor(required=True, factors=[PHONE_FACTOR, EMAIL_FACTOR])
    restricted = api.token(ada).json()["enrolment_token"]
    give_email(ada)
    assert outcome(ask(api, restricted)) == REAUTHENTICATE
    assert not sms.outbox


@pytest.mark.parametrize("change", ["password", "email"])
def test_a_token_to_enrol_ends_with_the_password_and_the_address_it_was_given_for(api, ada, two_factor, change):
    two_factor(required=True)
    restricted = api.token(ada).json()["enrolment_token"]
    if change == "password":
        ada.set_password("another one")
        ada.save()
    else:
        move(ada)
    assert ask(api, restricted).status_code == 401
    assert not sms.outbox


def test_a_step_up_of_a_session_that_has_ended_begins_no_other(api, grace, configure):
    configure(SESSIONS={})
    stolen, mine = api.pair(grace)["access"], api.pair(grace)["access"]
    ticket = api.call("2fa/step-up/", access=stolen).json()["ticket"]
    api.send("DELETE", "sessions/others/", access=mine)
    assert outcome(api.verify(ticket, sent_sms_code())) == BAD_TICKET
    assert outcome(api.call("2fa/resend/", {"ticket": ticket})) == BAD_TICKET


def test_passwords_cannot_be_guessed_past_their_limit_beside_a_code(api, grace, configure):
    configure(THROTTLE_RATES={"password": "3/h", "redeem": "100/h"})
    body = {**api.credentials(grace, "wrong"), "token": "123456"}
    answers = [api.call("2fa/token-verify/", body, REMOTE_ADDR="8.8.8.8") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429]


def by_whatsapp(api):
    number = {package_settings.MOBILE_FIELD_NAME: LOGIN_PHONE}
    api.post("request/mobile/", {**number, "method": "whatsapp"})
    return api.post("exchange/mobile/", {**number, "code": CODE})


def test_a_phone_that_signs_in_by_whatsapp_is_still_one_phone(api, person, external, two_factor):
    """Its session must not rise by an SMS to the same phone."""
    two_factor(same_phone="allow")
    person(phone=LOGIN_PHONE, device=LOGIN_PHONE)
    pair = by_whatsapp(api)
    assert pair.status_code == 200
    assert api.call("2fa/step-up/", access=pair.json()["access"]).json()["code"] == "second_factor_same_phone"


@pytest.mark.parametrize("same_phone", ["refuse", "allow"])
def test_email_is_asked_for_after_whatsapp(api, person, external, two_factor, same_phone):
    two_factor(same_phone=same_phone, factors=[EMAIL_FACTOR])
    give_email(person(phone=LOGIN_PHONE))
    answer = by_whatsapp(api)
    assert (answer.status_code, answer.json().get("methods")) == (206, ["email"])


def test_a_session_from_before_the_factor_cannot_remove_it_by_a_proof_made_for_another(api, ada):
    """It could not step up itself, whoever has it and the code."""
    stale = api.pair(ada)["access"]
    with time_machine.travel(time.time() + 60, tick=False):
        access = api.pair(ada)["access"]
        ask(api, access)
        register(api, access)
        with_both = api.pair(ada)["access"]
        api.call("2fa/step-up/", access=with_both)
        body = {"token": sent_sms_code()}
        assert outcome(api.send("DELETE", "2fa/phone/", body, stale)) == REAUTHENTICATE
        assert PhoneDevice.objects.exists()
        assert api.send("DELETE", "2fa/phone/", body, with_both).status_code == 204


def test_a_device_is_not_trusted_again_once_the_address_is_changed_back(api, grace, two_factor):
    two_factor(trusted_device_days=30)
    answer = api.call(
        "2fa/token-verify/", {"ticket": api.ticket(grace), "token": sent_sms_code(), "trust_device": True}
    )
    access, device = answer.json()["access"], answer.json()["device_token"]
    for address in ("elsewhere@example.com", "grace@example.com"):
        assert EMAIL_CHANGE.ask(api, access, address).status_code == 200
        assert EMAIL_CHANGE.confirm(api, access, identifier=address).status_code == 200
    grace.refresh_from_db()
    assert api.call("token/", {**api.credentials(grace), "device_token": device}).status_code == 206


@pytest.mark.parametrize("auth_time", [10**400, -(10**400), 1e300, True, "now", None, [], {}], ids=lambda _: "")
def test_a_time_that_is_none_is_no_fresh_login(api, grace, auth_time):
    """Whoever mints tokens of the project's own may write anything."""
    access = with_claims(grace, amr=["pwd", "mfa"], acr="aal2", auth_time=auth_time)
    assert outcome(ask(api, access)) == REAUTHENTICATE


def test_a_single_recovery_code_has_no_name_to_give(api, grace, two_factor):
    """Or the answer would tell which ids are those of codes that are still good."""
    two_factor(factors=[PHONE_FACTOR, RECOVERY])
    give_codes(grace)
    access = api.pair(grace)["access"]
    code = Authenticator.objects.filter(user=grace).first()
    assert api.send("PATCH", f"2fa/factors/recovery_code/{code.pk}/", {"name": "x"}, access).status_code == 404
