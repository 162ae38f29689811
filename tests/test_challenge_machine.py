"""Everything that may happen to a challenge, in any order, beside a plain model that says what must come of it.

Each step is a real request, or what an administrator or the clock does; after each the table has to be as
the model says. The same orders are gone through each time; MACHINE_EXAMPLES=5000 goes through as many
new ones.
"""

import math
import os
import re
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timezone
from io import StringIO

import pytest
import sms
import time_machine
from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.core import mail
from django.core.management import call_command
from django.test import override_settings
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as some
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from jwt_drf_passwordless.conf import settings as package_settings
from jwt_drf_passwordless.models import PasswordlessChallengeToken
from tests.conftest import SCAN, Api

#: In Unix seconds: a time of a zone would change that of the process, which naive datetimes are in.
NOON = datetime(2026, 6, 1, 12, tzinfo=timezone.utc).timestamp()
DAY = 24 * 3600
LIFETIME, MAX_TRIES = 600, 5
#: Two addresses of which the user has one at a time, and the user's number.
HOME, WORK, PHONE = "ada@example.com", "ada@example.org", "+12015550123"
#: Turns a code into another one of the same form.
WRONG = str.maketrans("0123456789", "1234567890")

examples = int(os.environ.get("MACHINE_EXAMPLES", "0"))
machine_settings = hypothesis_settings(
    max_examples=examples or 50,
    stateful_step_count=30,
    derandomize=not examples,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@dataclass(frozen=True)
class Message:
    """What somebody was sent, with the handle that the one who asked for it got."""

    number: int
    identifier: str
    code: str
    link: str
    handle: str


@dataclass
class Row:
    """What the model knows of the challenge of an identifier; without a message nobody can have its code."""

    message: Message | None
    handle: str
    #: Which secret key its digests are made with.
    key: int
    expires: float
    next_send: float
    sends: int
    uses: int = 0
    tries: int = 0


def wait_after(sends: int) -> int:
    """Seconds until the next message: a minute twice, then twice as long each time, an hour at most."""
    return min(60 * 2 ** max(0, sends - 2), 3600)


class ChallengeMachine(RuleBasedStateMachine):
    messages = Bundle("messages")
    identifiers = some.sampled_from([HOME, WORK, PHONE])
    #: Seconds from a moment at which something ends.
    moments = some.sampled_from([-0.5, 0, 0.5])

    def __init__(self, make_user):
        super().__init__()
        self.api = Api()
        self.clock = time_machine.travel(NOON, tick=False)
        self.traveller = self.clock.start()
        PasswordlessChallengeToken.objects.all().delete()
        get_user_model().objects.all().delete()
        self.user = make_user(email=HOME, phone=PHONE)
        self.identifiers, self.is_active = {HOME, PHONE}, True
        self.rows: dict[str, Row] = {}
        self.keys, self.newest_key = [0], 0
        self.sent, self.let_in = 0, Counter()

    @initialize(max_uses=some.sampled_from([1, 2]), redeems=some.booleans(), bound=some.booleans())
    def configure(self, max_uses, redeems, bound):
        self.max_uses, self.bound = max_uses, bound
        self.max_tries = min(MAX_TRIES, max_uses) if redeems else MAX_TRIES
        changes = {
            "MAX_TOKEN_USES": max_uses,
            "INCORRECT_SHORT_TOKEN_REDEEMS_TOKEN": redeems,
            "BIND_TO_REQUEST": bound,
            "PASSWORDLESS_EMAIL_LOGIN_URL": "https://app.example/#{token}",
            "THROTTLE_RATES": {"number_range": None},
        }
        self.override = override_settings(
            JWT_DRF_PASSWORDLESS={**django_settings.JWT_DRF_PASSWORDLESS, **changes}, SECRET_KEY=self.secret(0)
        )
        self.override.enable()

    def teardown(self):
        if hasattr(self, "override"):
            self.override.disable()
        self.clock.stop()
        leaks = SCAN.leaks_in_logs()
        SCAN.forget()
        assert leaks == []

    # What people do

    @rule(target=messages, identifier=identifiers, waits=some.booleans(), off=moments)
    def request(self, identifier, waits, off):
        row = self.rows.get(identifier)
        if waits and row and self.wait_of(row):
            self.traveller.move_to(row.next_send + off)
        mail.outbox, sms.outbox = [], []
        ask = self.api.request_mobile if identifier == PHONE else self.api.request_email
        answer = ask(identifier)
        wait = self.wait_of(row) if row else 0
        if wait:
            assert (answer.status_code, answer["Retry-After"]) == (429, str(wait))
            assert not mail.outbox + sms.outbox
            return multiple()
        assert answer.status_code == 200
        message = self.read_message(identifier, answer.json().get("handle", ""))
        assert bool(message) == self.may_sign_in(identifier)
        sends = row.sends + 1 if row and self.now - row.next_send < DAY else 1
        self.rows[identifier] = Row(
            message,
            handle=answer.json().get("handle", ""),
            key=self.newest_key,
            expires=self.now + LIFETIME,
            next_send=self.now + wait_after(sends),
            sends=sends,
        )
        return message or multiple()

    @rule(
        identifier=identifiers,
        meanwhile=some.sampled_from(["nothing", "its end", "another address", "another key", "no user"]),
        off=moments,
    )
    def enter_the_newest_code(self, identifier, meanwhile, off):
        row = self.rows.get(identifier)
        if not (row and row.message and self.is_open(row)):
            return
        if meanwhile == "its end":
            self.traveller.move_to(row.expires + off)
        elif meanwhile == "another address":
            self.change_the_address(address=WORK if HOME in self.identifiers else HOME)
        elif meanwhile == "another key":
            self.change_the_secret_key(kept=1)
        elif meanwhile == "no user":
            self.activate_or_deactivate(is_active=False)
        self.enter(identifier, row.message.code, row.message.handle)

    @rule(message=messages)
    def enter_a_code(self, message):
        self.enter(message.identifier, message.code, message.handle)

    @rule(message=messages, times=some.sampled_from([1, 1, MAX_TRIES]))
    def enter_a_wrong_code(self, message, times):
        for _ in range(times):
            self.enter(message.identifier, message.code.translate(WRONG), message.handle)

    @precondition(lambda self: self.bound)
    @rule(message=messages)
    def enter_a_code_without_its_handle(self, message):
        self.enter(message.identifier, message.code, "")

    @rule(message=messages, identifier=identifiers)
    def enter_a_code_for(self, identifier, message):
        self.enter(identifier, message.code, message.handle)

    @rule(message=messages.filter(lambda message: message.link))
    def follow_a_link(self, message):
        self.follow(message, self.api.post("exchange/", {"token": message.link}))

    @rule(message=messages.filter(lambda message: message.link), identifier=identifiers)
    def follow_a_link_for(self, message, identifier):
        answer = self.exchange(identifier, message.link)
        if identifier == message.identifier:
            self.follow(message, answer)
        else:
            assert answer.status_code == 400

    # What administrators do

    @rule(address=some.sampled_from([HOME, WORK]))
    def change_the_address(self, address):
        setattr(self.user, package_settings.EMAIL_FIELD_NAME, address)
        self.user.save()
        self.identifiers = {address, PHONE}

    @rule(is_active=some.booleans())
    def activate_or_deactivate(self, is_active):
        self.user.is_active = self.is_active = is_active
        self.user.save()

    @rule(kept=some.integers(0, 2))
    def change_the_secret_key(self, kept):
        """A new key, and so many of the newest old ones as fallbacks."""
        self.newest_key += 1
        self.keys = [self.newest_key, *self.keys[:kept]]
        django_settings.SECRET_KEY, *django_settings.SECRET_KEY_FALLBACKS = map(self.secret, self.keys)

    @precondition(lambda self: any(row.expires < self.now - DAY for row in self.rows.values()))
    @rule()
    def clear(self):
        call_command("clear_passwordless_tokens", stdout=StringIO())
        past = self.now - DAY
        self.rows = {
            identifier: row
            for identifier, row in self.rows.items()
            if not (row.expires < past and row.next_send < past)
        }

    # What the clock does

    @rule(seconds=some.sampled_from([1, 30, 300, DAY, DAY + 3600]))
    def wait(self, seconds):
        self.traveller.shift(seconds)

    @rule(seconds=some.sampled_from([1, 60, 7200]))
    def step_back(self, seconds):
        """As a server's clock does that was set, or the clock of another server is."""
        self.traveller.shift(-seconds)

    # What must be

    @invariant()
    def the_table_is_as_the_model_says(self):
        found = PasswordlessChallengeToken.objects.all()
        assert {
            row.identifier: (row.uses, row.tries, row.sends, row.next_send_at.timestamp(), row.expires_at.timestamp())
            for row in found
        } == {
            identifier: (row.uses, row.tries, row.sends, row.next_send, row.expires)
            for identifier, row in self.rows.items()
        }

    def enter(self, identifier, code, handle):
        answer = self.exchange(identifier, code, **({"handle": handle} if self.bound else {}))
        row = self.rows.get(identifier)
        if row and (not self.bound or handle == row.handle) and self.is_open(row) and row.tries < self.max_tries:
            if row.message and row.message.code == code and row.key in self.keys:
                return self.use(row, answer)
            row.tries += 1
        assert answer.status_code == 400

    def follow(self, message, answer):
        row = self.rows.get(message.identifier)
        if row and row.message == message and self.is_open(row) and row.key in self.keys:
            return self.use(row, answer)
        assert answer.status_code == 400

    def use(self, row, answer):
        row.uses, row.sends = row.uses + 1, 0
        is_let_in = self.may_sign_in(row.message.identifier)
        assert answer.status_code == (200 if is_let_in else 400)
        self.let_in[row.message] += is_let_in
        assert self.let_in[row.message] <= self.max_uses

    def is_open(self, row):
        return self.now < row.expires and row.uses < self.max_uses

    def may_sign_in(self, identifier):
        return self.is_active and identifier in self.identifiers

    def wait_of(self, row):
        """Whole seconds that are left; one that is far too long comes from a clock that was wrong, or is over."""
        left = math.ceil(row.next_send - self.now)
        return left if 0 < left <= wait_after(row.sends) + 60 else 0

    # Helpers

    @property
    def now(self):
        return datetime.now(timezone.utc).timestamp()

    @staticmethod
    def secret(number):
        return f"the key of number {number}, which is as long as a key of Django has to be"

    def exchange(self, identifier, token, **extra):
        route, field = ("mobile", "MOBILE") if identifier == PHONE else ("email", "EMAIL")
        body = {getattr(package_settings, f"{field}_FIELD_NAME"): identifier, "token": token, **extra}
        return self.api.post(f"exchange/{route}/", body)

    def read_message(self, identifier, handle):
        """What was sent, if anything was."""
        bodies = [message.body for message in mail.outbox + sms.outbox]
        if not bodies:
            return None
        (body,) = bodies
        link = re.search("[a-z0-9]{64}", body)
        self.sent += 1
        code = re.search(r"\b\d{6}\b", body)[0]
        return Message(self.sent, identifier, code, link[0] if link else "", handle)


@pytest.mark.django_db(transaction=True)
def test_challenges_do_what_the_model_says_in_any_order(make_user):
    run_state_machine_as_test(lambda: ChallengeMachine(make_user), settings=machine_settings)
