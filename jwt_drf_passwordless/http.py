"""One HTTP request to somebody else's API: asked once, read as JSON, in time or not at all."""

import ipaddress
import json
import logging
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests

from jwt_drf_passwordless.deadlines import DEADLINE, deadline, new_session, seconds_left

__all__ = ["DEADLINE", "READ_TIMEOUT", "NoAnswer", "Reply", "deadline", "fetch", "is_safe"]

#: Seconds to connect; to wait for each piece of an answer, unless the option `timeout` says otherwise.
CONNECT_TIMEOUT = 3.0
READ_TIMEOUT = 10.0
#: Largest answer in bytes.
MAX_REPLY = 64 * 1024

_local = threading.local()


def _is_not_ours(record: logging.LogRecord) -> bool:
    """Whether a log line is about no request of this module: the URLs of some vendors hold the number."""
    return seconds_left() == float("inf")


for _name in ("urllib3.connection", "urllib3.connectionpool"):
    logging.getLogger(_name).addFilter(_is_not_ours)
# A forked child must not write to its parent's connections.
os.register_at_fork(after_in_child=lambda: vars(_local).clear())


class NoAnswer(Exception):
    """There is no answer that could be read. `reason`: "no_answer", "deadline", "too_large", "no_json",
    "bad_credentials" (they cannot be sent in a header) or "status_302"."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Reply:
    """A vendor's answer; `body` is its JSON, None where it has no body."""

    status: int
    headers: Mapping[str, str]
    body: Any

    def get(self, *path: str | int) -> Any:
        """What stands at a path of keys and indexes in the body; None where the shape differs."""
        value = self.body
        for step in path:
            try:
                value = value[step]
            except (IndexError, KeyError, TypeError):
                return None
        return value


def fetch(verb: str, url: str, *, timeout: float = READ_TIMEOUT, **kwargs: Any) -> Reply:
    """Ask once and read the JSON. `kwargs` are those of `requests`: json, data, params, headers, auth.

    Redirects are not followed, proxies of the environment not used, nothing is tried again: a send
    costs money, a check burns a try. Raises NoAnswer for whatever is none: a
    time-out, a broken connection, a redirect, too many bytes, or a body that is no JSON. The deadline
    holds for every byte of an answer; the name's resolution, and each address that is tried in vain, come on top.
    """
    with deadline(CONNECT_TIMEOUT + timeout):
        status, headers, content = _exchange(verb, url, timeout, **kwargs)
    if 300 <= status < 400:
        raise NoAnswer(f"status_{status}")
    try:
        body = json.loads(content) if content else None
    except (RecursionError, ValueError):
        if status < 400:
            raise NoAnswer("no_json") from None
        body = None
    return Reply(status, headers, body)


def _exchange(verb: str, url: str, timeout: float, **kwargs: Any) -> tuple[int, Mapping[str, str], bytes]:
    left = seconds_left()
    if left <= 0:
        raise NoAnswer("deadline")
    timeouts = (min(CONNECT_TIMEOUT, left), min(timeout, left))
    content = b""
    try:
        with _session().request(verb, url, timeout=timeouts, allow_redirects=False, stream=True, **kwargs) as response:
            for chunk in response.iter_content(1024):
                content += chunk
                if len(content) > MAX_REPLY:
                    raise NoAnswer("too_large")
            return response.status_code, response.headers, content
    except (requests.exceptions.InvalidHeader, UnicodeError):
        raise NoAnswer("bad_credentials") from None
    except (requests.RequestException, OSError):
        # Not its text, which may hold the URL, and with it the number.
        raise NoAnswer("no_answer") from None


def _session() -> requests.Session:
    """This thread's session, which keeps connections open."""
    session: requests.Session | None = getattr(_local, "session", None)
    if session is None:
        session = _local.session = new_session()
    return session


def is_safe(url: str) -> bool:
    """Whether a URL is https, or http to this machine."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    try:
        is_local = ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        is_local = parts.hostname == "localhost"
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and is_local))
