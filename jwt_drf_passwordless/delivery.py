"""Who runs the sending of a finished message: the class that the setting `DELIVERY` names.

Such a class has no constructor arguments and one method, `deliver(message, expires_at)`. The
message is a `django.core.mail.EmailMessage` or a `sms.Message`: complete, with a `send()` that
talks to the project's mail or SMS backend. `expires_at` is the time at which its code is void; a
class that queues drops what is late. What `deliver` raises is logged and signalled, never shown.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from jwt_drf_passwordless.conf import resolve, settings
from jwt_drf_passwordless.signals import token_send_failed

logger = logging.getLogger(__name__)


class Message(Protocol):
    def send(self) -> object:
        """Hand the message to its backend; whatever that raises is a failed delivery."""


class Delivery(Protocol):
    def deliver(self, message: Message, expires_at: datetime) -> None:
        """Send, or see to it that the message is sent before `expires_at`."""


class Inline:
    """Send within the request. For development and small sites: the request waits for the mailer,
    so its duration tells known addresses from unknown ones."""

    def deliver(self, message: Message, expires_at: datetime) -> None:
        message.send()


def deliver(render: Callable[[], Message], *, wanted: bool, field: str, expires_at: datetime) -> bool:
    """Render a message and hand it to the class named by `DELIVERY`; False when that failed.

    One that is not `wanted` is rendered all the same, so that an unknown address costs as much as a
    known one, and dropped. Never raises. The log line and the signal carry the exception's class,
    not its text, which may hold the address or the code.
    """
    try:
        message = render()
        if wanted:
            delivery: Delivery = resolve(settings.DELIVERY)()
            delivery.deliver(message, expires_at)
    except Exception as error:  # noqa: BLE001 - whatever a backend raises, the client's answer is the same
        name = type(error).__name__
    else:
        return True
    # Not while the exception is handled: the traceback of a receiver that fails would end with its text.
    logger.error("A message to a user's %s could not be sent: %s", field, name)
    token_send_failed.send_robust(sender=None, field=field, error=name)
    return False
