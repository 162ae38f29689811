"""The endpoints of trusted devices: list them, and end the trust in one or all."""

from typing import Any

from rest_framework import status
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from jwt_drf_passwordless.base_views import user_of
from jwt_drf_passwordless.two_factor import trusted
from jwt_drf_passwordless.two_factor.views import TwoFactorUserView


class TrustedDeviceView(TwoFactorUserView):
    """`2fa/trusted-devices/<id>/`: DELETE answers 204; 404 where the user has no such device.

    404 `method_disabled` without `TWO_FACTOR["trusted_device_days"]`.
    """

    http_method_names = ["delete", "options"]

    @property
    def is_enabled(self) -> bool:
        return trusted.is_offered()

    def _handle_post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        if not trusted.forget(user_of(request), kwargs["pk"], request):
            raise NotFound
        return Response(status=status.HTTP_204_NO_CONTENT)


class TrustedDevicesView(TrustedDeviceView):
    """`2fa/trusted-devices/`: GET lists the user's devices, DELETE ends the trust in all of them, and answers 204."""

    http_method_names = ["get", "delete", "options"]

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response(trusted.devices(user_of(request)))

    def _handle_post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        trusted.forget(user_of(request), request=request)
        return Response(status=status.HTTP_204_NO_CONTENT)
