"""Servers and workers as processes of their own, each with a log, and many calls at one moment."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).resolve().parent.parent
#: Seconds until a thing that has not happened counts as one that never will.
PATIENCE = 60

#: Every process of this run, for the report of a test that fails.
processes: list["Process"] = []


def wait_until(condition: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
    """The first true value of the condition, which has so many seconds."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.02)
    raise AssertionError(f"Not within {patience} s: {what}")


def together(calls: Iterable[Callable[[], Any]]) -> list[Any]:
    """What the calls return, each made by its own thread, all at the same moment."""
    calls = list(calls)
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        barrier.wait(PATIENCE)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


class Process:
    """A command of Python's that runs until it is stopped."""

    def __init__(self, *command: str, log: Path, environment: dict[str, str], **options: Any):
        self.name = log.stem
        self.log = log
        with log.open("wb") as output:
            self.popen = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=ROOT,
                env=os.environ | environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **options,
            )
        processes.append(self)

    def wait_for_log(self, pattern: str, count: int = 1) -> list[str]:
        """All matches of the pattern in the log, once there are so many."""

        def matches() -> list[str] | None:
            found = re.findall(pattern, self.log.read_text(errors="replace"))
            assert self.popen.poll() is None, f"{self.name} has ended"
            return found if len(found) >= count else None

        return wait_until(matches, f"{pattern!r} in the log of {self.name}, {count} times")

    def stop(self) -> None:
        """Ask it to end, and wait until it has."""
        self.popen.terminate()
        try:
            self.popen.wait(PATIENCE)
        finally:
            self.kill()

    def kill(self) -> None:
        """kill -9 it and its children."""
        with contextlib.suppress(ProcessLookupError):  # all of them have ended
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()


class Server(Process):
    """gunicorn with the project on a free port of the loopback interface."""

    def __init__(
        self,
        *,
        workers: int,
        threads: int,
        timeout: int = 120,
        application: str = "tests_http.project.wsgi",
        **options: Any,
    ):
        self.workers = workers
        with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
            self.url = f"http://127.0.0.1:{listener.getsockname()[1]}/passwordless"
            super().__init__(
                "gunicorn",
                *("--config", "tests_http/project/gunicorn_conf.py"),
                *("--bind", f"fd://{listener.fileno()}"),
                *("--workers", str(workers)),
                *("--threads", str(threads)),
                *("--timeout", str(timeout)),
                application,
                pass_fds=[listener.fileno()],
                **options,
            )
        self.wait_for_workers(workers)

    def wait_for_workers(self, count: int) -> None:
        """Until so many workers have been ready since the start."""
        self.wait_for_log("Worker ready", count)

    def post(self, route: str, client: str = "127.0.0.1", **body: str) -> requests.Response:
        """POST, by a proxy that names this client."""
        headers = {"X-Forwarded-For": client}
        return requests.post(f"{self.url}/{route}", json=body, headers=headers, timeout=2 * PATIENCE)

    def request(self, email: str, client: str = "127.0.0.1") -> requests.Response:
        return self.post("request/email/", client, email=email)

    def exchange(self, email: str, code: str) -> requests.Response:
        return self.post("exchange/email/", email=email, token=code)

    def follow(self, link_token: str) -> requests.Response:
        return self.post("exchange/", token=link_token)
