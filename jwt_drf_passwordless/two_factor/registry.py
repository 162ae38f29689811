"""From the setting `TWO_FACTOR` to second factors."""

from jwt_drf_passwordless.conf import resolve
from jwt_drf_passwordless.two_factor.base import SecondFactor
from jwt_drf_passwordless.two_factor.conf import option


def factors() -> list[SecondFactor]:
    """The factors in the order in which they are asked, made for one request."""
    return [resolve(path)() for path in option("factors")]
