"""The two changes, of an email address and of a phone number, and users who have signed in a moment ago."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import sms
from django.core import mail

from jwt_drf_passwordless.conf import settings as package_settings
from tests.conftest import SCAN, sent_code, sent_sms_code
from tests.two_factor.conftest import TwoFactorApi


@dataclass(frozen=True)
class Change:
    """A change of one kind of identifier, so that a test can be run for each."""

    name: str
    old: str
    new: str
    other: str
    field_setting: str
    argument: str
    last_code: Callable[[], str]

    @property
    def field(self) -> str:
        return getattr(package_settings, self.field_setting)

    @property
    def outbox(self) -> list[Any]:
        return {"email": mail, "mobile": sms}[self.name].outbox

    def held(self, identifier: str) -> dict[str, str]:
        """The argument of `make_user` for a user with this identifier."""
        return {self.argument: identifier}

    def ask(self, api: TwoFactorApi, access: str | None, identifier: Any = None, **extra: Any) -> Any:
        identifier = self.new if identifier is None else identifier
        return api.call(f"contact/{self.name}/", {self.field: identifier}, access, **extra)

    def confirm(
        self, api: TwoFactorApi, access: str | None, code: Any = None, identifier: Any = None, **extra: Any
    ) -> Any:
        body = {
            self.field: self.new if identifier is None else identifier,
            "token": self.last_code() if code is None else code,
        }
        return api.call(f"contact/{self.name}/confirm/", body, access, **extra)

    def log_in(self, api: TwoFactorApi, identifier: str | None = None) -> Any:
        """A login by a code; the old identifier's if none is given."""
        identifier = identifier or self.old
        getattr(api, f"request_{self.name}")(identifier)
        return getattr(api, f"exchange_{self.name}")(identifier, self.last_code())

    def access(self, api: TwoFactorApi) -> str:
        """The access token of a login a moment ago; the messages of it are forgotten."""
        answer = self.log_in(api)
        assert answer.status_code == 200
        mail.outbox.clear()
        sms.outbox.clear()
        access: str = answer.json()["access"]
        return access

    def value(self, user: Any) -> str:
        """What the user's field holds now."""
        user.refresh_from_db()
        return str(getattr(user, self.field))


EMAIL = Change(
    "email", "ada@example.com", "lovelace@example.com", "bob@example.com", "EMAIL_FIELD_NAME", "email", sent_code
)
MOBILE = Change("mobile", "+12015550123", "+12015550124", "+12015550155", "MOBILE_FIELD_NAME", "phone", sent_sms_code)
each_change = pytest.mark.parametrize("change", [EMAIL, MOBILE], ids=lambda change: change.name)

TOKEN_SENT = (200, {"detail": "A token has been sent to you", "code": "token_sent"})
CHANGED = (200, {"detail": "From now on you sign in by this one.", "code": "contact_changed"})


@pytest.fixture(autouse=True)
def _without_waits(configure):
    """No wait gets in the way; tests of waits set one."""
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=0)


@pytest.fixture
def api():
    return TwoFactorApi()


@pytest.fixture
def ada(make_user):
    """A user with an address and a number."""
    for change in (EMAIL, MOBILE):
        SCAN.used(change.new, change.other)
    return make_user(email=EMAIL.old, phone=MOBILE.old)
