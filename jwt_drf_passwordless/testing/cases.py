"""All of it in a test case."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, TypeVar

from django.contrib.auth.models import AbstractBaseUser
from django.test import SimpleTestCase

from jwt_drf_passwordless.external_2fa.testing import FakeVendor
from jwt_drf_passwordless.testing.factors import enrol_phone, enrol_totp, recovery_codes, totp_code
from jwt_drf_passwordless.testing.logins import ONE_FACTOR, authenticate, tokens_for
from jwt_drf_passwordless.testing.messages import empty_outboxes, forget_waits, last_code, last_link
from jwt_drf_passwordless.testing.overrides import collected_messages, fake_vendor, no_waits

T = TypeVar("T")


class PasswordlessTestMixin(SimpleTestCase if TYPE_CHECKING else object):  # type: ignore[misc]
    """For a `TestCase` of Django or REST framework, before it in the list of bases.

    What was sent is collected, and forgotten by the next test. The functions of this package are methods here;
    `no_waits` and `fake_vendor` last until the test ends.
    """

    tokens_for = staticmethod(tokens_for)
    last_code = staticmethod(last_code)
    last_link = staticmethod(last_link)
    forget_waits = staticmethod(forget_waits)
    totp_code = staticmethod(totp_code)
    enrol_totp = staticmethod(enrol_totp)
    enrol_phone = staticmethod(enrol_phone)
    recovery_codes = staticmethod(recovery_codes)

    def setUp(self) -> None:
        super().setUp()
        empty_outboxes()
        self._until_the_end(collected_messages())

    def authenticate(
        self, user: AbstractBaseUser, *, amr: Iterable[str] = ONE_FACTOR, fresh: bool = True
    ) -> dict[str, Any]:
        """Sign `self.client` in."""
        return authenticate(self.client, user, amr=amr, fresh=fresh)

    def no_waits(self) -> None:
        self._until_the_end(no_waits())

    def fake_vendor(self, **config: Any) -> FakeVendor:
        return self._until_the_end(fake_vendor(**config))

    def _until_the_end(self, manager: AbstractContextManager[T]) -> T:
        entered = manager.__enter__()
        self.addCleanup(manager.__exit__, None, None, None)
        return entered
