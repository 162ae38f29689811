"""What the email and the SMS of a login have in common: the context of their templates, and their language."""

import logging
import math
import re
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any
from urllib.parse import quote

from django.contrib.auth.models import AbstractBaseUser
from django.utils import translation
from rest_framework.request import Request

from jwt_drf_passwordless.conf import resolve, settings

logger = logging.getLogger(__name__)

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
        "change_contact", or with second factors "second_factor", "step_up", "enrol_phone" or "enrol_email".

        Nothing comes from the request: a forged Host header cannot reach a message (ASVS 4.1.3).
        """
        return {
            "site_name": settings.SITE_NAME,
            "lifetime_minutes": math.ceil(settings.TOKEN_LIFETIME / 60),
            "purpose": "login",
            **self.context,
        }


def language_of(user: AbstractBaseUser | None) -> str | None:
    """The code of a language of the site in which a user wants messages; None: that of the request.

    None for nobody too, and where `LANGUAGE_FOR_USER` raises or names no language of the site.
    """
    if user is None or settings.LANGUAGE_FOR_USER is None:
        return None
    try:
        code = translation.to_language(resolve(settings.LANGUAGE_FOR_USER)(user) or "")
    except Exception as error:  # noqa: BLE001 - whatever a project's function raises, the message goes out
        # The class only: the text may hold what the user's fields hold.
        logger.error("LANGUAGE_FOR_USER has failed for the user %s: %s", user.pk, type(error).__name__)
        return None
    try:
        return translation.get_supported_language_variant(code)
    except LookupError:
        return None


def speaking(language: str | None) -> AbstractContextManager[None]:
    """Within it, texts are in a language; in the current one for None."""
    return translation.override(language) if language else nullcontext()


def login_url(values: Mapping[str, str]) -> str | None:
    """Fill `PASSWORDLESS_EMAIL_LOGIN_URL`, each value URL-quoted; None where the setting is.

    One plain replacement, not `str.format`: a template cannot reach into objects (ASVS 1.3.7).
    """
    template = settings.PASSWORDLESS_EMAIL_LOGIN_URL
    if template is None:
        return None
    names = "|".join(LINK_PLACEHOLDERS)
    return re.sub(rf"\{{({names})\}}", lambda found: quote(values[found[1]], safe=""), template)
