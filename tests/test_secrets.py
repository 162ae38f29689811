"""No code, link, token, address or number leaks: not into logs, signals, the model's text or reports of errors."""

import logging
import re
import sys

import pytest
from django.contrib.auth import get_user_model
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.core.signals import got_request_exception
from django.db import IntegrityError, connection
from django.views.debug import ExceptionReporter
from sms.backends.base import BaseSmsBackend

from jwt_drf_passwordless.captcha import CaptchaProvider, CaptchaResult
from jwt_drf_passwordless.conf import settings as package_settings
from jwt_drf_passwordless.models import PasswordlessChallengeToken
from jwt_drf_passwordless.serializers import PasswordlessEmailTokenRequestSerializer
from jwt_drf_passwordless.services import PasswordlessTokenService
from jwt_drf_passwordless.signals import token_send_failed
from tests.conftest import sent_code, sent_link_token, sent_sms_code, set_mail_backend

pytestmark = pytest.mark.django_db

EMAIL = "ada.lovelace@example.com"
PHONE = "+12015550123"
#: Alphabets that no hash, path or sentence looks like, so that a code is found wherever it stands.
ODD_CODES = {
    "SHORT_TOKEN_CHARS": "QZ",
    "SHORT_TOKEN_LENGTH": 20,
    "LONG_TOKEN_CHARS": "XJ",
    "LONG_TOKEN_LENGTH": 128,
}
ODD_CODE = re.compile(r"[QZ]{20}|[XJ]{128}")
#: What the broken backends were asked to send.
LOST = []


class BrokenMailer(BaseEmailBackend):
    """A mailer whose error tells everything."""

    def send_messages(self, email_messages):
        LOST.extend(message.body for message in email_messages)
        raise ConnectionRefusedError(f"cannot send to {email_messages[0].to}: {email_messages[0].body}")


class BrokenTexter(BaseSmsBackend):
    """An SMS gateway whose error tells everything."""

    def send_messages(self, messages):
        LOST.extend(message.body for message in messages)
        raise TimeoutError(f"cannot send to {messages[0].recipients}: {messages[0].body}")


class ConflictingAccounts(PasswordlessEmailTokenRequestSerializer):
    """A user model that refuses the account with an error that tells everything."""

    def create(self, validated_data):
        raise IntegrityError(f"Key (email)=({validated_data}) already exists.")


class BrokenCaptcha(CaptchaProvider):
    """A project's CAPTCHA with a mistake in it."""

    def verify(self, token: str, remote_ip: str | None, action: str) -> CaptchaResult:
        fields = {"secret": self.options["secret"], "response": token}
        raise LookupError(f"broken captcha with {len(fields)} fields")


class BrokenAccounts(PasswordlessEmailTokenRequestSerializer):
    """A hook of the project with a bug."""

    def create(self, validated_data):
        raise LookupError("broken hook")


class BrokenResponse:
    """A token response class with a bug."""

    @classmethod
    def generate_auth_token(cls, user):
        raise LookupError("broken class")


class Recorder(logging.Handler):
    """Keeps everything that a log record carries, as text."""

    def __init__(self):
        super().__init__(logging.DEBUG)
        self.texts = []

    def emit(self, record):
        formatted = logging.Formatter("%(name)s %(message)s").format(record)  # with the traceback, if there is one
        self.texts.append(f"{formatted} {vars(record)}")


@pytest.fixture
def logged():
    """All that is logged, at every level; SQL, which Django logs in DEBUG only, is left out."""
    recorder = Recorder()
    recorder.addFilter(lambda record: not record.name.startswith("django.db"))
    names = ["", "django", "django.request", "jwt_drf_passwordless"]
    levels = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.DEBUG)
    logging.getLogger().addHandler(recorder)
    yield recorder.texts
    logging.getLogger().removeHandler(recorder)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


@pytest.fixture(autouse=True)
def _forget_what_was_lost():
    LOST.clear()


@pytest.fixture
def user(make_user):
    return make_user(email=EMAIL, phone=PHONE)


@pytest.fixture
def _link(configure):
    configure(PASSWORDLESS_EMAIL_LOGIN_URL="https://app.example/login#token={token}")


@pytest.fixture
def failed_sends():
    """The arguments of every `token_send_failed`."""
    calls = []

    def receive(**kwargs):
        calls.append(kwargs)

    token_send_failed.connect(receive)
    yield calls
    token_send_failed.disconnect(receive)


def leaks(logged, *secrets):
    return [(secret, text) for text in logged for secret in secrets if secret in text]


# Logs


@pytest.mark.usefixtures("_link", "user")
def test_a_login_by_email_logs_no_secret(api, logged):
    api.request_email(EMAIL)
    code, link = sent_code(), sent_link_token()
    api.request_email(EMAIL)  # in cooldown
    api.exchange_email(EMAIL, "000000x")
    pair = api.exchange_email(EMAIL, code).json()
    api.exchange_email(EMAIL, code)  # used up
    api.post("exchange/", {"token": link})
    assert logged
    assert leaks(logged, EMAIL, code, link, pair["access"], pair["refresh"]) == []


@pytest.mark.usefixtures("user")
def test_a_login_by_sms_logs_no_secret(api, logged):
    api.request_mobile(PHONE)
    code = sent_sms_code()
    api.exchange_mobile(PHONE, "000000x")
    pair = api.exchange_mobile(PHONE, code).json()
    api.exchange_mobile(PHONE, code)
    assert logged
    assert leaks(logged, PHONE, "2015550123", code, pair["access"], pair["refresh"]) == []


@pytest.mark.usefixtures("_link", "user")
def test_an_email_that_cannot_be_sent_logs_the_kind_of_error_and_no_secret(api, logged, settings, failed_sends):
    set_mail_backend(settings, "tests.test_secrets.BrokenMailer")
    assert api.request_email(EMAIL).status_code == 200
    code = re.search(r"code is (\S+)", LOST[0])[1]
    link = re.search(r"[a-z0-9]{64}", LOST[0])[0]
    assert leaks([*logged, repr(failed_sends)], EMAIL, code, link) == []
    assert [text for text in logged if "ConnectionRefusedError" in text]
    (sent,) = failed_sends
    assert (sent["field"], sent["error"]) == (package_settings.EMAIL_FIELD_NAME, "ConnectionRefusedError")


@pytest.mark.usefixtures("user")
def test_an_sms_that_cannot_be_sent_logs_the_kind_of_error_and_no_secret(api, logged, settings, failed_sends):
    settings.SMS_BACKEND = "tests.test_secrets.BrokenTexter"
    assert api.request_mobile(PHONE).status_code == 200
    code = re.match(r"\d+", LOST[0])[0]
    assert leaks([*logged, repr(failed_sends)], PHONE, "2015550123", code) == []
    assert [text for text in logged if "TimeoutError" in text]
    (sent,) = failed_sends
    assert (sent["field"], sent["error"]) == (package_settings.MOBILE_FIELD_NAME, "TimeoutError")


@pytest.mark.usefixtures("user")
def test_a_delivery_failure_that_is_told_to_the_client_logs_no_secret(api, logged, settings, configure):
    configure(REVEAL_ACCOUNT_EXISTENCE=True)
    set_mail_backend(settings, "tests.test_secrets.BrokenMailer")
    answer = api.request_email(EMAIL)
    code = re.search(r"code is (\S+)", LOST[0])[1]
    assert (answer.status_code, answer.json()["code"]) == (503, "delivery_unavailable")
    assert leaks([*logged, answer.content.decode()], EMAIL, code) == []


def test_a_registration_that_conflicts_logs_a_masked_address(api, logged, configure):
    configure(
        REGISTER_NONEXISTENT_USERS=True,
        SERIALIZERS={"passwordless_email_token_request": "tests.test_secrets.ConflictingAccounts"},
    )
    api.request_email(EMAIL)
    code = sent_code()
    assert api.exchange_email(EMAIL, code).status_code == 400
    assert leaks(logged, EMAIL, "lovelace", code) == []
    assert [text for text in logged if "a***@example.com" in text]


def test_two_users_of_one_address_log_a_masked_address(api, logged, configure, make_user):
    # No user model has two addresses that are the same; this text column may hold anything twice.
    configure(EMAIL_FIELD_NAME="password")
    for user in (make_user(), make_user()):
        get_user_model()._default_manager.filter(pk=user.pk).update(password=EMAIL)
    assert api.request_email(EMAIL).status_code == 200
    assert mail.outbox == []
    assert leaks(logged, EMAIL, "lovelace") == []
    assert [text for text in logged if "a***@example.com" in text]


@pytest.mark.parametrize("body", ['{"token": "PLANTED', '["PLANTED"]', '{"token": {"PLANTED": 1}}', "PLANTED"])
@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "multipart/form-data; boundary=x"])
def test_a_body_that_is_refused_is_not_logged(client, logged, body, content_type):
    assert client.generic("POST", "/passwordless/exchange/", body, content_type).status_code in {400, 415}
    assert logged
    assert leaks(logged, "PLANTED") == []


@pytest.mark.parametrize("address", ["a\r\nERROR forged@example.com", "a\u2028@example.com", "\x1b[31m@example.com"])
def test_an_address_with_line_breaks_forges_no_log_lines(api, logged, address):
    assert api.request_email(address).status_code == 400
    assert leaks(logged, "forged", "\u2028", "\x1b") == []


# The model's text


@pytest.mark.parametrize("show", [str, repr, "{}".format, "{!r}".format])
def test_the_text_of_a_challenge_masks_the_address(user, show):
    challenge = PasswordlessTokenService.create_token(user, package_settings.EMAIL_FIELD_NAME)
    text = show(challenge)
    assert "a***@example.com" in text
    assert leaks([text], EMAIL, "lovelace", challenge.short_token, challenge.token, challenge.short_digest) == []


@pytest.mark.parametrize("show", [str, repr])
def test_the_text_of_a_challenge_masks_the_number(user, show):
    challenge = PasswordlessTokenService.create_token(user, package_settings.MOBILE_FIELD_NAME)
    text = show(challenge)
    assert "***23" in text
    assert leaks([text], PHONE, "555", challenge.short_token, challenge.token, challenge.short_digest) == []


def test_the_table_holds_no_code_in_clear(user):
    challenge = PasswordlessTokenService.create_token(user, package_settings.EMAIL_FIELD_NAME)
    stored = str(PasswordlessChallengeToken.objects.values().get())
    assert leaks([stored], challenge.token) == []
    assert re.search(rf"(?<!\w){challenge.short_token}(?!\w)", stored) is None


# Reports of errors


@pytest.fixture
def report():
    """Make requests fail, and read the report that Django mails to the administrators, as HTML and text.

    It is taken where Django takes it, so that it has the frames of the server and none of the test.
    """
    reports = []

    def receive(request, **kwargs):
        reporter = ExceptionReporter(request, *sys.exc_info())
        reports.append(reporter.get_traceback_html() + reporter.get_traceback_text())

    def make(send):
        with pytest.raises(LookupError):
            send()
        return reports[-1]

    got_request_exception.connect(receive)
    yield make
    got_request_exception.disconnect(receive)


@pytest.fixture
def _broken_table():
    """Something of the project that breaks while a challenge is written."""

    def break_off(execute, sql, params, many, context):
        if sql.startswith("INSERT"):
            raise LookupError("broken wrapper")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(break_off):
        yield


@pytest.fixture
def _broken_registration(configure):
    configure(
        **ODD_CODES,
        REGISTER_NONEXISTENT_USERS=True,
        SERIALIZERS={"passwordless_email_token_request": "tests.test_secrets.BrokenAccounts"},
    )


@pytest.mark.usefixtures("user", "_broken_table")
def test_a_report_of_a_failed_write_shows_no_code(api, report, configure):
    configure(**ODD_CODES)
    text = report(lambda: api.request_email(EMAIL))
    assert "broken wrapper" in text
    assert ODD_CODE.findall(text) == []


@pytest.mark.usefixtures("_broken_registration")
def test_a_report_of_a_failed_registration_at_the_request_shows_no_code(api, report, configure):
    configure(REGISTER_ON="request")
    text = report(lambda: api.request_email(EMAIL))
    assert "broken hook" in text
    assert ODD_CODE.findall(text) == []


def test_a_report_of_a_broken_captcha_shows_no_token_and_no_key(api, report, configure):
    configure(CAPTCHA={"provider": "tests.test_secrets.BrokenCaptcha", "secret": "the-site-secret"})
    body = {package_settings.EMAIL_FIELD_NAME: EMAIL, "captcha": "the-token-of-a-human"}
    text = report(lambda: api.post("request/email/", body))
    assert "broken captcha" in text
    assert leaks([text], "the-token-of-a-human", "the-site-secret") == []


@pytest.mark.usefixtures("_broken_registration")
@pytest.mark.parametrize("kind", ["code", "link"])
def test_a_report_of_a_failed_exchange_shows_no_proof(api, report, configure, kind):
    configure(PASSWORDLESS_EMAIL_LOGIN_URL="https://app.example/login#token={token}")
    api.request_email(EMAIL)
    body = {
        "code": {package_settings.EMAIL_FIELD_NAME: EMAIL, "token": sent_code()},
        "link": {"token": re.search("[XJ]{128}", mail.outbox[-1].body)[0]},
    }[kind]
    text = report(lambda: api.post("exchange/", body))
    assert "broken hook" in text
    assert ODD_CODE.findall(text) == []


@pytest.mark.usefixtures("_broken_registration")
def test_a_report_of_a_failed_exchange_by_form_shows_no_proof(client, api, report):
    api.request_email(EMAIL)
    body = {package_settings.EMAIL_FIELD_NAME: EMAIL, "token": sent_code()}
    text = report(lambda: client.post("/passwordless/exchange/", body))
    assert ODD_CODE.findall(text) == []


@pytest.mark.usefixtures("user")
def test_a_report_of_a_failed_signing_shows_no_token(api, report, configure):
    configure(**ODD_CODES, SERIALIZERS={"passwordless_token_response_class": "tests.test_secrets.BrokenResponse"})
    api.request_email(EMAIL)
    code = sent_code()
    text = report(lambda: api.exchange_email(EMAIL, code))
    assert ODD_CODE.findall(text) == []
