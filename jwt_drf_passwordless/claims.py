"""What the token of a request says about how and when its user has signed in."""

import time
from collections.abc import Mapping
from typing import Any

from rest_framework.request import Request
from rest_framework_simplejwt.tokens import Token

#: Seconds that a proof counts as fresh.
FRESH = 300
#: Seconds by which the clocks of servers may differ.
CLOCK_SKEW = 60


def claims_of(request: Request) -> Mapping[str, Any]:
    """The claims of the validated token; none where the request was authenticated in another way."""
    return request.auth.payload if isinstance(request.auth, Token) else {}


def amr_of(claims: Mapping[str, Any]) -> tuple[str, ...]:
    """The proven factors, names of RFC 8176; none where the claim is missing or no list of texts."""
    amr = claims.get("amr")
    return tuple(amr) if isinstance(amr, list) and all(isinstance(name, str) for name in amr) else ()


def has_second_factor(claims: Mapping[str, Any]) -> bool:
    return claims.get("acr") == "aal2" and "mfa" in amr_of(claims)


def is_fresh(claims: Mapping[str, Any], max_age: float = FRESH) -> bool:
    """Whether the login was at most `max_age` seconds ago by this server's clock; no when that is not said."""
    auth_time, now = auth_time_of(claims), time.time()
    # Compared as it is: an integer of any size can be, but not be subtracted from a float.
    return auth_time is not None and now - max_age <= auth_time <= now + CLOCK_SKEW


def auth_time_of(claims: Mapping[str, Any]) -> int | None:
    """When the user has signed in, in Unix seconds; None where the claim is missing or no whole number."""
    auth_time = claims.get("auth_time")
    return auth_time if isinstance(auth_time, int) and not isinstance(auth_time, bool) else None


def session_of(claims: Mapping[str, Any]) -> str | None:
    """The id of the session (`sid`, as in OpenID Connect); None where the claim is missing or no text."""
    sid = claims.get("sid")
    return sid if isinstance(sid, str) else None
