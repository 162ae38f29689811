"""What a finished login answers: the SimpleJWT pair, with claims that say how and when it was proven."""

import dataclasses
import time
from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, update_last_login
from django.utils.module_loading import import_string
from rest_framework.request import Request
from rest_framework_simplejwt import settings as jwt_settings
from rest_framework_simplejwt.tokens import RefreshToken

from jwt_drf_passwordless.conf import SESSION_START, resolve, settings


@dataclasses.dataclass(frozen=True)
class Proof:
    """How a login was proven: RFC 8176 names, the user field and identifier that were, and by which request.

    `more`: claims that its tokens have beside those that follow from these.
    """

    amr: tuple[str, ...] = ("otp",)
    field: str = ""
    identifier: str = ""
    request: Request | None = dataclasses.field(default=None, compare=False, repr=False)
    more: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def note_proof(user: AbstractBaseUser, proof: Proof) -> None:
    """Let the user object carry how it was let in, as `user.backend` does in Django: signatures of the hooks
    that hand the user on stay as they are."""
    user._jwt_drf_passwordless_proof = proof  # type: ignore[attr-defined]


def proof_of(user: AbstractBaseUser) -> Proof:
    """How this user object was let in; by one code where nothing is known of that."""
    proof: Proof = getattr(user, "_jwt_drf_passwordless_proof", Proof())
    return proof


class PasswordlessJwtRefreshTokenResponse:
    """Default of `SERIALIZERS["passwordless_token_response_class"]`; subclass it to add claims or keys."""

    @classmethod
    def get_token(cls, user: AbstractBaseUser) -> RefreshToken:
        """A refresh token of the project's `TOKEN_OBTAIN_SERIALIZER` with three more claims.

        `amr`: list of RFC 8176 names of what was proven; `auth_time`: Unix seconds of the login
        (OpenID Connect Core section 2); `acr`: "aal1", or "aal2" after two factors. The access
        token copies them and rotation keeps them.
        """
        obtain_serializer = import_string(jwt_settings.api_settings.TOKEN_OBTAIN_SERIALIZER)
        token: RefreshToken = obtain_serializer.get_token(user)
        proof = proof_of(user)
        amr = list(proof.amr)
        token.payload.update(proof.more)
        token["amr"] = amr
        token["auth_time"] = int(time.time())
        token["acr"] = "aal2" if "mfa" in amr else "aal1"
        return token

    @classmethod
    def generate_auth_token(cls, user: AbstractBaseUser) -> dict[str, Any]:
        """The body of the answer: `{"refresh": str, "access": str}`; obeys `UPDATE_LAST_LOGIN`, starts a session."""
        refresh = cls.get_token(user)
        if settings.SESSIONS is not None:
            resolve(SESSION_START)(user, refresh, proof_of(user).request)
        if jwt_settings.api_settings.UPDATE_LAST_LOGIN:
            update_last_login(None, user)  # type: ignore[arg-type]
        return {"refresh": str(refresh), "access": str(refresh.access_token)}


def generate_auth_token(user: AbstractBaseUser) -> dict[str, Any]:
    """The answer of the class that the project names."""
    response_class = settings.SERIALIZERS.passwordless_token_response_class or PasswordlessJwtRefreshTokenResponse
    answer: dict[str, Any] = response_class.generate_auth_token(user)
    return answer
