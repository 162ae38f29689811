"""Passkeys as first factor: nobody is named before the passkey does. No HTTP here."""

import secrets
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.views.decorators.debug import sensitive_variables
from rest_framework.request import Request

from jwt_drf_passwordless import challenges, signals, users
from jwt_drf_passwordless.events import failures_told, record
from jwt_drf_passwordless.exceptions import InvalidCredentials, SecondFactorSamePhone
from jwt_drf_passwordless.models import Authenticator
from jwt_drf_passwordless.models import PasswordlessChallengeToken as Challenge
from jwt_drf_passwordless.services import second_step
from jwt_drf_passwordless.token_response import Proof, note_proof
from jwt_drf_passwordless.two_factor.passkey import webauthn
from jwt_drf_passwordless.two_factor.passkey.conf import passkey_option
from jwt_drf_passwordless.two_factor.passkey.factor import PasskeyFactor, is_whole, lookup_of
from jwt_drf_passwordless.two_factor.registry import factors
from jwt_drf_passwordless.utils import challenge_key

#: The purpose of such challenges. They belong to nobody: each is known by the ticket that came with it.
PASSKEY_LOGIN = "passkey_login"
FIELD = "ticket"
#: Random bytes of a ticket.
TICKET_BYTES = 24


def is_offered() -> bool:
    """Whether passkeys sign in."""
    return bool(passkey_option("first_factor")) and any(isinstance(factor, PasskeyFactor) for factor in factors())


@sensitive_variables()
def request_login() -> dict[str, Any]:
    """A challenge for whoever holds a passkey of this site: what the browser needs, and the ticket."""
    ticket = secrets.token_urlsafe(TICKET_BYTES)
    row = challenges.issue(PASSKEY_LOGIN, FIELD, "", None, owner=ticket, with_codes=False)
    return {"publicKey": webauthn.request_options(row), "ticket": ticket}


@sensitive_variables()
def sign_in(ticket: str, credential: str, request: Request | None) -> tuple[AbstractBaseUser, dict[str, Any] | None]:
    """The user of a passkey, and what is to be answered instead of tokens, if anything.

    With PIN or fingerprint a passkey is two factors; without, a user who has a second factor is asked for one that
    is no passkey. Raises InvalidCredentials for every failure, and what the login gate raises.
    """
    factor = next(factor for factor in factors() if isinstance(factor, PasskeyFactor))
    with failures_told(field=factor.name, request=request):
        user = _redeem(factor, ticket, credential, request)
        try:
            pending = second_step(user, request)
        except SecondFactorSamePhone:  # passkeys are the only second factor
            raise InvalidCredentials("user_not_verified") from None
    record(signals.token_redeemed, field=factor.name, user=user, request=request)
    return user, pending


def _redeem(factor: PasskeyFactor, ticket: str, credential: str, request: Request | None) -> AbstractBaseUser:
    """The user whom a passkey lets in, with the proof of that; the challenge is used up first, whatever follows."""
    row = challenges.consume(Challenge.objects.find(key=challenge_key(PASSKEY_LOGIN, FIELD, ticket)))
    answer = webauthn.read(credential)
    passkey = _find(factor, answer.id) if answer else None
    if answer is None or passkey is None or not is_whole(passkey) or answer.handle != passkey.data["handle"]:
        raise InvalidCredentials("unknown")
    user: AbstractBaseUser = passkey.user
    proven = factor.prove(passkey, answer, row, user, request)
    if proven is None:
        raise InvalidCredentials("wrong")
    if not (user.is_active and users.may_log_in(user) and users.is_known(user)):
        raise InvalidCredentials("user_refused")
    amr = (*factor.amr(row), *(["mfa"] if proven.user_verified else []))
    note_proof(user, Proof(amr, request=request))
    return user


def _find(factor: PasskeyFactor, passkey_id: bytes) -> Authenticator | None:
    """The passkey of an id, with its user loaded."""
    found = Authenticator.objects.filter(lookup=lookup_of(passkey_id), method=factor.name).select_related("user")
    return found.first()
