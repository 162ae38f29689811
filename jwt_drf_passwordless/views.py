"""The endpoints: gate, serializer, one service call, answer."""

from typing import Any

from django.views.decorators.debug import sensitive_variables
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from jwt_drf_passwordless import services
from jwt_drf_passwordless.base_views import FlowView
from jwt_drf_passwordless.conf import message, settings
from jwt_drf_passwordless.methods import EMAIL, METHODS, MOBILE, LoginMethod


class LoginView(FlowView):
    """Base of request and exchange: on while one of its methods is in `ALLOWED_PASSWORDLESS_METHODS`."""

    methods: tuple[LoginMethod, ...]
    #: Key of the serializer in the setting `SERIALIZERS`.
    serializer_key: str

    @property
    def is_enabled(self) -> bool:
        return any(method.is_enabled for method in self.methods)


class AbstractPasswordlessTokenRequestView(LoginView):
    """POST an identifier; a code, and a link, go to it if anyone may sign in by it.

    Answers 200 `{"detail", "code": "token_sent"}`, the same for every identifier; 400 malformed;
    429 with `Retry-After` in seconds within the cooldown; 503 while all vendors of `EXTERNAL_2FA` are
    known to be down, or `SMS_BUDGET` is used up.
    """

    limit = "request"
    permissions_key = "passwordless_token_request"
    limiter_key = "token_request_rate_limit_decorator"

    @sensitive_variables()
    def _handle_post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        serializer = self.read(request, getattr(settings.SERIALIZERS, self.serializer_key))
        (method,) = self.methods
        data = serializer.validated_data
        challenge = services.request_login(method, data[method.field], serializer, request, data.get("method"))
        bound = {"handle": challenge.nonce} if settings.BIND_TO_REQUEST else {}
        return Response({"detail": message("TOKEN_SENT"), "code": "token_sent", **bound})


class PasswordlessEmailTokenRequestView(AbstractPasswordlessTokenRequestView):
    """`request/email/`: the body is `email`."""

    methods = (EMAIL,)
    serializer_key = "passwordless_email_token_request"


class PasswordlessMobileTokenRequestView(AbstractPasswordlessTokenRequestView):
    """`request/mobile/`: the body is `phone_number`, and optional `method`, the channel."""

    methods = (MOBILE,)
    serializer_key = "passwordless_mobile_token_request"


class AbstractExchangePasswordlessTokenForAuthTokenView(LoginView):
    """POST a code with its identifier, or a link's token; a SimpleJWT pair comes back.

    Answers 200 `{"refresh", "access"}`; 206 when a second factor is needed; 400 `Invalid
    credentials`, whatever the reason, or malformed; 404 when the method is off; 503 as a request by phone.
    """

    limit = "redeem"
    permissions_key = "passwordless_token_exchange"
    limiter_key = "token_redeem_rate_limit_decorator"

    @sensitive_variables()
    def _handle_post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        serializer = self.read(request, getattr(settings.SERIALIZERS, self.serializer_key))
        field = serializer.token_request_identifier_field
        data = serializer.validated_data
        user = services.exchange_login(
            data["token"], field=field, identifier=data.get(field), handle=data.get("handle"), request=request
        )
        pending = services.second_step(user, request)
        if pending is not None:
            return Response(pending, status=status.HTTP_206_PARTIAL_CONTENT)
        return Response(serializer.generate_auth_token(user))


class EmailExchangePasswordlessTokenForAuthTokenView(AbstractExchangePasswordlessTokenForAuthTokenView):
    """`exchange/email/`: the body is `token`, and `email` for a code."""

    methods = (EMAIL,)
    serializer_key = "passwordless_email_token_exchange"


class MobileExchangePasswordlessTokenForAuthTokenView(AbstractExchangePasswordlessTokenForAuthTokenView):
    """`exchange/mobile/`: the body is `token` or `code`, and `phone_number` for a code."""

    methods = (MOBILE,)

    @property
    def serializer_key(self) -> str:  # type: ignore[override]
        return "external_mobile_token_exchange" if settings.EXTERNAL_2FA else "passwordless_mobile_token_exchange"


class ExchangePasswordlessTokenForAuthTokenView(AbstractExchangePasswordlessTokenForAuthTokenView):
    """`exchange/`: for either method; a link's token needs nothing beside it."""

    methods = METHODS
    serializer_key = "passwordless_token_exchange"
