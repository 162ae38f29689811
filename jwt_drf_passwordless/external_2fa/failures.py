"""How it is told that a vendor has failed. Apart from the registry, which can be imported before Django is ready."""

from jwt_drf_passwordless.events import record
from jwt_drf_passwordless.external_2fa.base import External2FAResult
from jwt_drf_passwordless.external_2fa.signals import provider_failed
from jwt_drf_passwordless.utils import mask, plain


def tell_failure(alias: str, field: str, number: str, action: str, result: External2FAResult) -> None:
    """Send `provider_failed`: `action`, "send" or "check", has failed at the provider of an alias."""
    record(
        provider_failed,
        field=field,
        subject=mask(number),
        provider=alias,
        action=action,
        status=result.status.value,
        error_code=plain(str(result.error_code or "")),
    )
