"""A case as it is measured: one POST to the WSGI application, from its environment to the last byte of the answer."""

import gc
import io
import json
import random
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core import mail
from django.core.wsgi import get_wsgi_application

Work = Callable[[], int]
#: A code that no alphabet of digits gives.
WRONG_CODE = "abcdef"

application = get_wsgi_application()


@dataclass(frozen=True)
class Case:
    """`prepare` makes ready for a user, unmeasured, and gives the work that is measured, which returns `status`."""

    name: str
    prepare: Callable[[Any], Work]
    status: int = 200
    #: The highest ratio to the second floor.
    target: float | None = None


class Post:
    """A POST of JSON by a client of its own: limits of networks count it, and are not reached."""

    def __init__(self, path: str, headers: Mapping[str, str] | None = None, **body: str) -> None:
        self.path, self.headers, self.body = path, headers or {}, body
        self.content = json.dumps(body).encode()
        self.environ = {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": path,
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(self.content)),
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "8000",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": ".".join(["9", *(str(random.randrange(256)) for _ in range(3))]),
            "wsgi.url_scheme": "http",
            **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in self.headers.items()},
        }

    def send(self) -> Any:
        environ = {**self.environ, "wsgi.input": io.BytesIO(self.content)}
        response = application(environ, lambda status, headers: None)
        b"".join(response)
        response.close()
        return response

    def __call__(self) -> int:
        return self.send().status_code

    def answer(self) -> Any:
        """The JSON of the answer, for what prepares a case."""
        return json.loads(self.send().content)


def sent(pattern: str) -> str:
    """What the newest mail says where the pattern's group stands."""
    found = re.search(pattern, mail.outbox[-1].body)
    assert found, mail.outbox[-1].body
    return found[1]


def measure_round(cases: Sequence[Case], users: Sequence[Any]) -> dict[str, tuple[int, int]]:
    """Each case once, in random order and with a user of its own: nanoseconds by the clock and of this process's CPU.

    What the cases need is made before all of them, so that caches are as cold as on a server with mixed work.
    """
    prepared = [(case, case.prepare(user)) for case, user in zip(cases, users, strict=True)]
    random.shuffle(prepared)
    mail.outbox = []
    taken = {}
    gc.collect()
    gc.disable()
    for case, work in prepared:
        wall, cpu = time.perf_counter_ns(), time.process_time_ns()
        status = work()
        taken[case.name] = time.perf_counter_ns() - wall, time.process_time_ns() - cpu
        assert status == case.status, f"{case.name}: {status} instead of {case.status}"
    gc.enable()
    return taken
