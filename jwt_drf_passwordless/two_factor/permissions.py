"""Permission classes for a project's own views. They read the claims of the token and nothing else."""

from typing import Any

from rest_framework.permissions import BasePermission, OperationHolderMixin
from rest_framework.request import Request

from jwt_drf_passwordless.claims import FRESH, claims_of, has_second_factor, is_fresh
from jwt_drf_passwordless.conf import message

#: Seconds after which no proof counts as fresh.
MAX_AGE = 3600


class ClaimsPermission(OperationHolderMixin, BasePermission):
    """Base: a refusal is 403 `{"detail", "code": "reauthentication_required"}`, or 401 without a token."""

    code = "reauthentication_required"

    @property
    def message(self) -> dict[str, Any]:
        # A dict, so that REST framework's answer has the code too.
        return {"detail": message("REAUTHENTICATION_REQUIRED"), "code": self.code}

    def __call__(self) -> "ClaimsPermission":
        """REST framework calls what stands in `permission_classes`; this lets an instance stand there."""
        return self


class HasSecondFactor(ClaimsPermission):
    """Lets in whose token says that a second factor was proven, however long ago."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return has_second_factor(claims_of(request))


class FreshLogin(ClaimsPermission):
    """Lets in whose login, or step-up, is at most `max_age` seconds old; a refreshed token stays as old as it was.

    `permission_classes = [HasSecondFactor, FreshLogin(max_age=60)]`; the bare class means 300 seconds. Raises
    ValueError over 3600 seconds.
    """

    def __init__(self, max_age: float = FRESH) -> None:
        if not 0 < max_age <= MAX_AGE:
            raise ValueError(f"FreshLogin: max_age must be at most {MAX_AGE} seconds.")
        self.max_age = max_age

    def has_permission(self, request: Request, view: Any) -> bool:
        return is_fresh(claims_of(request), self.max_age)
