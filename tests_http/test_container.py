"""The commands of Dockerfile and compose.yaml, with their variables, on this machine instead of in containers."""

import os
import re
import shlex
import socket
import subprocess
import sys
from urllib.parse import urlsplit

import pytest
import requests
import yaml
from django.db import connection

from tests_http.processes import PATIENCE, ROOT, wait_until

EXAMPLE = ROOT / "example_project"
DATABASE = "jwt_drf_passwordless_container"
GIVEN = {
    "POSTGRES_PASSWORD": "of the database",
    "DJANGO_SECRET_KEY": "2f0c7b7a64b1d8f1a4b0a9a3f0e1c1d7f37f3c1b8f02d1a9d5ce0a6f1c7b9e24",
    "DJANGO_ENCRYPTION_KEY": "9a41c7e0f2b35d68a1c04e7fb2d9365081fae7c24b6d90358e1f7a2c5b8d0e63",
    "DJANGO_ALLOWED_HOSTS": ".example.com",
    "DJANGO_SITE_URL": "https://app.example.com",
    "DJANGO_EMAIL_HOST": "127.0.0.1",
}


def compose(service):
    return yaml.safe_load((ROOT / "compose.yaml").read_text())["services"][service]


def dockerfile(instruction):
    """What stands behind each such instruction of the Dockerfile, lines joined."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    return re.findall(rf"^{instruction} +(.*)$", text, flags=re.MULTILINE)


def interpolated(value):
    """`${NAME}` with what is given, or with the default behind it, as Compose does."""

    def replace(found):
        name, default = found.groups()
        assert name in GIVEN or default is not None, f"{name} is neither given nor has a default"
        return GIVEN.get(name, default)

    return re.sub(r"\$\{(\w+)(?::-(.*?)|:\?.*?)?\}", replace, value)


@pytest.fixture(scope="module")
def container(database, tmp_path_factory):
    """Runs a command of the container and gives the process."""
    name = connection.ops.quote_name(DATABASE)
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {name}")
        cursor.execute(f"CREATE DATABASE {name}")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    static = str(tmp_path_factory.mktemp("static"))
    final = dict(re.findall(r"(\w+)=(\S+)", dockerfile("ENV")[-1]))
    variables = {key: interpolated(value) for key, value in (final | compose("app")["environment"]).items()}
    variables |= {
        "DJANGO_DATABASE_URL": urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{DATABASE}").geturl(),
        "DJANGO_REDIS_URL": "redis://127.0.0.1:6379/9",
        "PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}",
    }
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("DJANGO_", "PYTHON"))}
    started = []

    def start(command, **more):
        # /static and the port are the container's own.
        command = [re.sub(r"\b8000\b", port, part) for part in command]
        environment = {key: static if value == "/static" else value for key, value in (variables | more).items()}
        process = subprocess.Popen(command, cwd=EXAMPLE, env=inherited | environment, start_new_session=True)
        started.append(process)
        return process

    start.port = port
    yield start
    for process in started:
        process.terminate()
        process.wait(PATIENCE)
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE {name}")


@pytest.fixture(scope="module")
def server(container):
    """The container in its final state, its database migrated."""
    (collectstatic,) = [run for run in dockerfile("RUN") if "collectstatic" in run]
    words = shlex.split(collectstatic)
    settings = dict(word.split("=", 1) for word in words if word.startswith("DJANGO_"))
    assert container([word for word in words if not word.startswith("DJANGO_")], **settings).wait(PATIENCE) == 0
    assert container(compose("migrate")["command"]).wait(PATIENCE) == 0
    (command,) = dockerfile("CMD")
    process = container(yaml.safe_load(command))

    def listens():
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", int(container.port))) == 0

    wait_until(listens, "the server listens")
    return process


def call(container, method, path, **headers):
    """By the proxy, which ends TLS, unless told otherwise."""
    given = {"Host": "app.example.com", "X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https"} | headers
    url = f"http://127.0.0.1:{container.port}{path}"
    body = {"email": "ada@example.com"} if method == "POST" else None
    return requests.request(method, url, json=body, headers=given, allow_redirects=False, timeout=PATIENCE)


def health(container):
    """Exit code of the Dockerfile's HEALTHCHECK."""
    (check,) = dockerfile("HEALTHCHECK")
    return container(yaml.safe_load(check.partition("CMD ")[2])).wait(PATIENCE)


def test_it_is_healthy_and_serves_the_login_and_static_files(container, server):
    assert health(container) == 0
    asked = call(container, "POST", "/passwordless/request/email/")
    assert (asked.status_code, asked.json()["code"]) == (200, "token_sent")
    assert call(container, "GET", "/").status_code == 200
    style = call(container, "GET", "/static/admin/css/base.css")
    assert (style.status_code, style.headers["Content-Type"].partition(";")[0]) == (200, "text/css")


def test_nothing_of_the_page_to_try_the_api_is_served(container, server):
    page = "/static/drf_spectacular_sidecar/swagger-ui-dist/oauth2-redirect.html"
    assert [call(container, "GET", path).status_code for path in ("/api/docs/", "/api/schema/", page)] == [404] * 3


def test_without_tls_it_sends_to_https_and_only_tells_that_it_is_healthy(container, server):
    answer = call(container, "GET", "/", **{"X-Forwarded-Proto": "http"})
    assert (answer.status_code, answer.headers["Location"]) == (301, "https://app.example.com/")
    assert call(container, "GET", "/health/", **{"X-Forwarded-Proto": "http"}).text == "ok"


def test_what_compose_runs_daily_runs(container, server):
    (command,) = re.findall(r"while (.*?);", compose("daily")["command"][2])
    assert container(shlex.split(command)).wait(PATIENCE) == 0


LOST = """
from django.test import Client
answer = Client(raise_request_exception=False, headers={"host": "app.example.com"}).get("/health/")
assert answer.status_code == 500, answer
"""


def test_without_a_database_it_is_not_healthy(container):
    lost = {"DJANGO_DATABASE_URL": "postgres://example@127.0.0.1:1/example"}
    assert container(["python", "manage.py", "shell", "-c", LOST], **lost).wait(PATIENCE) == 0
