"""Signing out: the family dies, and the answer does not tell whether there was one."""

import pytest
from django.dispatch import receiver
from rest_framework_simplejwt.tokens import RefreshToken

from jwt_drf_passwordless.models import Session
from jwt_drf_passwordless.sessions import services
from jwt_drf_passwordless.sessions.signals import sessions_ended
from tests.sessions.conftest import BOB, DAY, GONE, outcome

pytestmark = pytest.mark.django_db

APP = "rest_framework_simplejwt.token_blacklist"


def test_a_logout_ends_the_session_for_all_of_its_tokens(api, ada):
    first = api.log_in()["refresh"]
    second = api.refresh(first).json()["refresh"]
    assert api.log_out(second).status_code == 204
    assert [outcome(api.refresh(token)) for token in (first, second)] == [GONE] * 2


def test_a_used_token_signs_out_too(api, ada, clock):
    first = api.log_in()["refresh"]
    second = api.refresh(first).json()["refresh"]
    clock(3600)
    assert api.log_out(first).status_code == 204
    assert outcome(api.refresh(second)) == GONE


def test_a_logout_ends_no_other_session(api, ada, bob):
    here, there, somebody = api.log_in(), api.log_in(), api.log_in(BOB)
    api.log_out(here["refresh"])
    assert [api.refresh(pair["refresh"]).status_code for pair in (there, somebody)] == [200, 200]


def test_a_logout_is_told(api, ada):
    told = []

    @receiver(sessions_ended)
    def listen(user, reason, count, request, **kwargs):
        told.append((user, reason, count, request.path))

    refresh = api.log_in()["refresh"]
    try:
        api.log_out(refresh)
    finally:
        sessions_ended.disconnect(listen)
    assert told == [(ada, "logout", 1, "/api/token/logout/")]


def test_where_sessions_are_off_a_logout_ends_none(api, ada, configure):
    refresh = RefreshToken(api.log_in()["refresh"])
    configure(SESSIONS=None)
    services.log_out(refresh, None)
    assert Session.objects.exists()


def test_every_token_is_answered_alike(api, ada, clock):
    pair = api.log_in()
    idle = api.log_in()["refresh"]
    foreign = RefreshToken.for_user(ada)
    foreign["sid"] = "no session"
    tokens = [pair["refresh"], pair["refresh"], pair["access"], str(foreign), "x", "a.b.c", "\u00e9", "x" * 9000]
    answers = [api.log_out(token) for token in tokens]
    clock(DAY + 1)
    answers.append(api.log_out(idle))
    assert {(answer.status_code, answer.content, str(sorted(answer.headers.items()))) for answer in answers} == {
        (204, b"", str(sorted(answers[0].headers.items())))
    }
    assert Session.objects.count() == 1


@pytest.mark.parametrize("body", [{}, {"refresh": None}, {"refresh": 7}, {"refresh": ["a"]}, {"refresh": ""}, []])
def test_a_body_without_a_token_is_a_400(api, ada, body):
    assert api.call("token/logout/", body).status_code == 400


def test_no_access_token_is_needed_and_a_stale_one_does_no_harm(api, ada):
    pair = api.log_in()
    assert api.call("token/logout/", {"refresh": pair["refresh"]}, access="stale").status_code == 204
    assert not Session.objects.exists()


def test_where_nothing_can_be_revoked_there_is_no_route(api, ada, configure):
    token = api.log_in()["refresh"]
    configure(SESSIONS=None)
    assert outcome(api.log_out(token)) == (404, "method_disabled")


def test_with_the_blacklist_app_there_is_one(api, ada, configure, settings):
    configure(SESSIONS=None)
    # Its tables are not there; and the admin would want to show them.
    settings.INSTALLED_APPS = [*(name for name in settings.INSTALLED_APPS if not name.endswith("admin")), APP]
    assert api.log_out("x").status_code == 204
