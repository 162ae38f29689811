"""CAPTCHA vendors that are asked by HTTP: one form sent, one JSON answer (`siteverify`)."""

import re
from abc import abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from django.core.exceptions import ImproperlyConfigured
from django.utils.dateparse import parse_datetime

from jwt_drf_passwordless.captcha.base import CaptchaProvider, CaptchaResult, CaptchaStatus
from jwt_drf_passwordless.http import NoAnswer, Reply, fetch, is_safe
from jwt_drf_passwordless.utils import plain

#: Seconds to wait for each piece of an answer: somebody sits in front of a form.
TIMEOUT = 5.0


class VendorCaptcha(CaptchaProvider):
    """Base of the vendors in this package. `base_url` is https but for loopback addresses, `timeout` in seconds."""

    default_base_url: ClassVar[str]
    #: What the keys look like that the vendor publishes for tests.
    test_key: ClassVar[str] = "(?!)"

    def __init__(
        self, *, secret: str, site_key: str = "", base_url: str | None = None, timeout: float = TIMEOUT
    ) -> None:
        super().__init__()
        self.secret = secret
        self.site_key = site_key
        self.base_url = (base_url or self.default_base_url).rstrip("/")
        self.timeout = timeout
        self._ensure(isinstance(secret, str) and bool(re.fullmatch(r"[\x21-\x7e]+", secret)), "the secret is missing")
        self._ensure(isinstance(site_key, str), "site_key must be a text")
        self._ensure(is_safe(self.base_url), "base_url must start with https://")
        self._ensure(isinstance(timeout, int | float) and 0 < timeout <= 60, "timeout must be 0 to 60 seconds")

    def _ensure(self, condition: bool, mistake: str) -> None:
        if not condition:
            raise ImproperlyConfigured(f"{type(self).__name__}: {mistake}")

    @property
    def uses_test_key(self) -> bool:
        return any(re.fullmatch(self.test_key, key) for key in (self.secret, self.site_key))

    def verify(self, token: str, remote_ip: str | None, action: str) -> CaptchaResult:
        try:
            reply = self._ask(token, remote_ip, action)
        except NoAnswer as error:
            return CaptchaResult(CaptchaStatus.UNAVAILABLE, error.reason)
        if reply.status == 429 or reply.status >= 500:
            return CaptchaResult(CaptchaStatus.UNAVAILABLE, str(reply.status))
        return self._read(reply)

    def _post(self, path: str, **kwargs: Any) -> Reply:
        """What the vendor answers. Raises NoAnswer where it gives no answer."""
        return fetch("POST", self.base_url + path, timeout=self.timeout, **kwargs)

    @abstractmethod
    def _ask(self, token: str, remote_ip: str | None, action: str) -> Reply:
        """The vendor's answer. Raises NoAnswer."""

    @abstractmethod
    def _read(self, reply: Reply) -> CaptchaResult:
        """What an answer of any shape means."""


class SiteVerify(VendorCaptcha):
    """The form that reCAPTCHA, hCaptcha and Turnstile share."""

    path: ClassVar[str]
    #: Whether its answers name the action.
    tells_action: ClassVar[bool] = False
    #: Error codes that are not about the token.
    errors: ClassVar[Mapping[str, CaptchaStatus]] = {
        "missing-input-secret": CaptchaStatus.MISCONFIGURED,
        "invalid-input-secret": CaptchaStatus.MISCONFIGURED,
        "internal-error": CaptchaStatus.UNAVAILABLE,
    }

    def _ask(self, token: str, remote_ip: str | None, action: str) -> Reply:
        fields = {"secret": self.secret, "response": token, "remoteip": remote_ip, **self._more_fields()}
        return self._post(self.path, data=fields)

    def _more_fields(self) -> dict[str, str]:
        return {}

    def _read(self, reply: Reply) -> CaptchaResult:
        if reply.status == 200 and reply.get("success") is True:
            return CaptchaResult(
                CaptchaStatus.PASSED,
                hostname=text(reply.get("hostname")),
                solved_at=time(reply.get("challenge_ts")),
                action=text(reply.get("action")) if self.tells_action else None,
            )
        found = reply.get("error-codes")
        codes = [code for code in map(plain, found) if code] if isinstance(found, list) else []
        # An error of HTTP without the vendor's own word for it is about the request, which is ours.
        status = CaptchaStatus.REFUSED if codes or reply.status == 200 else CaptchaStatus.MISCONFIGURED
        status = next((self.errors[code] for code in codes if code in self.errors), status)
        return CaptchaResult(status, codes[0] if codes else str(reply.status))


def scored(result: CaptchaResult, score: object, lowest: float, highest: float) -> CaptchaResult:
    """The result, refused unless the score is a number within the bounds; a missing one is none."""
    if result.status is not CaptchaStatus.PASSED:
        return result
    in_bounds = isinstance(score, int | float) and not isinstance(score, bool) and lowest <= score <= highest
    return result if in_bounds else CaptchaResult(CaptchaStatus.REFUSED, "score")


def is_bound(value: Any) -> bool:
    """Whether an option can be a bound of scores: a number from 0 to 1."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def text(value: object) -> str:
    """A text of the vendor's JSON; empty for whatever is none."""
    return value if isinstance(value, str) else ""


def time(value: object) -> datetime | None:
    """A time in ISO 8601 with its zone; None for whatever is none."""
    try:
        found = parse_datetime(text(value))
    except ValueError:
        return None
    return found if found and found.tzinfo else None
