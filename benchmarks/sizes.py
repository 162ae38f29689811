"""Measure what one row of each table takes on PostgreSQL: `python -m benchmarks.sizes --database postgresql://...`

One row of each kind is made by the package itself, passkeys and trusted devices in its form, then copied with texts of
the same length. Sizes are those of heap, TOAST and indexes, after a VACUUM, over the number of rows: first as inserted,
then after each challenge was written five times over in slices of a tenth, with a VACUUM between, as a busy table is.
"""

import argparse
import secrets
import string
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.run import set_up_django

HEX = set("0123456789abcdef")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sizes", description=__doc__)
    parser.add_argument("--database", required=True, help="postgresql://user@host:port/name")
    parser.add_argument("--rows", type=int, default=100_000, help="rows of each kind (default 100000)")
    options = parser.parse_args()
    set_up_django(options.database, Path())
    from django.test import override_settings
    from django.test.utils import setup_databases, teardown_databases

    old = setup_databases(verbosity=0, interactive=False)
    try:
        factors = "jwt_drf_passwordless.two_factor"
        with override_settings(
            JWT_DRF_PASSWORDLESS={
                "SESSIONS": {},
                "TWO_FACTOR": {
                    "factors": [
                        f"{factors}.totp.TotpFactor",
                        f"{factors}.phone.factor.PhoneFactor",
                        f"{factors}.recovery.RecoveryCodeFactor",
                    ],
                },
            }
        ):
            measure(options.rows)
    finally:
        teardown_databases(old, verbosity=0)


def measure(rows: int) -> None:
    from django.contrib.auth.hashers import make_password
    from rest_framework.request import Request
    from rest_framework.test import APIRequestFactory

    from benchmarks.models import User
    from jwt_drf_passwordless import testing
    from jwt_drf_passwordless.models import Authenticator, PasswordlessChallengeToken, PhoneDevice, Session
    from jwt_drf_passwordless.services import PasswordlessTokenService
    from jwt_drf_passwordless.sessions import services as sessions
    from jwt_drf_passwordless.token_response import PasswordlessJwtRefreshTokenResponse
    from jwt_drf_passwordless.two_factor import trusted

    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
    request = Request(APIRequestFactory().post("/", HTTP_USER_AGENT=agent, REMOTE_ADDR="203.0.113.7"))
    ada = User.objects.create(username="ada", email="ada.lovelace@example.com", password=make_password(None))
    User.objects.bulk_create(
        (User(username=f"user{n}", email=f"somebody.{n}@example.com", password="!" * 41) for n in range(rows)),
        batch_size=5000,
    )
    users = list(User.objects.exclude(pk=ada.pk).values_list("pk", flat=True))
    report("users (Django's own table)", User, rows)

    template = PasswordlessTokenService.create_token(ada, "email")
    fill(PasswordlessChallengeToken, template, users)
    report("challenges, as inserted", PasswordlessChallengeToken, rows)
    write_over(PasswordlessChallengeToken, 5)
    report("challenges, each written five times more", PasswordlessChallengeToken, rows)

    sessions.start(ada, PasswordlessJwtRefreshTokenResponse.get_token(ada), request)
    Session.objects.update(previous_jti=secrets.token_hex(16))  # as after a refresh
    fill(Session, Session.objects.get(), users)
    report("sessions", Session, rows)

    testing.enrol_phone(ada, "+12015550123")
    fill(PhoneDevice, PhoneDevice.objects.get(), users)
    report("phones as second factor", PhoneDevice, rows)

    def authenticator(name: str, make: Callable[[], Any]) -> None:
        empty(Authenticator)
        make()
        template = Authenticator.objects.exclude(method="totp" if name != "authenticator apps" else "").first()
        fill(Authenticator, template, users)
        report(name, Authenticator, rows)

    def codes() -> None:
        testing.enrol_totp(ada)
        testing.recovery_codes(ada)

    def device() -> None:
        trusted.Authenticator.objects.create(
            user=ada,
            method=trusted.METHOD,
            lookup=secrets.token_hex(32),
            name=agent,
            data={"network": "203.0.113.0/24", "account": secrets.token_hex(32)},
            created_at=template.expires_at,
            confirmed_at=template.expires_at,
            last_used_at=template.expires_at,
        )

    def passkey() -> None:
        Authenticator.objects.create(
            user=ada,
            method="passkey",
            lookup=secrets.token_hex(32),
            name="Passkey",
            data={
                "id": secrets.token_urlsafe(32),
                "public_key": secrets.token_urlsafe(77),  # a COSE key of ES256
                "handle": secrets.token_urlsafe(32),
                "backup_eligible": True,
                "synced": True,
                "verified": True,
                "aaguid": "00000000-0000-0000-0000-000000000000",
                "transports": ["internal", "hybrid"],
            },
            created_at=template.expires_at,
            confirmed_at=template.expires_at,
            last_used_at=template.expires_at,
        )

    authenticator("authenticator apps", lambda: testing.enrol_totp(ada))
    authenticator("recovery codes, each", codes)
    authenticator("passkeys", passkey)
    authenticator("trusted devices", device)


def fill(model: Any, template: Any, users: Iterable[int]) -> None:
    """A copy of the template for each user, with texts of the same length where they are unique or random."""
    values = {field.attname: getattr(template, field.attname) for field in model._meta.concrete_fields}
    keys = {field.attname for field in model._meta.concrete_fields if field.primary_key}
    randomised = ("key", "short_digest", "long_digest", "nonce", "jti", "previous_jti", "lookup", "secret")
    empty(model)
    everyone = iter(users)
    while some := list(islice(everyone, 5000)):
        copies = []
        for user in some:
            fresh = {name: alike(value) if name in randomised else value for name, value in values.items()}
            copies.append(model(**{name: fresh[name] for name in fresh if name not in keys} | {"user_id": user}))
        model.objects.bulk_create(copies)


def alike(value: str | None) -> str | None:
    if not value:
        return value
    if set(value) <= HEX:
        return secrets.token_hex(len(value) // 2)
    return "".join(secrets.choice(string.ascii_letters) for _ in value)


def write_over(model: Any, times: int) -> None:
    table = model._meta.db_table
    digest = "md5(random()::text) || md5(random()::text)"
    for _ in range(times):
        for part in range(10):
            run(
                f"UPDATE {table} SET short_digest = {digest}, long_digest = {digest}, "  # noqa: S608 - our own names
                f"expires_at = now(), next_send_at = now(), sends = sends + 1 WHERE id % 10 = {part}"
            )
            run(f"VACUUM {table}")


def empty(model: Any) -> None:
    """Without what deleted rows leave behind for a while."""
    run(f"TRUNCATE {model._meta.db_table}")


def run(statement: str) -> Any:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone() if cursor.description else None


def report(name: str, model: Any, rows: int) -> None:
    table = model._meta.db_table
    run(f"VACUUM ANALYZE {table}")
    whole, indexes = run(f"SELECT pg_total_relation_size('{table}'), pg_indexes_size('{table}')")  # noqa: S608
    print(f"{name}: {whole / rows:.0f} bytes a row, of which {indexes / rows:.0f} in indexes")


if __name__ == "__main__":
    main()
