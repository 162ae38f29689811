"""Everything that the package has, switched on; no limits, which would answer in place of what is tested."""

from typing import Any

from tests.settings import *  # noqa: F403
from tests.two_factor.passkey.authenticator import ORIGIN, RP_ID

ROOT_URLCONF = "tests_openapi.urls"
#: What a view raises fails the test with its traceback.
DEBUG_PROPAGATE_EXCEPTIONS = True
FACTORS = [
    "jwt_drf_passwordless.two_factor.passkey.factor.PasskeyFactor",
    "jwt_drf_passwordless.two_factor.totp.TotpFactor",
    "jwt_drf_passwordless.two_factor.phone.factor.PhoneFactor",
    "jwt_drf_passwordless.two_factor.email.EmailFactor",
    "jwt_drf_passwordless.two_factor.recovery.RecoveryCodeFactor",
]


#: What the vendor takes for right, and signs its webhooks with.
CODE = "246810"
WEBHOOK_SECRET = "a secret that the vendor shares with us"


def must_enrol(user: Any) -> bool:
    return bool(user.email.startswith("lise"))


JWT_DRF_PASSWORDLESS = {
    "ALLOWED_PASSWORDLESS_METHODS": ["EMAIL", "MOBILE"],
    "REGISTER_NONEXISTENT_USERS": True,
    "PASSWORDLESS_EMAIL_LOGIN_URL": "https://app.example/login#token={token}",
    "TOKEN_REQUEST_THROTTLE_SECONDS": 0,
    "THROTTLE_RATES": dict.fromkeys(("request", "redeem", "password", "passkey", "number_range"), None),
    "SESSIONS": {},
    "TWO_FACTOR": {
        "factors": FACTORS,
        "trusted_device_days": 30,
        "passkey": {"rp_id": RP_ID, "origins": [ORIGIN]},
        "required": must_enrol,
    },
    "EXTERNAL_2FA": {
        "provider": "jwt_drf_passwordless.external_2fa.FakeVerifyProvider",
        "insecure": True,
        "code": CODE,
        "webhook_secret": WEBHOOK_SECRET,
    },
}
