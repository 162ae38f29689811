"""The settings: one annotated table of defaults, read at the moment of use.

`settings.NAME` is the project's `JWT_DRF_PASSWORDLESS["NAME"]` or the default below; nothing is
cached, so `override_settings` and a changed dict act at once.
"""

from typing import Any

from django.conf import settings as django_settings
from django.utils.module_loading import import_string

from jwt_drf_passwordless.constants import Messages

NAMESPACE = "JWT_DRF_PASSWORDLESS"

#: Parts that the core reaches by their path only, when a setting asks for them.
VERIFIER = "jwt_drf_passwordless.external_2fa.services.VERIFIER"
CAPTCHA_GATE = "jwt_drf_passwordless.captcha.services.require_captcha"
LOGIN_GATE = "jwt_drf_passwordless.two_factor.services.gate"
SESSION_START = "jwt_drf_passwordless.sessions.services.start"
SESSION_END = "jwt_drf_passwordless.sessions.services.end_sessions"
SESSION_TEST = "jwt_drf_passwordless.sessions.services.has_ended"
RESEAL = "jwt_drf_passwordless.two_factor.keys.reseal"
FACTOR_TEST = "jwt_drf_passwordless.two_factor.eligibility.has_factor"
FACTOR_RESET = "jwt_drf_passwordless.two_factor.enrolment.reset"


class PathDict(dict[str, Any]):
    """A dict of dotted paths; as attributes, its values are the objects that the paths name.

    A list of paths becomes a list of objects, an object given instead of a path stays as it is.
    Raises ImportError for a path that leads nowhere.
    """

    def __getattr__(self, name: str) -> Any:
        try:
            value = self[name]
        except KeyError:
            raise AttributeError(name) from None
        if isinstance(value, list | tuple):
            return [resolve(item) for item in value]
        return resolve(value)


class Settings:
    """Every setting with its type and default. A sub-dict of the project is merged over its default."""

    #: Ways to sign in: "EMAIL", "MOBILE", in any case. A way that is not listed answers 404.
    ALLOWED_PASSWORDLESS_METHODS: list[str] = ["EMAIL"]
    #: Field of the user model, and of the request body, that holds the email address.
    EMAIL_FIELD_NAME: str = "email"
    #: Field of the user model, and of the request body, that holds the phone number.
    MOBILE_FIELD_NAME: str = "phone_number"
    #: How an email address is found: "iexact" compares LOWER(field), "exact" the field as stored.
    EMAIL_LOOKUP: str = "iexact"

    #: Characters in the code that people type.
    SHORT_TOKEN_LENGTH: int = 6
    #: Alphabet of the code.
    SHORT_TOKEN_CHARS: str = "0123456789"
    #: Characters in the token of a magic link.
    LONG_TOKEN_LENGTH: int = 64
    #: Alphabet of the link's token.
    LONG_TOKEN_CHARS: str = "abcdefghijklmnopqrstuvwxyz0123456789"
    #: Seconds from the request until code and link are void.
    TOKEN_LIFETIME: int = 600
    #: Successful uses, code and link counted together.
    MAX_TOKEN_USES: int = 1
    #: Wrong tries after which a code is dead; the link of the same message is not.
    MAX_TOKEN_ATTEMPTS: int = 5
    #: True: no more wrong tries than MAX_TOKEN_USES.
    INCORRECT_SHORT_TOKEN_REDEEMS_TOKEN: bool = False
    #: Seconds between two messages to one address; doubles from the third message without a
    #: login on, up to 3600. 0 or None: no wait.
    TOKEN_REQUEST_THROTTLE_SECONDS: int | None = 60

    #: Let users with is_staff, is_superuser or is_admin sign in without a password.
    ALLOW_ADMIN_AUTHENTICATION: bool = False
    #: Sign up whoever proves an address that no account has.
    REGISTER_NONEXISTENT_USERS: bool = False
    #: When: "exchange", once the address is proven, or "request", before it is.
    REGISTER_ON: str = "exchange"
    #: False: new accounts get a random password, so that Django's password reset works for them.
    REGISTRATION_SETS_UNUSABLE_PASSWORD: bool = True
    #: Let inactive users sign in, which activates them.
    ACTIVATE_INACTIVE_USERS: bool = False
    #: Answer requests for unknown and refused addresses with 400, failed deliveries with 503.
    REVEAL_ACCOUNT_EXISTENCE: bool = False

    #: The magic link, with {token}, {short_token} and {email}: "https://app.example/login#token={token}".
    PASSWORDLESS_EMAIL_LOGIN_URL: str | None = None
    #: Name of the site in messages.
    SITE_NAME: str | None = None
    #: Path of a function of a user: the code of the language of messages to that user, or None for that of the request.
    LANGUAGE_FOR_USER: str | None = None
    #: Domain of the autofill line of an SMS: "@domain #code".
    SMS_DOMAIN: str | None = None
    #: Who runs the sending; see `jwt_drf_passwordless.delivery`.
    DELIVERY: str = "jwt_drf_passwordless.delivery.Inline"

    #: Proxies in front that may be believed about the client's address (X-Forwarded-For).
    TRUSTED_PROXIES: int = 0
    #: The vendor that makes, sends and checks the codes of MOBILE: `provider`, a dotted path, its options,
    #: and `alias`, `fallbacks`, `escalate`, `webhook_url`, `allowed_ips`. None: we make them ourselves.
    EXTERNAL_2FA: dict[str, Any] | None = None
    #: Second factors; None: off, {}: the phone, by SMS. See `jwt_drf_passwordless.two_factor`.
    TWO_FACTOR: dict[str, Any] | None = None
    #: Logins that can be listed and ended; None: off, {}: on. See `jwt_drf_passwordless.sessions`.
    SESSIONS: dict[str, Any] | None = None

    #: Most requests of one client network, and for one range of 1,000 phone numbers, in DRF's syntax; None: no limit.
    #: "captcha_down": while CAPTCHAs cannot be checked and `fail_open` lets requests pass without.
    THROTTLE_RATES: dict[str, str | None] = {
        "request": "30/h",
        "redeem": "100/h",
        "password": "100/h",
        "passkey": "300/h",
        "number_range": "30/h",
        "captcha_down": "10/h",
    }
    #: Who has to solve a CAPTCHA: `provider`, a dotted path, its options, and `routes`, `after`, `hostnames`,
    #: `fail_open`. See `jwt_drf_passwordless.captcha`.
    CAPTCHA: dict[str, Any] | None = None
    #: Countries (ISO 3166-1 alpha-2) whose numbers are sent messages and calls; None: all.
    SMS_COUNTRIES: list[str] | None = None
    #: Types of numbers, as `phonenumbers.PhoneNumberType` names them, likewise; premium and shared-cost ones never are.
    SMS_NUMBER_TYPES: list[str] | None = None
    #: Most messages and calls to phones of the whole site, in an "hour" and in a "day" (UTC); None: no limit.
    SMS_BUDGET: dict[str, int | None] = {"hour": None, "day": None}
    #: True: the answer to a request has a `handle`, without which its code does not work.
    BIND_TO_REQUEST: bool = False
    #: Fixed codes, for app-store reviewers: identifier to {"code": password hash, "until": "2027-01-31"}.
    TEST_IDENTIFIERS: dict[str, dict[str, str]] = {}

    EMAIL: PathDict = PathDict(passwordless_request="jwt_drf_passwordless.email.PasswordlessRequestEmail")
    SMS_SENDERS: PathDict = PathDict(passwordless_request="jwt_drf_passwordless.sms.PasswordlessRequestSMS")
    SERIALIZERS: PathDict = PathDict(
        # None: `jwt_drf_passwordless.token_response.PasswordlessJwtRefreshTokenResponse`
        passwordless_token_response_class=None,
        passwordless_email_token_request=("jwt_drf_passwordless.serializers.PasswordlessEmailTokenRequestSerializer"),
        passwordless_mobile_token_request=("jwt_drf_passwordless.serializers.PasswordlessMobileTokenRequestSerializer"),
        passwordless_email_token_exchange=("jwt_drf_passwordless.serializers.PasswordlessEmailTokenExchangeSerializer"),
        passwordless_mobile_token_exchange=(
            "jwt_drf_passwordless.serializers.PasswordlessMobileTokenExchangeSerializer"
        ),
        external_mobile_token_exchange="jwt_drf_passwordless.serializers.ExternalMobileTokenExchangeSerializer",
        passwordless_token_exchange="jwt_drf_passwordless.serializers.PasswordlessTokenExchangeSerializer",
    )
    PERMISSIONS: PathDict = PathDict(
        passwordless_token_request=["rest_framework.permissions.AllowAny"],
        passwordless_token_exchange=["rest_framework.permissions.AllowAny"],
    )
    DECORATORS: PathDict = PathDict(
        token_request_rate_limit_decorator="jwt_drf_passwordless.utils.token_request_limiter",
        token_redeem_rate_limit_decorator="jwt_drf_passwordless.utils.token_redeem_limiter",
    )
    #: on_verification_accepted(user, phone_number, request): called once a vendor has accepted a code and the
    #: user may sign in, before tokens are made.
    CALLBACKS: PathDict = PathDict(on_verification_accepted=None)
    CONSTANTS: PathDict = PathDict(messages="jwt_drf_passwordless.constants.Messages")


DEFAULTS: dict[str, Any] = {name: value for name, value in vars(Settings).items() if name.isupper()}


class Setting:
    """Takes the place of a default in `Settings`: what the project has set now, or the default."""

    def __init__(self, name: str, default: Any) -> None:
        self.name, self.default = name, default
        self.is_merged = isinstance(default, dict)

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        given = getattr(django_settings, NAMESPACE, None) or {}
        if self.is_merged:
            return type(self.default)({**self.default, **given.get(self.name, {})})
        return given.get(self.name, self.default)


for _name, _default in DEFAULTS.items():
    setattr(Settings, _name, Setting(_name, _default))

settings = Settings()


def resolve(value: Any) -> Any:
    """The object that a dotted path names; anything but a text as it is."""
    return import_string(value) if isinstance(value, str) else value


def message(name: str) -> Any:
    """The sentence `name` of the project's messages class, or of ours where it has none."""
    return getattr(settings.CONSTANTS.messages, name, getattr(Messages, name))
