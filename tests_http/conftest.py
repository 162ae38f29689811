"""One database for the whole run, servers that start at their first use, a mailbox, users."""

import re
import uuid
from collections import Counter

import pytest
from django.contrib.auth import get_user_model
from django.db import connection

from tests_http.processes import Server, processes
from tests_http.project.mail import Mailbox

#: Lines of each log that the report of a failed test shows.
TAIL = 40


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed:
        for process in processes:
            tail = process.log.read_text(errors="replace").splitlines()[-TAIL:]
            report.sections.append((f"end of the log of {process.name}", "\n".join(tail)))
    return report


@pytest.fixture(scope="session", autouse=True)
def database(django_db_blocker):
    """The tests' own database, which they read and write in autocommit, as the servers do."""
    assert connection.vendor in ("postgresql", "mysql"), "DATABASE_URL must name PostgreSQL or MariaDB"
    name_outside = connection.settings_dict["NAME"]
    with django_db_blocker.unblock():
        yield connection.creation.create_test_db(verbosity=0, autoclobber=True)
        connection.creation.destroy_test_db(name_outside, verbosity=0)


@pytest.fixture(scope="session")
def mailbox(tmp_path_factory):
    return Mailbox(tmp_path_factory.mktemp("mail"))


@pytest.fixture(scope="session")
def redis_prefix():
    return f"tests_http-{uuid.uuid4()}-"


@pytest.fixture(scope="session")
def environment(database, mailbox, redis_prefix):
    """What servers and workers have in common."""
    return {
        "DJANGO_SETTINGS_MODULE": "tests_http.project.settings",
        "DATABASE_NAME": database,
        "MAIL_DIRECTORY": str(mailbox.directory),
        "REDIS_PREFIX": redis_prefix,
    }


@pytest.fixture(scope="session")
def new_log(tmp_path_factory):
    """Gives a path for the log of a process of this name."""
    folder, made = tmp_path_factory.mktemp("logs"), Counter()

    def new(name):
        made[name] += 1
        return folder / f"{name}-{made[name]}.log"

    return new


@pytest.fixture(scope="session")
def start_server(environment, new_log):
    """Starts a server: `start_server(workers=4, threads=1, DELIVERY="Thread")`. It ends with the run."""
    servers = []

    def start(*, workers=1, threads=1, **extra):
        server = Server(workers=workers, threads=threads, log=new_log("gunicorn"), environment={**environment, **extra})
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.popen.terminate()  # all at a time, for each takes a second
    for server in servers:
        server.stop()


@pytest.fixture(scope="session")
def server(start_server):
    """Four processes that send within the request."""
    return start_server(workers=4)


@pytest.fixture(scope="session")
def make_users(database):
    """Makes so many users, each with an address of its own, and gives them."""

    def make(count, name="user"):
        names = [f"{name}-{uuid.uuid4()}" for _ in range(count)]
        user_model = get_user_model()
        user_model.objects.bulk_create(user_model(username=name, email=f"{name}@example.com") for name in names)
        return list(user_model.objects.filter(username__in=names))

    return make


@pytest.fixture
def make_user(make_users):
    def make(name="user"):
        (user,) = make_users(1, name)
        return user

    return make


def code_in(message: str) -> str:
    return re.search(r"code is (\d{6})\b", message)[1]


def link_token_in(message: str) -> str:
    return re.search(r"#token=(\S+)", message)[1]


def wrong_codes(right: str, count: int) -> list[str]:
    """So many codes that are not the right one, no two alike."""
    return [f"{(int(right) + step) % 1_000_000:06}" for step in range(1, count + 1)]
