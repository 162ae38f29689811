"""Passkeys as first factor: nobody is named before the passkey does."""

import time

import pytest
import time_machine
from django.core.management import call_command

from jwt_drf_passwordless.models import Authenticator, PasswordlessChallengeToken, Session
from jwt_drf_passwordless.signals import network_limited, token_redeemed, token_refused
from jwt_drf_passwordless.two_factor.passkey.factor import PasskeyFactor
from jwt_drf_passwordless.two_factor.signals import passkey_cloned
from tests.conftest import sent_sms_code
from tests.test_interleaving import meanwhile
from tests.two_factor.conftest import PHONE, enrol
from tests.two_factor.passkey.authenticator import BE, BS, RP_ID, UP, UV, Passkey, data
from tests.two_factor.passkey.conftest import PASSKEY_FACTOR, PHONE_FACTOR
from tests.two_factor.passkey.mutations import MUTATIONS, NONSENSE
from tests.two_factor.test_login import INVALID, claims, outcome

pytestmark = pytest.mark.django_db

OFF = (404, "method_disabled")


def code(answer):
    return answer.status_code, answer.json()["code"]


def test_what_the_browser_is_asked(api):
    answer = api.ask()
    body = answer.json()
    assert (answer.status_code, body.keys()) == (200, {"publicKey", "ticket"})
    assert len(data(body["publicKey"].pop("challenge"))) == 32
    assert body["publicKey"] == {
        "timeout": 300000,
        "rpId": RP_ID,
        "allowCredentials": [],
        "userVerification": "preferred",
    }
    assert answer.headers["Cache-Control"] == "no-store"


def test_neither_hangs_on_the_alphabet_of_links(api, configure):
    configure(LONG_TOKEN_CHARS="01")
    ticket = api.ask().json()["ticket"]
    nonce = PasswordlessChallengeToken.objects.get().nonce
    assert (len(ticket), len(nonce)) == (32, 22)
    assert not set(ticket + nonce) <= set("01")


def test_each_request_has_a_challenge_of_its_own(api):
    first, second = api.ask().json(), api.ask().json()
    assert first["ticket"] != second["ticket"]
    assert first["publicKey"]["challenge"] != second["publicKey"]["challenge"]


def test_a_passkey_with_verification_is_two_factors(api, ada, passkey, heard):
    redeemed = heard(token_redeemed)
    answer = api.by_passkey(passkey)
    assert answer.status_code == 200
    token = claims(answer.json()["access"])
    assert (token["user_id"], token["amr"], token["acr"]) == (str(ada.pk), ["hwk", "user", "mfa"], "aal2")
    assert [(one["field"], one["user"]) for one in redeemed] == [("passkey", ada)]
    assert Authenticator.objects.get().last_used_at is not None


def test_logins_are_told_with_field_and_request(api, ada, passkey, heard):
    refused, redeemed = heard(token_refused), heard(token_redeemed)
    api.sign_in(api.ask(), {})
    api.by_passkey(passkey)
    told = [(one["field"], one["request"].path) for one in refused + redeemed]
    assert told == [("passkey", "/api/passkey/login/")] * 2


def test_the_session_of_a_login_has_what_the_request_says(api, ada, passkey, configure):
    configure(SESSIONS={})
    asked = api.ask()
    credential = passkey.get(asked.json()["publicKey"])
    assert api.sign_in(asked, credential, REMOTE_ADDR="203.0.113.77", HTTP_USER_AGENT="Ada's").status_code == 200
    session = Session.objects.get()
    assert (session.name, session.network) == ("Ada's", "203.0.113.0/24")


def test_a_passkey_that_nobody_has_is_unknown(api, ada, heard):
    refused = heard(token_refused)
    asked = api.ask()
    assert outcome(api.sign_in(asked, Passkey().get(asked.json()["publicKey"]))) == INVALID
    assert [one["reason"] for one in refused] == ["unknown"]


def test_without_verification_a_trusted_device_is_enough(api, ada, passkey, two_factor):
    two_factor(trusted_device_days=30)
    enrol(ada, PHONE)
    ticket = api.by_passkey(passkey, flags=UP).json()["ticket"]
    body = {"ticket": ticket, "token": sent_sms_code(), "trust_device": True}
    device = api.call("2fa/token-verify/", body).json()["device_token"]
    asked = api.ask()
    credential = passkey.get(asked.json()["publicKey"], flags=UP)
    assert api.sign_in(asked, credential, HTTP_X_DEVICE_TOKEN=device).status_code == 200


def test_a_synced_one_as_well(api, ada):
    passkey = api.register(api.pair(ada)["access"], Passkey(flags=UP | UV | BE | BS))
    assert claims(api.by_passkey(passkey).json()["access"])["amr"] == ["swk", "user", "mfa"]


def test_it_is_enough_where_a_second_factor_is_required(api, ada, passkey, two_factor):
    two_factor(required=True)
    assert api.by_passkey(passkey).status_code == 200


def test_without_verification_another_factor_is_asked(api, ada, passkey):
    enrol(ada, PHONE)
    answer = api.by_passkey(passkey, flags=UP)
    body = answer.json()
    assert (code(answer), body["methods"]) == ((206, "second_factor_required"), ["phone"])
    assert "options" not in body
    pair = api.verify(body["ticket"], sent_sms_code()).json()
    assert claims(pair["access"])["amr"] == ["hwk", "user", "otp", "sms", "mfa"]


@pytest.mark.parametrize("same_phone", ["refuse", "allow"])
def test_without_verification_a_passkey_cannot_be_both_factors(api, ada, passkey, two_factor, heard, same_phone):
    refused = heard(token_refused)
    two_factor(same_phone=same_phone)
    assert outcome(api.by_passkey(passkey, flags=UP)) == INVALID
    assert [one["reason"] for one in refused] == ["user_not_verified"]


def test_nor_can_another_passkey_be_the_second(api, ada, passkey):
    second = api.register(api.by_both(ada, passkey).json()["access"])
    enrol(ada, PHONE)
    answer = api.by_passkey(passkey, flags=UP)
    assert outcome(api.finish(answer, second.get(api.ask().json()["publicKey"]))) == INVALID


def test_where_passkeys_are_no_second_factor_presence_is_one_factor(api, ada, passkey, passkeys):
    passkeys(second_factor=False)
    token = claims(api.by_passkey(passkey, flags=UP).json()["access"])
    assert (token["amr"], token["acr"]) == (["hwk", "user"], "aal1")


def test_and_who_must_have_a_second_factor_is_told_so(api, ada, passkey, passkeys, two_factor):
    passkeys(second_factor=False)
    two_factor(required=True)
    assert code(api.by_passkey(passkey, flags=UP)) == (206, "second_factor_enrolment_required")


def test_where_verification_is_required_presence_is_nothing(api, ada, passkey, passkeys):
    passkeys(user_verification="required")
    enrol(ada, PHONE)
    assert outcome(api.by_passkey(passkey, flags=UP)) == INVALID
    assert api.by_passkey(passkey).status_code == 200


@pytest.mark.parametrize("changes", MUTATIONS.values(), ids=MUTATIONS)
def test_one_wrong_part_is_refused(api, ada, passkey, changes):
    assert outcome(api.by_passkey(passkey, **changes)) == INVALID
    assert Authenticator.objects.get().last_used_at is None


@pytest.mark.parametrize("credential", NONSENSE, ids=lambda credential: str(credential)[:20])
def test_what_is_no_credential_is_refused(api, ada, passkey, credential):
    assert outcome(api.sign_in(api.ask(), credential)) == INVALID


def test_whose_it_is_must_be_said(api, ada, passkey):
    asked = api.ask()
    credential = passkey.get(asked.json()["publicKey"])
    del credential["response"]["userHandle"]
    assert outcome(api.sign_in(asked, credential)) == INVALID


def test_somebody_elses_name_on_a_passkey_is_refused(api, ada, passkey, person):
    eve = person(email="eve@example.com")
    theirs = api.register(api.pair(eve)["access"])
    assert outcome(api.by_passkey(theirs, response={"userHandle": passkey.handle})) == INVALID


def test_a_copy_is_refused_and_told(api, ada, passkey, heard):
    cloned = heard(passkey_cloned)
    api.by_passkey(passkey, counter=7)
    assert [(one["user"], one["field"], one["request"] is None) for one in cloned] == [(ada, "passkey", False)]


def test_a_counter_that_has_counted_does_not_go_back_to_zero(api, ada, passkey, heard):
    cloned = heard(passkey_cloned)
    assert outcome(api.by_passkey(passkey, counter=0)) == INVALID
    assert len(cloned) == 1


# The challenge


def test_a_challenge_works_once_and_for_its_ticket_only(api, ada, passkey, heard):
    refused = heard(token_refused)
    asked, other = api.ask(), api.ask()
    credential = passkey.get(asked.json()["publicKey"])
    assert outcome(api.sign_in(other, credential)) == INVALID
    assert api.sign_in(asked, credential).status_code == 200
    assert outcome(api.sign_in(asked, credential)) == INVALID
    assert [one["reason"] for one in refused] == ["wrong", "used"]


def test_of_two_answers_to_one_challenge_at_the_same_moment_one_wins(api, ada, passkey, heard):
    refused = heard(token_refused)
    asked = api.ask()
    credential = passkey.get(asked.json()["publicKey"])
    with meanwhile("UPDATE", lambda: api.sign_in(asked, credential)):
        assert outcome(api.sign_in(asked, credential)) == INVALID
    assert [one["reason"] for one in refused] == ["raced"]


def test_a_wrong_answer_uses_it_up(api, ada, passkey):
    asked = api.ask()
    api.sign_in(asked, {})
    assert outcome(api.sign_in(asked, passkey.get(asked.json()["publicKey"]))) == INVALID


@pytest.mark.parametrize(("seconds", "reasons"), [(599, []), (601, ["expired"])])
def test_a_challenge_ends(api, ada, passkey, heard, seconds, reasons):
    refused = heard(token_refused)
    with time_machine.travel(time.time(), tick=False) as clock:
        asked = api.ask()
        clock.shift(seconds)
        answer = api.sign_in(asked, passkey.get(asked.json()["publicKey"]))
    assert answer.status_code == (400 if reasons else 200)
    assert [one["reason"] for one in refused] == reasons


def test_a_ticket_of_ones_own_is_none(api, ada, passkey, heard):
    refused = heard(token_refused)
    body = {"ticket": "x" * 32, "credential": passkey.get(api.ask().json()["publicKey"])}
    assert outcome(api.call("passkey/login/", body)) == INVALID
    assert [one["reason"] for one in refused] == ["unknown"]


def test_challenges_of_other_purposes_are_none_here(api, ada, passkey):
    answer = api.token(ada)
    asked = api.ask()
    assert outcome(api.sign_in(asked, passkey.get(api.options(answer)))) == INVALID
    body = {"ticket": answer.json()["ticket"], "credential": passkey.get(api.options(answer))}
    assert api.call("passkey/login/", body).status_code == 400


def test_old_ones_are_cleared(api):
    api.ask()
    row = PasswordlessChallengeToken.objects.get()
    with time_machine.travel(row.expires_at.timestamp() + 23 * 3600, tick=False):
        call_command("clear_passwordless_tokens", verbosity=0)
    assert PasswordlessChallengeToken.objects.exists()
    with time_machine.travel(row.expires_at.timestamp() + 25 * 3600, tick=False):
        call_command("clear_passwordless_tokens", verbosity=0)
    assert not PasswordlessChallengeToken.objects.exists()


def test_a_challenge_can_be_met_by_no_code_and_no_link(api):
    api.ask()
    row = PasswordlessChallengeToken.objects.get()
    assert (row.short_digest, row.long_digest) == ("", None)


def test_the_table_does_not_have_the_ticket(api):
    ticket = api.ask().json()["ticket"]
    row = PasswordlessChallengeToken.objects.get()
    assert ticket not in [str(value) for value in vars(row).values()]


@pytest.mark.parametrize(
    "body",
    [{}, {"ticket": 1, "credential": {}}, {"ticket": "x" * 256, "credential": {}}, {"ticket": "x"}, [], "[" * 5000],
    ids=lambda body: str(body)[:20],
)
def test_other_bodies_are_bad_requests(api, body):
    assert api.call("passkey/login/", body).status_code == 400


def test_too_much_is_refused(api):
    asked = api.ask()
    assert api.sign_in(asked, {"a": "x" * 8200}).status_code == 400
    assert api.sign_in(asked, {"a": "x" * 17000}).status_code == 413


# Who


@pytest.mark.parametrize(
    ("fields", "changes"),
    [({"is_active": False}, {}), ({"is_active": False}, {"ACTIVATE_INACTIVE_USERS": True}), ({"staff": True}, {})],
    ids=str,
)
def test_the_rules_of_other_logins_hold(api, person, configure, heard, fields, changes):
    refused = heard(token_refused)
    user = person()
    passkey = api.register(api.pair(user)["access"])
    configure(**changes)
    name = "is_active" if "is_active" in fields else "is_staff" if hasattr(user, "is_staff") else "is_admin"
    setattr(user, name, name != "is_active")
    user.save()
    assert outcome(api.by_passkey(passkey)) == INVALID
    assert [one["reason"] for one in refused] == ["user_refused"]


def test_administrators_may_where_they_may_sign_in_without_a_password(api, person, configure):
    user = person(staff=True)
    passkey = api.register(api.pair(user)["access"])
    configure(ALLOW_ADMIN_AUTHENTICATION=True)
    assert api.by_passkey(passkey).status_code == 200


def nobody(user):
    """A project's rule."""
    return False


def test_the_projects_rule_is_asked(api, ada, passkey, settings):
    settings.SIMPLE_JWT = {"USER_AUTHENTICATION_RULE": "tests.two_factor.passkey.test_login.nobody"}
    assert outcome(api.by_passkey(passkey)) == INVALID


# Switches and limits


@pytest.mark.parametrize(
    "keys", [{"factors": [PHONE_FACTOR]}, {"passkey": {"first_factor": False}}], ids=["not listed", "switched off"]
)
def test_what_is_off_is_not_found(api, two_factor, keys):
    two_factor(**keys)
    assert code(api.ask()) == code(api.call("passkey/login/", {})) == OFF


def test_without_second_factors_it_is_off(api, configure):
    configure(TWO_FACTOR=None)
    assert code(api.ask()) == OFF


def test_as_second_factor_only(api, ada, passkey, passkeys):
    passkeys(first_factor=False)
    assert api.by_both(ada, passkey).status_code == 200


class OwnFactor(PasskeyFactor):
    """A project's."""


def test_a_class_of_a_project_signs_in(api, ada, passkey, two_factor):
    two_factor(factors=["tests.two_factor.passkey.test_login.OwnFactor", PHONE_FACTOR])
    assert api.by_passkey(passkey).status_code == 200


def test_it_has_a_limit_of_its_own(api, configure, heard):
    limited = heard(network_limited)
    configure(THROTTLE_RATES={"passkey": "2/h", "request": "1/h", "redeem": "1/h"}, TRUSTED_PROXIES=1)
    client = {"headers": {"X-Forwarded-For": "8.8.8.8"}}
    assert [api.ask(**client).status_code for _ in range(3)] == [200, 200, 429]
    assert api.call("passkey/login/", {}, **client).status_code == 429
    assert {one["limit"] for one in limited} == {"passkey"}


def test_no_captcha_stands_before_it(api, ada, passkey, configure):
    captcha = {
        "provider": "jwt_drf_passwordless.captcha.FakeCaptcha",
        "routes": ["request", "redeem", "password"],
        "hostnames": ["example.com"],
    }
    configure(CAPTCHA=captcha)
    assert api.by_passkey(passkey).status_code == 200


def test_the_list_may_be_of_any_order(api, ada, passkey, two_factor):
    two_factor(factors=[PASSKEY_FACTOR, PHONE_FACTOR])
    assert api.by_passkey(passkey).status_code == 200
