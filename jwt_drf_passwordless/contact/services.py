"""Change what a user signs in by: a code to the new address or number, and its proof. No HTTP here."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import MultipleObjectsReturned
from django.db import DataError, IntegrityError, router, transaction
from django.views.decorators.debug import sensitive_variables
from rest_framework import serializers
from rest_framework.request import Request

from jwt_drf_passwordless import challenges, delivery, review, signals, users
from jwt_drf_passwordless.challenges import Challenge
from jwt_drf_passwordless.conf import message
from jwt_drf_passwordless.contact.notices import tell
from jwt_drf_passwordless.contact.signals import contact_changed
from jwt_drf_passwordless.events import failures_told, record
from jwt_drf_passwordless.exceptions import InvalidCredentials
from jwt_drf_passwordless.messages import language_of
from jwt_drf_passwordless.methods import LoginMethod
from jwt_drf_passwordless.services import LOGIN
from jwt_drf_passwordless.sessions.services import end_sessions
from jwt_drf_passwordless.two_factor import trusted
from jwt_drf_passwordless.two_factor.enrolment import ensure_fresh, follow
from jwt_drf_passwordless.utils import challenge_key, mask

#: The purpose of its challenges; one row for each user and field, so that nobody writes to addresses in turn.
CHANGE_CONTACT = "change_contact"
#: The purpose of rows, one for each address or number, that hold its wait.
CONTACT_TARGET = "contact_target"


def request_change(
    user: AbstractBaseUser, method: LoginMethod, identifier: str, session: Mapping[str, Any], request: Request | None
) -> None:
    """Send a code to a canonical identifier by which the user wants to sign in.

    `session` are the claims of the user's token. To an identifier that another account holds nothing is
    sent; the caller is not told. Raises ReauthenticationRequired, ValidationError for the identifier that the
    user has now, Throttled, DeliveryUnavailable, ProviderUnavailable.
    """
    ensure_fresh(user, session)
    _ensure_new(user, method, identifier)
    field, verifier = method.field, method.verifier
    method.ensure_may_send(identifier, reaches_strangers=True)
    if verifier:
        verifier.ensure_available()
    is_free = not _is_taken(user, method, identifier)
    facts: dict[str, Any] = {"field": field, "identifier": identifier, "user": user, "request": request}
    with failures_told(**facts):
        row = challenges.issue(
            CHANGE_CONTACT,
            field,
            identifier,
            user,
            owner=str(user.pk),
            with_codes=verifier is None,
            shared_wait=CONTACT_TARGET,
        )
    record(signals.token_requested, will_send=is_free, **facts)
    language = language_of(user)
    if verifier:
        render = partial(verifier.message, row, None, language)
    else:
        # Without the link's token: a link signs in, and this code must not.
        codes = {"token": "", "short_token": row.short_token}
        context = {"user": user, "language": language, "purpose": CHANGE_CONTACT, **codes}
        render = partial(method.render, request, context, identifier)
    delivery.deliver(
        render,
        wanted=is_free,
        spend=method.spend,
        field=field,
        subject=mask(identifier),
        expires_at=row.expires_at,
    )


@sensitive_variables()
def confirm_change(
    user: AbstractBaseUser,
    method: LoginMethod,
    identifier: str,
    code: str,
    session: Mapping[str, Any],
    request: Request | None,
) -> None:
    """Have the user sign in by the identifier from now on, if the code is the one sent there for this user.

    Codes and tickets that the old identifier was good for are void, the user's other sessions end, and both
    sides are told. Raises ReauthenticationRequired, ValidationError and ProviderUnavailable as
    `request_change`, InvalidCredentials.
    """
    ensure_fresh(user, session)
    _ensure_new(user, method, identifier)
    field, verifier = method.field, method.verifier
    if verifier:
        verifier.ensure_available()

    def ask(row: Challenge, code: str) -> bool:
        return verifier is not None and verifier.check(row, code)

    facts: dict[str, Any] = {"field": field, "identifier": identifier, "user": user, "request": request}
    old = method.address(user) if method.canonicalize(getattr(user, field)) else ""
    with failures_told(**facts):
        challenges.redeem_code(_key(user, method), code, identifier=identifier, ask_vendor=ask)
        _change(user, method, identifier, session, request)
    record(contact_changed, old=old and mask(old), **facts)
    tell(user, method, old, identifier)


def _change(
    user: AbstractBaseUser, method: LoginMethod, identifier: str, session: Mapping[str, Any], request: Request | None
) -> None:
    """All that the database is to know of it, or nothing. Raises InvalidCredentials."""
    identifiers = [method.canonicalize(getattr(user, method.field)), identifier]
    logins = [challenge_key(LOGIN, method.field, one) for one in identifiers if one]
    target = Challenge.objects.filter(key=challenge_key(CONTACT_TARGET, method.field, identifier))
    try:
        with transaction.atomic(using=router.db_for_write(get_user_model())):
            # The wait starts anew, and of two accounts that prove one identifier at once the second waits here:
            # not every user model has a constraint that refuses it.
            target.update(sends=0)
            if _is_taken(user, method, identifier):
                raise InvalidCredentials("taken")
            if not users.change_identifier(user, method, identifier):
                raise InvalidCredentials("raced")
            challenges.void(_key(user, method), *logins)
            follow(user, method.field, identifier)
            end_sessions(user, reason=contact_changed.name, keep=session, request=request)
            if trusted.is_offered():
                # Their tokens are void as it is, but would not be any more once the old identifier is back.
                trusted.forget(user, request=request)
    except (DataError, IntegrityError):  # a constraint or column of the user model
        raise InvalidCredentials("taken") from None


def _key(user: AbstractBaseUser, method: LoginMethod) -> str:
    return challenge_key(CHANGE_CONTACT, method.field, str(user.pk))


def _is_taken(user: AbstractBaseUser, method: LoginMethod, identifier: str) -> bool:
    """Whether a login by the identifier would find another account, or several, or take a fixed code."""
    try:
        found = users.find_user(method, identifier)
    except MultipleObjectsReturned:
        return True
    return review.has_fixed_code(identifier) or (found is not None and found.pk != user.pk)


def _ensure_new(user: AbstractBaseUser, method: LoginMethod, identifier: str) -> None:
    if users.holds(user, method, identifier):
        raise serializers.ValidationError({method.field: [message("CONTACT_UNCHANGED")]}, "unchanged")
