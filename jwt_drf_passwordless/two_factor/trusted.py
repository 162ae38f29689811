"""Trusted devices: clients whose logins need no second factor for `TWO_FACTOR["trusted_device_days"]` days.

A device proves itself by a random token that it was given after a login with both factors. It is no factor: it
raises no claim and finishes no step-up.
"""

import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables
from rest_framework.request import Request

from jwt_drf_passwordless.clients import network, user_agent
from jwt_drf_passwordless.events import record
from jwt_drf_passwordless.models import Authenticator
from jwt_drf_passwordless.two_factor.conf import is_on, option
from jwt_drf_passwordless.two_factor.signals import (
    trusted_device_added,
    trusted_device_used,
    trusted_devices_removed,
)
from jwt_drf_passwordless.two_factor.tickets import account_digests
from jwt_drf_passwordless.utils import keyed_digests

#: What their rows have for `method`.
METHOD = "trusted_device"
#: Key of the body, or header, by which a client sends its token; key of the body that asks for one.
TOKEN_KEY = "device_token"
TOKEN_HEADER = "X-Device-Token"
ASKING_KEY = "trust_device"
#: Claim of the tokens of a login that a trusted device has spared a second factor.
CLAIM = "trusted_device"
#: Random bytes of a token, and most characters that are looked at.
TOKEN_BYTES = 32
MAX_TOKEN_LENGTH = 255


def is_offered() -> bool:
    """Whether devices can be trusted at all."""
    return is_on() and option("trusted_device_days") > 0


@sensitive_variables()
def is_trusted(user: AbstractBaseUser, request: Request | None) -> bool:
    """Whether the request brings the token of a device that this user has trusted; one UPDATE if it brings any."""
    token = _token_of(request) if is_offered() else ""
    if not token:
        return False
    now = timezone.now()
    found = _living(user, now).filter(lookup__in=_lookups(user, token)).update(last_used_at=now)
    if found:
        record(trusted_device_used, field=METHOD, user=user, request=request)
    return bool(found)


@sensitive_variables()
def offer(user: AbstractBaseUser, request: Request | None) -> dict[str, str]:
    """What a login with both factors is answered beside the pair: the token of the device, if the body asks for it."""
    if not is_offered() or not _asks(request):
        return {}
    now, token = timezone.now(), secrets.token_urlsafe(TOKEN_BYTES)
    _of(user).filter(confirmed_at__lte=_oldest(now)).delete()
    Authenticator.objects.create(
        user_id=user.pk,
        method=METHOD,
        lookup=_lookups(user, token)[0],
        name=user_agent(request),
        data={"network": network(request), "account": account_digests(user)[0]},
        created_at=now,
        confirmed_at=now,
        last_used_at=now,
    )
    record(trusted_device_added, field=METHOD, user=user, request=request)
    return {TOKEN_KEY: token}


def devices(user: AbstractBaseUser) -> list[dict[str, Any]]:
    """What a user may know of the own trusted devices, the newest first."""
    lifetime, account = timedelta(days=option("trusted_device_days")), account_digests(user)
    return [
        {
            "id": row.pk,
            "name": row.name,
            "network": row.data["network"],
            "created_at": row.created_at,
            "last_used_at": row.last_used_at,
            "expires_at": row.created_at + lifetime,
        }
        for row in _living(user, timezone.now()).order_by("-pk")
        if row.data["account"] in account
    ]


def forget(user: AbstractBaseUser, pk: int | None = None, request: Request | None = None) -> int:
    """End the trust in a user's devices, or in that of a key: how many there were."""
    rows = _of(user) if pk is None else _of(user).filter(pk=pk)
    number: int = rows.delete()[0]
    if number:
        record(trusted_devices_removed, field=METHOD, user=user, request=request, number=number)
    return number


def _of(user: AbstractBaseUser) -> Any:
    return Authenticator.objects.filter(user_id=user.pk, method=METHOD)


def _living(user: AbstractBaseUser, now: datetime) -> Any:
    return _of(user).filter(confirmed_at__gt=_oldest(now))


def _oldest(now: datetime) -> datetime:
    """When a device whose trust ends now was trusted: a lower setting acts at once, and no use moves the end."""
    return now - timedelta(days=option("trusted_device_days"))


def _lookups(user: AbstractBaseUser, token: str) -> list[str]:
    """Digests of a token, one for each of the site's keys: void with another user, password or identifier."""
    accounts = enumerate(account_digests(user))
    return [keyed_digests(METHOD, str(user.pk), account, token)[place] for place, account in accounts]


def _token_of(request: Request | None) -> str:
    """The token in body or header; "" where there is no text that can be one."""
    if request is None:
        return ""
    in_body = request.data.get(TOKEN_KEY) if isinstance(request.data, Mapping) else None
    token = in_body if isinstance(in_body, str) else request.headers.get(TOKEN_HEADER, "")
    return token if len(token) <= MAX_TOKEN_LENGTH else ""


def _asks(request: Request | None) -> bool:
    """Whether the body has `"trust_device": true`, or the text of it, as forms do."""
    if request is None or not isinstance(request.data, Mapping):
        return False
    wish = request.data.get(ASKING_KEY)
    return wish is True or wish == "true"
