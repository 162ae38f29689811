"""The endpoints that sign in by passkey alone."""

from typing import Any

from django.views.decorators.debug import sensitive_variables
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from jwt_drf_passwordless import token_response
from jwt_drf_passwordless.serializers import TextField
from jwt_drf_passwordless.two_factor.passkey import login
from jwt_drf_passwordless.two_factor.serializers import ProofField
from jwt_drf_passwordless.two_factor.views import TwoFactorView


class PasskeyLoginSerializer(serializers.Serializer[Any]):
    """The ticket of `passkey/request/`, and what the browser gave."""

    ticket = TextField(max_length=255)
    credential = ProofField(max_length=255)


class PasskeyView(TwoFactorView):
    """Base: 404 where no passkey signs in."""

    limit = "passkey"

    @property
    def is_enabled(self) -> bool:
        return super().is_enabled and login.is_offered()


class PasskeyRequestView(PasskeyView):
    """`passkey/request/`: no body. Answers 200 `{"publicKey", "ticket"}`; the same for everyone."""

    limiter_key = "token_request_rate_limit_decorator"

    @sensitive_variables()
    def _handle_post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response(login.request_login())


class PasskeyLoginView(PasskeyView):
    """`passkey/login/`: `ticket`, and `credential`, an object.

    Answers 200 `{"refresh", "access"}`; 206 with a ticket as `token/` does; 400 for every failure.
    """

    @sensitive_variables()
    def _handle_post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        data = self.read(request, PasskeyLoginSerializer).validated_data
        user, pending = login.sign_in(data["ticket"], data["credential"], request)
        if pending is not None:
            return Response(pending, status=status.HTTP_206_PARTIAL_CONTENT)
        return Response(token_response.generate_auth_token(user))
