"""Webhooks: who may tell, what is told on, once, and what becomes of it."""

import json
import threading
import time
from dataclasses import replace

import pytest
import time_machine
from django.core.cache import cache
from django.db import OperationalError, connection
from django.dispatch import receiver
from django.test import Client, override_settings

from jwt_drf_passwordless.conf import settings as package_settings
from jwt_drf_passwordless.external_2fa import External2FAResult, VerificationStatus
from jwt_drf_passwordless.external_2fa import signals as provider_signals
from jwt_drf_passwordless.external_2fa.base import DeliveryStatus, MalformedWebhook, WebhookReply
from jwt_drf_passwordless.models import PasswordlessChallengeToken
from tests.external_2fa import providers
from tests.external_2fa.providers import CODE, PATH, SIGNATURE, event
from tests.test_interleaving import meanwhile

pytestmark = pytest.mark.django_db

PHONE = "+12015550123"
EVERYTHING = {
    name: getattr(provider_signals, name)
    for name in ("verification_webhook_received", "verification_delivered", "verification_delivery_failed")
}


@pytest.fixture
def post(external):
    """POST a webhook as the vendor does."""

    def send(body, route="webhook/", signature=SIGNATURE, content_type="application/json", **extra):
        client = extra.pop("client", None) or Client()
        headers = {"x-signature": signature} if signature is not None else {}
        return client.post(f"/passwordless/external/{route}", body, content_type=content_type, headers=headers, **extra)

    return send


@pytest.fixture
def told():
    """What the three signals have told: their names, the event's id, number and error."""
    facts = []
    hearers = []
    for name, signal in EVERYTHING.items():

        def hear(signal, event, name=name, **kwargs):
            facts.append((name.removeprefix("verification_"), event.event_id, event.phone_number, kwargs.get("error")))

        signal.connect(hear)
        hearers.append((signal, hear))
    yield facts
    for signal, hear in hearers:
        signal.disconnect(hear)


@pytest.fixture
def started(api, make_user):
    """A verification that the vendor has started."""
    make_user(phone=PHONE)
    api.post("request/mobile/", {package_settings.MOBILE_FIELD_NAME: PHONE})
    return PasswordlessChallengeToken.objects.get()


def test_a_signed_webhook_is_told_on(post, told):
    answer = post(event("delivered", phone_number=PHONE))
    assert (answer.status_code, answer.json()) == (200, {"detail": "OK"})
    assert told == [("webhook_received", "event-1", PHONE, None), ("delivered", "event-1", PHONE, None)]


def test_what_the_signals_carry(post):
    heard = {}

    def hear(signal, sender, **kwargs):
        heard[signal] = (sender.__name__, {name: value for name, value in kwargs.items() if name != "event"})

    for signal in EVERYTHING.values():
        signal.connect(hear)
    try:
        post(event("delivered", phone_number=PHONE))
        post(event("failed", "event-2", phone_number=PHONE))
    finally:
        for signal in EVERYTHING.values():
            signal.disconnect(hear)
    assert heard == {
        EVERYTHING["verification_webhook_received"]: ("External2FAWebhookView", {"provider": "first"}),
        EVERYTHING["verification_delivered"]: ("External2FAWebhookView", {"phone_number": PHONE}),
        EVERYTHING["verification_delivery_failed"]: (
            "External2FAWebhookView",
            {"phone_number": PHONE, "error": "unknown"},
        ),
    }


@pytest.mark.parametrize("type_", ["delivered", "failed"])
def test_an_event_names_the_provider_by_its_alias_in_each_signal(external, post, type_):
    external(alias="one")
    aliases = []

    @receiver(list(EVERYTHING.values()))
    def hear(signal, event, **kwargs):
        aliases.append(event.provider)

    try:
        post(event(type_, phone_number=PHONE))
    finally:
        for signal in EVERYTHING.values():
            signal.disconnect(hear)
    assert aliases == ["one", "one"]


class TellsStatus(providers.ScriptedProvider):
    """Its vendor says how a delivery has failed."""

    def parse_webhook(self, payload, headers=None):
        return replace(super().parse_webhook(payload, headers), delivery_status=DeliveryStatus.DELIVERY_FAILED)


def test_a_failed_delivery_is_told_with_its_status(configure, vendor, post, told):
    configure(EXTERNAL_2FA={"provider": f"{__name__}.TellsStatus"})
    post(event("failed", phone_number=PHONE))
    assert told[-1] == ("delivery_failed", "event-1", PHONE, "delivery_failed")


@pytest.mark.parametrize("type_", ["sent", "verified", "expired", "unknown"])
def test_other_events_are_told_as_received_only(post, told, type_):
    assert post(event(type_)).status_code == 200
    assert told == [("webhook_received", "event-1", None, None)]


@pytest.mark.parametrize("signature", [None, "", "signed by somebody else"])
@pytest.mark.parametrize("debug", [True, False])
def test_an_unsigned_webhook_is_refused_unread(settings, post, told, caplog, signature, debug):
    settings.DEBUG = debug
    answer = post(b"{", signature=signature)
    assert (answer.status_code, answer.json()) == (401, {"detail": "Invalid signature", "code": "invalid_signature"})
    assert "event=webhook_rejected field= subject=*** network=127.0.0.0/24 user_id=None provider=first" in caplog.text
    assert "provider=first reason=signature" in caplog.text
    assert told == []


def test_a_provider_that_cannot_verify_webhooks_refuses_them(configure, vendor, post):
    configure(EXTERNAL_2FA={"provider": "tests.external_2fa.providers.NoConstructor"})
    assert post(event("delivered")).status_code == 401


@pytest.mark.parametrize("body", [b"{", b"[]", b"null", b"\xff", b"[" * 30000])
def test_a_signed_webhook_that_cannot_be_read_is_a_400(post, told, body):
    answer = post(body)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_request")
    assert told == []


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
)
def test_another_content_type_is_a_415(post, content_type):
    assert post(event("delivered"), content_type=content_type).status_code == 415


def test_a_webhook_over_64_kib_is_a_413(post):
    assert post(event("delivered", padding="x" * 65536)).status_code == 413


def test_webhooks_are_posted(external, client):
    assert client.get("/passwordless/external/webhook/").status_code == 405


def test_without_a_provider_there_is_no_webhook(configure, post):
    configure(EXTERNAL_2FA=None)
    assert post(event("delivered")).status_code == 404


def test_a_provider_that_lacks_options_has_no_webhook(external, post):
    external(configured=False)
    assert post(event("delivered")).status_code == 404


def test_each_provider_has_a_webhook_by_its_alias(external, post, told):
    external(alias="one", fallbacks=[{"provider": PATH, "name": "second", "alias": "two"}])
    assert post(event("sent"), "webhook/two/").status_code == 200
    assert post(event("sent"), "webhook/one/").status_code == 200
    assert post(event("sent"), "webhook/first/").status_code == 404
    assert len(told) == 2


@pytest.mark.parametrize("header", [{"HTTP_AUTHORIZATION": "Bearer junk"}, {"HTTP_ACCEPT": "text/vcard"}])
def test_headers_that_are_for_other_views_do_not_matter(post, header):
    assert post(event("sent"), **header).status_code == 200


def test_the_projects_throttles_permissions_and_parsers_are_not_for_vendors(settings, post):
    settings.REST_FRAMEWORK = {
        "DEFAULT_THROTTLE_CLASSES": ["rest_framework.throttling.AnonRateThrottle"],
        "DEFAULT_THROTTLE_RATES": {"anon": "1/day"},
        "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
        "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.MultiPartParser"],
    }
    assert [post(event("sent", str(n))).status_code for n in range(3)] == [200, 200, 200]


def test_no_csrf_token_is_asked_for(post):
    assert post(event("sent"), client=Client(enforce_csrf_checks=True)).status_code == 200


def test_an_event_that_comes_again_is_told_once(post, told):
    answers = [post(event("sent")).status_code for _ in range(3)]
    assert answers == [200, 200, 200]
    assert len(told) == 1


def test_events_are_remembered_for_a_day(post, told):
    with time_machine.travel(time.time(), tick=False) as clock:
        post(event("sent"))
        clock.shift(24 * 3600 - 1)
        post(event("sent"))
        assert len(told) == 1
        clock.shift(2)
        post(event("sent"))
        assert len(told) == 2


@pytest.mark.django_db(transaction=True)
def test_of_ten_copies_at_once_one_is_told(post, told):
    barrier = threading.Barrier(10)
    answers = []

    def copy():
        barrier.wait()
        answers.append(post(event("sent")).status_code)

    threads = [threading.Thread(target=copy) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 10
    assert len(told) == 1


def test_with_a_receiver_that_fails_the_others_run_and_the_vendor_sends_it_again(post, told):
    fails = [True]

    @receiver(provider_signals.verification_webhook_received)
    def failing(**kwargs):
        if fails[0]:
            raise RuntimeError("a receiver's own secret")

    try:
        answer = post(event("delivered", phone_number=PHONE))
        assert (answer.status_code, answer.json()["code"]) == (500, "webhook_failed")
        assert "secret" not in answer.text
        assert [name for name, *_ in told] == ["webhook_received", "delivered"]
        fails[0] = False
        assert post(event("delivered", phone_number=PHONE)).status_code == 200
        assert len(told) == 4
        assert post(event("delivered", phone_number=PHONE)).status_code == 200
        assert len(told) == 4
    finally:
        provider_signals.verification_webhook_received.disconnect(failing)


@pytest.mark.parametrize(
    ("type_", "name", "status"),
    [
        ("sent", "verification_webhook_received", 500),
        ("failed", "verification_webhook_received", 500),
        ("failed", "verification_delivery_failed", 500),
        ("failed", "verification_delivered", 200),
        ("delivered", "verification_delivered", 500),
    ],
)
def test_a_receiver_of_any_of_its_signals_that_fails_has_the_event_sent_again(post, type_, name, status):
    @receiver(EVERYTHING[name])
    def failing(**kwargs):
        raise RuntimeError

    try:
        answer = post(event(type_, phone_number=PHONE))
    finally:
        EVERYTHING[name].disconnect(failing)
    assert answer.status_code == status


def test_an_event_that_the_database_has_kept_from_being_told_is_told_when_it_comes_again(post, started, told):
    body = event("delivered", verification_id=started.verification_id)

    def down(*args):
        raise OperationalError("the database says no")

    with connection.execute_wrapper(down), pytest.raises(OperationalError):
        post(body)
    assert post(body).status_code == 200
    assert [name for name, *_ in told] == ["webhook_received", "delivered"]


def test_what_the_cache_has_kept_from_being_told_is_told_when_it_comes_again(post, started, told):
    body = event("delivered", verification_id=started.verification_id)
    with override_settings(CACHES={"default": {"BACKEND": "tests.test_limits.BrokenCache"}}):
        answer = post(body)
    assert (answer.status_code, answer.json()["code"]) == (500, "webhook_failed")
    assert told == []
    assert post(body).status_code == 200
    assert [name for name, *_ in told] == ["webhook_received", "delivered"]


def test_a_number_that_the_vendor_leaves_out_is_filled_in(post, started, told):
    post(event("delivered", verification_id=started.verification_id))
    assert told[-1] == ("delivered", "event-1", PHONE, None)


def test_a_number_is_not_filled_in_for_a_verification_of_another_provider(external, post, started, told):
    external(fallbacks=[{"provider": PATH, "name": "second"}])
    post(event("delivered", verification_id=started.verification_id), "webhook/second/")
    assert told[-1] == ("delivered", "event-1", None, None)


@pytest.mark.parametrize("type_", ["verified", "delivered", "expired", "failed"])
def test_a_webhook_signs_nobody_in_and_changes_no_challenge(post, api, started, type_):
    before = PasswordlessChallengeToken.objects.values().get()
    answer = post(event(type_, verification_id=started.verification_id, phone_number=PHONE))
    assert (answer.status_code, answer.json()) == (200, {"detail": "OK"})
    assert PasswordlessChallengeToken.objects.values().get() == before
    assert api.exchange_mobile(PHONE, "111111").status_code == 400
    assert api.exchange_mobile(PHONE, CODE).status_code == 200


@pytest.mark.parametrize(
    ("allowed", "address", "status"),
    [
        (["192.76.120.192/27"], "192.76.120.200", 200),
        (["192.76.120.192/27"], "192.76.120.191", 401),
        (["10.0.0.1", "2001:db8::/32"], "2001:db8::5", 200),
        (["10.0.0.1"], "::ffff:10.0.0.1", 200),
        (["10.0.0.1"], "unknown", 401),
        (["10.0.0.1/24"], "10.0.0.200", 200),
        ([], "10.0.0.1", 401),
    ],
)
def test_source_addresses_can_be_restricted(external, post, allowed, address, status):
    external(allowed_ips=allowed)
    assert post(event("sent"), REMOTE_ADDR=address).status_code == status


def test_behind_a_declared_proxy_the_client_is_who_it_says(configure, external, post, caplog):
    configure(TRUSTED_PROXIES=1)
    external(allowed_ips=["192.76.120.192/27"])
    forwarded = {"HTTP_X_FORWARDED_FOR": "192.76.120.200, 203.0.113.9"}
    assert post(event("sent"), **forwarded).status_code == 401
    assert "provider=first reason=address" in caplog.text
    forwarded = {"HTTP_X_FORWARDED_FOR": "203.0.113.9, 192.76.120.200"}
    assert post(event("sent"), **forwarded).status_code == 200


class UrlProvider(providers.ScriptedProvider):
    """Answers with the URL as it was called, and has events of every kind."""

    def handle_webhook(self, body, headers, url):
        if body == b"broken":
            raise MalformedWebhook
        return WebhookReply(body={"url": url})


def test_the_provider_is_given_the_url_as_it_was_called(configure, vendor, post):
    configure(EXTERNAL_2FA={"provider": f"{__name__}.UrlProvider"})
    answer = post(b"x", "webhook/?a=1&b=%20", HTTP_HOST="app.example")
    assert answer.json() == {"url": "http://app.example/passwordless/external/webhook/?a=1&b=%20"}
    assert post(b"broken").status_code == 400


def test_behind_a_proxy_the_public_url_is_a_setting(configure, vendor, post):
    public = "https://public.example/hooks/one/"
    configure(EXTERNAL_2FA={"provider": f"{__name__}.UrlProvider", "webhook_url": public})
    assert post(b"x", "webhook/?a=1").json() == {"url": f"{public}?a=1"}
    assert post(b"x").json() == {"url": public}


def test_a_failed_delivery_sends_by_the_next_channel_each_once(external, vendor, post, api, started):
    external(escalate=["sms", "call", "whatsapp"])
    failed = event("failed", verification_id="first-1")
    post(failed)
    post(failed)
    post(event("failed", "event-2", verification_id="first-1"))
    assert [detail for _, action, _, detail in vendor.asked if action == "send"] == ["sms", "call"]
    assert ("first", "cancel", PHONE, "first-1") in vendor.asked

    post(event("failed", "event-3", verification_id="first-2"))
    post(event("failed", "event-4", verification_id="first-3"))
    assert [detail for _, action, _, detail in vendor.asked if action == "send"] == ["sms", "call", "whatsapp"]
    assert api.exchange_mobile(PHONE, CODE).status_code == 200


@pytest.mark.parametrize("state", ["redeemed", "expired", "not listed", "other number", "off"])
def test_nothing_is_sent_again_where_that_would_not_help(external, vendor, post, api, started, state):
    external(escalate=[] if state == "off" else ["call", "whatsapp"] if state == "not listed" else ["sms", "call"])
    number = "+12015550199" if state == "other number" else PHONE
    if state == "redeemed":
        api.exchange_mobile(PHONE, CODE)
    with time_machine.travel(time.time() + (601 if state == "expired" else 0)):
        post(event("failed", verification_id="first-1", phone_number=number))
    assert [action for _, action, _, _ in vendor.asked].count("send") == 1


def test_nothing_is_sent_again_above_the_budget(configure, external, vendor, post, api, started):
    external(escalate=["sms", "call"])
    configure(SMS_BUDGET={"hour": 0})
    assert post(event("failed", verification_id="first-1")).status_code == 200
    assert [action for _, action, _, _ in vendor.asked].count("send") == 1


def test_nothing_is_sent_again_for_a_verification_that_another_one_has_replaced_meanwhile(
    external, vendor, post, api, started
):
    external(escalate=["sms", "call"])
    with meanwhile("UPDATE", lambda: PasswordlessChallengeToken.objects.update(verification_id="first-2")):
        post(event("failed", verification_id="first-1"))
    assert [action for _, action, _, _ in vendor.asked].count("send") == 1


def test_an_escalation_that_fails_is_told_of_the_number(external, vendor, post, api, started, caplog):
    external(escalate=["sms", "call"])
    vendor.answers["first", "send"] = External2FAResult(False, VerificationStatus.UNAVAILABLE)
    caplog.clear()
    post(event("failed", verification_id="first-1"))
    lines = {line.event: line for line in caplog.records if hasattr(line, "event")}
    for name in ("provider_failed", "token_send_failed"):
        assert (lines[name].field, lines[name].subject) == (package_settings.MOBILE_FIELD_NAME, "***23")


def test_a_code_that_was_replaced_meanwhile_is_not_sent_again(external, vendor, post, api, started):
    external(escalate=["sms", "call"])

    @receiver(provider_signals.verification_delivery_failed)
    def another_request(**kwargs):
        PasswordlessChallengeToken.objects.update(nonce="of the next request")

    try:
        assert post(event("failed", verification_id="first-1")).status_code == 200
    finally:
        provider_signals.verification_delivery_failed.disconnect(another_request)
    assert vendor.actions() == [("first", "send")]


def test_an_escalation_that_fails_leaves_the_first_code_good(external, vendor, post, api, started):
    external(escalate=["sms", "call"])
    vendor.answers["first", "send"] = External2FAResult(False, VerificationStatus.UNAVAILABLE)
    assert post(event("failed", verification_id="first-1")).status_code == 200
    assert api.exchange_mobile(PHONE, CODE).status_code == 200


def test_an_event_id_of_any_length_is_remembered_and_not_kept_in_clear(post, told):
    post(event("sent", "id-of-an-event" * 100))
    post(event("sent", "id-of-an-event" * 100))
    assert len(told) == 1
    assert "id-of-an-event" not in json.dumps(list(cache._cache))
