"""The email of a login: text and HTML from templates, sent through Django's mail backend."""

from collections.abc import Mapping
from typing import Any

from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils.translation import get_language, get_language_bidi, gettext, ngettext

from jwt_drf_passwordless.messages import PasswordlessRequestMessage, login_url


class PasswordlessRequestEmail(PasswordlessRequestMessage):
    """Code and, with `PASSWORDLESS_EMAIL_LOGIN_URL`, link in one email; templates
    `jwt_drf_passwordless/passwordless_request_{subject.txt,body.txt,body.html}`."""

    def render(self, to: list[str]) -> EmailMultiAlternatives:
        """The finished email; add tags or headers for your mail service in an override."""
        context = self.get_context_data()
        url = login_url({**context, "email": to[0]}) if context.get("token") else None
        context |= {"url": url, "text": _sentences(context)}
        subject = render_to_string(f"{self.template_prefix}subject.txt", context)
        email = EmailMultiAlternatives(
            subject=" ".join(subject.split()),
            body=render_to_string(f"{self.template_prefix}body.txt", context),
            to=to,
            headers={"Auto-Submitted": "auto-generated"},  # RFC 3834: no out-of-office replies
        )
        email.attach_alternative(render_to_string(f"{self.template_prefix}body.html", context), "text/html")
        return email

    def send(self, to: list[str]) -> None:
        """Render and send at once, in the caller's time; the backend's errors pass through."""
        self.render(to).send()


def _sentences(context: Mapping[str, Any]) -> dict[str, str]:
    """What our templates say, translated, and the language of it: a `{% translate %}` or `{% get_current_language %}`
    takes as long as the rest of its template."""
    minutes, site_name = context.get("lifetime_minutes", 0), context.get("site_name")
    of_site, subject = gettext("Confirm your address for %(site_name)s"), gettext("Confirm your address")
    if context.get("purpose") == "change_contact":
        label = gettext("To sign in by this address from now on, type this code.")
        code = gettext("To sign in by this address from now on, type this code. The code is %(short_token)s")
    elif context.get("purpose") == "enrol_email":
        label = gettext("To add this address as second factor, type this code.")
        code = gettext("To add this address as second factor, type this code. The code is %(short_token)s")
    else:
        of_site, subject = gettext("Your sign-in code for %(site_name)s"), gettext("Your sign-in code")
        label, code = subject, gettext("Your sign-in code is %(short_token)s")
    lifetime = ngettext(
        "It works once, within %(minutes)s minute.", "It works once, within %(minutes)s minutes.", minutes
    )
    return {
        "language": get_language() or "",
        "direction": "rtl" if get_language_bidi() else "ltr",
        "subject": of_site % {"site_name": site_name} if site_name else subject,
        "label": label,
        "code": code % {"short_token": context.get("short_token", "")},
        "link": gettext("Or open this link to sign in:"),
        "button": gettext("Sign in"),
        "lifetime": lifetime % {"minutes": minutes},
        "warning": gettext("Do not share it with anyone. If you did not ask for it, ignore this message."),
    }
