"""The contract of a provider, as projects inherit it: with pytest, with unittest, and against what breaks it."""

import unittest

import pytest

from jwt_drf_passwordless.external_2fa import testing
from jwt_drf_passwordless.external_2fa.base import (
    External2FAProvider,
    External2FAResult,
    MalformedWebhook,
    VerificationMethod,
    VerificationStatus,
    WebhookEvent,
    WebhookEventType,
)
from jwt_drf_passwordless.external_2fa.fake import FakeVerifyProvider
from jwt_drf_passwordless.external_2fa.testing import ProviderContract

PENDING = External2FAResult(True, VerificationStatus.PENDING)
ACCEPTED = External2FAResult(True, VerificationStatus.ACCEPTED)
REJECTED = External2FAResult(False, VerificationStatus.REJECTED)


class SmallProvider(External2FAProvider):
    """What a project may write: no constructor, no ids, no webhooks."""

    def send_verification(self, phone_number, method=VerificationMethod.SMS):
        return PENDING

    def verify_code(self, phone_number, code):
        return ACCEPTED if (phone_number, code) == ("+12025550123", "654320") else REJECTED

    def cancel_verification(self, phone_number):
        return REJECTED


class TestWithPytest(ProviderContract):
    def make_provider(self):
        return SmallProvider(anything="goes")

    def right_code(self, phone_number):
        return "654320"


class WithUnittest(ProviderContract, unittest.TestCase):
    make_provider = TestWithPytest.make_provider
    right_code = TestWithPytest.right_code


def test_unittest_runs_the_whole_contract():
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(WithUnittest).run(result)
    assert (result.testsRun, result.failures, result.errors) == (9, [], [])


class AcceptsAll(SmallProvider):
    def verify_code(self, phone_number, code):
        return ACCEPTED


class SendsNothing(SmallProvider):
    def send_verification(self, phone_number, method=VerificationMethod.SMS):
        return External2FAResult(False, VerificationStatus.ERROR)


class TakesAnyWebhook(SmallProvider):
    def verify_webhook_signature(self, payload, signature, timestamp=None):
        return True

    def parse_webhook(self, payload, headers=None):
        return WebhookEvent(WebhookEventType.SENT, "e1")


@pytest.mark.parametrize(
    ("provider_class", "test"),
    [
        (AcceptsAll, "test_a_wrong_code_is_refused"),
        (AcceptsAll, "test_strange_codes_are_refused"),
        (AcceptsAll, "test_the_code_of_another_number_is_refused"),
        (SendsNothing, "test_a_sent_code_is_pending"),
        (TakesAnyWebhook, "test_an_unsigned_webhook_is_refused"),
    ],
)
def test_a_provider_that_breaks_the_contract_fails(provider_class, test):
    contract = TestWithPytest()
    contract.make_provider = provider_class
    with pytest.raises(AssertionError):
        getattr(contract, test)()


def test_a_provider_without_webhooks_reads_none():
    with pytest.raises(MalformedWebhook):
        SmallProvider().parse_webhook({})


def test_the_fake_provider_is_found_here_too():
    assert testing.FakeVerifyProvider is FakeVerifyProvider
