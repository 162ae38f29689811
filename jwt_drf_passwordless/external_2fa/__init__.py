"""Verification by a vendor: the names that projects import."""

from jwt_drf_passwordless.external_2fa.base import (
    DeliveryStatus,
    External2FAProvider,
    External2FAResult,
    InvalidSignature,
    MalformedWebhook,
    VerificationMethod,
    VerificationStatus,
    WebhookEvent,
    WebhookEventType,
    WebhookReply,
)
from jwt_drf_passwordless.external_2fa.fake import FakeVerifyProvider
from jwt_drf_passwordless.external_2fa.infobip import Infobip2FAProvider
from jwt_drf_passwordless.external_2fa.plivo import PlivoVerifyProvider
from jwt_drf_passwordless.external_2fa.registry import get_external_2fa_provider
from jwt_drf_passwordless.external_2fa.signals import (
    verification_delivered,
    verification_delivery_failed,
    verification_webhook_received,
)
from jwt_drf_passwordless.external_2fa.sinch import SinchVerificationProvider
from jwt_drf_passwordless.external_2fa.telnyx import TelnyxVerifyProvider
from jwt_drf_passwordless.external_2fa.twilio import TwilioVerifyProvider
from jwt_drf_passwordless.external_2fa.vonage import VonageVerifyProvider

__all__ = [
    "DeliveryStatus",
    "External2FAProvider",
    "External2FAResult",
    "FakeVerifyProvider",
    "Infobip2FAProvider",
    "InvalidSignature",
    "MalformedWebhook",
    "PlivoVerifyProvider",
    "SinchVerificationProvider",
    "TelnyxVerifyProvider",
    "TwilioVerifyProvider",
    "VerificationMethod",
    "VerificationStatus",
    "VonageVerifyProvider",
    "WebhookEvent",
    "WebhookEventType",
    "WebhookReply",
    "get_external_2fa_provider",
    "verification_delivered",
    "verification_delivery_failed",
    "verification_webhook_received",
]
