"""hCaptcha: https://docs.hcaptcha.com/#verify-the-user-response-server-side"""

from typing import Any

from jwt_drf_passwordless.captcha.base import CaptchaResult
from jwt_drf_passwordless.captcha.siteverify import SiteVerify, is_bound, scored
from jwt_drf_passwordless.http import Reply


class HCaptcha(SiteVerify):
    """Options: `secret`, `site_key` (tokens of other keys are then refused), `max_score` (Enterprise only).

    Its scores go the other way than Google's: 0 is a human, 1 a bot.
    """

    form_field = "h-captcha-response"
    default_base_url = "https://api.hcaptcha.com"
    path = "/siteverify"
    test_key = r"0x0{40}|([123])0000000-ffff-ffff-ffff-00000000000\1"

    def __init__(self, *, max_score: float | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.max_score = max_score
        self._ensure(max_score is None or is_bound(max_score), "max_score must be between 0 and 1, or None")

    def _more_fields(self) -> dict[str, str]:
        return {"sitekey": self.site_key} if self.site_key else {}

    def _read(self, reply: Reply) -> CaptchaResult:
        result = super()._read(reply)
        return result if self.max_score is None else scored(result, reply.get("score"), 0, self.max_score)
