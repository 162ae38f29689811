"""Users who are signed in."""

import copy
from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.test import Client
from rest_framework.test import APIClient
from rest_framework_simplejwt import settings as jwt_settings
from rest_framework_simplejwt.tokens import UntypedToken

from jwt_drf_passwordless import token_response
from jwt_drf_passwordless.claims import CLOCK_SKEW, FRESH
from jwt_drf_passwordless.token_response import Proof, note_proof

#: What a login by one factor, and one by a password and a second factor, has proven (RFC 8176).
ONE_FACTOR = ("otp",)
TWO_FACTORS = ("pwd", "otp", "mfa")


def tokens_for(user: AbstractBaseUser, *, amr: Iterable[str] = ONE_FACTOR, fresh: bool = True) -> dict[str, Any]:
    """What a login of the user is answered: `{"refresh", "access"}`, with a session where `SESSIONS` is on.

    `amr`: what was proven, `TWO_FACTORS` for a second factor. Not `fresh`: too long ago for `FreshLogin`.
    """
    user = copy.copy(user)  # how it signs in later is its own matter
    note_proof(user, Proof(tuple(amr)))
    answer = token_response.generate_auth_token(user)
    return answer if fresh else answer | {name: _aged(answer[name]) for name in ("refresh", "access")}


def authenticate(
    client: Client, user: AbstractBaseUser, *, amr: Iterable[str] = ONE_FACTOR, fresh: bool = True
) -> dict[str, Any]:
    """Let every request of a client, Django's or REST framework's, bring an access token: its tokens."""
    answer = tokens_for(user, amr=amr, fresh=fresh)
    api_settings = jwt_settings.api_settings
    header = {api_settings.AUTH_HEADER_NAME: f"{api_settings.AUTH_HEADER_TYPES[0]} {answer['access']}"}
    if isinstance(client, APIClient):
        client.credentials(**header)
    else:
        client.defaults.update(header)
    return answer


def _aged(text: str) -> str:
    """The same token of an older login."""
    token = UntypedToken(text)  # type: ignore[arg-type]
    token["auth_time"] -= FRESH + CLOCK_SKEW + 1
    return str(token)
