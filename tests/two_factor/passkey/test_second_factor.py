"""Passkeys as second factor: after a password or a code, and for a step-up."""

import time

import pytest
import sms
import time_machine
from django.test import override_settings

from jwt_drf_passwordless.models import Authenticator, PasswordlessChallengeToken
from jwt_drf_passwordless.two_factor.passkey.webauthn import challenge_of
from jwt_drf_passwordless.two_factor.signals import factor_used, passkey_cloned
from tests.conftest import sent_sms_code
from tests.test_interleaving import meanwhile
from tests.two_factor.conftest import LOGIN_PHONE, PHONE, enrol
from tests.two_factor.passkey.authenticator import BE, BS, RP_ID, UP, UV, Passkey, data, text
from tests.two_factor.passkey.conftest import PASSKEY_FACTOR, PHONE_FACTOR
from tests.two_factor.passkey.mutations import MUTATIONS, NONSENSE
from tests.two_factor.test_every_first_factor import by_email_code, by_link, by_sms, by_vendor
from tests.two_factor.test_login import BAD_TICKET, INVALID, claims, outcome

pytestmark = pytest.mark.django_db


def test_the_answer_of_the_first_step_has_what_the_browser_is_asked(api, ada, passkey):
    answer = api.token(ada)
    assert (answer.status_code, answer.json()["methods"], answer.json()["sent"]) == (206, ["passkey"], False)
    options = api.options(answer)
    assert len(data(options.pop("challenge"))) == 32
    assert options == {
        "timeout": 300000,
        "rpId": RP_ID,
        "allowCredentials": [{"type": "public-key", "id": text(passkey.id), "transports": ["internal", "hybrid"]}],
        "userVerification": "preferred",
    }


def test_a_passkey_finishes_a_login(api, ada, passkey, heard):
    used = heard(factor_used)
    answer = api.by_both(ada, passkey)
    assert answer.status_code == 200
    token = claims(answer.json()["access"])
    assert (token["amr"], token["acr"]) == (["pwd", "hwk", "user", "mfa"], "aal2")
    assert [one["factor"] for one in used] == ["passkey"]
    row = Authenticator.objects.get()
    assert (row.counter, row.last_used_at is None) == (8, False)


@pytest.mark.parametrize("flags", [UP | BE, UP | UV | BE, UP | UV | BE | BS])
def test_one_that_can_leave_its_device_is_a_key_in_software(api, ada, flags):
    passkey = api.register(api.pair(ada)["access"], Passkey(flags=flags))
    assert claims(api.by_both(ada, passkey).json()["access"])["amr"] == ["pwd", "swk", "user", "mfa"]


def test_after_a_password_presence_alone_will_do(api, ada, passkey):
    assert api.by_both(ada, passkey, flags=UP).status_code == 200


def test_where_verification_is_required_it_will_not(api, ada, passkey, passkeys):
    passkeys(user_verification="required")
    assert outcome(api.by_both(ada, passkey, flags=UP)) == INVALID
    assert api.by_both(ada, passkey).status_code == 200


@pytest.mark.parametrize("way", [by_email_code, by_link, by_sms, by_vendor], ids=lambda way: way.__name__)
def test_after_every_first_factor(api, person, configure, way):
    configure(PASSWORDLESS_EMAIL_LOGIN_URL="https://app.example/login#token={token}")
    user = person(phone=LOGIN_PHONE)
    passkey = api.register(api.pair(user)["access"])
    answer = way(api, configure)
    assert (answer.status_code, answer.json()["methods"]) == (206, ["passkey"])
    assert api.finish(answer, passkey.get(api.options(answer))).status_code == 200


@pytest.mark.parametrize("changes", MUTATIONS.values(), ids=MUTATIONS)
def test_one_wrong_part_is_refused(api, ada, passkey, changes):
    assert outcome(api.by_both(ada, passkey, **changes)) == INVALID
    assert Authenticator.objects.get().last_used_at is None


@pytest.mark.parametrize("token", NONSENSE, ids=lambda token: str(token)[:20])
def test_what_is_no_credential_is_refused(api, ada, passkey, token):
    assert outcome(api.finish(api.token(ada), token)) == INVALID


def test_without_the_users_handle_it_is_taken(api, ada, passkey):
    """Keys that were named by their ids need not say whose they are."""
    answer = api.token(ada)
    credential = passkey.get(api.options(answer))
    del credential["response"]["userHandle"]
    assert api.finish(answer, credential).status_code == 200


def test_somebody_elses_passkey_is_refused(api, ada, passkey, person):
    eve = person(email="eve@example.com")
    theirs = api.register(api.pair(eve)["access"])
    answer = api.token(ada)
    assert outcome(api.finish(answer, theirs.get(api.options(answer)))) == INVALID


def test_any_of_several_passkeys_will_do(api, ada, passkey):
    second = api.register(api.by_both(ada, passkey).json()["access"])
    answer = api.token(ada)
    assert [one["id"] for one in api.options(answer)["allowCredentials"]] == [text(passkey.id), text(second.id)]
    assert api.finish(answer, second.get(api.options(answer))).status_code == 200


def test_a_proof_works_once(api, ada, passkey):
    answer = api.token(ada)
    credential = passkey.get(api.options(answer))
    assert api.finish(answer, credential).status_code == 200
    assert outcome(api.finish(answer, credential)) == BAD_TICKET
    assert outcome(api.finish(api.token(ada), credential)) == INVALID
    body = {**api.credentials(ada), "token": credential, "method": "passkey"}
    assert outcome(api.call("2fa/token-verify/", body)) == INVALID


@pytest.mark.parametrize(("seconds", "status"), [(59, 200), (61, 400)])
def test_a_challenge_ends(api, ada, passkey, configure, seconds, status):
    configure(TOKEN_LIFETIME=60)
    with time_machine.travel(time.time(), tick=False) as clock:
        answer = api.token(ada)
        credential = passkey.get(api.options(answer))
        clock.shift(seconds)
        assert api.finish(answer, credential).status_code == status


def test_only_the_newest_challenge_works(api, ada, passkey, configure):
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=60)
    old, new = api.token(ada), api.token(ada)
    assert api.options(old)["challenge"] != api.options(new)["challenge"]
    assert outcome(api.finish(new, passkey.get(api.options(old)))) == INVALID
    assert api.finish(new, passkey.get(api.options(new))).status_code == 200


def test_challenges_of_registration_login_and_step_up_are_none_of_each_other(api, ada, passkey):
    access = api.by_both(ada, passkey).json()["access"]
    registration = api.begin(access).json()["publicKey"]
    step_up = api.options(api.call("2fa/step-up/", access=access))
    alone = api.ask().json()["publicKey"]
    answer = api.token(ada)
    for options in (registration, step_up, alone):
        assert outcome(api.finish(answer, passkey.get(options))) == INVALID
    assert api.finish(answer, passkey.get(api.options(answer))).status_code == 200


def test_a_registration_is_no_proof(api, ada, passkey):
    answer = api.token(ada)
    options = {**api.options(answer), "user": {"id": passkey.handle}, "pubKeyCredParams": [{"alg": -7}]}
    assert outcome(api.finish(answer, passkey.create(options))) == INVALID


def test_the_password_with_a_proof_is_enough(api, ada, passkey):
    credential = passkey.get(api.options(api.token(ada)))
    body = {**api.credentials(ada), "token": credential, "method": "passkey"}
    assert api.call("2fa/token-verify/", body).status_code == 200


def test_a_challenge_that_is_void_is_none(api, ada, passkey):
    """Its nonce is empty, and what is made of that could be known beforehand."""
    answer = api.token(ada)
    row = PasswordlessChallengeToken.objects.get(purpose="second_factor")
    row.nonce = ""
    row.save()
    credential = passkey.get({**api.options(answer), "challenge": text(challenge_of(row))})
    body = {**api.credentials(ada), "token": credential, "method": "passkey"}
    assert outcome(api.call("2fa/token-verify/", body)) == INVALID


# Counters


def test_a_copy_is_refused_and_told(api, ada, passkey, heard, caplog):
    cloned = heard(passkey_cloned)
    assert outcome(api.by_both(ada, passkey, counter=7)) == INVALID
    pk = str(Authenticator.objects.get().pk)
    assert [(one["user"], one["passkey"]) for one in cloned] == [(ada, pk)]
    (line,) = [one for one in caplog.records if getattr(one, "event", "") == "passkey_cloned"]
    assert (line.levelname, line.passkey) == ("WARNING", pk)
    passkey.counter = 7
    assert api.by_both(ada, passkey).status_code == 200


def test_counters_that_stay_zero_tell_nothing(api, ada, heard):
    cloned = heard(passkey_cloned)
    passkey = api.register(api.pair(ada)["access"])
    assert [api.by_both(ada, passkey).status_code for _ in range(2)] == [200, 200]
    assert cloned == []


def test_one_that_begins_to_count_counts_from_then_on(api, ada):
    passkey = api.register(api.pair(ada)["access"])
    assert api.by_both(ada, passkey, counter=1).status_code == 200
    assert outcome(api.by_both(ada, passkey, counter=0)) == INVALID


def test_a_wrong_signature_is_no_copy(api, ada, passkey, heard):
    cloned = heard(passkey_cloned)
    api.by_both(ada, passkey, counter=1, signature=b"x")
    assert cloned == []


def test_the_counter_is_written_if_nobody_has_written_a_higher_one(api, ada, passkey, heard):
    cloned = heard(passkey_cloned)
    answer = api.token(ada)
    credential = passkey.get(api.options(answer))
    with meanwhile("UPDATE", lambda: Authenticator.objects.update(counter=8), Authenticator):
        assert outcome(api.finish(answer, credential)) == INVALID
    assert cloned == []


def test_what_is_known_of_the_backup_is_kept_up_to_date(api, ada):
    passkey = api.register(api.pair(ada)["access"], Passkey(flags=UP | UV | BE))
    assert Authenticator.objects.get().data["synced"] is False
    api.by_both(ada, passkey, flags=UP | UV | BE | BS)
    assert Authenticator.objects.get().data["synced"] is True
    assert outcome(api.by_both(ada, passkey, flags=UP | UV)) == INVALID


# Beside other factors


@pytest.fixture
def both(api, ada, passkey):
    enrol(ada, PHONE)


def test_the_passkey_is_asked_whatever_else_is(api, ada, passkey, both):
    answer = api.token(ada)
    assert answer.json()["methods"] == ["phone", "passkey"]
    assert len(sms.outbox) == 1
    assert api.finish(answer, passkey.get(api.options(answer))).status_code == 200


def test_the_phone_will_do_as_well(api, ada, both, two_factor):
    two_factor(factors=[PASSKEY_FACTOR, PHONE_FACTOR])
    ticket = api.ticket(ada)
    assert not sms.outbox
    assert api.call("2fa/resend/", {"ticket": ticket, "method": "phone"}).status_code == 204
    body = {"ticket": ticket, "token": sent_sms_code(), "method": "phone"}
    assert api.call("2fa/token-verify/", body).status_code == 200


def test_a_passkey_does_not_wait_until_a_message_may_be_sent(api, ada, passkey, both, configure):
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=3600)
    api.token(ada)
    expires_at = PasswordlessChallengeToken.objects.get(purpose="second_factor").expires_at.timestamp()
    with time_machine.travel(expires_at + 60, tick=False):
        answer = api.token(ada)
        assert answer.json()["sent"] is False
        assert api.finish(answer, passkey.get(api.options(answer))).status_code == 200


def test_where_passkeys_are_no_second_factor_nobody_is_asked_for_one(api, ada, passkey, passkeys):
    passkeys(second_factor=False)
    assert api.token(ada).status_code == 200
    assert api.by_passkey(passkey).status_code == 200


# Step-up


def test_a_passkey_finishes_a_step_up(api, ada, passkey):
    access = api.by_both(ada, passkey).json()["access"]
    answer = api.call("2fa/step-up/", access=access)
    pair = api.finish(answer, passkey.get(api.options(answer))).json()
    assert claims(pair["access"])["amr"] == ["pwd", "hwk", "user", "mfa"]


def test_a_session_that_began_by_passkey_rises_by_it(api, ada, passkey):
    access = api.by_passkey(passkey).json()["access"]
    answer = api.call("2fa/step-up/", access=access)
    pair = api.finish(answer, passkey.get(api.options(answer))).json()
    assert claims(pair["access"])["amr"] == ["hwk", "user", "mfa"]


# Where it comes from


@pytest.mark.parametrize("host", ["evil.org", "example.com.evil.org"])
@override_settings(ALLOWED_HOSTS=["*"], USE_X_FORWARDED_HOST=True)
def test_what_the_request_says_of_its_host_changes_nothing(api, ada, passkey, host):
    headers = {"HTTP_HOST": host, "HTTP_X_FORWARDED_HOST": host, "HTTP_ORIGIN": f"https://{host}"}
    answer = api.call("token/", api.credentials(ada), **headers)
    options = api.options(answer)
    assert options["rpId"] == RP_ID
    assert outcome(api.finish(answer, passkey.get(options, client={"origin": f"https://{host}"}), **headers)) == INVALID
    assert outcome(api.finish(answer, passkey.get(options, rp_id=host), **headers)) == INVALID
    assert api.finish(answer, passkey.get(options), **headers).status_code == 200


def test_apps_have_origins_of_their_own(api, ada, passkey, passkeys):
    app = "android:apk-key-hash:" + "x" * 43
    client = {"origin": app}
    assert outcome(api.by_both(ada, passkey, client=client)) == INVALID
    passkeys(origins=["https://example.com", app])
    assert api.by_both(ada, passkey, client=client).status_code == 200


def test_without_a_site_nothing_is_proven(api, ada, passkey, two_factor):
    two_factor(passkey={})
    assert outcome(api.by_both(ada, passkey, client={"origin": ""}, rp_id="")) == INVALID
