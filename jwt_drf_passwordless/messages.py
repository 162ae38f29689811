"""What the email and the SMS of a login have in common: the context of their templates."""

import math
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from rest_framework.request import Request

from jwt_drf_passwordless.conf import settings

#: What may stand in braces in `PASSWORDLESS_EMAIL_LOGIN_URL`.
LINK_PLACEHOLDERS = {"token", "short_token", "email"}


class PasswordlessRequestMessage:
    """Base of `PasswordlessRequestEmail` and `PasswordlessRequestSMS`.

    `context` holds `token` (the link's), `short_token` and `user`, which is None for somebody who
    has no account yet. Projects that change messages override the templates, or subclass and name
    the class in `EMAIL` or `SMS_SENDERS`.
    """

    template_prefix = "jwt_drf_passwordless/passwordless_request_"

    def __init__(self, request: Request | None, context: Mapping[str, Any] | None = None) -> None:
        self.request = request
        self.context = dict(context or {})

    def get_context_data(self) -> dict[str, Any]:
        """The templates' context: what was given, `site_name` and `lifetime_minutes`; and `purpose`: "login",
        "change_contact", or with second factors "second_factor", "step_up" or "enrol_phone".

        Nothing comes from the request: a forged Host header cannot reach a message (ASVS 4.1.3).
        """
        return {
            "site_name": settings.SITE_NAME,
            "lifetime_minutes": math.ceil(settings.TOKEN_LIFETIME / 60),
            "purpose": "login",
            **self.context,
        }


def login_url(values: Mapping[str, str]) -> str | None:
    """Fill `PASSWORDLESS_EMAIL_LOGIN_URL`, each value URL-quoted; None where the setting is.

    One plain replacement, not `str.format`: a template cannot reach into objects (ASVS 1.3.7).
    """
    template = settings.PASSWORDLESS_EMAIL_LOGIN_URL
    if template is None:
        return None
    names = "|".join(LINK_PLACEHOLDERS)
    return re.sub(rf"\{{({names})\}}", lambda found: quote(values[found[1]], safe=""), template)
