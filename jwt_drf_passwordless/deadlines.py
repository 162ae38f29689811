"""The time that requests may take together, down to the last byte of an answer."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from http.client import HTTPResponse
from http.cookiejar import DefaultCookiePolicy
from typing import Any, cast

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

#: Seconds for all that is asked of vendors in one delivery or check.
DEADLINE = 15

_deadline: ContextVar[float] = ContextVar("deadline", default=float("inf"))


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Let all requests made inside end within `seconds` together."""
    token = _deadline.set(min(_deadline.get(), time.monotonic() + seconds))
    try:
        yield
    finally:
        _deadline.reset(token)


def seconds_left() -> float:
    """Seconds until the deadline; negative when it is over, infinite when there is none."""
    return _deadline.get() - time.monotonic()


def new_session() -> requests.Session:
    """A session that keeps the deadline, takes no cookies, and knows no proxy and no .netrc of the environment."""
    session = requests.Session()
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
    session.mount("http://", _Adapter())
    session.mount("https://", _Adapter())
    return session


class _Answer(HTTPResponse):
    """An answer whose headers and body have to come before the deadline.

    The time-out of a socket begins anew with each byte, so that a drip of bytes could hold a worker for hours.
    """

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        # `requests` has set it for this answer; the buffered reader asks this object for every byte.
        pause = cast(float, sock.gettimeout())
        raw: Any = self.fp.raw
        read = raw.readinto

        def read_in_time(buffer: memoryview) -> int | None:
            left = seconds_left()
            if left <= 0:
                raise TimeoutError
            sock.settimeout(min(pause, left))
            data: int | None = read(buffer)
            return data

        raw.readinto = read_in_time


class _Connection(HTTPConnection):
    response_class = _Answer


class _SecureConnection(HTTPSConnection):
    response_class = _Answer


class _Adapter(HTTPAdapter):
    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        pool.ConnectionCls = _SecureConnection if pool.scheme == "https" else _Connection
        return pool
