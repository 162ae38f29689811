"""The keys of `TWO_FACTOR["passkey"]`, with their defaults; read at the moment of use."""

from typing import Any

from jwt_drf_passwordless.two_factor.conf import option

DEFAULTS: dict[str, Any] = {
    # The domain that passkeys are for: that of the pages, or one above it. Passkeys of another one are lost.
    "rp_id": "",
    # What browsers call the site. "": `SITE_NAME`, or the domain.
    "rp_name": "",
    # All origins of pages and apps that may ask for a passkey, written as browsers write them.
    "origins": [],
    # Whether devices are to ask for PIN or fingerprint: "required", "preferred" or "discouraged".
    "user_verification": "preferred",
    # Most passkeys of one user.
    "limit": 10,
    # Whether a passkey signs in without a name or password.
    "first_factor": True,
    # Whether users who have a passkey are asked for a second factor at each login.
    "second_factor": True,
}


def passkey_option(name: str) -> Any:
    """The value of a key, or its default."""
    return {**DEFAULTS, **option("passkey")}[name]
