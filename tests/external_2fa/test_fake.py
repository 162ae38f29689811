"""The provider for development and demos."""

import base64
import hmac
import json
import time

import pytest
import time_machine
from django.core.exceptions import ImproperlyConfigured

from jwt_drf_passwordless.external_2fa.base import (
    InvalidSignature,
    MalformedWebhook,
    VerificationMethod,
    WebhookEventType,
)
from jwt_drf_passwordless.external_2fa.fake import FakeVerifyProvider
from jwt_drf_passwordless.external_2fa.testing import ProviderContract, signed_webhook
from tests.external_2fa.contracts import WebhookContract

URL = "https://example.com/hook/"


class TestFake(ProviderContract, WebhookContract):
    key_option = "webhook_secret"
    signature_header = "X-Fake-Signature"
    webhook = json.dumps({"id": "e1", "type": "delivered", "phone_number": "+12025550123", "x": [1]}).encode()

    def make_provider(self, **options):
        return FakeVerifyProvider(**{"insecure": True, "webhook_secret": "secret", **options})

    def right_code(self, phone_number):
        return "123456"

    def sign(self, body, at):
        mac = hmac.new(b"secret", f"{at}.".encode() + body, "sha256").digest()
        return {"X-Fake-Signature": base64.b64encode(mac).decode(), "X-Fake-Timestamp": str(at)}, URL

    def test_every_channel_is_there(self):
        provider = self.make_provider()
        assert all(provider.send_verification(self.phone_number, method).success for method in VerificationMethod)

    def test_the_code_can_be_chosen(self):
        provider = self.make_provider(code="000000")
        assert provider.verify_code(self.phone_number, "000000").success
        assert not provider.verify_code(self.phone_number, "123456").success

    def test_it_forgets_what_it_sent(self):
        assert self.make_provider().verify_code(self.phone_number, "123456").success

    def test_each_verification_has_its_own_id(self):
        provider = self.make_provider()
        assert self.send(provider).verification_id != self.send(provider).verification_id

    def test_cancelling_succeeds(self):
        assert self.make_provider().cancel_verification(self.phone_number).success

    @pytest.mark.parametrize("event_type", WebhookEventType)
    def test_each_type_of_event_can_be_made(self, event_type):
        body, headers = signed_webhook("secret", event_type, "+12025550123", "v1", event_id="e7")
        [event] = self.make_provider().handle_webhook(body, headers, URL).events
        assert (event.event_type, event.event_id) == (event_type, "e7")
        assert (event.phone_number, event.verification_id, event.provider) == ("+12025550123", "v1", "fake")

    def test_made_webhooks_are_of_now_and_have_ids_of_their_own(self):
        ids = set()
        for _ in range(2):
            body, headers = signed_webhook("secret")
            [event] = self.make_provider().handle_webhook(body, headers, URL).events
            assert event.event_type is WebhookEventType.DELIVERED
            ids.add(event.event_id)
        assert len(ids) == 2

    def test_a_webhook_can_be_made_of_another_time(self):
        body, headers = signed_webhook("secret", timestamp=int(time.time()) - 301)
        with pytest.raises(InvalidSignature):
            self.make_provider().handle_webhook(body, headers, URL)

    def test_a_signature_is_the_same_for_ever(self):
        body = b'{"id":"e1"}'
        with time_machine.travel(1_800_000_000, tick=False):
            signature = "GarNuhM9/ySO9s0lr2wOUl/kI+QcnnB3P1veEE0Zyj4="
            assert self.make_provider().verify_webhook_signature(body, signature, "1800000000")

    def test_an_unknown_type_is_unknown(self):
        assert self.make_provider().parse_webhook({"id": "e1", "type": "x"}).event_type is WebhookEventType.UNKNOWN

    def test_an_event_without_an_id_is_malformed(self):
        with pytest.raises(MalformedWebhook):
            self.make_provider().parse_webhook({"type": "delivered"})


@pytest.mark.parametrize("options", [{}, {"insecure": False}, {"insecure": "yes"}, {"insecure": 1}])
def test_it_is_refused_where_debug_is_off(settings, options):
    settings.DEBUG = False
    with pytest.raises(ImproperlyConfigured, match="FakeVerifyProvider"):
        FakeVerifyProvider(**options)


def test_it_is_at_hand_where_debug_is_on(settings):
    settings.DEBUG = True
    assert FakeVerifyProvider().is_configured()
