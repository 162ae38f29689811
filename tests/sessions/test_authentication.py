"""`SessionJWTAuthentication`: access tokens that die with their session."""

import uuid

import pytest
from django.urls import path
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt.tokens import AccessToken

from jwt_drf_passwordless.sessions.authentication import SessionJWTAuthentication
from tests.sessions.conftest import GONE, claims, outcome
from tests.test_statements import record
from tests.urls import urlpatterns as of_the_suite

pytestmark = pytest.mark.django_db


class StrictView(APIView):
    """A project's."""

    authentication_classes = (SessionJWTAuthentication,)
    permission_classes = (IsAuthenticated,)

    def get(self, request):
        return Response({"id": str(request.user.pk)})


urlpatterns = [*of_the_suite, path("strict/", StrictView.as_view())]


@pytest.fixture
def get(client, settings):
    settings.ROOT_URLCONF = "tests.sessions.test_authentication"
    return lambda access: client.get("/strict/", headers={"Authorization": f"Bearer {access}"})


def test_a_token_opens_views_until_its_session_ends(api, ada, get):
    pair = api.log_in()
    assert get(pair["access"]).json() == {"id": str(ada.pk)}
    renewed = api.refresh(pair["refresh"]).json()
    assert get(renewed["access"]).status_code == 200
    api.log_out(renewed["refresh"])
    assert [outcome(get(one["access"])) for one in (pair, renewed)] == [GONE] * 2
    assert api.whoami(renewed["access"]) == 200


def test_session_and_user_are_read_by_one_statement(api, ada, get):
    access = api.log_in()["access"]
    assert record(lambda: get(access)) == (200, ["SELECT"])


def test_a_replay_ends_access_too(api, ada, get, clock):
    pair = api.log_in()
    access = api.refresh(pair["refresh"]).json()["access"]
    clock(60)
    api.refresh(pair["refresh"])
    assert outcome(get(access)) == GONE


def test_tokens_that_name_no_session_of_their_user_are_refused(api, ada, bob, get):
    sid = claims(api.log_in()["access"])["sid"]
    for user, session in ((ada, None), (ada, "x"), (ada, str(uuid.uuid4())), (bob, sid)):
        token = AccessToken.for_user(user)
        token["sid"] = session
        assert outcome(get(token)) == GONE
    assert outcome(get(AccessToken.for_user(ada))) == GONE


def test_inactive_and_deleted_users_are_refused(api, ada, get):
    access = api.log_in()["access"]
    ada.is_active = False
    ada.save()
    assert outcome(get(access)) == (401, "user_inactive")
    ada.delete()
    assert outcome(get(access)) == GONE


def test_a_changed_password_counts_where_the_project_says_so(api, ada, get, settings):
    obtain = {"TOKEN_OBTAIN_SERIALIZER": "tests.sessions.test_rotation.CustomObtainSerializer"}
    settings.SIMPLE_JWT = {**obtain, "CHECK_REVOKE_TOKEN": True}
    access = api.log_in()["access"]
    assert get(access).status_code == 200
    ada.set_password("another")
    ada.save()
    assert outcome(get(access)) == (401, "password_changed")


def test_without_the_setting_it_is_simplejwt_s(api, ada, get, configure):
    configure(SESSIONS=None)
    assert get(AccessToken.for_user(ada)).status_code == 200


def test_its_tokens_open_our_own_routes(api, ada, settings):
    settings.REST_FRAMEWORK = {
        "DEFAULT_AUTHENTICATION_CLASSES": ["jwt_drf_passwordless.sessions.authentication.SessionJWTAuthentication"]
    }
    pair = api.log_in()
    assert len(api.listed(pair["access"])) == 1
    api.log_out(pair["refresh"])
    assert outcome(api.send("GET", "sessions/", access=pair["access"])) == GONE


def test_our_own_views_ask_it_once(api, ada, settings):
    name = f"{SessionJWTAuthentication.__module__}.{SessionJWTAuthentication.__qualname__}"
    settings.REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": [name]}
    pair = api.log_in()
    assert record(lambda: api.send("GET", "sessions/", access=pair["access"])) == (200, ["SELECT", "SELECT"])
    api.log_out(pair["refresh"])
    assert outcome(api.send("GET", "sessions/", access=pair["access"])) == GONE
