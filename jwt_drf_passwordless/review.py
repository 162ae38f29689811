"""Fixed codes for named test identities (`TEST_IDENTIFIERS`), such as those of an app store's reviewers.

A code that does not change is a password that several people know: it is kept as a password hash, ends on a
date, and lets in nobody who matters.
"""

from datetime import date
from typing import Any

from django.contrib.auth.hashers import check_password
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from jwt_drf_passwordless.conf import settings
from jwt_drf_passwordless.models import PasswordlessChallengeToken

#: Stands in a challenge's row where a vendor's alias would, which cannot have a slash.
FIXED_CODE = "fixed/code"
#: The end of an entry may lie so many days ahead.
MAX_DAYS = 90


def has_fixed_code(identifier: str) -> bool:
    """Whether a canonical identifier has a fixed code today."""
    return _entry(identifier) is not None


@sensitive_variables()
def accepts(challenge: PasswordlessChallengeToken, code: str) -> bool:
    """Whether `code` is the fixed code of the challenge's identifier."""
    entry = _entry(challenge.identifier)
    return entry is not None and check_password(code, entry["code"])


def last_day(entry: Any) -> date | None:
    """The last day of an entry, "2027-01-31"; None for what is no date."""
    try:
        return date.fromisoformat(entry["until"])
    except (KeyError, TypeError, ValueError):
        return None


def _entry(identifier: str) -> dict[str, str] | None:
    entry: dict[str, str] | None = settings.TEST_IDENTIFIERS.get(identifier)
    day = last_day(entry)
    days = (day - timezone.now().date()).days if day else -1
    return entry if 0 <= days <= MAX_DAYS else None
