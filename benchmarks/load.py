"""Mixed logins over HTTP: nginx, two gunicorn servers, PostgreSQL, Redis, SMTP and a vendor, all on this machine.

`DATABASE_URL=postgres://... python -m benchmarks.load`; see README.md. Bounded by --seconds and --clients: each client
waits for an answer before it asks again.
"""

import argparse
import http.client
import json
import os
import random
import re
import shutil
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from statistics import quantiles
from typing import Any

from tests_http.processes import Server

#: Users of each client and flow; nobody else signs in as them, so that no login ends another one's.
USERS = 50
#: Seconds until a mail counts as lost, and an answer as none.
PATIENCE = 30
#: What of all logins goes which way, in percent.
FLOWS = {"code": 45, "wrong": 15, "link": 15, "vendor": 15, "second": 10}

NGINX = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
worker_processes 1;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  upstream servers {{ {servers} keepalive 32; }}
  # Each login comes from an address of its own, as if from all over the world.
  set_real_ip_from 127.0.0.1; real_ip_header X-Client;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://servers; proxy_http_version 1.1;
      proxy_set_header Connection ""; proxy_set_header Host 127.0.0.1; proxy_set_header X-Forwarded-For $remote_addr;
    }}
  }}
}}
"""


class Mailbox(socketserver.ThreadingTCPServer):
    """An SMTP server that keeps the newest mail of each address until somebody has read it."""

    daemon_threads = allow_reuse_address = True
    request_queue_size = 256

    def __init__(self) -> None:
        self.mails: dict[str, str] = {}
        self.arrival = threading.Condition()
        super().__init__(("127.0.0.1", 0), Smtp)

    def wait_for(self, address: str, pattern: str) -> str:
        with self.arrival:
            if not self.arrival.wait_for(lambda: address in self.mails, PATIENCE):
                raise AssertionError("no mail")
            mail = self.mails.pop(address)
        found = re.search(pattern, mail)
        assert found, mail
        return found[1]


class Smtp(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.wfile.write(b"220 mailbox\r\n")
        recipient = ""
        for line in self.rfile:
            verb = line[:4].upper()
            if verb == b"RCPT":
                recipient = line.decode().partition("<")[2].partition(">")[0]
            if verb == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                mail = b"".join(iter(self.rfile.readline, b".\r\n")).decode().replace("=\r\n", "").replace("=3D", "=")
                with self.server.arrival:
                    self.server.mails[recipient] = mail
                    self.server.arrival.notify_all()
            self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 mailbox\r\n")
            if verb == b"QUIT":
                return


class Client:
    """One connection, and its own users, who sign in one after another in a random way."""

    def __init__(self, port: int, mailbox: Mailbox, number: int) -> None:
        self.port, self.mailbox, self.number = port, mailbox, number
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        #: Route, seconds, and whether the answer was the one that was due.
        self.taken: list[tuple[str, float, bool]] = []
        self.failures: Counter[str] = Counter()

    def run(self, ends: float) -> None:
        while time.monotonic() < ends:
            (flow,) = random.choices(list(FLOWS), FLOWS.values())
            self.user = f"{flow}-{self.number}-{random.randrange(USERS)}"
            self.address = ".".join(["9", *(str(random.randrange(256)) for _ in range(3))])
            try:
                getattr(self, flow)()
            except Exception as error:  # noqa: BLE001 - a failure is a figure of the report
                self.failures[f"{flow}: {error!r}"[:200]] += 1
                self.connection.close()

    def post(self, route: str, due: int = 200, **body: str) -> Any:
        headers = {"Content-Type": "application/json", "X-Client": self.address}
        started = time.perf_counter()
        self.connection.request("POST", f"/{route}", json.dumps(body), headers)
        response = self.connection.getresponse()
        content = response.read()
        is_due = response.status == due
        name = route.replace("passwordless/", "") + ("" if due < 400 else f" ({due})")
        self.taken.append((name, time.perf_counter() - started, is_due))
        assert is_due, f"{route}: {response.status} {content[:80]!r}"
        return json.loads(content or b"null")

    @property
    def email(self) -> str:
        return f"{self.user}@example.com"

    def ask(self, pattern: str = r"code is (\d{6})") -> str:
        self.post("passwordless/request/email/", email=self.email)
        return self.mailbox.wait_for(self.email, pattern)

    def redeem(self, code: str, due: int = 200) -> Any:
        return self.post("passwordless/exchange/email/", due, email=self.email, token=code)

    def code(self) -> None:
        pair = self.redeem(self.ask())
        self.post("api/token/refresh/", refresh=pair["refresh"])

    def wrong(self) -> None:
        code = self.ask()
        self.redeem("abcdef", due=400)
        self.redeem(code)
        self.redeem(code, due=400)

    def link(self) -> None:
        self.post("passwordless/exchange/", token=self.ask(r"#token=(\w{64})"))

    def vendor(self) -> None:
        number = phone_number("vendor", self.user)
        self.post("passwordless/external/request/", phone_number=number)
        # The message to the vendor goes out after the answer: until then no code is right.
        for _ in range(4):
            time.sleep(0.2)
            try:
                self.post("passwordless/external/verify/", phone_number=number, code="482915")
            except AssertionError:
                self.taken.pop()
            else:
                return
        raise AssertionError("the vendor was not asked in time")

    def second(self) -> None:
        answer = self.post("api/token/", 206, username=self.user, password="password")
        code = self.mailbox.wait_for(self.email, r"code is (\d{6})")
        self.post("api/2fa/token-verify/", ticket=answer["ticket"], token=code)


def phone_number(flow: str, user: str) -> str:
    _, client, number = user.split("-")
    return f"+4930{20_000_000 + 100_000 * list(FLOWS).index(flow) + 1000 * int(client) + int(number)}"


def make_users(clients: int) -> None:
    from django.contrib.auth.hashers import make_password
    from django.utils import timezone

    from benchmarks.peers.models import User
    from jwt_drf_passwordless.models import Authenticator

    password, now = make_password("password"), timezone.now()
    names = [f"{flow}-{client}-{number}" for flow in FLOWS for client in range(clients) for number in range(USERS)]
    users = [
        User(
            username=name,
            email=f"{name}@example.com",
            password=password,
            phone_number=phone_number(name.partition("-")[0], name),
        )
        for name in names
    ]
    User.objects.bulk_create(users)
    Authenticator.objects.bulk_create(
        Authenticator(user=user, method="email", data={"address": user.email}, created_at=now, confirmed_at=now)
        for user in User.objects.filter(username__startswith="second-")
    )


def start_nginx(folder: Path, servers: list[Server]) -> tuple[subprocess.Popen[bytes], int]:
    nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if nginx is None:
        sys.exit("nginx is needed: apt-get install nginx")
    with socketserver.TCPServer(("127.0.0.1", 0), Smtp) as free:
        port = free.server_address[1]
    lines = " ".join(f"server {server.url.split('/')[2]};" for server in servers)
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, servers=lines, port=port))
    process = subprocess.Popen([nginx, "-p", str(folder), "-c", str(folder / "nginx.conf")], stderr=subprocess.DEVNULL)
    for _ in range(100):
        try:
            http.client.HTTPConnection("127.0.0.1", port, timeout=1).request("GET", "/")
        except OSError:
            time.sleep(0.1)
        else:
            return process, port
    sys.exit((folder / "nginx.log").read_text())


def worker_memory(servers: list[Server]) -> list[float]:
    """Resident memory of each worker, in MB."""
    found = []
    for server in servers:
        pid = server.popen.pid
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            lines = Path(f"/proc/{child}/status").read_text().splitlines()
            found.append(int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--clients", type=int, default=16, help="logins at a time (default 16)")
    parser.add_argument("--servers", type=int, default=2)
    parser.add_argument("--workers", type=int, default=2, help="of each server (default 2)")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    if "postgres" not in os.environ.get("DATABASE_URL", ""):
        sys.exit("DATABASE_URL must name PostgreSQL")
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.load_settings"
    os.environ["REDIS_PREFIX"] = f"load-{uuid.uuid4()}-"
    with ExitStack() as stack:
        results = run(options, stack)
    report(results)
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n")
    return 0 if not results["failures"] else 1


def run(options: argparse.Namespace, stack: ExitStack) -> dict[str, Any]:
    import django

    mailbox = stack.enter_context(Mailbox())
    threading.Thread(target=mailbox.serve_forever, daemon=True).start()
    stack.callback(mailbox.shutdown)
    os.environ["SMTP_PORT"] = str(mailbox.server_address[1])
    django.setup()
    from django.core.cache import cache
    from django.db import connection

    from benchmarks.run import describe_machine
    from tests.external_2fa.test_telnyx import Telnyx

    vendor = stack.enter_context(Telnyx())
    os.environ["VENDOR_URL"] = f"{vendor.url}/v2"
    outside = connection.settings_dict["NAME"]
    connection.settings_dict["TEST"] |= {"NAME": f"{outside}_load_{os.getpid()}", "MIGRATE": False}
    os.environ["DATABASE_NAME"] = connection.creation.create_test_db(verbosity=0, autoclobber=True)
    stack.callback(connection.creation.destroy_test_db, outside, verbosity=0)
    make_users(options.clients)

    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    servers = []
    for number in range(options.servers):
        log = folder / f"gunicorn-{number}.log"
        servers.append(Server(workers=options.workers, threads=1, log=log, environment={}))
        stack.callback(servers[-1].stop)
    nginx, port = start_nginx(folder, servers)
    stack.callback(nginx.wait)
    stack.callback(nginx.terminate)

    clients = [Client(port, mailbox, number) for number in range(options.clients)]
    facts = {
        "date": str(date.today()),
        **vars(options),
        **describe_machine(),
        "redis": cache._cache.get_client().info()["redis_version"],
    }
    facts.pop("json")
    with ThreadPoolExecutor(options.clients) as pool:
        list(pool.map(lambda client: client.run(time.monotonic() + options.seconds / 5), clients))
        warm = worker_memory(servers)
        for client in clients:
            client.taken.clear()
        started = time.monotonic()
        list(pool.map(lambda client: client.run(started + options.seconds), clients))
        seconds = time.monotonic() - started
        memory = worker_memory(servers)
    redis = cache._cache.get_client()
    for key in redis.scan_iter(f"{os.environ['REDIS_PREFIX']}*"):
        redis.delete(key)
    times, errors = defaultdict(list), Counter()
    for client in clients:
        for route, taken, is_due in client.taken:
            times[route].append(taken * 1000)
            errors[route] += not is_due
    logs = "".join(server.log.read_text(errors="replace") for server in servers)
    return {
        "facts": facts,
        "routes": {
            route: {
                "count": len(taken),
                "errors": errors[route],
                **dict(zip(("p50", "p95", "p99"), cut(taken), strict=True)),
            }
            for route, taken in sorted(times.items())
        },
        "requests_per_second": sum(map(len, times.values())) / seconds,
        "failures": dict(sum((client.failures for client in clients), Counter())),
        "complaints": vendor.complaints,
        "tracebacks": logs.count("Traceback"),
        "warm_mb": warm,
        "end_mb": memory,
        "load_after": os.getloadavg()[0],
    }


def cut(taken: list[float]) -> list[float]:
    hundredths = quantiles(taken, n=100) if len(taken) > 1 else taken * 99
    return [hundredths[49], hundredths[94], hundredths[98]]


def report(results: dict[str, Any]) -> None:
    facts = results["facts"]
    shape = f"{facts['servers']} servers of {facts['workers']} workers behind nginx, {facts['clients']} clients"
    versions = f"{facts['database']}, Redis {facts['redis']}, {facts['python']}, Django {facts['packages']['Django']}"
    load = f"{facts['cores']} cores, load {facts['load'][0]} to {results['load_after']:.1f}"
    print(f"{facts['date']}: {shape}, {facts['seconds']} s; {versions}; {load}\n")
    print("| route | answers | not as due | p50 ms | p95 ms | p99 ms |\n|---|---|---|---|---|---|")
    for route, row in results["routes"].items():
        print(
            f"| `{route}` | {row['count']} | {row['errors']} | {row['p50']:.1f} | {row['p95']:.1f} | {row['p99']:.1f} |"
        )
    print(
        f"\n{results['requests_per_second']:.0f} requests a second; {sum(results['failures'].values())} logins failed,"
    )
    print(f"{results['tracebacks']} tracebacks in the logs. Memory of the workers, MB: ", end="")
    print(", ".join(f"{a:.1f} to {b:.1f}" for a, b in zip(results["warm_mb"], results["end_mb"], strict=True)))
    for failure, count in results["failures"].items():
        print(f"{count} x {failure}")


if __name__ == "__main__":
    sys.exit(main())
