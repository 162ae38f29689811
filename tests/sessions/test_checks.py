"""System checks of `SESSIONS`, each both ways."""

import pytest
from django.core.checks import Tags, run_checks
from django.urls import include, path
from rest_framework_simplejwt.views import TokenBlacklistView, TokenRefreshView

from jwt_drf_passwordless.deploy_checks import check_deployment
from jwt_drf_passwordless.sessions.checks import check_sessions
from jwt_drf_passwordless.sessions.views import GuardedTokenRefreshView

APP = "rest_framework_simplejwt.token_blacklist"
DAY = 24 * 3600


class MyRefreshView(TokenRefreshView):
    """A project's own, which knows no sessions."""


class OurRefreshView(GuardedTokenRefreshView):
    """A project's own, which does."""


class Routes:
    """A URLconf."""

    def __init__(self, *patterns):
        self.urlpatterns = list(patterns)


OURS = path("api/", include("jwt_drf_passwordless.sessions.urls"))


@pytest.fixture(autouse=True)
def _complete(settings):
    settings.ROOT_URLCONF = "tests.sessions.urls"


def ids(found):
    return [message.id.rpartition(".")[2] for message in found]


def test_the_smallest_setting_passes():
    assert check_sessions() == []


@pytest.mark.parametrize("value", [None, "on", 3])
def test_without_a_dict_there_is_nothing_to_check(configure, value):
    configure(SESSIONS=value)
    assert check_sessions() == []


def test_the_checks_run_with_all_others(sessions):
    sessions(life=1)
    assert "jwt_drf_passwordless.E050" in [message.id for message in run_checks(tags=[Tags.security])]


def test_an_unknown_key_is_an_error_that_names_the_known_ones(sessions):
    sessions(idle=1)
    (error,) = check_sessions()
    assert (error.id, error.hint) == ("jwt_drf_passwordless.E050", "Known: lifetime, grace.")


@pytest.mark.parametrize("name", ["lifetime", "grace"])
@pytest.mark.parametrize("value", [None, "10", True, 5.0, -1, 366 * DAY + 1])
def test_a_wrong_value_is_an_error(sessions, name, value):
    sessions(**{name: value})
    assert ids(check_sessions()) == ["E051"]


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("lifetime", 59, ["E051"]),
        ("lifetime", 60, []),
        ("lifetime", 366 * DAY, []),
        ("grace", 0, []),
        ("grace", 10, []),
        ("grace", 11, ["E051"]),
    ],
)
def test_the_bounds_of_values(sessions, name, value, found):
    sessions(**{name: value})
    assert ids(check_sessions()) == found


@pytest.mark.parametrize("view", [TokenRefreshView, TokenBlacklistView, MyRefreshView])
@pytest.mark.parametrize("nested", [True, False])
def test_a_view_of_simplejwt_that_is_left_is_an_error(settings, view, nested):
    left = path("old/", view.as_view())
    settings.ROOT_URLCONF = Routes(OURS, path("v1/", include([left])) if nested else left)
    (error,) = check_sessions()
    assert error.id == "jwt_drf_passwordless.E052"
    assert f"{view.__name__} at '{'v1/' if nested else ''}old/'" in error.msg


def test_without_the_setting_it_is_none(settings, configure):
    settings.ROOT_URLCONF = Routes(path("old/", TokenRefreshView.as_view()))
    configure(SESSIONS=None)
    assert check_sessions() == []


@pytest.mark.parametrize(
    "patterns",
    [
        [OURS],
        [path("api/", include("jwt_drf_passwordless.two_factor.urls"))],
        [path("my/refresh/", OurRefreshView.as_view())],
    ],
    ids=["ours", "second factor", "own"],
)
def test_a_route_for_refresh_tokens_is_enough(settings, patterns):
    settings.ROOT_URLCONF = Routes(*patterns)
    assert check_sessions() == []


def test_no_route_for_refresh_tokens_is_a_warning(settings):
    settings.ROOT_URLCONF = Routes()
    assert ids(check_sessions()) == ["W051"]


def test_a_project_without_routes_is_left_alone(settings):
    settings.ROOT_URLCONF = ""
    assert check_sessions() == []


@pytest.mark.parametrize(
    ("serializer", "found"),
    [
        ("rest_framework_simplejwt.serializers.TokenRefreshSerializer", []),
        ("jwt_drf_passwordless.sessions.serializers.SessionTokenRefreshSerializer", []),
        ("tests.sessions.test_rotation.ProjectSerializer", []),
        ("tests.sessions.test_rotation.ForeignSerializer", ["E053"]),
        ("no.such.Serializer", ["E053"]),
    ],
)
def test_a_serializer_of_the_project_has_to_know_sessions(settings, serializer, found):
    settings.SIMPLE_JWT = {"TOKEN_REFRESH_SERIALIZER": serializer}
    assert ids(check_sessions()) == found


def revocation_is_off():
    return "jwt_drf_passwordless.W050" in [message.id for message in check_deployment()]


@pytest.mark.django_db
def test_tokens_that_cannot_be_revoked_are_a_warning_of_deployments(settings, configure):
    assert not revocation_is_off()
    configure(SESSIONS=None)
    assert revocation_is_off()
    settings.INSTALLED_APPS = [*(name for name in settings.INSTALLED_APPS if not name.endswith("admin")), APP]
    assert not revocation_is_off()
