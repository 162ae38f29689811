"""Access tokens that die with their session."""

from typing import Any

from rest_framework_simplejwt import settings as jwt_settings
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import AuthenticationFailed, InvalidToken
from rest_framework_simplejwt.tokens import Token

from jwt_drf_passwordless.sessions import services
from jwt_drf_passwordless.sessions.conf import is_on


class SessionJWTAuthentication(JWTAuthentication):
    """Refuses an access token whose session has ended, or that names none; without `SESSIONS` it is SimpleJWT's.

    Session and user are read by one statement, in place of the user's.
    """

    #: So that our own views need not ask once more.
    asks_session = True

    def get_user(self, validated_token: Token) -> Any:
        if not is_on():
            return super().get_user(validated_token)
        session = services.find(validated_token.payload)
        if session is None:
            raise InvalidToken
        if jwt_settings.api_settings.CHECK_USER_IS_ACTIVE and not session.user.is_active:
            raise AuthenticationFailed(code="user_inactive")
        services.check_password_unchanged(session.user, validated_token.payload)
        return session.user
