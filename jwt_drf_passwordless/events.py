"""What happened, told twice: as a Django signal, and as a line of one structured logger."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from rest_framework.exceptions import Throttled
from rest_framework.request import Request

from jwt_drf_passwordless.clients import network
from jwt_drf_passwordless.exceptions import InvalidCredentials, InvalidTicket
from jwt_drf_passwordless.signals import Event, token_refused, token_throttled
from jwt_drf_passwordless.utils import mask

#: Fields of a record, also its `extra`: `event`, `field`,
#: `subject`, `network`, `user_id` and what the signal adds.
logger = logging.getLogger("jwt_drf_passwordless.events")


def record(
    signal: Event,
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
    if not logger.isEnabledFor(signal.level):
        return
    told = {
        "event": signal.name,
        "field": field,
        "subject": subject,
        "network": network(request),
        "user_id": None if user is None else str(user.pk),
        **facts,
    }
    logger.log(signal.level, " ".join(f"{name}={value}" for name, value in told.items()), extra=told)


@contextmanager
def failures_told(**facts: Any) -> Iterator[None]:
    """Tell what fails within, and let it pass: `token_refused` with the reason, `token_throttled` with the wait.

    `facts` are arguments of `record`.
    """
    try:
        yield
    except (InvalidCredentials, InvalidTicket) as refused:
        record(token_refused, reason=refused.reason, **facts)
        raise
    except Throttled as throttled:
        record(token_throttled, wait=getattr(throttled, "wait", None), **facts)
        raise
