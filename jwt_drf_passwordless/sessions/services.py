"""Sessions: start one, go on with it, end it. No HTTP here."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from rest_framework.request import Request
from rest_framework_simplejwt.tokens import RefreshToken

from jwt_drf_passwordless.conf import settings


def start(user: AbstractBaseUser, refresh: RefreshToken, request: Request | None) -> None:
    """Begin the session of a refresh token, which gets its id as the claim `sid`."""
    raise NotImplementedError


def end_sessions(
    user: AbstractBaseUser, *, reason: str, keep: Mapping[str, Any] | None = None, request: Request | None = None
) -> int:
    """End the sessions of a user, but for that of the claims `keep`: how many. Nothing without `SESSIONS`."""
    if settings.SESSIONS is None:
        return 0
    raise NotImplementedError
