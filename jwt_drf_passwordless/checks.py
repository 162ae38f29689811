"""`manage.py check`: errors for what cannot work. `deploy_checks` has the warnings for what is unsafe.

Ids are permanent: one that is given up is never used again.
"""

import math
import re
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from functools import cache, partial, wraps
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage, Error
from django.db import models
from django.utils.module_loading import import_string
from rest_framework_simplejwt import settings as jwt_settings
from rest_framework_simplejwt.tokens import RefreshToken

from jwt_drf_passwordless.conf import DEFAULTS, NAMESPACE, PathDict, Settings, resolve, settings
from jwt_drf_passwordless.messages import LINK_PLACEHOLDERS
from jwt_drf_passwordless.methods import METHODS, MOBILE, LoginMethod
from jwt_drf_passwordless.serializers import AbstractPasswordlessTokenRequestSerializer
from jwt_drf_passwordless.users import needs_random_username, user_field

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
MISSING_LIBRARY = "jwt_drf_passwordless.E013"

#: Bits of a code: six digits (NIST SP 800-63B section 3.1.3.2).
MIN_SHORT_BITS = 19.9

CHOICES = {"EMAIL_LOOKUP": {"iexact", "exact"}, "REGISTER_ON": {"exchange", "request"}}
#: Smallest and largest value of numbers; seconds for the times.
RANGES = {
    "TOKEN_LIFETIME": (1, 24 * 3600),
    "MAX_TOKEN_USES": (1, math.inf),
    "MAX_TOKEN_ATTEMPTS": (1, 10),
    "TOKEN_REQUEST_THROTTLE_SECONDS": (0, 24 * 3600),
    "SHORT_TOKEN_LENGTH": (1, 255),
    "LONG_TOKEN_LENGTH": (1, 255),
    "TRUSTED_PROXIES": (0, 100),
}
#: Schemes that run or read something instead of opening a page or an app.
UNSAFE_SCHEMES = {"javascript", "data", "vbscript", "file", "blob"}


@cache  # one function for each: apps are made ready once more by `override_settings(INSTALLED_APPS=...)`
def of_right_shape(check: Callable[..., list[CheckMessage]]) -> Callable[..., list[CheckMessage]]:
    """The check, skipped where `check_settings` has found a wrong type: reading the settings would raise."""

    @wraps(check)
    def guarded(**kwargs: Any) -> list[CheckMessage]:
        return [] if check_shape() else check(**kwargs)

    return guarded


def check_shape() -> list[CheckMessage]:
    """Errors: a setting that is unknown or of the wrong type."""
    given = getattr(django_settings, NAMESPACE, None)
    if not isinstance(given, dict | None):
        return [Error(f"{NAMESPACE} must be a dict.", id=WRONG_TYPE)]
    return [*_unknown(given or {}), *_wrong_types(given or {})]


def check_settings(**kwargs: Any) -> list[CheckMessage]:
    """Errors: a setting that is unknown, of the wrong type or that contradicts itself or the project."""
    shape = check_shape()
    if shape:
        return shape
    paths = list(_broken_paths())
    return [*paths, *_values(), *_tokens(), *_login_url(), *([] if paths else [*_user_model(), *_classes()])]


def _unknown(given: dict[str, Any]) -> Iterator[CheckMessage]:
    for name, value in given.items():
        if name not in DEFAULTS:
            yield Error(f"{NAMESPACE} has no setting {name!r}.", hint=_did_you_mean(name, DEFAULTS), id=UNKNOWN_SETTING)
        elif isinstance(DEFAULTS[name], dict) and DEFAULTS[name] and isinstance(value, dict):
            for key in value.keys() - DEFAULTS[name].keys():
                hint = _did_you_mean(key, DEFAULTS[name])
                yield Error(f"{NAMESPACE}[{name!r}] has no key {key!r}.", hint=hint, id=UNKNOWN_SETTING)


def _did_you_mean(name: object, known: dict[str, Any]) -> str:
    close = get_close_matches(str(name), known, n=1)
    return f"Did you mean {close[0]!r}?" if close else f"Known: {', '.join(sorted(known))}."


def _wrong_types(given: dict[str, Any]) -> Iterator[CheckMessage]:
    hints = get_type_hints(Settings)
    for name, value in given.items():
        if name in hints and not _has_type(value, hints[name]):
            expected = "dict" if hints[name] is PathDict else str(getattr(hints[name], "__name__", hints[name]))
            yield Error(f"{NAMESPACE}[{name!r}] must be of type {expected}.", id=WRONG_TYPE)
        elif hints.get(name) is PathDict:
            for key, default in DEFAULTS[name].items():
                if key in value and not _is_path(value[key], default):
                    expected = "a list of dotted paths" if isinstance(default, list) else "a dotted path"
                    yield Error(f"{NAMESPACE}[{name!r}][{key!r}] must be {expected}.", id=WRONG_TYPE)


def _is_path(value: object, default: object) -> bool:
    """Whether a value of a PathDict is what its default is: a list of paths, a path, or None; objects go for paths."""
    if isinstance(default, list):
        return isinstance(value, list | tuple) and all(_is_path(item, "") for item in value)
    return isinstance(value, str) or callable(value) or value is default is None


def _has_type(value: object, hint: Any) -> bool:
    if get_origin(hint) in (Union, UnionType):
        return any(_has_type(value, part) for part in get_args(hint))
    if get_origin(hint) is list:
        return isinstance(value, list | tuple) and all(_has_type(item, get_args(hint)[0]) for item in value)
    if hint is PathDict or get_origin(hint) is dict:
        return isinstance(value, dict)
    return isinstance(value, hint) and not (hint is int and isinstance(value, bool))


def _broken_paths() -> Iterator[CheckMessage]:
    yield from _try("DELIVERY", lambda: resolve(settings.DELIVERY))
    yield from _try("LANGUAGE_FOR_USER", lambda: resolve(settings.LANGUAGE_FOR_USER))
    for name in (name for name, default in DEFAULTS.items() if isinstance(default, PathDict)):
        paths = getattr(settings, name)
        for key in paths:
            yield from _try(f"{name}[{key!r}]", partial(getattr, paths, key))


def _try(name: str, read: Callable[[], object]) -> Iterator[CheckMessage]:
    try:
        read()
    # AttributeError: a setting that is missing; TypeError and ValueError: a path that starts with a dot
    except (AttributeError, ImportError, TypeError, ValueError) as error:
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


def token_bits(kind: str) -> float:
    """Entropy of a SHORT or LONG token in bits, as guessed by its most frequent character."""
    alphabet: str = getattr(settings, f"{kind}_TOKEN_CHARS")
    if not alphabet:
        return 0.0
    most_frequent = max(alphabet.count(character) for character in alphabet)
    return float(getattr(settings, f"{kind}_TOKEN_LENGTH") * math.log2(len(alphabet) / most_frequent))


def _tokens() -> Iterator[CheckMessage]:
    if token_bits("SHORT") < MIN_SHORT_BITS:
        hint = "Six digits are the least (NIST SP 800-63B section 3.1.3.2)."
        yield Error(f"{NAMESPACE}: codes have {token_bits('SHORT'):.1f} bits.", hint=hint, id=WEAK_SHORT_TOKEN)
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


def enabled_methods() -> list[LoginMethod]:
    return [method for method in METHODS if method.is_enabled]


def _user_model() -> Iterator[CheckMessage]:
    user_model = get_user_model()
    if len({method.field for method in METHODS}) < len(METHODS):
        yield Error(f"{NAMESPACE}: email and phone number are in one field.", id=NO_SUCH_USER_FIELD)
    for method in enabled_methods():
        if user_field(method.field) is None:
            message = f"{user_model._meta.label} has no field {method.field!r}, by which {method.name} signs in."
            hint = f"Add it to a user model of your own, or name another field in {method.field_setting}."
            yield Error(f"{NAMESPACE}: {message}", hint=hint, id=NO_SUCH_USER_FIELD)
        elif settings.REGISTER_NONEXISTENT_USERS and not _has_own_create(method):
            username = {user_model.USERNAME_FIELD} if needs_random_username() else set()
            for name in _unfilled(user_model, {method.field, "password"} | username):
                message = f"{method.name} cannot register users: {user_model._meta.label}.{name} needs a value"
                hint = "Give it a default, null=True, or override create() of the request serializer."
                yield Error(f"{NAMESPACE}: {message}.", hint=hint, id=CANNOT_REGISTER)


def _has_own_create(method: LoginMethod) -> bool:
    """Whether the project's request serializer makes the accounts, and so fills what we could not."""
    serializer_class = getattr(settings.SERIALIZERS, method.request_serializer)
    ours = AbstractPasswordlessTokenRequestSerializer.create
    return getattr(serializer_class, "create", ours) is not ours


def _unfilled(user_model: type[models.Model], filled: set[str]) -> Iterator[str]:
    """Fields that registration leaves empty although the table, or a unique column, does not take that."""
    for field in user_model._meta.concrete_fields:
        optional = field.null or field.has_default() or field.has_db_default() or field.generated
        if field.name in filled or optional or isinstance(field, models.AutoField):
            continue
        if not field.blank or field.unique:
            yield field.name


def _classes() -> Iterator[CheckMessage]:
    try:
        serializer = import_string(jwt_settings.api_settings.TOKEN_OBTAIN_SERIALIZER)
    except ImportError as error:
        yield Error(f"SIMPLE_JWT['TOKEN_OBTAIN_SERIALIZER'] cannot be imported: {error}", id=IMPORT_FAILED)
        return
    if not issubclass(getattr(serializer, "token_class", None) or object, RefreshToken):
        message = "SIMPLE_JWT['TOKEN_OBTAIN_SERIALIZER'] makes no refresh tokens, which a login answers with."
        yield Error(message, id=NOT_A_REFRESH_TOKEN)
    delivery = resolve(settings.DELIVERY)
    if not hasattr(delivery, "deliver"):
        yield Error(f"{NAMESPACE}: the class in DELIVERY has no method deliver().", id=BAD_SENDER)
    language = resolve(settings.LANGUAGE_FOR_USER)
    if language is not None and not callable(language):
        yield Error(f"{NAMESPACE}['LANGUAGE_FOR_USER'] must name a function of a user.", id=WRONG_TYPE)
    if MOBILE.is_enabled:
        yield from _try("SMS_BACKEND of django-sms", lambda: resolve(django_settings.SMS_BACKEND))
    if hasattr(delivery, "extra"):
        try:
            resolve(delivery.task)
        except ImportError:
            hint = f"pip install 'jwt-drf-passwordless[{delivery.extra}]'"
            yield Error(f"{NAMESPACE}: the library of {settings.DELIVERY} is missing.", hint=hint, id=MISSING_LIBRARY)
    for name in ("EMAIL", "SMS_SENDERS"):
        if not hasattr(getattr(settings, name).passwordless_request, "render"):
            hint = "Subclass jwt_drf_passwordless.messages.PasswordlessRequestMessage."
            yield Error(f"{NAMESPACE}: the class in {name} has no method render().", hint=hint, id=BAD_SENDER)
