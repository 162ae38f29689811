"""Authenticator apps: codes that app and server make of a shared secret and the time (RFC 6238)."""

import base64
import io
import logging
import secrets
import time
from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables
from rest_framework.request import Request

from jwt_drf_passwordless.conf import settings
from jwt_drf_passwordless.exceptions import InvalidCredentials, SecondFactorBroken
from jwt_drf_passwordless.methods import MOBILE
from jwt_drf_passwordless.models import Authenticator
from jwt_drf_passwordless.models import PasswordlessChallengeToken as Challenge
from jwt_drf_passwordless.two_factor import keys
from jwt_drf_passwordless.two_factor.base import ensure_length
from jwt_drf_passwordless.two_factor.conf import option
from jwt_drf_passwordless.two_factor.stored import StoredFactor

logger = logging.getLogger(__name__)

#: What all apps support, whatever the URI asks for: SHA-1, six digits, 30 seconds.
DIGITS = 6
PERIOD = 30
#: Bytes of a secret: as many as SHA-1 gives (RFC 4226 section 4).
SECRET_BYTES = 20
#: Longest account or issuer in characters, so that the URI fits into a QR code.
MAX_LABEL = 64


class TotpFactor(StoredFactor):
    """One app for each user. `Authenticator.counter` is the time step of the last code taken: none works twice."""

    name = "totp"
    label = _("authenticator app")
    libraries = ("pyotp", "segno")
    extra = "totp"

    def is_enrolled(self, user: AbstractBaseUser) -> bool:
        for row in self.rows(user):
            self._secret(row)
        return super().is_enrolled(user)

    def check_format(self, user: AbstractBaseUser, code: str) -> None:
        ensure_length(code, DIGITS)

    check_enrolment_format = check_format

    @sensitive_variables()
    def verify(self, user: AbstractBaseUser, row: Challenge, code: str) -> bool:
        return self._spend(self.rows(user)[-1], code)

    @sensitive_variables()
    def begin(
        self, user: AbstractBaseUser, row: Challenge, data: Mapping[str, Any], request: Request | None
    ) -> dict[str, Any]:
        """The secret, which is told here only; as a text, as the URI that apps read, and that as a QR code in SVG."""
        secret = base64.b32encode(secrets.token_bytes(SECRET_BYTES)).decode()
        Authenticator.objects.filter(user_id=user.pk, method=self.name, confirmed_at=None).delete()
        self.create(user, confirmed=False, secret=keys.seal(self.name, user.pk, secret.encode()))
        uri = _uri(user, secret)
        return {"secret": secret, "otpauth_uri": uri, "qr_svg": _qr_code(uri)}

    @sensitive_variables()
    def check_enrolment(self, user: AbstractBaseUser, row: Challenge, code: str) -> bool:
        pending = self.pending(user)
        return pending is not None and self._spend(pending, code)

    def store(self, user: AbstractBaseUser, row: Challenge, data: Mapping[str, Any]) -> dict[str, Any]:
        pending = self.pending(user)
        values = {"confirmed_at": timezone.now(), "name": data.get("name", "")}
        with self.replacing(user, row):
            mine = Authenticator.objects.filter(user_id=user.pk, method=self.name)
            if pending is None or not mine.filter(pk=pending.pk, confirmed_at=None).update(**values):
                raise InvalidCredentials("raced")
            mine.exclude(pk=pending.pk).delete()
        return self.listed(user)[0]

    @sensitive_variables()
    def _spend(self, row: Authenticator, code: str) -> bool:
        """Whether the code is right; its time step, and all before, are void then (RFC 6238 section 5.2).

        A secret that an older key seals is sealed anew by the way.
        """
        step = matching_step(self._secret(row), code, after=row.counter)
        if step is None:
            return False
        return self.use(row, if_still={"counter__lt": step}, counter=step, secret=keys.renew(row))

    @sensitive_variables()
    def _secret(self, row: Authenticator) -> str:
        """Raises SecondFactorBroken when no key opens it: that never counts as no factor."""
        try:
            return keys.unseal(row).decode()
        except ValueError:
            logger.error("The authenticator app of the user %s is sealed under no key in use", row.user_id)
            raise SecondFactorBroken from None


@sensitive_variables()
def matching_step(secret: str, code: str, *, after: int) -> int | None:
    """The time step whose code this is, of now and one step each way, if it is later than `after`; else None.

    A clock that was set back makes no step anew: until it has caught up, nothing matches.
    """
    from pyotp import TOTP

    app = TOTP(secret, digits=DIGITS, interval=PERIOD)
    now = int(time.time()) // PERIOD
    steps = [step for step in (now - 1, now, now + 1) if step > max(after, 0)]
    # All are compared, whichever fits, so that the duration tells nothing.
    return max([step for step in steps if constant_time_compare(app.generate_otp(step), code)], default=None)


@sensitive_variables()
def _uri(user: AbstractBaseUser, secret: str) -> str:
    """See github.com/google/google-authenticator/wiki/Key-Uri-Format, by which no name holds a colon."""
    from pyotp import TOTP

    known = (getattr(user, field, None) for field in (user.get_email_field_name(), MOBILE.field))
    account = next(filter(None, known), user.get_username())
    issuer = option("totp").get("issuer") or settings.SITE_NAME
    name, issuer_name = (str(text or "").replace(":", " ")[:MAX_LABEL] for text in (account, issuer))
    return TOTP(secret, digits=DIGITS, interval=PERIOD).provisioning_uri(name=name, issuer_name=issuer_name or None)


@sensitive_variables()
def _qr_code(uri: str) -> str:
    """An SVG element, for a page as it is and for the data URL of an image."""
    import segno

    image = io.BytesIO()
    segno.make_qr(uri).save(image, kind="svg", scale=4, xmldecl=False, nl=False)
    return image.getvalue().decode()
