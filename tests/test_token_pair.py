"""The SimpleJWT pair that a login answers: its claims, what a project can change, what is refused."""

from datetime import datetime, timedelta, timezone

import jwt
import pytest
import time_machine
from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from rest_framework_simplejwt.serializers import TokenObtainPairSerializer

from jwt_drf_passwordless.token_response import PasswordlessJwtRefreshTokenResponse
from tests.conftest import sent_code
from tests.test_neutral_answers import BY_EMAIL, each_way

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=timezone.utc)
NOW_SECONDS = 1772366400


@pytest.fixture
def log_in(api, make_user):
    """Sign a user in and return the answer."""

    def run(way=BY_EMAIL):
        make_user(**way.held(way.known))
        way.request(api, way.known)
        return way.exchange(api, way.known, way.last_code())

    return run


@pytest.fixture
def whoami(api):
    """The status of the project's protected view for a bearer."""
    return lambda token: api.client.get("/whoami/", headers={"Authorization": f"Bearer {token}"}).status_code


@pytest.fixture
def refresh(api):
    """The answer of SimpleJWT's refresh view."""
    return lambda token: api.client.post("/token/refresh/", {"refresh": token}, content_type="application/json")


def _claims(token):
    """The claims as any other holder of the key reads them."""
    return jwt.decode(token, django_settings.SECRET_KEY, algorithms=["HS256"])


def _evidence(token):
    return {name: _claims(token)[name] for name in ("amr", "auth_time", "acr")}


@pytest.mark.parametrize("kind", ["refresh", "access"])
@each_way
def test_the_tokens_say_how_and_when_the_user_signed_in(log_in, way, kind):
    with time_machine.travel(NOW, tick=False):
        pair = log_in(way).json()

        assert _evidence(pair[kind]) == {
            "amr": {"email": ["otp"], "mobile": ["otp", "sms"]}[way.name],
            "auth_time": NOW_SECONDS,
            "acr": "aal1",
        }


@each_way
def test_the_claims_survive_a_refresh_hours_later(log_in, refresh, way):
    with time_machine.travel(NOW, tick=False) as clock:
        token = log_in(way).json()["refresh"]
        clock.shift(timedelta(hours=5))

        access = refresh(token).json()["access"]

        assert _evidence(access) == {
            "amr": {"email": ["otp"], "mobile": ["otp", "sms"]}[way.name],
            "auth_time": NOW_SECONDS,
            "acr": "aal1",
        }
        assert _claims(access)["exp"] > NOW_SECONDS + 5 * 3600


@pytest.mark.parametrize("kind", ["refresh", "access"])
@each_way
def test_the_tokens_hold_nothing_personal(log_in, way, kind):
    claims = _claims(log_in(way).json()[kind])

    assert claims.keys() == {"token_type", "exp", "iat", "jti", "user_id", "amr", "auth_time", "acr"}
    assert way.known not in str(claims)


def test_the_tokens_name_the_user_and_their_own_kind(log_in):
    pair = log_in().json()
    user = get_user_model()._default_manager.get()

    assert {kind: _claims(pair[kind])["user_id"] for kind in pair} == {
        "refresh": str(user.pk),
        "access": str(user.pk),
    }
    assert {kind: _claims(pair[kind])["token_type"] for kind in pair} == {"refresh": "refresh", "access": "access"}
    assert _claims(pair["refresh"])["jti"] != _claims(pair["access"])["jti"]


def test_the_pair_opens_a_protected_view_and_can_be_refreshed(log_in, whoami, refresh):
    pair = log_in().json()

    assert whoami(pair["access"]) == 200
    assert whoami(refresh(pair["refresh"]).json()["access"]) == 200


@pytest.mark.parametrize("update", [False, True])
def test_the_last_login_is_written_where_simplejwt_is_told_to(log_in, settings, update):
    settings.SIMPLE_JWT = {"UPDATE_LAST_LOGIN": update}

    assert log_in().status_code == 200

    user = get_user_model()._default_manager.get()
    assert (user.last_login is not None) is update


class TenantTokens(TokenObtainPairSerializer):
    """A project's own claims."""

    @classmethod
    def get_token(cls, user):
        token = super().get_token(user)
        token["tenant"] = "north"
        token["amr"] = ["pwd"]
        return token


def test_the_claims_of_the_projects_obtain_serializer_are_in_both_tokens(log_in, settings):
    settings.SIMPLE_JWT = {"TOKEN_OBTAIN_SERIALIZER": "tests.test_token_pair.TenantTokens"}

    pair = log_in().json()

    assert {kind: _claims(pair[kind])["tenant"] for kind in pair} == {"refresh": "north", "access": "north"}


def test_how_the_user_signed_in_is_not_taken_from_the_projects_obtain_serializer(log_in, settings):
    settings.SIMPLE_JWT = {"TOKEN_OBTAIN_SERIALIZER": "tests.test_token_pair.TenantTokens"}

    assert _evidence(log_in().json()["access"])["amr"] == ["otp"]


class PairWithUser(PasswordlessJwtRefreshTokenResponse):
    """A project's answer: one claim and one key more."""

    @classmethod
    def get_token(cls, user):
        token = super().get_token(user)
        token["plan"] = "free"
        return token

    @classmethod
    def generate_auth_token(cls, user):
        return {**super().generate_auth_token(user), "user": str(user.pk)}


@each_way
def test_a_project_adds_a_key_and_a_claim_to_the_answer(log_in, configure, way):
    configure(SERIALIZERS={"passwordless_token_response_class": "tests.test_token_pair.PairWithUser"})

    answer = log_in(way).json()

    assert answer.keys() == {"refresh", "access", "user"}
    assert answer["user"] == str(get_user_model()._default_manager.get().pk)
    assert _claims(answer["access"])["plan"] == "free"
    assert _claims(answer["access"])["acr"] == "aal1"


class SessionKey:
    """A project's answer that is no pair at all."""

    @classmethod
    def generate_auth_token(cls, user):
        return {"session": f"of {user.pk}"}


@each_way
def test_a_project_replaces_the_answer_by_a_class_with_one_method(log_in, configure, way):
    configure(SERIALIZERS={"passwordless_token_response_class": "tests.test_token_pair.SessionKey"})

    assert log_in(way).json() == {"session": f"of {get_user_model()._default_manager.get().pk}"}


def test_a_refresh_token_is_no_bearer(log_in, whoami):
    assert whoami(log_in().json()["refresh"]) == 401


def test_an_access_token_is_not_refreshed(log_in, refresh):
    assert refresh(log_in().json()["access"]).status_code == 401


def test_the_code_and_the_links_token_are_no_bearers(api, make_user, whoami):
    make_user(email="ada@example.com")
    api.request_email("ada@example.com")

    assert whoami(sent_code()) == 401
    assert whoami("a" * 64) == 401


OTHER_KEY = "a key of the attacker, as long as the one of the server is"


def _unsigned(claims):
    return jwt.encode(claims, None, algorithm="none")


def _signed_with_another_key(claims):
    return jwt.encode(claims, OTHER_KEY, algorithm="HS256")


def _signed_with_an_embedded_key(claims):
    header = {"jwk": {"kty": "oct", "k": jwt.utils.base64url_encode(OTHER_KEY.encode()).decode()}}
    return jwt.encode(claims, OTHER_KEY, algorithm="HS256", headers=header)


def _signed_with_a_remote_key(claims):
    return jwt.encode(claims, OTHER_KEY, algorithm="HS256", headers={"jku": "https://evil.example/k", "kid": "1"})


def _with_a_critical_extension(claims):
    """RFC 7515 section 4.1.11; older PyJWT ignored it (CVE-2026-32597). Signed by hand: PyJWT makes none."""
    header = {"alg": "HS256", "typ": "JWT", "crit": ["exp-policy"], "exp-policy": "strict"}
    parts = [jwt.utils.base64url_encode(jwt.api_jws.json.dumps(part).encode()) for part in (header, claims)]
    algorithm = jwt.get_algorithm_by_name("HS256")
    signature = algorithm.sign(b".".join(parts), algorithm.prepare_key(django_settings.SECRET_KEY))
    return b".".join([*parts, jwt.utils.base64url_encode(signature)]).decode()


@pytest.mark.parametrize(
    "forge",
    [
        _unsigned,
        _signed_with_another_key,
        _signed_with_an_embedded_key,
        _signed_with_a_remote_key,
        _with_a_critical_extension,
    ],
)
def test_a_forged_access_token_is_refused(log_in, whoami, forge):
    access = log_in().json()["access"]
    assert whoami(access) == 200

    assert whoami(forge(_claims(access))) == 401
