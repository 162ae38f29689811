"""Google reCAPTCHA: v2 (checkbox, invisible), v3 (score), Enterprise (assessments).

https://developers.google.com/recaptcha/docs/verify, https://cloud.google.com/recaptcha/docs/create-assessment-website
"""

from typing import Any
from urllib.parse import quote

from jwt_drf_passwordless.captcha.base import CaptchaResult, CaptchaStatus
from jwt_drf_passwordless.captcha.siteverify import (
    SiteVerify,
    VendorCaptcha,
    is_bound,
    scored,
    text,
    time,
)
from jwt_drf_passwordless.http import Reply
from jwt_drf_passwordless.utils import plain

#: Google's usual threshold: 1.0 is very likely a human.
MIN_SCORE = 0.5


class RecaptchaV2(SiteVerify):
    """Options: `secret`, `site_key`. The `base_url` https://www.recaptcha.net is for places without google.com."""

    form_field = "g-recaptcha-response"
    default_base_url = "https://www.google.com"
    path = "/recaptcha/api/siteverify"
    test_key = "6LeIxAcTAAAAA(JcZVRqyHh71UMIEGNQ_MXjiZKhI|GG-vFI1TnRWxMZNFuojJ4WifJWe)"


class RecaptchaV3(RecaptchaV2):
    """Options: as v2, and `min_score`, 0 to 1. A token of a v2 key has no score and is refused."""

    tells_action = True

    def __init__(self, *, min_score: float = MIN_SCORE, **options: Any) -> None:
        super().__init__(**options)
        self.min_score = min_score
        self._ensure(is_bound(min_score), "min_score must be between 0 and 1")

    def _read(self, reply: Reply) -> CaptchaResult:
        return scored(super()._read(reply), reply.get("score"), self.min_score, 1)


class RecaptchaEnterprise(VendorCaptcha):
    """Options: `api_key`, `project` (its id), `site_key`, `min_score`."""

    form_field = "g-recaptcha-response"
    default_base_url = "https://recaptchaenterprise.googleapis.com"

    def __init__(
        self, *, api_key: str, project: str, site_key: str, min_score: float = MIN_SCORE, **options: Any
    ) -> None:
        super().__init__(secret=api_key, site_key=site_key, **options)
        self.project = project
        self.min_score = min_score
        self._ensure(all(isinstance(one, str) and one for one in (project, site_key)), "project or site_key is missing")
        self._ensure(is_bound(min_score), "min_score must be between 0 and 1")

    def _ask(self, token: str, remote_ip: str | None, action: str) -> Reply:
        event = {"token": token, "siteKey": self.site_key, "expectedAction": action}
        if remote_ip:
            event["userIpAddress"] = remote_ip
        # The key in a header, not in the query, which ends up in logs of requests.
        headers = {"X-Goog-Api-Key": self.secret}
        path = f"/v1/projects/{quote(self.project, safe='')}/assessments"
        return self._post(path, json={"event": event}, headers=headers)

    def _read(self, reply: Reply) -> CaptchaResult:
        if reply.status != 200:
            return CaptchaResult(CaptchaStatus.MISCONFIGURED, plain(reply.get("error", "status")) or str(reply.status))
        if reply.get("tokenProperties", "valid") is not True:
            return CaptchaResult(CaptchaStatus.REFUSED, plain(reply.get("tokenProperties", "invalidReason")))
        result = CaptchaResult(
            CaptchaStatus.PASSED,
            hostname=text(reply.get("tokenProperties", "hostname")),
            solved_at=time(reply.get("tokenProperties", "createTime")),
            action=text(reply.get("tokenProperties", "action")),
        )
        return scored(result, reply.get("riskAnalysis", "score"), self.min_score, 1)
