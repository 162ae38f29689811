"""The SMS of a login: one template, sent through django-sms, whatever its `SMS_BACKEND` is."""

from typing import Any

from django.template.loader import render_to_string
from sms import Message

from jwt_drf_passwordless.conf import settings
from jwt_drf_passwordless.messages import PasswordlessRequestMessage

#: Backends of django-sms that send nothing.
DEVELOPMENT_BACKENDS = {f"sms.backends.{name}.SmsBackend" for name in ("console", "dummy", "filebased", "locmem")}


class PasswordlessRequestSMS(PasswordlessRequestMessage):
    """The short code, from the template `jwt_drf_passwordless/passwordless_request_sms.txt`."""

    def get_context_data(self) -> dict[str, Any]:
        """As the base class, and `domain`: the last line that lets phones fill in the code.

        Format of that line: https://wicg.github.io/sms-one-time-codes/
        """
        return {"domain": settings.SMS_DOMAIN, **super().get_context_data()}

    def render(self, to: str) -> Message:
        """The finished text message; its sender is django-sms's `DEFAULT_FROM_SMS`."""
        body = render_to_string(f"{self.template_prefix}sms.txt", self.get_context_data())
        return Message(body.strip(), recipients=[to])

    def send(self, to: str) -> None:
        """Render and send at once, in the caller's time; the backend's errors pass through."""
        self.render(to).send()
