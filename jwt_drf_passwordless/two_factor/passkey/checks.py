"""`manage.py check` for `TWO_FACTOR["passkey"]`, asked where the factor is listed."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from django.core.checks import CheckMessage, Error, Warning

from jwt_drf_passwordless.conf import NAMESPACE
from jwt_drf_passwordless.two_factor.conf import option
from jwt_drf_passwordless.two_factor.passkey.conf import DEFAULTS, passkey_option

WRONG_KEY = "jwt_drf_passwordless.E036"
BAD_ORIGIN = "jwt_drf_passwordless.E037"
NEVER_VERIFIED = "jwt_drf_passwordless.W035"

WHERE = f"{NAMESPACE}['TWO_FACTOR']['passkey']"
#: A domain, whose last part is no number: browsers have no passkeys for IP addresses.
DOMAIN = re.compile(r"([a-z0-9-]+\.)*[a-z][a-z0-9-]*")
#: As browsers write them, and as Android does for apps.
ORIGIN = re.compile(r"(https?)://([a-z0-9.-]+)(?::([1-9][0-9]{0,4}))?")
MAX_PORT = 65535
APP_ORIGIN = re.compile(r"android:apk-key-hash:[A-Za-z0-9_-]{43}")
#: What is wrong with a value, where it is wrong.
RULES: dict[str, tuple[Callable[[Any], object], str]] = {
    "rp_id": (
        lambda value: isinstance(value, str) and DOMAIN.fullmatch(value),
        "must be your domain, in lower case, without scheme and port",
    ),
    "rp_name": (lambda value: isinstance(value, str), "must be a text"),
    "origins": (
        lambda value: isinstance(value, list | tuple) and value and all(isinstance(one, str) for one in value),
        "must list the origins of your pages, such as 'https://example.com'",
    ),
    "user_verification": (
        lambda value: value in ("required", "preferred", "discouraged"),
        "must be 'required', 'preferred' or 'discouraged'",
    ),
    "limit": (lambda value: type(value) is int and 1 <= value <= 50, "must be a number from 1 to 50"),
    "first_factor": (lambda value: isinstance(value, bool), "must be True or False"),
    "second_factor": (lambda value: isinstance(value, bool), "must be True or False"),
}


def check_passkeys() -> list[CheckMessage]:
    """Errors: values that cannot be used, origins that are nobody's or everybody's."""
    return [*_keys()] or [*_origins()]


def check_passkeys_in_deployment() -> list[CheckMessage]:
    """Error: an origin of development. Warning: passkeys that are never asked for PIN or fingerprint are one factor."""
    found: list[CheckMessage] = []
    for origin in passkey_option("origins") or ():
        if str(origin).startswith("http://"):
            hint = "It starts with https://."
            found.append(Error(f"{WHERE}['origins']: {origin!r} cannot be used.", hint=hint, id=BAD_ORIGIN))
    if passkey_option("first_factor") and passkey_option("user_verification") == "discouraged":
        message = f"{WHERE}: a device that is stolen signs in, for nobody is asked for PIN or fingerprint."
        found.append(Warning(message, id=NEVER_VERIFIED))
    return found


def _keys() -> Iterator[CheckMessage]:
    for name in option("passkey").keys() - DEFAULTS.keys():
        yield Error(f"{WHERE} has no key {name!r}.", hint=f"Known: {', '.join(DEFAULTS)}.", id=WRONG_KEY)
    for name, (is_right, sentence) in RULES.items():
        if not is_right(passkey_option(name)):
            yield Error(f"{WHERE}[{name!r}] {sentence}.", id=WRONG_KEY)


def _origins() -> Iterator[CheckMessage]:
    rp_id = passkey_option("rp_id")
    for origin in passkey_option("origins"):
        if APP_ORIGIN.fullmatch(origin):
            continue
        found = ORIGIN.fullmatch(origin)
        scheme, host, port = found.groups(default="0") if found else ("", "", "0")
        if not scheme or (scheme, port) in (("https", "443"), ("http", "80")) or int(port) > MAX_PORT:
            hint = "As the browser writes it: scheme, host, a port that is not the usual one; no path, no wildcard."
        elif scheme == "http" and host != "localhost":  # whether DEBUG is on does not matter: in tests it never is
            hint = "It starts with https://; http://localhost will do for development."
        elif host != rp_id and not host.endswith(f".{rp_id}"):
            hint = f"Its host is {rp_id} or below it."
        else:
            continue
        yield Error(f"{WHERE}['origins']: {origin!r} cannot be used.", hint=hint, id=BAD_ORIGIN)
