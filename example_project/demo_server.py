"""What the demo is shown with: a server in a process of its own, what it has sent, and lines on the terminal."""

from __future__ import annotations

import json
import os
import queue
import re
import subprocess
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass
from email import message_from_bytes, policy
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

HOST = "127.0.0.1"
MANAGE = Path(__file__).resolve().with_name("manage.py")

BOLD, DIM, RED, GREEN, YELLOW, CYAN = "1", "2", "31", "32", "33", "36"
COLOURS = sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def site_url(port: int) -> str:
    """By name, since browsers have no passkeys for IP addresses."""
    return f"http://localhost:{port}"


class Unexpected(Exception):
    """Something differs from what the walk expects; the text says what."""


def say(text: str = "") -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def paint(colour: str, text: str) -> str:
    return f"\x1b[{colour}m{text}\x1b[0m" if COLOURS else text


def shorten(text: str) -> str:
    """Tokens are long, and their beginning is enough to tell them apart from a code; of a picture, too."""
    text = re.sub(r"<svg.*</svg>", "<svg...", text)
    return re.sub(r"[\w.-]{40,}", lambda found: f"{found[0][:12]}...", text)


def expect(what: str, actual: object, expected: object) -> None:
    if actual != expected:
        raise Unexpected(f"{what}: expected {expected!r}, got {actual!r}")


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    text: str

    @property
    def body(self) -> Any:
        return json.loads(self.text)

    def without_date(self) -> tuple[int, dict[str, str], str]:
        """All that a client can compare."""
        return self.status, {name: value for name, value in self.headers.items() if name != "Date"}, self.text


@dataclass(frozen=True)
class Message:
    """A mail or SMS as the server has printed it."""

    kind: str
    to: str
    subject: str
    text: str

    @classmethod
    def parse(cls, printed: str) -> Message:
        sms = re.search(r"^from: .*\nto: (.*)\n", printed, re.MULTILINE)
        if sms:
            return cls("SMS", sms[1], "", printed[sms.end() :].strip())
        start = re.search(r"^(Content-Type|MIME-Version|Subject): ", printed, re.MULTILINE)
        if start is None:
            raise Unexpected(f"this is no mail or SMS: {printed!r}")
        mail = message_from_bytes(printed[start.start() :].encode(), policy=policy.default)
        plain = mail.get_body(("plain",))
        return cls("Mail", str(mail["To"]), str(mail["Subject"]), plain.get_content().strip() if plain else "")

    def find(self, pattern: str) -> str:
        found = re.search(pattern, self.text)
        if found is None:
            raise Unexpected(f"no {pattern} in the message: {self.text!r}")
        return found[1]

    def show(self) -> None:
        lines = [f"{self.kind} to {self.to}", *([self.subject] if self.subject else []), "", *self.text.splitlines()]
        for line in lines:
            say(f"    {paint(DIM, '|')} {line}".rstrip())
        say()


class Server:
    """`manage.py runserver` in a process of its own; what it prints is read by threads."""

    def __init__(self, port: int, **environment: str) -> None:
        self.url = site_url(port)
        environment["DJANGO_SITE_URL"] = self.url
        self.messages: queue.Queue[Message | Unexpected] = queue.Queue()
        self.log: deque[str] = deque(maxlen=40)
        #: Whether log lines are shown as they come.
        self.is_talking = False
        command = [sys.executable, str(MANAGE), "runserver", "--noreload", f"{HOST}:{port}"]
        self.process = subprocess.Popen(  # noqa: S603 - our own manage.py
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            env={**os.environ, **environment},
        )
        self.readers = [threading.Thread(target=read, daemon=True) for read in (self._read_messages, self._read_log)]
        for reader in self.readers:
            reader.start()
        # No proxy of the environment stands between this machine and itself.
        self._opener = build_opener(ProxyHandler({}))

    def _read_messages(self) -> None:
        lines: list[str] = []
        for line in self.process.stdout or ():
            if line.rstrip() != "-" * 79:  # what the console backends print below each message
                lines.append(line)
                continue
            try:
                self.messages.put(Message.parse("".join(lines)))
            except Unexpected as error:
                self.messages.put(error)
            lines.clear()

    def _read_log(self) -> None:
        for line in self.process.stderr or ():
            self.log.append(line)
            if self.is_talking:
                say(paint(DIM, line.rstrip()))

    @property
    def is_running(self) -> bool:
        return self.process.poll() is None

    def wait_until_up(self, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while self.is_running and time.monotonic() < deadline:
            try:
                self.send("GET", "/")
            except (OSError, HTTPException):
                time.sleep(0.1)
            else:
                return
        raise Unexpected("the server did not start")

    def send(
        self, method: str, path: str, body: object = None, access: str | None = None, more: dict[str, str] | None = None
    ) -> Answer:
        """The answer to a request with a JSON body, bytes being JSON already; `more` are further headers."""
        headers = {"Accept": "application/json, text/html", **(more or {})}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if access:
            headers["Authorization"] = f"Bearer {access}"
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        request = Request(self.url + path, data, headers, method=method)  # noqa: S310 - http:// to this machine
        try:
            response = self._opener.open(request, timeout=30)
        except HTTPError as error:  # an answer like any other
            response = error
        with response:
            return Answer(response.status, dict(response.headers), response.read().decode())

    def receive(self, kind: str, to: str) -> Message:
        """The next message, which must be of this kind and to this address."""
        try:
            message = self.messages.get(timeout=10)
        except queue.Empty:
            raise Unexpected(f"no {kind} to {to} arrived") from None
        if isinstance(message, Unexpected):
            raise message
        message.show()
        expect("a message arrived", (message.kind, message.to), (kind, to))
        return message

    def wait_for_log(self, text: str) -> None:
        """Show the line with this text that the server logs."""
        deadline = time.monotonic() + 10
        while not (found := [line for line in tuple(self.log) if text in line]):
            if time.monotonic() > deadline:
                raise Unexpected(f"the server has not logged {text!r}")
            time.sleep(0.05)
        say(f"    {paint(DIM, '|')} {found[-1].strip()}\n")

    def receive_nothing(self) -> None:
        """A message is printed before its request is answered, so a moment is enough to notice one."""
        try:
            message = self.messages.get(timeout=0.5)
        except queue.Empty:
            say(f"    {paint(DIM, 'No message arrives.')}\n")
        else:
            raise Unexpected(f"a message that nobody should get: {message}")

    def stop(self) -> None:
        self.is_talking = False
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for reader in self.readers:
            reader.join(timeout=10)
        for stream in (self.process.stdout, self.process.stderr):
            if stream:
                stream.close()
