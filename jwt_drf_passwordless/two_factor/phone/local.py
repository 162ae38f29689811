"""Our own codes, by SMS through django-sms: works with any of its backends, and offline."""

from django.views.decorators.debug import sensitive_variables
from rest_framework.request import Request

from jwt_drf_passwordless.challenges import code_matches
from jwt_drf_passwordless.delivery import Outgoing
from jwt_drf_passwordless.methods import MOBILE
from jwt_drf_passwordless.models import PasswordlessChallengeToken as Challenge
from jwt_drf_passwordless.models import PhoneDevice
from jwt_drf_passwordless.two_factor.base import PHONE, PhoneProvider, context_of
from jwt_drf_passwordless.utils import mask


class LocalPhoneProvider(PhoneProvider):
    """The default. No options; the message is that of `SMS_SENDERS`, whose context has the `purpose` too."""

    alias = "local"
    makes_codes = True

    @sensitive_variables()
    def send(self, number: str, row: Challenge, request: Request | None, device: PhoneDevice | None = None) -> None:
        message = MOBILE.render(request, context_of(row.user, row), number)
        Outgoing(message, field=PHONE, subject=mask(number), expires_at=row.expires_at).send()

    def check(self, number: str, row: Challenge, code: str, device: PhoneDevice | None = None) -> bool:
        return code_matches(row, code)
