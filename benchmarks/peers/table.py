"""Who is compared, in which environment and with which settings. Read outside of Django, too."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

FLOORS = ("empty view", "user and pair")
LOGIN = ("request", "exchange", "wrong code")
PASSWORD = ("password", "second step", "wrong second code")
REFRESH = ("refresh",)
VENDOR = ("vendor request", "vendor verify")
CASES = (*LOGIN, *PASSWORD, *REFRESH, *VENDOR)

#: As the vendor that tests/external_2fa/test_telnyx.py plays expects it.
TELNYX = {
    "provider": "jwt_drf_passwordless.external_2fa.TelnyxVerifyProvider",
    "api_key": "KEY0123",
    "verify_profile_id": "49000000-0000-4000-8000-000000000049",
}
LINK = "https://app.example/login#token={token}"


@dataclass(frozen=True)
class Peer:
    #: As in the tables.
    name: str
    #: Folder of the environment, and what pip installs there beside what all have.
    environment: str
    requirement: str
    #: Of `benchmarks.peers`: URLs and cases.
    module: str
    cases: tuple[str, ...]
    apps: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    #: Takes part in one of so many rounds: one that hashes codes like passwords takes a second for each.
    every: int = 1


def _ours(name: str, cases: tuple[str, ...], **settings: Any) -> Peer:
    ours = {"SITE_NAME": "Example", "TOKEN_REQUEST_THROTTLE_SECONDS": 60, **settings}
    apps = ("phonenumber_field", "jwt_drf_passwordless")
    return Peer(name, "ours", f"--editable {ROOT}[totp]", "ours", cases, apps, {"JWT_DRF_PASSWORDLESS": ours})


def _seed(variant: str, cases: tuple[str, ...], **settings: Any) -> Peer:
    name, requirement = f"jwt-drf-passwordless 0.3.1{variant}", "jwt-drf-passwordless==0.3.1 phonenumbers"
    apps = ("phonenumber_field", "jwt_drf_passwordless")
    return Peer(name, "seed", requirement, "seed", cases, apps, {"JWT_DRF_PASSWORDLESS": settings})


def _allauth(name: str, cases: tuple[str, ...], **settings: Any) -> Peer:
    settings = {
        "MIDDLEWARE": [
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "allauth.account.middleware.AccountMiddleware",
        ],
        "AUTHENTICATION_BACKENDS": ["allauth.account.auth_backends.AuthenticationBackend"],
        "ACCOUNT_LOGIN_METHODS": {"email"},
        "ACCOUNT_SIGNUP_FIELDS": ["email*", "password1*"],
        "ACCOUNT_LOGIN_BY_CODE_ENABLED": True,
        "HEADLESS_ONLY": True,
        "HEADLESS_CLIENTS": ["app"],
        "HEADLESS_TOKEN_STRATEGY": "allauth.headless.tokens.strategies.jwt.JWTTokenStrategy",
        "HEADLESS_JWT_ALGORITHM": "HS256",  # SimpleJWT's, and faster than the RS256 that is its own default
        **settings,
    }
    apps = ("django.contrib.sessions", "allauth", "allauth.account", "allauth.headless")
    return Peer(name, "allauth", "django-allauth[headless]==65.21.1", "allauth", cases, apps, settings)


EMAIL_FACTOR = {"factors": ["jwt_drf_passwordless.two_factor.email.EmailFactor"]}
TRENCH = {
    "MFA_METHODS": {"secure_email": {"HANDLER": "trench.backends.secure_mail.SecureMailMessageDispatcher"}},
}

PEERS = {
    "floors": Peer("the floors alone", "floors", "", "floors", ()),
    "ours": _ours("this package", (*LOGIN, *REFRESH), PASSWORDLESS_EMAIL_LOGIN_URL=LINK),
    "ours, vendor": _ours(
        "this package, `EXTERNAL_2FA`",
        VENDOR,
        ALLOWED_PASSWORDLESS_METHODS=["MOBILE"],
        EXTERNAL_2FA={**TELNYX, "base_url": os.environ.get("VENDOR_URL")},
    ),
    "ours, sessions": _ours(
        "this package, `SESSIONS`", (*LOGIN, *REFRESH), PASSWORDLESS_EMAIL_LOGIN_URL=LINK, SESSIONS={}
    ),
    "ours, second factor": _ours("this package, `TWO_FACTOR`", (*PASSWORD, *REFRESH), TWO_FACTOR=EMAIL_FACTOR),
    "seed": _seed("", (*LOGIN, *REFRESH), PASSWORDLESS_EMAIL_LOGIN_URL=LINK),
    "seed, vendor": _seed(", `EXTERNAL_2FA`", VENDOR, ALLOWED_PASSWORDLESS_METHODS=["MOBILE"], EXTERNAL_2FA=TELNYX),
    "drfpasswordless": Peer(
        "drfpasswordless 1.5.9",
        "drfpasswordless",
        "drfpasswordless==1.5.9",
        "drfpasswordless",
        LOGIN,
        ("rest_framework.authtoken", "drfpasswordless"),
        {"PASSWORDLESS_AUTH": {"PASSWORDLESS_EMAIL_NOREPLY_ADDRESS": "noreply@app.example"}},
    ),
    "allauth": _allauth("django-allauth 65.21.1", (*LOGIN, *REFRESH)),
    "allauth, second step": _allauth(
        "django-allauth 65.21.1, code after password", PASSWORD, ACCOUNT_LOGIN_BY_CODE_REQUIRED=True
    ),
    "trench": Peer(
        "django-trench-reboot 0.4.0",
        "trench",
        "django-trench-reboot==0.4.0",
        "trench",
        (*PASSWORD, *REFRESH),
        ("trench",),
        {"TRENCH_AUTH": TRENCH},
        every=10,
    ),
    "jwt2fa": Peer(
        "drf-jwt-2fa 1.0.0", "jwt2fa", "drf-jwt-2fa==1.0.0", "jwt2fa", (*PASSWORD, *REFRESH), ("drf_jwt_2fa",), every=10
    ),
    "sesame": Peer(
        "django-sesame 3.2.5",
        "sesame",
        "django-sesame==3.2.5",
        "sesame",
        LOGIN,
        (),
        {
            "AUTHENTICATION_BACKENDS": ["sesame.backends.ModelBackend"],
            "SESAME_MAX_AGE": 600,
            "SESAME_ONE_TIME": True,
        },
    ),
}
