"""What the example does when a verification vendor tells what became of a message: it writes a line to the log."""

import logging
from typing import Any

from django.dispatch import receiver

from jwt_drf_passwordless.external_2fa import WebhookEvent, verification_delivered, verification_delivery_failed

logger = logging.getLogger("accounts")


@receiver(verification_delivered)
def on_delivered(event: WebhookEvent, **kwargs: Any) -> None:
    logger.warning("%s says: event %s, delivered", event.provider, event.event_id)


@receiver(verification_delivery_failed)
def on_failed(event: WebhookEvent, error: str, **kwargs: Any) -> None:
    logger.warning("%s says: event %s, not delivered: %s", event.provider, event.event_id, error)
