"""`manage.py check --deploy`: warnings for what works but is unsafe, or slow, in production."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.apps import apps
from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage, Warning
from django.db import DatabaseError, connections, models, router
from django.db.models.functions import Lower
from django.utils.encoding import force_bytes
from rest_framework_simplejwt import settings as jwt_settings

from jwt_drf_passwordless.checks import check_settings, enabled_methods, token_bits
from jwt_drf_passwordless.conf import DEFAULTS, NAMESPACE, settings
from jwt_drf_passwordless.methods import EMAIL, MOBILE
from jwt_drf_passwordless.sms import DEVELOPMENT_BACKENDS
from jwt_drf_passwordless.users import user_field

LONG_LIFETIME = "jwt_drf_passwordless.W001"
SEVERAL_USES = "jwt_drf_passwordless.W002"
SHORT_COOLDOWN = "jwt_drf_passwordless.W003"
INLINE_DELIVERY = "jwt_drf_passwordless.W004"
NO_INDEX = "jwt_drf_passwordless.W005"
WEAK_LONG_TOKEN = "jwt_drf_passwordless.W006"
PLAIN_HTTP_LINK = "jwt_drf_passwordless.W007"
LONG_ACCESS_TOKEN = "jwt_drf_passwordless.W008"
SHORT_SIGNING_KEY = "jwt_drf_passwordless.W009"
ACCOUNTS_REVEALED = "jwt_drf_passwordless.W010"
NO_SMS_SENT = "jwt_drf_passwordless.W011"
NOT_UNIQUE = "jwt_drf_passwordless.W012"
LOCAL_TIME = "jwt_drf_passwordless.W013"
NO_REVOCATION = "jwt_drf_passwordless.W050"
LONG_LEEWAY = "jwt_drf_passwordless.W052"

HINTS = {INLINE_DELIVERY: "Name a class in DELIVERY that sends in a thread or by a queue."}
#: Bits of a link's token, which has no limit on tries.
MIN_LONG_BITS = 128
#: Bytes of a key for HMAC.
MIN_KEY_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}


def check_deployment(**kwargs: Any) -> list[CheckMessage]:
    """Warnings: settings that work but are unsafe, or slow, in production."""
    if any(not message.is_silenced() for message in check_settings()):
        return []
    return [*_unsafe_values(), *_unsafe_links(), *_indexes(), *_simplejwt()]


def _unsafe_values() -> Iterator[CheckMessage]:
    cooldown = settings.TOKEN_REQUEST_THROTTLE_SECONDS or 0
    for unsafe, message, id_ in (
        (settings.TOKEN_LIFETIME > 600, "codes live longer than 600 seconds (ASVS 6.5.5)", LONG_LIFETIME),
        (settings.MAX_TOKEN_USES > 1, "a code can be used more than once (ASVS 6.5.1)", SEVERAL_USES),
        (cooldown < 30, "an address can be sent a message more often than every 30 seconds", SHORT_COOLDOWN),
        (
            _sends_inline(),
            "messages are sent within the request, whose duration then tells known addresses from unknown ones",
            INLINE_DELIVERY,
        ),
        (token_bits("LONG") < MIN_LONG_BITS, f"a link's token has less than {MIN_LONG_BITS} bits", WEAK_LONG_TOKEN),
        (
            MOBILE.is_enabled
            and MOBILE.verifier is None
            and getattr(django_settings, "SMS_BACKEND", None) in DEVELOPMENT_BACKENDS,
            "SMS go to a backend that sends none",
            NO_SMS_SENT,
        ),
        (
            not django_settings.USE_TZ,
            "with USE_TZ False codes live an hour longer when summer time ends",
            LOCAL_TIME,
        ),
        (settings.REVEAL_ACCOUNT_EXISTENCE, "anyone can ask which addresses have accounts", ACCOUNTS_REVEALED),
    ):
        if unsafe:
            yield Warning(f"{NAMESPACE}: {message}.", hint=HINTS.get(id_), id=id_)


def _sends_inline() -> bool:
    """Whether messages are sent within the request; Django's tasks framework does so unless told otherwise."""
    if settings.DELIVERY == "jwt_drf_passwordless.delivery.Tasks":
        backend = getattr(django_settings, "TASKS", {}).get("default", {}).get("BACKEND", "ImmediateBackend")
        return str(backend).endswith("ImmediateBackend")
    return bool(settings.DELIVERY == DEFAULTS["DELIVERY"])


def _unsafe_links() -> Iterator[CheckMessage]:
    if urlsplit(settings.PASSWORDLESS_EMAIL_LOGIN_URL or "").scheme == "http":
        yield Warning(f"{NAMESPACE}: links go out over http, where anyone on the way reads them.", id=PLAIN_HTTP_LINK)


def _indexes() -> Iterator[CheckMessage]:
    user_model = get_user_model()
    try:  # MariaDB and MySQL have to be asked
        lowers = connections[router.db_for_read(user_model)].features.supports_expression_indexes
    except DatabaseError:
        lowers = True
    for method in enabled_methods():
        field = user_field(method.field)
        if field is None:  # pragma: no cover - reported by check_settings()
            continue
        by_lower = method is EMAIL and settings.EMAIL_LOOKUP == "iexact"
        wanted = "unique=True"
        if by_lower and lowers:
            wanted = f"UniqueConstraint(Lower({field.name!r}), name='user_{field.name}_lower_unique')"
        elif by_lower:
            wanted = "EMAIL_LOOKUP 'exact' and unique=True, as this database compares without regard to case"
        rules = [
            rule
            for rule in (*user_model._meta.constraints, *user_model._meta.indexes)
            if (Lower(field.name) in getattr(rule, "expressions", ()) if by_lower else field.name in _first_of(rule))
        ]
        hint = f"{field.name}: {wanted}"
        # An index of some rows only is not used by a login, which could find others.
        is_indexed = any(getattr(rule, "condition", None) is None for rule in rules)
        if not is_indexed and (by_lower or not (field.unique or getattr(field, "db_index", False))):
            message = f"without an index each login reads the whole table of {user_model._meta.label}"
            yield Warning(f"{NAMESPACE}: {message}.", hint=hint, id=NO_INDEX)
        if settings.REGISTER_NONEXISTENT_USERS and not (
            field.unique or any(isinstance(rule, models.UniqueConstraint) for rule in rules)
        ):
            message = f"without a unique {field.name} two sign-ups at once can make two accounts, which locks both out"
            yield Warning(f"{NAMESPACE}: {message}.", hint=hint, id=NOT_UNIQUE)


def _first_of(rule: Any) -> tuple[str, ...]:
    """The first field of a constraint or index, by which it can be searched."""
    return tuple(getattr(rule, "fields", ()))[:1]


def _simplejwt() -> Iterator[CheckMessage]:
    api_settings = jwt_settings.api_settings
    if api_settings.ACCESS_TOKEN_LIFETIME > timedelta(minutes=15):
        yield Warning("SIMPLE_JWT: access tokens live longer than 15 minutes.", id=LONG_ACCESS_TOKEN)
    leeway = api_settings.LEEWAY
    if (leeway if isinstance(leeway, timedelta) else timedelta(seconds=leeway)) > timedelta(seconds=30):
        yield Warning("SIMPLE_JWT: tokens are taken for more than 30 seconds after their end.", id=LONG_LEEWAY)
    needed = MIN_KEY_BYTES.get(api_settings.ALGORITHM, 0)
    if len(force_bytes(api_settings.SIGNING_KEY)) < needed:
        message = f"SIMPLE_JWT: {api_settings.ALGORITHM} needs a key of {needed} bytes (RFC 7518 section 3.2)."
        yield Warning(message, id=SHORT_SIGNING_KEY)
    if settings.SESSIONS is None and not apps.is_installed("rest_framework_simplejwt.token_blacklist"):
        message = "refresh tokens cannot be revoked: a sign-out ends nothing, a stolen token is good until it expires"
        hint = "Set SESSIONS, or install rest_framework_simplejwt.token_blacklist."
        yield Warning(f"{NAMESPACE}: {message}.", hint=hint, id=NO_REVOCATION)
