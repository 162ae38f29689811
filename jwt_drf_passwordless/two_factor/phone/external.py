"""Any provider of `external_2fa` as provider of the phone factor."""

import re

from django.views.decorators.debug import sensitive_variables
from rest_framework.request import Request

from jwt_drf_passwordless.exceptions import ProviderUnavailable
from jwt_drf_passwordless.external_2fa.base import VerificationStatus, result_of
from jwt_drf_passwordless.external_2fa.registry import Entry, tell_failure
from jwt_drf_passwordless.http import DEADLINE, deadline
from jwt_drf_passwordless.messages import language_of
from jwt_drf_passwordless.models import PasswordlessChallengeToken as Challenge
from jwt_drf_passwordless.models import PhoneDevice
from jwt_drf_passwordless.two_factor.base import PHONE, NotSent, NumberRefused, PhoneProvider, note_sent, sender_name

#: What a code of a vendor may look like; for a flash call it is the number that rang.
CODE = re.compile(r"\+?[0-9A-Za-z]{3,16}", re.ASCII)
#: Answers that say nothing about the code.
NOT_ASKED = {VerificationStatus.UNAVAILABLE, VerificationStatus.RATE_LIMITED, VerificationStatus.MISCONFIGURED}


class ExternalPhoneProvider(PhoneProvider):
    """Has a vendor make, send and check the codes, by the vendor's first channel."""

    def __init__(self, entry: Entry) -> None:
        self.alias = entry.alias
        self.provider = entry.provider

    def is_configured(self) -> bool:
        return self.provider.is_configured()

    def send(self, number: str, row: Challenge, request: Request | None, device: PhoneDevice | None = None) -> None:
        method = self.provider.methods[0]
        language = language_of(row.user) if self.provider.uses_language else None
        more = {"language": language} if language else {}
        with deadline(DEADLINE):
            result = result_of(lambda: self.provider.send_verification(number, method, **more))
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
        more = {"verification_id": row.verification_id} if self.provider.uses_verification_id else {}
        with deadline(DEADLINE):
            result = result_of(lambda: self.provider.verify_code(number, code, **more))
        is_the_same = result.verification_id in (None, "", row.verification_id)
        accepted = result.success is True and result.status is VerificationStatus.ACCEPTED and is_the_same
        if not accepted and result.status is not VerificationStatus.REJECTED:
            tell_failure(self.alias, PHONE, number, "check", result)
        if result.status in NOT_ASKED:
            raise ProviderUnavailable
        return accepted
