"""From the setting `EXTERNAL_2FA` to providers: the first one, then its fallbacks."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jwt_drf_passwordless.conf import resolve, settings
from jwt_drf_passwordless.external_2fa.base import External2FAProvider, External2FAResult, VerificationMethod, result_of
from jwt_drf_passwordless.http import DEADLINE, deadline

#: What a code of a vendor may look like; for a flash call it is the number that rang.
CODE = re.compile(r"\+?[0-9A-Za-z]{3,16}", re.ASCII)

#: Keys of a provider's dict that are not its options.
OURS = {"provider", "alias", "fallbacks", "escalate", "webhook_url", "allowed_ips"}


@dataclass(frozen=True)
class Entry:
    """A provider with the name that rows, routes and log lines have for it, and the dict that it was made of."""

    alias: str
    provider: External2FAProvider
    config: Mapping[str, Any] = field(repr=False)

    def start(self, number: str, method: VerificationMethod, language: str | None) -> External2FAResult:
        """Have it send a code. Never raises, as the next two."""
        more = {"language": language} if language and self.provider.uses_language else {}
        with deadline(DEADLINE):
            return result_of(lambda: self.provider.send_verification(number, method, **more))

    def check(self, number: str, code: str, verification_id: str) -> External2FAResult:
        """Its word on a code."""
        with deadline(DEADLINE):
            return result_of(lambda: self.provider.verify_code(number, code, **self._naming(verification_id)))

    def cancel(self, number: str, verification_id: str) -> None:
        """Have it end a verification, if it can; a failure changes nothing."""
        result_of(lambda: self.provider.cancel_verification(number, **self._naming(verification_id)))

    def _naming(self, verification_id: str) -> dict[str, str]:
        return {"verification_id": verification_id} if self.provider.uses_verification_id else {}


def build(config: Mapping[str, Any]) -> Entry:
    """Make the provider of a dict, its options given by keyword. Raises what its constructor raises."""
    provider_class: type[External2FAProvider] = resolve(config["provider"])
    provider = provider_class(**{name: value for name, value in config.items() if name not in OURS})
    alias = str(config.get("alias") or provider.name or provider_class.__name__)
    return Entry(alias, provider, config)


def entries() -> list[Entry]:
    """The providers of `EXTERNAL_2FA` in the order in which they are asked."""
    config = settings.EXTERNAL_2FA
    return [build(one) for one in (config, *config.get("fallbacks", ()))] if config else []


def find_entry(alias: str | None = None) -> Entry | None:
    """The provider of an alias, the first one for None; None where there is none."""
    return next((entry for entry in entries() if alias in (None, entry.alias)), None)


def get_external_2fa_provider(alias: str | None = None) -> External2FAProvider | None:
    """The configured provider of an alias, the first one for None; None where there is none."""
    entry = find_entry(alias)
    return entry.provider if entry else None
