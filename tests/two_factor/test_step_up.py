"""Step-up, and the permission classes that ask for it."""

import time

import jwt
import pytest
import sms
import time_machine
from django.conf import settings as django_settings
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView
from rest_framework_simplejwt.tokens import AccessToken

from jwt_drf_passwordless.two_factor import FreshLogin, HasSecondFactor
from tests.conftest import sent_code, sent_sms_code
from tests.two_factor.conftest import EMAIL, LOGIN_PHONE, PHONE, WRONG, enrol
from tests.two_factor.test_enrolment import NEEDED, REAUTHENTICATE, ask, register
from tests.two_factor.test_every_first_factor import SAME_PHONE, by_email_code, by_sms
from tests.two_factor.test_login import BAD_TICKET, INVALID, claims, outcome

pytestmark = pytest.mark.django_db

NOW = 1772366400


def protected(*classes):
    """A project's view with these permission classes."""

    class View(APIView):
        permission_classes = classes

        def get(self, request):
            return Response({"ok": True})

    return View.as_view()


def knock(view, access=None):
    headers = {"Authorization": f"Bearer {access}"} if access else {}
    response = view(APIRequestFactory().get("/", headers=headers))
    return response.status_code, response.data


def with_claims(user, **values):
    """A validly signed access token with these claims."""
    token = AccessToken.for_user(user)
    for name, value in values.items():
        token[name] = value
    return str(token)


def test_a_step_up_gives_a_pair_with_a_new_time(api, grace):
    with time_machine.travel(NOW, tick=False) as clock:
        refresh = api.pair(grace)["refresh"]
        clock.shift(3600)
        access = api.call("token/refresh/", {"refresh": refresh}).json()["access"]
        assert claims(access)["auth_time"] == NOW

        answer = api.call("2fa/step-up/", access=access)
        assert (answer.status_code, answer.json()["code"]) == (206, "second_factor_required")
        pair = api.verify(answer.json()["ticket"], sent_sms_code())

    token = jwt.decode(
        pair.json()["access"], django_settings.SECRET_KEY, algorithms=["HS256"], options={"verify_exp": False}
    )
    assert (token["auth_time"], token["amr"], token["acr"]) == (NOW + 3600, ["pwd", "otp", "sms", "mfa"], "aal2")


def test_a_session_of_level_one_rises_by_a_step_up(api, ada):
    access = api.pair(ada)["access"]
    enrol(ada)
    answer = api.call("2fa/step-up/", access=access)
    pair = api.verify(answer.json()["ticket"], sent_sms_code()).json()
    assert claims(access)["acr"] == "aal1"
    assert claims(pair["access"])["acr"] == "aal2"


def test_a_stolen_session_cannot_rise_by_a_phone_that_the_thief_has_registered(api, ada):
    with time_machine.travel(NOW, tick=False) as clock:
        stolen = api.pair(ada)["access"]
        clock.shift(1)
        ask(api, stolen)
        register(api, stolen)
        assert outcome(api.call("2fa/step-up/", access=stolen)) == REAUTHENTICATE
        later = api.pair(ada)["access"]
        assert api.call("2fa/step-up/", access=later).status_code == 206


def test_a_refresh_token_does_not_rise_by_a_step_up(api, ada):
    refresh = api.pair(ada)["refresh"]
    enrol(ada)
    access = api.call("token/refresh/", {"refresh": refresh}).json()["access"]
    ticket = api.call("2fa/step-up/", access=access).json()["ticket"]
    api.verify(ticket, sent_sms_code())
    assert claims(api.call("token/refresh/", {"refresh": refresh}).json()["access"])["acr"] == "aal1"


def test_without_a_factor_there_is_no_step_up(api, ada):
    assert outcome(api.call("2fa/step-up/", access=api.pair(ada)["access"])) == NEEDED


@pytest.mark.parametrize(
    "values", [{"amr": []}, {"amr": "pwd"}, {"amr": [1]}, {}, {"amr": ["pwd"], "auth_time": None}, {"auth_time": "1"}]
)
def test_a_session_that_does_not_say_how_it_began_gets_no_step_up(api, grace, values):
    access = with_claims(grace, **{"auth_time": int(time.time()), **values})
    assert outcome(api.call("2fa/step-up/", access=access)) == REAUTHENTICATE
    assert not sms.outbox


def test_a_session_that_began_by_phone_cannot_rise_by_phone(api, person, configure):
    user = person(phone=LOGIN_PHONE)
    access = by_sms(api, configure).json()["access"]
    enrol(user, LOGIN_PHONE)
    assert outcome(api.call("2fa/step-up/", access=access)) == SAME_PHONE


def test_a_session_that_began_by_email_can(api, person, configure):
    user = person()
    access = by_email_code(api, configure).json()["access"]
    enrol(user)
    assert api.call("2fa/step-up/", access=access).status_code == 206


def test_codes_for_a_login_and_for_a_step_up_are_not_taken_for_each_other(api, grace, configure):
    access = api.pair(grace)["access"]
    configure(SHORT_TOKEN_LENGTH=16)  # two codes of six digits are the same now and then
    login = api.ticket(grace)
    code_of_login = sent_sms_code()
    step_up = api.call("2fa/step-up/", access=access).json()["ticket"]
    code_of_step_up = sent_sms_code()
    assert outcome(api.verify(login, code_of_step_up)) == INVALID
    assert outcome(api.verify(step_up, code_of_login)) == INVALID
    assert api.verify(login, code_of_login).status_code == 200
    assert api.verify(step_up, code_of_step_up).status_code == 200


def test_a_ticket_of_a_step_up_works_once(api, grace):
    ticket = api.call("2fa/step-up/", access=api.pair(grace)["access"]).json()["ticket"]
    api.verify(ticket, sent_sms_code())
    assert outcome(api.verify(ticket, sent_sms_code())) == BAD_TICKET


def test_a_code_can_be_sent_again_for_a_step_up(api, grace):
    ticket = api.call("2fa/step-up/", access=api.pair(grace)["access"]).json()["ticket"]
    assert api.call("2fa/resend/", {"ticket": ticket}).status_code == 204
    assert outcome(api.verify(ticket, sent_sms_code().translate(WRONG))) == INVALID
    assert api.verify(ticket, sent_sms_code()).status_code == 200


def test_a_step_up_within_the_wait_sends_nothing(api, grace, configure):
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=60)
    access = api.pair(grace)["access"]
    assert api.call("2fa/step-up/", access=access).json()["sent"] is True
    assert api.call("2fa/step-up/", access=access).json()["sent"] is False


# Permissions


def test_a_login_with_a_second_factor_opens_the_view(api, grace):
    assert knock(protected(HasSecondFactor, FreshLogin), api.pair(grace)["access"])[0] == 200


def test_a_login_without_one_does_not(api, ada):
    status, body = knock(protected(HasSecondFactor), api.pair(ada)["access"])
    assert (status, body) == REAUTHENTICATE


@pytest.mark.parametrize("classes", [(HasSecondFactor,), (FreshLogin,), (FreshLogin(max_age=60),)])
def test_nobody_is_asked_to_sign_in(classes):
    assert knock(protected(*classes))[0] == 401


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"acr": "aal2"},
        {"amr": ["pwd", "mfa"]},
        {"amr": "mfa", "acr": "aal2"},
        {"amr": ["mfa", 1], "acr": "aal2"},
        {"amr": ["pwd"], "acr": "aal2"},
        {"amr": ["mfa"], "acr": "aal1"},
    ],
)
def test_claims_that_are_missing_or_odd_prove_no_second_factor(grace, values):
    assert knock(protected(HasSecondFactor), with_claims(grace, **values)) == REAUTHENTICATE


@pytest.mark.parametrize("auth_time", [None, "now", True, 1.5, [], -1])
def test_claims_that_are_missing_or_odd_are_not_fresh(grace, auth_time):
    values = {} if auth_time is None else {"auth_time": auth_time}
    assert knock(protected(FreshLogin), with_claims(grace, **values)) == REAUTHENTICATE


@pytest.mark.parametrize(("age", "status"), [(0, 200), (300, 200), (301, 403), (-60, 200), (-61, 403)])
def test_a_login_is_fresh_for_five_minutes_of_this_servers_clock(grace, age, status):
    with time_machine.travel(int(time.time()), tick=False):
        access = with_claims(grace, auth_time=int(time.time()) - age)
        assert knock(protected(FreshLogin), access)[0] == status


@pytest.mark.parametrize(("age", "status"), [(0, 200), (58, 200), (62, 403)])
def test_how_long_is_a_choice_of_the_view(grace, age, status):
    with time_machine.travel(int(time.time()), tick=False):
        access = with_claims(grace, auth_time=int(time.time()) - age)
        assert knock(protected(IsAuthenticated, FreshLogin(max_age=60)), access)[0] == status


def test_permissions_can_be_combined(ada, grace):
    either = protected(HasSecondFactor | FreshLogin(max_age=60))
    both = protected(FreshLogin(max_age=60) & HasSecondFactor)
    access = with_claims(ada, auth_time=int(time.time()))
    assert (knock(either, access)[0], knock(both, access)[0]) == (200, 403)


def test_a_session_of_django_proves_neither(grace):
    request = APIRequestFactory().get("/")
    request.user = grace
    for permission in (HasSecondFactor, FreshLogin):

        class View(APIView):
            authentication_classes = []
            permission_classes = [permission]

        assert View.as_view()(request).status_code == 403


def test_a_forged_claim_is_no_token(grace):
    header, _, signature = with_claims(grace).split(".")
    forged = with_claims(grace, acr="aal2", amr=["mfa"]).split(".")[1]
    assert knock(protected(HasSecondFactor), f"{header}.{forged}.{signature}")[0] == 401


def test_who_has_become_an_administrator_meanwhile_signs_in_by_code_no_more(api, person):
    grace = person(device=PHONE)
    api.request_email(EMAIL)
    answer = api.exchange_email(EMAIL, sent_code())
    access = api.verify(answer.json()["ticket"], sent_sms_code()).json()["access"]
    setattr(grace, "is_staff" if hasattr(grace, "is_staff") else "is_admin", True)
    grace.save()
    ticket = api.call("2fa/step-up/", access=access).json()["ticket"]
    assert api.verify(ticket, sent_sms_code()).status_code == 401


@pytest.mark.parametrize("age", [0, -1, 3601, float("inf"), float("nan")])
def test_no_login_is_fresh_after_an_hour(age):
    with pytest.raises(ValueError, match="3600"):
        FreshLogin(max_age=age)
    assert FreshLogin(max_age=3600).max_age == 3600
