"""CAPTCHAs: the names that projects import."""

from jwt_drf_passwordless.captcha.base import CaptchaProvider, CaptchaResult, CaptchaStatus
from jwt_drf_passwordless.captcha.fake import FakeCaptcha
from jwt_drf_passwordless.captcha.hcaptcha import HCaptcha
from jwt_drf_passwordless.captcha.recaptcha import RecaptchaEnterprise, RecaptchaV2, RecaptchaV3
from jwt_drf_passwordless.captcha.turnstile import Turnstile

__all__ = [
    "CaptchaProvider",
    "CaptchaResult",
    "CaptchaStatus",
    "FakeCaptcha",
    "HCaptcha",
    "RecaptchaEnterprise",
    "RecaptchaV2",
    "RecaptchaV3",
    "Turnstile",
]
