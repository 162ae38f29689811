"""For the tests of projects: sign users in, read what was sent, play the vendor, give users second factors.

Plain functions; `PasswordlessTestMixin` and the fixtures of `pytest_plugin` are made of them. What they do is done by
the parts that a login uses, so that settings and classes of the project count.
"""

from jwt_drf_passwordless.external_2fa.testing import FakeVendor
from jwt_drf_passwordless.testing.cases import PasswordlessTestMixin
from jwt_drf_passwordless.testing.factors import enrol_phone, enrol_totp, recovery_codes, totp_code
from jwt_drf_passwordless.testing.logins import ONE_FACTOR, TWO_FACTORS, authenticate, tokens_for
from jwt_drf_passwordless.testing.messages import empty_outboxes, forget_waits, last_code, last_link
from jwt_drf_passwordless.testing.overrides import collected_messages, fake_vendor, no_waits, override

__all__ = [
    "ONE_FACTOR",
    "TWO_FACTORS",
    "FakeVendor",
    "PasswordlessTestMixin",
    "authenticate",
    "collected_messages",
    "empty_outboxes",
    "enrol_phone",
    "enrol_totp",
    "fake_vendor",
    "forget_waits",
    "last_code",
    "last_link",
    "no_waits",
    "override",
    "recovery_codes",
    "tokens_for",
    "totp_code",
]
