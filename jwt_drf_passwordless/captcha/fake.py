"""A CAPTCHA that asks nobody and takes one fixed token: for development, demos and tests."""

from datetime import datetime, timezone

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from jwt_drf_passwordless.captcha.base import CaptchaProvider, CaptchaResult, CaptchaStatus


class FakeCaptcha(CaptchaProvider):
    """Options: `token`, `hostname` and `insecure`; those of other providers are ignored.

    It keeps nobody out: it is refused where DEBUG is off, unless `insecure` is True. The token works any
    number of times.
    """

    def __init__(
        self,
        *,
        token: str = "human",  # noqa: S107 - no password
        hostname: str = "localhost",
        insecure: bool = False,
        **ignored: object,
    ) -> None:
        super().__init__()
        if not settings.DEBUG and insecure is not True:
            raise ImproperlyConfigured(
                'FakeCaptcha takes a known token: choose a real one, or set "insecure": True where DEBUG is off '
                "and nothing is to be protected."
            )
        self.token = token
        self.hostname = hostname

    def verify(self, token: str, remote_ip: str | None, action: str) -> CaptchaResult:
        if token != self.token:
            return CaptchaResult(CaptchaStatus.REFUSED, "wrong")
        now = datetime.now(timezone.utc)
        return CaptchaResult(CaptchaStatus.PASSED, hostname=self.hostname, solved_at=now, action=action)
