"""What happened, told twice: as a Django signal, and as a line of one structured logger."""

import logging
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from rest_framework.request import Request

from jwt_drf_passwordless.clients import network
from jwt_drf_passwordless.signals import Event
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
