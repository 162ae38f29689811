"""Registering passkeys: what the browser is asked, what is stored, and every answer that must be refused."""

import json
import time
from hashlib import sha256

import cbor2
import pytest
import time_machine
from django.core import mail
from django.utils.translation import gettext_lazy

from jwt_drf_passwordless.models import Authenticator, PasswordlessChallengeToken
from jwt_drf_passwordless.signals import token_refused
from jwt_drf_passwordless.two_factor.passkey.webauthn import challenge_of
from jwt_drf_passwordless.two_factor.signals import factor_added, factor_removed
from tests.two_factor.conftest import EMAIL, PHONE, enrol
from tests.two_factor.passkey.authenticator import (
    BE,
    BS,
    ORIGIN,
    RP_ID,
    UP,
    UV,
    Ed25519,
    Es256,
    Passkey,
    Rs256,
    data,
    text,
)
from tests.two_factor.test_login import INVALID, outcome

pytestmark = pytest.mark.django_db

REAUTHENTICATE = (403, "reauthentication_required")


@pytest.fixture
def access(api, ada):
    return api.pair(ada)["access"]


@pytest.fixture
def options(api, access):
    return api.begin(access).json()["publicKey"]


def test_what_the_browser_is_asked(api, access, ada):
    answer = api.begin(access)
    body = answer.json()
    options = body["publicKey"]
    assert (answer.status_code, body["method"]) == (200, "passkey")
    challenge, handle = data(options.pop("challenge")), options["user"].pop("id")
    assert (len(challenge), len(data(handle))) == (32, 32)
    assert options == {
        "rp": {"id": RP_ID, "name": RP_ID},
        "user": {"name": EMAIL, "displayName": EMAIL},
        "pubKeyCredParams": [{"type": "public-key", "alg": algorithm} for algorithm in (-8, -7, -257)],
        "timeout": 300000,
        "excludeCredentials": [],
        "authenticatorSelection": {
            "residentKey": "required",
            "requireResidentKey": True,
            "userVerification": "preferred",
        },
        "attestation": "none",
    }


def test_settings_of_the_site_are_told(api, access, passkeys):
    passkeys(rp_name="The Shop", user_verification="required")
    options = api.begin(access).json()["publicKey"]
    assert options["rp"] == {"id": RP_ID, "name": "The Shop"}
    assert options["authenticatorSelection"]["userVerification"] == "required"


def test_the_site_has_its_name_unless_passkeys_have_another(api, access, configure, passkeys):
    configure(SITE_NAME=gettext_lazy("Example"))
    assert api.begin(access).json()["publicKey"]["rp"] == {"id": RP_ID, "name": "Example"}
    passkeys(rp_name="The Shop")
    assert api.begin(access).json()["publicKey"]["rp"] == {"id": RP_ID, "name": "The Shop"}


def test_a_user_without_an_address_is_called_by_name(api, access, ada):
    setattr(ada, ada.get_email_field_name(), "")
    ada.save()
    assert api.begin(access).json()["publicKey"]["user"]["name"] == ada.get_username()


def test_a_passkey_is_registered(api, access, ada, options, heard):
    added = heard(factor_added)
    passkey = Passkey(flags=UP | UV | BE | BS)
    answer = api.confirm(access, passkey.create(options), name="My  phone")
    entry = answer.json()
    assert (answer.status_code, entry.pop("created_at") is None) == (201, False)
    row = Authenticator.objects.get()
    assert entry == {
        "id": str(row.pk),
        "method": "passkey",
        "name": "My phone",
        "last_used_at": None,
        "synced": True,
        "aaguid": "ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4",
        "transports": ["internal", "hybrid"],
    }
    assert [one["factor"] for one in added] == ["passkey"]
    assert mail.outbox[-1].to == [EMAIL]


def test_only_public_data_is_stored(api, access, ada, options):
    passkey = Passkey(counter=7)
    api.confirm(access, passkey.create(options))
    row = Authenticator.objects.get()
    public_key = cbor2.loads(data(row.data.pop("public_key")))
    assert public_key == passkey.signer.cose()
    assert (row.user_id, row.method, row.secret, row.counter, row.name) == (ada.pk, "passkey", "", 7, "Passkey")
    assert row.data == {
        "id": text(passkey.id),
        "handle": options["user"]["id"],
        "backup_eligible": False,
        "synced": False,
        "verified": True,
        "aaguid": "ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4",
        "transports": ["internal", "hybrid"],
    }


@pytest.mark.parametrize("signer", [Es256, Ed25519, Rs256])
def test_every_algorithm_that_is_offered_signs_in(api, ada, access, signer):
    passkey = api.register(access, Passkey(signer()))
    assert api.by_both(ada, passkey).status_code == 200


MUTATIONS = {
    "type": {"client": {"type": "webauthn.get"}},
    "challenge": {"client": {"challenge": text(b"x" * 32)}},
    "no challenge": {"client": {"challenge": ""}},
    "origin": {"client": {"origin": "https://examp1e.com"}},
    "origin of another scheme": {"client": {"origin": "http://example.com"}},
    "origin with a port": {"client": {"origin": "https://example.com:8443"}},
    "origin below": {"client": {"origin": "https://evil.example.com"}},
    "origin that begins alike": {"client": {"origin": "https://example.com.evil.org"}},
    "origins": {"client": {"origin": [ORIGIN]}},
    "crossOrigin": {"client": {"crossOrigin": True}},
    "crossOrigin as a text": {"client": {"crossOrigin": "false"}},
    "topOrigin": {"client": {"topOrigin": ORIGIN}},
    "client data are a list": {"client_bytes": b"[]"},
    "client data are no JSON": {"client_bytes": b"{"},
    "client data are nested": {"client_bytes": b"[" * 3000},
    "rpIdHash": {"rp_id": "examp1e.com"},
    "nobody present": {"flags": UV},
    "backed up, though it cannot be": {"flags": UP | UV | BS},
    "no attested data": {"cut": 37},
    "flags without attested data": {"cut": 37, "flags": UP},
    "truncated key": {"cut": -1},
    "truncated head": {"cut": 36},
    "bytes too many": {"more": b"\0"},
    "algorithm that was not offered": {"cose": {3: -35}},
    "algorithm with SHA-1": {"cose": {3: -65535}},
    "unknown algorithm": {"cose": {3: 12345}},
    "unknown kind of key": {"cose": {1: 99}},
    "key without a coordinate": {"cose": {-2: b""}},
    "unknown format": {"fmt": "unknown"},
    "format without its statement": {"fmt": "packed"},
    "none with a statement": {"statement": {"sig": b"x", "alg": -7}},
    "attestation is no CBOR": {"attestation": b"\xff\xff"},
    "attestation is empty": {"attestation": b""},
    "attestation is a number": {"attestation": b"\x01"},
    "attestation is nested": {"attestation": b"\x81" * 3000},
    "attestation is endless": {"attestation": b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff"},
    "another id": {"credential": {"id": text(b"another"), "rawId": text(b"another")}},
    "ids differ": {"credential": {"rawId": text(b"another")}},
    "id is a number": {"credential": {"id": 1}},
    "id is no base64": {"credential": {"id": "ä"}},
    "type of the credential": {"credential": {"type": "password"}},
    "no response": {"credential": {"response": None}},
    "attachment": {"credential": {"authenticatorAttachment": "x"}},
}


@pytest.mark.parametrize("changes", MUTATIONS.values(), ids=MUTATIONS)
def test_one_wrong_part_is_refused(api, access, options, changes):
    assert outcome(api.confirm(access, Passkey().create(options, **changes))) == INVALID
    assert not Authenticator.objects.exists()


@pytest.mark.parametrize(
    "token", ["123456", {}, {"id": "aGk"}, {"id": "aGk", "response": []}, {"id": [], "response": {}}]
)
def test_what_is_no_credential_is_refused(api, access, options, token):
    assert outcome(api.confirm(access, token)) == INVALID


@pytest.mark.parametrize("algorithm", [-37, -258, -259], ids=["PS256", "RS384", "RS512"])
def test_an_algorithm_that_was_not_offered_is_refused(api, access, options, algorithm):
    assert outcome(api.confirm(access, Passkey(Rs256()).create(options, cose={3: algorithm}))) == INVALID


@pytest.mark.parametrize("other", [{"purpose": "b"}, {"key": "b"}, {"nonce": "b"}], ids=str)
def test_a_challenge_is_bound_to_purpose_key_and_nonce(other):
    same = {"purpose": "a", "key": "a", "nonce": "a"}
    rows = [PasswordlessChallengeToken(**values) for values in (same, same, {**same, **other})]
    first, second, third = map(challenge_of, rows)
    assert first == second != third


def test_an_id_that_is_too_long_is_refused(api, access, options):
    assert outcome(api.confirm(access, Passkey(id=b"x" * 1024).create(options))) == INVALID


def test_without_verification_of_the_user_it_is_refused_where_that_is_required(api, access, options, passkeys):
    passkeys(user_verification="required")
    passkey = Passkey()
    assert outcome(api.confirm(access, passkey.create(options, flags=UP))) == INVALID
    assert api.confirm(access, passkey.create(options)).status_code == 201


def test_elsewhere_it_is_not(api, access, options):
    assert api.confirm(access, Passkey(flags=UP).create(options)).status_code == 201


def test_one_that_attests_itself_is_taken(api, access, options):
    """Browsers pass the statement on where it tells nothing about the device."""
    passkey = Passkey()
    credential = passkey.create(options)
    attestation = cbor2.loads(data(credential["response"]["attestationObject"]))
    signed = attestation["authData"] + sha256(data(credential["response"]["clientDataJSON"])).digest()
    statement = {"alg": -7, "sig": passkey.signer.sign(signed)}
    again = passkey.create(options, fmt="packed", statement=statement)
    forged = {"alg": -7, "sig": passkey.signer.sign(b"something else")}
    assert outcome(api.confirm(access, passkey.create(options, fmt="packed", statement=forged))) == INVALID
    assert api.confirm(access, again).status_code == 201


@pytest.mark.parametrize(
    ("given", "kept"),
    [([], []), (["usb", "usb", "telepathy", 1, None, {}], ["usb"]), ("usb", []), ({"usb": 1}, []), (None, [])],
    ids=str,
)
def test_ways_to_reach_it_are_the_known_ones(api, access, options, given, kept):
    answer = api.confirm(access, Passkey().create(options, response={"transports": given}))
    assert answer.json()["transports"] == kept


def test_a_challenge_works_once(api, access, options, passkeys):
    passkeys(second_factor=False)  # or the next step needs a new login
    assert api.confirm(access, Passkey().create(options)).status_code == 201
    assert outcome(api.confirm(access, Passkey().create(options))) == INVALID


def test_only_the_newest_challenge_works(api, access, options):
    newer = api.begin(access).json()["publicKey"]
    assert outcome(api.confirm(access, Passkey().create(options))) == INVALID
    assert api.confirm(access, Passkey().create(newer)).status_code == 201


def test_a_challenge_ends(api, access, options, configure):
    credential = Passkey().create(options)
    PasswordlessChallengeToken.objects.update(expires_at=PasswordlessChallengeToken.objects.get().next_send_at)
    assert outcome(api.confirm(access, credential)) == INVALID


def test_a_challenge_is_its_users(api, person, access, options):
    other = api.pair(person(email="eve@example.com"))["access"]
    api.begin(other)
    assert outcome(api.confirm(other, Passkey().create(options))) == INVALID


def test_a_challenge_of_a_login_is_none_of_a_registration(api, access, options):
    login = api.ask().json()["publicKey"]
    assert outcome(api.confirm(access, Passkey().create({**options, "challenge": login["challenge"]}))) == INVALID


def test_a_proof_is_no_registration(api, access, options):
    assert outcome(api.confirm(access, Passkey().get(options))) == INVALID


def test_five_wrong_answers_end_a_challenge(api, access, options):
    for _ in range(5):
        api.confirm(access, Passkey().create(options, rp_id="x"))
    assert outcome(api.confirm(access, Passkey().create(options))) == INVALID


def test_a_challenge_that_is_void_matches_nothing(api, access, options):
    PasswordlessChallengeToken.objects.update(nonce="")
    row = PasswordlessChallengeToken.objects.get()
    forged = {**options, "challenge": text(challenge_of(row))}
    assert outcome(api.confirm(access, Passkey().create(forged))) == INVALID


def test_a_passkey_belongs_to_one_account(api, ada, person, access, heard):
    refused = heard(token_refused)
    passkey = api.register(access)
    eve = person(email="eve@example.com")
    theirs = api.pair(eve)["access"]
    credential = Passkey(id=passkey.id).create(api.begin(theirs).json()["publicKey"])
    assert outcome(api.confirm(theirs, credential)) == INVALID
    assert [one["reason"] for one in refused] == ["taken"]
    assert Authenticator.objects.get().user_id == ada.pk


def test_a_passkey_cannot_be_registered_twice(api, ada, access):
    passkey = api.register(access)
    access = api.by_both(ada, passkey).json()["access"]
    options = api.begin(access).json()["publicKey"]
    assert options["excludeCredentials"] == [
        {"type": "public-key", "id": text(passkey.id), "transports": ["internal", "hybrid"]}
    ]
    assert outcome(api.confirm(access, passkey.create(options))) == INVALID


def test_all_passkeys_of_an_account_have_one_handle(api, ada, access):
    first = api.register(access)
    access = api.by_both(ada, first).json()["access"]
    second = api.register(access)
    assert first.handle == second.handle
    assert {row.data["handle"] for row in Authenticator.objects.all()} == {first.handle}


def test_handles_are_not_made_of_the_account(api, ada, access):
    """After the last passkey is gone, the next one begins with a new handle."""
    first = api.register(access)
    access = api.by_both(ada, first).json()["access"]
    api.send("DELETE", f"2fa/factors/passkey/{Authenticator.objects.get().pk}/", access=access)
    assert api.register(access).handle != first.handle


def test_one_that_was_begun_under_a_handle_that_is_gone_is_refused(api, ada, access):
    first = api.register(access)
    access = api.by_both(ada, first).json()["access"]
    options = api.begin(access).json()["publicKey"]
    api.send("DELETE", f"2fa/factors/passkey/{Authenticator.objects.get().pk}/", access=access)
    assert outcome(api.confirm(access, Passkey().create(options))) == INVALID


def test_a_user_has_so_many_at_most(api, ada, access, passkeys):
    passkeys(limit=2)
    passkey = api.register(access)
    access = api.by_both(ada, passkey).json()["access"]
    assert "passkey" in api.send("GET", "2fa/factors/", access=access).json()["available"]
    api.register(access)
    assert "passkey" not in api.send("GET", "2fa/factors/", access=access).json()["available"]
    answer = api.begin(access)
    assert (answer.status_code, answer.json()["code"]) == (400, "factor_unavailable")


def test_one_too_many_that_was_begun_before_the_last_is_refused(api, ada, access, passkeys, heard):
    refused = heard(token_refused)
    first = api.register(access)
    access = api.by_both(ada, first).json()["access"]
    options = api.begin(access).json()["publicKey"]
    passkeys(limit=1)
    assert outcome(api.confirm(access, Passkey().create(options))) == INVALID
    assert [one["reason"] for one in refused] == ["too_many"]


# What it needs


def code(answer):
    return answer.status_code, answer.json()["code"]


def test_the_first_passkey_needs_a_fresh_login(api, ada):
    pair = api.pair(ada)
    credential = Passkey().create(api.begin(pair["access"]).json()["publicKey"])
    with time_machine.travel(time.time() + 301, tick=False):
        access = api.call("token/refresh/", {"refresh": pair["refresh"]}).json()["access"]
        assert code(api.begin(access)) == code(api.confirm(access, credential)) == REAUTHENTICATE


def test_further_ones_need_the_second_factor(api, ada, access, passkey):
    assert code(api.begin(access)) == REAUTHENTICATE
    assert code(api.confirm(access, Passkey().create({"challenge": "", "user": {"id": ""}}, cut=1))) == REAUTHENTICATE


def test_a_phone_protects_passkeys(api, ada, access):
    enrol(ada, PHONE)
    assert code(api.begin(access)) == REAUTHENTICATE


def test_nobody_registers_for_nobody(api):
    assert api.begin("").status_code == 401


# Afterwards


def test_it_can_be_renamed(api, ada, passkey):
    access = api.by_both(ada, passkey).json()["access"]
    pk = Authenticator.objects.get().pk
    assert api.send("PATCH", f"2fa/factors/passkey/{pk}/", {"name": "Blue key"}, access).status_code == 200
    (entry,) = api.send("GET", "2fa/factors/", access=access).json()["factors"]
    assert (entry["name"], entry["last_used_at"] is None) == ("Blue key", False)


def test_it_can_be_removed(api, ada, passkey, heard):
    removed = heard(factor_removed)
    access = api.by_both(ada, passkey).json()["access"]
    pk = Authenticator.objects.get().pk
    assert api.send("DELETE", f"2fa/factors/passkey/{pk}/", access=access).status_code == 204
    assert api.token(ada).status_code == 200
    assert api.by_passkey(passkey).status_code == 400
    assert [one["factor"] for one in removed] == ["passkey"]


def test_its_removal_needs_a_fresh_proof(api, access, passkey):
    pk = Authenticator.objects.get().pk
    assert code(api.send("DELETE", f"2fa/factors/passkey/{pk}/", access=access)) == REAUTHENTICATE


def test_a_proof_of_its_own_will_do(api, ada, passkey):
    access = api.by_both(ada, passkey).json()["access"]
    pk = Authenticator.objects.get().pk
    options = api.options(api.call("2fa/step-up/", access=access))
    answer = api.send("DELETE", f"2fa/factors/passkey/{pk}/", {"token": passkey.get(options)}, access)
    assert answer.status_code == 204


def test_the_last_one_stays_where_one_is_required(api, ada, passkey, two_factor):
    access = api.by_both(ada, passkey).json()["access"]
    two_factor(required=True)
    pk = Authenticator.objects.get().pk
    assert code(api.send("DELETE", f"2fa/factors/passkey/{pk}/", access=access)) == (
        403,
        "second_factor_enrolment_required",
    )


def test_passkeys_that_are_no_second_factor_do_not_count_as_one(api, ada, passkey, passkeys, two_factor):
    passkeys(second_factor=False)
    two_factor(required=True)
    enrol(ada, PHONE)
    access = api.pair(ada)["access"]
    pk = Authenticator.objects.get().pk
    assert code(api.send("DELETE", "2fa/phone/", access=access))[1] == "second_factor_enrolment_required"
    assert api.send("DELETE", f"2fa/factors/passkey/{pk}/", access=access).status_code == 204


def test_a_user_who_must_have_one_begins_with_a_passkey(api, ada, two_factor):
    two_factor(required=True)
    token = api.token(ada).json()["enrolment_token"]
    passkey = api.register(token)
    assert api.by_both(ada, passkey).status_code == 200


def test_a_browser_that_says_nothing_of_frames_is_believed(api, access, options):
    client = {"type": "webauthn.create", "challenge": options["challenge"], "origin": ORIGIN}
    response = {"clientDataJSON": text(json.dumps(client).encode())}
    assert api.confirm(access, Passkey().create(options, response=response)).status_code == 201


def test_the_longest_id_of_the_standard_is_taken(api, access, options):
    assert api.confirm(access, Passkey(id=b"x" * 1023).create(options)).status_code == 201
