"""Verifications at vendors: start one with fail-over, check a code. What webhooks tell is in `webhooks`."""

from dataclasses import dataclass

from django.views.decorators.debug import sensitive_variables

from jwt_drf_passwordless.events import record
from jwt_drf_passwordless.exceptions import ProviderUnavailable
from jwt_drf_passwordless.external_2fa import breaker, signals
from jwt_drf_passwordless.external_2fa.base import (
    External2FAResult,
    VerificationMethod,
    VerificationStatus,
)
from jwt_drf_passwordless.external_2fa.failures import tell_failure
from jwt_drf_passwordless.external_2fa.registry import CODE, Entry, entries, find_entry
from jwt_drf_passwordless.http import DEADLINE, deadline
from jwt_drf_passwordless.models import PasswordlessChallengeToken
from jwt_drf_passwordless.utils import mask

#: Failures after which the next provider is asked: those that are not about the number.
TRY_NEXT = {
    VerificationStatus.UNSUPPORTED_CHANNEL,
    VerificationStatus.RATE_LIMITED,
    VerificationStatus.MISCONFIGURED,
    VerificationStatus.UNAVAILABLE,
}
Challenge = PasswordlessChallengeToken


class NotStarted(Exception):
    """No provider has taken the verification."""


@dataclass(repr=False)  # it holds a number
class VerificationMessage:
    """A verification yet to be started: what a mail or SMS is for our own codes, also in a queue."""

    #: The user field of the number, for signals and log.
    field: str = ""
    number: str = ""
    channel: str = ""
    #: Names the challenge that it is for, which a newer one may have replaced meanwhile.
    key: str = ""
    nonce: str = ""
    #: Provider and id of the verification that this one replaces, where that one is still open.
    old_provider: str = ""
    old_id: str = ""
    #: Django's code of the user's language; "" where it is not known.
    language: str = ""

    def send(self) -> None:
        """Have the first provider that can start it, and note which one. Raises NotStarted."""
        chain = entries()
        # Of equal length for each question, so that one that hangs leaves time for the next.
        share = DEADLINE / (len(chain) + bool(self.old_id))
        with deadline(DEADLINE):
            with deadline(share):
                self._cancel_old(chain)
            uncertain: list[Entry] = []
            for entry in chain:
                with deadline(share):
                    result = self._start_at(entry)
                if result.success is True:
                    self._note(entry, result)
                    for failed in uncertain:
                        failed.cancel(self.number, "")
                    return
                if result.status is VerificationStatus.UNAVAILABLE:
                    uncertain.append(entry)  # a time-out: it may have been started all the same
                if result.status not in TRY_NEXT:
                    break
        raise NotStarted

    def _cancel_old(self, chain: list[Entry]) -> None:
        """End the verification that this one replaces: some vendors send the old code again otherwise, or none."""
        for entry in chain:
            if self.old_id and entry.alias == self.old_provider and not breaker.is_open(entry.alias):
                entry.cancel(self.number, self.old_id)

    def _start_at(self, entry: Entry) -> External2FAResult:
        """The provider's answer, or why it was not asked."""
        method = VerificationMethod(self.channel)
        if breaker.is_open(entry.alias) or not entry.provider.is_configured():
            result = External2FAResult(False, VerificationStatus.MISCONFIGURED, error_code="skipped")
        elif method not in entry.provider.methods:
            result = External2FAResult(False, VerificationStatus.UNSUPPORTED_CHANNEL)
        else:
            result = entry.start(self.number, method, self.language)
            # Checks do not count: what strangers type may make a provider fail.
            is_out_of_reach = result.status is VerificationStatus.UNAVAILABLE
            (breaker.failed if is_out_of_reach else breaker.succeeded)(entry.alias)
        if result.success is not True:
            tell_failure(entry.alias, self.field, self.number, "send", result)
        return result

    def _note(self, entry: Entry, result: External2FAResult) -> None:
        Challenge.objects.filter(key=self.key, nonce=self.nonce).update(
            provider=entry.alias, verification_id=result.verification_id or "", channel=self.channel
        )
        record(
            signals.verification_started,
            field=self.field,
            subject=mask(self.number),
            provider=entry.alias,
            channel=self.channel,
        )


class ExternalVerifier:
    """The core's `Verifier`: the vendors of `EXTERNAL_2FA`."""

    @property
    def channels(self) -> tuple[str, ...]:
        entry = find_entry()
        return tuple(method.value for method in entry.provider.methods) if entry else ()

    def ensure_available(self) -> None:
        """Raises ProviderUnavailable when every provider is left out now, or lacks its options."""
        if not any(entry.provider.is_configured() and not breaker.is_open(entry.alias) for entry in entries()):
            raise ProviderUnavailable

    def message(self, challenge: Challenge, channel: str | None, language: str | None) -> VerificationMessage:
        return VerificationMessage(
            challenge.token_request_identifier,
            challenge.identifier,
            channel or self.channels[0],
            challenge.key,
            challenge.nonce,
            *challenge.replaced,
            language or "",
        )

    @sensitive_variables()
    def check(self, challenge: Challenge, code: str) -> bool:
        """Whether the vendor that sent the code accepts it; False for whatever else it answers, or does not."""
        entry = find_entry(challenge.provider)
        if entry is None or not CODE.fullmatch(code):
            return False
        number = challenge.identifier
        result = entry.check(number, code, challenge.verification_id)
        accepted = result.proves(challenge.verification_id)
        if not accepted and result.status is not VerificationStatus.REJECTED:
            tell_failure(entry.alias, challenge.token_request_identifier, number, "check", result)
        return accepted


VERIFIER = ExternalVerifier()
