"""Sending: what a failure changes (nothing that a client sees), and a project's own delivery class."""

import contextlib
import datetime
import logging
import os
import queue
import subprocess
import sys
import threading
from importlib import import_module
from pathlib import Path

import django
import pytest
import sms
import time_machine
from celery.contrib.testing.app import TestApp, setup_default_app
from django.contrib.auth import get_user_model
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.utils import timezone
from django.utils.module_loading import import_string
from sms.backends.base import BaseSmsBackend

from jwt_drf_passwordless.conf import settings as package_settings
from jwt_drf_passwordless.delivery import Inline, Outgoing, Thread
from jwt_drf_passwordless.models import PasswordlessChallengeToken
from jwt_drf_passwordless.signals import token_send_failed
from tests.conftest import sent_code, sent_link_token, set_mail_backend

pytestmark = pytest.mark.django_db

KNOWN = {"email": "ada@example.com", "mobile": "+12015550123"}
UNKNOWN = {"email": "eve@example.com", "mobile": "+358401234567"}
#: How long a test waits for a thread.
SECONDS = 30
NOW = datetime.datetime(2030, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)


class BrokenMail(BaseEmailBackend):
    """A mailer that fails and tells everything about it."""

    def send_messages(self, email_messages):
        raise ConnectionError(f"marker: {email_messages[0].to} {email_messages[0].body}")


class BrokenSms(BaseSmsBackend):
    """A gateway that fails and tells everything about it."""

    def send_messages(self, messages):
        raise ConnectionError(f"marker: {messages[0].recipients} {messages[0].body}")


class Recording:
    """A project's delivery class."""

    delivered = []

    def deliver(self, outgoing):
        self.delivered.append(outgoing)


class Refusing:
    """A project's delivery class whose queue is full."""

    def deliver(self, outgoing):
        raise RuntimeError(f"marker: {outgoing.message.to}")


class NeedsArguments:
    """No delivery class: it cannot be made without arguments."""

    def __init__(self, queue):
        raise NotImplementedError(queue)


def ask(api, method, identifiers):
    return getattr(api, f"request_{method}")(identifiers[method])


def field_of(method):
    return {"email": package_settings.EMAIL_FIELD_NAME, "mobile": package_settings.MOBILE_FIELD_NAME}[method]


def as_seen(response):
    return response.status_code, dict(response.headers), response.content


@pytest.fixture
def ada(make_user):
    return make_user(email=KNOWN["email"], phone=KNOWN["mobile"])


@pytest.fixture
def broken_backends(settings):
    set_mail_backend(settings, "tests.test_delivery.BrokenMail")
    settings.SMS_BACKEND = "tests.test_delivery.BrokenSms"


@pytest.fixture
def failures():
    """What the signal `token_send_failed` told, in order."""
    told = []

    def receiver(sender, **kwargs):
        told.append((sender, kwargs["field"], kwargs["error"]))

    token_send_failed.connect(receiver)
    yield told
    token_send_failed.disconnect(receiver)


@pytest.fixture
def recorded(configure):
    configure(DELIVERY="tests.test_delivery.Recording")
    Recording.delivered.clear()
    yield Recording.delivered
    Recording.delivered.clear()


both_methods = pytest.mark.parametrize("method", ["email", "mobile"])


def test_inline_sends_an_email_before_the_answer(api, ada):
    assert ask(api, "email", KNOWN).status_code == 200
    assert [message.to for message in mail.outbox] == [["ada@example.com"]]


def test_inline_sends_an_sms_before_the_answer(api, ada):
    assert ask(api, "mobile", KNOWN).status_code == 200
    assert [message.recipients for message in sms.outbox] == [["+12015550123"]]


def test_inline_sends_whatever_has_a_send_method():
    message = mail.EmailMessage(subject="Code", body="012345", to=["ada@example.com"])
    Inline().deliver(Outgoing(message, "email", "a***@example.com", timezone.now() + datetime.timedelta(seconds=60)))
    assert [message.body for message in mail.outbox] == ["012345"]


@both_methods
def test_nothing_is_sent_to_an_unknown_address(api, ada, method, failures):
    assert ask(api, method, UNKNOWN).status_code == 200
    assert mail.outbox == []
    assert sms.outbox == []
    assert failures == []


@both_methods
def test_a_failed_delivery_answers_byte_for_byte_what_an_unknown_address_gets_twice(api, ada, broken_backends, method):
    with time_machine.travel(NOW, tick=False):
        first = [as_seen(ask(api, method, identifiers)) for identifiers in (KNOWN, UNKNOWN)]
        second = [as_seen(ask(api, method, identifiers)) for identifiers in (KNOWN, UNKNOWN)]
    assert first[0] == first[1]
    assert first[0][0] == 200
    assert second[0] == second[1]
    assert (second[0][0], second[0][1]["Retry-After"]) == (429, "60")


@both_methods
def test_nothing_of_the_backend_s_error_reaches_the_client(api, ada, broken_backends, method):
    answer = ask(api, method, KNOWN)
    assert answer.json() == {"detail": "A token has been sent to you", "code": "token_sent"}
    assert b"marker" not in answer.content


@both_methods
def test_a_failed_delivery_keeps_row_and_cooldown(api, ada, broken_backends, method):
    with time_machine.travel(NOW, tick=False):
        ask(api, method, KNOWN)
        row = PasswordlessChallengeToken.objects.get()
        assert (row.identifier, row.user, row.sends) == (KNOWN[method], ada, 1)
        assert row.next_send_at - timezone.now() == datetime.timedelta(seconds=60)
        assert row.expires_at - timezone.now() == datetime.timedelta(seconds=600)


@both_methods
def test_a_failed_delivery_is_told_by_signal(api, ada, broken_backends, failures, method):
    ask(api, method, KNOWN)
    assert failures == [(get_user_model(), field_of(method), "ConnectionError")]


@both_methods
def test_a_failed_delivery_is_logged_without_address_code_and_error_text(api, ada, broken_backends, caplog, method):
    with caplog.at_level(logging.DEBUG, logger="jwt_drf_passwordless"):
        ask(api, method, KNOWN)
    requested, record = [record for record in caplog.records if record.name.startswith("jwt_drf_passwordless")]
    assert (requested.levelname, requested.event) == ("INFO", "token_requested")
    assert (record.name, record.levelname) == ("jwt_drf_passwordless.events", "WARNING")
    subject = {"email": "a***@example.com", "mobile": "***23"}[method]
    assert record.getMessage() == (
        f"event=token_send_failed field={field_of(method)} subject={subject} network=None user_id=None"
        " error=ConnectionError"
    )
    assert (record.exc_info, record.exc_text, record.stack_info) == (None, None, None)
    assert "marker" not in caplog.text
    assert KNOWN[method] not in caplog.text


def test_a_receiver_that_fails_breaks_nothing(api, ada, broken_backends):
    def receiver(sender, **kwargs):
        raise RuntimeError("a broken receiver")

    token_send_failed.connect(receiver)
    try:
        assert ask(api, "email", KNOWN).status_code == 200
    finally:
        token_send_failed.disconnect(receiver)


def test_after_the_cooldown_a_mended_mailer_sends_a_code_that_works(api, ada, broken_backends, settings):
    with time_machine.travel(NOW, tick=False) as clock:
        ask(api, "email", KNOWN)
        set_mail_backend(settings, "django.core.mail.backends.locmem.EmailBackend")
        clock.shift(60)
        assert ask(api, "email", KNOWN).status_code == 200
        assert api.exchange_email(KNOWN["email"], sent_code()).status_code == 200


@both_methods
def test_where_accounts_may_be_told_a_failed_delivery_answers_503(api, ada, broken_backends, configure, method):
    configure(REVEAL_ACCOUNT_EXISTENCE=True)
    answer = ask(api, method, KNOWN)
    assert answer.status_code == 503
    assert answer.json() == {
        "detail": "The message could not be sent. Please try again later.",
        "code": "delivery_unavailable",
    }
    assert ask(api, method, KNOWN).status_code == 429


def test_a_failed_delivery_to_a_newcomer_answers_as_any_other(api, broken_backends, configure, failures):
    configure(REGISTER_NONEXISTENT_USERS=True)
    assert ask(api, "email", UNKNOWN).json() == {"detail": "A token has been sent to you", "code": "token_sent"}
    assert failures == [(get_user_model(), field_of("email"), "ConnectionError")]


def test_a_project_s_delivery_class_gets_a_finished_email_and_the_end_of_its_code(api, ada, recorded):
    with time_machine.travel(NOW, tick=False):
        ask(api, "email", KNOWN)
        (outgoing,) = recorded
        assert outgoing.expires_at == timezone.now() + datetime.timedelta(seconds=600)
        assert (outgoing.field, outgoing.subject) == (field_of("email"), "a***@example.com")
    assert mail.outbox == []

    outgoing.message.send()
    assert [message.to for message in mail.outbox] == [["ada@example.com"]]


def test_a_project_s_delivery_class_gets_a_finished_sms(api, ada, recorded):
    ask(api, "mobile", KNOWN)
    (outgoing,) = recorded
    assert (outgoing.field, outgoing.subject) == (field_of("mobile"), "***23")
    assert sms.outbox == []

    outgoing.send()
    assert [message.recipients for message in sms.outbox] == [["+12015550123"]]


@both_methods
def test_a_project_s_delivery_class_is_not_asked_for_an_unknown_address(api, ada, recorded, method):
    ask(api, method, UNKNOWN)
    assert recorded == []


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("tests.test_delivery.Refusing", "RuntimeError"),
        ("tests.test_delivery.NeedsArguments", "TypeError"),
        ("tests.test_delivery.NoSuchClass", "ImportError"),
    ],
)
def test_a_delivery_class_that_fails_is_a_failed_delivery(api, ada, configure, failures, path, error):
    configure(DELIVERY=path)
    assert as_seen(ask(api, "email", KNOWN)) == as_seen(ask(api, "email", UNKNOWN))
    assert failures == [(get_user_model(), field_of("email"), error)]


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("{% no_such_tag %}", "TemplateSyntaxError"),
        ("{% include 'no/such/template.txt' %}", "TemplateDoesNotExist"),
        ("{{ user.fail }}{% widthratio 1 0 'x' as y z %}", "TemplateSyntaxError"),
    ],
)
@pytest.mark.parametrize("name", ["subject.txt", "body.txt", "body.html"])
def test_a_broken_template_is_a_failed_delivery_and_no_500(api, ada, settings, failures, name, source, error):
    found = {f"jwt_drf_passwordless/passwordless_request_{name}": source}
    loaders = [("django.template.loaders.locmem.Loader", found), "django.template.loaders.app_directories.Loader"]
    engine = {"BACKEND": "django.template.backends.django.DjangoTemplates", "OPTIONS": {"loaders": loaders}}
    settings.TEMPLATES = [engine]

    assert as_seen(ask(api, "email", KNOWN)) == as_seen(ask(api, "email", UNKNOWN))
    assert set(failures) == {(get_user_model(), field_of("email"), error)}
    assert mail.outbox == []


def test_a_missing_template_is_a_failed_delivery_of_an_sms(api, ada, settings, failures):
    settings.TEMPLATES = []
    assert as_seen(ask(api, "mobile", KNOWN)) == as_seen(ask(api, "mobile", UNKNOWN))
    assert set(failures) == {(get_user_model(), field_of("mobile"), "TemplateDoesNotExist")}
    assert sms.outbox == []


# In a thread


class SlowMail(BaseEmailBackend):
    """A mailer that answers when the test lets it, and tells in which thread it was called."""

    may_answer = threading.Event()
    called_in = queue.SimpleQueue()

    def send_messages(self, email_messages):
        self.called_in.put(threading.current_thread())
        assert self.may_answer.wait(SECONDS)
        mail.outbox += email_messages


class OneAtATime(Thread):
    """A project's own limits: one message on its way, one that waits."""

    workers = 1
    waiting = 1


@pytest.fixture
def slow_mail(settings):
    set_mail_backend(settings, "tests.test_delivery.SlowMail")
    SlowMail.may_answer.clear()
    SlowMail.called_in = queue.SimpleQueue()
    yield SlowMail
    SlowMail.may_answer.set()


@pytest.fixture
def told():
    """The outcome of each delivery, in order, from whichever thread; the log line is the last that it does."""
    outcomes = queue.SimpleQueue()

    class Handler(logging.Handler):
        def emit(self, record):
            if record.event in {"token_sent", "token_send_failed"}:
                outcomes.put(getattr(record, "error", "sent"))

    logger, handler = logging.getLogger("jwt_drf_passwordless.events"), Handler()
    level = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    yield outcomes
    logger.removeHandler(handler)
    logger.setLevel(level)
    for sender in (Thread, OneAtATime):  # whose last line may still be on its way to other handlers
        if sender._pool:
            sender._pool.shutdown()
            sender._forget()


def test_thread_answers_before_the_mailer_does(api, ada, configure, slow_mail, told):
    configure(DELIVERY="jwt_drf_passwordless.delivery.Thread")
    assert ask(api, "email", KNOWN).status_code == 200
    thread = slow_mail.called_in.get(timeout=SECONDS)
    assert thread is not threading.current_thread()
    assert mail.outbox == []

    slow_mail.may_answer.set()
    assert told.get(timeout=SECONDS) == "sent"
    assert api.exchange_email(KNOWN["email"], sent_code()).status_code == 200


def test_thread_sends_text_messages_too(api, ada, configure, told):
    configure(DELIVERY="jwt_drf_passwordless.delivery.Thread")
    ask(api, "mobile", KNOWN)
    assert told.get(timeout=SECONDS) == "sent"
    assert [message.recipients for message in sms.outbox] == [["+12015550123"]]


@both_methods
def test_a_failure_in_a_thread_is_told_by_signal(api, ada, configure, broken_backends, told, method):
    configure(DELIVERY="jwt_drf_passwordless.delivery.Thread")
    assert ask(api, method, KNOWN).status_code == 200
    assert told.get(timeout=SECONDS) == "ConnectionError"


def test_a_thread_takes_no_more_messages_than_its_limits_allow(api, make_user, configure, slow_mail, told):
    addresses = [f"user{number}@example.com" for number in range(4)]
    for address in addresses:
        make_user(email=address)
    configure(DELIVERY="tests.test_delivery.OneAtATime")

    answers = [as_seen(api.request_email(address)) for address in addresses]
    assert answers == [answers[0]] * 4
    assert answers[0][0] == 200
    assert [told.get(timeout=SECONDS), told.get(timeout=SECONDS)] == ["QueueFull", "QueueFull"]

    slow_mail.may_answer.set()
    assert [told.get(timeout=SECONDS), told.get(timeout=SECONDS)] == ["sent", "sent"]
    assert [message.to for message in mail.outbox] == [["user0@example.com"], ["user1@example.com"]]


def test_a_thread_that_was_full_takes_messages_again(api, make_user, configure, slow_mail, told):
    configure(DELIVERY="tests.test_delivery.OneAtATime")
    for number in range(3):
        make_user(email=f"user{number}@example.com")
        api.request_email(f"user{number}@example.com")
    slow_mail.may_answer.set()
    assert [told.get(timeout=SECONDS) for _ in range(3)] == ["QueueFull", "sent", "sent"]

    make_user(email=KNOWN["email"])
    ask(api, "email", KNOWN)
    assert told.get(timeout=SECONDS) == "sent"


def test_a_project_s_class_has_threads_of_its_own(api, make_user, configure, slow_mail, told):
    class Late(Thread):
        """Made after the first one has its threads."""

        workers = 1

    configure(DELIVERY="jwt_drf_passwordless.delivery.Thread")
    threads = []
    for number in range(3):
        make_user(email=f"user{number}@example.com")
        api.request_email(f"user{number}@example.com")
        threads.append(slow_mail.called_in.get(timeout=SECONDS))
        slow_mail.may_answer.set()
        assert told.get(timeout=SECONDS) == "sent"
        configure(DELIVERY=Late)
    assert threads[1] is threads[2]
    assert threads[0] is not threads[1]


def test_a_message_that_waited_too_long_for_a_thread_is_dropped(api, make_user, configure, slow_mail, told):
    configure(DELIVERY="tests.test_delivery.OneAtATime")
    with time_machine.travel(NOW, tick=False) as clock:
        for number in range(2):
            make_user(email=f"user{number}@example.com")
            api.request_email(f"user{number}@example.com")
        slow_mail.called_in.get(timeout=SECONDS)
        clock.shift(600)
        slow_mail.may_answer.set()
        assert [told.get(timeout=SECONDS), told.get(timeout=SECONDS)] == ["sent", "Expired"]
    assert [message.to for message in mail.outbox] == [["user0@example.com"]]


#: Begins a program that sends by `Thread`, with a mailer that takes its time and writes a file.
PROGRAM = """
import datetime, os, pathlib, sys, time
import django
django.setup()
from django.test import override_settings
from django.utils import timezone
from jwt_drf_passwordless import delivery

class Slow:
    def __init__(self, name):
        self.name = name

    def send(self):
        time.sleep(0.2)
        pathlib.Path(self.name).touch()

def deliver(name):
    expires_at = timezone.now() + datetime.timedelta(seconds=60)
    assert delivery.deliver(lambda: Slow(name), wanted=True, field="email", subject="a***", expires_at=expires_at)

class OneAtATime(delivery.Thread):
    workers = 1

sys.modules["small"] = sys.modules["__main__"]
override_settings(JWT_DRF_PASSWORDLESS={"DELIVERY": "%s"}).enable()
"""


def run_program(directory, lines, delivery="jwt_drf_passwordless.delivery.Thread"):
    """The names of the files that the program has left."""
    root = str(Path(__file__).parent.parent)
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "PYTHONPATH": root}
    command = [sys.executable, "-c", PROGRAM % delivery + lines]
    subprocess.run(command, cwd=directory, env=environment, check=True, timeout=60)
    return sorted(path.name for path in directory.iterdir())


def test_a_program_that_ends_sends_first_what_waits(tmp_path):
    lines = """
for number in range(6): deliver(f"message{number}")
sys.exit(0)
"""
    assert run_program(tmp_path, lines) == [f"message{number}" for number in range(6)]


@pytest.mark.parametrize("name", ["jwt_drf_passwordless.delivery.Thread", "small.OneAtATime"])
def test_a_server_s_worker_that_was_forked_after_the_first_message_sends_too(tmp_path, name):
    lines = """
deliver("parent")
child = os.fork()
if child == 0:
    for number in range(2): deliver(f"child{number}")
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
"""
    assert run_program(tmp_path, lines, name) == ["child0", "child1", "parent"]


# By a queue


#: Django's own framework from version 6 on, its backport before.
TASKS = "django.tasks" if django.VERSION >= (6, 0) else "django_tasks"


@pytest.fixture
def by_tasks(configure, settings):
    """Deliver by a backend of the tasks framework: `by_tasks("dummy.DummyBackend")`, which is returned."""

    def choose(name):
        configure(DELIVERY="jwt_drf_passwordless.delivery.Tasks")
        # Its backport waits for a commit before 0.10, which does not come in a test.
        settings.TASKS = {"default": {"BACKEND": f"{TASKS}.backends.{name}", "ENQUEUE_ON_COMMIT": False}}
        return import_module(TASKS).task_backends["default"]

    return choose


@pytest.fixture
def by_celery(configure):
    """Deliver by Celery, with a broker in memory: `by_celery(task_always_eager=True)` returns the app."""
    configure(DELIVERY="jwt_drf_passwordless.delivery.Celery")
    import_module("jwt_drf_passwordless.tasks")  # as autodiscover_tasks() of a project does, when it starts
    with contextlib.ExitStack() as stack:

        def choose(**config):
            app = TestApp(config=config)
            stack.enter_context(setup_default_app(app))
            app.set_current()
            return app

        yield choose


def waiting_in(app):
    """The one message that waits in a broker."""
    with app.connection_for_read() as connection, connection.SimpleQueue("celery") as waiting:
        message = waiting.get(timeout=SECONDS)
        message.ack()
        return message


@both_methods
def test_tasks_sends_by_the_backend_of_the_framework(api, ada, by_tasks, method, told):
    by_tasks("immediate.ImmediateBackend")
    assert ask(api, method, KNOWN).status_code == 200
    assert told.get(timeout=SECONDS) == "sent"
    assert len(mail.outbox) + len(sms.outbox) == 1


def test_tasks_leaves_the_sending_to_a_worker(api, ada, by_tasks):
    backend = by_tasks("dummy.DummyBackend")
    assert ask(api, "email", KNOWN).status_code == 200
    (result,) = backend.results
    assert mail.outbox == []

    result.task.call(*result.args, **result.kwargs)
    assert api.exchange_email(KNOWN["email"], sent_code()).status_code == 200


def test_a_worker_finds_the_task_by_the_path_that_the_queue_keeps(api, ada, by_tasks):
    backend = by_tasks("dummy.DummyBackend")
    ask(api, "email", KNOWN)
    (result,) = backend.results
    assert import_string(result.task.module_path) == result.task


@both_methods
def test_nothing_is_queued_for_an_unknown_address(api, ada, by_tasks, method):
    backend = by_tasks("dummy.DummyBackend")
    ask(api, method, UNKNOWN)
    assert backend.results == []


def test_the_arguments_of_a_task_tell_nothing(api, ada, by_tasks, configure):
    backend = by_tasks("dummy.DummyBackend")
    configure(PASSWORDLESS_EMAIL_LOGIN_URL="https://app.example/login#token={token}")
    ask(api, "email", KNOWN)
    (result,) = backend.results
    result.task.call(*result.args, **result.kwargs)
    queued = repr((result.args, result.kwargs))
    assert [text for text in ("example.com", sent_code(), sent_link_token(), "app.example") if text in queued] == []


def test_a_task_that_comes_too_late_sends_nothing(api, ada, by_tasks, failures):
    backend = by_tasks("dummy.DummyBackend")
    with time_machine.travel(NOW, tick=False) as clock:
        ask(api, "email", KNOWN)
        (result,) = backend.results
        clock.shift(600)
        result.task.call(*result.args, **result.kwargs)
    assert mail.outbox == []
    assert failures == [(get_user_model(), field_of("email"), "Expired")]


def test_a_task_that_comes_just_in_time_sends(api, ada, by_tasks):
    backend = by_tasks("dummy.DummyBackend")
    with time_machine.travel(NOW, tick=False) as clock:
        ask(api, "email", KNOWN)
        (result,) = backend.results
        clock.shift(599)
        result.task.call(*result.args, **result.kwargs)
    assert len(mail.outbox) == 1


@both_methods
def test_a_task_whose_backend_fails_tells_it_and_raises_nothing(api, ada, by_tasks, broken_backends, failures, method):
    by_tasks("immediate.ImmediateBackend")
    assert ask(api, method, KNOWN).status_code == 200
    assert failures == [(get_user_model(), field_of(method), "ConnectionError")]


def test_a_task_whose_message_no_key_opens_fails(api, ada, by_tasks, settings):
    backend = by_tasks("dummy.DummyBackend")
    ask(api, "email", KNOWN)
    (result,) = backend.results
    settings.SECRET_KEY = "another key for tests only, of more than fifty characters too"
    with pytest.raises(ValueError, match="under no key in use"):
        result.task.call(*result.args, **result.kwargs)


@both_methods
def test_celery_sends_by_a_task(api, ada, by_celery, method, told):
    by_celery(task_always_eager=True)
    assert ask(api, method, KNOWN).status_code == 200
    assert told.get(timeout=SECONDS) == "sent"
    assert len(mail.outbox) + len(sms.outbox) == 1


def test_a_message_in_celery_s_broker_tells_nothing_and_is_sent_by_its_task(api, ada, by_celery, configure):
    app = by_celery()
    configure(PASSWORDLESS_EMAIL_LOGIN_URL="https://app.example/login#token={token}")
    assert ask(api, "email", KNOWN).status_code == 200
    assert mail.outbox == []

    message = waiting_in(app)
    (sealed,), kwargs, _ = message.decode()
    app.tasks[message.headers["task"]](sealed, **kwargs)
    queued = f"{message.headers} {message.properties} {message.body}"
    assert [text for text in ("example.com", sent_code(), sent_link_token(), "app.example") if text in queued] == []
    assert api.exchange_email(KNOWN["email"], sent_code()).status_code == 200


def test_celery_is_told_when_a_message_is_too_late(api, ada, by_celery):
    app = by_celery()
    with time_machine.travel(NOW, tick=False):
        ask(api, "email", KNOWN)
    expires = datetime.datetime.fromisoformat(waiting_in(app).headers["expires"])
    assert expires == NOW + datetime.timedelta(seconds=600)


@both_methods
def test_a_task_of_celery_whose_backend_fails_tells_it(api, ada, by_celery, broken_backends, failures, method):
    by_celery(task_always_eager=True)
    assert ask(api, method, KNOWN).status_code == 200
    assert failures == [(get_user_model(), field_of(method), "ConnectionError")]


def test_a_broker_that_cannot_be_reached_is_a_failed_delivery(api, ada, by_celery, failures):
    retries = {"max_retries": 1, "interval_start": 0.01}
    by_celery(broker_url="amqp://127.0.0.1:1//", task_publish_retry=False, broker_transport_options=retries)
    assert as_seen(ask(api, "email", KNOWN)) == as_seen(ask(api, "email", UNKNOWN))
    assert failures == [(get_user_model(), field_of("email"), "OperationalError")]
