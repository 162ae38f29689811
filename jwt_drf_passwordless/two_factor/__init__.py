"""Second factors: the names that projects import."""

from jwt_drf_passwordless.two_factor.base import NotSent, NumberRefused, PhoneProvider, SecondFactor
from jwt_drf_passwordless.two_factor.permissions import FreshLogin, HasSecondFactor
from jwt_drf_passwordless.two_factor.phone.authy import AuthyProvider
from jwt_drf_passwordless.two_factor.phone.local import LocalPhoneProvider
from jwt_drf_passwordless.two_factor.stored import StoredFactor

__all__ = [
    "AuthyProvider",
    "FreshLogin",
    "HasSecondFactor",
    "LocalPhoneProvider",
    "NotSent",
    "NumberRefused",
    "PhoneProvider",
    "SecondFactor",
    "StoredFactor",
]
