"""`manage.py check` for the setting `SESSIONS`: errors for what cannot work or is a way around, and warnings."""

from collections.abc import Iterator
from typing import Any

from django.core.checks import CheckMessage, Error, Warning
from rest_framework_simplejwt import settings as jwt_settings
from rest_framework_simplejwt.serializers import TokenRefreshSerializer
from rest_framework_simplejwt.views import TokenBlacklistView, TokenRefreshView

from jwt_drf_passwordless.conf import NAMESPACE, resolve, settings
from jwt_drf_passwordless.routes import routed_views
from jwt_drf_passwordless.sessions.conf import DEFAULTS, option
from jwt_drf_passwordless.sessions.serializers import SessionTokenRefreshSerializer
from jwt_drf_passwordless.sessions.views import GuardedTokenRefreshView

UNKNOWN_KEY = "jwt_drf_passwordless.E050"
WRONG_VALUE = "jwt_drf_passwordless.E051"
WAY_AROUND = "jwt_drf_passwordless.E052"
BAD_SERIALIZER = "jwt_drf_passwordless.E053"
NO_ROUTES = "jwt_drf_passwordless.W051"

WHERE = f"{NAMESPACE}['SESSIONS']"
#: Smallest and largest value, in seconds.
RANGES = {"lifetime": (60, 366 * 24 * 3600), "grace": (0, 10)}


def check_sessions(**kwargs: Any) -> list[CheckMessage]:
    """Errors in the dict itself, in the serializer of refresh tokens, and in routes that lead past sessions."""
    given = getattr(settings, "SESSIONS", None)
    if not isinstance(given, dict):
        return []  # off, or reported as of the wrong type
    return [*_shape(given)] or [*_serializer(), *_routes()]


def _shape(given: dict[str, Any]) -> Iterator[CheckMessage]:
    for name in given.keys() - DEFAULTS.keys():
        hint = f"Known: {', '.join(DEFAULTS)}."
        yield Error(f"{WHERE} has no key {name!r}.", hint=hint, id=UNKNOWN_KEY)
    for name, (smallest, largest) in RANGES.items():
        value = option(name)
        if not isinstance(value, int) or isinstance(value, bool) or not smallest <= value <= largest:
            yield Error(f"{WHERE}[{name!r}] must be a number of seconds from {smallest} to {largest}.", id=WRONG_VALUE)


def _serializer() -> Iterator[CheckMessage]:
    path = jwt_settings.api_settings.TOKEN_REFRESH_SERIALIZER
    try:
        serializer = resolve(path)
    except ImportError as error:
        yield Error(f"SIMPLE_JWT['TOKEN_REFRESH_SERIALIZER'] cannot be imported: {error}", id=BAD_SERIALIZER)
        return
    if serializer is not TokenRefreshSerializer and not issubclass(serializer, SessionTokenRefreshSerializer):
        message = f"SIMPLE_JWT['TOKEN_REFRESH_SERIALIZER'], {path}, knows no sessions and is not used"
        hint = "Derive it from jwt_drf_passwordless.sessions.serializers.SessionTokenRefreshSerializer."
        yield Error(f"{WHERE}: {message}.", hint=hint, id=BAD_SERIALIZER)


def _routes() -> Iterator[CheckMessage]:
    """SimpleJWT's own view takes a refresh token as often as it comes."""
    found = routed_views()
    if found is None:
        return
    for route, view_class in found:
        if issubclass(view_class, TokenRefreshView | TokenBlacklistView):
            message = f"{view_class.__name__} at {route!r} knows no sessions"
            hint = "Replace it by those of jwt_drf_passwordless.sessions.urls."
            yield Error(f"{WHERE}: {message}.", hint=hint, id=WAY_AROUND)
    if not any(issubclass(view_class, GuardedTokenRefreshView) for _, view_class in found):
        hint = 'path("api/", include("jwt_drf_passwordless.sessions.urls"))'
        yield Warning(f"{WHERE} is set, but no route takes a refresh token.", hint=hint, id=NO_ROUTES)
