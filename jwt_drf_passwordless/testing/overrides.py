"""Settings under which a project is tested."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings as django_settings
from django.test import override_settings

from jwt_drf_passwordless.conf import NAMESPACE, settings
from jwt_drf_passwordless.external_2fa.testing import FakeVendor


def override(**changes: Any) -> override_settings:
    """Django's `override_settings` for settings of this package: the others stay as they are at this call."""
    return override_settings(**{NAMESPACE: {**(getattr(django_settings, NAMESPACE, None) or {}), **changes}})


def collected_messages() -> override_settings:
    """Text messages go where Django's tests find mail, `sms.outbox`, and both go out within the request."""
    changes = override(DELIVERY="jwt_drf_passwordless.delivery.Inline")
    return override_settings(SMS_BACKEND="sms.backends.locmem.SmsBackend", **changes.options)


def no_waits() -> override_settings:
    """No wait between two messages, and no rates: of what is asked for from now on."""
    return override(TOKEN_REQUEST_THROTTLE_SECONDS=0, THROTTLE_RATES=dict.fromkeys(settings.THROTTLE_RATES))


@contextmanager
def fake_vendor(**config: Any) -> Iterator[FakeVendor]:
    """`EXTERNAL_2FA` is a vendor whose answers the test chooses; `config`: keys of that dict, such as `escalate`."""
    vendor = FakeVendor()
    with override(EXTERNAL_2FA={**vendor.config, **config}):
        vendor.recover()
        try:
            yield vendor
        finally:
            vendor.recover()
