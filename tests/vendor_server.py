"""A vendor played on this machine: a real HTTP server that is strict about requests, and misbehaves when told.

A vendor is a subclass of `Vendor` in that vendor's test module: its routes and how it answers them. A request
that the vendor's API does not describe (path, verb, header, field, a value of the wrong kind) is answered
with an error and noted in `complaints`, which the fixture of `contracts.py` expects to be empty in the end.
"""

import contextlib
import itertools
import json
import re
import socket
import ssl
import struct
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qsl, unquote, urlsplit

#: Headers that any client sends; a vendor names its own.
COMMON_HEADERS = {"host", "user-agent", "accept", "accept-encoding", "connection", "content-length", "content-type"}
#: The other number, and the other id, that a misbehaving vendor speaks of.
OTHER_DIGITS = "12025550777"
OTHER_ID_NUMBER = 0xFFFF
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


class Optional:
    """A field that may be left out."""

    def __init__(self, rule: Any) -> None:
        self.rule = rule


@dataclass(frozen=True)
class Route:
    """A request that the vendor knows. `path` is a regular expression for the path as it is sent, percent-encoded.

    `fields` are those of the body: by name a value, a compiled regular expression, a type, a dict or list of
    such, a tuple of alternatives, or any of these in `Optional`; None where no body may be sent. `answer` is
    called with the request and the groups of the path, decoded.
    """

    verb: str
    path: str
    fields: Any
    answer: Callable[..., "Answer"]
    content_type: str = JSON


@dataclass(frozen=True)
class Request:
    verb: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: bytes
    #: Port of the client, by which connections are told apart.
    port: int
    fields: Any = None


@dataclass(frozen=True)
class Answer:
    """`body` is sent as JSON, bytes as they are, None as no body at all."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def content(self) -> bytes:
        if self.body is None or isinstance(self.body, bytes):
            return self.body or b""
        return json.dumps(self.body).encode()


class Misbehaviour(Enum):
    """What can come back in place of the vendor's answer. See also `Vendor.instead`."""

    #: Nothing, for longer than anybody waits.
    SILENT = auto()
    #: The headers, or the body, byte by byte.
    HEADER_DRIP = auto()
    BODY_DRIP = auto()
    #: More bytes than an answer can have.
    HUGE = auto()
    #: To the path /elsewhere of the same server.
    REDIRECT = auto()
    HTML = auto()
    TRUNCATED = auto()
    #: Fewer bytes than announced.
    CUT = auto()
    RESET = auto()
    SERVER_ERROR = auto()
    UNAUTHORISED = auto()
    RATE_LIMITED = auto()
    #: The true answer, but about another number; another id.
    OTHER_NUMBER = auto()
    OTHER_ID = auto()


#: Those that cannot be told from one another: no answer, and nothing known.
NO_ANSWER = [
    Misbehaviour.SILENT,
    Misbehaviour.HEADER_DRIP,
    Misbehaviour.BODY_DRIP,
    Misbehaviour.HUGE,
    Misbehaviour.REDIRECT,
    Misbehaviour.HTML,
    Misbehaviour.TRUNCATED,
    Misbehaviour.CUT,
    Misbehaviour.RESET,
    Misbehaviour.SERVER_ERROR,
]


class Vendor:
    """A server on a free port of this machine; to be used with `with`."""

    routes: ClassVar[list[Route]]
    #: Headers that the vendor's API has, beside the common ones: lower-case name to a rule, as for fields.
    headers: ClassVar[Mapping[str, Any]] = {}
    #: The code of every verification.
    code = "482915"
    id_format = "00000000-0000-4000-8000-{:012x}"

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.answers: list[Answer] = []
        self.complaints: list[str] = []
        #: Verification id to number.
        self.numbers: dict[str, str] = {}
        self.misbehaviour: Misbehaviour | None = None
        #: An answer in place of the vendor's own, for the next requests.
        self.instead: Answer | None = None
        self.closing = threading.Event()
        self._arrival = threading.Condition()
        vendor = self

        class Handler(_Handler):
            def play(self) -> None:
                vendor._play(self)

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._server.complaints = self.complaints
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def encrypt(self, context: ssl.SSLContext) -> None:
        """Speak TLS from the next connection on."""
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = self.url.replace("http:", "https:")

    def __enter__(self) -> "Vendor":
        self._thread.start()
        return self

    def __exit__(self, *args: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def count_requests(self, expected: int) -> int:
        """How many requests came, once those that are expected have: nobody may have waited for the last one."""
        with self._arrival:
            self._arrival.wait_for(lambda: len(self.requests) >= expected, timeout=5)
            return len(self.requests)

    # What the vendors do alike.

    def start(self, phone_number: str) -> str:
        """Remember a new verification; its id."""
        id_ = self.id_format.format(len(self.numbers) + 1)
        self.numbers[id_] = phone_number
        return id_

    def newest(self, phone_number: str) -> str | None:
        """The id of the newest verification of a number."""
        return next((id_ for id_ in reversed(self.numbers) if self.numbers[id_] == phone_number), None)

    def route(self, request: Request) -> Answer:
        """The vendor's answer; a complaint about whatever its API does not describe."""
        for route in self.routes:
            match = re.fullmatch(route.path, request.path)
            if match is None or route.verb != request.verb:
                continue
            fields = _fields(request, route.content_type)
            wrong = [*self._wrong_headers(request, route), *mismatches(route.fields, fields, "body")]
            wrong += [f"query {request.query}"] if request.query else []
            if wrong:
                return self.complain(400, request, *wrong)
            known = Request(**{**vars(request), "fields": fields})
            return route.answer(self, known, *map(unquote, match.groups()))
        return self.complain(404, request, "no such route")

    def complain(self, status: int, request: Request, *wrong: str) -> Answer:
        self.complaints += [f"{request.verb} {request.path}: {complaint}" for complaint in wrong]
        return Answer(status, {"error": "complaint"})

    def _wrong_headers(self, request: Request, route: Route) -> list[str]:
        given = {name.lower(): value for name, value in request.headers.items()}
        own = {name: value for name, value in given.items() if name not in COMMON_HEADERS}
        wrong = list(mismatches(dict(self.headers), own, "header"))
        content_type = given.get("content-type")
        if content_type != (None if route.fields is None else route.content_type):
            wrong.append(f"content type {content_type}")
        return wrong

    def _play(self, handler: "_Handler") -> None:
        target = urlsplit(handler.path)
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        request = Request(
            handler.command,
            target.path,
            dict(parse_qsl(target.query, keep_blank_values=True)),
            dict(handler.headers.items()),
            body,
            handler.client_address[1],
        )
        with self._arrival:
            self.requests.append(request)
            self._arrival.notify_all()
        answer = self.instead or self.route(request)
        self.answers.append(answer)
        with contextlib.suppress(ConnectionError):
            _SENDERS[self.misbehaviour](self, handler, answer)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    complaints: list[str]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Note a mistake in the play; a client that hangs up is none."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            self.complaints.append(repr(error))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def play(self) -> None:
        raise NotImplementedError

    do_GET = do_POST = do_PUT = do_DELETE = lambda self: self.play()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on stderr."""


def mismatches(rule: Any, value: Any, where: str) -> Iterator[str]:
    """What is wrong with a value; see `Route` for the rules."""
    if isinstance(rule, dict) and isinstance(value, dict):
        for name, inner in rule.items():
            if name in value:
                yield from mismatches(inner.rule if isinstance(inner, Optional) else inner, value[name], name)
            elif not isinstance(inner, Optional):
                yield f"{where}: {name} is missing"
        yield from (f"{where}: unknown {name}" for name in value if name not in rule)
    elif isinstance(rule, tuple):
        found = [list(mismatches(inner, value, where)) for inner in rule]
        yield from min(found, key=len)
    elif isinstance(rule, list) and isinstance(value, list) and len(rule) == len(value):
        for inner, item in zip(rule, value, strict=True):
            yield from mismatches(inner, item, where)
    elif isinstance(rule, re.Pattern):
        if not isinstance(value, str) or not rule.fullmatch(value):
            yield f"{where}: {value!r} is not {rule.pattern}"
    elif isinstance(rule, type):
        if type(value) is not rule:
            yield f"{where}: {value!r} is no {rule.__name__}"
    elif rule != value:
        yield f"{where}: {value!r} is not {rule!r}"


def _fields(request: Request, content_type: str) -> Any:
    """The fields of a body; None without a body; the name of the error where it cannot be read."""
    if not request.body:
        return None
    try:
        if content_type == JSON:
            return json.loads(request.body)
        pairs = parse_qsl(request.body.decode("ascii"), keep_blank_values=True, strict_parsing=True)
        return dict(pairs) if len(dict(pairs)) == len(pairs) else "a name twice"
    except ValueError as error:
        return type(error).__name__


def _head(answer: Answer, length: int) -> bytes:
    headers = {"Content-Type": JSON, "Content-Length": str(length), **answer.headers}
    lines = [f"HTTP/1.1 {answer.status} Any", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def _send(vendor: Vendor, handler: _Handler, answer: Answer) -> None:
    content = answer.content()
    handler.wfile.write(_head(answer, len(content)) + content)


def _send_nothing(vendor: Vendor, handler: _Handler, answer: Answer) -> None:
    handler.close_connection = True
    vendor.closing.wait(30)


def _drip(vendor: Vendor, handler: _Handler, content: bytes) -> None:
    """Byte by byte, until the client has gone."""
    handler.close_connection = True
    stream = itertools.chain(content, itertools.repeat(ord(" ")))
    while True:
        handler.wfile.write(bytes([next(stream)]))
        vendor.closing.wait(0.05)


def _drip_header(vendor: Vendor, handler: _Handler, answer: Answer) -> None:
    _drip(vendor, handler, _head(answer, 0))


def _drip_body(vendor: Vendor, handler: _Handler, answer: Answer) -> None:
    content = answer.content() + b" " * 1000
    handler.wfile.write(_head(answer, len(content)))
    _drip(vendor, handler, content)


def _cut(vendor: Vendor, handler: _Handler, answer: Answer) -> None:
    handler.close_connection = True
    handler.wfile.write(_head(answer, 1000) + answer.content())


def _reset(vendor: Vendor, handler: _Handler, answer: Answer) -> None:
    handler.close_connection = True
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()


Sender = Callable[[Vendor, _Handler, Answer], None]


def _changed(change: Callable[[Answer], Answer]) -> Sender:
    return lambda vendor, handler, answer: _send(vendor, handler, change(answer))


def _about_another_number(vendor: Vendor, handler: _Handler, answer: Answer) -> None:
    content = answer.content()
    for number in vendor.numbers.values():
        content = content.replace(number.lstrip("+").encode(), OTHER_DIGITS.encode())
    _send(vendor, handler, Answer(answer.status, content, answer.headers))


def _about_another_id(vendor: Vendor, handler: _Handler, answer: Answer) -> None:
    content = answer.content()
    for id_ in vendor.numbers:
        content = content.replace(id_.encode(), vendor.id_format.format(OTHER_ID_NUMBER).encode())
    _send(vendor, handler, Answer(answer.status, content, answer.headers))


_SENDERS: dict[Misbehaviour | None, Sender] = {
    None: _send,
    Misbehaviour.SILENT: _send_nothing,
    Misbehaviour.HEADER_DRIP: _drip_header,
    Misbehaviour.BODY_DRIP: _drip_body,
    Misbehaviour.CUT: _cut,
    Misbehaviour.RESET: _reset,
    Misbehaviour.HUGE: _changed(lambda answer: Answer(200, answer.content() + b" " * 100_000)),
    Misbehaviour.REDIRECT: _changed(lambda answer: Answer(307, None, {"Location": "/elsewhere"})),
    Misbehaviour.HTML: _changed(lambda answer: Answer(200, b"<html>Sorry</html>", {"Content-Type": "text/html"})),
    Misbehaviour.TRUNCATED: _changed(lambda answer: Answer(200, answer.content()[:-1] or b"{")),
    Misbehaviour.SERVER_ERROR: _changed(lambda answer: Answer(500, answer.body)),
    Misbehaviour.UNAUTHORISED: _changed(lambda answer: Answer(401, {"errors": "no"})),
    Misbehaviour.RATE_LIMITED: _changed(lambda answer: Answer(429, None, {"Retry-After": "7"})),
    Misbehaviour.OTHER_NUMBER: _about_another_number,
    Misbehaviour.OTHER_ID: _about_another_id,
}
