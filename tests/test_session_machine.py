"""Everything that may happen to sessions, in any order, beside a plain model; see test_challenge_machine.py."""

from dataclasses import dataclass, field
from datetime import datetime, timezone
from io import StringIO

import jwt
import pytest
import time_machine
from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.test import override_settings
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

from jwt_drf_passwordless.models import Session
from tests.conftest import SCAN
from tests.test_challenge_machine import DAY, NOON, machine_settings
from tests.two_factor.conftest import PASSWORD, TwoFactorApi

LIFETIME, GRACE = 2 * DAY + 3600, 10
#: Seconds that SimpleJWT's tokens live.
REFRESH, ACCESS = DAY, 300


@dataclass
class Family:
    """What the model knows of a session: the refresh tokens that it was given, the newest last."""

    sid: str
    expires: float
    refresh_until: float
    rotated: float
    tokens: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Pair:
    sid: str
    refresh: str
    access: str


class SessionMachine(RuleBasedStateMachine):
    pairs = Bundle("pairs")

    def __init__(self, make_user):
        super().__init__()
        self.api = TwoFactorApi()
        self.clock = time_machine.travel(NOON, tick=False)
        self.traveller = self.clock.start()
        get_user_model().objects.all().delete()
        self.user = make_user(email="ada@example.com")
        self.user.set_password(PASSWORD)
        self.user.save()
        #: The sessions whose rows there are, by id.
        self.families: dict[str, Family] = {}

    @initialize(grace=some.sampled_from([GRACE, GRACE, 0]))
    def configure(self, grace):
        self.grace = grace
        changes = {"SESSIONS": {"lifetime": LIFETIME, "grace": grace}, "TWO_FACTOR": {}}
        self.override = override_settings(JWT_DRF_PASSWORDLESS={**django_settings.JWT_DRF_PASSWORDLESS, **changes})
        self.override.enable()

    def teardown(self):
        if hasattr(self, "override"):
            self.override.disable()
        self.clock.stop()
        leaks = SCAN.leaks_in_logs()
        SCAN.forget()
        assert leaks == []

    # What people and clients do

    @rule(target=pairs)
    def log_in(self):
        answer = self.api.token(self.user)
        if not self.user.is_active:
            assert answer.status_code == 401
            return multiple()
        assert answer.status_code == 200
        pair = self.read(answer)
        self.families[pair.sid] = Family(
            pair.sid, self.now + LIFETIME, self.now + REFRESH, self.now, tokens=[pair.refresh]
        )
        return pair

    @rule(target=pairs, pair=pairs)
    def refresh(self, pair):
        """With any refresh token that there ever was."""
        answer = self.api.call("token/refresh/", {"refresh": pair.refresh})
        family = self.live_family(pair)
        is_current = family is not None and family.tokens[-1] == pair.refresh
        is_repeated = (
            family is not None
            and family.tokens[-2:-1] == [pair.refresh]
            and abs(self.now - family.rotated) < self.grace
        )
        if not (self.is_read(pair.refresh) and self.user.is_active and (is_current or is_repeated)):
            assert answer.status_code == 401
            if family and self.is_read(pair.refresh):
                del self.families[pair.sid]
            return multiple()
        assert answer.status_code == 200
        new = self.read(answer)
        assert new.sid == pair.sid
        if is_repeated:
            assert new.refresh == family.tokens[-1]
        else:
            assert new.refresh not in family.tokens
            family.tokens.append(new.refresh)
            family.rotated = self.now
            family.refresh_until = min(self.now + REFRESH, family.expires)
        return new

    @rule(pair=pairs)
    def log_out(self, pair):
        assert self.api.call("token/logout/", {"refresh": pair.refresh}).status_code == 204
        if self.is_read(pair.refresh) and self.live_family(pair):
            del self.families[pair.sid]

    @rule(pair=pairs)
    def verify(self, pair):
        answer = self.api.call("token/verify/", {"token": pair.refresh})
        assert answer.status_code == (200 if self.is_read(pair.refresh) and self.live_family(pair) else 401)

    @rule(pair=pairs)
    def look_at_the_list(self, pair):
        answer = self.api.send("GET", "sessions/", access=pair.access)
        if not self.lets_in(pair):
            assert answer.status_code == 401
            return
        live = {family.sid for family in self.families.values() if family.refresh_until > self.now}
        assert {session["id"] for session in answer.json()} == live
        assert [session["id"] for session in answer.json() if session["current"]] == [pair.sid]

    @rule(pair=pairs)
    def end_the_others(self, pair):
        answer = self.api.send("DELETE", "sessions/others/", access=pair.access)
        assert answer.status_code == (204 if self.lets_in(pair) else 401)
        if self.lets_in(pair):
            self.families = {pair.sid: self.families[pair.sid]}

    @rule(pair=pairs, other=pairs)
    def end_one(self, pair, other):
        answer = self.api.send("DELETE", f"sessions/{other.sid}/", access=pair.access)
        there = other.sid in self.families
        assert answer.status_code == ((204 if there else 404) if self.lets_in(pair) else 401)
        if answer.status_code == 204:
            del self.families[other.sid]

    # What administrators and the clock do

    @rule(is_active=some.booleans())
    def activate_or_deactivate(self, is_active):
        self.user.is_active = is_active
        self.user.save()

    @precondition(lambda self: any(family.refresh_until < self.now for family in self.families.values()))
    @rule()
    def clear(self):
        call_command("clear_passwordless_tokens", stdout=StringIO())
        self.families = {sid: family for sid, family in self.families.items() if family.refresh_until >= self.now}

    @rule(seconds=some.sampled_from([1, GRACE - 1, GRACE, ACCESS, 6 * 3600, REFRESH - 1, REFRESH]))
    def wait(self, seconds):
        self.traveller.shift(seconds)

    @rule(seconds=some.sampled_from([1, GRACE - 1, GRACE, 3600]))
    def step_back(self, seconds):
        self.traveller.shift(-seconds)

    # What must be

    @invariant()
    def the_table_is_as_the_model_says(self):
        rows = {
            str(row.pk): (row.jti, row.refresh_until.timestamp(), row.expires_at.timestamp())
            for row in Session.objects.all()
        }
        assert rows == {
            sid: (self.claims(family.tokens[-1])["jti"], family.refresh_until, family.expires)
            for sid, family in self.families.items()
        }

    def live_family(self, pair):
        """The session of a pair, until it has ended."""
        family = self.families.get(pair.sid)
        return family if family and family.refresh_until > self.now else None

    def is_read(self, text):
        """Whether a token is neither expired nor from the future."""
        return self.claims(text)["iat"] <= self.now < self.claims(text)["exp"]

    def lets_in(self, pair):
        return self.user.is_active and self.is_read(pair.access) and self.live_family(pair) is not None

    # Helpers

    @property
    def now(self):
        return datetime.now(timezone.utc).timestamp()

    @staticmethod
    def claims(text):
        return jwt.decode(text, options={"verify_signature": False})

    def read(self, answer):
        pair = answer.json()
        return Pair(self.claims(pair["refresh"])["sid"], pair["refresh"], pair["access"])


@pytest.mark.django_db(transaction=True)
def test_sessions_do_what_the_model_says_in_any_order(make_user):
    run_state_machine_as_test(lambda: SessionMachine(make_user), settings=machine_settings)
