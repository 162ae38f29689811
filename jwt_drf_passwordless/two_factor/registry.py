"""From the setting `TWO_FACTOR` to second factors."""

from typing import Any

from jwt_drf_passwordless.conf import resolve
from jwt_drf_passwordless.two_factor.base import SecondFactor
from jwt_drf_passwordless.two_factor.conf import option
from jwt_drf_passwordless.two_factor.stored import StoredFactor


def factors() -> list[SecondFactor]:
    """The factors in the order in which they are asked, made for one request."""
    made: list[SecondFactor] = [resolve(path)() for path in option("factors")]
    read: dict[Any, Any] = {}
    for factor in made:
        if isinstance(factor, StoredFactor):
            factor.read = read
    return made
