"""`manage.py check` for the setting `EXTERNAL_2FA`: errors for what cannot work, and for `--deploy` what is unsafe."""

import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Any

from django.core.checks import CheckMessage, Error, Warning
from django.core.exceptions import ImproperlyConfigured

from jwt_drf_passwordless.conf import NAMESPACE, settings
from jwt_drf_passwordless.external_2fa.base import External2FAProvider, VerificationMethod
from jwt_drf_passwordless.external_2fa.fake import FakeVerifyProvider
from jwt_drf_passwordless.external_2fa.registry import Entry, build, entries
from jwt_drf_passwordless.methods import MOBILE

BAD_PROVIDER = "jwt_drf_passwordless.E014"
BAD_PROVIDER_KEY = "jwt_drf_passwordless.E015"
SAME_ALIAS = "jwt_drf_passwordless.E016"
FAKE_PROVIDER = "jwt_drf_passwordless.E017"
NO_WEBHOOK_KEY = "jwt_drf_passwordless.W014"
UNUSED_PROVIDER = "jwt_drf_passwordless.W015"

WHERE = f"{NAMESPACE}['EXTERNAL_2FA']"
CHANNELS = [method.value for method in VerificationMethod]


def check_providers(**kwargs: Any) -> list[CheckMessage]:
    """Errors: a provider that cannot be made, lacks options or contradicts itself. Warning: an unused one."""
    config = getattr(settings, "EXTERNAL_2FA", None)
    if not isinstance(config, dict):
        return []  # nothing to check, or reported as of the wrong type
    fallbacks = config.get("fallbacks", ())
    if not isinstance(fallbacks, list | tuple) or not all(isinstance(one, dict) for one in fallbacks):
        return [Error(f"{WHERE}['fallbacks'] must be a list of dicts.", id=BAD_PROVIDER_KEY)]
    errors: list[CheckMessage] = []
    if not MOBILE.is_enabled:
        errors.append(Warning(f"{WHERE} is for MOBILE, which is off.", id=UNUSED_PROVIDER))
    aliases: list[str] = []
    for one in (config, *fallbacks):
        entry, problem = _try_build(one)
        if entry is None:
            errors.append(Error(f"{WHERE}: {problem}", id=BAD_PROVIDER))
            continue
        aliases.append(entry.alias)
        errors += _keys(entry)
    for alias in sorted({alias for alias in aliases if aliases.count(alias) > 1}):
        hint = "Give each an 'alias' of its own."
        errors.append(Error(f"{WHERE}: two providers are called {alias!r}.", hint=hint, id=SAME_ALIAS))
    return errors


def _try_build(config: Mapping[str, Any]) -> tuple[Entry | None, str]:
    """The provider of a dict, or what is wrong with it."""
    path = config.get("provider")
    if not path:
        return None, "'provider' is missing: the dotted path of a provider class."
    try:
        entry = build(config)
    except (AttributeError, ImportError, ImproperlyConfigured, TypeError, ValueError) as error:
        return None, f"{path} cannot be made: {error}"
    if not issubclass(type(entry.provider), External2FAProvider):
        return None, f"{path} is no External2FAProvider."
    if not entry.provider.is_configured():
        return None, f"{path} lacks options that it needs."
    return entry, ""


def _keys(entry: Entry) -> Iterator[CheckMessage]:
    """What is wrong with the keys of a provider's dict that are not its options."""

    def error(key: str, sentence: str) -> CheckMessage:
        return Error(f"{WHERE}: {key!r} of {entry.alias} {sentence}", id=BAD_PROVIDER_KEY)

    # It stands in routes and in the keys of the cache; Memcached's have no blanks.
    if not re.fullmatch(r"[^/\s]{1,64}", entry.alias):
        yield error("alias", "must have at most 64 characters, no slash and no blank.")
    escalate = entry.config.get("escalate", ())
    if not isinstance(escalate, list | tuple) or not all(one in CHANNELS for one in escalate):
        yield error("escalate", f"must be a list of channels: {', '.join(CHANNELS)}.")
    if not str(entry.config.get("webhook_url", "https://")).startswith("https://"):
        yield error("webhook_url", "must start with https://.")
    try:
        for network in entry.config.get("allowed_ips") or ():
            ipaddress.ip_network(network, strict=False)
    except (TypeError, ValueError):
        yield error("allowed_ips", "must be a list of IP addresses and networks.")


def check_provider_deployment(**kwargs: Any) -> list[CheckMessage]:
    """For `--deploy`: a provider for tests is an error, one whose webhooks cannot be verified a warning."""
    config = getattr(settings, "EXTERNAL_2FA", None)
    if not isinstance(config, dict) or any(message.is_serious() for message in check_providers()):
        return []
    found: list[CheckMessage] = []
    for entry in entries():
        if isinstance(entry.provider, FakeVerifyProvider):
            found.append(Error(f"{WHERE}: {entry.alias} takes one code from everybody.", id=FAKE_PROVIDER))
        elif not entry.provider.accepts_webhooks:
            hint = "Without it delivery failures stay unknown and 'escalate' does nothing."
            found.append(Warning(f"{WHERE}: {entry.alias} has no webhook key.", hint=hint, id=NO_WEBHOOK_KEY))
    return found
