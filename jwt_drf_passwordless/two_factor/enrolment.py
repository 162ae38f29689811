"""Adding, replacing and removing second factors of any kind, and telling what a user has. No HTTP here."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import router, transaction
from django.db.models import F
from django.views.decorators.debug import sensitive_variables
from rest_framework.exceptions import NotFound
from rest_framework.request import Request

from jwt_drf_passwordless import challenges
from jwt_drf_passwordless.claims import has_second_factor, is_fresh
from jwt_drf_passwordless.events import failures_told, record
from jwt_drf_passwordless.exceptions import (
    FactorUnavailable,
    InvalidCredentials,
    ReauthenticationRequired,
    SecondFactorNeeded,
)
from jwt_drf_passwordless.models import Authenticator, PhoneDevice
from jwt_drf_passwordless.models import PasswordlessChallengeToken as Challenge
from jwt_drf_passwordless.sessions.services import end_sessions
from jwt_drf_passwordless.two_factor import notices, services, trusted
from jwt_drf_passwordless.two_factor.base import PHONE, SecondFactor
from jwt_drf_passwordless.two_factor.conf import is_on, is_required
from jwt_drf_passwordless.two_factor.eligibility import has_main, is_enrolled, is_strong
from jwt_drf_passwordless.two_factor.registry import factors
from jwt_drf_passwordless.two_factor.signals import factor_added, factor_removed, second_factor_changed
from jwt_drf_passwordless.two_factor.tickets import is_enrolment
from jwt_drf_passwordless.utils import challenge_key

#: Its challenges are one for each user and factor, so that nobody texts numbers in turn.
FIELD = "user"

Claims = Mapping[str, Any]
Data = Mapping[str, Any]


def purpose_of(factor: SecondFactor) -> str:
    """The purpose of a factor's enrolment challenges."""
    return f"enrol_{factor.name}"


def ensure_fresh(user: AbstractBaseUser, claims: Claims, made: list[SecondFactor] | None = None) -> None:
    """Whoever has stolen an access token must not change what the account is entered by (OWASP ASVS 7.5.1).

    Raises ReauthenticationRequired unless the login is fresh, and has proven a second factor if the user has one
    that can raise it; a trusted device has spared it one. The token of who must enrol is fresh until there is one of
    any kind. `made` are the factors, where the caller has made them.
    """
    asked = (made if made is not None else factors()) if is_on() else []
    if claims.get(trusted.CLAIM) and has_main(asked, user):
        raise ReauthenticationRequired
    is_protected = any(is_strong(factor) and is_enrolled(factor, user) for factor in asked)
    if is_protected and not has_second_factor(claims):
        raise ReauthenticationRequired
    if not (is_fresh(claims) or (is_enrolment(claims) and not has_main(asked, user))):
        raise ReauthenticationRequired


def follow(user: AbstractBaseUser, field: str, identifier: str) -> None:
    """Tell the factors that the user has proven another address or number, and signs in by it from now on.

    Codes that were sent to the old one prove no factor that follows to the new one.
    """
    if is_on():
        services.void_challenges(user)
    for factor in factors() if is_on() else ():
        factor.identifier_changed(user, field, identifier)


def overview(user: AbstractBaseUser) -> dict[str, Any]:
    """What the user has, what may be added or replaced, and whether the user must have a factor."""
    made = factors()
    may_back_up = has_main(made, user)
    return {
        "factors": [entry for factor in made for entry in factor.listed(user)],
        "available": [
            factor.name for factor in made if (may_back_up or not factor.is_backup) and factor.may_enrol(user)
        ],
        "required": is_required(user),
    }


@sensitive_variables()
def begin(user: AbstractBaseUser, name: str, data: Data, claims: Claims, request: Request | None) -> dict[str, Any]:
    """Begin the enrolment of a factor: what the client needs for `confirm`, or the entry where nothing needs proof.

    Raises NotFound, ReauthenticationRequired, FactorUnavailable, Throttled, ProviderUnavailable, ValidationError.
    """
    made = factors()
    factor = named(made, name)
    ensure_fresh(user, claims, made)
    if not factor.may_enrol(user) or (factor.is_backup and not has_main(made, user)):
        raise FactorUnavailable
    factor.ensure_may_enrol(user, data)
    about = factor.about(user, data)
    with failures_told(field=factor.name, identifier=about, user=user, request=request):
        row = challenges.issue(
            purpose_of(factor),
            FIELD,
            about,
            user,
            owner=str(user.pk),
            cooldown=factor.sends,
            with_codes=factor.makes_codes,
            shared_wait=factor.shared_wait,
        )
    if factor.needs_confirmation:
        return {"method": factor.name, **factor.begin(user, row, data, request)}
    return _store(user, made, factor, row, data, claims, request)


@sensitive_variables()
def confirm(user: AbstractBaseUser, name: str, data: Data, claims: Claims, request: Request | None) -> dict[str, Any]:
    """Make what was begun the user's, if `data["token"]` proves it: its entry.

    Raises NotFound, ReauthenticationRequired, InvalidCredentials, ProviderUnavailable.
    """
    made = factors()
    factor = named(made, name)
    ensure_fresh(user, claims, made)
    about = factor.about(user, data)
    factor.check_enrolment_format(user, data["token"])
    key = challenge_key(purpose_of(factor), FIELD, str(user.pk))

    def check(row: Challenge, code: str) -> bool:
        return row.identifier == about and factor.check_enrolment(user, row, code)

    with failures_told(field=factor.name, identifier=about, user=user, request=request):
        row = Challenge.objects.find(key=key)
        if row is None:
            raise InvalidCredentials("unknown")
        return _store(user, made, factor, challenges.redeem_by(row, data["token"], check), data, claims, request)


@sensitive_variables()
def remove(user: AbstractBaseUser, name: str, pk: str, data: Data, claims: Claims, request: Request | None) -> None:
    """Remove a factor, by a proof for `services.step_up` in `data["token"]` or by a fresh token.

    Raises NotFound, SecondFactorNeeded when the user must have one and this is the last,
    ReauthenticationRequired, InvalidCredentials.
    """
    made = factors()
    factor = named(made, name)
    entry = _entry(factor, user, pk)
    must_keep_one = is_required(user) and not factor.is_backup
    if must_keep_one and is_enrolled(factor, user) and _count(made, user) == 1:
        raise SecondFactorNeeded
    if data.get("token"):
        services.prove_step_up(user, data["token"], data.get("method"), claims, request)
    else:
        ensure_fresh(user, claims, made)
    with _locked(user) if must_keep_one else nullcontext():
        if not factor.remove(user, pk):
            raise NotFound
        if must_keep_one and not has_main(factors(), user):  # the other one was removed meanwhile
            raise SecondFactorNeeded
    _tell(user, factor, entry, "removed", claims, request)
    _remove_backups_alone(factors(), user)


@contextmanager
def _locked(user: AbstractBaseUser) -> Iterator[None]:
    """A transaction in which nobody else removes a factor of the user's."""
    with transaction.atomic(using=router.db_for_write(Authenticator)):
        for model in (PhoneDevice, Authenticator):
            model.objects.filter(user_id=user.pk).update(user=F("user"))
        yield


def reset(rows: Iterable[Any], request: Any) -> None:
    """Delete rows of `PhoneDevice` and `Authenticator`, as support does for who has lost a factor.

    What a user's own removal causes follows. Of what is no factor now, such as one that is not confirmed or one of ten
    recovery codes, the row goes and no more.
    """
    for row in rows:
        user = row.user
        method = PHONE if isinstance(row, PhoneDevice) else row.method
        if method == trusted.METHOD:
            trusted.forget(user, row.pk, request)
        made = [factor for factor in factors() if factor.name == method] if is_on() else []
        listed = [(factor, entry) for factor in made for entry in factor.listed(user) if entry["id"] == str(row.pk)]
        if not any(factor.remove(user, entry["id"]) for factor, entry in listed):
            row.delete()
            continue
        for factor, entry in listed:
            _tell(user, factor, entry, "removed", {}, request)
        _remove_backups_alone(factors(), user)


def rename(user: AbstractBaseUser, name: str, pk: str, new_name: str) -> dict[str, Any]:
    """Give a factor another name: its entry. Raises NotFound."""
    factor = named(factors(), name)
    entry = _entry(factor, user, pk)
    if not factor.rename(user, pk, new_name):
        raise NotFound
    return {**entry, "name": new_name}


def _store(
    user: AbstractBaseUser,
    made: list[SecondFactor],
    factor: SecondFactor,
    row: Challenge,
    data: Data,
    claims: Claims,
    request: Request | None,
) -> dict[str, Any]:
    # Support may have removed what they stood in for: who has kept them must not come in beside the new one.
    _remove_backups_alone(made, user)
    replaced = not factor.several and is_enrolled(factor, user)
    entry = factor.store(user, row, data)
    _tell(user, factor, entry, "replaced" if replaced else "added", claims, request)
    return entry


def _tell(
    user: AbstractBaseUser,
    factor: SecondFactor,
    entry: Mapping[str, Any],
    action: str,
    claims: Claims,
    request: Request | None,
) -> None:
    """What every change causes: tickets are void, other sessions and the trust in devices end, and all are told."""
    # With none before, too: support may have removed the one that had a code.
    services.void_challenges(user)
    end_sessions(user, reason="factor_changed", keep=claims, request=request)
    trusted.forget(user, request=request)
    facts: dict[str, Any] = {"field": factor.name, "user": user, "request": request, "factor": factor.name}
    facts["subject"] = entry.get("phone", "")
    if action == "removed":
        record(factor_removed, **facts)
    else:
        record(factor_added, replaced=action == "replaced", **facts)
    record(second_factor_changed, **facts, action=action)
    notices.notify(user, action=action, factor=factor.label, name=notices.shown_name(entry))


def named(made: list[SecondFactor], name: str) -> SecondFactor:
    """The factor of that name. Raises NotFound."""
    for factor in made:
        if factor.name == name:
            return factor
    raise NotFound


def _entry(factor: SecondFactor, user: AbstractBaseUser, pk: str) -> dict[str, Any]:
    """What the user may know of the one with that id. Raises NotFound."""
    for entry in factor.listed(user):
        if entry["id"] == pk:
            return entry
    raise NotFound


def _remove_backups_alone(made: list[SecondFactor], user: AbstractBaseUser) -> None:
    """Remove what stands in for other factors, where there are none."""
    if not has_main(made, user):
        for backup in made:
            for entry in backup.listed(user) if backup.is_backup else ():
                backup.remove(user, entry["id"])


def _count(made: list[SecondFactor], user: AbstractBaseUser) -> int:
    counted = (factor for factor in made if not factor.is_backup and is_enrolled(factor, user))
    return sum(len(factor.listed(user)) for factor in counted)
