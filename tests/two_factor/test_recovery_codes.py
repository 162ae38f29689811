"""Recovery codes: a set made and replaced, each code good once, and what a login by one is worth."""

import hashlib
import logging
import re

import pytest
import sms
from django.core import mail
from django.dispatch import receiver

from jwt_drf_passwordless.exceptions import InvalidCredentials
from jwt_drf_passwordless.models import Authenticator, PasswordlessChallengeToken, PhoneDevice
from jwt_drf_passwordless.sessions.signals import sessions_ended
from jwt_drf_passwordless.two_factor import keys
from jwt_drf_passwordless.two_factor.recovery import RecoveryCodeFactor
from jwt_drf_passwordless.two_factor.signals import recovery_code_used, trusted_devices_removed
from tests.conftest import SCAN, sent_sms_code
from tests.test_interleaving import meanwhile
from tests.test_races import crowd
from tests.two_factor.conftest import LOGIN_PHONE, TwoFactorApi, enrol
from tests.two_factor.test_every_first_factor import BROKEN, by_sms
from tests.two_factor.test_login import INVALID, claims, outcome
from tests.two_factor.test_several_factors import PHONE_FACTOR, finish
from tests.two_factor.test_totp import (
    LONG_AGO,
    NEW,
    OLD,
    RECOVERY,
    TOTP,
    UNAVAILABLE,
    code_of,
    give_app,
    refused_as_stale,
    reseal,
    stale,
    table,
)

pytestmark = pytest.mark.django_db

__all__ = ["crowd"]

FORM = re.compile(r"(?:[0-9a-hjkmnp-tv-z]{4}-){5}[0-9a-hjkmnp-tv-z]{4}")
#: Codes of tests that need no set of their own.
CODES = [f"{digit:x}" * 24 for digit in range(10)]
DEAF = {"provider": "tests.two_factor.test_every_first_factor.DeafProvider"}
ROUTE = "2fa/factors/recovery_code/"


@pytest.fixture(autouse=True)
def _factors(two_factor):
    two_factor(factors=[PHONE_FACTOR, TOTP, RECOVERY])


def give_codes(user, codes=CODES):
    """Store a set that was made long ago."""
    SCAN.tokens.update(codes)
    Authenticator.objects.bulk_create(
        Authenticator(
            user_id=user.pk,
            method="recovery_code",
            lookup=keys.digests("recovery_code", str(user.pk), code)[0],
            data={"key": keys.names()[0]},
            created_at=LONG_AGO,
            confirmed_at=LONG_AGO,
        )
        for code in codes
    )


@pytest.fixture
def codes(grace):
    """The codes of grace."""
    give_codes(grace)
    return CODES


def make(api, access):
    return api.call(ROUTE, access=access)


def entry(api, access):
    """That of the codes in the list of factors."""
    listed = api.send("GET", "2fa/factors/", access=access).json()["factors"]
    return next((one for one in listed if one["method"] == "recovery_code"), None)


def recover(api, user, code):
    """A login by a recovery code."""
    return finish(api, api.ticket(user), code, "recovery_code")


# The set


def test_a_set_has_ten_codes_of_120_bits(api, grace):
    access = api.pair(grace)["access"]
    answer = make(api, access)
    assert answer.status_code == 201
    body = answer.json()
    assert body.keys() == {"id", "method", "name", "remaining", "created_at", "last_used_at", "codes"}
    assert (body["id"], body["method"], body["remaining"]) == ("codes", "recovery_code", 10)
    assert [code for code in body["codes"] if not FORM.fullmatch(code)] == []
    assert len(set(body["codes"])) == 10
    assert recover(api, grace, body["codes"][3]).status_code == 200


def test_the_codes_are_shown_once_and_counted_later(api, grace):
    access = api.pair(grace)["access"]
    made = make(api, access).json()
    shown = api.send("GET", "2fa/factors/", access=access)
    assert [code for code in made["codes"] if code in shown.text] == []
    assert entry(api, access) == {name: value for name, value in made.items() if name != "codes"}
    recover(api, grace, made["codes"][0])
    after = entry(api, access)
    assert (after["remaining"], after["last_used_at"] is not None) == (9, True)


def test_no_table_has_a_code_or_a_digest_that_needs_no_key(api, grace):
    made = make(api, api.pair(grace)["access"]).json()["codes"]
    stored = table()
    for code in made:
        plain = code.replace("-", "")
        found = [code, plain, *(hashlib.sha256(text.encode()).hexdigest() for text in (code, plain))]
        assert [text for text in found if text in stored] == []


def test_a_new_set_kills_the_old_one(api, grace):
    access = api.pair(grace)["access"]
    old, new = (make(api, access).json()["codes"] for _ in range(2))
    assert Authenticator.objects.count() == 10
    assert [recover(api, grace, code).status_code for code in old[:2]] == [400, 400]
    assert recover(api, grace, new[0]).status_code == 200


def test_a_set_that_was_overtaken_is_not_stored(api, grace):
    access = api.pair(grace)["access"]
    make(api, access)
    overtaken = PasswordlessChallengeToken.objects.get(purpose="enrol_recovery_code")
    newer = make(api, access).json()["codes"]
    with pytest.raises(InvalidCredentials):
        RecoveryCodeFactor().store(grace, overtaken, {})
    assert recover(api, grace, newer[0]).status_code == 200


def test_without_another_factor_there_are_none(api, ada):
    access = api.pair(ada)["access"]
    assert outcome(make(api, access)) == UNAVAILABLE
    assert api.send("GET", "2fa/factors/", access=access).json()["available"] == ["phone", "totp"]
    assert not Authenticator.objects.exists()


def test_there_is_nothing_to_confirm_and_nothing_to_rename(api, grace, codes):
    access = api.pair(grace)["access"]
    assert outcome(api.call(f"{ROUTE}confirm/", {"token": "123456"}, access)) == INVALID
    assert api.send("PATCH", f"{ROUTE}codes/", {"name": "paper"}, access).status_code == 404


def test_a_set_can_be_removed(api, grace, codes):
    access = api.pair(grace)["access"]
    assert api.send("DELETE", f"{ROUTE}other/", access=access).status_code == 404
    assert api.send("DELETE", f"{ROUTE}codes/", access=access).status_code == 204
    assert entry(api, access) is None
    assert api.token(grace).json()["methods"] == ["phone"]


def test_a_new_set_takes_the_place_of_no_other_factor_and_of_nobody_elses_set(api, grace, ada):
    give_app(grace)
    give_codes(ada)
    assert make(api, api.pair(grace)["access"]).status_code == 201
    assert Authenticator.objects.filter(user=grace, method="totp").count() == 1
    assert Authenticator.objects.filter(user=ada).count() == 10


def test_an_app_takes_the_place_of_no_codes_and_of_nobody_elses_app(api, grace, codes, ada):
    theirs = give_app(ada)
    access = api.pair(grace)["access"]
    secret = api.call("2fa/factors/totp/", access=access).json()["secret"]
    assert api.call("2fa/factors/totp/confirm/", {"token": code_of(secret)}, access=access).status_code == 201
    assert Authenticator.objects.filter(user=grace, method="recovery_code").count() == 10
    assert Authenticator.objects.filter(pk=theirs.pk).exists()


def test_a_set_that_is_removed_leaves_those_of_others(api, grace, codes, ada):
    give_codes(ada)
    access = api.pair(grace)["access"]
    assert api.send("DELETE", f"{ROUTE}codes/", access=access).status_code == 204
    assert Authenticator.objects.filter(user=ada).count() == 10


def test_a_set_that_is_removed_meanwhile_is_not_found(api, grace, codes):
    access = api.pair(grace)["access"]
    with meanwhile("DELETE FROM", lambda: Authenticator.objects.all().delete(), Authenticator):
        assert api.send("DELETE", f"{ROUTE}codes/", access=access).status_code == 404


def test_the_set_goes_with_the_last_other_factor(api, grace, codes):
    give_app(grace)
    access = api.pair(grace)["access"]
    assert api.send("DELETE", "2fa/phone/", access=access).status_code == 204
    assert (entry(api, access)["remaining"], entry(api, access)["name"]) == (10, "")
    app = Authenticator.objects.get(method="totp")
    assert api.send("DELETE", f"2fa/factors/totp/{app.pk}/", access=access).status_code == 204
    assert not Authenticator.objects.exists()
    assert api.token(grace).status_code == 200


def test_an_old_proof_makes_replaces_and_removes_nothing(api, grace, codes):
    access = stale(grace)
    assert refused_as_stale(make(api, access))
    assert refused_as_stale(api.send("DELETE", f"{ROUTE}codes/", access=access))
    assert Authenticator.objects.count() == 10


def test_a_session_without_a_second_factor_makes_none(api, ada):
    access = api.pair(ada)["access"]
    enrol(ada)
    assert refused_as_stale(make(api, access))


def test_a_set_of_somebody_who_has_no_other_factor_any_more_asks_for_nothing(api, grace, codes):
    PhoneDevice.objects.all().delete()
    assert api.token(grace).status_code == 200


def test_the_old_set_of_somebody_whose_factors_were_removed_by_support_opens_nothing_later(api, grace, codes):
    access = api.pair(grace)["access"]
    PhoneDevice.objects.all().delete()
    secret = api.call("2fa/factors/totp/", access=access).json()["secret"]
    api.call("2fa/factors/totp/confirm/", {"token": code_of(secret)}, access=access)
    assert [row.method for row in Authenticator.objects.all()] == ["totp"]
    assert api.token(grace).json()["methods"] == ["totp"]


# A login


def test_a_code_works_once(api, grace, codes):
    assert recover(api, grace, codes[0]).status_code == 200
    assert outcome(recover(api, grace, codes[0])) == INVALID
    assert recover(api, grace, codes[1]).status_code == 200


@pytest.mark.parametrize(
    "write",
    [str.upper, lambda code: code.replace("0", "O").replace("1", "l"), lambda code: f" {code[:5]} - {code[5:]} "],
)
def test_a_code_may_be_typed_as_people_do(api, grace, write):
    code = "0123456789abcdefghjkmnpq"
    give_codes(grace, [code])
    assert recover(api, grace, write(code)).status_code == 200


@pytest.mark.parametrize("code", ["1234", "u" * 24, "1" * 25, "１" * 24, "İ" * 24, "1" * 200])
def test_what_cannot_be_a_code_costs_no_try(api, grace, codes, code):
    answer = recover(api, grace, code)
    assert (answer.status_code, answer.json()) == (400, {"token": ["Enter a whole recovery code."]})
    assert PasswordlessChallengeToken.objects.get().tries == 0


def test_a_wrong_code_is_a_try(api, grace, codes, configure):
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=60)
    for _ in range(5):
        assert outcome(recover(api, grace, "z" * 24)) == INVALID
    assert outcome(recover(api, grace, codes[0])) == INVALID


def test_the_code_of_another_account_is_wrong(api, grace, person):
    give_codes(person(email="eve@example.com"))
    give_codes(grace, ["z" * 24])
    assert outcome(recover(api, grace, CODES[0])) == INVALID


def test_a_login_by_one_is_no_login_by_two_factors(api, grace, codes):
    token = claims(recover(api, grace, codes[0]).json()["access"])
    assert (token["amr"], token["acr"]) == (["pwd", "recovery"], "aal1")


def test_two_codes_are_as_good_as_the_lost_phone(api, grace, codes):
    access = recover(api, grace, codes[0]).json()["access"]
    assert refused_as_stale(api.send("DELETE", "2fa/phone/", access=access))
    assert refused_as_stale(api.call("2fa/factors/totp/", access=access))
    assert refused_as_stale(make(api, access))

    ticket = api.call("2fa/step-up/", access=access).json()["ticket"]
    assert outcome(finish(api, ticket, codes[0], "recovery_code")) == INVALID
    access = finish(api, ticket, codes[1], "recovery_code").json()["access"]
    token = claims(access)
    assert (token["amr"], token["acr"]) == (["pwd", "recovery", "mfa"], "aal2")
    assert api.send("DELETE", "2fa/phone/", access=access).status_code == 204
    assert not PhoneDevice.objects.exists()


def test_the_second_code_can_come_with_the_removal(api, grace, codes):
    access = recover(api, grace, codes[0]).json()["access"]
    api.call("2fa/step-up/", access=access)
    mail.outbox.clear()
    body = {"token": codes[1], "method": "recovery_code"}
    assert api.send("DELETE", "2fa/phone/", body, access).status_code == 204
    assert [message.subject for message in mail.outbox] == [
        "A recovery code of your account was used",
        "A second factor was removed from your account",
    ]


def test_a_login_by_a_code_ends_the_sessions_that_there_were(api, grace, codes, configure):
    configure(SESSIONS={})
    lost = api.pair(grace)["refresh"]
    refresh = recover(api, grace, codes[0]).json()["refresh"]
    assert [api.call("token/refresh/", {"refresh": token}).status_code for token in (lost, refresh)] == [401, 200]


def test_a_code_that_comes_with_a_change_leaves_the_session_that_makes_it(api, grace, codes, configure):
    configure(SESSIONS={})
    lost = api.pair(grace)["refresh"]
    pair = api.pair(grace)
    api.call("2fa/step-up/", access=pair["access"])
    body = {"token": codes[0], "method": "recovery_code"}
    assert api.send("DELETE", f"{ROUTE}codes/", body, pair["access"]).status_code == 204
    statuses = [api.call("token/refresh/", {"refresh": token}).status_code for token in (lost, pair["refresh"])]
    assert statuses == [401, 200]


def test_used_codes_are_not_offered(api, grace):
    give_codes(grace, CODES[:1])
    access = recover(api, grace, CODES[0]).json()["access"]
    assert entry(api, access)["remaining"] == 0
    assert api.token(grace).json()["methods"] == ["phone"]


# Being told


def test_the_user_is_told(api, grace, codes):
    recover(api, grace, codes[0])
    (message,) = mail.outbox
    assert (message.to, message.subject) == (["grace@example.com"], "A recovery code of your account was used")
    assert "One of your recovery codes was used. 9 are still good.\n" in message.body
    assert "If you did not do this, please contact us at once." in message.body


def test_the_project_is_told(api, grace, codes, caplog):
    heard = []

    @receiver(recovery_code_used)
    def hear(**kwargs):
        heard.append((kwargs["user"], kwargs["factor"], kwargs["remaining"], kwargs["request"] is not None))

    recover(api, grace, codes[0])
    assert heard == [(grace, "recovery_code", 9, True)]
    (line,) = [one for one in caplog.records if getattr(one, "event", "") == "recovery_code_used"]
    assert (line.levelno, line.field, line.remaining) == (logging.WARNING, "recovery_code", 9)
    assert line.user_id == str(grace.pk)


def test_what_ends_with_a_used_code_is_told_with_the_request(api, grace, codes, configure, two_factor):
    configure(SESSIONS={})
    two_factor(trusted_device_days=30)
    body = {"ticket": api.ticket(grace), "token": sent_sms_code(), "trust_device": True}
    api.call("2fa/token-verify/", body)
    told = []

    @receiver([sessions_ended, trusted_devices_removed])
    def hear(signal, user, request, reason="", **kwargs):
        told.append((signal.name, user, reason, request.path))

    try:
        recover(api, grace, codes[0])
    finally:
        for signal in (sessions_ended, trusted_devices_removed):
            signal.disconnect(hear)
    path = "/api/2fa/token-verify/"
    assert told == [
        ("sessions_ended", grace, "recovery_code_used", path),
        ("trusted_devices_removed", grace, "", path),
    ]


def test_a_wrong_code_tells_the_user_nothing(api, grace, codes):
    recover(api, grace, "z" * 24)
    assert mail.outbox == []


# When other things fail


def test_codes_work_while_no_message_can_be_sent(api, grace, codes, two_factor):
    two_factor(phone=DEAF)
    answer = api.token(grace)
    body = answer.json()
    assert (answer.status_code, body["sent"], body["methods"]) == (206, False, ["phone", "recovery_code"])
    assert body["detail"] == "Two Factor Token verification expected."
    assert finish(api, body["ticket"], codes[0], "recovery_code").status_code == 200


def test_a_step_up_by_codes_works_while_no_message_can_be_sent(api, grace, codes, two_factor):
    access = recover(api, grace, codes[0]).json()["access"]
    two_factor(phone=DEAF)
    ticket = api.call("2fa/step-up/", access=access).json()["ticket"]
    assert finish(api, ticket, codes[1], "recovery_code").status_code == 200


def test_without_codes_it_is_told(api, grace, two_factor):
    two_factor(phone=DEAF)
    assert api.token(grace).status_code == 503


def test_codes_work_beside_an_app(api, ada):
    give_app(ada)
    give_codes(ada)
    body = api.token(ada).json()
    assert body["methods"] == ["totp", "recovery_code"]
    assert finish(api, body["ticket"], CODES[0], "recovery_code").status_code == 200
    assert finish(api, api.ticket(ada), code_of("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")).status_code == 200
    assert sms.outbox == []


def test_codes_are_no_way_past_a_factor_that_is_broken(api, grace, codes):
    PhoneDevice.objects.update(confirmed_at=None)
    assert outcome(api.token(grace)) == BROKEN


def test_codes_live_as_long_as_their_key(api, grace, two_factor):
    two_factor(encryption_keys=[OLD])
    give_codes(grace)
    two_factor(encryption_keys=[NEW, OLD])
    assert reseal() == "Sealed anew: 0.\nRecovery codes that end with an older key: 10.\n"
    access = recover(api, grace, CODES[0]).json()["access"]
    assert reseal() == "Sealed anew: 0.\nRecovery codes that end with an older key: 9.\n"
    two_factor(encryption_keys=[NEW])
    assert entry(api, access)["remaining"] == 0
    assert api.token(grace).json()["methods"] == ["phone"]
    give_codes(grace, ["z" * 24])
    assert reseal() == "Sealed anew: 0.\nRecovery codes that end with an older key: 9.\n"
    assert recover(api, grace, "z" * 24).status_code == 200


# All at once


@pytest.mark.django_db(transaction=True)
class TestRaces:
    def test_of_sixteen_uses_of_one_code_one_wins(self, api, person, crowd):
        user = person()
        give_app(user)
        sixteen = crowd(16)
        give_codes(user)
        for number in range(5):
            session = recover(api, user, CODES[number]).json()["access"]
            code = CODES[number + 5]
            # Two tickets with a row each, so that it is the code that decides.
            tickets = [api.ticket(user), api.call("2fa/step-up/", access=session).json()["ticket"]]

            def use(_, n, tickets=tickets, code=code):
                return finish(TwoFactorApi(), tickets[n % 2], code, "recovery_code")

            statuses = sixteen.statuses(use)
            assert statuses[0] == 200
            assert set(statuses[1:]) <= {400, 401}

    def test_of_twelve_sets_one_survives(self, api, grace, crowd):
        access = api.pair(grace)["access"]
        answers = crowd(12).call(lambda _, n: make(TwoFactorApi(), access))
        assert {answer.status_code for answer in answers} <= {201, 400, 429}
        assert Authenticator.objects.count() == 10
        made = [answer.json()["codes"] for answer in answers if answer.status_code == 201]
        works = [[recover(api, grace, code).status_code for code in one[:2]] for one in made]
        assert sorted(works) == [[200, 200]] + [[400, 400]] * (len(made) - 1)
        assert sent_sms_code()


@pytest.mark.parametrize(("answer", "status"), [("allow", 200), ("refuse", 206)])
def test_a_login_by_the_phone_that_is_the_only_other_factor(api, person, configure, two_factor, answer, status):
    user = person(phone=LOGIN_PHONE)
    enrol(user, LOGIN_PHONE)
    give_codes(user)
    two_factor(same_phone=answer)
    found = by_sms(api, configure)
    assert found.status_code == status
    assert found.json().get("methods") == (None if status == 200 else ["recovery_code"])


def test_a_used_code_ends_the_trust_in_devices(api, grace, codes, two_factor):
    two_factor(trusted_device_days=30)
    body = {"ticket": api.ticket(grace), "token": sent_sms_code(), "trust_device": True}
    device = api.call("2fa/token-verify/", body).json()["device_token"]
    login = {**api.credentials(grace), "device_token": device}
    assert api.call("token/", login).status_code == 200
    pair = recover(api, grace, codes[0])
    assert (pair.status_code, "device_token" in pair.json()) == (200, False)
    assert api.call("token/", login).status_code == 206
