"""What happened, told twice: as a Django signal, and as a line of one structured logger."""

import ipaddress
import logging
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.dispatch import Signal
from rest_framework.request import Request

from jwt_drf_passwordless import signals
from jwt_drf_passwordless.utils import mask

#: Fields of a record, also its `extra`: `event`, `field`,
#: `subject`, `network`, `user_id` and what the signal adds.
logger = logging.getLogger("jwt_drf_passwordless.events")

NAMES = {signal: name for name, signal in vars(signals).items() if isinstance(signal, Signal)}
#: What the people who run the site should hear of; the rest, refused codes too, is INFO.
WARNINGS = {signals.token_send_failed}


def record(
    signal: Signal,
    *,
    field: str,
    identifier: str = "",
    subject: str = "",
    user: AbstractBaseUser | None = None,
    request: Request | None = None,
    **facts: Any,
) -> None:
    """Send `signal` and log it. `identifier` is masked here; `subject` is one that is masked already.

    Never raises: a receiver that does is logged by Django's `send_robust`.
    """
    subject = subject or mask(identifier)
    signal.send_robust(sender=get_user_model(), field=field, subject=subject, user=user, request=request, **facts)
    level = logging.WARNING if signal in WARNINGS else logging.INFO
    if not logger.isEnabledFor(level):
        return
    told = {
        "event": NAMES[signal],
        "field": field,
        "subject": subject,
        "network": network(request),
        "user_id": None if user is None else str(user.pk),
        **facts,
    }
    logger.log(level, " ".join(f"{name}={value}" for name, value in told.items()), extra=told)


def network(request: Request | None) -> str | None:
    """The client's network: the first 24 bits of an IPv4 address, 64 of an IPv6 one; None where unknown."""
    try:
        address = ipaddress.ip_address(request.META["REMOTE_ADDR"].partition("%")[0])  # type: ignore[union-attr]
    except (AttributeError, KeyError, ValueError):
        return None
    address = getattr(address, "ipv4_mapped", None) or address
    return str(ipaddress.ip_network((address, 24 if address.version == 4 else 64), strict=False))
