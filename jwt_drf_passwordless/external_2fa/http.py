"""The base class of the vendors that are asked by HTTP."""

import re
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from urllib.parse import quote

from django.core.exceptions import ImproperlyConfigured

from jwt_drf_passwordless.external_2fa.base import (
    External2FAProvider,
    External2FAResult,
    VerificationMethod,
    VerificationStatus,
    text,
)
from jwt_drf_passwordless.http import READ_TIMEOUT, NoAnswer, Reply, fetch, is_safe


def _plain(code: object) -> str:
    """What a vendor, or somebody in between, wrote: only if it cannot be more than a code."""
    known = str(code) if isinstance(code, str | int) else ""
    return known if re.fullmatch(r"[\w.:#-]{1,64}", known, re.ASCII) else ""


class VendorError(Exception):
    """A vendor's failure: what it means here, and the vendor's own code for the log."""

    def __init__(self, status: VerificationStatus, code: object = "") -> None:
        super().__init__(status.value)
        self.status = status
        self.code = _plain(code)


def expect(reply: Reply, expected: str, *path: str | int) -> None:
    """Raise VendorError unless `expected` stands at the path: an answer about another number is none."""
    if reply.get(*path) != expected:
        raise VendorError(VerificationStatus.ERROR, "other_verification")


def segment(value: str) -> str:
    """A value as one segment of a path. Raises VendorError for the dots that would climb out of it."""
    if not value.strip("."):
        raise VendorError(VerificationStatus.ERROR, "bad_segment")
    return quote(value, safe="", errors="replace")


#: What an HTTP status means where the vendor's own code says nothing.
MEANINGS = {
    401: VerificationStatus.MISCONFIGURED,
    403: VerificationStatus.MISCONFIGURED,
    404: VerificationStatus.NOT_FOUND,
    429: VerificationStatus.RATE_LIMITED,
}


class VendorProvider(External2FAProvider):
    """Base of the vendors in this package: three questions over HTTP, whose failures become results.

    Options of all of them: `base_url`, https but for loopback addresses, and `timeout` in seconds.
    """

    uses_verification_id = True
    uses_language = True
    #: The vendor's names of languages, by Django's. In others it chooses by the number, as it does without.
    locales: ClassVar[Mapping[str, str]] = {}
    default_base_url: ClassVar[str]
    #: What the vendor's error codes mean here.
    errors: ClassVar[Mapping[str, VerificationStatus]] = {}
    #: What its HTTP statuses mean where that differs from `MEANINGS`.
    statuses: ClassVar[Mapping[int, VerificationStatus]] = {}

    def __init__(self, *, base_url: str | None = None, timeout: float = READ_TIMEOUT) -> None:
        super().__init__()
        self.base_url = (base_url or self.default_base_url).rstrip("/")
        self.timeout = timeout
        if not is_safe(self.base_url):
            raise ImproperlyConfigured(f"{type(self).__name__}: base_url must start with https://")
        if not isinstance(timeout, int | float) or not 0 < timeout <= 60:
            raise ImproperlyConfigured(f"{type(self).__name__}: timeout must be between 0 and 60 seconds")

    @abstractmethod
    def _start(self, phone_number: str, method: VerificationMethod, locale: str) -> object:
        """Start a verification, in one of `locales`, or "": the vendor's id of it. Raises VendorError."""

    @abstractmethod
    def _check(self, phone_number: str, code: str, verification_id: str) -> VerificationStatus:
        """The vendor's word on a code. Raises VendorError."""

    def _cancel(self, phone_number: str, verification_id: str) -> None:
        """End a verification. Raises VendorError, as here, where the vendor cannot."""
        raise VendorError(VerificationStatus.ERROR, "not_supported")

    def _error_code(self, reply: Reply) -> object:
        """The vendor's own code in a failed answer."""
        return reply.get("code")

    def _call(self, verb: str, path: str, **kwargs: Any) -> Reply:
        """A successful answer of the vendor. Raises VendorError."""
        try:
            reply = fetch(verb, self.base_url + path, timeout=self.timeout, **kwargs)
        except NoAnswer as error:
            is_ours = error.reason == "bad_credentials"
            status = VerificationStatus.MISCONFIGURED if is_ours else VerificationStatus.UNAVAILABLE
            raise VendorError(status, error.reason) from None
        if 200 <= reply.status < 300:
            return reply
        code = self._error_code(reply)
        by_status = VerificationStatus.UNAVAILABLE if reply.status >= 500 else VerificationStatus.ERROR
        meaning = {**MEANINGS, **self.statuses}.get(reply.status, by_status)
        raise VendorError(self.errors.get(_plain(code), meaning), _plain(code) or reply.status)

    def send_verification(
        self, phone_number: str, method: VerificationMethod = VerificationMethod.SMS, *, language: str = ""
    ) -> External2FAResult:
        locale = self.locales.get(language) or self.locales.get(language.partition("-")[0], "")

        def start() -> External2FAResult:
            if method not in self.methods:
                raise VendorError(VerificationStatus.UNSUPPORTED_CHANNEL)
            try:
                id_ = text(self._start_in(locale, phone_number, method))
            except VendorError as error:
                if error.status is VerificationStatus.NOT_FOUND:
                    # What does not exist yet cannot be missing: it is the account's service or profile.
                    error.status = VerificationStatus.MISCONFIGURED
                raise
            if id_ is None:
                raise VendorError(VerificationStatus.UNAVAILABLE, "no_id")
            return External2FAResult(True, VerificationStatus.PENDING, verification_id=id_)

        return _result_of(start)

    def _start_in(self, locale: str, phone_number: str, method: VerificationMethod) -> object:
        """`_start`, and once more without the locale where the vendor's no may be about that on this channel."""
        try:
            return self._start(phone_number, method, locale)
        except VendorError as error:
            if not locale or error.status not in (VerificationStatus.NOT_FOUND, VerificationStatus.INVALID_NUMBER):
                raise
        return self._start(phone_number, method, "")

    def verify_code(self, phone_number: str, code: str, *, verification_id: str = "") -> External2FAResult:
        def check() -> External2FAResult:
            # No vendor's codes look otherwise; a flash call's is the caller's number.
            if not re.fullmatch(r"\+?[0-9A-Za-z]{1,20}", code):
                raise VendorError(VerificationStatus.REJECTED)
            status = self._check(phone_number, code, verification_id)
            return External2FAResult(status is VerificationStatus.ACCEPTED, status)

        return _result_of(check)

    def cancel_verification(self, phone_number: str, *, verification_id: str = "") -> External2FAResult:
        def cancel() -> External2FAResult:
            self._cancel(phone_number, verification_id)
            return External2FAResult(True, VerificationStatus.EXPIRED)

        return _result_of(cancel)


def _result_of(work: Callable[[], External2FAResult]) -> External2FAResult:
    try:
        return work()
    except VendorError as error:
        return External2FAResult(False, error.status, error_code=error.code)
