"""Kept for code written for the earlier package."""

from django.contrib.auth.models import AbstractBaseUser

from jwt_drf_passwordless.conf import settings

__all__ = ["get_user_email", "settings"]


def get_user_email(user: AbstractBaseUser) -> str | None:
    """The address in the user's `EMAIL_FIELD_NAME` field, or None where there is no such field."""
    email: str | None = getattr(user, settings.EMAIL_FIELD_NAME, None)
    return email
