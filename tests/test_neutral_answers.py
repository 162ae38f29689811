"""Answers do not tell whether an address has an account, nor in which state that is (ASVS 6.3.8)."""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any

import pytest
import sms
import time_machine
from django.contrib.auth import get_user_model
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext

from jwt_drf_passwordless.conf import settings as package_settings
from jwt_drf_passwordless.services import PasswordlessTokenService
from tests.conftest import sent_code, sent_sms_code, set_mail_backend

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=timezone.utc)
#: Never drawn from the alphabet of digits.
WRONG_CODE = "wrong!"
#: The administrator's flags that the current user model has.
ADMIN_FLAGS = [
    field.name
    for field in get_user_model()._meta.get_fields()
    if field.name in {"is_staff", "is_superuser", "is_admin"}
]
#: What a mailer says, and nobody else must hear.
MAILER_SAYS = "550 no mailbox of that name at relay-7"


@dataclass(frozen=True)
class Way:
    """One way to sign in, so that a test can be run for each."""

    name: str
    known: str
    unknown: str
    field_setting: str
    argument: str
    last_code: Callable[[], str]

    @property
    def field(self) -> str:
        return getattr(package_settings, self.field_setting)

    @property
    def outbox(self) -> list[Any]:
        return {"email": mail, "mobile": sms}[self.name].outbox

    def request(self, api: Any, identifier: Any) -> Any:
        return api.post(f"request/{self.name}/", {self.field: identifier})

    def exchange(self, api: Any, identifier: Any, token: Any) -> Any:
        return api.post(f"exchange/{self.name}/", {self.field: identifier, "token": token})

    def held(self, identifier: str) -> dict[str, str]:
        """The argument of `make_user` for a user with this identifier."""
        return {self.argument: identifier}


BY_EMAIL = Way("email", "ada@example.com", "bob@example.com", "EMAIL_FIELD_NAME", "email", sent_code)
BY_MOBILE = Way("mobile", "+12015550123", "+12015550124", "MOBILE_FIELD_NAME", "phone", sent_sms_code)
each_way = pytest.mark.parametrize("way", [BY_EMAIL, BY_MOBILE], ids=lambda way: way.name)


class BrokenBackend:
    """A mail and SMS backend that cannot send."""

    def __init__(self, **options: Any) -> None:
        pass

    def send_messages(self, messages: Any) -> int:
        raise ConnectionError(MAILER_SAYS)


def _no_account(way, make_user, settings):
    pass


def _account(way, make_user, settings, **fields):
    make_user(**way.held(way.known), **fields)


def _account_refused_by_the_projects_rule(way, make_user, settings):
    make_user(**way.held(way.known))
    settings.SIMPLE_JWT = {"USER_AUTHENTICATION_RULE": lambda user: False}


def _two_accounts(way, make_user, settings):
    # The one text column that all user models have and that need not be unique.
    settings.JWT_DRF_PASSWORDLESS = {**settings.JWT_DRF_PASSWORDLESS, way.field_setting: "password"}
    for _ in range(2):
        user = make_user()
        user.password = way.known
        user.save()


def _undeliverable_account(way, make_user, settings):
    make_user(**way.held(way.known))
    set_mail_backend(settings, "tests.test_neutral_answers.BrokenBackend")
    settings.SMS_BACKEND = "tests.test_neutral_answers.BrokenBackend"


REFUSED = {
    "no account": _no_account,
    "inactive": partial(_account, is_active=False),
    **{flag: partial(_account, **{flag: True}) for flag in ADMIN_FLAGS},
    "refused by rule": _account_refused_by_the_projects_rule,
    "two accounts": _two_accounts,
}
STATES = {"account": _account, "undeliverable": _undeliverable_account, **REFUSED}
each_state = pytest.mark.parametrize("state", STATES.values(), ids=STATES.keys())
each_refused_state = pytest.mark.parametrize("state", REFUSED.values(), ids=REFUSED.keys())


@pytest.fixture
def observe(monkeypatch):
    """Run a request and tell all that a client can see of it, its SQL verbs and its hash operations."""
    operations = []
    for module, name in ((hmac, "new"), (hashlib, "sha256")):
        real = getattr(module, name)

        def counted(*args, _name=name, _real=real, **kwargs):
            operations.append(_name)
            return _real(*args, **kwargs)

        monkeypatch.setattr(module, name, counted)

    def run(send, *args):
        operations.clear()
        with CaptureQueriesContext(connection) as queries:
            answer = send(*args)
        verbs = [query["sql"].split()[0] for query in queries]
        return {
            "status": answer.status_code,
            "body": answer.content,
            "headers": dict(answer.headers),
            "cookies": answer.cookies.output(),
            "statements": [verb for verb in verbs if verb in {"SELECT", "INSERT", "UPDATE", "DELETE"}],
            "hashing": list(operations),
        }

    return run


@pytest.fixture
def clock():
    """Time stands still, until the test moves it."""
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


SENT = (200, b'{"detail":"A token has been sent to you","code":"token_sent"}')
INVALID = (400, b'{"detail":"Invalid credentials","code":"invalid_credentials"}')


def _summary(seen):
    return seen["status"], seen["body"], seen["statements"]


@each_state
@each_way
def test_a_first_request_answers_as_one_for_an_unknown_address(api, make_user, settings, observe, clock, way, state):
    state(way, make_user, settings)

    unknown = observe(way.request, api, way.unknown)
    seen = observe(way.request, api, way.known)

    assert seen == unknown
    assert _summary(seen) == (*SENT, ["SELECT", "SELECT", "INSERT"])
    assert seen["cookies"] == ""


@each_state
@each_way
def test_a_request_in_cooldown_answers_as_one_for_an_unknown_address(
    api, make_user, settings, observe, clock, way, state
):
    state(way, make_user, settings)
    way.request(api, way.unknown)
    way.request(api, way.known)
    clock.shift(timedelta(seconds=20))

    unknown = observe(way.request, api, way.unknown)
    seen = observe(way.request, api, way.known)

    assert seen == unknown
    assert (seen["status"], seen["headers"]["Retry-After"]) == (429, "40")
    assert seen["statements"] == ["SELECT", "SELECT"]


@each_state
@each_way
def test_a_request_after_the_cooldown_answers_as_one_for_an_unknown_address(
    api, make_user, settings, observe, clock, way, state
):
    state(way, make_user, settings)
    way.request(api, way.unknown)
    way.request(api, way.known)
    clock.shift(timedelta(seconds=60))

    unknown = observe(way.request, api, way.unknown)
    seen = observe(way.request, api, way.known)

    assert seen == unknown
    assert _summary(seen) == (*SENT, ["SELECT", "SELECT", "UPDATE"])


@each_state
@each_way
def test_a_wrong_code_answers_as_one_for_an_unknown_address(api, make_user, settings, observe, clock, way, state):
    state(way, make_user, settings)
    way.request(api, way.known)

    never_requested = observe(way.exchange, api, way.unknown, WRONG_CODE)
    seen = observe(way.exchange, api, way.known, WRONG_CODE)

    assert seen == never_requested
    assert _summary(seen) == (*INVALID, ["SELECT", "UPDATE"])
    assert seen["hashing"].count("new") == 1


@each_way
def test_an_account_is_sent_a_message_on_the_first_request_and_none_in_cooldown(api, make_user, way):
    make_user(**way.held(way.known))

    way.request(api, way.known)
    assert len(way.outbox) == 1
    assert way.request(api, way.known).status_code == 429
    assert len(way.outbox) == 1


@each_refused_state
@each_way
def test_who_may_not_sign_in_is_sent_nothing(api, make_user, settings, way, state):
    state(way, make_user, settings)

    way.request(api, way.known)

    assert (mail.outbox, sms.outbox) == ([], [])


def _expired(way, api, clock):
    code = way.last_code()
    clock.shift(timedelta(seconds=600))
    return code


def _used(way, api, clock):
    code = way.last_code()
    assert way.exchange(api, way.known, code).status_code == 200
    return code


def _tried_too_often(way, api, clock):
    for _ in range(5):
        way.exchange(api, way.known, WRONG_CODE)
    return way.last_code()


def _overwritten(way, api, clock):
    code = way.last_code()
    clock.shift(timedelta(seconds=60))
    way.request(api, way.known)
    return code


@pytest.mark.parametrize("void", [_expired, _used, _tried_too_often, _overwritten])
@each_way
def test_a_void_code_answers_as_a_wrong_one_for_an_unknown_address(api, make_user, observe, clock, way, void):
    make_user(**way.held(way.known))
    way.request(api, way.known)
    code = void(way, api, clock)

    never_requested = observe(way.exchange, api, way.unknown, WRONG_CODE)
    seen = observe(way.exchange, api, way.known, code)

    assert seen == never_requested
    assert _summary(seen) == (*INVALID, ["SELECT", "UPDATE"])


@pytest.mark.parametrize("fields", [{"is_active": False}, *({flag: True} for flag in ADMIN_FLAGS)], ids=str)
@each_way
def test_the_right_code_of_a_refused_user_answers_as_a_wrong_one_for_an_unknown_address(
    api, make_user, observe, clock, way, fields
):
    user = make_user(**way.held(way.known), **fields)
    code = PasswordlessTokenService.create_token(user, way.field).short_token

    never_requested = observe(way.exchange, api, way.unknown, WRONG_CODE)
    seen = observe(way.exchange, api, way.known, code)

    assert seen == never_requested


@pytest.mark.parametrize("seconds", [20, 60], ids=["in cooldown", "after cooldown"])
@each_way
def test_registration_does_not_tell_new_from_existing(api, make_user, configure, observe, clock, way, seconds):
    configure(REGISTER_NONEXISTENT_USERS=True, TOKEN_REQUEST_THROTTLE_SECONDS=60)
    make_user(**way.held(way.known))
    way.request(api, way.known)
    way.request(api, way.unknown)
    clock.shift(timedelta(seconds=seconds))

    existing = observe(way.request, api, way.known)
    new = observe(way.request, api, way.unknown)

    assert new == existing


@each_way
def test_registration_sends_new_and_existing_users_a_message_each(api, make_user, configure, observe, clock, way):
    configure(REGISTER_NONEXISTENT_USERS=True)
    make_user(**way.held(way.known))

    existing = observe(way.request, api, way.known)
    new = observe(way.request, api, way.unknown)

    assert new == existing
    assert _summary(new) == (*SENT, ["SELECT", "SELECT", "INSERT"])
    assert len(way.outbox) == 2


@each_way
def test_registration_at_the_request_does_not_show_in_the_answer(api, make_user, configure, observe, clock, way):
    configure(REGISTER_NONEXISTENT_USERS=True, REGISTER_ON="request")
    make_user(**way.held(way.known))

    existing = observe(way.request, api, way.known)
    new = observe(way.request, api, way.unknown)

    for part in ("status", "body", "headers", "cookies"):
        assert new[part] == existing[part]


@each_refused_state
@each_way
def test_revealing_answers_400_to_who_may_not_sign_in(api, make_user, settings, configure, way, state):
    configure(REVEAL_ACCOUNT_EXISTENCE=True)
    state(way, make_user, settings)

    answer = way.request(api, way.known)

    assert (answer.status_code, answer.json()) == (400, {"detail": "Unable to send token", "code": "cannot_send"})
    assert way.outbox == []


@each_way
def test_revealing_answers_200_to_who_may_sign_in(api, make_user, configure, way):
    configure(REVEAL_ACCOUNT_EXISTENCE=True)
    make_user(**way.held(way.known))

    assert way.request(api, way.known).status_code == 200


@each_way
def test_revealing_answers_503_when_the_message_cannot_be_sent(api, make_user, settings, configure, way):
    configure(REVEAL_ACCOUNT_EXISTENCE=True)
    _undeliverable_account(way, make_user, settings)

    answer = way.request(api, way.known)

    assert (answer.status_code, answer.json()["code"]) == (503, "delivery_unavailable")


@pytest.mark.parametrize("reveal", [False, True])
@each_way
def test_what_the_mailer_says_is_not_repeated_to_the_client(api, make_user, settings, configure, way, reveal):
    configure(REVEAL_ACCOUNT_EXISTENCE=reveal)
    _undeliverable_account(way, make_user, settings)

    answer = way.request(api, way.known)

    assert MAILER_SAYS not in answer.content.decode() + str(answer.headers)


@each_way
def test_what_the_mailer_says_is_not_logged_since_it_may_hold_the_address(api, make_user, settings, caplog, way):
    _undeliverable_account(way, make_user, settings)

    way.request(api, way.known)

    assert "ConnectionError" in caplog.text
    assert MAILER_SAYS not in caplog.text
    assert way.known not in caplog.text


@each_way
def test_a_message_that_could_not_be_sent_keeps_the_cooldown(api, make_user, settings, way):
    _undeliverable_account(way, make_user, settings)

    assert way.request(api, way.known).status_code == 200
    assert way.request(api, way.known).status_code == 429
