"""Events: each flow as the signals and log lines that it gives, with what they carry and what they must not."""

import datetime
import logging
from types import SimpleNamespace

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.core.mail.backends.base import BaseEmailBackend
from django.db import connection
from django.dispatch import Signal
from django.test import RequestFactory

from jwt_drf_passwordless import signals
from jwt_drf_passwordless.conf import settings as package_settings
from jwt_drf_passwordless.events import network
from jwt_drf_passwordless.models import PasswordlessChallengeToken
from jwt_drf_passwordless.services import PasswordlessTokenService
from tests.conftest import sent_code, sent_link_token, sent_sms_code, set_mail_backend

pytestmark = pytest.mark.django_db

EMAIL = "ada.lovelace@example.com"
OTHER = "grace@example.com"
PHONE = "+12015550123"
LINK = "https://app.example/login#token={token}"
NOW = datetime.datetime(2030, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
#: Five characters: no code of this suite.
WRONG = "wrong"
NAMES = {signal: name for name, signal in vars(signals).items() if isinstance(signal, Signal)}
#: What every signal carries.
COMMON = {"field", "subject", "user", "request"}


class BrokenMail(BaseEmailBackend):
    """A mailer that fails."""

    def send_messages(self, email_messages):
        raise ConnectionError(f"cannot send {email_messages[0].body}")


@pytest.fixture
def heard():
    """Every signal in order: name, sender, payload."""
    told = []

    def receive(sender, signal, **payload):
        told.append(SimpleNamespace(name=NAMES[signal], sender=sender, payload=payload))

    for signal in NAMES:
        signal.connect(receive)
    yield told
    for signal in NAMES:
        signal.disconnect(receive)


@pytest.fixture
def logged(caplog):
    """The records of the logger of events, in order, as a function."""
    caplog.set_level(logging.DEBUG, logger="jwt_drf_passwordless.events")
    return lambda: [record for record in caplog.records if record.name == "jwt_drf_passwordless.events"]


@pytest.fixture
def ada(make_user):
    return make_user(email=EMAIL, phone=PHONE)


def email_field():
    return package_settings.EMAIL_FIELD_NAME


def rename(user, email):
    setattr(user, email_field(), email)
    user.save()


def told(heard):
    """Name and own facts of each signal, without what they all carry."""
    return [(one.name, {key: one.payload[key] for key in one.payload.keys() - COMMON}) for one in heard]


# Signals


def test_the_table_of_signals_is_whole():
    assert sorted(NAMES.values()) == [
        "captcha_failed",
        "fixed_code_used",
        "identifier_proven",
        "network_limited",
        "sms_budget_exhausted",
        "token_redeemed",
        "token_refused",
        "token_requested",
        "token_send_failed",
        "token_sent",
        "token_throttled",
        "user_activated",
        "user_registered",
    ]


def test_a_request_is_told(api, ada, heard):
    api.request_email(EMAIL)
    assert told(heard) == [("token_requested", {"will_send": True}), ("token_sent", {})]


def test_a_request_for_an_unknown_address_is_told(api, heard):
    api.request_email(EMAIL)
    assert told(heard) == [("token_requested", {"will_send": False})]
    assert heard[0].payload["user"] is None


def test_a_request_for_somebody_who_may_not_sign_in_is_told(api, make_user, heard):
    user = make_user(email=EMAIL, is_active=False)
    api.request_email(EMAIL)
    assert told(heard) == [("token_requested", {"will_send": False})]
    assert heard[0].payload["user"] == user


def test_a_request_within_the_cooldown_is_told(api, ada, heard):
    with time_machine.travel(NOW, tick=False) as clock:
        api.request_email(EMAIL)
        clock.shift(18)
        heard.clear()
        api.request_email(EMAIL)
    assert told(heard) == [("token_throttled", {"wait": 42})]
    assert heard[0].payload["user"] == ada


def test_a_message_that_could_not_be_sent_is_told(api, ada, settings, heard):
    set_mail_backend(settings, "tests.test_events.BrokenMail")
    api.request_email(EMAIL)
    assert told(heard) == [
        ("token_requested", {"will_send": True}),
        ("token_send_failed", {"error": "ConnectionError"}),
    ]


@pytest.mark.parametrize("way", ["code", "link"])
def test_a_login_is_told(api, ada, configure, heard, way):
    configure(PASSWORDLESS_EMAIL_LOGIN_URL=LINK)
    api.request_email(EMAIL)
    heard.clear()
    api.exchange_email(EMAIL, {"code": sent_code, "link": sent_link_token}[way]())
    assert told(heard) == [("token_redeemed", {}), ("identifier_proven", {})]
    assert [one.payload["user"] for one in heard] == [ada, ada]


def test_a_login_by_link_alone_is_told_with_field_and_subject(api, ada, configure, heard):
    configure(PASSWORDLESS_EMAIL_LOGIN_URL=LINK)
    api.request_email(EMAIL)
    heard.clear()
    api.post("exchange/", {"token": sent_link_token()})
    assert [(one.name, one.payload["field"], one.payload["subject"]) for one in heard] == [
        ("token_redeemed", email_field(), "a***@example.com"),
        ("identifier_proven", email_field(), "a***@example.com"),
    ]


def test_a_login_by_sms_is_told(api, ada, heard):
    api.request_mobile(PHONE)
    api.exchange_mobile(PHONE, sent_sms_code())
    assert told(heard) == [
        ("token_requested", {"will_send": True}),
        ("token_sent", {}),
        ("token_redeemed", {}),
        ("identifier_proven", {}),
    ]
    assert {(one.payload["field"], one.payload["subject"]) for one in heard} == {
        (package_settings.MOBILE_FIELD_NAME, "***23")
    }


def test_a_registration_at_the_exchange_is_told(api, configure, heard):
    configure(REGISTER_NONEXISTENT_USERS=True)
    api.request_email(EMAIL)
    assert told(heard) == [("token_requested", {"will_send": True}), ("token_sent", {})]

    heard.clear()
    api.exchange_email(EMAIL, sent_code())
    assert told(heard) == [("user_registered", {}), ("token_redeemed", {}), ("identifier_proven", {})]
    user = get_user_model()._default_manager.get()
    assert [one.payload["user"] for one in heard] == [user] * 3


def test_a_registration_at_the_request_is_told(api, configure, heard):
    configure(REGISTER_NONEXISTENT_USERS=True, REGISTER_ON="request")
    api.request_email(EMAIL)
    assert told(heard) == [("token_requested", {"will_send": True}), ("user_registered", {}), ("token_sent", {})]
    assert heard[1].payload["request"].path == "/passwordless/request/email/"


def test_an_activation_is_told(api, make_user, configure, heard):
    user = make_user(email=EMAIL, is_active=False)
    configure(ACTIVATE_INACTIVE_USERS=True)
    api.request_email(EMAIL)
    heard.clear()
    api.exchange_email(EMAIL, sent_code())
    assert told(heard) == [("user_activated", {}), ("token_redeemed", {}), ("identifier_proven", {})]
    assert [one.payload["user"] for one in heard] == [user] * 3


# Why a redeem was refused: what happens between the request for a code and its use.


def try_wrong_codes(api, **context):
    for _ in range(5):
        api.exchange_email(EMAIL, WRONG)


def use_it(api, **context):
    api.exchange_email(EMAIL, sent_code())


def use_it_while_it_is_judged(**context):
    """Somebody else is faster, between our SELECT and our UPDATE."""

    def faster(execute, sql, *args):
        if sql.startswith("UPDATE"):
            connection.execute_wrappers.remove(faster)
            PasswordlessChallengeToken.objects.update(uses=1)
        return execute(sql, *args)

    connection.execute_wrappers.append(faster)


def rename_ada(ada, **context):
    rename(ada, OTHER)


def ban_ada(ada, **context):
    ada.is_active = False
    ada.save()


def wait_ten_minutes(clock, **context):
    clock.shift(600)


@pytest.mark.parametrize(
    ("reason", "between", "proof"),
    [
        ("wrong", [], lambda: WRONG),
        ("expired", [wait_ten_minutes], sent_code),
        ("expired", [wait_ten_minutes], lambda: WRONG),
        ("used", [use_it], sent_code),
        ("used", [use_it], sent_link_token),
        ("too_many_tries", [try_wrong_codes], sent_code),
        ("too_many_tries", [try_wrong_codes], lambda: WRONG),
        ("raced", [use_it_while_it_is_judged], sent_code),
        ("raced", [use_it_while_it_is_judged], sent_link_token),
        ("unknown", [], lambda: "z" * 64),
        ("identifier_changed", [rename_ada], sent_link_token),
        ("user_refused", [ban_ada], sent_code),
    ],
)
def test_a_refusal_is_told_with_its_reason(api, ada, configure, heard, logged, reason, between, proof):
    configure(PASSWORDLESS_EMAIL_LOGIN_URL=LINK)
    with time_machine.travel(NOW, tick=False) as clock:
        api.request_email(EMAIL)
        for happens in between:
            happens(api=api, ada=ada, clock=clock)
        heard.clear()
        assert api.post("exchange/", {email_field(): EMAIL, "token": proof()}).status_code == 400
    assert told(heard) == [("token_refused", {"reason": reason})]
    assert heard[0].payload["user"] is None
    last = logged()[-1]
    assert (last.event, last.reason, last.levelname) == ("token_refused", reason, "INFO")


@pytest.mark.parametrize("token", ["482913", "z" * 64])
def test_a_refusal_without_any_request_is_told(api, heard, token):
    api.exchange_email(EMAIL, token)
    assert told(heard) == [("token_refused", {"reason": "unknown"})]
    assert (heard[0].payload["field"], heard[0].payload["subject"]) == (email_field(), "a***@example.com")


def test_a_refusal_of_an_unknown_link_has_no_field_and_an_empty_mask(api, heard):
    api.post("exchange/", {"token": "z" * 64})
    assert told(heard) == [("token_refused", {"reason": "unknown"})]
    assert (heard[0].payload["field"], heard[0].payload["subject"]) == ("", "***")


def test_a_link_of_a_method_that_was_switched_off_is_told(api, ada, configure, heard):
    configure(PASSWORDLESS_EMAIL_LOGIN_URL=LINK)
    api.request_email(EMAIL)
    configure(ALLOWED_PASSWORDLESS_METHODS=["MOBILE"])
    heard.clear()
    assert api.post("exchange/", {"token": sent_link_token()}).status_code == 400
    assert told(heard) == [("token_refused", {"reason": "method_disabled"})]


def test_a_newcomer_who_may_no_longer_register_is_told(api, configure, heard):
    configure(REGISTER_NONEXISTENT_USERS=True)
    api.request_email(EMAIL)
    configure(REGISTER_NONEXISTENT_USERS=False)
    heard.clear()
    api.exchange_email(EMAIL, sent_code())
    assert told(heard) == [("token_refused", {"reason": "not_registered"})]


def test_a_newcomer_whom_two_accounts_claim_is_told(api, configure, make_user, heard):
    # No user model has two addresses that are the same; this text column may hold anything twice.
    configure(EMAIL_FIELD_NAME="password", REGISTER_NONEXISTENT_USERS=True)
    api.request_email(EMAIL)
    for user in (make_user(), make_user()):
        get_user_model()._default_manager.filter(pk=user.pk).update(password=EMAIL)
    heard.clear()
    api.exchange_email(EMAIL, sent_code())
    assert told(heard) == [("token_refused", {"reason": "ambiguous"})]


def test_what_a_project_redeems_itself_is_no_event(ada, heard):
    challenge = PasswordlessTokenService.create_token(ada, email_field())
    PasswordlessTokenService.check_token(challenge.short_token, email_field(), EMAIL)
    assert heard == []


# What signals carry


def whole_story(api, configure, settings):
    """A login in which everything happens that an event tells of, one way or the other."""
    configure(
        REGISTER_NONEXISTENT_USERS=True,
        PASSWORDLESS_EMAIL_LOGIN_URL=LINK,
        ACTIVATE_INACTIVE_USERS=True,
    )
    statuses = []
    with time_machine.travel(NOW, tick=False) as clock:
        statuses.append(api.request_email(EMAIL).status_code)
        statuses.append(api.request_email(EMAIL).status_code)
        statuses.append(api.exchange_email(EMAIL, WRONG).status_code)
        statuses.append(api.exchange_email(EMAIL, sent_code()).status_code)
        get_user_model()._default_manager.update(is_active=False)
        clock.shift(60)
        statuses.append(api.request_email(EMAIL).status_code)
        statuses.append(api.exchange_email(EMAIL, sent_link_token()).status_code)
        clock.shift(60)
        set_mail_backend(settings, "tests.test_events.BrokenMail")
        statuses.append(api.request_email(EMAIL).status_code)
    return statuses


STORY = [
    "token_requested",
    "token_sent",
    "token_throttled",
    "token_refused",
    "user_registered",
    "token_redeemed",
    "identifier_proven",
    "token_requested",
    "token_sent",
    "user_activated",
    "token_redeemed",
    "identifier_proven",
    "token_requested",
    "token_send_failed",
]
STATUSES = [200, 429, 400, 200, 200, 200, 200]


def test_every_signal_carries_field_subject_user_and_request_and_its_sender_is_the_user_model(
    api, configure, settings, heard
):
    assert whole_story(api, configure, settings) == STATUSES
    assert [one.name for one in heard] == STORY
    assert {one.sender for one in heard} == {get_user_model()}
    assert [one.name for one in heard if not one.payload.keys() >= COMMON] == []
    assert {one.payload["field"] for one in heard} == {email_field()}
    assert {one.payload["subject"] for one in heard} == {"a***@example.com"}


def test_every_signal_of_a_request_carries_the_request_but_those_of_a_worker(api, configure, settings, heard):
    whole_story(api, configure, settings)
    without = {one.name for one in heard if one.payload["request"] is None}
    assert without == {"token_sent", "token_send_failed"}
    assert {one.payload["request"].path for one in heard if one.payload["request"]} == {
        "/passwordless/request/email/",
        "/passwordless/exchange/email/",
    }


def test_no_signal_carries_a_code_a_link_or_a_whole_address(api, configure, settings, heard):
    configure(SHORT_TOKEN_CHARS="QZ", SHORT_TOKEN_LENGTH=20)
    whole_story(api, configure, settings)
    carried = [{key: one.payload[key] for key in one.payload.keys() - {"user", "request"}} for one in heard]
    secrets = [EMAIL, "lovelace", sent_code(), sent_link_token()]
    assert [secret for secret in secrets if secret in repr(carried)] == []


def test_receivers_that_fail_break_nothing(api, configure, settings, heard, logged):
    def fail(**kwargs):
        raise RuntimeError("a broken receiver")

    for signal in NAMES:
        signal.connect(fail)
    try:
        assert whole_story(api, configure, settings) == STATUSES
    finally:
        for signal in NAMES:
            signal.disconnect(fail)
    assert [one.name for one in heard] == STORY
    assert [record.event for record in logged()] == STORY


# The log


def test_each_event_is_one_line_of_the_log_with_its_facts_as_extra(api, configure, settings, logged):
    whole_story(api, configure, settings)
    pk = str(get_user_model()._default_manager.get().pk)
    records = logged()
    assert [record.event for record in records] == STORY
    facts = ("will_send", "wait", "reason", "error")
    rows = [
        (
            record.levelname,
            record.event,
            record.user_id,
            record.network,
            {name: getattr(record, name) for name in facts if hasattr(record, name)},
        )
        for record in records
    ]
    home = "127.0.0.0/24"
    assert rows == [
        ("INFO", "token_requested", None, home, {"will_send": True}),
        ("INFO", "token_sent", None, None, {}),
        ("INFO", "token_throttled", None, home, {"wait": 60}),
        ("INFO", "token_refused", None, home, {"reason": "wrong"}),
        ("INFO", "user_registered", pk, home, {}),
        ("INFO", "token_redeemed", pk, home, {}),
        ("INFO", "identifier_proven", pk, home, {}),
        ("INFO", "token_requested", pk, home, {"will_send": True}),
        ("INFO", "token_sent", None, None, {}),
        ("INFO", "user_activated", pk, home, {}),
        ("INFO", "token_redeemed", pk, home, {}),
        ("INFO", "identifier_proven", pk, home, {}),
        ("INFO", "token_requested", pk, home, {"will_send": True}),
        ("WARNING", "token_send_failed", None, None, {"error": "ConnectionError"}),
    ]
    assert {(record.field, record.subject) for record in records} == {(email_field(), "a***@example.com")}


def test_the_text_of_a_line_has_the_same_facts(api, logged):
    with time_machine.travel(NOW, tick=False):
        api.request_email(EMAIL)
        api.request_email(EMAIL)
    assert [record.getMessage() for record in logged()] == [
        f"event=token_requested field={email_field()} subject=a***@example.com network=127.0.0.0/24"
        " user_id=None will_send=False",
        f"event=token_throttled field={email_field()} subject=a***@example.com network=127.0.0.0/24"
        " user_id=None wait=60",
    ]


def test_a_logger_that_is_off_gets_no_lines_but_the_signals_are_sent(api, ada, heard, logged, caplog):
    caplog.set_level(logging.ERROR, logger="jwt_drf_passwordless.events")
    api.request_email(EMAIL)
    assert logged() == []
    assert len(heard) == 2


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("10.1.2.3", "10.1.2.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8::1", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),
        ("::ffff:cb00:714d", "203.0.113.0/24"),
        ("", None),
        (None, None),
        ("unknown", None),
        ("203.0.113.77:4711", "203.0.113.0/24"),
        ("[2001:db8::1]:4711", "2001:db8::/64"),
        ("203.0.113.77\r\nforged=1", None),
        ("999.1.1.1", None),
    ],
)
def test_the_network_of_the_client_is_logged_and_not_its_address(api, logged, address, expected):
    assert api.request_email(EMAIL, REMOTE_ADDR=address).status_code == 200
    assert [record.network for record in logged()] == [expected]


def test_a_server_that_tells_no_address_gives_no_network():
    request = RequestFactory().post("/")
    del request.META["REMOTE_ADDR"]
    assert network(request) is None


def test_no_request_gives_no_network():
    assert network(None) is None
