"""Many requests at the same moment, each in its own thread with its own database connection."""

import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sms
import time_machine
from django.contrib.auth import get_user_model
from django.core import mail
from django.db import connection, connections

from jwt_drf_passwordless.models import PasswordlessChallengeToken
from tests.conftest import Api, sent_code, sent_link_token, sent_sms_code

pytestmark = pytest.mark.django_db(transaction=True)

ADA = "ada@example.com"
PHONE = "+12015550123"
#: How often a race is run. SQLite has one writer at a time, so that little of it is left to chance there.
ROUNDS = 5 if connection.vendor == "sqlite" else 20
#: Turns a code into another one of the same form.
WRONG = str.maketrans("0123456789", "1234567890")


class Crowd:
    """Threads that wait for each other, then call at once."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.pool = ThreadPoolExecutor(size)

    def call(self, function: Callable[[Api, int], Any]) -> list[Any]:
        """What `function(api, number of the thread)` returned in each thread, by number."""
        barrier = threading.Barrier(self.size, timeout=60)

        def run(number: int) -> Any:
            connection.ensure_connection()
            barrier.wait()
            return function(Api(), number)

        return list(self.pool.map(run, range(self.size)))

    def statuses(self, function: Callable[[Api, int], Any]) -> list[int]:
        """The statuses of the answers, sorted."""
        return sorted(answer.status_code for answer in self.call(function))

    def leave(self) -> None:
        # The barrier in call() sees to it that each thread gets one of these jobs.
        self.call(lambda api, number: connections.close_all())
        self.pool.shutdown()


@pytest.fixture
def crowd():
    crowds = []

    def gather(size: int) -> Crowd:
        crowds.append(Crowd(size))
        return crowds[-1]

    yield gather
    for each in crowds:
        each.leave()


@pytest.fixture
def without_cooldown(configure):
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=0, PASSWORDLESS_EMAIL_LOGIN_URL="https://app.example/login#token={token}")


def ten_minutes_ago() -> Any:
    # A timestamp: given an aware datetime, time_machine changes the process's time zone as well.
    return time_machine.travel(time.time() - 600)


def test_of_sixteen_uses_of_one_code_one_wins(api, make_user, without_cooldown, crowd):
    make_user(email=ADA)
    sixteen = crowd(16)

    for _ in range(ROUNDS):
        api.request_email(ADA)
        code = sent_code()
        statuses = sixteen.statuses(lambda api, number, code=code: api.exchange_email(ADA, code))
        assert statuses == [200] + [400] * 15


def test_of_sixteen_uses_of_one_link_one_wins(api, make_user, without_cooldown, crowd):
    make_user(email=ADA)
    sixteen = crowd(16)

    for _ in range(ROUNDS):
        api.request_email(ADA)
        body = {"token": sent_link_token()}
        statuses = sixteen.statuses(lambda api, number, body=body: api.post("exchange/", body))
        assert statuses == [200] + [400] * 15


def test_of_eight_uses_of_a_code_and_eight_of_its_link_one_wins(api, make_user, without_cooldown, crowd):
    make_user(email=ADA)
    sixteen = crowd(16)

    for _ in range(5):
        api.request_email(ADA)
        tokens = [sent_code(), sent_link_token()] * 8
        statuses = sixteen.statuses(lambda api, number, tokens=tokens: api.exchange_email(ADA, tokens[number]))
        assert statuses == [200] + [400] * 15


def test_of_sixteen_uses_of_a_code_by_sms_one_wins(api, make_user, without_cooldown, crowd):
    make_user(phone=PHONE)
    sixteen = crowd(16)

    for _ in range(5):
        api.request_mobile(PHONE)
        code = sent_sms_code()
        statuses = sixteen.statuses(lambda api, number, code=code: api.exchange_mobile(PHONE, code))
        assert statuses == [200] + [400] * 15


def test_with_two_uses_two_of_sixteen_win(api, make_user, configure, without_cooldown, crowd):
    configure(MAX_TOKEN_USES=2)
    make_user(email=ADA)
    sixteen = crowd(16)

    for _ in range(ROUNDS):
        api.request_email(ADA)
        code = sent_code()
        statuses = sixteen.statuses(lambda api, number, code=code: api.exchange_email(ADA, code))
        assert statuses == [200] * 2 + [400] * 14


def test_twelve_first_requests_for_one_address_send_one_message(make_user, crowd):
    make_user(email=ADA)

    answers = crowd(12).call(lambda api, number: api.request_email(ADA))
    assert sorted(answer.status_code for answer in answers) == [200] + [429] * 11
    # 61: its clock was read a moment before that of the one who was served, and waits are rounded up.
    assert all(1 <= int(answer["Retry-After"]) <= 61 for answer in answers if answer.status_code == 429)
    assert len(mail.outbox) == 1
    assert PasswordlessChallengeToken.objects.count() == 1


def test_twelve_requests_for_an_address_with_a_row_send_one_message(api, make_user, crowd):
    make_user(email=ADA)
    with ten_minutes_ago():
        api.request_email(ADA)
    mail.outbox.clear()

    answers = crowd(12).call(lambda api, number: api.request_email(ADA))
    assert sorted(answer.status_code for answer in answers) == [200] + [429] * 11
    # 61: its clock was read a moment before that of the one who was served, and waits are rounded up.
    assert all(1 <= int(answer["Retry-After"]) <= 61 for answer in answers if answer.status_code == 429)
    assert len(mail.outbox) == 1
    assert PasswordlessChallengeToken.objects.count() == 1


def test_the_message_of_twelve_requests_holds_the_code_that_counts(api, make_user, crowd):
    make_user(email=ADA)

    crowd(12).call(lambda api, number: api.request_email(ADA))
    assert api.exchange_email(ADA, sent_code()).status_code == 200


def test_twelve_requests_for_one_number_send_one_sms(make_user, crowd):
    make_user(phone=PHONE)

    assert crowd(12).statuses(lambda api, number: api.request_mobile(PHONE)) == [200] + [429] * 11
    assert len(sms.outbox) == 1
    assert PasswordlessChallengeToken.objects.count() == 1


def test_twelve_requests_for_as_many_addresses_are_all_served(make_user, crowd):
    addresses = [f"user{number}@example.com" for number in range(12)]
    for address in addresses:
        make_user(email=address)

    assert crowd(12).statuses(lambda api, number: api.request_email(addresses[number])) == [200] * 12
    assert sorted(message.to[0] for message in mail.outbox) == sorted(addresses)


def test_of_sixteen_wrong_tries_five_are_counted_and_the_code_is_dead(api, make_user, crowd):
    make_user(email=ADA)
    api.request_email(ADA)
    code = sent_code()

    statuses = crowd(16).statuses(lambda api, number: api.exchange_email(ADA, code.translate(WRONG)))
    assert statuses == [400] * 16
    assert PasswordlessChallengeToken.objects.get().tries == 5
    assert api.exchange_email(ADA, code).status_code == 400


@pytest.mark.parametrize("place", [0, 25, 49])
def test_a_right_code_among_fifty_wins_only_while_tries_are_left(api, make_user, crowd, place):
    make_user(email=ADA)
    api.request_email(ADA)
    tokens = [sent_code().translate(WRONG)] * 50
    tokens[place] = sent_code()

    answers = crowd(50).call(lambda api, number: api.exchange_email(ADA, tokens[number]))
    statuses = [answer.status_code for answer in answers]
    row = PasswordlessChallengeToken.objects.get()
    won = row.tries < 5
    assert row.tries <= 5
    assert statuses == [200 if won and number == place else 400 for number in range(50)]
    assert row.uses == int(won)


@pytest.mark.parametrize("method", ["email", "mobile"])
def test_twelve_first_exchanges_make_one_account(api, configure, crowd, method):
    configure(REGISTER_NONEXISTENT_USERS=True)
    identifier = {"email": ADA, "mobile": PHONE}[method]
    getattr(api, f"request_{method}")(identifier)
    text = (mail.outbox or sms.outbox)[0].body
    code = re.search(r"\b\d{6}\b", text)[0]

    statuses = crowd(12).statuses(lambda api, number: getattr(api, f"exchange_{method}")(identifier, code))
    assert statuses == [200] + [400] * 11
    assert get_user_model().objects.count() == 1


def test_twelve_first_requests_make_one_account_when_requests_register(configure, crowd):
    configure(REGISTER_NONEXISTENT_USERS=True, REGISTER_ON="request")

    assert crowd(12).statuses(lambda api, number: api.request_email(ADA)) == [200] + [429] * 11
    assert get_user_model().objects.count() == 1
    assert len(mail.outbox) == 1
