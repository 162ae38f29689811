"""Which of a user's second factors count: for a login, for a step-up, for a proof. Nothing is sent or written here."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import AbstractBaseUser

from jwt_drf_passwordless.claims import amr_of, auth_time_of
from jwt_drf_passwordless.exceptions import (
    InvalidCredentials,
    ReauthenticationRequired,
    SecondFactorBroken,
    SecondFactorNeeded,
)
from jwt_drf_passwordless.models import PasswordlessChallengeToken as Challenge
from jwt_drf_passwordless.token_response import Proof
from jwt_drf_passwordless.two_factor.base import SecondFactor
from jwt_drf_passwordless.two_factor.conf import option
from jwt_drf_passwordless.two_factor.registry import factors


def factors_of(user: AbstractBaseUser) -> list[SecondFactor]:
    """The user's factors; none while all of them only stand in for others."""
    found = [factor for factor in factors() if factor.is_enrolled(user)]
    return found if any(not factor.is_backup for factor in found) else []


def has_factor(user: AbstractBaseUser) -> bool:
    """Whether a user has enrolled a second factor, one that is broken included."""
    return has_main(factors(), user)


def has_main(made: list[SecondFactor], user: AbstractBaseUser) -> bool:
    """Whether a user has one of these that does not only stand in for others."""
    return any(is_enrolled(factor, user) for factor in made if not factor.is_backup)


def is_enrolled(factor: SecondFactor, user: AbstractBaseUser) -> bool:
    """Whether the user has it, whole or by half."""
    try:
        return factor.is_enrolled(user)
    except SecondFactorBroken:
        return True


def for_login(user: AbstractBaseUser, proof: Proof, enrolled: list[SecondFactor]) -> list[SecondFactor]:
    """Those of `enrolled` that prove something else than the first factor did; none where that one is enough.

    Raises SecondFactorBroken, or the factor's `refusal`, when none is independent of the first.
    """
    usable = [factor for factor in enrolled if factor.is_independent(user, proof)]
    if all(factor.is_backup for factor in usable):
        refusals = [factor.refusal(user) for factor in enrolled if not factor.is_backup]
        broken = [refusal for refusal in refusals if isinstance(refusal, SecondFactorBroken)]
        # By that phone; a passkey of one factor proves no field.
        if proof.field and option("same_phone") == "allow" and not broken:
            return []
        if not usable:
            raise (broken or refusals)[0]
    return usable


def for_step_up(user: AbstractBaseUser, claims: Mapping[str, Any]) -> list[SecondFactor]:
    """The factors by which a session of these claims may step up. One that stands in for others does not alone.

    Raises SecondFactorNeeded when there is none; ReauthenticationRequired when the claims do not say how
    the session began, or it began before the factor was enrolled, which a thief may have done with the
    stolen session; the factor's `refusal`.
    """
    proof, auth_time = Proof(amr_of(claims)), auth_time_of(claims)
    if not proof.amr or auth_time is None:
        raise ReauthenticationRequired
    enrolled = factors_of(user)
    if not enrolled:
        raise SecondFactorNeeded
    if any(map(is_strong, enrolled)):
        enrolled = [factor for factor in enrolled if factor.raises_level and _is_second(factor, proof.amr)]
    usable = [factor for factor in enrolled if factor.is_independent(user, proof)]
    if not usable:
        raise enrolled[0].refusal(user)
    usable = [factor for factor in usable if auth_time >= _enrolled_at(factor, user)]
    if not usable:
        raise ReauthenticationRequired
    return usable


def choose(user: AbstractBaseUser, methods: tuple[str, ...] | None, method: str | None) -> SecondFactor:
    """The factor of that name, or the first one, of those that the user has, and of `methods` where these are given.

    Raises InvalidCredentials.
    """
    for factor in factors():
        if (methods is None or factor.name in methods) and method in (None, factor.name) and factor.is_enrolled(user):
            return factor
    raise InvalidCredentials("unknown")


def is_strong(factor: SecondFactor) -> bool:
    """Whether it makes a login one of two factors."""
    return factor.raises_level and not factor.is_backup


def _is_second(factor: SecondFactor, amr: tuple[str, ...]) -> bool:
    """Whether it makes two with what a session has proven: a backup, if that was two or one of its kind."""
    return not factor.is_backup or not {"mfa", *factor.amr(Challenge())}.isdisjoint(amr)


def _enrolled_at(factor: SecondFactor, user: AbstractBaseUser) -> int:
    """In Unix seconds; 0 where it is not known."""
    since = factor.enrolled_at(user)
    return int(since.timestamp()) if since else 0
