"""Sending: what a failure changes (nothing that a client sees), and a project's own delivery class."""

import datetime
import logging

import pytest
import sms
import time_machine
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.utils import timezone
from sms.backends.base import BaseSmsBackend

from jwt_drf_passwordless.conf import settings as package_settings
from jwt_drf_passwordless.delivery import Inline
from jwt_drf_passwordless.models import PasswordlessChallengeToken
from jwt_drf_passwordless.signals import token_send_failed
from tests.conftest import sent_code, set_mail_backend

pytestmark = pytest.mark.django_db

KNOWN = {"email": "ada@example.com", "mobile": "+12015550123"}
UNKNOWN = {"email": "eve@example.com", "mobile": "+358401234567"}
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

    def deliver(self, message, expires_at):
        self.delivered.append((message, expires_at))


class Refusing:
    """A project's delivery class whose queue is full."""

    def deliver(self, message, expires_at):
        raise RuntimeError(f"marker: {message.to}")


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
    Inline().deliver(message, timezone.now())
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
    assert failures == [(None, field_of(method), "ConnectionError")]


@both_methods
def test_a_failed_delivery_is_logged_without_address_code_and_error_text(api, ada, broken_backends, caplog, method):
    with caplog.at_level(logging.DEBUG, logger="jwt_drf_passwordless"):
        ask(api, method, KNOWN)
    (record,) = [record for record in caplog.records if record.name.startswith("jwt_drf_passwordless")]
    assert record.levelname == "ERROR"
    assert record.getMessage() == f"A message to a user's {field_of(method)} could not be sent: ConnectionError"
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
    assert failures == [(None, field_of("email"), "ConnectionError")]


def test_a_project_s_delivery_class_gets_a_finished_email_and_the_end_of_its_code(api, ada, recorded):
    with time_machine.travel(NOW, tick=False):
        ask(api, "email", KNOWN)
        ((message, expires_at),) = recorded
        assert expires_at == timezone.now() + datetime.timedelta(seconds=600)
    assert mail.outbox == []

    message.send()
    assert [message.to for message in mail.outbox] == [["ada@example.com"]]


def test_a_project_s_delivery_class_gets_a_finished_sms(api, ada, recorded):
    ask(api, "mobile", KNOWN)
    ((message, _),) = recorded
    assert sms.outbox == []

    message.send()
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
    assert failures == [(None, field_of("email"), error)]


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
    assert set(failures) == {(None, field_of("email"), error)}
    assert mail.outbox == []


def test_a_missing_template_is_a_failed_delivery_of_an_sms(api, ada, settings, failures):
    settings.TEMPLATES = []
    assert as_seen(ask(api, "mobile", KNOWN)) == as_seen(ask(api, "mobile", UNKNOWN))
    assert set(failures) == {(None, field_of("mobile"), "TemplateDoesNotExist")}
    assert sms.outbox == []
