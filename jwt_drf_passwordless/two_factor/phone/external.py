"""Any provider of `external_2fa` as provider of the phone factor."""

from django.views.decorators.debug import sensitive_variables
from rest_framework.request import Request

from jwt_drf_passwordless.exceptions import ProviderUnavailable
from jwt_drf_passwordless.external_2fa.base import VerificationStatus
from jwt_drf_passwordless.external_2fa.failures import tell_failure
from jwt_drf_passwordless.external_2fa.registry import CODE, Entry
from jwt_drf_passwordless.messages import language_of
from jwt_drf_passwordless.models import PasswordlessChallengeToken as Challenge
from jwt_drf_passwordless.models import PhoneDevice
from jwt_drf_passwordless.two_factor.base import PHONE, NotSent, NumberRefused, PhoneProvider, note_sent, sender_name

#: Answers that say nothing about the code.
NOT_ASKED = {VerificationStatus.UNAVAILABLE, VerificationStatus.RATE_LIMITED, VerificationStatus.MISCONFIGURED}


class ExternalPhoneProvider(PhoneProvider):
    """Has a vendor make, send and check the codes, by the vendor's first channel."""

    def __init__(self, entry: Entry) -> None:
        self.alias = entry.alias
        self.entry = entry

    def is_configured(self) -> bool:
        return self.entry.provider.is_configured()

    def send(self, number: str, row: Challenge, request: Request | None, device: PhoneDevice | None = None) -> None:
        method = self.entry.provider.methods[0]
        result = self.entry.start(number, method, language_of(row.user))
        if result.success is not True:
            tell_failure(self.alias, PHONE, number, "send", result)
        if result.status is VerificationStatus.INVALID_NUMBER:
            raise NumberRefused(result.status.value)
        if result.success is not True:
            raise NotSent(result.status.value)
        note_sent(row, self.alias, result.verification_id or "", method.value)

    @sensitive_variables()
    def check(self, number: str, row: Challenge, code: str, device: PhoneDevice | None = None) -> bool:
        if row.provider != sender_name(self.alias) or not CODE.fullmatch(code):
            return False
        result = self.entry.check(number, code, row.verification_id)
        accepted = result.proves(row.verification_id)
        if not accepted and result.status is not VerificationStatus.REJECTED:
            tell_failure(self.alias, PHONE, number, "check", result)
        if result.status in NOT_ASKED:
            raise ProviderUnavailable
        return accepted
