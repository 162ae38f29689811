"""The endpoints of the vendors: request and verify, as the mobile login has them, and the webhook."""

from typing import Any

from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.permissions import AllowAny, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from jwt_drf_passwordless.base_views import FlowView
from jwt_drf_passwordless.conf import settings
from jwt_drf_passwordless.exceptions import MethodDisabled
from jwt_drf_passwordless.external_2fa import webhooks
from jwt_drf_passwordless.external_2fa.registry import find_entry
from jwt_drf_passwordless.views import (
    MobileExchangePasswordlessTokenForAuthTokenView,
    PasswordlessMobileTokenRequestView,
)


class External2FARequestView(PasswordlessMobileTokenRequestView):
    """`external/request/`: as `request/mobile/`; 404 without `EXTERNAL_2FA`."""

    @property
    def is_enabled(self) -> bool:
        return bool(settings.EXTERNAL_2FA) and super().is_enabled


class External2FAVerifyView(MobileExchangePasswordlessTokenForAuthTokenView):
    """`external/verify/`: as `exchange/mobile/`; 404 without `EXTERNAL_2FA`."""

    @property
    def is_enabled(self) -> bool:
        return bool(settings.EXTERNAL_2FA) and super().is_enabled


class External2FAWebhookView(FlowView):
    """`external/webhook/`, for the first provider, and `external/webhook/<alias>/`. Signs nobody in.

    Answers 200 with what the vendor wants, or `{"detail": "OK"}`; 401 for a signature that is wrong,
    missing or too old, or when no key is configured; 400 malformed; 404 no such provider; 415; 500 when a
    receiver failed, so that the vendor sends the event again.
    """

    max_body = 64 * 1024

    @property
    def is_enabled(self) -> bool:
        return bool(settings.EXTERNAL_2FA)

    def get_permissions(self) -> list[BasePermission]:
        """None but the signature."""
        return [AllowAny()]

    def check_throttles(self, request: Request) -> None:
        """None: a vendor comes from one network."""

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """Whatever the vendor says that it accepts, it reads the status only."""
        return super().perform_content_negotiation(request, force=True)

    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        entry = find_entry(self.kwargs.get("alias"))
        if entry is None or not entry.provider.is_configured():
            raise MethodDisabled
        media_type = str(request.content_type or "").partition(";")[0].strip().lower()
        if media_type not in entry.provider.webhook_content_types:
            raise UnsupportedMediaType(media_type)
        # The raw request: its body as it came, whatever parsers the project has.
        body = webhooks.receive(entry, request._request, type(self))
        return Response({"detail": "OK"} if body is None else body)
