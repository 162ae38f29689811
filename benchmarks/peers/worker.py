"""One peer in the process of its environment: `python worker.py NAME` loads it, then does what lines on stdin ask for.

Answers are lines of JSON: what loading took; with a database (BENCHMARK_DATABASE_NAME) a line for each command.
"""

import gc
import json
import os
import random
import sys
import time
from contextlib import redirect_stdout
from pathlib import Path

# The package of this checkout must not stand before the one that the environment has: not from the folder of this
# file, whose modules have the names of packages, but behind them all.
sys.path = [*sys.path[1:], str(Path(__file__).resolve().parents[2])]

USERS = 500
#: Uses of one code at once, and codes tried so; fewer of a peer that takes part in fewer rounds.
PARALLEL, RACES = 4, 40
#: Wrong tries before the right one, and requests for one address.
MANY = 12


def load(peer):
    """Settings, apps, URLs and the WSGI application, as a server does; the module of the peer."""
    from importlib import import_module

    import django
    from django.conf import settings

    from benchmarks import settings as base

    common = {name: value for name, value in vars(base).items() if name.isupper() and name != "JWT_DRF_PASSWORDLESS"}
    contrib = ["django.contrib.auth", "django.contrib.contenttypes", "rest_framework"]
    settings.configure(
        **{
            **common,
            "INSTALLED_APPS": [*contrib, *peer.apps, "benchmarks.peers"],
            "AUTH_USER_MODEL": "peers.User",
            "ROOT_URLCONF": f"benchmarks.peers.{peer.module}",
            "USE_TZ": True,
            "PASSWORD_HASHERS": [
                "django.contrib.auth.hashers.PBKDF2PasswordHasher",
                "django.contrib.auth.hashers.MD5PasswordHasher",
            ],
            # Warnings about wrong codes go nowhere, and cost the same everywhere.
            "LOGGING": {
                "version": 1,
                "disable_existing_loggers": False,
                "handlers": {"none": {"class": "logging.NullHandler"}},
                "root": {"handlers": ["none"]},
            },
            **peer.settings,
        }
    )
    django.setup()
    return import_module(settings.ROOT_URLCONF)


def memory() -> float:
    """Resident memory in MB, as of now."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


class Worker:
    def __init__(self, peer, module):
        from benchmarks import floors

        wanted = ("empty view", "user and pair", *peer.cases)
        by_name = {case.name: case for case in (floors.EMPTY, floors.PAIR, *module.CASES)}
        self.cases = [by_name[name] for name in wanted]
        # What the facts are about; nobody here knows what the vendor knows.
        self.redeem, self.ask = (
            next((by_name[name] for name in names if name in peer.cases), None)
            for names in (("exchange", "second step"), ("request", "password"))
        )
        self.races = RACES // peer.every
        self.set_up = getattr(module, "set_up", lambda users: None)

    def make_users(self):
        from django.contrib.auth.hashers import make_password

        from benchmarks.peers.models import User

        password = make_password("password", hasher="md5")
        User.objects.bulk_create(
            User(username=f"u{n}", email=f"u{n}@example.com", phone_number=f"+4930{20000000 + n}", password=password)
            for n in range(USERS)
        )
        self.users = list(User.objects.all())
        self.set_up(self.users)

    def prepare(self, case, user):
        """The work of a case, as a client with clean counters finds it."""
        from django.core import mail
        from django.core.cache import cache

        cache.clear()
        mail.outbox = []
        return case.prepare(user)

    def round(self):
        """Milliseconds of each case: by the clock, and of this process's CPU."""
        from django.core.cache import cache

        from benchmarks.calls import measure_round

        cache.clear()
        taken = measure_round(self.cases, random.sample(self.users, len(self.cases)))
        return {name: [wall / 1e6, cpu / 1e6] for name, (wall, cpu) in taken.items()}

    def statements(self):
        """How many statements read and write, for each case; those of transactions do not count."""
        from django.db import connection

        counted = {}
        for case in self.cases:
            verbs = []

            def count(execute, sql, params, many, context, verbs=verbs):
                verbs.append(sql.split(None, 1)[0].upper())
                return execute(sql, params, many, context)

            work = self.prepare(case, random.choice(self.users))
            with connection.execute_wrapper(count):
                work()
            writes = sum(verb in ("INSERT", "UPDATE", "DELETE") for verb in verbs)
            counted[case.name] = [verbs.count("SELECT"), writes]
        return counted

    def freeze(self):
        """Warmed up: leave little for the collections before each round."""
        gc.collect()
        gc.freeze()
        return memory()

    def memory(self):
        gc.unfreeze()
        gc.collect()
        return memory()

    def facts(self):
        """What the peer does about theft, haste and guesses, tried."""
        if self.redeem is None:
            return None
        return {
            "in clear": self.is_in_clear(),
            "races lost": sum(self.uses_at_once() > 1 for _ in range(self.races)),
            "races": self.races,
            "right after wrong": self.works_after_wrong_tries(),
            "mails": self.mails_of_many_requests(),
            "of requests": MANY,
        }

    def is_in_clear(self):
        """Whether database or cache hold what a redeem needs, as it was sent."""
        from django.apps import apps
        from django.core.cache import cache

        work = self.prepare(self.redeem, random.choice(self.users))
        secret = next(work.body[name] for name in ("code", "token") if name in work.body)
        stored = [repr(list(cache._cache.values()))]
        for model in apps.get_models():
            for row in model._base_manager.all():
                stored += [str(value) for value in vars(row).values()]
                stored += [str(row.get_decoded())] if hasattr(row, "get_decoded") else []
        return any(secret in text for text in stored)

    def uses_at_once(self):
        """How many of some calls with the same code, at the same moment, are let in."""
        from concurrent.futures import ThreadPoolExecutor
        from threading import Barrier

        from django.db import connection

        work = self.prepare(self.redeem, random.choice(self.users))
        barrier = Barrier(PARALLEL)

        def call(_):
            try:
                connection.ensure_connection()
                barrier.wait(30)
                return work() == self.redeem.status
            except Exception:  # noqa: BLE001 - a crash lets nobody in
                return False
            finally:
                connection.close()

        with ThreadPoolExecutor(PARALLEL) as pool:
            return sum(pool.map(call, range(PARALLEL)))

    def works_after_wrong_tries(self):
        from benchmarks.calls import WRONG_CODE, Post

        work = self.prepare(self.redeem, random.choice(self.users))
        secret = next(name for name in ("code", "token") if name in work.body)
        for _ in range(MANY):
            Post(work.path, work.headers, **{**work.body, secret: WRONG_CODE})()
        return work() == self.redeem.status

    def mails_of_many_requests(self):
        from django.core import mail

        work = self.prepare(self.ask, random.choice(self.users))
        mail.outbox = []
        for _ in range(MANY):
            type(work)(work.path, work.headers, **work.body)()
        return len(mail.outbox)


def main():
    from benchmarks.peers.table import PEERS

    started = time.perf_counter()
    module = load(PEERS[sys.argv[1]])
    from django.core.wsgi import get_wsgi_application
    from django.urls import get_resolver

    get_wsgi_application()
    assert get_resolver().url_patterns
    answers = sys.stdout

    def answer(value):
        answers.write(json.dumps(value) + "\n")
        answers.flush()

    answer({"load_ms": (time.perf_counter() - started) * 1000, "loaded_mb": memory()})
    if "BENCHMARK_DATABASE_NAME" not in os.environ:
        return
    from django.test.utils import setup_databases, teardown_databases

    with redirect_stdout(sys.stderr):
        databases = setup_databases(verbosity=0, interactive=False, serialized_aliases=[])
        try:
            worker = Worker(PEERS[sys.argv[1]], module)
            worker.make_users()
            answer("ready")
            for line in sys.stdin:
                answer(getattr(worker, line.strip())())
        finally:
            teardown_databases(databases, verbosity=0)


if __name__ == "__main__":
    main()
