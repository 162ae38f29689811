"""The CAPTCHA vendors, played on this machine as their documents describe them."""

import itertools
import json
import re
from datetime import datetime, timedelta, timezone
from typing import Any, ClassVar

from jwt_drf_passwordless import captcha
from tests.conftest import SCAN
from tests.vendor_server import FORM, Answer, Optional, Route, Vendor

SECRET = "the-secret-of-this-site"
SITE_KEY = "the-site-key"
HOST = "shop.example"
ADDRESS = re.compile(r"[0-9a-f.:]+")
NUMBERS = itertools.count(1)


class CaptchaVendor(Vendor):
    """Takes each of the tokens that it has given once. What it says of them can be changed."""

    provider: ClassVar[type[captcha.CaptchaProvider]]
    options: ClassVar[dict[str, Any]] = {"secret": SECRET, "site_key": SITE_KEY}
    #: Name of the field that its script adds to a form.
    form_field: ClassVar[str] = ""
    #: Whether it tells action and score.
    has_action: ClassVar[bool] = False
    has_score: ClassVar[bool] = False
    time_format: ClassVar[str] = "%Y-%m-%dT%H:%M:%SZ"

    def __init__(self) -> None:
        super().__init__()
        SCAN.tokens |= {SECRET}
        self.open: set[str] = set()
        self.spent: set[str] = set()
        #: Facts of the next answers; None leaves one out.
        self.facts: dict[str, Any] = {"hostname": HOST, "action": "request", "score": 0.9}
        self.solved_at = datetime.now(timezone.utc)

    @property
    def config(self) -> dict[str, Any]:
        """What a project writes into `CAPTCHA`."""
        path = f"jwt_drf_passwordless.captcha.{self.provider.__name__}"
        return {"provider": path, "hostnames": [HOST], "base_url": self.url, "timeout": 5, **self.options}

    def make_provider(self, **options: Any) -> captcha.CaptchaProvider:
        config = {**self.config, **options}
        return self.provider(**{key: value for key, value in config.items() if key not in ("provider", "hostnames")})

    def solve(self) -> str:
        """A new token, as the page gets one."""
        token = f"03AFcWeA-{next(NUMBERS):08}-token.of_a_human"
        SCAN.tokens.add(token)
        self.open.add(token)
        return token

    def take(self, token: str) -> str:
        """Use a token up; the vendor's error, empty if there is none."""
        if token in self.spent:
            return "spent"
        if token not in self.open:
            return "unknown"
        self.open.remove(token)
        self.spent.add(token)
        return ""

    def told(self, *names: str) -> dict[str, Any]:
        return {name: self.facts[name] for name in names if self.facts[name] is not None}

    def age(self, seconds: float) -> None:
        """Let tokens have been solved so long ago."""
        self.solved_at = datetime.now(timezone.utc) - timedelta(seconds=seconds)


class SiteVerifyVendor(CaptchaVendor):
    errors: ClassVar[dict[str, str]] = {"spent": "timeout-or-duplicate", "unknown": "invalid-input-response"}

    def verify(self, request: Any) -> Answer:
        if request.fields["secret"] != SECRET:
            return Answer(200, {"success": False, "error-codes": ["invalid-input-secret"]})
        error = self.take(request.fields["response"])
        if error:
            return Answer(200, {"success": False, "error-codes": [self.errors[error]]})
        names = ["hostname", *["action"] * self.has_action, *["score"] * self.has_score]
        return Answer(
            200, {"success": True, "challenge_ts": self.solved_at.strftime(self.time_format), **self.told(*names)}
        )


def form(path: str, **more: Any) -> list[Route]:
    fields = {"secret": str, "response": re.compile(r"[!-~]{1,8192}"), "remoteip": Optional(ADDRESS), **more}
    return [Route("POST", path, fields, SiteVerifyVendor.verify, FORM)]


class V2(SiteVerifyVendor):
    provider = captcha.RecaptchaV2
    form_field = "g-recaptcha-response"
    routes = form("/recaptcha/api/siteverify")


class V3(V2):
    provider = captcha.RecaptchaV3
    has_action = has_score = True


class HCaptcha(SiteVerifyVendor):
    provider = captcha.HCaptcha
    form_field = "h-captcha-response"
    routes = form("/siteverify", sitekey=SITE_KEY)
    errors = {"spent": "already-seen-response", "unknown": "invalid-input-response"}
    has_score = True
    time_format = "%Y-%m-%dT%H:%M:%S.%fZ"


class Turnstile(SiteVerifyVendor):
    provider = captcha.Turnstile
    form_field = "cf-turnstile-response"
    routes = form("/turnstile/v0/siteverify")
    has_action = True
    time_format = "%Y-%m-%dT%H:%M:%S.123Z"


class Enterprise(CaptchaVendor):
    provider = captcha.RecaptchaEnterprise
    form_field = "g-recaptcha-response"
    options = {"api_key": SECRET, "site_key": SITE_KEY, "project": "shop-123"}
    headers = {"x-goog-api-key": re.compile(".+")}
    has_action = has_score = True
    time_format = "%Y-%m-%dT%H:%M:%S.123456789Z"
    reasons: ClassVar[dict[str, str]] = {"spent": "DUPE", "unknown": "MALFORMED"}

    def assess(self, request: Any) -> Answer:
        if {name.lower(): value for name, value in request.headers.items()}["x-goog-api-key"] != SECRET:
            return Answer(403, {"error": {"code": 403, "status": "PERMISSION_DENIED", "message": "no such key"}})
        event = request.fields["event"]
        error = self.take(event["token"])
        properties = {"valid": not error, "createTime": self.solved_at.strftime(self.time_format)}
        properties |= {"invalidReason": self.reasons[error]} if error else self.told("hostname", "action")
        answer = {"name": "projects/1/assessments/2", "event": event, "tokenProperties": properties}
        return Answer(200, answer if error else {**answer, "riskAnalysis": {**self.told("score"), "reasons": []}})

    routes = [
        Route(
            "POST",
            "/v1/projects/shop-123/assessments",
            {
                "event": {
                    "token": str,
                    "siteKey": SITE_KEY,
                    "expectedAction": re.compile("request|redeem|password"),
                    "userIpAddress": Optional(ADDRESS),
                }
            },
            assess,
        )
    ]


VENDORS = [V2, V3, Enterprise, HCaptcha, Turnstile]


def dumped(value: Any) -> bytes:
    """JSON as bytes, also of what is an `Answer`'s own None."""
    return json.dumps(value).encode()
