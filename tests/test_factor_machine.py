"""Everything that may happen to an authenticator app, in any order, beside a plain model.

See test_challenge_machine.py.
"""

import math
import secrets
from dataclasses import dataclass
from datetime import datetime, timezone

import jwt
import pytest
import time_machine
from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.test import override_settings
from hypothesis import strategies as some
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule
from hypothesis.stateful import run_state_machine_as_test as run
from pyotp import TOTP

from jwt_drf_passwordless.models import Authenticator, PasswordlessChallengeToken
from tests.conftest import SCAN
from tests.test_challenge_machine import DAY, LIFETIME, MAX_TRIES, NOON, machine_settings, wait_after
from tests.two_factor.conftest import PASSWORD, TwoFactorApi

STEP, TICKET, FRESH = 30, 300, 300


@dataclass
class App:
    """A secret, and the time step of the last code of it that was taken."""

    secret: str
    step: int = 0


@dataclass
class Challenge:
    """What the model knows of a challenge, of a login or of an enrolment."""

    expires: float
    #: The ticket that is good for it; none any more once the app was changed.
    ticket: str = ""
    next_send: float = 0
    sends: int = 0
    uses: int = 0
    tries: int = 0


@dataclass(frozen=True)
class Ticket:
    text: str
    since: float


@dataclass(frozen=True)
class Login:
    access: str
    since: float
    with_app: bool


class FactorMachine(RuleBasedStateMachine):
    tickets = Bundle("tickets")
    logins = Bundle("logins")
    #: Time steps between the one of a code and now.
    offs = some.sampled_from([0, 0, 0, -1, 1, -2, 2])

    def __init__(self, make_user):
        super().__init__()
        self.api = TwoFactorApi()
        self.clock = time_machine.travel(NOON, tick=False)
        self.traveller = self.clock.start()
        PasswordlessChallengeToken.objects.all().delete()
        get_user_model().objects.all().delete()
        self.user = make_user(email="ada@example.com")
        self.user.set_password(PASSWORD)
        self.user.save()
        self.app: App | None = None
        self.pending: App | None = None
        self.login: Challenge | None = None
        self.enrolment: Challenge | None = None
        changes = {"TWO_FACTOR": {"factors": ["jwt_drf_passwordless.two_factor.totp.TotpFactor"]}}
        self.override = override_settings(JWT_DRF_PASSWORDLESS={**django_settings.JWT_DRF_PASSWORDLESS, **changes})
        self.override.enable()

    def teardown(self):
        self.override.disable()
        self.clock.stop()
        leaks = SCAN.leaks_in_logs()
        SCAN.forget()
        assert leaks == []

    @initialize(target=logins)
    def enrol(self):
        """Most orders would not get so far by themselves."""
        self.log_in()
        login = Login(self.pair["access"], self.now, with_app=False)
        self.begin(login)
        self.confirm(login, off=0, is_right=True)
        return login

    @rule(target=tickets)
    def log_in(self):
        """By password, which is half of a login while there is an app."""
        answer = self.api.token(self.user)
        if self.app is None:
            assert answer.status_code == 200
            self.pair = answer.json()
            return multiple()
        assert answer.status_code == 206
        left = math.ceil(self.login.next_send - self.now) if self.login else 0
        if 0 < left <= wait_after(self.login.sends if self.login else 0) + 60:
            # Nothing is sent that one would have to wait for, but the tries stay.
            self.login.uses, self.login.expires = 0, self.now + LIFETIME
        else:
            sends = self.login.sends + 1 if self.login and self.now - self.login.next_send < DAY else 1
            self.login = Challenge(self.now + LIFETIME, next_send=self.now + wait_after(sends), sends=sends)
        self.login.ticket = answer.json()["ticket"]
        return Ticket(self.login.ticket, self.now)

    @rule(target=logins)
    def log_in_without_an_app(self):
        if self.app is not None:
            return multiple()
        self.log_in()
        return Login(self.pair["access"], self.now, with_app=False)

    @rule(target=logins, ticket=tickets, off=offs, is_right=some.sampled_from([True, True, False]))
    def finish(self, ticket, off, is_right):
        code = self.code_of(self.app, off, is_right)
        answer = self.api.verify(ticket.text, code)
        is_good = self.login is not None and self.login.ticket == ticket.text and not self.login.uses
        if not (self.app and is_good and int(self.now) - int(ticket.since) <= TICKET):
            assert answer.status_code == 401
            return multiple()
        if not self.spend(self.login, self.app, code):
            assert answer.status_code == 400
            return multiple()
        assert answer.status_code == 200
        assert jwt.decode(answer.json()["access"], options={"verify_signature": False})["acr"] == "aal2"
        return Login(answer.json()["access"], self.now, with_app=True)

    @rule(ticket=tickets)
    def guess(self, ticket):
        for _ in range(MAX_TRIES):
            self.finish(ticket, off=0, is_right=False)

    @rule(login=logins)
    def begin(self, login):
        answer = self.api.call("2fa/factors/totp/", access=login.access)
        if self.is_refused(login, answer):
            return
        assert answer.status_code == 200
        sends = self.enrolment.sends + 1 if self.enrolment and self.now - self.enrolment.next_send < DAY else 1
        self.pending = App(answer.json()["secret"])
        self.enrolment = Challenge(self.now + LIFETIME, next_send=self.now + wait_after(sends), sends=sends)

    @rule(login=logins, off=offs, is_right=some.sampled_from([True, True, False]))
    def confirm(self, login, off, is_right):
        code = self.code_of(self.pending, off, is_right)
        answer = self.api.call("2fa/factors/totp/confirm/", {"token": code}, login.access)
        if self.is_refused(login, answer):
            return
        if not (self.enrolment and self.spend(self.enrolment, self.pending, code)):
            assert answer.status_code == 400
            return
        assert answer.status_code == 201
        self.app, self.pending = self.pending, None
        self.void()

    @rule(login=logins)
    def remove(self, login):
        pk = Authenticator.objects.filter(confirmed_at__isnull=False).values_list("pk", flat=True).first() or 0
        answer = self.api.send("DELETE", f"2fa/factors/totp/{pk}/", access=login.access)
        if self.now >= login.since + FRESH or self.now < login.since:
            assert answer.status_code == 401
        elif self.app is None:
            assert answer.status_code == 404
        elif not self.is_refused(login, answer):
            assert answer.status_code == 204
            self.app = None
            self.void()

    @rule(seconds=some.sampled_from([1, STEP, 2 * STEP, 60, TICKET, LIFETIME, 3600, DAY + 3600]))
    def wait(self, seconds):
        self.traveller.shift(seconds)

    @rule(seconds=some.sampled_from([1, STEP, 3600]))
    def step_back(self, seconds):
        self.traveller.shift(-seconds)

    @invariant()
    def the_tables_are_as_the_model_says(self):
        apps = Authenticator.objects.values_list("counter", flat=True)
        assert set(apps.filter(confirmed_at__isnull=False)) == ({self.app.step} if self.app else set())
        assert set(apps.filter(confirmed_at=None)) == ({self.pending.step} if self.pending else set())
        rows = PasswordlessChallengeToken.objects.values_list("purpose", "uses", "tries", "sends")
        wanted = [("second_factor", self.login), ("enrol_totp", self.enrolment)]
        assert {purpose: (uses, tries, sends) for purpose, uses, tries, sends in rows} == {
            purpose: (challenge.uses, challenge.tries, challenge.sends) for purpose, challenge in wanted if challenge
        }

    def spend(self, challenge, app, code):
        """Whether a code proves it; a try is spent before that is looked at, and a code works once."""
        if self.now >= challenge.expires or challenge.uses or challenge.tries >= MAX_TRIES:
            return False
        challenge.tries += 1
        now = int(self.now) // STEP
        steps = [step for step in (now - 1, now, now + 1) if app and app.step < step and self.at(app, step) == code]
        if not steps:
            return False
        app.step, challenge.uses, challenge.sends = max(steps), 1, 0
        return True

    def is_refused(self, login, answer):
        """Whether a login may change the app: it has to be fresh, and by the app if there is one."""
        if not login.since <= self.now < login.since + FRESH:
            assert answer.status_code == 401
            return True
        if self.app and not login.with_app:
            assert answer.status_code == 403
            return True
        return False

    def void(self):
        if self.login:
            self.login.ticket = ""

    def code_of(self, app, off, is_right):
        step = int(self.now) // STEP + off
        if app and is_right:
            return self.at(app, step)
        return f"{secrets.randbelow(10**6):06}"

    @staticmethod
    def at(app, step):
        return TOTP(app.secret).generate_otp(step)

    @property
    def now(self):
        return datetime.now(timezone.utc).timestamp()


@pytest.mark.django_db(transaction=True)
def test_an_app_does_what_the_model_says_in_any_order(make_user):
    run(lambda: FactorMachine(make_user), settings=machine_settings)
