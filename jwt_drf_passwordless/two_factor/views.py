"""The endpoints of the second factor: gate, serializer, one service call, answer."""

from collections.abc import Mapping
from typing import Any

from django.views.decorators.debug import sensitive_variables
from rest_framework import status
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from rest_framework.response import Response

from jwt_drf_passwordless import base_views, token_response
from jwt_drf_passwordless.base_views import user_of
from jwt_drf_passwordless.claims import claims_of
from jwt_drf_passwordless.services import second_step
from jwt_drf_passwordless.token_response import Proof, note_proof
from jwt_drf_passwordless.two_factor import enrolment, services
from jwt_drf_passwordless.two_factor.authentication import EnrolmentAuthentication
from jwt_drf_passwordless.two_factor.conf import is_on
from jwt_drf_passwordless.two_factor.phone.factor import PhoneFactor
from jwt_drf_passwordless.two_factor.serializers import (
    PasswordSerializer,
    PasswordTokenSerializer,
    PhoneSerializer,
    PhoneTokenSerializer,
    RemovalSerializer,
    TicketSerializer,
    TicketTokenSerializer,
)

PHONE = PhoneFactor.name


class TwoFactorView(base_views.OpenView):
    """Base: 404 without `TWO_FACTOR`; open to everyone."""

    limiter_key = "token_redeem_rate_limit_decorator"
    limit = "redeem"

    @property
    def is_enabled(self) -> bool:
        return is_on()


class TwoFactorUserView(base_views.UserView, TwoFactorView):
    """Base: the same, for users with a JWT."""


class EnrolmentView(TwoFactorUserView):
    """Base: takes the token of somebody who must enrol, too."""

    def get_authenticators(self) -> list[BaseAuthentication]:
        return [EnrolmentAuthentication(), *super().get_authenticators()]


class TwoFactorTokenObtainPairView(TwoFactorView):
    """`token/`: user name and password, in place of SimpleJWT's `TokenObtainPairView`.

    Answers 200 `{"refresh", "access"}` to a user without a second factor; 206 with a ticket to others,
    of whom no token exists by then; 401 wrong; 403 when the second factor is unusable; 503 when its
    provider is.
    """

    limit = "password"

    @sensitive_variables()
    def _handle_post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        user = self.read(request, PasswordSerializer).user
        note_proof(user, Proof(("pwd",), request=request))
        pending = second_step(user, request)
        if pending is not None:
            return Response(pending, status=status.HTTP_206_PARTIAL_CONTENT)
        return Response(token_response.generate_auth_token(user))


class TwoFactorTokenVerifyView(TwoFactorView):
    """`2fa/token-verify/`: ticket and code, or user name, password and code.

    Answers 200 `{"refresh", "access"}`; 400 wrong code; 401 wrong ticket or password.
    """

    @property
    def limit(self) -> str:  # type: ignore[override]
        """Passwords are not guessed here past the limit of `token/`."""
        return "redeem" if self._has_ticket(self.request) else "password"

    @sensitive_variables()
    def _handle_post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        if self._has_ticket(request):
            data = self.read(request, TicketTokenSerializer).validated_data
            return Response(services.verify_ticket(data["ticket"], data["token"], data.get("method"), request))
        serializer = self.read(request, PasswordTokenSerializer)
        data = serializer.validated_data
        pair = services.verify_password_login(serializer.user, data["token"], data.get("method"), request)
        return Response(pair)

    @staticmethod
    def _has_ticket(request: Request) -> bool:
        """Also without a ticket and a password: then the ticket is what is missing."""
        return isinstance(request.data, Mapping) and ("ticket" in request.data or "password" not in request.data)


class TwoFactorResendView(TwoFactorView):
    """`2fa/resend/`: a ticket; answers 204 and a new code is sent, 401 wrong ticket, 429 too soon, 503."""

    limiter_key = "token_request_rate_limit_decorator"
    limit = "request"

    @sensitive_variables()
    def _handle_post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        data = self.read(request, TicketSerializer).validated_data
        services.resend(data["ticket"], data.get("method"), request)
        return Response(status=status.HTTP_204_NO_CONTENT)


class TwoFactorStepUpView(TwoFactorUserView):
    """`2fa/step-up/`: no body. Answers 206 with a ticket, which `2fa/token-verify/` turns into a fresh pair.

    403 without a second factor, or when the session does not say how it began.
    """

    limiter_key = "token_request_rate_limit_decorator"
    limit = "request"

    def _handle_post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        answer = services.step_up(user_of(request), claims_of(request), request)
        return Response(answer, status=status.HTTP_206_PARTIAL_CONTENT)


class PhoneVerifyView(EnrolmentView):
    """`2fa/phone-verify/`: `authy_phone` or `phone_number`; answers 204 and a code is sent there.

    403 `reauthentication_required` unless the login is fresh and, for who has a second factor, by that; 429; 503.
    """

    limiter_key = "token_request_rate_limit_decorator"
    limit = "request"

    def _handle_post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        data = self.read(request, PhoneSerializer).validated_data
        enrolment.begin(user_of(request), PHONE, data, claims_of(request), request)
        return Response(status=status.HTTP_204_NO_CONTENT)


class PhoneRegisterView(EnrolmentView):
    """`2fa/phone-register/`: the number and its code; answers 204, from when on the phone is the second factor.

    400 wrong code; 403 as `2fa/phone-verify/`.
    """

    @sensitive_variables()
    def _handle_post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        data = self.read(request, PhoneTokenSerializer).validated_data
        enrolment.confirm(user_of(request), PHONE, data, claims_of(request), request)
        return Response(status=status.HTTP_204_NO_CONTENT)


class PhoneView(TwoFactorUserView):
    """`2fa/phone/`: GET tells whether there is a phone, masked; DELETE removes it.

    A DELETE needs a fresh token with a second factor, or a `token` in the body, the code of
    `2fa/step-up/`. It answers 204; 403 also when the user must have a second factor; 404 without one.
    """

    http_method_names = ["get", "delete", "options"]

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response(PhoneFactor().status(user_of(request)))

    @sensitive_variables()
    def _handle_post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        data = self.read(request, RemovalSerializer).validated_data
        user = user_of(request)
        device = PhoneFactor().device(user)
        enrolment.remove(user, PHONE, str(device.pk) if device else "", data, claims_of(request), request)
        return Response(status=status.HTTP_204_NO_CONTENT)
