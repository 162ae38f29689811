"""A client of the second factor's routes, and users with a password and, where asked for, a phone."""

import json
from datetime import datetime, timezone
from typing import Any

import pytest
from django.conf import settings

from jwt_drf_passwordless.conf import settings as package_settings
from jwt_drf_passwordless.models import PhoneDevice
from tests.conftest import SCAN, Api, sent_sms_code

EMAIL = "ada@example.com"
#: The phone that signs in, and the one that is the second factor.
LOGIN_PHONE = "+12015550123"
PHONE = "+12015550199"
OTHER_PHONE = "+12015550177"
PASSWORD = "correct horse battery"
#: Turns a code into another one of the same form.
WRONG = str.maketrans("0123456789", "1234567890")


class TwoFactorApi(Api):
    """Sends JSON to the routes below `api/`, with an access token where one is given."""

    def send(self, verb: str, route: str, body: Any = None, access: str | None = None, **extra: Any) -> Any:
        """`body` is an object for JSON, or a text sent as it is."""
        if access:
            extra["headers"] = {"Authorization": f"Bearer {access}"}
        data = body if isinstance(body, str | bytes) else json.dumps({} if body is None else body)
        SCAN.used(*(body.values() if isinstance(body, dict) else ()))
        response = self.client.generic(verb, f"/api/{route}", data, content_type="application/json", **extra)
        SCAN.answered(response)
        return response

    def call(self, route: str, body: Any = None, access: str | None = None, **extra: Any) -> Any:
        return self.send("POST", route, body, access, **extra)

    def token(self, user: Any, password: str = PASSWORD) -> Any:
        """A login by password."""
        return self.call("token/", self.credentials(user, password))

    def ticket(self, user: Any) -> str:
        """The ticket of a login by password."""
        ticket: str = self.token(user).json()["ticket"]
        return ticket

    def verify(self, ticket: str, code: str) -> Any:
        return self.call("2fa/token-verify/", {"ticket": ticket, "token": code})

    def pair(self, user: Any) -> dict[str, str]:
        """The tokens of a whole login, with the second factor where there is one."""
        answer = self.token(user)
        if answer.status_code == 206:
            answer = self.verify(answer.json()["ticket"], sent_sms_code())
        assert answer.status_code == 200
        pair: dict[str, str] = answer.json()
        return pair

    @staticmethod
    def credentials(user: Any, password: str = PASSWORD) -> dict[str, str]:
        return {user.USERNAME_FIELD: user.get_username(), "password": password}


@pytest.fixture(autouse=True)
def _switched_on(configure):
    """Second factors are on, and no wait gets in the way; tests of waits set one."""
    configure(TWO_FACTOR={}, TOKEN_REQUEST_THROTTLE_SECONDS=0)


@pytest.fixture
def two_factor(configure):
    """Change keys of `TWO_FACTOR`: `two_factor(required=True)`."""

    def change(**keys: Any) -> None:
        configure(TWO_FACTOR={**package_settings.TWO_FACTOR, **keys})

    return change


@pytest.fixture
def api():
    return TwoFactorApi()


@pytest.fixture
def person(make_user):
    """Make a user with a password: `person(device=PHONE)` has a second factor."""

    def make(*, device: str | None = None, email: str = EMAIL, **fields: Any) -> Any:
        user = make_user(email=email, **fields)
        user.set_password(PASSWORD)
        user.save()
        if device:
            enrol(user, device)
        return user

    return make


def enrol(user: Any, number: str = PHONE, **fields: Any) -> PhoneDevice:
    """Store a phone that was confirmed long ago."""
    SCAN.used(number)
    long_ago = datetime(2026, 1, 1, tzinfo=timezone.utc if settings.USE_TZ else None)
    values = {"number": number, "provider": "local", "confirmed_at": long_ago, **fields}
    return PhoneDevice.objects.create(user=user, **values)


@pytest.fixture
def ada(person):
    """A user without a second factor."""
    return person()


@pytest.fixture
def grace(person):
    """A user whose phone is the second factor."""
    return person(email="grace@example.com", device=PHONE)
