"""The login itself: request a challenge, redeem it, decide who is let in. No HTTP here."""

import logging
from functools import partial
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import MultipleObjectsReturned
from django.db import DataError, IntegrityError, router, transaction
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables
from rest_framework.request import Request

from jwt_drf_passwordless import challenges, delivery, review, signals, users
from jwt_drf_passwordless.challenges import Challenge
from jwt_drf_passwordless.conf import FACTOR_TEST, LOGIN_GATE, resolve, settings
from jwt_drf_passwordless.events import failures_told, record
from jwt_drf_passwordless.exceptions import CannotSend, DeliveryUnavailable, InvalidCredentials, ProviderUnavailable
from jwt_drf_passwordless.messages import language_of
from jwt_drf_passwordless.methods import Accounts, LoginMethod, method_for
from jwt_drf_passwordless.token_response import Proof, note_proof
from jwt_drf_passwordless.utils import challenge_key, mask

logger = logging.getLogger(__name__)

#: The purpose of a first-factor login. A code made for one purpose fits no other.
LOGIN = "login"


class PasswordlessTokenService:
    """Make and check the challenges of the first factor."""

    @staticmethod
    def create_token(user: AbstractBaseUser, identifier_field: str) -> Challenge:
        """A new challenge for what the user's field holds; the cooldown is not asked, nothing is sent.

        `identifier_field` is that of `EMAIL_FIELD_NAME` or `MOBILE_FIELD_NAME`. The clear codes are
        `.short_token` and `.token` of the returned object. Raises ValueError when the field holds no
        address or number that can be used, Throttled when a parallel call has just written the first
        challenge of the same address.
        """
        method = method_for(identifier_field)
        identifier = method.canonicalize(getattr(user, identifier_field)) if method else None
        if identifier is None:
            raise ValueError(f"This user has no {identifier_field} to sign in by.")
        return challenges.issue(LOGIN, identifier_field, identifier, user, cooldown=False)

    @staticmethod
    def should_throttle(user: AbstractBaseUser) -> bool:
        """Whether a challenge of the user still waits for its cooldown."""
        now = timezone.now()
        return any(
            challenges.remaining_wait(row, now) for row in Challenge.objects.filter(user_id=user.pk, purpose=LOGIN)
        )

    @staticmethod
    @sensitive_variables()
    def check_token(
        challenge: str | None,
        identifier_field: str | None = None,
        identifier_value: object = None,
        handle: str | None = None,
    ) -> Challenge | None:
        """Redeem `challenge` once: the row with its user loaded, or None, whatever the reason.

        A text of `LONG_TOKEN_LENGTH` characters is a link's token, which needs no identifier but
        must belong to what is given; anything else is a code, which needs both.
        """
        try:
            return _redeem(challenge or "", identifier_field, identifier_value, handle)
        except (InvalidCredentials, ProviderUnavailable):
            return None


@sensitive_variables()
def request_login(
    method: LoginMethod,
    identifier: str,
    accounts: Accounts,
    request: Request | None,
    channel: str | None = None,
) -> Challenge:
    """Send a code, and a link, to the owner of a canonical identifier, if anyone may sign in by it: the challenge.

    `channel` is one of the method's, the first where None. Nothing tells the caller whether a message
    went out: unknown, refused and undeliverable identifiers take the same steps. Raises Throttled, with
    the exact `wait` in seconds, within the cooldown; ProviderUnavailable while all vendors are known to
    be down, DeliveryUnavailable while `SMS_BUDGET` is used up; under `REVEAL_ACCOUNT_EXISTENCE` also CannotSend,
    and DeliveryUnavailable for a message that could not be sent.
    """
    field, verifier = method.field, method.verifier
    method.ensure_may_send(identifier, reaches_strangers=settings.REGISTER_NONEXISTENT_USERS)
    if verifier:
        verifier.ensure_available()
    try:
        user = accounts.find_user_by_identifier(identifier)
    except MultipleObjectsReturned:
        user, may_send = None, False
    else:
        may_send = users.may_log_in(user) if user else settings.REGISTER_NONEXISTENT_USERS
    if settings.REVEAL_ACCOUNT_EXISTENCE and not may_send:
        raise CannotSend
    facts: dict[str, Any] = {"field": field, "identifier": identifier, "request": request}
    fixed = review.has_fixed_code(identifier)
    with failures_told(user=user, **facts):
        challenge = challenges.issue(
            LOGIN,
            field,
            identifier,
            user,
            with_codes=not (verifier or fixed),
            provider=review.FIXED_CODE if fixed else "",
        )
    may_send = may_send and not fixed
    language = language_of(user)  # of who is just being registered, nothing is known
    record(signals.token_requested, user=user, will_send=may_send, **facts)
    if may_send and user is None and settings.REGISTER_ON == "request":
        user = _register(method, identifier, accounts, request)
    if verifier:
        render = partial(verifier.message, challenge, channel, language)
    else:
        codes = {"token": challenge.token, "short_token": challenge.short_token}
        context = {"user": user, "language": language, **codes}
        render = partial(method.render, request, context, method.address(user) if user else identifier)
    sent = delivery.deliver(
        render,
        wanted=may_send,
        spend=method.spend,
        field=field,
        subject=mask(identifier),
        expires_at=challenge.expires_at,
    )
    if settings.REVEAL_ACCOUNT_EXISTENCE and not sent:
        raise DeliveryUnavailable
    return challenge


@sensitive_variables()
def exchange_login(
    token: str,
    *,
    field: str | None = None,
    identifier: str | None = None,
    handle: str | None = None,
    request: Request | None = None,
) -> AbstractBaseUser:
    """The user whom a code or link lets in, registered or activated now where the settings say so.

    `field` restricts to one method; `identifier` is needed for a code, and with `BIND_TO_REQUEST` the
    `handle` that the request was answered with. Raises InvalidCredentials for every failure, ProviderUnavailable
    while all vendors are known to be down. The rules on users are asked after the challenge is used up, on fresh data.
    """
    with failures_told(field=field or "", identifier=identifier or "", request=request):
        row = _redeem(token, field, identifier, handle)
        user = _judge(row, request)
    for signal in (signals.token_redeemed, signals.identifier_proven):
        record(
            signal,
            field=row.token_request_identifier,
            identifier=row.identifier,
            user=user,
            request=request,
        )
    return user


def second_step(user: AbstractBaseUser, request: Request | None) -> dict[str, Any] | None:
    """What a user let in by a first factor is answered instead of tokens; None if that one is enough.

    Asked by every login before it makes tokens. With `TWO_FACTOR` that is the business of `two_factor`.
    """
    if settings.TWO_FACTOR is None:
        return None
    answer: dict[str, Any] | None = resolve(LOGIN_GATE)(user, request)
    return answer


def has_second_factor(user: AbstractBaseUser) -> bool:
    """Whether a user has enrolled a second factor, sound or not."""
    return settings.TWO_FACTOR is not None and bool(resolve(FACTOR_TEST)(user))


def _judge(row: Challenge, request: Request | None) -> AbstractBaseUser:
    """The user whom a redeemed challenge lets in; InvalidCredentials when a rule on users refuses."""
    method = method_for(row.token_request_identifier)
    if method is None or not method.is_enabled:
        raise InvalidCredentials("method_disabled")
    by_vendor = row.provider not in ("", review.FIXED_CODE)
    found = row.user or _newcomer(method, row.identifier, request)
    user = users.reload(found) if by_vendor else found  # a vendor takes seconds
    if user is None or not users.holds(user, method, row.identifier):
        raise InvalidCredentials("identifier_changed")
    if not users.admit(user, method, row.identifier, request):
        raise InvalidCredentials("user_refused")
    if row.provider == review.FIXED_CODE:
        if users.is_admin(user) or has_second_factor(user):
            raise InvalidCredentials("user_refused")
        record(signals.fixed_code_used, field=method.field, identifier=row.identifier, user=user, request=request)
    note_proof(user, Proof(method.amr_of(row.channel), method.field, row.identifier, request))
    if by_vendor and settings.CALLBACKS.on_verification_accepted:
        settings.CALLBACKS.on_verification_accepted(user=user, phone_number=row.identifier, request=request)
    return user


@sensitive_variables()
def _redeem(token: str, field: str | None, value: object, handle: str | None) -> Challenge:
    """Use up a code or link: the row with its user loaded. Raises as `exchange_login`."""
    method = method_for(field) if field else None
    identifier = method.canonicalize(value) if method and value else None
    if value and identifier is None:
        raise InvalidCredentials("unknown")
    if len(token) == settings.LONG_TOKEN_LENGTH:
        return challenges.redeem_link(LOGIN, token, field=field, identifier=identifier)
    if not (method and identifier):
        raise InvalidCredentials("unknown")
    verifier = method.verifier
    if verifier:
        verifier.ensure_available()
    key = challenge_key(LOGIN, method.field, identifier)
    bound_to = (handle or "") if settings.BIND_TO_REQUEST else None

    def ask(row: Challenge, code: str) -> bool:
        if row.provider == review.FIXED_CODE:
            return review.accepts(row, code)
        return verifier is not None and verifier.check(row, code)

    return challenges.redeem_code(key, token, handle=bound_to, ask_vendor=ask)


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
