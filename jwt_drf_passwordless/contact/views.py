"""The endpoints of a change: gate, serializer, one service call, answer."""

from typing import Any

from django.views.decorators.debug import sensitive_variables
from rest_framework.request import Request
from rest_framework.response import Response

from jwt_drf_passwordless.base_views import UserView, user_of
from jwt_drf_passwordless.claims import claims_of
from jwt_drf_passwordless.conf import message
from jwt_drf_passwordless.contact import services
from jwt_drf_passwordless.contact.serializers import ContactSerializer, ContactTokenSerializer
from jwt_drf_passwordless.methods import EMAIL, MOBILE, LoginMethod


class ContactView(UserView):
    """Base: needs a JWT; on while its method is in `ALLOWED_PASSWORDLESS_METHODS`."""

    method: LoginMethod

    @property
    def is_enabled(self) -> bool:
        return self.method.is_enabled


class ContactRequestView(ContactView):
    """POST a new address or number; a code goes there, unless another account holds it.

    Answers 200 `{"detail", "code": "token_sent"}` in both cases; 400 malformed, or the one that the user has
    now; 401; 403 `reauthentication_required` when the login is older than 300 seconds, or was without the
    second factor that the user has; 404 when the method is off; 429 with `Retry-After`; 503.
    """

    limiter_key = "token_request_rate_limit_decorator"
    limit = "request"

    def _handle_post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        data = self.read(request, ContactSerializer).validated_data
        identifier = data[self.method.field]
        services.request_change(user_of(request), self.method, identifier, claims_of(request), request)
        return Response({"detail": message("TOKEN_SENT"), "code": "token_sent"})


class ContactConfirmView(ContactView):
    """POST the same address or number, and `token`, its code: the user signs in by it from now on.

    Answers 200 `{"detail", "code": "contact_changed"}`; 400 `invalid_credentials`, whatever the reason;
    401, 403, 404 and 503 as the request.
    """

    limiter_key = "token_redeem_rate_limit_decorator"
    limit = "redeem"

    @sensitive_variables()
    def _handle_post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        data = self.read(request, ContactTokenSerializer).validated_data
        identifier, code = data[self.method.field], data["token"]
        services.confirm_change(user_of(request), self.method, identifier, code, claims_of(request), request)
        return Response({"detail": message("CONTACT_CHANGED"), "code": "contact_changed"})


class EmailRequestView(ContactRequestView):
    """`contact/email/`: the body is `email`."""

    method = EMAIL


class EmailConfirmView(ContactConfirmView):
    """`contact/email/confirm/`: the body is `email` and `token`."""

    method = EMAIL


class MobileRequestView(ContactRequestView):
    """`contact/mobile/`: the body is `phone_number`."""

    method = MOBILE


class MobileConfirmView(ContactConfirmView):
    """`contact/mobile/confirm/`: the body is `phone_number` and `token`."""

    method = MOBILE
