"""The email that tells a user that a second factor was added, replaced or removed."""

from datetime import timedelta
from functools import partial
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.utils import timezone

from jwt_drf_passwordless import delivery
from jwt_drf_passwordless.messages import PasswordlessRequestMessage
from jwt_drf_passwordless.methods import EMAIL
from jwt_drf_passwordless.utils import mask

#: After so long a notice that still waits in a queue is not sent.
WORTH_SENDING = timedelta(days=1)


class SecondFactorChangedEmail(PasswordlessRequestMessage):
    """Templates `jwt_drf_passwordless/second_factor_changed_{subject,body}.txt`, context `action`, `factor`, `name`."""

    template_prefix = "jwt_drf_passwordless/second_factor_changed_"

    def render(self, to: str) -> EmailMessage:
        context = self.get_context_data()
        return EmailMessage(
            subject=" ".join(render_to_string(f"{self.template_prefix}subject.txt", context).split()),
            body=render_to_string(f"{self.template_prefix}body.txt", context),
            to=[to],
            headers={"Auto-Submitted": "auto-generated"},
        )


def notify(user: AbstractBaseUser, **context: Any) -> None:
    """Mail the user, if the account has an address. A failure is told by signal and log (OWASP ASVS 6.3.7)."""
    field = user.get_email_field_name()
    address = getattr(user, field, None)
    if not address or EMAIL.canonicalize(address) is None:
        return
    delivery.deliver(
        partial(SecondFactorChangedEmail(None, {"user": user, **context}).render, address),
        wanted=True,
        field=field,
        subject=mask(address),
        expires_at=timezone.now() + WORTH_SENDING,
    )
