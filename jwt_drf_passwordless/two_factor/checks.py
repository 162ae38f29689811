"""`manage.py check` for the setting `TWO_FACTOR`: errors for what cannot work or is a way around, and warnings."""

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Error, Warning
from django.core.exceptions import ImproperlyConfigured
from rest_framework_simplejwt.views import TokenObtainPairView, TokenObtainSlidingView

from jwt_drf_passwordless.conf import NAMESPACE, resolve, settings
from jwt_drf_passwordless.external_2fa.fake import FakeVerifyProvider
from jwt_drf_passwordless.routes import routed_views
from jwt_drf_passwordless.sms import DEVELOPMENT_BACKENDS
from jwt_drf_passwordless.two_factor.base import SecondFactor
from jwt_drf_passwordless.two_factor.conf import DEFAULTS, option
from jwt_drf_passwordless.two_factor.phone.external import ExternalPhoneProvider
from jwt_drf_passwordless.two_factor.phone.factor import PhoneFactor, phone_provider
from jwt_drf_passwordless.two_factor.phone.local import LocalPhoneProvider
from jwt_drf_passwordless.two_factor.recovery import RecoveryCodeFactor
from jwt_drf_passwordless.two_factor.totp import TotpFactor
from jwt_drf_passwordless.two_factor.views import TwoFactorTokenVerifyView

UNKNOWN_KEY = "jwt_drf_passwordless.E020"
WRONG_VALUE = "jwt_drf_passwordless.E021"
BAD_FACTOR = "jwt_drf_passwordless.E022"
BAD_PHONE_PROVIDER = "jwt_drf_passwordless.E023"
WAY_AROUND = "jwt_drf_passwordless.E024"
TEST_PROVIDER = "jwt_drf_passwordless.E025"
WEAK_KEY = "jwt_drf_passwordless.E026"
MISSING_LIBRARY = "jwt_drf_passwordless.E027"
NO_ROUTES = "jwt_drf_passwordless.W020"
DEPRECATED_PROVIDER = "jwt_drf_passwordless.W021"
NO_SMS_SENT = "jwt_drf_passwordless.W022"
KEPT_UNDER_SECRET_KEY = "jwt_drf_passwordless.W023"
BACKUP_ONLY = "jwt_drf_passwordless.W024"

#: Shortest key in characters: 128 bits even as hex.
MIN_KEY = 32
WHERE = f"{NAMESPACE}['TWO_FACTOR']"
#: What is wrong with a value, where it is wrong.
RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "factors": (lambda value: isinstance(value, list | tuple) and bool(value), "must be a list of dotted paths"),
    "phone": (lambda value: isinstance(value, dict), "must be a dict"),
    "passkey": (lambda value: isinstance(value, dict), "must be a dict"),
    "required": (
        lambda value: isinstance(value, bool | str) or callable(value),
        "must be a bool, a function of the user, or its dotted path",
    ),
    "same_phone": (lambda value: value in ("refuse", "allow"), "must be 'refuse' or 'allow'"),
    "user_fields": (
        lambda value: (
            isinstance(value, dict)
            and value.keys() <= {"phone", "id"}
            and all(isinstance(name, str) for name in value.values())
        ),
        "must be a dict of field names, with the keys 'phone' and 'id'",
    ),
    "encryption_keys": (
        lambda value: (
            value is None
            or (isinstance(value, list | tuple) and bool(value) and all(isinstance(key, str) for key in value))
        ),
        "must be None or a list of texts",
    ),
    "totp": (
        lambda value: (
            isinstance(value, dict) and value.keys() <= {"issuer"} and isinstance(value.get("issuer"), str | None)
        ),
        "must be a dict with the key 'issuer', a text or None",
    ),
    "ticket_lifetime": (
        lambda value: isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 600,
        "must be a number of seconds from 1 to 600",
    ),
    "trusted_device_days": (
        lambda value: isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 90,
        "must be a number of days from 0 to 90",
    ),
}


def check_two_factor(**kwargs: Any) -> list[CheckMessage]:
    """Errors in the dict itself, in what it names, and in routes that lead past it."""
    given = getattr(settings, "TWO_FACTOR", None)
    if not isinstance(given, dict):
        return []  # off, or reported as of the wrong type
    return [*_shape(given)] or [*_keys(), *_classes(), *_routes()]


def check_two_factor_deployment(**kwargs: Any) -> list[CheckMessage]:
    """For `--deploy`: providers of development, secrets that hang on `SECRET_KEY`, and what each factor has to say."""
    given = getattr(settings, "TWO_FACTOR", None)
    if not isinstance(given, dict) or any(isinstance(found, Error) for found in check_two_factor()):
        return []
    by_factors = [message for path in option("factors") for message in resolve(path).check(deploy=True)]
    return [*_provider_in_deployment(), *_kept_under_secret_key(), *by_factors]


def _provider_in_deployment() -> list[CheckMessage]:
    if not _is_listed(PhoneFactor):
        return []
    provider = phone_provider()
    if isinstance(provider, ExternalPhoneProvider) and isinstance(provider.entry.provider, FakeVerifyProvider):
        return [Error(f"{WHERE}: the provider takes one code from everybody.", id=TEST_PROVIDER)]
    if provider.makes_codes and getattr(django_settings, "SMS_BACKEND", None) in DEVELOPMENT_BACKENDS:
        return [Warning(f"{WHERE}: SMS go to a backend that sends none.", id=NO_SMS_SENT)]
    return []


def _kept_under_secret_key() -> Iterator[CheckMessage]:
    """A new `SECRET_KEY` is a usual remedy after a leak, and nobody expects it to lock users out."""
    if _is_listed(TotpFactor, RecoveryCodeFactor) and option("encryption_keys") is None:
        hint = "Set 'encryption_keys'. What was sealed already needs the present SECRET_KEY as the last of them."
        message = "a change of SECRET_KEY takes authenticator apps and recovery codes from your users"
        yield Warning(f"{WHERE}: {message}.", hint=hint, id=KEPT_UNDER_SECRET_KEY)


def _shape(given: dict[str, Any]) -> Iterator[CheckMessage]:
    for name in given.keys() - DEFAULTS.keys():
        hint = f"Known: {', '.join(DEFAULTS)}."
        yield Error(f"{WHERE} has no key {name!r}.", hint=hint, id=UNKNOWN_KEY)
    for name, (is_right, sentence) in RULES.items():
        if not is_right(option(name)):
            yield Error(f"{WHERE}[{name!r}] {sentence}.", id=WRONG_VALUE)


def _keys() -> Iterator[CheckMessage]:
    keys = option("encryption_keys") or ()
    if len(set(keys)) < len(keys):
        yield Error(f"{WHERE}['encryption_keys'] has a key twice.", id=WEAK_KEY)
    if any(len(key) < MIN_KEY for key in keys):
        yield Error(f"{WHERE}['encryption_keys']: a key has less than {MIN_KEY} characters.", id=WEAK_KEY)


def _classes() -> Iterator[CheckMessage]:
    found = []
    for path in option("factors"):
        factor_class = _try_to_resolve(path)
        if not (isinstance(factor_class, type) and issubclass(factor_class, SecondFactor)):
            yield Error(f"{WHERE}['factors']: {path} is no SecondFactor.", id=BAD_FACTOR)
            continue
        found.append(factor_class)
        if not all(find_spec(name) for name in factor_class.libraries):
            hint = f"pip install 'jwt-drf-passwordless[{factor_class.extra}]'"
            yield Error(f"{WHERE}['factors']: a library of {path} is missing.", hint=hint, id=MISSING_LIBRARY)
        yield from factor_class.check()
    if found and all(factor_class.is_backup for factor_class in found):
        yield Warning(f"{WHERE}['factors']: recovery codes without a factor that they stand in for.", id=BACKUP_ONLY)
    if isinstance(option("required"), str) and not callable(_try_to_resolve(option("required"))):
        yield Error(f"{WHERE}['required']: {option('required')} is no function.", id=WRONG_VALUE)
    try:
        provider = phone_provider()
    except (AttributeError, ImportError, ImproperlyConfigured, TypeError, ValueError) as error:
        yield Error(f"{WHERE}['phone']: the provider cannot be made: {error}", id=BAD_PHONE_PROVIDER)
        return
    if provider.deprecated:
        yield Warning(f"{WHERE}['phone']: {provider.deprecated}", id=DEPRECATED_PROVIDER)
    uses_backend = type(provider).send is LocalPhoneProvider.send and _is_listed(PhoneFactor)
    if uses_backend and _try_to_resolve(getattr(django_settings, "SMS_BACKEND", None)) is None:
        hint = "SMS_BACKEND = 'sms.backends.console.SmsBackend' prints SMS. A factor that needs none: set 'factors'."
        yield Error(f"{WHERE}['phone']: SMS_BACKEND of django-sms names no class.", hint=hint, id=BAD_PHONE_PROVIDER)


def _is_listed(*classes: type[SecondFactor]) -> bool:
    """Whether one of the factors is, or derives from, one of these."""
    found = map(_try_to_resolve, option("factors"))
    return any(isinstance(factor_class, type) and issubclass(factor_class, classes) for factor_class in found)


def _try_to_resolve(path: Any) -> Any:
    """The object of a path; None where it leads nowhere."""
    try:
        return resolve(path)
    except (ImportError, TypeError, ValueError):
        return None


def _routes() -> Iterator[CheckMessage]:
    """SimpleJWT's own views make tokens of a password alone."""
    found = routed_views()
    if found is None:
        return
    for route, view_class in found:
        if issubclass(view_class, TokenObtainPairView | TokenObtainSlidingView):
            message = f"{view_class.__name__} at {route!r} gives tokens without a second factor"
            hint = "Replace it by jwt_drf_passwordless.two_factor.views.TwoFactorTokenObtainPairView."
            yield Error(f"{WHERE}: {message}.", hint=hint, id=WAY_AROUND)
    if not any(issubclass(view_class, TwoFactorTokenVerifyView) for _, view_class in found):
        hint = 'path("api/", include("jwt_drf_passwordless.two_factor.urls"))'
        yield Warning(f"{WHERE} is set, but no route takes a second factor.", hint=hint, id=NO_ROUTES)
