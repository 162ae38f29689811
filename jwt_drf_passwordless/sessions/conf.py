"""The keys of the setting `SESSIONS`, with their defaults; read at the moment of use."""

from typing import Any

from jwt_drf_passwordless.conf import settings

DEFAULTS: dict[str, Any] = {
    # Seconds from the login to the end that no use moves: 30 days (NIST SP 800-63B-4 section 2.1.3).
    "lifetime": 30 * 24 * 3600,
    # Seconds in which a refresh token that was used already is answered with the same successor once more.
    "grace": 10,
}


def is_on() -> bool:
    return settings.SESSIONS is not None


def option(name: str) -> Any:
    """The value of a key of `SESSIONS`, or its default."""
    return {**DEFAULTS, **(settings.SESSIONS or {})}[name]
