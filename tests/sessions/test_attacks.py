"""What somebody tries with tokens that are over, or that are none."""

import base64

import pytest

from tests.sessions.conftest import GONE, outcome
from tests.two_factor.conftest import two_factor

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
