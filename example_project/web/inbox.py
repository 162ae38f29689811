"""The messages that this process has sent, for the developer's eyes: `/inbox/`, with DEBUG only.

Backends that print as those of Django and django-sms do, and keep what they have printed. They are no part of the
package, and no settings for production name them.
"""

import itertools
from collections import deque
from typing import Any

from django.core.mail.backends.console import EmailBackend as ConsoleEmailBackend
from django.utils import timezone
from sms.backends.console import SmsBackend as ConsoleSmsBackend

from jwt_drf_passwordless.external_2fa import External2FAResult, FakeVerifyProvider, VerificationMethod

#: The newest first.
messages: deque[dict[str, Any]] = deque(maxlen=30)
_ids = itertools.count(1)


def keep(kind: str, to: str, subject: str, text: str) -> None:
    at = timezone.now().isoformat()
    messages.appendleft({"id": next(_ids), "kind": kind, "to": to, "subject": subject, "text": text.strip(), "at": at})


class EmailBackend(ConsoleEmailBackend):
    def write_message(self, message: Any) -> None:
        super().write_message(message)
        keep("Email", ", ".join(message.to), message.subject, message.body)


class SmsBackend(ConsoleSmsBackend):
    def write_message(self, message: Any) -> int:
        for recipient in message.recipients:
            keep("SMS", recipient, "", message.body)
        count: int = super().write_message(message)
        return count


class Vendor(FakeVerifyProvider):
    """A verification vendor that is made up, and whose messages arrive here."""

    def send_verification(
        self, phone_number: str, method: VerificationMethod = VerificationMethod.SMS
    ) -> External2FAResult:
        keep(f"Vendor, {method.value}", phone_number, "", f"Your code is {self.code}")
        return super().send_verification(phone_number, method)
