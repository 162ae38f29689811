"""Tokens as SimpleJWT is told to sign them: by two keys, for an audience, in the name of an issuer."""

import json

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings as django_settings
from rest_framework_simplejwt import settings as jwt_settings
from rest_framework_simplejwt import state
from rest_framework_simplejwt.backends import TokenBackend

from jwt_drf_passwordless.models import Session
from tests.external_2fa.test_vonage import KEY, PEM
from tests.sessions.conftest import GONE, claims, outcome
from tests.two_factor.conftest import two_factor

pytestmark = pytest.mark.django_db

__all__ = ["two_factor"]

#: What everybody may know of a site that signs by RS256.
PUBLIC = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
ISSUER, AUDIENCE = "https://login.example", "shop"


@pytest.fixture
def signing(settings, monkeypatch):
    """Sign and read tokens by these keys of `SIMPLE_JWT`; SimpleJWT itself looks at them when it is imported only."""

    def choose(**keys):
        settings.SIMPLE_JWT = keys
        now = jwt_settings.api_settings
        backend = TokenBackend(now.ALGORITHM, now.SIGNING_KEY, now.VERIFYING_KEY, now.AUDIENCE, now.ISSUER)
        monkeypatch.setattr(state, "token_backend", backend)

    return choose


@pytest.fixture
def _by_two_keys(signing):
    signing(ALGORITHM="RS256", SIGNING_KEY=PEM, VERIFYING_KEY=PUBLIC.decode())


@pytest.fixture
def _for_the_shop(signing):
    signing(ISSUER=ISSUER, AUDIENCE=AUDIENCE)


@pytest.fixture(params=["with sessions", "without"])
def _with_and_without(request, configure):
    if request.param == "without":
        configure(SESSIONS=None)


def by_the_public_key(token):
    """The claims of a token under an HMAC whose key is the public one (RFC 8725 section 2.1). PyJWT makes none."""
    header = {"alg": "HS256", "typ": "JWT"}
    signed = b".".join(jwt.utils.base64url_encode(json.dumps(part).encode()) for part in (header, claims(token)))
    signature = jwt.get_algorithm_by_name("HS256").sign(signed, PUBLIC)
    return b".".join([signed, jwt.utils.base64url_encode(signature)]).decode()


def with_claims(token, changes):
    """A token under our key with other claims, None for none."""
    changed = {name: value for name, value in {**claims(token), **changes}.items() if value is not None}
    return jwt.encode(changed, django_settings.SECRET_KEY, algorithm="HS256")


def statuses(api, access):
    """What two guarded routes of ours and a view of the project answer to a bearer."""
    ours = [api.send("GET", route, access=access).status_code for route in ("2fa/factors/", "2fa/phone/")]
    return [*ours, api.whoami(access)]


# Two keys


@pytest.mark.usefixtures("_by_two_keys", "_with_and_without")
def test_who_knows_the_public_key_can_sign_no_token(api, ada):
    pair = api.log_in()
    assert [jwt.get_unverified_header(token)["alg"] for token in pair.values()] == ["RS256"] * 2
    refresh, access = by_the_public_key(pair["refresh"]), by_the_public_key(pair["access"])
    assert claims(access) == claims(pair["access"])

    assert outcome(api.refresh(refresh)) == GONE
    assert outcome(api.call("token/verify/", {"token": access})) == GONE
    assert statuses(api, access) == [401] * 3

    assert statuses(api, pair["access"]) == [200] * 3
    assert outcome(api.refresh(pair["refresh"])) == (200, None)


@pytest.mark.usefixtures("_by_two_keys")
def test_who_knows_the_public_key_can_end_no_session(api, ada):
    pair = api.log_in()
    assert api.log_out(by_the_public_key(pair["refresh"])).status_code == 204
    assert Session.objects.count() == 1


@pytest.mark.usefixtures("_by_two_keys")
def test_who_knows_the_public_key_can_sign_no_token_to_enrol(api, person, two_factor):
    two_factor(required=True)
    token = api.token(person()).json()["enrolment_token"]
    assert outcome(api.send("GET", "2fa/factors/", access=by_the_public_key(token))) == GONE
    assert api.send("GET", "2fa/factors/", access=token).status_code == 200


# Issuer and audience


@pytest.mark.usefixtures("_for_the_shop", "_with_and_without")
def test_every_token_names_issuer_and_audience(api, ada):
    pair = api.log_in()
    refreshed = api.refresh(pair["refresh"]).json()
    for token in (*pair.values(), *refreshed.values()):
        assert (claims(token)["iss"], claims(token)["aud"]) == (ISSUER, AUDIENCE)
    assert statuses(api, refreshed["access"]) == [200] * 3


@pytest.mark.usefixtures("_for_the_shop", "_with_and_without")
@pytest.mark.parametrize("changes", [{"aud": "forum"}, {"aud": None}, {"iss": "https://other.example"}, {"iss": None}])
def test_a_token_for_another_audience_or_by_another_issuer_is_not_valid(api, ada, changes):
    pair = api.log_in()
    assert outcome(api.refresh(with_claims(pair["refresh"], changes))) == GONE
    assert outcome(api.call("token/verify/", {"token": with_claims(pair["access"], changes)})) == GONE
    assert statuses(api, with_claims(pair["access"], changes)) == [401] * 3

    assert statuses(api, with_claims(pair["access"], {})) == [200] * 3
    assert outcome(api.refresh(with_claims(pair["refresh"], {}))) == (200, None)


@pytest.mark.usefixtures("_for_the_shop")
def test_a_token_to_enrol_names_them_too(api, person, two_factor):
    two_factor(required=True)
    token = api.token(person()).json()["enrolment_token"]
    assert (claims(token)["iss"], claims(token)["aud"]) == (ISSUER, AUDIENCE)
    assert outcome(api.send("GET", "2fa/factors/", access=with_claims(token, {"aud": "forum"}))) == GONE
    assert api.send("GET", "2fa/factors/", access=with_claims(token, {})).status_code == 200
