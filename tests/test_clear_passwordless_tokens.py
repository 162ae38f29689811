"""The command that removes what is void: what goes, what stays, and in how many statements."""

from datetime import datetime, timedelta, timezone
from io import StringIO

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone as django_timezone

from jwt_drf_passwordless.models import Authenticator, PasswordlessChallengeToken, Session
from tests.conftest import sent_code

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 6, 1, 12, tzinfo=timezone.utc)
DAY = 24 * 3600
ADA = "ada@example.com"


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


def challenge(name: str, *, expired: float, cooled: float) -> PasswordlessChallengeToken:
    """A row that expired, and whose cooldown ended, so many seconds ago."""
    now = django_timezone.now()
    return PasswordlessChallengeToken(
        key=name,
        identifier=f"{name}@example.com",
        expires_at=now - timedelta(seconds=expired),
        next_send_at=now - timedelta(seconds=cooled),
    )


def clear() -> str:
    out = StringIO()
    call_command("clear_passwordless_tokens", stdout=out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("expired", "cooled", "left"),
    [
        (DAY + 1, DAY + 1, 0),
        (DAY + 1, DAY - 1, 1),
        (DAY - 1, DAY + 1, 1),
        (DAY - 1, DAY - 1, 1),
        (30 * DAY, 30 * DAY, 0),
        (30 * DAY, -3600, 1),
        (-600, 30 * DAY, 1),
        (-600, -60, 1),
    ],
)
def test_a_challenge_goes_a_day_after_its_expiry_and_its_cooldown(expired, cooled, left):
    challenge("old", expired=expired, cooled=cooled).save()

    clear()
    assert PasswordlessChallengeToken.objects.count() == left


def test_what_was_removed_is_counted_on_the_console():
    PasswordlessChallengeToken.objects.bulk_create(
        [challenge(name, expired=2 * DAY, cooled=2 * DAY) for name in ("one", "two", "three")]
        + [challenge("live", expired=-600, cooled=-60)]
    )

    assert clear() == "Deleted 3 challenges, 0 sessions, 0 authenticators.\n"
    assert clear() == "Deleted 0 challenges, 0 sessions, 0 authenticators.\n"


def test_many_old_challenges_go_in_batches_of_a_thousand():
    PasswordlessChallengeToken.objects.bulk_create(
        [challenge(f"old{number}", expired=2 * DAY + number, cooled=2 * DAY) for number in range(2500)]
        + [challenge("live", expired=-600, cooled=-60)]
    )

    with CaptureQueriesContext(connection) as queries:
        assert clear() == "Deleted 2500 challenges, 0 sessions, 0 authenticators.\n"
    assert PasswordlessChallengeToken.objects.get().key == "live"
    verbs = [query["sql"].split()[0] for query in queries]
    assert verbs.count("DELETE") == 3
    assert verbs.count("SELECT") <= 6


def test_a_live_challenge_still_works_after_the_command(api, make_user):
    make_user(email=ADA)
    api.request_email(ADA)

    clear()
    assert api.exchange_email(ADA, sent_code()).status_code == 200


def test_a_used_challenge_stays_for_its_cooldown(api, make_user):
    make_user(email=ADA)
    api.request_email(ADA)
    api.exchange_email(ADA, sent_code())

    clear()
    assert api.request_email(ADA).status_code == 429


def test_an_old_challenge_goes_without_its_user(api, make_user, clock):
    user = make_user(email=ADA)
    api.request_email(ADA)

    clock.shift(2 * DAY)
    assert clear() == "Deleted 1 challenges, 0 sessions, 0 authenticators.\n"
    assert get_user_model().objects.get() == user


def test_a_renewed_challenge_stays(api, make_user, clock):
    make_user(email=ADA)
    api.request_email(ADA)
    clock.shift(2 * DAY)
    api.request_email(ADA)

    assert clear() == "Deleted 0 challenges, 0 sessions, 0 authenticators.\n"
    assert api.exchange_email(ADA, sent_code()).status_code == 200


def test_a_challenge_that_is_renewed_while_the_command_runs_stays(api, make_user, clock):
    make_user(email=ADA)
    api.request_email(ADA)
    challenge("other", expired=0, cooled=0).save()
    clock.shift(2 * DAY)

    def renew_before_delete(execute, sql, params, many, context):
        if sql.startswith("DELETE"):
            assert api.request_email(ADA).status_code == 200
        return execute(sql, params, many, context)

    with connection.execute_wrapper(renew_before_delete):
        assert clear() == "Deleted 1 challenges, 0 sessions, 0 authenticators.\n"
    assert api.exchange_email(ADA, sent_code()).status_code == 200


# Sessions and authenticators


def session(user, *, ended: float, number: int = 0) -> Session:
    """A session whose refresh token went out so many seconds ago."""
    now = django_timezone.now()
    until = now - timedelta(seconds=ended)
    times = dict.fromkeys(("rotated_at", "created_at", "last_used_at"), now - timedelta(days=9))
    return Session(user=user, jti=f"j{number}", expires_at=now + timedelta(days=9), refresh_until=until, **times)


def test_a_session_goes_once_it_has_ended(make_user):
    user = make_user(email=ADA)
    live = session(user, ended=-1)
    Session.objects.bulk_create([session(user, ended=1), live, session(user, ended=DAY)])

    assert clear() == "Deleted 0 challenges, 2 sessions, 0 authenticators.\n"
    assert Session.objects.get() == live


def test_many_sessions_go_in_batches_of_a_thousand(make_user):
    user = make_user(email=ADA)
    Session.objects.bulk_create([session(user, ended=number, number=number) for number in range(1, 1502)])

    with CaptureQueriesContext(connection) as queries:
        assert clear() == "Deleted 0 challenges, 1501 sessions, 0 authenticators.\n"
    verbs = [query["sql"].split()[0] for query in queries]
    assert verbs.count("DELETE") == 2


@pytest.mark.parametrize(("age", "confirmed", "left"), [(DAY + 1, False, 0), (DAY - 1, False, 1), (DAY + 1, True, 1)])
def test_an_authenticator_that_nobody_confirms_goes_after_a_day(make_user, age, confirmed, left):
    created_at = django_timezone.now() - timedelta(seconds=age)
    confirmed_at = created_at if confirmed else None
    user = make_user(email=ADA)
    Authenticator.objects.create(user=user, method="totp", created_at=created_at, confirmed_at=confirmed_at)

    assert clear() == f"Deleted 0 challenges, 0 sessions, {1 - left} authenticators.\n"
    assert Authenticator.objects.count() == left
