"""Whether a request needs a solved CAPTCHA, and whether it brings one. Asked by `FlowView`, behind all limits."""

import re
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from django.views.decorators.debug import sensitive_variables
from rest_framework.request import Request

from jwt_drf_passwordless import limits
from jwt_drf_passwordless.captcha.base import CaptchaProvider, CaptchaResult, CaptchaStatus
from jwt_drf_passwordless.clients import client_address, counted_as
from jwt_drf_passwordless.conf import resolve
from jwt_drf_passwordless.counters import count_in_window
from jwt_drf_passwordless.events import record
from jwt_drf_passwordless.exceptions import CaptchaInvalid, CaptchaRequired, CaptchaUnavailable
from jwt_drf_passwordless.signals import captcha_failed
from jwt_drf_passwordless.utils import plain

#: Keys of `CAPTCHA` that are not options of the provider, and their defaults.
OURS = {"provider": None, "routes": ("request",), "after": 0, "hostnames": (), "fail_open": False}
#: Seconds from the solving of a CAPTCHA until its token is too old; by how much the vendor's clock may be ahead.
MAX_AGE = 300
MAX_AHEAD = 60
#: What is sent to a vendor: no vendor's tokens are longer or have other characters.
TOKEN = re.compile(r"[\x21-\x7e]{1,8192}")
#: Seconds in which the requests of `after` are counted.
AFTER_WINDOW = 3600


def build(config: Mapping[str, Any]) -> CaptchaProvider:
    """Make the provider of a dict, its options given by keyword. Raises what its constructor raises."""
    provider_class: type[CaptchaProvider] = resolve(config["provider"])
    return provider_class(**{name: value for name, value in config.items() if name not in OURS})


@sensitive_variables()
def require_captcha(given: Mapping[str, Any], route: str, request: Request) -> None:
    """Let a request to `route` pass if `given`, the setting, asks no CAPTCHA of it, or if it brings a good token.

    Raises CaptchaRequired, CaptchaInvalid, CaptchaUnavailable, and with `fail_open` Throttled above the
    rate `captcha_down`. No statement, and nothing that depends on who asks to sign in.
    """
    config = {**OURS, **given}
    if route not in config["routes"] or not _is_due(route, request, config["after"]):
        return
    provider = build(config)
    token = _given_token(request.data, provider.form_field)
    if token in (None, ""):
        raise CaptchaRequired
    result = _verify(provider, token, route, request, config["hostnames"])
    if result.status is CaptchaStatus.PASSED:
        return
    told = {"route": route, "status": result.status.value, "reason": plain(result.reason)}
    record(captcha_failed, field="", request=request, **told)
    if result.status is CaptchaStatus.REFUSED:
        raise CaptchaInvalid
    if result.status is not CaptchaStatus.UNAVAILABLE or config["fail_open"] is not True:
        raise CaptchaUnavailable
    limits.check_network("captcha_down", request, public_only=False)


def _is_due(route: str, request: Request, after: int) -> bool:
    if not after:
        return True
    number, _ = count_in_window(AFTER_WINDOW, "captcha", route, counted_as(client_address(request)))
    # 0: the cache has failed, and nobody knows how many there were.
    return number == 0 or number > after


def _given_token(body: Any, form_field: str) -> Any:
    """What stands in the body for a token, of whatever type; None where nothing does."""
    if not isinstance(body, Mapping):
        return None
    return body.get("captcha") or body.get(form_field)


@sensitive_variables()
def _verify(provider: CaptchaProvider, token: Any, route: str, request: Request, hostnames: list[str]) -> CaptchaResult:
    """The provider's result; refused where the token cannot be one, or was solved elsewhere or too long ago."""
    if not isinstance(token, str) or not TOKEN.fullmatch(token):
        return CaptchaResult(CaptchaStatus.REFUSED, "malformed")
    address = client_address(request)
    result = provider.verify(token, str(address) if address and address.is_global else None, route)
    mistake = _mistake(result, route, hostnames) if result.status is CaptchaStatus.PASSED else ""
    return CaptchaResult(CaptchaStatus.REFUSED, mistake) if mistake else result


def _mistake(result: CaptchaResult, route: str, hostnames: list[str]) -> str:
    """What speaks against a solved CAPTCHA; empty if nothing does."""
    if not result.hostname or result.hostname.lower() not in [name.lower() for name in hostnames]:
        return "hostname"
    if result.action not in (None, route):
        return "action"
    if result.solved_at is None:
        return "age"
    age = (datetime.now(timezone.utc) - result.solved_at).total_seconds()
    return "" if -MAX_AHEAD <= age <= MAX_AGE else "age"
