"""Open challenges, whatever they are for: issue one, redeem it by code or link, and the pace of both.

A challenge lives in the row that a key names. Who may ask for one, and what a redeemed one is worth, is
the business of the flows.
"""

import math
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.views.decorators.debug import sensitive_variables
from rest_framework.exceptions import Throttled

from jwt_drf_passwordless.conf import settings
from jwt_drf_passwordless.exceptions import InvalidCredentials
from jwt_drf_passwordless.models import PasswordlessChallengeToken
from jwt_drf_passwordless.utils import challenge_key, create_challenge, keyed_digests

#: Longest wait between two messages to one address, in seconds.
MAX_WAIT = 3600
#: Seconds by which the clocks of servers, and of one request that overtakes another, may differ.
CLOCK_SKEW = 60
#: After so long without a message the wait starts anew; `clear_passwordless_tokens` removes such rows.
QUIET = timedelta(hours=24)

#: Columns that another request writes when it sends, and when it proves or fails to: of those that act on the same
#: values, one may.
SENT = ("sends", "next_send_at", "nonce")
PROVEN = ("uses", "tries")

#: Stands in a row, in the place of a provider, while nothing was sent for it.
NOTHING_SENT = "-"

Challenge = PasswordlessChallengeToken
#: Asks the vendor of a challenge about a code; True only if it was accepted.
VendorCheck = Callable[[Challenge, str], bool]


@sensitive_variables()
def issue(
    purpose: str,
    field: str,
    identifier: str,
    user: AbstractBaseUser | None,
    *,
    owner: str | None = None,
    cooldown: bool = True,
    with_codes: bool = True,
    provider: str = "",
    over: Challenge | None = None,
    tries: int = 0,
    shared_wait: str = "",
) -> Challenge:
    """Write a fresh challenge over the one of its key; Throttled, with `wait` in seconds, if it must wait.

    The key is that of purpose, field and `owner`, by default the identifier. The clear codes are
    `.short_token` and `.token` of the row; without codes nothing matches unless `provider` names somebody else
    who knows the code. `over` is the row as the caller has read it, to be sent again under its nonce if it
    is still unproven; `tries` is the number of wrong ones that it starts with. `shared_wait` is the purpose
    of rows, one for each identifier, that hold a wait which all owners have in common: else many accounts
    could write to one faster than one does, or guess at what was never sent.
    """
    now = timezone.now()
    key = challenge_key(purpose, field, owner or identifier)
    row = over or Challenge.objects.find(key=key)
    remaining = remaining_wait(row, now) if cooldown and row else 0
    if remaining:
        raise Throttled(remaining)
    if shared_wait:
        issue(shared_wait, field, identifier, None, with_codes=False)
    sends = row.sends + 1 if row and now - row.next_send_at < QUIET else 1
    short_token = token = short_digest = ""
    long_digest = None
    if with_codes:
        short_token = create_challenge(settings.SHORT_TOKEN_LENGTH, settings.SHORT_TOKEN_CHARS)
        token = create_challenge(settings.LONG_TOKEN_LENGTH, settings.LONG_TOKEN_CHARS)
        short_digest = keyed_digests("short", key, short_token)[0]
        long_digest = keyed_digests("long", purpose, token)[0]
    is_open = row is not None and row.verification_id and row.uses == 0 and row.expires_at > now
    replaced = (row.provider, row.verification_id) if row and is_open else ("", "")
    challenge = Challenge.objects.replace(
        row,
        if_unchanged=(*(SENT if cooldown or over else ()), *(PROVEN if over else ())),
        key=key,
        purpose=purpose,
        token_request_identifier=field,
        identifier=identifier,
        user=user,
        short_digest=short_digest,
        long_digest=long_digest,
        expires_at=now + timedelta(seconds=settings.TOKEN_LIFETIME),
        sends=sends,
        next_send_at=now + timedelta(seconds=_wait_after(sends)),
        uses=0,
        tries=tries,
        nonce=over.nonce if over else _nonce(),
        provider=provider,
        verification_id="",
        channel="",
    )
    if challenge is None:
        raise Throttled(max(1, _wait_after(sends)))
    challenge.short_token, challenge.token, challenge.replaced = short_token, token, replaced
    return challenge


def renew(purpose: str, field: str, owner: str, *, needs_code: bool) -> Challenge | None:
    """Give the challenge of a key a new nonce, which voids the tickets that name the old one: the row.

    Its code, wrong tries and wait stay; of one that is used up, the code goes. Where no code of ours is
    needed, the time begins anew once no sent one is open. None when there is no row or a parallel call
    was faster.
    """
    now = timezone.now()
    row = Challenge.objects.find(key=challenge_key(purpose, field, owner))
    if row is None:
        return None
    values: dict[str, Any] = {"nonce": _nonce()}
    is_over = row.uses > 0 or (row.expires_at <= now and not needs_code)
    if is_over:
        values |= {"uses": 0, "short_digest": "", "long_digest": None, "verification_id": ""}
        values["provider"] = row.provider if row.provider == NOTHING_SENT else ""
    if not needs_code and (is_over or not (row.short_digest or row.verification_id)):
        values["expires_at"] = now + timedelta(seconds=settings.TOKEN_LIFETIME)
    return Challenge.objects.replace(row, if_unchanged=("nonce", "uses"), **values)


def void(*keys: str) -> None:
    """Void the challenges of these keys, tickets included; wrong tries and waits stay."""
    Challenge.objects.filter(key__in=keys).update(
        nonce="", short_digest="", long_digest=None, provider="", verification_id=""
    )


def code_matches(row: Challenge, code: str) -> bool:
    """Whether a code is the one whose digest the row holds."""
    return _fits(code, row.key, row.short_digest)


def _fits(code: str, key: str, stored: str) -> bool:
    """Every one of the site's keys is tried, whichever fits, so that the duration tells nothing."""
    tests = [constant_time_compare(digest, stored) for digest in keyed_digests("short", key, code)]
    return any(tests)


def _nonce() -> str:
    """22 characters, 128 bits, whatever the alphabets of codes and links are."""
    return secrets.token_urlsafe(16)


def remaining_wait(row: Challenge, now: datetime) -> int:
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


@sensitive_variables()
def redeem_code(
    key: str,
    code: str,
    *,
    identifier: str | None = None,
    handle: str | None = None,
    ask_vendor: VendorCheck | None = None,
) -> Challenge:
    """Use up the challenge of a key by its code: the row with its user loaded.

    With `handle` the try must come from who asked for the code, or it is neither compared nor counted. With
    `identifier` the challenge must be about it. A challenge whose code a vendor has made is
    single-use; it costs a try before the vendor is asked, so that the limit holds whatever the vendor
    allows. Raises InvalidCredentials for every failure.
    """
    row = Challenge.objects.find(with_user=True, key=key)
    if row and handle is not None and not constant_time_compare(handle, row.nonce):
        row = None
    stored = row.short_digest if row else ""
    is_meant = row is not None and identifier in (None, row.identifier)
    matched = _fits(code, key, stored) and is_meant
    if row and row.provider and ask_vendor and is_meant:
        return redeem_by(row, code, ask_vendor)
    max_tries = try_limit()
    return _spend(row, matched, max_tries, settings.MAX_TOKEN_USES, short_digest=stored, tries__lt=max_tries)


@sensitive_variables()
def redeem_link(purpose: str, token: str, *, field: str | None = None, identifier: str | None = None) -> Challenge:
    """Use up the challenge of a link's token, if field and identifier, where given, are the row's.

    Returns the row with its user loaded; raises InvalidCredentials for every failure.
    """
    row = Challenge.objects.find(with_user=True, long_digest__in=keyed_digests("long", purpose, token))
    if row and (field not in (None, row.token_request_identifier) or identifier not in (None, row.identifier)):
        row = None
    as_read = {"long_digest": row.long_digest if row else ""}
    return _spend(row, row is not None, settings.MAX_TOKEN_ATTEMPTS, settings.MAX_TOKEN_USES, **as_read)


def _spend(row: Challenge | None, matched: bool, max_tries: int, max_uses: int, **as_read: Any) -> Challenge:
    """Count the use or try; the row if that was a match and the row still open for it."""
    now = timezone.now()
    counted = Challenge.objects.spend(row, matched=matched, now=now, max_uses=max_uses, **as_read)
    if row and matched and counted:
        return row
    raise InvalidCredentials(_reason(row, matched, now, max_tries, max_uses))


@sensitive_variables()
def redeem_by(row: Challenge, code: str, check: VendorCheck, *, ends_wait: bool = True) -> Challenge:
    """Use up a challenge, once, by the word of somebody else, who is asked after a try is spent: the row.

    Without `ends_wait` the next waits go on to double. Raises InvalidCredentials for every failure.
    """
    max_tries = try_limit()
    now = timezone.now()
    as_read: dict[str, Any] = {"nonce": row.nonce, "provider": row.provider}
    if not Challenge.objects.spend(row, matched=False, now=now, max_uses=1, tries__lt=max_tries, **as_read):
        raise InvalidCredentials(_reason(row, True, now, max_tries, 1))
    if not check(row, code):
        raise InvalidCredentials("wrong")
    return _spend(row, True, max_tries, 1, ends_wait=ends_wait, **as_read)


def consume(row: Challenge | None) -> Challenge:
    """Use up a challenge, once, before its proof is looked at: the row. Raises InvalidCredentials."""
    return _spend(row, True, try_limit(), 1)


def try_limit() -> int:
    """Tries of a code, the right one included where a vendor is asked."""
    tries = settings.MAX_TOKEN_ATTEMPTS
    return min(tries, settings.MAX_TOKEN_USES) if settings.INCORRECT_SHORT_TOKEN_REDEEMS_TOKEN else tries


def _reason(row: Challenge | None, matched: bool, now: datetime, max_tries: int, max_uses: int) -> str:
    """Why a redeem failed, as far as the row tells; for signals and log only."""
    if row is None:
        return "unknown"
    for failed, reason in (
        (row.expires_at <= now, "expired"),
        (row.uses >= max_uses, "used"),
        (row.tries >= max_tries, "too_many_tries"),
        (not matched, "wrong"),
    ):
        if failed:
            return reason
    return "raced"  # somebody else used it up between our SELECT and our UPDATE
