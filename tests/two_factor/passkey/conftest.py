"""Sites with passkeys, and users who have them."""

from typing import Any

import pytest

from jwt_drf_passwordless.conf import settings as package_settings
from tests.two_factor.conftest import TwoFactorApi
from tests.two_factor.passkey.authenticator import ORIGIN, RP_ID, Passkey

PASSKEY_FACTOR = "jwt_drf_passwordless.two_factor.passkey.factor.PasskeyFactor"
PHONE_FACTOR = "jwt_drf_passwordless.two_factor.phone.factor.PhoneFactor"


class PasskeyApi(TwoFactorApi):
    """The routes of passkeys."""

    def begin(self, access: str) -> Any:
        return self.call("2fa/factors/passkey/", access=access)

    def confirm(self, access: str, credential: Any, **more: Any) -> Any:
        return self.call("2fa/factors/passkey/confirm/", {"token": credential, **more}, access)

    def register(self, access: str, passkey: Passkey | None = None, **more: Any) -> Passkey:
        """Register a passkey by the routes."""
        passkey = passkey or Passkey()
        answer = self.confirm(access, passkey.create(self.begin(access).json()["publicKey"]), **more)
        assert answer.status_code == 201, answer.json()
        return passkey

    def finish(self, answer: Any, credential: Any, **extra: Any) -> Any:
        """The second step of an answer 206."""
        body = {"ticket": answer.json()["ticket"], "token": credential, "method": "passkey"}
        return self.call("2fa/token-verify/", body, **extra)

    def options(self, answer: Any) -> dict[str, Any]:
        """What an answer 206 asks of passkeys."""
        found: dict[str, Any] = answer.json()["options"]["passkey"]
        return found

    def by_both(self, user: Any, passkey: Passkey, **changes: Any) -> Any:
        """A login by password and passkey."""
        answer = self.token(user)
        return self.finish(answer, passkey.get(self.options(answer), **changes))

    def ask(self, **extra: Any) -> Any:
        return self.call("passkey/request/", **extra)

    def sign_in(self, asked: Any, credential: Any, **extra: Any) -> Any:
        return self.call("passkey/login/", {"ticket": asked.json()["ticket"], "credential": credential}, **extra)

    def by_passkey(self, passkey: Passkey, **changes: Any) -> Any:
        """A login by passkey alone."""
        asked = self.ask()
        return self.sign_in(asked, passkey.get(asked.json()["publicKey"], **changes))


@pytest.fixture(autouse=True)
def _site(_switched_on, two_factor):
    two_factor(factors=[PHONE_FACTOR, PASSKEY_FACTOR], passkey={"rp_id": RP_ID, "origins": [ORIGIN]})


@pytest.fixture
def passkeys(two_factor):
    """Change keys of `TWO_FACTOR["passkey"]`: `passkeys(limit=1)`."""

    def change(**keys: Any) -> None:
        two_factor(passkey={**package_settings.TWO_FACTOR["passkey"], **keys})

    return change


@pytest.fixture
def api():
    return PasskeyApi()


@pytest.fixture
def passkey(api, ada):
    """The one of ada, which counts."""
    return api.register(api.pair(ada)["access"], Passkey(counter=7))


@pytest.fixture
def heard():
    """Signals that were sent: `heard(signal)` begins to listen and gives a list of what they told."""
    listening = []

    def listen(signal):
        told = []

        def receiver(**facts):
            told.append(facts)

        signal.connect(receiver)
        listening.append((signal, receiver))
        return told

    yield listen
    for signal, receiver in listening:
        signal.disconnect(receiver)
