"""Users who must have a second factor, and the token that lets them do nothing but get one."""

import base64

import pytest
import sms
import time_machine
from django.contrib.auth import get_user_model
from django.test import Client

from jwt_drf_passwordless.models import PhoneDevice
from jwt_drf_passwordless.two_factor.tickets import enrolment_token
from tests.conftest import sent_sms_code
from tests.two_factor.conftest import OTHER_PHONE, PASSWORD, PHONE
from tests.two_factor.test_enrolment import REAUTHENTICATE, ask, register
from tests.two_factor.test_login import claims, outcome

pytestmark = pytest.mark.django_db


def only_grace(user):
    return "grace" in getattr(user, user.get_email_field_name())


@pytest.fixture
def restricted(api, ada, two_factor):
    """The enrolment token of a user who must have a second factor."""
    two_factor(required=True)
    return api.token(ada).json()["enrolment_token"]


def test_who_must_have_a_factor_and_has_none_gets_a_token_to_enrol(api, ada, two_factor):
    two_factor(required=True)
    answer = api.token(ada)
    body = answer.json()
    assert (answer.status_code, claims(body.pop("enrolment_token"))["token_type"]) == (206, "two_factor_enrolment")
    assert body == {
        "detail": "Your account needs a second factor. Please add one first.",
        "code": "second_factor_enrolment_required",
    }


def test_with_it_the_user_enrols_and_then_signs_in(api, ada, restricted):
    assert ask(api, restricted).status_code == 204
    assert register(api, restricted).status_code == 204
    assert api.verify(api.ticket(ada), sent_sms_code()).status_code == 200


@pytest.mark.parametrize("required", [only_grace, "tests.two_factor.test_required.only_grace"])
def test_a_function_says_who_must(api, person, two_factor, required):
    two_factor(required=required)
    assert api.token(person()).status_code == 200
    assert api.token(person(email="grace@example.com")).status_code == 206


def test_the_list_of_factors_tells_each_user_whether_one_is_required(api, person, two_factor):
    users = person(), person(email="grace@example.com", device=PHONE)
    access = [api.pair(user)["access"] for user in users]
    two_factor(required=only_grace)
    assert [api.send("GET", "2fa/factors/", access=one).json()["required"] for one in access] == [False, True]


def test_who_must_have_one_keeps_the_last_and_others_need_not(api, person, two_factor):
    users = person(device=OTHER_PHONE), person(email="grace@example.com", device=PHONE)
    access = [api.pair(user)["access"] for user in users]
    two_factor(required=only_grace)
    assert [api.send("DELETE", "2fa/phone/", access=one).status_code for one in access] == [204, 403]


def test_who_has_one_is_asked_for_it(api, grace, two_factor):
    two_factor(required=True)
    assert api.token(grace).json()["code"] == "second_factor_required"


@pytest.mark.parametrize(
    ("verb", "path"),
    [("GET", "/whoami/"), ("GET", "/api/2fa/phone/"), ("DELETE", "/api/2fa/phone/"), ("POST", "/api/2fa/step-up/")],
)
def test_it_is_refused_everywhere_else(api, restricted, verb, path):
    assert api.client.generic(verb, path, headers={"Authorization": f"Bearer {restricted}"}).status_code == 401


def test_it_is_neither_a_refresh_token_nor_a_ticket(api, restricted):
    assert api.call("token/refresh/", {"refresh": restricted}).status_code == 401
    assert api.verify(restricted, "123456").status_code == 401
    assert api.call("2fa/resend/", {"ticket": restricted}).status_code == 401


def test_it_expires_after_ten_minutes(api, ada):
    with time_machine.travel(1772366400, tick=False) as clock:
        token = enrolment_token(ada)
        clock.shift(599)
        assert ask(api, token).status_code == 204
        clock.shift(2)
        assert ask(api, token).status_code == 401


def test_it_cannot_replace_a_phone(api, ada, restricted):
    ask(api, restricted)
    register(api, restricted)
    assert outcome(ask(api, restricted, OTHER_PHONE)) == REAUTHENTICATE
    assert PhoneDevice.objects.get().number == PHONE


def test_it_is_void_for_an_inactive_user(api, ada, restricted):
    get_user_model().objects.update(is_active=False)
    assert ask(api, restricted).status_code == 401
    assert not sms.outbox


def test_an_access_token_still_enrols(api, ada):
    assert ask(api, api.pair(ada)["access"]).status_code == 204


def test_projects_whose_views_name_their_authentication_are_served(api, ada, settings):
    settings.REST_FRAMEWORK = {}
    assert ask(api, api.pair(ada)["access"]).status_code == 204


def test_another_scheme_than_bearer_is_nobody(api, ada):
    headers = {"Authorization": "Basic YWRhOmE="}
    answer = api.client.post("/api/2fa/phone-verify/", {"authy_phone": PHONE}, headers=headers)
    assert answer.status_code == 401


@pytest.mark.parametrize("logged_in", [True, False])
def test_a_session_of_django_needs_a_csrf_token(ada, settings, logged_in):
    settings.REST_FRAMEWORK = {
        "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"]
    }
    client = Client(enforce_csrf_checks=True)
    if logged_in:
        client.force_login(ada)
    answer = client.post("/api/2fa/phone-verify/", {"authy_phone": PHONE}, content_type="application/json")
    assert answer.status_code == (403 if logged_in else 401)


def of_rest_framework(settings, *names):
    settings.REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": names}


def test_a_password_alone_opens_nothing_whatever_authenticators_the_project_has(grace, settings):
    of_rest_framework(settings, "rest_framework.authentication.BasicAuthentication")
    pair = f"{grace.get_username()}:{PASSWORD}"
    headers = {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
    assert Client().get("/api/2fa/factors/", headers=headers).status_code == 401


@pytest.mark.parametrize("route", ["2fa/factors/totp/", "2fa/phone-verify/", "2fa/step-up/", "contact/email/"])
def test_users_of_a_token_alone_are_read_from_the_database_where_they_are_needed(api, ada, settings, route):
    access = api.pair(ada)["access"]
    of_rest_framework(settings, "rest_framework_simplejwt.authentication.JWTStatelessUserAuthentication")
    assert api.send("GET", "2fa/factors/", access=access).json()["factors"] == []
    assert api.call(route, {"authy_phone": PHONE}, access).status_code in (204, 400, 403, 404)
