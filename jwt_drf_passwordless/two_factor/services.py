"""The second step: which factor a user must prove, asking for it, and what its proof is worth. No HTTP here."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.utils.crypto import constant_time_compare
from django.views.decorators.debug import sensitive_variables
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework_simplejwt import settings as jwt_settings

from jwt_drf_passwordless import challenges, token_response, users
from jwt_drf_passwordless.claims import amr_of, session_of
from jwt_drf_passwordless.conf import message
from jwt_drf_passwordless.events import failures_told, record
from jwt_drf_passwordless.exceptions import (
    InvalidCredentials,
    InvalidTicket,
    ProviderUnavailable,
)
from jwt_drf_passwordless.models import PasswordlessChallengeToken as Challenge
from jwt_drf_passwordless.sessions.services import end_session, goes_on
from jwt_drf_passwordless.token_response import Proof, note_proof, proof_of
from jwt_drf_passwordless.two_factor import eligibility, trusted
from jwt_drf_passwordless.two_factor.base import SecondFactor, sender_name
from jwt_drf_passwordless.two_factor.conf import is_required
from jwt_drf_passwordless.two_factor.signals import factor_used
from jwt_drf_passwordless.two_factor.tickets import Kind, Ticket, account_digests, enrolment_token, unseal
from jwt_drf_passwordless.utils import challenge_key

#: Purposes of challenges. A code made for one fits no other.
SECOND_FACTOR = "second_factor"
STEP_UP = "step_up"
#: Their rows are one for each user: wrong tries and waits are the account's, whatever tickets there are.
FIELD = "user"


def gate(user: AbstractBaseUser, request: Request | None) -> dict[str, Any] | None:
    """What a user let in by a first factor is answered instead of tokens; None when that factor is enough,
    as it is on a trusted device.

    Asks for the second factor, or, within the wait between two messages, for the code sent before. A first
    factor that was two, such as a passkey with a PIN, is enough. Raises SecondFactorBroken, ProviderUnavailable,
    the factor's `refusal` when none is independent of the first; Throttled when a parallel login was faster.
    """
    proof = proof_of(user)
    if "mfa" in proof.amr:
        return None
    enrolled = eligibility.factors_of(user)
    if not enrolled:
        return _ask_to_enrol(user) if is_required(user) else None
    usable = eligibility.for_login(user, proof, enrolled)
    if not usable:
        return None
    if trusted.is_trusted(user, request):
        note_proof(user, replace(proof, more={trusted.CLAIM: True}))
        return None
    return _ask(user, "password" if "pwd" in proof.amr else "passwordless", proof.amr, usable, request)


def step_up(user: AbstractBaseUser, claims: Mapping[str, Any], request: Request | None) -> dict[str, Any]:
    """Ask a user with a session of these claims for a second factor: the answer, with the ticket.

    Raises what `gate` and `eligibility.for_step_up` raise.
    """
    return _ask(user, "step_up", amr_of(claims), eligibility.for_step_up(user, claims), request, session_of(claims))


@sensitive_variables()
def resend(ticket_text: str, method: str | None, request: Request | None) -> None:
    """Send a new code for a ticket, which stays good, if the factor sends any.

    Raises InvalidTicket, Throttled, ProviderUnavailable.
    """
    ticket, row, user = _open(ticket_text, request)
    factor = _choose(user, ticket.methods, method, request)
    if not factor.sends:
        return
    # Where the last challenge has sent nothing there is nothing to wait for; the wrong tries stay.
    waits, tries = (False, row.tries) if row.provider == challenges.NOTHING_SENT else (True, 0)
    with failures_told(field=factor.name, user=user, request=request):
        row = challenges.issue(
            _purpose(ticket.kind),
            FIELD,
            ticket.user,
            user,
            with_codes=factor.makes_codes,
            provider=_sender(factor),
            over=row,
            cooldown=waits,
            tries=tries,
        )
    factor.challenge(user, row, request)


@sensitive_variables()
def verify_ticket(ticket_text: str, code: str, method: str | None, request: Request | None) -> dict[str, Any]:
    """The pair for a ticket and a code; the session that has stepped up ends, as the pair begins one.

    Raises InvalidTicket, InvalidCredentials for every wrong code.
    """
    ticket, row, user = _open(ticket_text, request)
    factor = _choose(user, ticket.methods, method, request)
    _prove(user, row, factor, code, request)
    user = _as_stored(user, ticket, factor, request)
    pair = _finish(user, ticket.amr, factor, row, request, is_step_up=ticket.kind == "step_up")
    if ticket.session:
        end_session(user, ticket.session, reason="step_up", request=request)
    return pair


@sensitive_variables()
def verify_password_login(
    user: AbstractBaseUser, code: str, method: str | None, request: Request | None
) -> dict[str, Any]:
    """The pair for a user who has just proven the password once more, and a code sent by the last login."""
    factor = _choose(user, None, method, request)
    row = _prove(user, _find(SECOND_FACTOR, user), factor, code, request)
    return _finish(user, ("pwd",), factor, row, request)


@sensitive_variables()
def prove_step_up(
    user: AbstractBaseUser, code: str, method: str | None, claims: Mapping[str, Any], request: Request | None
) -> None:
    """Use up a proof that `step_up` has asked for, without its ticket.

    Raises InvalidCredentials, and what `step_up` raises for a session of these claims.
    """
    names = tuple(factor.name for factor in eligibility.for_step_up(user, claims))
    factor = _choose(user, names, method, request)
    _prove(user, _find(STEP_UP, user), factor, code, request)


def void_challenges(user: AbstractBaseUser) -> None:
    """Void the user's open tickets and codes: what was sent to an old phone must not prove a new one."""
    challenges.void(_key(SECOND_FACTOR, user), _key(STEP_UP, user))


def _ask_to_enrol(user: AbstractBaseUser) -> dict[str, Any]:
    return {
        "detail": message("SECOND_FACTOR_ENROLMENT_REQUIRED"),
        "code": "second_factor_enrolment_required",
        "enrolment_token": enrolment_token(user),
    }


def _ask(
    user: AbstractBaseUser,
    kind: Kind,
    amr: tuple[str, ...],
    usable: list[SecondFactor],
    request: Request | None,
    session: str | None = None,
) -> dict[str, Any]:
    factor, owner, purpose = usable[0], str(user.pk), _purpose(kind)
    sent: dict[str, Any] = {"sent": factor.sends}
    asking = factor.asking
    try:
        row = challenges.issue(purpose, FIELD, owner, user, with_codes=factor.makes_codes, provider=_sender(factor))
    except Throttled as throttled:
        # One that needs no code must not wait for the next one.
        needs_code = all(one.sends for one in usable)
        renewed = challenges.renew(purpose, FIELD, owner, needs_code=needs_code)
        if renewed is None:
            raise
        row, sent = renewed, {"sent": False}
        if factor.sends:
            sent["retry_after"] = getattr(throttled, "wait", None)
    else:
        try:
            factor.challenge(user, row, request)
        except ProviderUnavailable:
            if len(usable) == 1:
                raise
            sent, asking = {"sent": False}, SecondFactor.asking
    options = {one.name: options for one in usable if (options := one.options(user, row)) is not None}
    if options:
        sent["options"] = options
    methods = tuple(one.name for one in usable)
    sentence = message(asking)
    return {
        "message": sentence,
        "detail": sentence,
        "code": "second_factor_required",
        "ticket": Ticket(kind, owner, amr, methods, row.nonce, account_digests(user)[0], session).seal(),
        "methods": list(methods),
        **sent,
    }


def _purpose(kind: Kind) -> str:
    return STEP_UP if kind == "step_up" else SECOND_FACTOR


def _sender(factor: SecondFactor) -> str:
    """What a row says of who sends its code. A vendor of phones writes itself there once it has sent one."""
    if factor.makes_codes:
        return sender_name(factor.name)
    return "" if factor.sends else challenges.NOTHING_SENT


def _key(purpose: str, user: AbstractBaseUser) -> str:
    return challenge_key(purpose, FIELD, str(user.pk))


def _find(purpose: str, user: AbstractBaseUser) -> Challenge | None:
    return Challenge.objects.find(key=_key(purpose, user))


def _open(ticket_text: str, request: Request | None) -> tuple[Ticket, Challenge, AbstractBaseUser]:
    """A ticket that is still good, its row and its user. Raises InvalidTicket."""
    with failures_told(field="", request=request):
        ticket = unseal(ticket_text)
        key = challenge_key(_purpose(ticket.kind), FIELD, ticket.user)
        row = Challenge.objects.find(with_user=True, key=key)
        if row is None or row.uses or not constant_time_compare(row.nonce, ticket.nonce):
            raise InvalidTicket
        return ticket, row, _admitted(ticket, row.user)


def _admitted(ticket: Ticket, user: AbstractBaseUser | None) -> AbstractBaseUser:
    """The user of a ticket, who may still sign in: the account may have changed since. Raises InvalidTicket."""
    if (
        user is None
        or not _may_sign_in(user, ticket.amr)
        or ticket.account not in account_digests(user)
        or (ticket.session and not goes_on(user, ticket.session))
    ):
        raise InvalidTicket
    return user


def _may_sign_in(user: AbstractBaseUser, amr: tuple[str, ...]) -> bool:
    """The rules of the first factor, asked once more."""
    if "pwd" in amr:
        return users.is_known(user) and bool(jwt_settings.api_settings.USER_AUTHENTICATION_RULE(user))
    return users.is_known(user) and user.is_active and users.may_log_in(user)


def _as_stored(
    user: AbstractBaseUser, ticket: Ticket, factor: SecondFactor, request: Request | None
) -> AbstractBaseUser:
    """The user of a ticket, read anew where a vendor was asked, which takes its time. Raises InvalidTicket."""
    if not factor.sends or factor.makes_codes:
        return user
    with failures_told(field="", user=user, request=request):
        return _admitted(ticket, users.reload(user))


def _choose(
    user: AbstractBaseUser, methods: tuple[str, ...] | None, method: str | None, request: Request | None
) -> SecondFactor:
    """As `eligibility.choose`, whose refusal is told as that of a code is; nameless, as there is no such factor."""
    with failures_told(field="", user=user, request=request):
        return eligibility.choose(user, methods, method)


@sensitive_variables()
def _prove(
    user: AbstractBaseUser, row: Challenge | None, factor: SecondFactor, code: str, request: Request | None
) -> Challenge:
    """Use up the proof that `row` waits for: the row. Raises InvalidCredentials, also where nothing was asked for."""
    factor.check_format(user, code)

    def check(row: Challenge, code: str) -> bool:
        # A code of ours proves the factor that has sent it, and no other one that knows codes of ours.
        is_asked = not factor.makes_codes or row.provider == sender_name(factor.name)
        return is_asked and factor.verify(user, row, code)

    # A weaker one does not give further tries at those that it stands beside.
    ends_wait = eligibility.is_strong(factor) or not any(map(eligibility.is_strong, eligibility.factors_of(user)))
    with failures_told(field=factor.name, user=user, request=request):
        if row is None:
            raise InvalidCredentials("unknown")
        challenges.redeem_by(row, code, check, ends_wait=ends_wait)
    record(factor_used, field=factor.name, user=user, request=request, factor=factor.name)
    factor.used(user, request)
    return row


def _finish(
    user: AbstractBaseUser,
    first: tuple[str, ...],
    factor: SecondFactor,
    row: Challenge,
    request: Request | None,
    *,
    is_step_up: bool = False,
) -> dict[str, Any]:
    """The pair, whose claims name all that was proven."""
    raises_level = factor.raises_level and (is_step_up or not factor.is_backup)
    names = [name for name in (*first, *factor.amr(row)) if name != "mfa"] + ["mfa"] * raises_level
    note_proof(user, Proof(tuple(dict.fromkeys(names)), request=request))
    pair = token_response.generate_auth_token(user)
    return pair if is_step_up or factor.is_backup else {**pair, **trusted.offer(user, request)}
