"""Each way to sign in starts one session, with its client and network; what is no login yet starts none."""

import pytest
from django.contrib.auth import get_user_model
from rest_framework_simplejwt.tokens import AccessToken

from jwt_drf_passwordless.exceptions import InvalidCredentials
from jwt_drf_passwordless.models import Session
from jwt_drf_passwordless.sessions.services import end_session
from jwt_drf_passwordless.token_response import generate_auth_token
from tests.conftest import sent_sms_code
from tests.sessions.conftest import GONE, claims, outcome
from tests.two_factor.conftest import LOGIN_PHONE, PHONE
from tests.two_factor.test_every_first_factor import WAYS

pytestmark = pytest.mark.django_db

every_way = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)


@pytest.fixture(autouse=True)
def _with_links(configure):
    configure(PASSWORDLESS_EMAIL_LOGIN_URL="https://app.example/login#token={token}")


@pytest.fixture
def from_afar(api):
    api.client.defaults.update(REMOTE_ADDR="203.0.113.77", HTTP_USER_AGENT="App/1")


@every_way
@pytest.mark.usefixtures("from_afar")
def test_a_login_starts_one_session(api, person, configure, way):
    person(phone=LOGIN_PHONE)
    pair = way(api, configure).json()
    session = Session.objects.get()
    assert claims(pair["refresh"])["sid"] == claims(pair["access"])["sid"] == str(session.pk)
    assert session.jti == claims(pair["refresh"])["jti"]
    assert (session.amr.split(), session.name, session.network) == (WAYS[way], "App/1", "203.0.113.0/24")


@every_way
@pytest.mark.usefixtures("from_afar")
def test_with_a_second_factor_the_second_step_starts_it(api, person, configure, way):
    person(phone=LOGIN_PHONE, device=PHONE)
    first = way(api, configure)
    assert first.status_code == 206
    assert not Session.objects.exists()
    assert api.verify(first.json()["ticket"], "000000").status_code == 400
    assert not Session.objects.exists()
    assert api.verify(first.json()["ticket"], sent_sms_code()).status_code == 200
    session = Session.objects.get()
    assert (session.amr.split()[-1], session.name, session.network) == ("mfa", "App/1", "203.0.113.0/24")


@every_way
def test_who_has_to_enrol_first_has_no_session(api, person, configure, way):
    person(phone=LOGIN_PHONE)
    configure(TWO_FACTOR={"required": True})
    assert way(api, configure).status_code == 206
    assert not Session.objects.exists()


@pytest.mark.usefixtures("ada")
def test_a_failed_login_starts_none(api):
    api.request_email("ada@example.com")
    assert api.exchange_email("ada@example.com", "x").status_code == 400
    assert not Session.objects.exists()


def test_a_project_may_start_one_without_a_request(ada):
    pair = generate_auth_token(ada)
    assert Session.objects.get().network == ""
    assert claims(pair["refresh"])["sid"] == str(Session.objects.get().pk)


@pytest.mark.django_db(transaction=True)
def test_a_user_who_is_deleted_meanwhile_gets_no_tokens(ada):
    get_user_model().objects.filter(pk=ada.pk).delete()
    with pytest.raises(InvalidCredentials):
        generate_auth_token(ada)


@pytest.fixture
def stepping_up(api, person):
    """A user with a phone, the pair of a login by both factors, and the ticket of its step-up."""
    grace = person(email="grace@example.com", device=PHONE)
    pair = api.pair(grace)
    return grace, pair, api.call("2fa/step-up/", access=pair["access"]).json()["ticket"]


def test_a_step_up_begins_a_session_in_place_of_the_one_before(api, stepping_up):
    grace, pair, ticket = stepping_up
    other = api.pair(grace)
    assert api.verify(ticket, sent_sms_code()).status_code == 400  # that is the code of the other login
    ticket = api.call("2fa/step-up/", access=pair["access"]).json()["ticket"]
    new = api.verify(ticket, sent_sms_code()).json()
    expected = {claims(other["access"])["sid"], claims(new["access"])["sid"]}
    assert {str(pk) for pk in Session.objects.values_list("pk", flat=True)} == expected
    assert api.refresh(pair["refresh"]).status_code == 401
    assert api.refresh(other["refresh"]).status_code == 200


@pytest.mark.parametrize("sid", ["x", "", "00000000-0000-4000-8000-000000000000"])
def test_a_session_that_is_none_cannot_step_up_and_ends_none(api, stepping_up, sid):
    grace, pair, _ = stepping_up
    token = AccessToken(pair["access"])
    token["sid"] = sid
    assert outcome(api.call("2fa/step-up/", access=str(token))) == GONE
    assert Session.objects.filter(user=grace).count() == 1


def test_an_id_that_is_none_ends_nothing(ada):
    assert end_session(ada, "x", reason="support") is False
