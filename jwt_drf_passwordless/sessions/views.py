"""The endpoints of tokens and sessions: gate, serializer, one service call, answer."""

from typing import Any
from uuid import UUID

from django.apps import apps
from django.core.exceptions import ObjectDoesNotExist
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables
from rest_framework import status
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework_simplejwt import settings as jwt_settings
from rest_framework_simplejwt.exceptions import InvalidToken, TokenError
from rest_framework_simplejwt.tokens import RefreshToken, UntypedToken

from jwt_drf_passwordless.base_views import OpenView, UserView, user_of
from jwt_drf_passwordless.claims import claims_of, session_of
from jwt_drf_passwordless.conf import resolve
from jwt_drf_passwordless.exceptions import ReauthenticationRequired
from jwt_drf_passwordless.models import Session
from jwt_drf_passwordless.sessions import services
from jwt_drf_passwordless.sessions.conf import is_on
from jwt_drf_passwordless.sessions.serializers import (
    NameSerializer,
    RefreshTokenSerializer,
    SessionSerializer,
    SessionTokenRefreshSerializer,
)

#: SimpleJWT's list of single tokens that were revoked.
BLACKLIST_APP = "rest_framework_simplejwt.token_blacklist"


def refresh_serializer() -> Any:
    """The class that takes refresh tokens: the project's, which has to know of sessions while they are on."""
    named = resolve(jwt_settings.api_settings.TOKEN_REFRESH_SERIALIZER)
    return named if not is_on() or issubclass(named, SessionTokenRefreshSerializer) else SessionTokenRefreshSerializer


class TokenView(OpenView):
    """Base: open to everyone, neither limited nor behind a CAPTCHA: who comes has a token, which cannot be guessed."""

    #: None of `THROTTLE_RATES`: many users refresh from one network.
    limit = ""

    @property
    def is_enabled(self) -> bool:
        return True

    @sensitive_variables()
    def validate(self, request: Request, serializer_class: type[Any]) -> Any:
        """What a serializer of SimpleJWT makes of the body. Raises InvalidToken, ValidationError, and others."""
        try:
            return self.read(request, serializer_class).validated_data
        except TokenError as error:
            raise InvalidToken(error.args[0]) from None
        except ObjectDoesNotExist:  # the user was deleted
            raise InvalidToken from None


class GuardedTokenRefreshView(TokenView):
    """`token/refresh/`: `refresh`; answers 200 `{"access"}`, with `SESSIONS` `{"access", "refresh"}`; 401.

    Without `SESSIONS` it does what SimpleJWT's view does, which `TOKEN_REFRESH_SERIALIZER` names.
    """

    @sensitive_variables()
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response(self.validate(request, refresh_serializer()))


class GuardedTokenVerifyView(TokenView):
    """`token/verify/`: `token`; answers 200 `{}` or 401. A token whose session has ended is not valid."""

    @sensitive_variables()
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        answer = self.validate(request, resolve(jwt_settings.api_settings.TOKEN_VERIFY_SERIALIZER))
        data: Any = request.data
        if is_on() and services.has_ended(UntypedToken(data["token"].strip()).payload):
            raise InvalidToken
        return Response(answer)


class TokenLogoutView(TokenView):
    """`token/logout/`: `refresh`; always answers 204, so that it does not tell what the token was worth.

    404 where refresh tokens cannot be revoked: without `SESSIONS` and without SimpleJWT's blacklist app.
    """

    @property
    def is_enabled(self) -> bool:
        return is_on() or apps.is_installed(BLACKLIST_APP)

    @sensitive_variables()
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        text = self.read(request, RefreshTokenSerializer).validated_data["refresh"]
        try:
            token = services.read(getattr(refresh_serializer(), "token_class", RefreshToken), text)
        except TokenError:
            pass
        else:
            services.log_out(token, request)
        return Response(status=status.HTTP_204_NO_CONTENT)


class SessionView(UserView):
    """Base: 404 without `SESSIONS`."""

    limit = ""

    @property
    def is_enabled(self) -> bool:
        return is_on()

    def show(self, request: Request, sessions: Any, *, many: bool) -> Response:
        return Response(SessionSerializer(sessions, many=many, context={"claims": claims_of(request)}).data)


class SessionsView(SessionView):
    """`sessions/`: GET lists those of the user, the last used first; DELETE ends all of them, with 204."""

    http_method_names = ["get", "delete", "options"]

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.show(request, Session.objects.of(user_of(request), timezone.now()), many=True)

    def delete(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        services.end_sessions(user_of(request), reason="user", request=request)
        return Response(status=status.HTTP_204_NO_CONTENT)


class OtherSessionsView(SessionView):
    """`sessions/others/`: DELETE ends all but that of the access token, with 204; 403 when that names none."""

    http_method_names = ["delete", "options"]

    def delete(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        claims = claims_of(request)
        if session_of(claims) is None:
            raise ReauthenticationRequired
        services.end_sessions(user_of(request), reason="user", keep=claims, request=request)
        return Response(status=status.HTTP_204_NO_CONTENT)


class OneSessionView(SessionView):
    """`sessions/<id>/`: PATCH `name`, answers 200 the session; DELETE ends it, with 204; 404 for somebody else's."""

    http_method_names = ["patch", "delete", "options"]

    def patch(self, request: Request, *args: Any, pk: UUID, **kwargs: Any) -> Response:
        name = self.read(request, NameSerializer).validated_data["name"]
        session = services.rename(user_of(request), pk, name)
        if session is None:
            raise NotFound
        return self.show(request, session, many=False)

    def delete(self, request: Request, *args: Any, pk: UUID, **kwargs: Any) -> Response:
        if not services.end_session(user_of(request), pk, reason="user", request=request):
            raise NotFound
        return Response(status=status.HTTP_204_NO_CONTENT)
