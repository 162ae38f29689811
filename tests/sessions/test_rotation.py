"""A refresh token works once: what its successor is, what a second use does, and when a session ends by itself."""

import logging
import uuid

import pytest
from django.core.cache import cache
from django.dispatch import receiver
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.serializers import TokenObtainPairSerializer, TokenRefreshSerializer
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken
from rest_framework_simplejwt.utils import get_md5_hash_password

from jwt_drf_passwordless.models import Session
from jwt_drf_passwordless.sessions.serializers import SessionTokenRefreshSerializer
from jwt_drf_passwordless.sessions.services import end_sessions
from jwt_drf_passwordless.sessions.signals import session_replayed, sessions_ended
from tests.conftest import SCAN
from tests.sessions.conftest import ADA, DAY, GONE, claims, outcome, session_of

pytestmark = pytest.mark.django_db

CLAIMS = {"token_type", "exp", "iat", "jti", "user_id", "amr", "auth_time", "acr", "sid"}


class CustomObtainSerializer(TokenObtainPairSerializer):
    """A project's: one more claim, and that of `CHECK_REVOKE_TOKEN`."""

    @classmethod
    def get_token(cls, user):
        token = super().get_token(user)
        token["tenant"] = "acme"
        token["hash_password"] = get_md5_hash_password(user.password)
        return token


class ListedToken(RefreshToken):
    """A refresh token with a blacklist of the project's own."""

    listed = set()

    def check_blacklist(self):
        if self["jti"] in self.listed:
            raise TokenError("Token is listed")

    def blacklist(self):
        self.listed.add(self["jti"])


class ProjectSerializer(SessionTokenRefreshSerializer):
    token_class = ListedToken

    def validate(self, attrs):
        return {**super().validate(attrs), "hello": "world"}


class ForeignSerializer(TokenRefreshSerializer):
    """Knows no sessions."""


def test_tokens_hold_what_is_needed_and_nothing_else(api, ada):
    pair = api.log_in()
    answer = api.refresh(pair["refresh"])
    for token in (*pair.values(), *answer.json().values()):
        assert claims(token).keys() == CLAIMS
        assert uuid.UUID(claims(token)["sid"]) == Session.objects.get().pk


def test_a_refresh_answers_a_new_pair_of_the_same_session(api, ada, clock):
    first = api.log_in()
    clock(3600)
    second = api.refresh(first["refresh"]).json()
    assert second.keys() == {"refresh", "access"}
    old, new = claims(first["refresh"]), claims(second["refresh"])
    assert {name for name in CLAIMS if old[name] != new[name]} == {"jti", "iat", "exp"}
    assert (new["iat"] - old["iat"], new["exp"] - old["exp"]) == (3600, 3600)
    assert api.whoami(second["access"]) == 200
    row = session_of(second["refresh"])
    assert (row.jti, row.previous_jti) == (new["jti"], old["jti"])
    assert row.rotated_at == row.last_used_at > row.created_at


def test_how_and_when_somebody_signed_in_stays_as_it_was_for_hours(api, ada, clock):
    pair = api.log_in()
    first = claims(pair["access"])
    for hour in range(1, 6):
        clock(hour * 3600)
        pair = api.refresh(pair["refresh"]).json()
        now = claims(pair["access"])
        assert {name: now[name] for name in ("amr", "auth_time", "acr")} == {
            name: first[name] for name in ("amr", "auth_time", "acr")
        }
        assert now["iat"] == first["iat"] + hour * 3600


def test_a_use_is_noted_with_its_network_only(api, ada, settings):
    pair = api.log_in(REMOTE_ADDR="198.51.100.7")
    assert session_of(pair["refresh"]).network == "198.51.100.0/24"
    api.refresh(pair["refresh"], REMOTE_ADDR="2001:db8:1:2:3:4:5:6")
    assert session_of(pair["refresh"]).network == "2001:db8:1:2::/64"


def test_where_the_server_tells_no_address_there_is_no_network(api, ada):
    refresh = api.log_in()["refresh"]
    api.refresh(refresh, REMOTE_ADDR="")
    assert session_of(refresh).network == ""


def test_claims_of_the_project_are_kept(api, ada, settings):
    settings.SIMPLE_JWT = {"TOKEN_OBTAIN_SERIALIZER": "tests.sessions.test_rotation.CustomObtainSerializer"}
    answer = api.refresh(api.log_in()["refresh"]).json()
    assert claims(answer["refresh"])["tenant"] == claims(answer["access"])["tenant"] == "acme"


# A second use


@pytest.mark.parametrize("seconds", [0, 5, 9.9])
def test_within_the_grace_a_second_use_is_answered_with_the_same_successor(api, ada, clock, seconds):
    pair = api.log_in()
    clock(60)
    first = api.refresh(pair["refresh"]).json()
    clock(60 + seconds)
    second = api.refresh(pair["refresh"]).json()
    assert second["refresh"] == first["refresh"]
    assert api.whoami(second["access"]) == 200
    assert api.refresh(first["refresh"]).status_code == 200


@pytest.mark.parametrize(("grace", "seconds"), [(10, 10), (10, 3600), (3, 3), (0, 0), (0, 1)])
def test_after_the_grace_a_second_use_ends_the_session(api, ada, clock, sessions, caplog, grace, seconds):
    sessions(grace=grace)
    parent = api.log_in()["refresh"]
    child = api.refresh(parent).json()["refresh"]
    clock(seconds)
    with caplog.at_level(logging.WARNING, "jwt_drf_passwordless.events"):
        assert [outcome(api.refresh(token)) for token in (parent, child, parent)] == [GONE] * 3
    assert not Session.objects.exists()
    (told,) = [entry for entry in caplog.records if getattr(entry, "event", "") == "session_replayed"]
    assert (told.levelno, told.user_id, told.session) == (logging.WARNING, str(ada.pk), claims(parent)["sid"])


def test_a_replay_is_told_with_the_request(api, ada, sessions):
    sessions(grace=0)
    told = []

    @receiver(session_replayed)
    def listen(user, field, request, session, **kwargs):
        told.append((user, field, request.path, session))

    refresh = api.log_in()["refresh"]
    try:
        for _ in range(2):
            api.refresh(refresh)
    finally:
        session_replayed.disconnect(listen)
    assert told == [(ada, "", "/api/token/refresh/", claims(refresh)["sid"])]


def test_the_token_before_the_last_has_no_grace(api, ada, clock):
    first = api.log_in()["refresh"]
    second = api.refresh(first).json()["refresh"]
    third = api.refresh(second).json()["refresh"]
    assert outcome(api.refresh(first)) == outcome(api.refresh(third)) == GONE


def test_a_replay_ends_no_other_session(api, ada, clock):
    parent, other = api.log_in()["refresh"], api.log_in()["refresh"]
    api.refresh(parent)
    clock(60)
    assert outcome(api.refresh(parent)) == GONE
    assert api.refresh(other).status_code == 200


def test_a_clock_a_little_behind_is_no_replay(api, ada, clock):
    parent = api.log_in()["refresh"]
    clock(60)
    child = api.refresh(parent).json()["refresh"]
    clock(55)
    assert api.refresh(parent).json()["refresh"] == child


@pytest.mark.parametrize("behind", [10, 50])
def test_a_clock_that_was_set_back_opens_no_grace(api, ada, clock, behind):
    parent = api.log_in()["refresh"]
    clock(60)
    api.refresh(parent)
    clock(60 - behind)
    assert outcome(api.refresh(parent)) == GONE
    assert not Session.objects.exists()


def test_a_token_from_the_future_is_refused_and_ends_nothing(api, ada, clock):
    clock(3600)
    pair = api.log_in()
    clock(0)
    assert outcome(api.refresh(pair["refresh"])) == GONE
    clock(3601)
    assert api.refresh(pair["refresh"]).status_code == 200


# Ends


def test_no_use_moves_the_end(api, ada, clock, sessions):
    sessions(lifetime=3 * DAY + 3600)
    token = api.log_in()["refresh"]
    end = claims(token)["iat"] + 3 * DAY + 3600
    left = []
    for half_day in range(1, 7):
        clock(half_day * DAY // 2)
        token = api.refresh(token).json()["refresh"]
        left.append(end - claims(token)["exp"])
        assert int(session_of(token).expires_at.timestamp()) == end
    assert left == [3 * DAY // 2 + 3600, DAY + 3600, DAY // 2 + 3600, 3600, 0, 0]
    clock(3 * DAY + 3599)
    token = api.refresh(token).json()["refresh"]
    clock(3 * DAY + 3600)
    assert outcome(api.refresh(token)) == GONE


def test_the_end_is_that_of_the_login_when_the_setting_changes(api, ada, sessions):
    sessions(lifetime=DAY // 2)
    token = api.log_in()["refresh"]
    sessions(lifetime=30 * DAY)
    answer = api.refresh(token).json()["refresh"]
    assert claims(answer)["exp"] == claims(token)["exp"] == claims(token)["iat"] + DAY // 2


def test_a_session_that_is_not_used_ends_with_its_refresh_token(api, ada, clock):
    token = api.log_in()["refresh"]
    clock(DAY - 1)
    token = api.refresh(token).json()["refresh"]
    clock(2 * DAY - 1)
    assert outcome(api.refresh(token)) == GONE


def test_what_the_database_says_of_the_end_counts(api, ada):
    pair = api.log_in()
    row = Session.objects.get()
    row.refresh_until = row.created_at
    row.save()
    assert outcome(api.refresh(pair["refresh"])) == GONE


def test_a_flushed_cache_changes_nothing(api, ada, sessions):
    sessions(grace=0)
    parent = api.log_in()["refresh"]
    cache.clear()
    child = api.refresh(parent).json()["refresh"]
    cache.clear()
    assert [outcome(api.refresh(token)) for token in (parent, child)] == [GONE] * 2


# Users


def test_an_inactive_user_is_refused_and_signs_in_anew_once_active(api, ada):
    pair = api.log_in()
    ada.is_active = False
    ada.save()
    assert outcome(api.refresh(pair["refresh"])) == (401, "no_active_account")
    ada.is_active = True
    ada.save()
    assert outcome(api.refresh(pair["refresh"])) == GONE
    assert not Session.objects.exists()


@pytest.mark.parametrize(("ended", "expected"), [(False, (200, None)), (True, GONE)])
def test_a_session_that_was_not_used_meanwhile_goes_on_unless_it_is_ended(api, ada, ended, expected):
    pair = api.log_in()
    ada.is_active = False
    ada.save()
    assert api.whoami(pair["access"]) == 401
    if ended:
        end_sessions(ada, reason="deactivated")
    ada.is_active = True
    ada.save()
    assert outcome(api.refresh(pair["refresh"])) == expected


def test_without_sessions_a_refresh_token_goes_on_even_if_it_was_used_meanwhile(api, ada, configure):
    configure(SESSIONS=None)
    pair = api.log_in()
    ada.is_active = False
    ada.save()
    assert outcome(api.refresh(pair["refresh"])) == (401, "no_active_account")
    ada.is_active = True
    ada.save()
    assert outcome(api.refresh(pair["refresh"])) == (200, None)


def test_an_inactive_user_is_told_what_simplejwt_says(api, ada):
    refresh = api.log_in()["refresh"]
    ada.is_active = False
    ada.save()
    sentence = TokenRefreshSerializer.default_error_messages["no_active_account"]
    assert api.refresh(refresh).json() == {"detail": str(sentence), "code": "no_active_account"}


@pytest.mark.parametrize("uses", [0, 1])
def test_the_end_of_the_session_of_an_inactive_user_is_told(api, ada, uses):
    told = []

    @receiver(sessions_ended)
    def listen(user, reason, request, **kwargs):
        told.append((user, reason, request.path))

    refresh = api.log_in()["refresh"]
    for _ in range(uses):
        api.refresh(refresh)
    ada.is_active = False
    ada.save()
    try:
        api.refresh(refresh)
    finally:
        sessions_ended.disconnect(listen)
    assert told == [(ada, "user_refused", "/api/token/refresh/")]


def test_within_the_grace_an_inactive_user_is_refused_too(api, ada):
    pair = api.log_in()
    api.refresh(pair["refresh"])
    ada.is_active = False
    ada.save()
    assert outcome(api.refresh(pair["refresh"])) == (401, "no_active_account")


def test_a_deleted_user_is_refused(api, ada):
    pair = api.log_in()
    ada.delete()
    assert outcome(api.refresh(pair["refresh"])) == GONE


def test_the_rule_of_the_project_is_asked(api, ada, settings):
    pair = api.log_in()
    settings.SIMPLE_JWT = {"USER_AUTHENTICATION_RULE": "tests.sessions.test_rotation.nobody"}
    assert outcome(api.refresh(pair["refresh"])) == (401, "no_active_account")


def nobody(user):
    return False


def test_a_changed_password_counts_where_the_project_says_so(api, ada, settings):
    settings.SIMPLE_JWT = {
        "TOKEN_OBTAIN_SERIALIZER": "tests.sessions.test_rotation.CustomObtainSerializer",
        "CHECK_REVOKE_TOKEN": True,
    }
    token = api.refresh(api.log_in()["refresh"]).json()["refresh"]
    ada.set_password("another")
    ada.save()
    assert outcome(api.refresh(token)) == (401, "password_changed")


# Other tokens


def test_tokens_that_name_no_session_are_refused(api, ada, bob):
    pair = api.log_in()
    session = claims(pair["refresh"])["sid"]
    for sid, user in ((None, ada), ("", ada), ("x", ada), (7, ada), (str(uuid.uuid4()), ada), (session, bob)):
        token = RefreshToken.for_user(user)
        token["sid"] = sid
        assert outcome(api.refresh(str(token))) == GONE
    assert outcome(api.refresh(str(RefreshToken.for_user(ada)))) == GONE
    assert outcome(api.refresh(pair["access"])) == GONE
    assert api.refresh(pair["refresh"]).status_code == 200


def test_another_token_of_the_session_is_a_replay(api, ada):
    pair = api.log_in()
    forged = RefreshToken.for_user(ada)
    forged["sid"] = claims(pair["refresh"])["sid"]
    assert outcome(api.refresh(str(forged))) == GONE
    assert not Session.objects.exists()


def test_a_failure_says_what_simplejwt_says(api, ada, clock):
    token = api.log_in()["refresh"]
    clock(DAY + 1)
    answer = api.refresh(token)
    assert answer.json() == {"detail": "Token is expired", "code": "token_not_valid"}
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="api"'
    assert api.refresh("x").json() == {"detail": "Token is invalid", "code": "token_not_valid"}


# Serializers and tokens of the project


def test_a_serializer_derived_from_ours_is_used(api, ada, settings):
    settings.SIMPLE_JWT = {"TOKEN_REFRESH_SERIALIZER": "tests.sessions.test_rotation.ProjectSerializer"}
    answer = api.refresh(api.log_in()["refresh"]).json()
    assert answer["hello"] == "world"
    assert answer.keys() == {"access", "refresh", "hello"}


def test_a_serializer_that_knows_no_sessions_is_not(api, ada, settings):
    settings.SIMPLE_JWT = {"TOKEN_REFRESH_SERIALIZER": "tests.sessions.test_rotation.ForeignSerializer"}
    token = api.log_in()["refresh"]
    assert api.refresh(token).json().keys() == {"access", "refresh"}


@pytest.fixture
def blacklist(settings, monkeypatch):
    """The project's tokens have a blacklist of their own."""
    monkeypatch.setattr(ListedToken, "listed", set())
    settings.SIMPLE_JWT = {
        "TOKEN_REFRESH_SERIALIZER": "tests.sessions.test_rotation.ProjectSerializer",
        "BLACKLIST_AFTER_ROTATION": True,
    }
    return ListedToken.listed


def test_a_token_on_the_blacklist_is_refused(api, ada, blacklist):
    token = api.log_in()["refresh"]
    blacklist.add(claims(token)["jti"])
    assert api.refresh(token).json() == {"detail": "Token is listed", "code": "token_not_valid"}


def test_a_used_token_on_the_blacklist_is_still_known_for_a_replay(api, ada, blacklist, clock):
    parent = api.log_in()["refresh"]
    child = api.refresh(parent).json()["refresh"]
    assert blacklist == {claims(parent)["jti"]}
    assert api.refresh(parent).json()["refresh"] == child
    clock(60)
    assert [outcome(api.refresh(token)) for token in (parent, child)] == [GONE] * 2


def test_a_logout_puts_its_token_on_the_blacklist(api, ada, blacklist):
    token = api.log_in()["refresh"]
    assert api.log_out(token).status_code == 204
    assert blacklist == {claims(token)["jti"]}


# Without SESSIONS


def test_without_the_setting_simplejwt_answers(api, ada, configure):
    configure(SESSIONS=None)
    pair = api.log_in()
    assert "sid" not in claims(pair["refresh"])
    assert not Session.objects.exists()
    assert api.refresh(pair["refresh"]).json().keys() == {"access"}
    assert api.refresh(pair["refresh"]).status_code == 200


def test_a_token_of_before_is_refused_once_it_is_on(api, ada, configure):
    configure(SESSIONS=None)
    pair = api.log_in()
    configure(SESSIONS={})
    assert outcome(api.refresh(pair["refresh"])) == GONE
    assert outcome(api.refresh(api.log_in()["refresh"])) == (200, None)


# Verification


def test_a_token_is_valid_as_long_as_its_session(api, ada):
    pair = api.log_in()
    verify = lambda token: api.call("token/verify/", {"token": token})  # noqa: E731
    assert [verify(pair[kind]).status_code for kind in ("access", "refresh")] == [200, 200]
    assert verify(f" {pair['access']} ").json() == {}
    Session.objects.all().delete()
    assert [outcome(verify(pair[kind])) for kind in ("access", "refresh")] == [GONE] * 2
    assert verify(str(AccessToken.for_user(ada))).status_code == 200
    assert outcome(verify("x")) == GONE


def test_the_address_of_a_user_is_in_no_claim(api, ada):
    SCAN.used(ADA)
    assert ADA not in str(claims(api.log_in()["access"]))


def test_what_was_begun_before_an_account_was_deactivated_does_not_come_back_with_it(api, ada, configure):
    configure(ACTIVATE_INACTIVE_USERS=True)
    stolen = api.log_in()["refresh"]
    type(ada)._base_manager.filter(pk=ada.pk).update(is_active=False)
    assert api.refresh(api.log_in()["refresh"]).status_code == 200
    assert api.refresh(stolen).status_code == 401
