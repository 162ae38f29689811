"""What every endpoint shares: gates, limits and headers. All settings are read at call time."""

from abc import abstractmethod
from collections.abc import Callable
from functools import cache, cached_property, wraps
from typing import Any, cast

from django.conf import settings as django_settings
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import connections, transaction
from django.http import HttpRequest, RawPostDataException, UnreadablePostError
from django.http.response import HttpResponseBase
from rest_framework.authentication import BaseAuthentication, BasicAuthentication
from rest_framework.exceptions import NotAcceptable
from rest_framework.parsers import BaseParser
from rest_framework.permissions import AllowAny, BasePermission, IsAuthenticated
from rest_framework.renderers import BaseRenderer, BrowsableAPIRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView
from rest_framework_simplejwt.authentication import JWTAuthentication, JWTStatelessUserAuthentication
from rest_framework_simplejwt.exceptions import InvalidToken

from jwt_drf_passwordless import limits
from jwt_drf_passwordless.claims import claims_of
from jwt_drf_passwordless.conf import CAPTCHA_GATE, SESSION_TEST, resolve, settings
from jwt_drf_passwordless.exceptions import MalformedRequest, MethodDisabled, PayloadTooLarge

#: On every answer: no cache keeps it, no browser guesses its type, no link tells where it came from.
HEADERS = {
    "Cache-Control": "no-store",
    "Pragma": "no-cache",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def _default(kind: str) -> list[Any]:
    """The classes that the project gives DRF for views, as they are now: APIView freezes them at import."""
    return list(getattr(api_settings, f"DEFAULT_{kind}_CLASSES"))


class GuardedParser(BaseParser):
    """Mixed into each of the project's parsers: nesting too deep, too many fields, unknown charsets are a 400."""

    def parse(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().parse(*args, **kwargs)
        except (LookupError, RecursionError, SuspiciousOperation, ValueError):
            raise MalformedRequest from None


@cache
def _guarded(parser: type[BaseParser]) -> type[BaseParser]:
    return type(parser.__name__, (GuardedParser, parser), {})


class FlowView(APIView):
    """Base of the endpoints: POST and OPTIONS only, in autocommit, without authentication by default.

    Answers 404 when the way of signing in is off, 413 to a body over `max_body`, 400 to one that
    cannot be read. A failure is `{"detail", "code"}`; errors of fields keep DRF's shape.
    """

    http_method_names = ["post", "options"]
    #: Largest body in bytes.
    max_body = 16 * 1024
    #: Keys of this view in the settings `PERMISSIONS` and `DECORATORS`.
    permissions_key: str
    limiter_key: str
    #: The rate of `THROTTLE_RATES` that counts its requests.
    limit: str
    #: What a subclass does with a POST that has passed all gates.
    _handle_post: Callable[..., HttpResponseBase]

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        """The view, outside the transactions of `ATOMIC_REQUESTS`: their rollback would undo counted tries."""
        view = super().as_view(**initkwargs)
        for alias in connections:
            view = transaction.non_atomic_requests(alias)(view)
        return view

    @property
    @abstractmethod
    def is_enabled(self) -> bool:
        """Whether the settings allow what this view does; if not, it answers 404."""

    def post(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        limiter = getattr(settings.DECORATORS, self.limiter_key)

        # A function, to which limiters may give attributes, under the name of what it wraps, by which they may count.
        @wraps(self._handle_post, assigned=("__module__", "__name__", "__qualname__"), updated=())
        def handle(request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
            # Behind the last limit: a limited request asks no vendor (ASVS 2.4.1).
            if settings.CAPTCHA:
                resolve(CAPTCHA_GATE)(settings.CAPTCHA, self.limit, request)
            return self._handle_post(request, *args, **kwargs)

        response: HttpResponseBase = limiter(handle)(request, *args, **kwargs)
        return response

    # For views whose other verbs pass limiter and CAPTCHA too; `http_method_names` says which they have.
    patch = delete = post

    def read(self, request: Request, serializer_class: type[Any]) -> Any:
        """The serializer of the body, found valid. Raises ValidationError, AuthenticationFailed."""
        serializer = serializer_class(data=request.data, context={"request": request, "view": self})
        serializer.is_valid(raise_exception=True)
        return serializer

    def options(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Response:
        """Say which verbs there are, and nothing about how the view works."""
        return Response()

    @cached_property
    def _permissions(self) -> list[BasePermission]:
        """Resolved once: a view is made for each request, and asked for them twice."""
        return [permission() for permission in getattr(settings.PERMISSIONS, self.permissions_key)]

    def get_permissions(self) -> list[BasePermission]:
        return self._permissions

    def get_authenticators(self) -> list[BaseAuthentication]:
        """None while everyone is allowed: a stale token or cookie must not get in the way of a login."""
        if all(type(permission) is AllowAny for permission in self.get_permissions()):
            return []
        return [cls() for cls in _default("AUTHENTICATION")]

    def check_throttles(self, request: Request) -> None:
        """The project's throttles, then the limit of the client's network."""
        super().check_throttles(request)
        limits.check_network(self.limit, request)

    def get_throttles(self) -> list[BaseThrottle]:
        return [cls() for cls in _default("THROTTLE")]

    def get_parsers(self) -> list[BaseParser]:
        return [_guarded(cls)() for cls in _default("PARSER")]

    def get_renderers(self) -> list[BaseRenderer]:
        renderers = [cls() for cls in _default("RENDERER") if not issubclass(cls, BrowsableAPIRenderer)]
        return renderers or [JSONRenderer()]

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        # For Django's error reports.
        request.sensitive_post_parameters = "__ALL__"  # type: ignore[attr-defined]
        drf_request = super().initialize_request(request, *args, **kwargs)
        # The client's charset may name a codec that is none for text ("hex"), and crash the parser.
        drf_request.parser_context["encoding"] = django_settings.DEFAULT_CHARSET
        return drf_request

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        try:
            return super().perform_content_negotiation(request, force)
        except (LookupError, ValueError):  # pragma: no cover - DRF before 3.18, for an unknown charset in Accept
            raise NotAcceptable from None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if not self.is_enabled:
            raise MethodDisabled
        self._check_body_size(request._request)
        super().initial(request, *args, **kwargs)

    def _check_body_size(self, request: HttpRequest) -> None:
        declared = request.META.get("CONTENT_LENGTH") or "0"
        if not (declared.isascii() and declared.isdigit()):
            raise MalformedRequest
        try:
            # Read only what declares no great length. int() itself refuses numbers of thousands of digits.
            if len(declared) > 18 or int(declared) > self.max_body or len(request.body) > self.max_body:
                raise PayloadTooLarge
        except RequestDataTooBig:
            raise PayloadTooLarge from None
        except UnreadablePostError:  # the client hung up
            raise MalformedRequest from None
        except RawPostDataException:
            pass  # a middleware has parsed the form; its length was the declared one

    def handle_exception(self, exc: Exception) -> Response:
        """Render a failure. DRF's handler marks open transactions for rollback; that mark is taken back,
        or a 400 would undo what the caller's own `atomic()` block has counted and break every `TestCase`."""
        marks = [(connection, connection.needs_rollback) for connection in connections.all(initialized_only=True)]
        response = super().handle_exception(exc)
        for connection, mark in marks:
            connection.needs_rollback = mark
        if isinstance(response.data, dict) and response.data.keys() == {"detail"}:
            response.data["code"] = getattr(response.data["detail"], "code", "error")
        return response

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        for name, value in HEADERS.items():
            response[name] = value
        return response


class OpenView(FlowView):
    """Base: open to everyone, whatever `PERMISSIONS` says; a refusal is a 401."""

    def get_permissions(self) -> list[BasePermission]:
        return [AllowAny()]

    def get_authenticate_header(self, request: Request) -> str:
        """With one, a refusal is 401; REST framework makes it 403 in views without authenticators."""
        return 'Bearer realm="api"'


class UserView(OpenView):
    """Base: needs a JWT, or what else the project's `DEFAULT_AUTHENTICATION_CLASSES` take, but no password alone.

    401 to an access token whose session has ended, whichever authenticator has taken it.
    """

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        is_asked = getattr(request.successful_authenticator, "asks_session", False)
        if settings.SESSIONS is not None and not is_asked and resolve(SESSION_TEST)(claims_of(request)):
            raise InvalidToken

    def get_permissions(self) -> list[BasePermission]:
        return [IsAuthenticated()]

    def get_authenticators(self) -> list[BaseAuthentication]:
        without = (BasicAuthentication, JWTStatelessUserAuthentication)
        authenticators = [one for one in super().get_authenticators() if not isinstance(one, without)]
        if not any(isinstance(one, JWTAuthentication) for one in authenticators):
            authenticators = [JWTAuthentication(), *authenticators]
        return authenticators


def user_of(request: Request) -> AbstractBaseUser:
    """The user of a request that has passed `IsAuthenticated`."""
    user: Any = request.user
    return cast(AbstractBaseUser, user)
