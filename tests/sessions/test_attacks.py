"""What somebody tries with tokens that are over, or that are none."""

import base64

import pytest

from tests.sessions.conftest import GONE, outcome
from tests.two_factor.conftest import PHONE, two_factor

pytestmark = pytest.mark.django_db

__all__ = ["two_factor"]

#: The header of a JWT, in JSON too deep to be read.
DEEP = base64.urlsafe_b64encode(b'{"alg":' + b"[" * 8000).decode().rstrip("=") + ".e30.c2ln"


@pytest.fixture(params=["with sessions", "without"])
def _with_and_without(request, configure):
    if request.param == "without":
        configure(SESSIONS=None)


@pytest.mark.usefixtures("_with_and_without")
@pytest.mark.parametrize(("route", "key"), [("refresh", "refresh"), ("verify", "token")])
def test_a_token_of_too_deep_json_is_not_valid(api, db, route, key):
    assert outcome(api.call(f"token/{route}/", {key: DEEP})) == GONE


def test_a_logout_by_a_token_of_too_deep_json_tells_nothing(api, db):
    assert api.log_out(DEEP).status_code == 204


@pytest.mark.usefixtures("_with_and_without")
@pytest.mark.parametrize(
    "route", ["2fa/factors/", "2fa/trusted-devices/", "2fa/step-up/", "contact/email/", "2fa/phone/"]
)
def test_a_bearer_of_too_deep_json_is_not_valid(api, db, two_factor, route):
    verb = "GET" if route in ("2fa/factors/", "2fa/trusted-devices/", "2fa/phone/") else "POST"
    two_factor(trusted_device_days=1)
    assert outcome(api.send(verb, route, access=DEEP)) == GONE


ROUTES = [
    ("POST", "contact/email/", {"email": "bob@example.com"}),
    ("POST", "contact/email/confirm/", {"email": "bob@example.com", "token": "123456"}),
    ("POST", "2fa/phone-verify/", {"authy_phone": PHONE}),
    ("POST", "2fa/phone-register/", {"authy_phone": PHONE, "token": "123456"}),
    ("POST", "2fa/step-up/", {}),
    ("GET", "2fa/factors/", None),
    ("POST", "2fa/factors/phone/", {"authy_phone": PHONE}),
    ("DELETE", "2fa/factors/phone/1/", {"token": "123456"}),
    ("PATCH", "2fa/factors/phone/1/", {"name": "mine"}),
    ("DELETE", "2fa/phone/", {"token": "123456"}),
]


@pytest.mark.parametrize(("verb", "route", "body"), ROUTES)
def test_an_access_token_of_a_session_that_was_ended_changes_nothing(api, ada, verb, route, body):
    stolen, mine = api.log_in()["access"], api.log_in()["access"]
    assert api.send("DELETE", "sessions/others/", access=mine).status_code == 204
    assert outcome(api.send(verb, route, body, stolen)) == GONE
