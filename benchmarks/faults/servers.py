"""A PostgreSQL cluster, a Redis and a vendor of this run's own, which may be broken without harm to others."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests_http.processes import wait_until


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


class PostgreSQL:
    """A cluster in a directory of its own, with the settings that PostgreSQL comes with: commits wait for the disk."""

    def __init__(self, folder: Path):
        installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
        self.bin = installed[-1] if installed else Path(shutil.which("initdb") or "").parent
        self.folder, self.port = folder / "postgresql", free_port()
        # PostgreSQL refuses to run as root.
        self.user = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
        folder.chmod(0o755)
        self.folder.mkdir()
        if self.user:
            shutil.chown(self.folder, "postgres", "postgres")
        with (folder / "initdb.log").open("wb") as log:
            command = [self.bin / "initdb", "-D", self.folder, "-U", "postgres", "-A", "trust", "-E", "UTF8"]
            subprocess.run(command, check=True, stdout=log, stderr=log, cwd=self.folder, **self.user)
        self.log = folder / "postgresql.log"
        self.start()

    @property
    def url(self) -> str:
        return f"postgres://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        options = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "max_connections": "60"}
        command = [self.bin / "postgres", "-D", self.folder, "-p", str(self.port)]
        command += [f"-c{name}={value}" for name, value in options.items()]
        with self.log.open("ab") as log:
            self.popen = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder, **self.user)
        ready = [self.bin / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        wait_until(lambda: subprocess.run(ready, check=False).returncode == 0, "PostgreSQL")

    def stop(self, *, crash: bool = False) -> None:
        """Shut it down: orderly, ending all connections, or as if it had crashed."""
        self.popen.send_signal(signal.SIGQUIT if crash else signal.SIGINT)
        self.popen.wait(60)


class Redis:
    def __init__(self, folder: Path):
        self.folder, self.port = folder, free_port()
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", self.folder]
        self.popen = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        wait_until(lambda: answers(self.port), "Redis")

    def stop(self) -> None:
        self.popen.send_signal(signal.SIGCONT)
        self.popen.kill()
        self.popen.wait(60)

    def freeze(self) -> None:
        self.popen.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.popen.send_signal(signal.SIGCONT)


class Vendor:
    """Infobip's 2FA, as far as the package asks it; the code is always the same. It can hang."""

    CODE = "482913"

    def __init__(self) -> None:
        self.hangs = threading.Event()
        self.checks = 0
        vendor = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                while vendor.hangs.is_set():
                    time.sleep(0.05)
                with contextlib.suppress(OSError):  # nobody waits any more
                    self.answer(vendor.answer(self.path, body))

            def answer(self, body: dict[str, object]) -> None:
                content = json.dumps(body).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, path: str, body: dict[str, str]) -> dict[str, object]:
        if not path.endswith("/verify"):
            return {"pinId": f"id{body['to']}", "to": body["to"], "smsStatus": "MESSAGE_SENT"}
        self.checks += 1
        pin_id = path.split("/")[-2]
        return {"verified": body["pin"] == self.CODE, "pinId": pin_id, "msisdn": pin_id.removeprefix("id")}
