"""`manage.py check`: errors for what cannot work; `check --deploy`: warnings for what is unsafe.

Ids are permanent: an id that is given up is never used again.
"""

import math
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage, Error, Warning
from django.core.exceptions import FieldDoesNotExist
from django.db import connections, models, router
from django.db.models.functions import Lower
from django.utils.encoding import force_bytes
from django.utils.module_loading import import_string
from rest_framework_simplejwt import settings as jwt_settings
from rest_framework_simplejwt.tokens import RefreshToken

from jwt_drf_passwordless.conf import DEFAULTS, NAMESPACE, PathDict, Settings, resolve, settings
from jwt_drf_passwordless.messages import LINK_PLACEHOLDERS
from jwt_drf_passwordless.methods import EMAIL, METHODS, LoginMethod

UNKNOWN_SETTING = "jwt_drf_passwordless.E001"
WRONG_TYPE = "jwt_drf_passwordless.E002"
IMPORT_FAILED = "jwt_drf_passwordless.E003"
NOT_A_CHOICE = "jwt_drf_passwordless.E004"
OUT_OF_RANGE = "jwt_drf_passwordless.E005"
WEAK_SHORT_TOKEN = "jwt_drf_passwordless.E006"
EQUAL_TOKEN_LENGTHS = "jwt_drf_passwordless.E007"
BAD_LOGIN_URL = "jwt_drf_passwordless.E008"
NO_SUCH_USER_FIELD = "jwt_drf_passwordless.E009"
CANNOT_REGISTER = "jwt_drf_passwordless.E010"
NOT_A_REFRESH_TOKEN = "jwt_drf_passwordless.E011"
BAD_SENDER = "jwt_drf_passwordless.E012"

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

#: Bits of a guess: six digits (NIST SP 800-63B section 3.1.3.2), and a token that needs no limit on tries.
MIN_SHORT_BITS = 19.9
MIN_LONG_BITS = 128

CHOICES = {"EMAIL_LOOKUP": {"iexact", "exact"}, "REGISTER_ON": {"exchange", "request"}}
#: Smallest and largest value of numbers; seconds for the times.
RANGES = {
    "TOKEN_LIFETIME": (1, 24 * 3600),
    "MAX_TOKEN_USES": (1, math.inf),
    "MAX_TOKEN_ATTEMPTS": (1, 10),
    "TOKEN_REQUEST_THROTTLE_SECONDS": (0, math.inf),
    "SHORT_TOKEN_LENGTH": (1, 255),
    "LONG_TOKEN_LENGTH": (1, 255),
}
#: Schemes that run or read something instead of opening a page or an app.
UNSAFE_SCHEMES = {"javascript", "data", "vbscript", "file", "blob"}
#: Bytes of a key for HMAC.
MIN_KEY_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}


def check_settings(**kwargs: Any) -> list[CheckMessage]:
    """Errors: a setting that is unknown, of the wrong type or that contradicts itself or the project."""
    given = getattr(django_settings, NAMESPACE, None)
    if not isinstance(given, dict | None):
        return [Error(f"{NAMESPACE} must be a dict.", id=WRONG_TYPE)]
    shape = [*_unknown(given or {}), *_wrong_types(given or {})]
    if shape:
        return shape  # the checks below read the settings, which must have the right types for that
    paths = list(_broken_paths())
    return [*paths, *_values(), *_tokens(), *_login_url(), *_user_model(), *([] if paths else _classes())]


def check_deployment(**kwargs: Any) -> list[CheckMessage]:
    """Warnings: settings that work but are unsafe, or slow, in production."""
    if check_settings():
        return []
    return [*_unsafe_values(), *_unsafe_links(), *_indexes(), *_simplejwt()]


def _unknown(given: dict[str, Any]) -> Iterator[CheckMessage]:
    for name, value in given.items():
        if name not in DEFAULTS:
            yield Error(f"{NAMESPACE} has no setting {name!r}.", hint=_did_you_mean(name, DEFAULTS), id=UNKNOWN_SETTING)
        elif isinstance(DEFAULTS[name], PathDict) and isinstance(value, dict):
            for key in value.keys() - DEFAULTS[name].keys():
                hint = _did_you_mean(key, DEFAULTS[name])
                yield Error(f"{NAMESPACE}[{name!r}] has no key {key!r}.", hint=hint, id=UNKNOWN_SETTING)


def _did_you_mean(name: object, known: dict[str, Any]) -> str:
    return f"Known: {', '.join(sorted(known))}."


def _wrong_types(given: dict[str, Any]) -> Iterator[CheckMessage]:
    hints = get_type_hints(Settings)
    for name, value in given.items():
        if name in hints and not _has_type(value, hints[name]):
            expected = "dict" if hints[name] is PathDict else str(getattr(hints[name], "__name__", hints[name]))
            yield Error(f"{NAMESPACE}[{name!r}] must be of type {expected}.", id=WRONG_TYPE)


def _has_type(value: object, hint: Any) -> bool:
    if get_origin(hint) in (Union, UnionType):
        return any(_has_type(value, part) for part in get_args(hint))
    if get_origin(hint) is list:
        return isinstance(value, list | tuple) and all(_has_type(item, get_args(hint)[0]) for item in value)
    if hint is PathDict:
        return isinstance(value, dict)
    return isinstance(value, hint) and not (hint is int and isinstance(value, bool))


def _broken_paths() -> Iterator[CheckMessage]:
    yield from _try("DELIVERY", lambda: resolve(settings.DELIVERY))
    for name in (name for name, default in DEFAULTS.items() if isinstance(default, PathDict)):
        paths = getattr(settings, name)
        for key in paths:
            yield from _try(f"{name}[{key!r}]", partial(getattr, paths, key))


def _try(name: str, read: Callable[[], object]) -> Iterator[CheckMessage]:
    try:
        read()
    except ImportError as error:
        yield Error(f"{NAMESPACE}: {name} cannot be imported: {error}", id=IMPORT_FAILED)


def _values() -> Iterator[CheckMessage]:
    for name in settings.ALLOWED_PASSWORDLESS_METHODS:
        if name.upper() not in {method.name for method in METHODS}:
            yield Error(f"{NAMESPACE}: there is no way to sign in called {name!r}.", id=NOT_A_CHOICE)
    for name, choices in CHOICES.items():
        if getattr(settings, name) not in choices:
            yield Error(f"{NAMESPACE}[{name!r}] must be one of {', '.join(sorted(choices))}.", id=NOT_A_CHOICE)
    for name, (smallest, largest) in RANGES.items():
        if not smallest <= (getattr(settings, name) or 0) <= largest:
            yield Error(f"{NAMESPACE}[{name!r}] must be between {smallest} and {largest}.", id=OUT_OF_RANGE)


def _bits(kind: str) -> float:
    """Entropy of a SHORT or LONG token in bits."""
    alphabet = set(getattr(settings, f"{kind}_TOKEN_CHARS"))
    return float(getattr(settings, f"{kind}_TOKEN_LENGTH") * math.log2(max(len(alphabet), 1)))


def _tokens() -> Iterator[CheckMessage]:
    if _bits("SHORT") < MIN_SHORT_BITS:
        hint = "Six digits are the least (NIST SP 800-63B section 3.1.3.2)."
        yield Error(f"{NAMESPACE}: codes have {_bits('SHORT'):.1f} bits.", hint=hint, id=WEAK_SHORT_TOKEN)
    if not settings.LONG_TOKEN_CHARS:
        yield Error(f"{NAMESPACE}['LONG_TOKEN_CHARS'] is empty.", id=OUT_OF_RANGE)
    if settings.SHORT_TOKEN_LENGTH == settings.LONG_TOKEN_LENGTH:
        message = "SHORT_TOKEN_LENGTH and LONG_TOKEN_LENGTH are equal: a code could not be told from a link's token."
        yield Error(f"{NAMESPACE}: {message}", id=EQUAL_TOKEN_LENGTHS)


def _login_url() -> Iterator[CheckMessage]:
    url = settings.PASSWORDLESS_EMAIL_LOGIN_URL
    if url is None:
        return
    rest = re.sub("|".join(rf"\{{{name}\}}" for name in LINK_PLACEHOLDERS), "", url)
    if "{" in rest or "}" in rest or not re.search(r"\{(short_)?token\}", url):
        hint = "It holds {token} or {short_token}, may hold {email}, and no other braces."
    elif not urlsplit(url).scheme or urlsplit(url).scheme in UNSAFE_SCHEMES:
        hint = "It starts with https:// or the scheme of an app."
    else:
        return
    yield Error(f"{NAMESPACE}['PASSWORDLESS_EMAIL_LOGIN_URL'] cannot be used.", hint=hint, id=BAD_LOGIN_URL)


def _enabled() -> list[LoginMethod]:
    return [method for method in METHODS if method.is_enabled]


def _user_field(name: str) -> "models.Field[Any, Any] | None":
    try:
        field = get_user_model()._meta.get_field(name)
    except FieldDoesNotExist:
        return None
    return field if isinstance(field, models.Field) else None


def _user_model() -> Iterator[CheckMessage]:
    user_model = get_user_model()
    for method in _enabled():
        if _user_field(method.field) is None:
            message = f"{user_model._meta.label} has no field {method.field!r}, by which {method.name} signs in."
            yield Error(f"{NAMESPACE}: {message}", id=NO_SUCH_USER_FIELD)
        elif settings.REGISTER_NONEXISTENT_USERS:
            for name in _unfilled(user_model, {method.field, user_model.USERNAME_FIELD, "password"}):
                message = f"{method.name} cannot register users: {user_model._meta.label}.{name} needs a value"
                hint = "Give it a default, null=True, or override create() of the request serializer."
                yield Error(f"{NAMESPACE}: {message}.", hint=hint, id=CANNOT_REGISTER)


def _unfilled(user_model: type[models.Model], filled: set[str]) -> Iterator[str]:
    """Fields that registration leaves empty although the table, or a unique column, does not take that."""
    for field in user_model._meta.concrete_fields:
        optional = field.null or field.has_default() or field.has_db_default() or field.generated
        if field.name in filled or optional or isinstance(field, models.AutoField):
            continue
        if not field.blank or field.unique:
            yield field.name


def _classes() -> Iterator[CheckMessage]:
    serializer = import_string(jwt_settings.api_settings.TOKEN_OBTAIN_SERIALIZER)
    if not issubclass(serializer.token_class, RefreshToken):
        message = "SIMPLE_JWT['TOKEN_OBTAIN_SERIALIZER'] makes no refresh tokens, which a login answers with."
        yield Error(message, id=NOT_A_REFRESH_TOKEN)
    for name in ("EMAIL", "SMS_SENDERS"):
        if not hasattr(getattr(settings, name).passwordless_request, "render"):
            hint = "Subclass jwt_drf_passwordless.messages.PasswordlessRequestMessage."
            yield Error(f"{NAMESPACE}: the class in {name} has no method render().", hint=hint, id=BAD_SENDER)


def _unsafe_values() -> Iterator[CheckMessage]:
    cooldown = settings.TOKEN_REQUEST_THROTTLE_SECONDS or 0
    for unsafe, message, id_ in (
        (settings.TOKEN_LIFETIME > 600, "codes live longer than 600 seconds (ASVS 6.5.5)", LONG_LIFETIME),
        (settings.MAX_TOKEN_USES > 1, "a code can be used more than once (ASVS 6.5.1)", SEVERAL_USES),
        (cooldown < 30, "an address can be sent a message more often than every 30 seconds", SHORT_COOLDOWN),
        (
            settings.DELIVERY == DEFAULTS["DELIVERY"],
            "messages are sent within the request, whose duration then tells known addresses from unknown ones",
            INLINE_DELIVERY,
        ),
        (_bits("LONG") < MIN_LONG_BITS, f"a link's token has less than {MIN_LONG_BITS} bits", WEAK_LONG_TOKEN),
        (settings.REVEAL_ACCOUNT_EXISTENCE, "anyone can ask which addresses have accounts", ACCOUNTS_REVEALED),
    ):
        if unsafe:
            yield Warning(f"{NAMESPACE}: {message}.", id=id_)


def _unsafe_links() -> Iterator[CheckMessage]:
    if urlsplit(settings.PASSWORDLESS_EMAIL_LOGIN_URL or "").scheme == "http":
        yield Warning(f"{NAMESPACE}: links go out over http, where anyone on the way reads them.", id=PLAIN_HTTP_LINK)


def _indexes() -> Iterator[CheckMessage]:
    user_model = get_user_model()
    features = connections[router.db_for_read(user_model)].features
    for method in _enabled():
        field = _user_field(method.field)
        if field is None:  # pragma: no cover - reported by check_settings()
            continue
        if method is EMAIL and settings.EMAIL_LOOKUP == "iexact":
            wanted = f"UniqueConstraint(Lower({field.name!r}), name='user_{field.name}_lower_unique')"
            if not features.supports_expression_indexes:
                wanted = "EMAIL_LOOKUP 'exact' and an index, as this database compares without regard to case"
            found = any(
                Lower(field.name) in getattr(index, "expressions", ())
                for index in (*user_model._meta.constraints, *user_model._meta.indexes)
            )
        else:
            wanted, found = "unique=True or db_index=True", field.unique or getattr(field, "db_index", False)
        if not found:
            message = f"without an index each login reads the whole table of {user_model._meta.label}"
            yield Warning(f"{NAMESPACE}: {message}.", hint=f"{field.name}: {wanted}", id=NO_INDEX)


def _simplejwt() -> Iterator[CheckMessage]:
    api_settings = jwt_settings.api_settings
    if api_settings.ACCESS_TOKEN_LIFETIME > timedelta(minutes=15):
        yield Warning("SIMPLE_JWT: access tokens live longer than 15 minutes.", id=LONG_ACCESS_TOKEN)
    needed = MIN_KEY_BYTES.get(api_settings.ALGORITHM, 0)
    if len(force_bytes(api_settings.SIGNING_KEY)) < needed:
        message = f"SIMPLE_JWT: {api_settings.ALGORITHM} needs a key of {needed} bytes (RFC 7518 section 3.2)."
        yield Warning(message, id=SHORT_SIGNING_KEY)
