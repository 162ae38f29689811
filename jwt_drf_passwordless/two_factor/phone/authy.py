"""Twilio's Authy API, which is closed to new customers: for projects that still have it.

https://www.twilio.com/docs/authy/api. Its checks are GET requests with code and number in the URL, where
servers in between may log them; the API knows no other way.
"""

import re
from typing import Any

import phonenumbers
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ImproperlyConfigured
from django.views.decorators.debug import sensitive_variables
from rest_framework.request import Request

from jwt_drf_passwordless.exceptions import ProviderUnavailable
from jwt_drf_passwordless.external_2fa.base import External2FAResult, VerificationStatus
from jwt_drf_passwordless.external_2fa.failures import tell_failure
from jwt_drf_passwordless.http import DEADLINE, READ_TIMEOUT, NoAnswer, Reply, deadline, fetch, is_safe
from jwt_drf_passwordless.models import PasswordlessChallengeToken as Challenge
from jwt_drf_passwordless.models import PhoneDevice
from jwt_drf_passwordless.two_factor.base import PHONE, NotSent, NumberRefused, PhoneProvider, note_sent, sender_name

#: Error codes of Authy that are about the code; about the number. Others are about the account, or Authy.
WRONG_CODE = {"60019", "60020", "60022", "60023"}
BAD_NUMBER = {"60000", "60033", "60082"}


class Refused(Exception):
    """Authy's no, or no answer at all; `code` is its own, or a word of ours, for the log."""

    def __init__(self, code: object) -> None:
        self.code = str(code) if re.fullmatch(r"\w{1,32}", str(code), re.ASCII) else "unknown"
        super().__init__(self.code)


class AuthyProvider(PhoneProvider):
    """Options: `api_key`, and optional `base_url` and `timeout` in seconds. Enrolment makes an Authy user.

    Codes have four digits at the enrolment and seven at a login.
    """

    alias = "authy"
    deprecated = "Authy is closed to new customers and will end: use a verification vendor, or LocalPhoneProvider."

    def __init__(self, api_key: str, *, base_url: str = "https://api.authy.com", timeout: float = READ_TIMEOUT) -> None:
        if not is_safe(base_url):
            raise ImproperlyConfigured("AuthyProvider: base_url must start with https://")
        self.api_key = api_key
        self.base_url = base_url.rstrip("/")
        self.timeout = timeout

    def is_configured(self) -> bool:
        return bool(self.api_key)

    def code_length(self, device: PhoneDevice | None = None) -> int:
        return 7 if device else 4

    def can_serve(self, device: PhoneDevice) -> bool:
        return device.provider == self.alias and _is_id(device.vendor_user_id)

    def send(self, number: str, row: Challenge, request: Request | None, device: PhoneDevice | None = None) -> None:
        try:
            if device:
                # Also to users with the app, who would get no SMS without `force`.
                self._ask("GET", f"sms/{device.vendor_user_id}", params={"force": "true"})
            else:
                body = {**_split(number), "via": "sms", "code_length": self.code_length()}
                self._ask("POST", "phones/verification/start", json=body)
        except Refused as refused:
            is_number = refused.code in BAD_NUMBER
            status = VerificationStatus.INVALID_NUMBER if is_number else VerificationStatus.UNAVAILABLE
            self._tell("send", number, status, refused)
            raise (NumberRefused if is_number else NotSent)(refused.code) from None
        note_sent(row, self.alias, "", "sms")

    @sensitive_variables()
    def check(self, number: str, row: Challenge, code: str, device: PhoneDevice | None = None) -> bool:
        if row.provider != sender_name(self.alias):
            return False
        try:
            if device:
                reply = self._ask("GET", f"verify/{code}/{device.vendor_user_id}", params={"force": "true"})
                return bool(reply.get("token") == "is valid")  # Authy has answered 200 to wrong codes too
            params = {**_split(number), "verification_code": code}
            self._ask("GET", "phones/verification/check", params=params)
        except Refused as refused:
            if refused.code in WRONG_CODE:
                return False
            self._tell("check", number, VerificationStatus.UNAVAILABLE, refused)
            raise ProviderUnavailable from None
        return True

    def _tell(self, action: str, number: str, status: VerificationStatus, refused: Refused) -> None:
        tell_failure(self.alias, PHONE, number, action, External2FAResult(False, status, error_code=refused.code))

    def register(self, user: AbstractBaseUser, number: str) -> str:
        """Make a user at Authy, which wants an email address: one without stays without this factor."""
        parts = _split(number)
        details = {
            "email": getattr(user, user.get_email_field_name(), None) or "",
            "cellphone": parts["phone_number"],
            "country_code": parts["country_code"],
        }
        try:
            reply = self._ask("POST", "users/new", json={"user": details, "send_install_link_via_sms": False})
        except Refused as refused:
            raise NotSent(refused.code) from None
        authy_id = str(reply.get("user", "id"))
        if not _is_id(authy_id):
            raise NotSent("no_id")
        return authy_id

    @sensitive_variables()
    def _ask(self, verb: str, path: str, **kwargs: Any) -> Reply:
        """An answer that says that it is a success, which Authy writes as a bool or as a text. Raises Refused."""
        url, headers = f"{self.base_url}/protected/json/{path}", {"X-Authy-API-Key": self.api_key}
        try:
            with deadline(DEADLINE):
                reply = fetch(verb, url, timeout=self.timeout, headers=headers, **kwargs)
        except NoAnswer as error:
            raise Refused(error.reason) from None
        if reply.status != 200 or str(reply.get("success")).lower() != "true":
            raise Refused(reply.get("error_code") or reply.status)
        return reply


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _split(number: str) -> dict[str, str]:
    """A number in Authy's two parts, without the plus sign."""
    parsed = phonenumbers.parse(number)
    return {
        "phone_number": phonenumbers.national_significant_number(parsed),
        "country_code": str(parsed.country_code),
    }
