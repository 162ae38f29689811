"""The project of tests_http, with what a server in production has. From the environment, beside its own:

VENDOR_URL        a verification vendor played on this machine, for the method MOBILE
COOLDOWN          seconds between two messages to one address
"""

import os

from tests_http.project.settings import *  # noqa: F403
from tests_http.project.settings import CACHES, DATABASES, JWT_DRF_PASSWORDLESS

MAILERS = {"default": {"BACKEND": "benchmarks.faults.mail.HangingBackend"}}
EMAIL_BACKEND = MAILERS["default"]["BACKEND"]

SMS_BACKEND = "sms.backends.dummy.SmsBackend"

if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"] = {"timeout": 5, "transaction_mode": "IMMEDIATE"}
else:
    DATABASES["default"] |= {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
# A cache that hangs holds a request for so long, not for ever.
CACHES["default"]["OPTIONS"] = {"socket_connect_timeout": 0.5, "socket_timeout": 0.5}

JWT_DRF_PASSWORDLESS |= {
    "ALLOWED_PASSWORDLESS_METHODS": ["EMAIL", "MOBILE"],
    "MOBILE_FIELD_NAME": "last_name",  # any text column serves
    "TOKEN_LIFETIME": 4 * 3600,
    "TOKEN_REQUEST_THROTTLE_SECONDS": int(os.environ.get("COOLDOWN", "2")),
    "THROTTLE_RATES": {},
}
if "VENDOR_URL" in os.environ:
    JWT_DRF_PASSWORDLESS["EXTERNAL_2FA"] = {
        "provider": "jwt_drf_passwordless.external_2fa.Infobip2FAProvider",
        "api_key": "a key",
        "application_id": "an application",
        "message_id": "a message",
        "base_url": os.environ["VENDOR_URL"],
        "timeout": 1,
    }
