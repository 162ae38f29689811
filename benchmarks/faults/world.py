"""What the faults have in common: a cluster, a Redis, a mailbox, a clock, servers; and what came of each."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import django
from django.core.management import call_command

from benchmarks.faults.client import Client
from benchmarks.faults.servers import PostgreSQL, Redis
from tests_http.conftest import code_in
from tests_http.processes import Server, wait_until
from tests_http.project.mail import Mailbox

WORKERS = 4
#: Seconds between two messages to one address.
COOLDOWN = 2
#: Seconds after which gunicorn ends a worker that hangs.
WORKER_TIMEOUT = 5


class Report:
    """The facts of one fault; those that must be so and are not, again as failures."""

    def __init__(self) -> None:
        self.facts: list[str] = []
        self.failures: list[str] = []

    def note(self, fact: str) -> None:
        self.facts.append(fact)

    def check(self, fact: str, found: object, wanted: object) -> None:
        is_so = found == wanted
        self.facts.append(f"{fact}: {found}" if is_so else f"{fact}: {found} INSTEAD OF {wanted}")
        if not is_so:
            self.failures.append(self.facts[-1])


class World:
    def __init__(self, folder: Path):
        self.folder = folder
        self.postgresql, self.redis = PostgreSQL(folder), Redis(folder)
        (folder / "mail").mkdir()
        self.mailbox = Mailbox(folder / "mail")
        self.clock = folder / "clock"
        self.set_clock(0)
        self.environment = {
            "DJANGO_SETTINGS_MODULE": "benchmarks.faults.settings",
            "DATABASE_URL": self.postgresql.url,
            "REDIS_URL": self.redis.url,
            "MAIL_DIRECTORY": str(self.mailbox.directory),
            "CLOCK_FILE": str(self.clock),
            "COOLDOWN": str(COOLDOWN),
        }
        os.environ.update(self.environment)
        django.setup()
        call_command("migrate", verbosity=0)

    def close(self) -> None:
        self.postgresql.stop()
        self.redis.stop()

    def set_clock(self, seconds: float) -> None:
        """Let the clocks of all workers be off by so much, and by another bit each; 0: all are right."""
        new = self.clock.with_suffix(".new")
        new.write_text(str(seconds))
        new.rename(self.clock)

    @contextmanager
    def server(self, *, workers: int = WORKERS, **environment: str) -> Iterator[Client]:
        """A client of a server that runs meanwhile."""
        server = Server(
            workers=workers,
            threads=1,
            application="benchmarks.faults.wsgi",
            timeout=WORKER_TIMEOUT,
            log=self.folder / f"gunicorn-{time.monotonic_ns()}.log",
            environment={**self.environment, **environment},
        )
        try:
            yield Client(server.url)
        finally:
            server.stop()

    @contextmanager
    def hanging_mailer(self) -> Iterator[None]:
        sign = self.mailbox.directory / "hang"
        sign.touch()
        try:
            yield
        finally:
            sign.unlink()

    def code_for(self, address: str, count: int = 1) -> str:
        """The code of the newest message, once there are so many."""
        wait_until(lambda: len(self.mailbox.sent(address)) >= count, f"message {count} to {address}")
        paths = self.mailbox.directory.glob(f"{address}/*.sent")
        return code_in(max(paths, key=lambda path: path.stat().st_mtime_ns).read_text())
