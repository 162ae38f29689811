"""What was sent, and the waits before more is."""

import re
from collections.abc import Callable
from typing import Any

import sms
from django.core import mail
from django.dispatch import receiver
from django.utils import timezone
from sms.signals import post_send

from jwt_drf_passwordless import challenges
from jwt_drf_passwordless.conf import settings
from jwt_drf_passwordless.messages import LINK_PLACEHOLDERS
from jwt_drf_passwordless.methods import METHODS
from jwt_drf_passwordless.models import PasswordlessChallengeToken as Challenge


def empty_outboxes() -> None:
    """Forget what was sent. Django does so between tests, for emails only."""
    mail.outbox = []
    sms.outbox = []


def last_code(to: object = None) -> str:
    """The code in the newest email or text message that has one; `to` an address or number, or else to anybody."""
    return _newest("code", _code, to)


def last_link(to: object = None) -> str:
    """The magic link in the newest message that has one, as `PASSWORDLESS_EMAIL_LOGIN_URL` makes them."""
    return _newest("link", _link, to)


@receiver(post_send)
def _note_order(instance: Any, **kwargs: Any) -> None:
    """Neither outbox tells when; so a text message remembers the mail before it."""
    instance.mail_before = next(reversed(_mails()), None)


def _mails() -> list[Any]:
    return getattr(mail, "outbox", [])


def _sent() -> list[Any]:
    """Emails and text messages in the order in which they were sent."""
    mails, every = _mails(), []
    for text in getattr(sms, "outbox", []):
        before = getattr(text, "mail_before", None)
        place = next((place for place, one in enumerate(mails, 1) if one is before), 0)
        every += [*mails[:place], text]
        mails = mails[place:]
    return [*every, *mails]


def _recipients(message: Any) -> list[str]:
    recipients: list[str] = message.recipients() if callable(message.recipients) else message.recipients
    return recipients


def _newest(what: str, find: Callable[[str], str | None], to: object) -> str:
    messages = _sent()
    wanted = _forms(to)
    for message in reversed(messages):
        if to is None or wanted.intersection(recipient.lower() for recipient in _recipients(message)):
            found = find(message.body)
            if found:
                return found
    lines = [f"to {', '.join(_recipients(message))}: {message.body.strip()!r}" for message in messages]
    listed = "\n".join(["Sent were:", *lines]) if lines else "Nothing was sent at all."
    raise AssertionError(f"No {what} was sent{'' if to is None else f' to {to}'}. {listed}")


def _code(body: str) -> str | None:
    """The text that looks like a code; of several the one that a challenge knows, if it is in the table."""
    form = rf"(?<!\w)[{re.escape(settings.SHORT_TOKEN_CHARS)}]{{{settings.SHORT_TOKEN_LENGTH}}}(?!\w)"
    found = list(dict.fromkeys(re.findall(form, body)))
    if len(found) > 1:
        rows = list(Challenge.objects.exclude(short_digest=""))
        found = [code for code in found if any(challenges.code_matches(row, code) for row in rows)]
    return next(iter(found), None)


def _link(body: str) -> str | None:
    url = re.escape(settings.PASSWORDLESS_EMAIL_LOGIN_URL or "")
    for name in LINK_PLACEHOLDERS:
        url = url.replace(re.escape(f"{{{name}}}"), r"[\w.~%-]+")
    found = re.search(url, body) if url else None
    return found and found[0]


def forget_waits(identifier: object = None) -> int:
    """End the waits that run, as if the time had passed: for how many challenges.

    Those of an address or number, or of the second factors of a user by the primary key; all for None.
    """
    rows = Challenge.objects.all()
    if identifier is not None:
        rows = rows.filter(identifier__in=_forms(identifier))
    return rows.update(next_send_at=timezone.now(), sends=0)


def _forms(identifier: object) -> set[str]:
    """As it was given, and as messages and rows have it."""
    forms = {method.canonicalize(identifier) for method in METHODS}
    return {str(identifier).lower(), *(form for form in forms if form)}
