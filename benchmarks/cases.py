"""What is measured: cases as HTTP requests to the WSGI application, in a database filled for them."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import islice

from django.contrib.auth.hashers import make_password
from django.core.mail import EmailMultiAlternatives
from django.db import connection
from django.db.models import Model
from django.test.utils import setup_databases, teardown_databases
from django.utils import timezone

from benchmarks.calls import WRONG_CODE, Case, Post, Work
from benchmarks.floors import EMPTY, PAIR
from benchmarks.models import User
from jwt_drf_passwordless.models import PasswordlessChallengeToken as Challenge
from jwt_drf_passwordless.services import LOGIN, PasswordlessTokenService
from jwt_drf_passwordless.utils import challenge_key

PREFIX = "/passwordless"


def commit(user: User) -> Work:
    """What the database takes for one row changed and committed, without Django's ORM."""

    def work() -> int:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE benchmarks_user SET first_name = %s WHERE id = %s", [str(time.time_ns()), user.pk])
            return cursor.rowcount

    return work


def first_request(user: User) -> Work:
    Challenge.objects.filter(key=challenge_key(LOGIN, "email", user.email)).delete()
    return Post(f"{PREFIX}/request/email/", email=user.email)


def request(user: User) -> Work:
    PasswordlessTokenService.create_token(user, "email")
    return Post(f"{PREFIX}/request/email/", email=user.email)


def request_in_cooldown(user: User) -> Work:
    challenge = PasswordlessTokenService.create_token(user, "email")
    Challenge.objects.filter(pk=challenge.pk).update(next_send_at=timezone.now() + timedelta(seconds=30))
    return Post(f"{PREFIX}/request/email/", email=user.email)


def exchange(user: User) -> Work:
    challenge = PasswordlessTokenService.create_token(user, "email")
    return Post(f"{PREFIX}/exchange/email/", email=user.email, token=challenge.short_token)


def mail_alone(user: User) -> Work:
    """What Django's mail costs: an email of text and HTML, built, and kept by the backend in memory."""

    def work() -> int:
        email = EmailMultiAlternatives("Your sign-in code for Example", "text\n" * 40, to=[user.email])
        email.attach_alternative("<p>html</p>\n" * 80, "text/html")
        return email.send()

    return work


def exchange_of_a_link(user: User) -> Work:
    challenge = PasswordlessTokenService.create_token(user, "email")
    return Post(f"{PREFIX}/exchange/", token=challenge.token)


def wrong_code(user: User) -> Work:
    PasswordlessTokenService.create_token(user, "email")
    return Post(f"{PREFIX}/exchange/email/", email=user.email, token=WRONG_CODE)


def count_commits(case: Case, user: User) -> int:
    """How many transactions of a case write: as measured, in autocommit, each statement that writes is one."""
    writes = []

    def count(execute, sql, params, many, context):
        if sql.startswith(("INSERT", "UPDATE", "DELETE")):
            writes.append(sql)
        return execute(sql, params, many, context)

    work = case.prepare(user)
    with connection.execute_wrapper(count):
        work()
    return len(writes)


COMMIT = Case("one commit", commit, status=1)
CASES = (
    EMPTY,
    PAIR,
    COMMIT,
    Case("one mail", mail_alone, status=1),
    Case("request", request, target=1.5),
    Case("first request", first_request, target=1.5),
    Case("request in cooldown", request_in_cooldown, status=429),
    Case("exchange", exchange, target=1.35),
    Case("exchange of a link", exchange_of_a_link, target=1.35),
    Case("wrong code", wrong_code, status=400, target=1.0),
)


@contextmanager
def filled_database(users: int, rows: int) -> Iterator[None]:
    """A database of its own with so many users, of whom so many have an open challenge; dropped in the end."""
    databases = setup_databases(verbosity=0, interactive=False, serialized_aliases=[])
    try:
        if connection.vendor == "postgresql":
            _fill_postgresql(users, rows)
        else:
            password = make_password(None)
            _insert(User(username=f"user{n}", email=f"user{n}@example.com", password=password) for n in range(users))
            _insert(_open_challenge(user) for user in User.objects.order_by("pk")[:rows].iterator())
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")
        yield
    finally:
        teardown_databases(databases, verbosity=0)


def get_user(number: int) -> User:
    return User.objects.get(username=f"user{number}")


def _insert(objects: Iterable[Model], batch: int = 5000) -> None:
    objects = iter(objects)
    while some := list(islice(objects, batch)):
        type(some[0])._default_manager.bulk_create(some)


def _fill_postgresql(users: int, rows: int) -> None:
    """The same rows as `_open_challenge` makes, by the server alone, in minutes where those take hours.

    The digests are the keys, which fit no code either, and come in their order: the indexes are written from left to
    right, not each page many times.
    """
    packed = [f"int4send({len(text)}) || '{text}'::bytea" for text in (LOGIN, "email")]
    key = f"sha256({' || '.join(packed)} || int4send(length(email)) || email::bytea)"
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO benchmarks_user (username, first_name, last_name, email, password, is_staff, is_active,"
            " is_superuser, date_joined) SELECT 'user' || n, '', '', 'user' || n || '@example.com', %s, false, true,"
            " false, now() FROM generate_series(0, %s) AS n",
            [make_password(None), users - 1],
        )
        table = Challenge._meta.db_table
        # Checked at once when it is made again: row by row takes as long as all the rest.
        cursor.execute(
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE conrelid = %s::regclass AND contype = 'f'",
            [table],
        )
        ((foreign_key, definition),) = cursor.fetchall()
        cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {foreign_key}")
        cursor.execute(
            f"INSERT INTO {table} (key, purpose, token_request_identifier, identifier, user_id, short_digest,"  # noqa: S608
            " long_digest, expires_at, sends, next_send_at, uses, tries, nonce, provider, verification_id, channel)"
            " SELECT key, %s, 'email', email, id, key, key, now() + interval '600 s', 1, now(), 0, 0, '', '', '', ''"
            f" FROM (SELECT encode({key}, 'hex') AS key, email, id FROM benchmarks_user ORDER BY id LIMIT %s) AS asked"
            " ORDER BY key",
            [LOGIN, rows],
        )
        cursor.execute(f"ALTER TABLE {table} ADD CONSTRAINT {foreign_key} {definition}")
        # What a request finds is what was made here.
        first = User.objects.order_by("pk").first()
        assert not rows or Challenge.objects.filter(key=challenge_key(LOGIN, "email", first.email)).exists()


def _open_challenge(user: User) -> Challenge:
    """As a request writes it, with digests that fit no code."""
    now = timezone.now()
    key = challenge_key(LOGIN, "email", user.email)
    return Challenge(
        key=key,
        purpose=LOGIN,
        token_request_identifier="email",
        identifier=user.email,
        user=user,
        short_digest=challenge_key(LOGIN, "short", user.email),
        long_digest=challenge_key(LOGIN, "long", user.email),
        expires_at=now + timedelta(seconds=600),
        sends=1,
        next_send_at=now,
    )
