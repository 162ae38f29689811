"""Messages that tell a user of a change to the account: no code in them, and nobody waits for them."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.utils import timezone
from sms import Message as TextMessage

from jwt_drf_passwordless import delivery
from jwt_drf_passwordless.messages import PasswordlessRequestMessage, language_of, speaking
from jwt_drf_passwordless.methods import EMAIL
from jwt_drf_passwordless.utils import mask

#: After so long a notice that still waits in a queue is not sent.
WORTH_SENDING = timedelta(days=1)


class Notice(PasswordlessRequestMessage):
    """Base: `template_prefix` names the templates `..._{subject,body}.txt`, and `..._sms.txt` where it goes by SMS.

    It is in the language of the context's `user`.
    """

    def render(self, to: str) -> EmailMessage:
        """The finished email."""
        with self._speaking():
            context = self.get_context_data()
            subject = render_to_string(f"{self.template_prefix}subject.txt", context)
            body = render_to_string(f"{self.template_prefix}body.txt", context)
        return EmailMessage(
            subject=" ".join(subject.split()),
            body=body,
            to=[to],
            headers={"Auto-Submitted": "auto-generated"},
        )

    def render_sms(self, to: str) -> TextMessage:
        """The finished text message."""
        with self._speaking():
            body = render_to_string(f"{self.template_prefix}sms.txt", self.get_context_data())
        return TextMessage(body.strip(), recipients=[to])

    def _speaking(self) -> AbstractContextManager[None]:
        return speaking(language_of(self.context.get("user")))


def address_of(user: AbstractBaseUser) -> str:
    """Where mail to a user goes; "" where the account has no address."""
    address = getattr(user, user.get_email_field_name(), None)
    return address if address and EMAIL.canonicalize(address) is not None else ""


def mail(user: AbstractBaseUser, notice: Notice) -> None:
    """Mail the user, if the account has an address. A failure is told by signal and log (OWASP ASVS 6.3.7)."""
    address = address_of(user)
    if address:
        send(partial(notice.render, address), user.get_email_field_name(), address)


def send(
    render: Callable[[], delivery.Message], field: str, identifier: str, spend: Callable[[], Any] = lambda: None
) -> None:
    """Send a notice to the address or number `identifier`. Never raises."""
    delivery.deliver(
        render,
        wanted=True,
        spend=spend,
        field=field,
        subject=mask(identifier),
        expires_at=timezone.now() + WORTH_SENDING,
    )
