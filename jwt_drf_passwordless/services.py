"""The login itself: request a challenge, redeem it, decide who is let in. No HTTP here."""

import logging
import math
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import MultipleObjectsReturned
from django.db import DataError, IntegrityError, router, transaction
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.views.decorators.debug import sensitive_variables
from rest_framework.exceptions import Throttled
from rest_framework.request import Request

from jwt_drf_passwordless import delivery, signals, users
from jwt_drf_passwordless.conf import settings
from jwt_drf_passwordless.events import record
from jwt_drf_passwordless.exceptions import CannotSend, DeliveryUnavailable, InvalidCredentials
from jwt_drf_passwordless.methods import Accounts, LoginMethod, method_for
from jwt_drf_passwordless.models import PasswordlessChallengeToken
from jwt_drf_passwordless.token_response import AMR_ATTRIBUTE
from jwt_drf_passwordless.utils import challenge_key, create_challenge, keyed_digests, mask

logger = logging.getLogger(__name__)

#: The purpose of a first-factor login. A code made for one purpose fits no other.
LOGIN = "login"
#: Longest wait between two messages to one address, in seconds.
MAX_WAIT = 3600
#: Seconds by which the clocks of servers, and of one request that overtakes another, may differ.
CLOCK_SKEW = 60
#: After so long without a message the wait starts anew; `clear_passwordless_tokens` removes such rows.
QUIET = timedelta(hours=24)

Challenge = PasswordlessChallengeToken


class PasswordlessTokenService:
    """Make and check the challenges of the first factor."""

    @staticmethod
    def create_token(user: AbstractBaseUser, identifier_field: str) -> Challenge:
        """A new challenge for what the user's field holds; the cooldown is not asked.

        The clear codes are `.short_token` and `.token` of the returned object. Raises ValueError
        when the field holds no address or number that can be used, Throttled when a parallel call has
        just written the first challenge of the same address.
        """
        method = method_for(identifier_field)
        identifier = method.canonicalize(getattr(user, identifier_field)) if method else None
        if identifier is None:
            raise ValueError(f"This user has no {identifier_field} to sign in by.")
        return _issue(identifier_field, identifier, user, cooldown=False)

    @staticmethod
    def should_throttle(user: AbstractBaseUser) -> bool:
        """Whether a challenge of the user still waits for its cooldown."""
        now = timezone.now()
        return any(_remaining_wait(row, now) for row in Challenge.objects.filter(user_id=user.pk, purpose=LOGIN))

    @staticmethod
    @sensitive_variables()
    def check_token(
        challenge: str | None, identifier_field: str | None = None, identifier_value: object = None
    ) -> Challenge | None:
        """Redeem `challenge` once: the row with its user loaded, or None, whatever the reason.

        A text of `LONG_TOKEN_LENGTH` characters is a link's token, which needs no identifier but
        must belong to what is given; anything else is a code, which needs both.
        """
        try:
            return _redeem(challenge or "", identifier_field, identifier_value)
        except InvalidCredentials:
            return None


@sensitive_variables()
def request_login(method: LoginMethod, identifier: str, accounts: Accounts, request: Request | None) -> None:
    """Send a code, and a link, to the owner of a canonical identifier, if anyone may sign in by it.

    Nothing tells the caller whether a message went out: unknown, refused and undeliverable
    identifiers take the same steps. Raises Throttled, with the exact `wait` in seconds, within the
    cooldown; under `REVEAL_ACCOUNT_EXISTENCE` also CannotSend and DeliveryUnavailable.
    """
    field = method.field
    try:
        user = accounts.find_user_by_identifier(identifier)
    except MultipleObjectsReturned:
        user, may_send = None, False
    else:
        may_send = users.may_log_in(user) if user else settings.REGISTER_NONEXISTENT_USERS
    if settings.REVEAL_ACCOUNT_EXISTENCE and not may_send:
        raise CannotSend
    facts: dict[str, Any] = {"field": field, "identifier": identifier, "request": request}
    try:
        challenge = _issue(field, identifier, user)
    except Throttled as throttled:
        record(signals.token_throttled, user=user, wait=getattr(throttled, "wait", None), **facts)
        raise
    record(signals.token_requested, user=user, will_send=may_send, **facts)
    if may_send and user is None and settings.REGISTER_ON == "request":
        user = _register(method, identifier, accounts, request)
    context = {"user": user, "token": challenge.token, "short_token": challenge.short_token}
    to = method.address(user) if user else identifier
    sent = delivery.deliver(
        partial(method.render, request, context, to),
        wanted=may_send,
        field=field,
        subject=mask(identifier),
        expires_at=challenge.expires_at,
    )
    if settings.REVEAL_ACCOUNT_EXISTENCE and not sent:
        raise DeliveryUnavailable


@sensitive_variables()
def exchange_login(
    token: str, *, field: str | None = None, identifier: str | None = None, request: Request | None = None
) -> AbstractBaseUser:
    """The user whom a code or link lets in, registered or activated now where the settings say so.

    `field` restricts to one method; `identifier` is needed for a code. Raises InvalidCredentials
    for every failure. The rules on users are asked after the challenge is used up, on fresh data.
    """
    try:
        row = _redeem(token, field, identifier)
        user = _judge(row, request)
    except InvalidCredentials as refused:
        record(
            signals.token_refused,
            field=field or "",
            identifier=identifier or "",
            request=request,
            reason=refused.reason,
        )
        raise
    for signal in (signals.token_redeemed, signals.identifier_proven):
        record(
            signal,
            field=row.token_request_identifier,
            identifier=row.identifier,
            user=user,
            request=request,
        )
    return user


def _judge(row: Challenge, request: Request | None) -> AbstractBaseUser:
    """The user whom a redeemed challenge lets in; InvalidCredentials when a rule on users refuses."""
    method = method_for(row.token_request_identifier)
    if method is None or not method.is_enabled:
        raise InvalidCredentials("method_disabled")
    user = row.user or _newcomer(method, row.identifier, request)
    if not users.holds(user, method, row.identifier):
        raise InvalidCredentials("identifier_changed")
    if not users.admit(user, method, row.identifier, request):
        raise InvalidCredentials("user_refused")
    setattr(user, AMR_ATTRIBUTE, method.amr)
    return user


@sensitive_variables()
def _redeem(token: str, field: str | None, value: object) -> Challenge:
    """Use up a code or link: the row with its user loaded. InvalidCredentials for every failure."""
    method = method_for(field) if field else None
    identifier = method.canonicalize(value) if method and value else None
    if value and identifier is None:
        raise InvalidCredentials("unknown")
    max_tries = settings.MAX_TOKEN_ATTEMPTS
    if settings.INCORRECT_SHORT_TOKEN_REDEEMS_TOKEN:
        max_tries = min(max_tries, settings.MAX_TOKEN_USES)
    row: Challenge | None
    if len(token) == settings.LONG_TOKEN_LENGTH:
        row = _with_link(token, field, identifier)
        matched = row is not None
        as_read: dict[str, Any] = {"long_digest": row.long_digest if row else ""}
    elif field and identifier:
        key = challenge_key(LOGIN, field, identifier)
        row = Challenge.objects.find(with_user=True, key=key)
        stored = row.short_digest if row else ""
        # Every key is tried, whichever fits, so that the duration tells nothing.
        tests = [constant_time_compare(digest, stored) for digest in keyed_digests("short", key, token)]
        matched = any(tests)
        as_read = {"short_digest": stored, "tries__lt": max_tries}
    else:
        raise InvalidCredentials("unknown")
    now = timezone.now()
    counted = Challenge.objects.spend(row, matched=matched, now=now, max_uses=settings.MAX_TOKEN_USES, **as_read)
    if row and matched and counted:
        return row
    raise InvalidCredentials(_reason(row, matched, now, max_tries))


@sensitive_variables()
def _issue(field: str, identifier: str, user: AbstractBaseUser | None, *, cooldown: bool = True) -> Challenge:
    """Write a fresh challenge over the one of this field and identifier; Throttled if it must wait."""
    now = timezone.now()
    key = challenge_key(LOGIN, field, identifier)
    row = Challenge.objects.find(key=key)
    remaining = _remaining_wait(row, now) if cooldown and row else 0
    if remaining:
        raise Throttled(remaining)
    sends = row.sends + 1 if row and now - row.next_send_at < QUIET else 1
    short_token = create_challenge(settings.SHORT_TOKEN_LENGTH, settings.SHORT_TOKEN_CHARS)
    token = create_challenge(settings.LONG_TOKEN_LENGTH, settings.LONG_TOKEN_CHARS)
    challenge = Challenge.objects.replace(
        row,
        if_unchanged=cooldown,
        key=key,
        purpose=LOGIN,
        token_request_identifier=field,
        identifier=identifier,
        user=user,
        short_digest=keyed_digests("short", key, short_token)[0],
        long_digest=keyed_digests("long", LOGIN, token)[0],
        expires_at=now + timedelta(seconds=settings.TOKEN_LIFETIME),
        sends=sends,
        next_send_at=now + timedelta(seconds=_wait_after(sends)),
        uses=0,
        tries=0,
    )
    if challenge is None:
        raise Throttled(max(1, _wait_after(sends)))
    challenge.short_token, challenge.token = short_token, token
    return challenge


def _remaining_wait(row: Challenge, now: datetime) -> int:
    """Seconds until the row's address may be sent to again; 0 when it may now."""
    remaining = math.ceil((row.next_send_at - now).total_seconds())
    # Far more than the whole wait comes from a clock that was wrong, a changed setting or a login since.
    return remaining if 0 < remaining <= _wait_after(row.sends) + CLOCK_SKEW else 0


def _wait_after(sends: int) -> int:
    """Seconds from the send of this count to the next one: doubles from the third on, to an hour.

    30 sends of five tries a day: a six-digit code is guessed with a chance of 0.015 %
    (NIST SP 800-63B section 3.2.2 asks for a limit). A stranger's requests cost the owner an hour's
    wait at most; a stranger's wrong tries can kill each code, but not the link beside it.
    """
    base = settings.TOKEN_REQUEST_THROTTLE_SECONDS or 0
    doublings = min(max(0, sends - 2), 12)
    return max(base, min(base << doublings, MAX_WAIT))


def _with_link(token: str, field: str | None, identifier: str | None) -> Challenge | None:
    """The row of a link's token, if field and identifier, where given, are the row's."""
    row = Challenge.objects.find(with_user=True, long_digest__in=keyed_digests("long", LOGIN, token))
    if row and field in (None, row.token_request_identifier) and identifier in (None, row.identifier):
        return row
    return None


def _reason(row: Challenge | None, matched: bool, now: datetime, max_tries: int) -> str:
    """Why a redeem failed, as far as the row tells; for signals and log only."""
    if row is None:
        return "unknown"
    for failed, reason in (
        (row.expires_at <= now, "expired"),
        (row.uses >= settings.MAX_TOKEN_USES, "used"),
        (row.tries >= max_tries, "too_many_tries"),
        (not matched, "wrong"),
    ):
        if failed:
            return reason
    return "raced"  # somebody else used it up between our SELECT and our UPDATE


def _newcomer(method: LoginMethod, identifier: str, request: Request | None) -> AbstractBaseUser:
    """Who has a proven identifier that no account had at the request: found by now, or registered."""
    accounts = method.accounts(request)
    try:
        user = accounts.find_user_by_identifier(identifier)
    except MultipleObjectsReturned:
        raise InvalidCredentials("ambiguous") from None
    if user is None and settings.REGISTER_NONEXISTENT_USERS:
        user = _register(method, identifier, accounts, request)
    if user is None:
        raise InvalidCredentials("not_registered")
    return user


def _register(
    method: LoginMethod, identifier: str, accounts: Accounts, request: Request | None
) -> AbstractBaseUser | None:
    """The new account, or None when a constraint or column of the user model refuses it."""
    try:
        with transaction.atomic(using=router.db_for_write(get_user_model())):
            user = accounts.create({method.field: identifier})
            if not users.holds(user, method, identifier):
                raise IntegrityError("create() has made an account without the identifier")
    except (DataError, IntegrityError):
        logger.warning("No account could be made for the %s %s", method.field, mask(identifier))
        return None
    record(signals.user_registered, field=method.field, identifier=identifier, user=user, request=request)
    return user
