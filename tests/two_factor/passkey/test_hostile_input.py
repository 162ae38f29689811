"""Whatever bytes a client sends, the answer is a refusal and never a crash."""

import copy
import json

import cbor2
import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as some

from jwt_drf_passwordless.models import PasswordlessChallengeToken
from jwt_drf_passwordless.two_factor.passkey import webauthn
from tests.two_factor.passkey.authenticator import AT, UP, UV, Passkey, data, text

pytestmark = pytest.mark.django_db

ROW = PasswordlessChallengeToken(purpose="passkey_login", key="k" * 64, nonce="n" * 22)
CHALLENGE = {"challenge": text(webauthn.challenge_of(ROW))}
OPTIONS = {**CHALLENGE, "user": {"id": "aGFuZGxl"}, "pubKeyCredParams": [{"alg": -7}]}
KEY = Passkey()
NEW = KEY.create(OPTIONS)
PROOF = KEY.get(CHALLENGE)
PUBLIC_KEY = cbor2.dumps(KEY.signer.cose())

json_values = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(),
    lambda children: some.lists(children) | some.dictionaries(some.text(), children),
    max_leaves=5,
)
places = some.sampled_from(
    [("id",), ("rawId",), ("type",), ("response",), ("authenticatorAttachment",)]
    + [
        ("response", name)
        for name in (
            *("clientDataJSON", "authenticatorData", "signature", "userHandle"),
            *("attestationObject", "transports"),
        )
    ]
)
often = hypothesis_settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def verdicts(new, proof):
    """What the answers prove: a registration, and a login."""
    read = [webauthn.read(json.dumps(one)) for one in (new, proof)]
    return (
        read[0] and webauthn.verify_registration(read[0], ROW),
        read[1] and webauthn.verify_assertion(read[1], ROW, PUBLIC_KEY),
    )


def changed(whole, place, value):
    whole = copy.deepcopy(whole)
    part = whole
    for step in place[:-1]:
        part = part[step]
    part[place[-1]] = value
    return whole


def test_the_examples_are_good():
    assert all(verdicts(NEW, PROOF))


@often
@given(places, json_values)
def test_any_json_in_any_place(place, value):
    for verdict in verdicts(changed(NEW, place, value), changed(PROOF, place, value)):
        assert verdict is None or isinstance(verdict, webauthn.Verified)


@often
@given(places, some.binary(max_size=300))
def test_any_bytes_in_any_place(place, value):
    for verdict in verdicts(changed(NEW, place, text(value)), changed(PROOF, place, text(value))):
        assert verdict is None or isinstance(verdict, webauthn.Verified)


@often
@given(some.binary(max_size=200))
@example(b"\xa1" * 500)
@example(b"\x9f" * 500)
@example(b"\xc2\x5a\x7f\xff\xff\xff")  # a number of two thousand million bytes
@example(b"\xc4\x82\x1a\x7f\xff\xff\xff\x01")  # ten to that power
@example(b"\xd8\x1c\x81\xd8\x1d\x00")  # a list that contains itself
@example(b"\xd8\x1e\x82\x01\x00")  # one divided by nothing
@example(b"\xd8\x23\x66(a+)+$")  # a pattern
def test_any_cbor_as_attested_key(garbage):
    """As the head of a real one, in a registration and in a proof, before anything is signed."""
    auth_data = KEY._auth_data(AT, KEY.id.rjust(16 + 2 + 32, b"\0") + garbage, {"flags": UP | UV})
    statement = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": auth_data})
    new = changed(NEW, ("response", "attestationObject"), text(statement))
    proof = changed(PROOF, ("response", "authenticatorData"), text(auth_data))
    assert verdicts(new, proof) == (None, None)


@often
@given(some.binary(max_size=200))
def test_any_attestation_object(garbage):
    head = data(NEW["response"]["attestationObject"])
    new = changed(NEW, ("response", "attestationObject"), text(head[: len(garbage)] + garbage))
    assert verdicts(new, {}) == (None, None)


@often
@given(json_values)
def test_any_json_is_read_or_not(value):
    assert isinstance(webauthn.read(json.dumps(value)), webauthn.Answer | None)


@pytest.mark.parametrize("fmt", ["packed", "tpm", "android-key", "android-safetynet", "fido-u2f", "apple"])
@pytest.mark.parametrize(
    "statement",
    [
        {},
        {"alg": -7, "sig": b"x", "x5c": [b"x"]},
        {"alg": -7, "sig": b"x", "x5c": []},
        {"ver": "2.0", "alg": -257, "x5c": [b"\x30\x80"], "sig": b"", "certInfo": b"x", "pubArea": b"x"},
        {"ver": "1", "response": b"a.b.c"},
        {"ver": 1, "response": b"e30.e30.e30"},
    ],
    ids=["empty", "no certificate", "no chain", "tpm", "jws", "jws of objects"],
)
def test_statements_that_are_broken_are_refused(fmt, statement):
    new = KEY.create(OPTIONS, fmt=fmt, statement=statement)
    assert verdicts(new, {}) == (None, None)
