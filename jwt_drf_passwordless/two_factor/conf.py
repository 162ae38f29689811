"""The keys of the setting `TWO_FACTOR`, with their defaults; read at the moment of use."""

from typing import Any

from jwt_drf_passwordless.conf import resolve, settings

DEFAULTS: dict[str, Any] = {
    # Dotted paths of `SecondFactor` classes. The first one that a user has is asked.
    "factors": ["jwt_drf_passwordless.two_factor.phone.factor.PhoneFactor"],
    # The provider of the phone factor: `provider`, a dotted path, and its options.
    "phone": {},
    # The site that passkeys are for: `rp_id`, `origins` and more; see `jwt_drf_passwordless.two_factor.passkey`.
    "passkey": {},
    # Who must have a second factor: bool, or a function of the user, or its dotted path.
    "required": False,
    # What a login by the phone that is the only second factor is answered: "refuse", or "allow" with one factor.
    "same_phone": "refuse",
    # Fields of the user model that repeat number and vendor's id; those that it does not have are left out.
    "user_fields": {"phone": "authy_phone", "id": "authy_id"},
    # Texts of at least 32 random characters, of which the keys are made under which factors keep their secrets;
    # the first is in use, the others open what was made before. None: `SECRET_KEY` and `SECRET_KEY_FALLBACKS`.
    "encryption_keys": None,
    # Authenticator apps: `issuer`, the name they show; None: `SITE_NAME`.
    "totp": {"issuer": None},
    # Seconds from the first step until the second one must be done.
    "ticket_lifetime": 300,
    # Days for which a device may be trusted, whose logins then need no second factor; 0: never.
    "trusted_device_days": 0,
}
LOCAL_PROVIDER = "jwt_drf_passwordless.two_factor.phone.local.LocalPhoneProvider"


def is_on() -> bool:
    return settings.TWO_FACTOR is not None


def option(name: str) -> Any:
    """The value of a key of `TWO_FACTOR`, or its default."""
    return {**DEFAULTS, **(settings.TWO_FACTOR or {})}[name]


def is_required(user: object) -> bool:
    """Whether the user must have a second factor."""
    required = resolve(option("required"))
    return bool(required(user) if callable(required) else required)
