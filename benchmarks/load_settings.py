"""The project of tests_http under load: all flows, a mailer by SMTP, a vendor, limits counted in Redis."""

import os

import django

from tests_http.project.settings import *  # noqa: F403
from tests_http.project.settings import DATABASES

DATABASES["default"]["CONN_MAX_AGE"] = None
ROOT_URLCONF = "tests.urls"
SMTP = {"host": "127.0.0.1", "port": int(os.environ.get("SMTP_PORT", "0"))}
if django.VERSION >= (6, 1):
    MAILERS = {"default": {"BACKEND": "django.core.mail.backends.smtp.EmailBackend", "OPTIONS": SMTP}}
else:
    EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    EMAIL_HOST, EMAIL_PORT = SMTP.values()
# The first hasher would hash the passwords of the users anew.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
AUTH_USER_MODEL = "peers.User"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "rest_framework",
    "phonenumber_field",
    "jwt_drf_passwordless",
    "benchmarks.peers",
]

JWT_DRF_PASSWORDLESS = {
    "ALLOWED_PASSWORDLESS_METHODS": ["EMAIL", "MOBILE"],
    "DELIVERY": f"jwt_drf_passwordless.delivery.{os.environ.get('DELIVERY', 'Thread')}",
    "PASSWORDLESS_EMAIL_LOGIN_URL": "https://app.example/login#token={token}",
    "TOKEN_REQUEST_THROTTLE_SECONDS": 0,  # users come back within the run
    "TRUSTED_PROXIES": 1,
    "SESSIONS": {},
    "TWO_FACTOR": {"factors": ["jwt_drf_passwordless.two_factor.email.EmailFactor"]},
    "EXTERNAL_2FA": {
        "provider": "jwt_drf_passwordless.external_2fa.TelnyxVerifyProvider",
        "api_key": "KEY0123",
        "verify_profile_id": "49000000-0000-4000-8000-000000000049",
        "base_url": os.environ.get("VENDOR_URL", "http://127.0.0.1:1"),
    },
}
