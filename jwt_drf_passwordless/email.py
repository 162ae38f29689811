"""The email of a login: text and HTML from templates, sent through Django's mail backend."""

from typing import Any

from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils.translation import gettext, ngettext

from jwt_drf_passwordless.messages import PasswordlessRequestMessage, login_url


class PasswordlessRequestEmail(PasswordlessRequestMessage):
    """Code and, with `PASSWORDLESS_EMAIL_LOGIN_URL`, link in one email; templates
    `jwt_drf_passwordless/passwordless_request_{subject.txt,body.txt,body.html}`."""

    def get_context_data(self) -> dict[str, Any]:
        """As the base class, and `text`: the sentences, translated.

        Not by `{% translate %}`, of which each takes as long as the rest of a template.
        """
        context = super().get_context_data()
        minutes = context["lifetime_minutes"]
        lifetime = ngettext(
            "It works once, within %(minutes)s minute.", "It works once, within %(minutes)s minutes.", minutes
        )
        text = {
            "code": gettext("Your sign-in code is"),
            "link": gettext("Or open this link to sign in:"),
            "button": gettext("Sign in"),
            "lifetime": lifetime % {"minutes": minutes},
            "warning": gettext("Do not share it with anyone. If you did not ask for it, ignore this message."),
        }
        return {"text": text, **context}

    def render(self, to: list[str]) -> EmailMultiAlternatives:
        """The finished email; add tags or headers for your mail service in an override."""
        context = self.get_context_data()
        context["url"] = login_url({**context, "email": to[0]})
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
