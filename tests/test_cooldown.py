"""The wait between two messages to one address: exact, doubling, reset by a login, and never a lock-out."""

from datetime import datetime, timezone

import pytest
import time_machine
from django.core import mail

from jwt_drf_passwordless.models import PasswordlessChallengeToken
from jwt_drf_passwordless.services import PasswordlessTokenService
from tests.conftest import sent_code, sent_link_token

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 6, 1, 12, tzinfo=timezone.utc)
ADA = "ada@example.com"
BOB = "bob@example.com"
#: Turns a code into another one of the same form.
WRONG = str.maketrans("0123456789", "1234567890")
HOUR = 3600
DAY = 24 * HOUR


@pytest.fixture
def clock():
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def send(api, clock):
    """Have that many messages sent to an address, each as soon as it may be; the waits in seconds."""

    def waits(count: int, address: str = ADA) -> list[int]:
        found = []
        for _ in range(count):
            assert api.request_email(address).status_code == 200
            found.append(int(api.request_email(address)["Retry-After"]))
            clock.shift(found[-1])
        return found

    return waits


@pytest.fixture
def attack(api, clock):
    """Ask for codes for so many seconds, as often as the cooldown allows, and guess at each; the numbers of
    codes and of guesses that were looked at."""

    def run(seconds: int, guesses: int) -> tuple[int, int]:
        end = datetime.now().timestamp() + seconds
        codes = tries = 0
        while datetime.now().timestamp() < end:
            assert api.request_email(ADA).status_code == 200
            codes += 1
            for _ in range(guesses):
                assert api.exchange_email(ADA, sent_code().translate(WRONG)).status_code == 400
            tries += PasswordlessChallengeToken.objects.get().tries
            wait = int(api.request_email(ADA)["Retry-After"])
            assert 1 <= wait <= HOUR
            clock.shift(wait)
        return codes, tries

    return run


@pytest.mark.parametrize(("seconds", "retry_after"), [(0, "60"), (1, "59"), (30.5, "30"), (59, "1"), (59.9, "1")])
def test_a_request_in_the_cooldown_tells_the_exact_wait(api, make_user, clock, seconds, retry_after):
    make_user(email=ADA)
    api.request_email(ADA)

    clock.shift(seconds)
    answer = api.request_email(ADA)
    assert (answer.status_code, answer["Retry-After"], answer.json()["code"]) == (429, retry_after, "throttled")
    assert len(mail.outbox) == 1


def test_a_request_is_served_once_the_wait_is_over(api, make_user, clock):
    make_user(email=ADA)
    api.request_email(ADA)

    clock.shift(60)
    assert api.request_email(ADA).status_code == 200
    assert len(mail.outbox) == 2


def test_a_refused_request_does_not_prolong_the_wait(api, make_user, clock):
    make_user(email=ADA)
    api.request_email(ADA)

    for _ in range(6):
        assert api.request_email(ADA).status_code == 429
        clock.shift(10)
    assert api.request_email(ADA).status_code == 200


def test_the_wait_doubles_from_the_third_message_on_up_to_an_hour(make_user, send):
    make_user(email=ADA)

    assert send(10) == [60, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]


def test_the_wait_is_the_same_for_an_unknown_address(send):
    assert send(9, "nobody@example.com") == [60, 60, 120, 240, 480, 960, 1920, 3600, 3600]


def test_a_login_resets_the_wait(api, make_user, send):
    make_user(email=ADA)
    assert send(3) == [60, 60, 120]

    assert api.exchange_email(ADA, sent_code()).status_code == 200
    assert send(4) == [60, 60, 120, 240]


def test_a_wrong_code_does_not_reset_the_wait(api, make_user, send):
    make_user(email=ADA)
    send(3)

    assert api.exchange_email(ADA, sent_code().translate(WRONG)).status_code == 400
    assert send(1) == [240]


def test_a_login_to_another_address_does_not_reset_the_wait(api, make_user, send):
    make_user(email=ADA)
    make_user(email=BOB)
    send(3)

    api.request_email(BOB)
    assert api.exchange_email(BOB, sent_code()).status_code == 200
    assert send(1) == [240]


def test_messages_to_another_address_do_not_lengthen_the_wait(make_user, send):
    make_user(email=ADA)
    make_user(email=BOB)

    assert send(5, BOB) == [60, 60, 120, 240, 480]
    assert send(1) == [60]


@pytest.mark.parametrize(("seconds", "wait"), [(DAY - 1, 240), (DAY, 60)])
def test_a_day_of_quiet_after_the_wait_resets_it(make_user, clock, send, seconds, wait):
    make_user(email=ADA)
    send(3)

    clock.shift(seconds)
    assert send(1) == [wait]


@pytest.mark.parametrize("off", [0, None])
def test_the_cooldown_can_be_switched_off(api, make_user, configure, clock, off):
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=off)
    make_user(email=ADA)

    for _ in range(20):
        assert api.request_email(ADA).status_code == 200
    assert len(mail.outbox) == 20


def test_a_first_wait_of_over_an_hour_stays_as_it_is(make_user, configure, send):
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=7200)
    make_user(email=ADA)

    assert send(5) == [7200, 7200, 7200, 7200, 7200]


def test_the_first_wait_is_what_doubles(make_user, configure, send):
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=1000)
    make_user(email=ADA)

    assert send(6) == [1000, 1000, 2000, 3600, 3600, 3600]


def test_a_day_of_attack_gets_thirty_codes_and_five_guesses_at_each(make_user, attack):
    make_user(email=ADA)

    codes, guesses = attack(DAY, guesses=7)
    assert (codes, guesses) == (30, 150)  # of the million codes that there are
    assert len(mail.outbox) == codes


def test_after_an_hour_of_requests_by_strangers_the_newest_code_lets_the_owner_in(api, make_user, attack):
    make_user(email=ADA)
    attack(HOUR, guesses=0)
    assert api.request_email(ADA).status_code == 200

    assert api.request_email(ADA).status_code == 429  # the owner's own request comes too late
    assert api.exchange_email(ADA, sent_code()).status_code == 200


def test_after_an_hour_of_guesses_by_strangers_the_newest_link_lets_the_owner_in(api, make_user, configure, attack):
    configure(PASSWORDLESS_EMAIL_LOGIN_URL="https://app.example/login#token={token}")
    make_user(email=ADA)
    attack(HOUR, guesses=5)
    api.request_email(ADA)
    for _ in range(5):
        api.exchange_email(ADA, sent_code().translate(WRONG))

    assert api.exchange_email(ADA, sent_code()).status_code == 400
    assert api.post("exchange/", {"token": sent_link_token()}).status_code == 200


def test_a_wait_that_a_wrong_clock_has_set_does_not_hold(api, make_user):
    make_user(email="ada@example.com")
    with time_machine.travel(datetime(2030, 1, 1, tzinfo=timezone.utc).timestamp(), tick=False):
        assert api.request_email("ada@example.com").status_code == 200
    with time_machine.travel(datetime(2029, 1, 1, tzinfo=timezone.utc).timestamp(), tick=False):
        assert api.request_email("ada@example.com").status_code == 200
        assert api.request_email("ada@example.com").status_code == 429


def test_a_login_ends_the_long_wait_that_a_stranger_has_set(api, make_user):
    ada = make_user(email="ada@example.com")
    with time_machine.travel(datetime(2030, 1, 1, tzinfo=timezone.utc).timestamp(), tick=False) as clock:
        for wait in (60, 60, 120, 240, 480):
            assert api.request_email("ada@example.com").status_code == 200
            clock.shift(wait)
        assert api.request_email("ada@example.com").status_code == 200
        assert api.request_email("ada@example.com")["Retry-After"] == "960"
        assert PasswordlessTokenService.should_throttle(ada)
        assert api.exchange_email("ada@example.com", sent_code()).status_code == 200
        assert not PasswordlessTokenService.should_throttle(ada)
        assert api.request_email("ada@example.com").status_code == 200
