"""What somebody tries who holds a passkey, or writes one, that is not what it seems."""

import cbor2
import pytest
import sms
import time_machine
from django.core import signing

from jwt_drf_passwordless.models import Authenticator, PasswordlessChallengeToken
from jwt_drf_passwordless.two_factor.passkey import cbor, webauthn
from jwt_drf_passwordless.two_factor.tickets import SALT
from tests.conftest import sent_code
from tests.test_interleaving import meanwhile
from tests.test_races import crowd
from tests.two_factor.conftest import PHONE, enrol
from tests.two_factor.passkey.authenticator import AT, UP, UV, Passkey
from tests.two_factor.passkey.conftest import PASSKEY_FACTOR, PHONE_FACTOR, PasskeyApi
from tests.two_factor.passkey.test_registration import REAUTHENTICATE
from tests.two_factor.test_email_factor import EMAIL_FACTOR, give_email
from tests.two_factor.test_every_first_factor import BROKEN
from tests.two_factor.test_login import BAD_TICKET, INVALID, claims, outcome
from tests.two_factor.test_several_factors import finish
from tests.two_factor.test_totp import TOTP, give_app

pytestmark = pytest.mark.django_db

__all__ = ["crowd"]


@pytest.fixture
def access(api, ada):
    return api.pair(ada)["access"]


@pytest.fixture
def options(api, access):
    return api.begin(access).json()["publicKey"]


@pytest.fixture
def without_pin(api, access):
    """A key of ada's that has asked for no PIN when it was registered."""
    return api.register(access, Passkey(flags=UP))


#: Flag of extension data.
ED = 0x80


def laughs(levels):
    """A map whose last key is a pair of a pair of a pair ..., shared, so that its hash takes 2 ** levels steps."""
    keys = [b"\xd8\x1c\x82\x01\x01"]
    keys += [b"\xd8\x1c\x82" + 2 * (b"\xd8\x1d" + cbor2.dumps(level)) for level in range(levels - 1)]
    return b"\xb8" + bytes([levels]) + b"".join(key + b"\0" for key in keys)


def test_extensions_that_take_for_ever_to_read_are_refused_unread(api, passkey):
    """Before a signature is looked at: whoever knows the id of any passkey, such as the own, could stop a worker."""
    assert api.by_passkey(passkey, flags=UP | UV | ED, more=laughs(64)).status_code == 400


def test_extensions_of_a_new_passkey_are_refused_unread(api, access, options):
    credential = Passkey().create(options, flags=UP | UV | ED, more=laughs(64))
    assert api.confirm(access, credential).status_code == 400


def test_a_statement_that_takes_for_ever_to_read_is_refused_unread(api, access, options):
    attestation = b"\xa1\x67attStmt" + laughs(64)
    assert api.confirm(access, Passkey().create(options, attestation=attestation)).status_code == 400


def test_nor_can_they_hide_in_a_key_that_is_written_at_greater_length_than_it_needs(api, passkey):
    """The library goes on behind what it would have written itself: here in the midst of the last text of the key."""
    hidden = laughs(64).ljust(8 * 100, b"\0")
    numbers = b"".join(cbor2.dumps(number) + b"\x1b" + bytes(8) for number in range(100))
    key = b"\xb8\x65" + numbers + b"\x20\x59" + len(hidden).to_bytes(2, "big") + hidden
    attested = bytes(16) + (1).to_bytes(2, "big") + b"i" + key
    assert api.by_passkey(passkey, flags=UP | UV | AT | ED, more=attested).status_code == 400


@pytest.mark.parametrize("extensions", [{"credProtect": 2}, {"hmac-secret": True, "list": [None, b"x", {"a": -300}]}])
def test_extensions_as_authenticators_write_them_are_read(api, passkey, extensions):
    assert api.by_passkey(passkey, flags=UP | UV | ED, more=cbor2.dumps(extensions)).status_code == 200


@pytest.mark.parametrize("data", ["c11a00000001", "81d81c00", "9fff", "5f4100ff", "bfff"])
def test_tags_and_open_lengths_are_refused(data):
    with pytest.raises(ValueError, match="CBOR"):
        cbor.ensure_plain(bytes.fromhex(data))


@pytest.mark.parametrize(
    "data", ["1817", "1900ff", "1a0000ffff", "1b00000000ffffffff", "5801ff", "f93c00", "fb3ff0000000000000"]
)
def test_what_would_be_written_at_another_length_is_refused_where_that_matters(data):
    whole = bytes.fromhex(data)
    assert cbor.ensure_plain(whole) == len(whole)
    with pytest.raises(ValueError, match="CBOR"):
        cbor.ensure_plain(whole, shortest=True)


@pytest.mark.parametrize("data", ["1818", "190100", "1a00010000", "1b0000000100000000", "17", "f6", "a2018120200a"])
def test_what_is_written_at_its_least_length_is_not(data):
    whole = bytes.fromhex(data)
    assert cbor.ensure_plain(whole, shortest=True) == len(whole)


#: A number with a tag before it: one byte of it is plain.
TAGGED = b"\xc2\x00"


@pytest.mark.parametrize(
    ("flags", "more"),
    [(ED, TAGGED), (AT, bytes(16) + b"\0\1i" + TAGGED), (AT | ED, bytes(16) + b"\1\0" + bytes(256) + b"\xa0" + TAGGED)],
)
def test_tags_are_found_where_the_flags_say_that_cbor_begins(flags, more):
    data = bytes(32) + bytes([flags]) + bytes(4) + more
    with pytest.raises(ValueError, match="CBOR"):
        cbor.ensure_plain_data(data)
    cbor.ensure_plain_data(data[: -len(TAGGED)] + b"\xa0")


def test_a_pin_that_a_thief_has_set_on_a_stolen_key_is_no_second_factor(api, without_pin):
    assert outcome(api.by_passkey(without_pin, flags=UP | UV)) == INVALID


def test_nor_is_it_one_beside_another(api, ada, without_pin):
    enrol(ada, PHONE)
    answer = api.by_passkey(without_pin, flags=UP | UV)
    assert (answer.status_code, answer.json()["methods"]) == (206, ["phone"])
    assert api.by_passkey(without_pin, flags=UP | UV).status_code == 206


def test_it_is_no_second_factor_where_verification_is_required_since(api, without_pin, passkeys):
    passkeys(user_verification="required")
    assert outcome(api.by_passkey(without_pin, flags=UP | UV)) == INVALID


def test_nor_where_passkeys_are_asked_of_nobody(api, without_pin, passkeys):
    passkeys(second_factor=False)
    assert claims(api.by_passkey(without_pin, flags=UP | UV).json()["access"])["acr"] == "aal1"


def test_a_pin_that_was_proven_after_the_password_is_one_from_then_on(api, ada, without_pin):
    assert api.by_both(ada, without_pin).status_code == 200
    assert outcome(api.by_passkey(without_pin, flags=UP | UV)) == INVALID
    assert api.by_both(ada, without_pin, flags=UP | UV).status_code == 200
    assert api.by_passkey(without_pin, flags=UP | UV).status_code == 200
    assert outcome(api.by_passkey(without_pin)) == INVALID


def test_passkeys_are_counted_when_one_is_stored_too(api, ada, passkey, passkeys):
    """Between the beginning and the end of a registration another one may have ended."""
    passkeys(limit=2)
    access = api.by_both(ada, passkey).json()["access"]
    options = api.begin(access).json()["publicKey"]
    second = Authenticator.objects.get()
    second.pk, second.lookup = None, "of another key"
    second.save()
    assert outcome(api.confirm(access, Passkey().create(options))) == INVALID
    assert Authenticator.objects.count() == 2


@pytest.mark.parametrize("stored", [{}, [], "x", {"id": "aGk", "handle": "aGk", "public_key": "aGk"}])
def test_a_passkey_that_is_stored_by_half_is_broken(api, ada, passkey, stored):
    access = api.by_both(ada, passkey).json()["access"]
    Authenticator.objects.update(data=stored)
    assert outcome(api.token(ada)) == BROKEN
    assert outcome(api.call("2fa/step-up/", access=access)) == BROKEN
    assert outcome(api.begin(access)) == BROKEN
    assert outcome(api.by_passkey(passkey)) == INVALID
    (entry,) = api.send("GET", "2fa/factors/", access=access).json()["factors"]
    assert api.send("DELETE", f"2fa/factors/passkey/{entry['id']}/", access=access).status_code == 204


@pytest.fixture
def beside_phone(ada, passkey, two_factor):
    """The passkey of ada is asked first, her phone where she asks for that."""
    enrol(ada, PHONE)
    two_factor(factors=[PASSKEY_FACTOR, PHONE_FACTOR])


def test_a_ticket_that_is_used_while_a_text_message_is_asked_for_stays_used(api, ada, passkey, beside_phone):
    answer = api.token(ada)
    credential = passkey.get(api.options(answer))
    used = []
    with meanwhile("UPDATE", lambda: used.append(api.finish(answer, credential))):
        asked = api.call("2fa/resend/", {"ticket": answer.json()["ticket"], "method": "phone"})
    assert (used[0].status_code, asked.status_code) == (200, 429)
    assert outcome(api.finish(answer, credential)) == BAD_TICKET
    assert not sms.outbox


def test_a_wrong_try_while_a_text_message_is_asked_for_is_counted(api, ada, passkey, beside_phone):
    answer = api.token(ada)
    with meanwhile("UPDATE", lambda: api.finish(answer, {"id": "x"})):
        api.call("2fa/resend/", {"ticket": answer.json()["ticket"], "method": "phone"})
    assert PasswordlessChallengeToken.objects.get(purpose="second_factor").tries == 1


@pytest.mark.django_db(transaction=True)
def test_of_twelve_that_ask_for_a_text_message_at_once_one_is_texted(api, ada, passkey, beside_phone, crowd, configure):
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=60)
    ticket = api.ticket(ada)
    body = {"ticket": ticket, "method": "phone"}
    statuses = crowd(12).statuses(lambda _, number: PasskeyApi().call("2fa/resend/", body))
    assert statuses == [204] + [429] * 11
    assert len(sms.outbox) == 1


def challenge_in(ticket):
    """What a thief with a stolen key, who needs no browser, reads in a ticket: it is signed, not secret."""
    row = PasswordlessChallengeToken.objects.get(purpose="step_up")
    assert row.nonce in signing.loads(ticket, salt=SALT).values()
    return {"challenge": webauthn.to_text(webauthn.challenge_of(row))}


def test_a_stolen_key_that_began_the_session_removes_no_other_factor(api, ada, without_pin, two_factor):
    """By the key and the mailbox of ada, neither of which is two factors."""
    two_factor(factors=[PASSKEY_FACTOR, TOTP, EMAIL_FACTOR])
    give_email(ada)
    app = give_app(ada)
    answer = api.by_passkey(without_pin)
    ticket = answer.json()["ticket"]
    api.call("2fa/resend/", {"ticket": ticket, "method": "email"})
    access = finish(api, ticket, sent_code(), "email").json()["access"]
    step_up = api.call("2fa/step-up/", access=access).json()
    assert step_up["methods"] == ["totp"]
    body = {"token": without_pin.get(challenge_in(step_up["ticket"])), "method": "passkey"}
    assert outcome(api.send("DELETE", f"2fa/factors/totp/{app.pk}/", body, access)) == INVALID
    assert Authenticator.objects.filter(pk=app.pk).exists()


def test_a_stolen_session_does_not_rise_by_a_passkey_of_the_thief(api, ada, passkeys):
    passkeys(first_factor=False)
    with time_machine.travel(1780315200, tick=False) as clock:
        mine = api.register(api.pair(ada)["access"])
        clock.shift(3600)
        stolen = api.by_both(ada, mine).json()
        clock.shift(60)
        api.register(stolen["access"])
        clock.shift(1200)
        access = api.call("token/refresh/", {"refresh": stolen["refresh"]}).json()["access"]
        answer = api.call("2fa/step-up/", access=access)
        assert (answer.status_code, answer.json()["code"]) == REAUTHENTICATE
        access = api.by_both(ada, mine).json()["access"]
        assert api.call("2fa/step-up/", access=access).status_code == 206


def test_of_two_removals_at_once_one_leaves_the_last_factor_of_who_must_have_one(api, ada, two_factor):
    one = api.register(api.pair(ada)["access"])
    api.register(api.by_passkey(one).json()["access"])
    access = api.by_passkey(one).json()["access"]
    two_factor(required=True)
    routes = [f"2fa/factors/passkey/{row.pk}/" for row in Authenticator.objects.order_by("pk")]
    answers = []

    def other():
        answers.append(api.send("DELETE", routes[1], access=access).status_code)

    with meanwhile("DELETE FROM", other, Authenticator):
        answers.append(api.send("DELETE", routes[0], access=access).status_code)
    assert answers == [204, 403]
    assert Authenticator.objects.exists()
