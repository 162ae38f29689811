"""Delivery by workers: a Celery worker on Redis, a django-tasks worker on the database, threads."""

import base64
import binascii
import re

import pytest
import redis
from django.conf import settings
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from jwt_drf_passwordless.models import PasswordlessChallengeToken
from tests_http.conftest import code_in, link_token_in
from tests_http.processes import Process, wait_until


class CeleryQueue:
    """Messages wait in Redis, under keys of this run only."""

    delivery = "Celery"
    command = (
        *("celery", "-A", "tests_http.project", "worker", "--pool", "prefork", "--loglevel", "INFO"),
        *("--without-gossip", "--without-mingle", "--without-heartbeat"),
    )
    concurrency = "--concurrency"
    ready = r"celery@\S+ ready"

    def __init__(self, prefix):
        self.client = redis.Redis.from_url(settings.CELERY_BROKER_URL)
        self.prefix = prefix.encode()

    def keys(self):
        return list(self.client.scan_iter(self.prefix + b"*"))

    def contents(self):
        """All that Redis holds for this run, keys and values, as one text."""
        readers = {
            b"string": self.client.get,
            b"list": lambda key: self.client.lrange(key, 0, -1),
            b"set": self.client.smembers,
            b"zset": lambda key: self.client.zrange(key, 0, -1, withscores=True),
            b"hash": self.client.hgetall,
            b"none": lambda key: None,  # gone by now
        }
        return repr([(key, readers[self.client.type(key)](key)) for key in self.keys()])

    def waiting(self):
        return self.client.llen(self.prefix + b"celery") + self.client.hlen(self.prefix + b"unacked")

    def empty(self):
        self.client.delete(*(self.prefix + name for name in (b"celery", b"unacked", b"unacked_index")))

    def close(self):
        self.client.delete(*self.keys())
        self.client.close()


class TasksQueue:
    """Messages wait in a table of django-tasks-db."""

    delivery = "Tasks"
    command = ("django", "db_worker", "--interval", "0.05", "--no-startup-delay")
    concurrency = None
    ready = "Starting worker"

    def __init__(self, prefix):
        pass

    def rows(self):
        return list(DBTaskResult.objects.values())

    def contents(self):
        """The whole table as one text."""
        return repr(self.rows())

    def waiting(self):
        return sum(row["status"] == "READY" for row in self.rows())

    def empty(self):
        DBTaskResult.objects.all().delete()

    def close(self):
        self.empty()


@pytest.fixture(scope="module", params=[CeleryQueue, TasksQueue], ids=["celery", "tasks"])
def one_queue(request, redis_prefix, database):
    queue = request.param(redis_prefix)
    yield queue
    queue.close()


@pytest.fixture
def queue(one_queue):
    one_queue.empty()
    return one_queue


@pytest.fixture(scope="module")
def server(one_queue, start_server):
    return start_server(DELIVERY=one_queue.delivery)


@pytest.fixture
def start_worker(queue, environment, new_log):
    """Starts a worker, which ends with the test: `start_worker(processes=2)`."""
    workers = []

    def start(processes=1):
        options = [queue.concurrency, str(processes)] if queue.concurrency else []
        worker = Process(*queue.command, *options, log=new_log(queue.delivery), environment=environment)
        workers.append(worker)
        worker.wait_for_log(queue.ready)
        return worker

    yield start
    for worker in workers:
        worker.kill()


def arrived(mailbox, user):
    (message,) = wait_until(lambda: mailbox.sent(user.email), f"a message to {user.email}")
    return message


def opened(text):
    """The text, and after it what is in it in base64, to the second depth."""
    layers = [text]
    for _ in range(2):
        inner = []
        for word in re.findall(r"[\w+/-]{16,}={0,2}", layers[-1], re.ASCII):
            try:
                inner.append(base64.urlsafe_b64decode(word.replace("+", "-").replace("/", "_")).decode("latin-1"))
            except binascii.Error:
                continue
        layers.append("\n".join(inner))
    return "\n".join(layers)


def test_a_request_ends_in_an_email_with_a_code_that_works(server, start_worker, make_users, mailbox):
    start_worker(processes=2)
    for user in make_users(3):
        assert server.request(user.email).status_code == 200
        assert server.exchange(user.email, code_in(arrived(mailbox, user))).status_code == 200


def test_what_waits_and_what_stays_holds_neither_address_nor_code(server, queue, start_worker, make_user, mailbox):
    user = make_user("secret")
    assert server.request(user.email).status_code == 200
    assert queue.waiting() == 1
    before = opened(queue.contents())
    assert mailbox.begun(user.email) == 0

    worker = start_worker()
    message = arrived(mailbox, user)
    worker.stop()
    assert queue.waiting() == 0
    after = opened(queue.contents())

    assert "jwt_drf_passwordless" in before
    for contents in (before, after):
        assert user.email not in contents
        assert link_token_in(message) not in contents
        assert not re.search(rf"(?<![0-9a-f.]){code_in(message)}(?![0-9a-f])", contents)


def test_what_is_opened_holds_what_was_put_in_base64():
    inner = base64.b64encode(b'["ada@example.com", "some more text"]')
    outer = base64.urlsafe_b64encode(b'{"args": "' + inner + b'"}').decode()
    assert "ada@example.com" not in outer
    assert "ada@example.com" in opened(f'{{"body": "{outer}"}}')


def test_a_message_whose_code_has_expired_before_the_worker_starts_is_dropped(
    server, queue, start_server, start_worker, make_users, mailbox
):
    late, fresh = make_users(2)
    assert start_server(DELIVERY=queue.delivery, TOKEN_LIFETIME="1").request(late.email).status_code == 200
    assert queue.waiting() == 1
    expires_at = PasswordlessChallengeToken.objects.get(user=late).expires_at
    wait_until(lambda: timezone.now() > expires_at, "the end of the code")
    assert server.request(fresh.email).status_code == 200

    worker = start_worker()
    arrived(mailbox, fresh)
    worker.stop()
    assert queue.waiting() == 0
    assert mailbox.begun(late.email) == 0


def test_kill_9_of_a_worker_loses_no_more_than_the_message_that_it_sends(
    server, queue, start_worker, make_user, make_users, mailbox
):
    before, stuck, after = make_users(3), make_user("stuck"), make_users(5)
    for user in (*before, stuck, *after):
        assert server.request(user.email).status_code == 200
    worker = start_worker()
    wait_until(lambda: mailbox.begun(stuck.email), "the message that never ends")
    worker.kill()

    start_worker()
    for user in (*before, *after):
        assert server.exchange(user.email, code_in(arrived(mailbox, user))).status_code == 200
    assert [mailbox.begun(user.email) for user in (*before, stuck, *after)] == [1] * 9
    assert mailbox.sent(stuck.email) == []


def test_a_server_that_ends_sends_what_its_threads_have_waiting(start_server, make_users, mailbox):
    server = start_server(DELIVERY="Thread", MAIL_DELAY="0.5")
    users = make_users(12)
    for user in users:
        assert server.request(user.email).status_code == 200
    assert not all(mailbox.sent(user.email) for user in users)

    server.stop()
    assert [len(mailbox.sent(user.email)) for user in users] == [1] * 12
