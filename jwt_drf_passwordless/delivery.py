"""Who runs the sending of a finished message: the class that the setting `DELIVERY` names.

Such a class has no constructor arguments and one method, `deliver(outgoing)`. It calls
`outgoing.send()`, or has a worker call `outgoing.send_or_report()`; a queue outside the process
stores `outgoing.seal()`, and its worker begins with `Outgoing.unseal(text)`. What `deliver` raises
is told by signal and log, never to the client.
"""

import json
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connections
from django.utils import timezone
from django.utils.module_loading import import_string

from jwt_drf_passwordless import sealing
from jwt_drf_passwordless.conf import resolve, settings
from jwt_drf_passwordless.events import record
from jwt_drf_passwordless.signals import token_send_failed, token_sent

#: The use of the keys that seal messages in a queue.
SEAL = "delivery"


class Expired(Exception):
    """The code of a message was void before the message could be sent."""


class QueueFull(Exception):
    """More messages wait than `Thread` keeps."""


class Message(Protocol):
    """A `django.core.mail.EmailMessage` or a `sms.Message`: complete, but not sent."""

    def send(self) -> object:
        """Hand the message to its backend; whatever that raises is a failed delivery."""


@dataclass(frozen=True)
class Outgoing:
    """A rendered message on its way, with what its worker has to know."""

    message: Message
    #: Name of the user field, and the masked identifier, for signals and log.
    field: str
    subject: str
    #: When its code is void.
    expires_at: datetime

    def send(self) -> None:
        """Hand the message to its mail or SMS backend, whose errors pass through; Expired when too late."""
        if timezone.now() >= self.expires_at:
            raise Expired
        self.message.send()
        record(token_sent, field=self.field, subject=self.subject)

    def send_or_report(self) -> None:
        """Send, in a worker: never raises, tells a failure by `token_send_failed`."""
        report_failure(self.send, field=self.field, subject=self.subject)

    def seal(self) -> str:
        """The whole as an encrypted text, for a queue that others may read."""
        state = {name: value for name, value in vars(self.message).items() if name != "connection"}
        path = f"{type(self.message).__module__}.{type(self.message).__qualname__}"
        whole = [path, state, self.field, self.subject, self.expires_at.isoformat()]
        return sealing.seal(SEAL, json.dumps(whole, cls=DjangoJSONEncoder).encode())

    @classmethod
    def unseal(cls, text: str) -> "Outgoing":
        """What was sealed. Raises ValueError for a text that was changed or sealed under another key."""
        path, state, field, subject, expires_at = json.loads(sealing.unseal(SEAL, text))
        message = import_string(path)()
        alternatives = state.pop("alternatives", ())
        vars(message).update(state)
        for content, mimetype in alternatives:
            message.attach_alternative(content, mimetype)
        return cls(message, field, subject, datetime.fromisoformat(expires_at))


class Delivery(Protocol):
    """What `DELIVERY` names."""

    def deliver(self, outgoing: Outgoing) -> None:
        """Send, or see to it that a worker sends."""


class Inline:
    """Send within the request. For development and small sites: the request waits for the mailer, so
    its duration tells known addresses from unknown ones."""

    def deliver(self, outgoing: Outgoing) -> None:
        outgoing.send()


class Thread:
    """Send in a thread of this process. A restart sends what waits; a crash loses it, and no more."""

    #: Messages sent at a time, and messages that may wait, in one process.
    workers = 4
    waiting = 1000

    _pool: ThreadPoolExecutor | None = None
    _slots: threading.BoundedSemaphore
    _lock = threading.Lock()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Each subclass has limits, and so a pool, of its own."""
        super().__init_subclass__(**kwargs)
        cls._forget()
        os.register_at_fork(after_in_child=cls._forget)

    def deliver(self, outgoing: Outgoing) -> None:
        """Raises QueueFull when too many messages wait."""
        pool = self._get_pool()
        if not self._slots.acquire(blocking=False):
            raise QueueFull
        pool.submit(self._run, outgoing)

    def _run(self, outgoing: Outgoing) -> None:
        try:
            outgoing.send_or_report()
        finally:
            connections.close_all()  # receivers of the signals may have opened some
            self._slots.release()

    @classmethod
    def _get_pool(cls) -> ThreadPoolExecutor:
        """Made by the first message, so after a server's fork; the interpreter empties it at exit."""
        with cls._lock:
            if cls._pool is None:
                cls._slots = threading.BoundedSemaphore(cls.workers + cls.waiting)
                cls._pool = ThreadPoolExecutor(cls.workers, thread_name_prefix="jwt_drf_passwordless")
            return cls._pool

    @classmethod
    def _forget(cls) -> None:
        """A forked child has the pool's object but not its threads."""
        cls._pool, cls._lock = None, threading.Lock()


os.register_at_fork(after_in_child=Thread._forget)


class Tasks:
    """Send by a worker of Django's tasks framework: `django.tasks`, or its backport before Django 6."""

    task = "jwt_drf_passwordless.tasks.send_by_django_tasks"
    extra = "django-tasks"

    def deliver(self, outgoing: Outgoing) -> None:
        resolve(self.task).enqueue(outgoing.seal())


class Celery:
    """Send by a Celery worker, which finds the task by `autodiscover_tasks()`; late ones are dropped."""

    task = "jwt_drf_passwordless.tasks.send_by_celery"
    extra = "celery"

    def deliver(self, outgoing: Outgoing) -> None:
        seconds = (outgoing.expires_at - timezone.now()).total_seconds()
        resolve(self.task).apply_async((outgoing.seal(),), expires=seconds)


def deliver(
    render: Callable[[], Message],
    *,
    wanted: bool,
    field: str,
    subject: str,
    expires_at: datetime,
    spend: Callable[[], None] = lambda: None,
) -> bool:
    """Render a message, count it by `spend`, and hand it to the class named by `DELIVERY`; False when that failed.

    One that is not `wanted` is rendered all the same, so that an unknown address costs as much as a
    known one, and dropped. Never raises.
    """

    def run() -> None:
        outgoing = Outgoing(render(), field, subject, expires_at)
        if wanted:
            spend()
            delivery: Delivery = resolve(settings.DELIVERY)()
            delivery.deliver(outgoing)

    return report_failure(run, field=field, subject=subject)


def report_failure(work: Callable[[], None], *, field: str, subject: str) -> bool:
    """Do the work; False, after `token_send_failed` and a log line, when it raised anything at all.

    Both carry the exception's class, not its text, which may hold the address or the code.
    """
    try:
        work()
    except Exception as error:  # noqa: BLE001 - whatever a backend raises, the client's answer is the same
        failure = type(error).__name__
    else:
        return True
    # Not while the exception is handled: the traceback of a receiver that fails would end with its text.
    record(token_send_failed, field=field, subject=subject, error=failure)
    return False
