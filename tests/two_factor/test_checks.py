"""System checks of `TWO_FACTOR`, each both ways."""

import pytest
from django.core.checks import Tags, run_checks
from django.urls import include, path
from rest_framework_simplejwt.views import TokenObtainPairView, TokenObtainSlidingView

from jwt_drf_passwordless.external_2fa import FakeVerifyProvider
from jwt_drf_passwordless.two_factor.checks import check_two_factor, check_two_factor_deployment
from jwt_drf_passwordless.two_factor.urls import urlpatterns as ours

pytestmark = pytest.mark.usefixtures("_switched_on")


class MyObtainView(TokenObtainPairView):
    """A project's own."""


def a_function(request):
    """A view that is no class."""


class Routes:
    """A URLconf."""

    def __init__(self, *patterns):
        self.urlpatterns = list(patterns)


COMPLETE = Routes(path("api/", include("jwt_drf_passwordless.two_factor.urls")), path("f/", a_function))


def ids(found):
    return [message.id.rpartition(".")[2] for message in found]


def test_the_smallest_setting_passes():
    assert check_two_factor() == []


@pytest.mark.parametrize("value", [None, "on", 3])
def test_without_a_dict_there_is_nothing_to_check(configure, value):
    configure(TWO_FACTOR=value)
    assert check_two_factor() == check_two_factor_deployment() == []


def test_the_checks_run_with_all_others(two_factor):
    two_factor(factor=[])
    assert "jwt_drf_passwordless.E020" in [message.id for message in run_checks(tags=[Tags.security])]


def test_an_unknown_key_is_an_error_that_names_the_known_ones(two_factor):
    two_factor(require=True)
    (error,) = check_two_factor()
    assert (error.id, "required" in error.hint) == ("jwt_drf_passwordless.E020", True)


@pytest.mark.parametrize(
    "keys",
    [
        {"factors": "path"},
        {"factors": []},
        {"phone": "path"},
        {"required": 1},
        {"required": "tests.no_such_function"},
        {"same_phone": "maybe"},
        {"user_fields": "authy_phone"},
        {"user_fields": {"number": "authy_phone"}},
        {"user_fields": {"phone": 1}},
        {"ticket_lifetime": "300"},
        {"ticket_lifetime": True},
        {"ticket_lifetime": 0},
        {"ticket_lifetime": 601},
    ],
    ids=str,
)
def test_a_wrong_value_is_an_error(two_factor, keys):
    two_factor(**keys)
    assert ids(check_two_factor()) == ["E021"]


@pytest.mark.parametrize(
    "keys",
    [
        {"factors": ("jwt_drf_passwordless.two_factor.phone.factor.PhoneFactor",)},
        {"required": True},
        {"required": bool},
        {"required": "tests.two_factor.test_required.only_grace"},
        {"same_phone": "allow"},
        {"user_fields": {}},
        {"ticket_lifetime": 600},
    ],
    ids=str,
)
def test_a_right_value_passes(two_factor, keys):
    two_factor(**keys)
    assert check_two_factor() == []


@pytest.mark.parametrize("path", ["no.such.Factor", "tests.two_factor.test_checks.Routes", "os.path.join", ".", 3])
def test_what_is_no_factor_is_an_error(two_factor, path):
    two_factor(factors=[path])
    assert ids(check_two_factor()) == ["E022"]


@pytest.mark.parametrize(
    "phone",
    [
        {"provider": "no.such.Provider"},
        {"provider": "tests.two_factor.test_checks.Routes"},
        {"provider": "os.path.join"},
        {"api_key": "an option that the local provider does not have"},
        {"provider": "jwt_drf_passwordless.external_2fa.TelnyxVerifyProvider", "api_key": "", "verify_profile_id": ""},
        {"provider": "jwt_drf_passwordless.two_factor.AuthyProvider", "api_key": ""},
    ],
    ids=str,
)
def test_a_provider_that_cannot_be_made_is_an_error(two_factor, phone):
    two_factor(phone=phone)
    assert ids(check_two_factor()) == ["E023"]


@pytest.mark.parametrize("view", [TokenObtainPairView, TokenObtainSlidingView, MyObtainView])
@pytest.mark.parametrize("nested", [True, False])
def test_a_view_of_simplejwt_that_is_left_is_an_error(settings, view, nested):
    left = path("login/", view.as_view())
    settings.ROOT_URLCONF = Routes(*COMPLETE.urlpatterns, path("v1/", include([left])) if nested else left)
    (error,) = check_two_factor()
    assert error.id == "jwt_drf_passwordless.E024"
    assert f"{view.__name__} at '{'v1/' if nested else ''}login/'" in error.msg


def test_without_the_setting_it_is_none(settings, configure):
    settings.ROOT_URLCONF = Routes(path("login/", TokenObtainPairView.as_view()))
    configure(TWO_FACTOR=None)
    assert check_two_factor() == []


def test_no_route_for_the_second_step_is_a_warning(settings):
    settings.ROOT_URLCONF = Routes(*[one for one in ours if one.name != "2fa_token_verify"])
    assert ids(check_two_factor()) == ["W020"]
    settings.ROOT_URLCONF = COMPLETE
    assert check_two_factor() == []


def test_a_project_without_routes_is_left_alone(settings):
    settings.ROOT_URLCONF = ""
    assert check_two_factor() == []


def test_authy_is_a_warning(two_factor):
    two_factor(phone={"provider": "jwt_drf_passwordless.two_factor.AuthyProvider", "api_key": "key"})
    (warning,) = check_two_factor()
    assert warning.id == "jwt_drf_passwordless.W021"
    assert "closed to new customers" in warning.msg


def test_a_backend_that_sends_no_sms_is_a_warning_of_deployments(settings):
    assert ids(check_two_factor_deployment()) == ["W022"]
    settings.SMS_BACKEND = "sms.backends.base.BaseSmsBackend"
    assert check_two_factor_deployment() == []


@pytest.mark.parametrize("backend", [None, "sms.backends.missing.SmsBackend"])
def test_codes_of_ours_need_a_backend_for_sms(settings, two_factor, backend):
    settings.SMS_BACKEND = backend
    (error,) = check_two_factor()
    assert (error.id, "console" in error.hint) == ("jwt_drf_passwordless.E023", True)
    del settings.SMS_BACKEND
    assert ids(check_two_factor()) == ["E023"]
    two_factor(factors=["jwt_drf_passwordless.two_factor.email.EmailFactor"])
    assert check_two_factor() == []


def test_without_the_phone_nobody_asks_who_sends_sms(two_factor):
    two_factor(factors=["jwt_drf_passwordless.two_factor.email.EmailFactor"])
    assert check_two_factor_deployment() == []


def test_a_vendor_needs_no_backend_for_sms(settings, two_factor):
    del settings.SMS_BACKEND
    options = {"api_key": "key", "verify_profile_id": "profile"}
    two_factor(phone={"provider": "jwt_drf_passwordless.external_2fa.TelnyxVerifyProvider", **options})
    assert check_two_factor() == check_two_factor_deployment() == []


class Renamed(FakeVerifyProvider):
    name = "renamed"


@pytest.mark.parametrize("provider", [FakeVerifyProvider, Renamed])
@pytest.mark.parametrize("more", [{}, {"alias": "sms"}])
def test_a_provider_for_tests_is_an_error_of_deployments(two_factor, provider, more):
    path = f"{provider.__module__}.{provider.__qualname__}"
    two_factor(phone={"provider": path, "insecure": True, **more})
    assert check_two_factor() == []
    assert ids(check_two_factor_deployment()) == ["E025"]


def test_what_cannot_work_is_not_looked_at_twice(two_factor):
    two_factor(ticket_lifetime=0)
    assert check_two_factor_deployment() == []
