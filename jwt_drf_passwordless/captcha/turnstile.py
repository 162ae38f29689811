"""Cloudflare Turnstile: https://developers.cloudflare.com/turnstile/get-started/server-side-validation/"""

from jwt_drf_passwordless.captcha.siteverify import SiteVerify


class Turnstile(SiteVerify):
    """Options: `secret`, `site_key`."""

    form_field = "cf-turnstile-response"
    default_base_url = "https://challenges.cloudflare.com"
    path = "/turnstile/v0/siteverify"
    tells_action = True
    test_key = "[123]x0{20,31}(AA|AB|BB|FF)"
