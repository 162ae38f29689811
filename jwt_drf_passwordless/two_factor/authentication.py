"""Who may call the endpoints of enrolment: users with a token, and those whose token can only enrol."""

from typing import Any

from rest_framework.request import Request
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import InvalidToken, TokenError

from jwt_drf_passwordless.two_factor.tickets import EnrolmentToken, account_digests


class EnrolmentAuthentication(JWTAuthentication):
    """A Bearer of the type `EnrolmentToken`; every other one is left to the authenticators that follow."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        header = self.get_header(request)
        raw_token = self.get_raw_token(header) if header else None
        if raw_token is None:
            return None
        try:
            token = EnrolmentToken(raw_token)  # type: ignore[arg-type]
        except TokenError:
            return None
        user = self.get_user(token)
        if token.get("account") not in account_digests(user):
            raise InvalidToken
        return user, token
