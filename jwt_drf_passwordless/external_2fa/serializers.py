"""Bodies of `external/request/` and `external/verify/`: those of the mobile login, under their own names."""

from jwt_drf_passwordless.serializers import (
    ExternalMobileTokenExchangeSerializer,
    PasswordlessMobileTokenRequestSerializer,
)


class External2FARequestSerializer(PasswordlessMobileTokenRequestSerializer):
    """`phone_number` and, optional, `method`."""


class External2FAVerifySerializer(ExternalMobileTokenExchangeSerializer):
    """`phone_number` and `code` (or `token`)."""
