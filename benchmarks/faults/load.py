"""Many clients that redeem codes and links, what each was answered, and whether the database says the same."""

import math
import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from django.contrib.auth import get_user_model

from benchmarks.faults.client import Client, is_failure
from jwt_drf_passwordless.models import PasswordlessChallengeToken
from jwt_drf_passwordless.services import PasswordlessTokenService
from tests_http.conftest import wrong_codes

CLIENTS = 8
#: Times that a code is tried: the right one of each, of codes and links; a wrong one, which leaves one try.
RIGHT_TRIES, WRONG_TRIES = 5, 4


@dataclass
class Case:
    """A challenge of a user of its own, and what each try was answered."""

    email: str
    code: str
    link: str
    #: Whether it is tried with wrong codes only, before the right one in the end.
    is_guessed_at: bool
    answers: list[object] = field(default_factory=list)
    uses: int = 0
    tries: int = 0

    def tokens(self) -> list[str]:
        """What is tried."""
        if self.is_guessed_at:
            return wrong_codes(self.code, WRONG_TRIES)
        return ([self.code, self.link] * RIGHT_TRIES)[:RIGHT_TRIES]

    def redeem(self, client: Client, token: str) -> object:
        status = client.redeem(self.email, token)
        self.answers.append(status)
        return status

    @property
    def is_doubled(self) -> bool:
        """Two were let in by one challenge, which is for one."""
        return self.answers.count(200) > 1 or self.uses > 1 or (200 in self.answers and self.uses != 1)

    @property
    def without_tokens(self) -> bool:
        """It is used up, and nobody got tokens for it."""
        return self.uses == 1 and 200 not in self.answers

    @property
    def is_lost(self) -> bool:
        """As `without_tokens`, and no answer was cut off or a server error that could have been the one."""
        return self.without_tokens and not any(is_failure(answer) for answer in self.answers)

    @property
    def is_miscounted(self) -> bool:
        """Tries that were answered as wrong and not counted, or more counted than were made."""
        if not self.is_guessed_at:
            return self.tries != 0
        uncertain = sum(is_failure(answer) for answer in self.answers)
        return not self.answers.count(400) <= self.tries <= self.answers.count(400) + uncertain


def make_cases(tries: int) -> list[Case]:
    """Challenges for so many tries, or a few more; of three, one is guessed at."""
    count = 3 * max(1, math.ceil(tries / (2 * RIGHT_TRIES + WRONG_TRIES)))
    names = [f"user-{uuid.uuid4()}" for _ in range(count)]
    user_model = get_user_model()
    user_model.objects.bulk_create([user_model(username=name, email=f"{name}@example.com") for name in names], 1000)
    cases = []
    for number, user in enumerate(user_model.objects.filter(username__in=names)):
        challenge = PasswordlessTokenService.create_token(user, "email")
        cases.append(Case(user.email, challenge.short_token, challenge.token, is_guessed_at=number % 3 == 0))
    return cases


class Load:
    """All tries of some cases, in random order, by several clients at once."""

    def __init__(self, client: Client, cases: list[Case]):
        self.client, self.cases = client, cases
        attempts = [(case, token) for case in cases for token in case.tokens()]
        random.shuffle(attempts)
        self.count = len(attempts)
        self._attempts: Iterator[tuple[Case, str]] = iter(attempts)
        self._lock = threading.Lock()
        self.done = 0

    def run(self, every: int = 0, disturb: Callable[[], None] = lambda: None) -> None:
        """Make all tries; `disturb` is called by a client of its own after each `every` of them."""
        with ThreadPoolExecutor(CLIENTS) as pool:
            clients = [pool.submit(self._work) for _ in range(CLIENTS)]
            due = every
            while every and not all(client.done() for client in clients):
                if self.done >= due:
                    disturb()
                    due = self.done + every
                time.sleep(0.01)
        for client in clients:
            client.result()

    def _work(self) -> None:
        while attempt := self._next():
            case, token = attempt
            if is_failure(case.redeem(self.client, token)):
                time.sleep(0.05)  # do not spend all tries on one outage

    def _next(self) -> tuple[Case, str] | None:
        with self._lock:
            self.done += 1
            return next(self._attempts, None)


@dataclass
class Verdict:
    """What must be 0, and what explains itself."""

    doubled: int = 0
    lost: int = 0
    miscounted: int = 0
    locked_out: int = 0
    #: Challenges that were used up while their answer was cut off or an error.
    cut_off: int = 0
    #: Challenges that nobody could use while it lasted, and that worked afterwards.
    late: int = 0

    @property
    def is_good(self) -> bool:
        return not (self.doubled or self.lost or self.miscounted or self.locked_out)


def judge(client: Client, cases: list[Case]) -> Verdict:
    """Compare answers and rows once all works again; then use what is unused, and try to use all once more."""
    read_rows(cases)
    verdict = Verdict(miscounted=sum(case.is_miscounted for case in cases))
    unused = [case for case in cases if case.uses == 0]
    with ThreadPoolExecutor(CLIENTS) as pool:
        for again in (unused, cases):
            answers = list(pool.map(lambda case: case.redeem(client, case.code), again))
            if again is unused:
                verdict.locked_out = len(unused) - answers.count(200)
                verdict.late = sum(not case.is_guessed_at for case in unused)
    read_rows(cases)
    verdict.doubled = sum(case.is_doubled for case in cases)
    verdict.lost = sum(case.is_lost for case in cases)
    verdict.cut_off = sum(case.without_tokens for case in cases)
    return verdict


def read_rows(cases: list[Case]) -> None:
    by_email = {case.email: case for case in cases}
    emails = list(by_email)
    for start in range(0, len(emails), 500):
        rows = PasswordlessChallengeToken.objects.filter(identifier__in=emails[start : start + 500])
        for email, uses, tries in rows.values_list("identifier", "uses", "tries"):
            by_email[email].uses, by_email[email].tries = uses, tries
