"""The email of a login: text and HTML from templates, sent through Django's mail backend."""

from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from jwt_drf_passwordless.messages import PasswordlessRequestMessage, login_url


class PasswordlessRequestEmail(PasswordlessRequestMessage):
    """Code and, with `PASSWORDLESS_EMAIL_LOGIN_URL`, link in one email; templates
    `jwt_drf_passwordless/passwordless_request_{subject.txt,body.txt,body.html}`."""

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
