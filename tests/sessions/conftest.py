"""A client of the routes of tokens and sessions, and users who are signed in."""

import time
from typing import Any

import jwt
import pytest
import time_machine

from jwt_drf_passwordless.conf import settings as package_settings
from jwt_drf_passwordless.models import Session
from tests.conftest import sent_code
from tests.two_factor.conftest import TwoFactorApi, person

__all__ = ["person"]

ADA = "ada@example.com"
BOB = "bob@example.com"
DAY = 24 * 3600
GONE = (401, "token_not_valid")


class SessionApi(TwoFactorApi):
    def log_in(self, email: str = ADA, **extra: Any) -> Any:
        """The pair of a login by email."""
        self.request_email(email)
        answer = self.exchange_email(email, sent_code(), **extra)
        assert answer.status_code == 200
        return answer.json()

    def refresh(self, token: str, **extra: Any) -> Any:
        return self.call("token/refresh/", {"refresh": token}, **extra)

    def log_out(self, token: str) -> Any:
        return self.call("token/logout/", {"refresh": token})

    def listed(self, access: str) -> Any:
        answer = self.send("GET", "sessions/", access=access)
        assert answer.status_code == 200
        return answer.json()

    def whoami(self, access: str) -> int:
        """The status of the project's protected view."""
        status: int = self.client.get("/whoami/", headers={"Authorization": f"Bearer {access}"}).status_code
        return status


@pytest.fixture
def api():
    return SessionApi()


@pytest.fixture(autouse=True)
def _switched_on(configure):
    configure(SESSIONS={}, TWO_FACTOR={}, TOKEN_REQUEST_THROTTLE_SECONDS=0)


@pytest.fixture
def sessions(configure):
    """Change keys of `SESSIONS`: `sessions(grace=0)`."""

    def change(**keys: Any) -> None:
        configure(SESSIONS={**package_settings.SESSIONS, **keys})

    return change


@pytest.fixture
def clock():
    """A clock that stands, and moves when told: `clock(5)` is five seconds from the start, `clock(-5)` before it."""
    start = int(time.time())
    travellers = []

    def move(seconds: float) -> None:
        leave()
        travellers.append(time_machine.travel(start + seconds, tick=False))
        travellers[-1].start()

    def leave() -> None:
        while travellers:
            travellers.pop().stop()

    move(0)
    yield move
    leave()


@pytest.fixture
def ada(make_user):
    return make_user(email=ADA)


@pytest.fixture
def bob(make_user):
    return make_user(email=BOB)


def claims(token: str) -> Any:
    """The claims as anybody reads them."""
    return jwt.decode(token, options={"verify_signature": False})


def session_of(token: str) -> Session:
    return Session.objects.get(pk=claims(token)["sid"])


def outcome(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code")
