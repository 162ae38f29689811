"""Settings of the example: they work as they are on a laptop, and in production by these environment variables.

DJANGO_DEBUG=0                     production; the variables below must then be given
DJANGO_SECRET_KEY                  at least 50 random characters, on every server the same
DJANGO_ENCRYPTION_KEY              the same, another one: for what second factors keep
DJANGO_ALLOWED_HOSTS               "app.example.com", more than one separated by commas
DJANGO_SITE_URL                    "https://app.example.com", where magic links lead, and whose passkeys are asked for
DJANGO_EMAIL_HOST                  the SMTP server, with DJANGO_EMAIL_USER and DJANGO_EMAIL_PASSWORD if it wants them
DJANGO_SMS_BACKEND                 dotted path of a backend of django-sms
DJANGO_REDIS_URL                   the cache, in which requests of a network are counted: redis://127.0.0.1:6379
DJANGO_TRUSTED_PROXIES             number of proxies in front that may be believed about the client's address and https;
                                   the last sets X-Forwarded-Proto itself, whatever the client has sent
DJANGO_DB                          path of the SQLite file; optional
DJANGO_DATABASE_URL                another database, "postgres://user:password@host/name"; needs dj-database-url
DJANGO_STATIC_ROOT                 folder for `collectstatic`, whose files WhiteNoise then serves; needs whitenoise
DJANGO_VENDOR=fake                 with DJANGO_DEBUG=1: codes by phone come from a verification vendor that is made up
"""

import os
from pathlib import Path
from urllib.parse import urlsplit

import django

BASE_DIR = Path(__file__).resolve().parent.parent
DEBUG = os.environ.get("DJANGO_DEBUG", "1") == "1"

if DEBUG:
    SECRET_KEY = "django-insecure-key-of-the-example-that-everyone-can-read"
    ENCRYPTION_KEY = "another-key-of-the-example-that-everyone-can-read"
    ALLOWED_HOSTS = []  # with DEBUG: this machine only
    # Not 127.0.0.1: browsers have no passkeys for IP addresses.
    SITE_URL = os.environ.get("DJANGO_SITE_URL", "http://localhost:8000")
    # Both print, and keep what they have printed for /inbox/.
    SMS_BACKEND = "web.inbox.SmsBackend"
    MAILER = {"BACKEND": "web.inbox.EmailBackend"}
else:
    SECRET_KEY = os.environ["DJANGO_SECRET_KEY"]
    ENCRYPTION_KEY = os.environ["DJANGO_ENCRYPTION_KEY"]
    ALLOWED_HOSTS = os.environ["DJANGO_ALLOWED_HOSTS"].split(",")
    SITE_URL = os.environ["DJANGO_SITE_URL"]
    SMS_BACKEND = os.environ["DJANGO_SMS_BACKEND"]
    MAILER = {
        "BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "OPTIONS": {
            "host": os.environ["DJANGO_EMAIL_HOST"],
            "port": 587,
            "use_tls": True,
            "username": os.environ.get("DJANGO_EMAIL_USER", ""),
            "password": os.environ.get("DJANGO_EMAIL_PASSWORD", ""),
            "timeout": 10,
        },
    }
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": os.environ["DJANGO_REDIS_URL"],
        }
    }
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    SECURE_HSTS_SECONDS = 3600  # raise it once https works everywhere
    SECURE_SSL_REDIRECT = True
    SECURE_REDIRECT_EXEMPT = ["^health/$"]  # asked from within, without TLS
    if os.environ.get("DJANGO_TRUSTED_PROXIES", "0") != "0":
        SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# What the example leaves to you, and what `check --deploy` therefore need not tell.
SILENCED_SYSTEM_CHECKS = [
    "security.W005",  # HSTS for all subdomains, and
    "security.W021",  # the browsers' preload list: decisions about a whole domain
]

INSTALLED_APPS = [
    "accounts",
    "web",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "phonenumber_field",
    "rest_framework",
    "jwt_drf_passwordless",
]

# How users sign in. Everything that is not here has its default.
JWT_DRF_PASSWORDLESS = {
    "ALLOWED_PASSWORDLESS_METHODS": ["EMAIL", "MOBILE"],
    # In the fragment, behind the #, the token stays in the browser: no log and no link scanner sees or uses it.
    "PASSWORDLESS_EMAIL_LOGIN_URL": SITE_URL + "/#token={token}",
    # True: whoever proves an address that no account has gets a new account.
    "REGISTER_NONEXISTENT_USERS": False,
    "SITE_NAME": "Example",
    # Browsers and phones offer the code of an SMS to this domain's pages only.
    "SMS_DOMAIN": urlsplit(SITE_URL).hostname,
    # Whoever adds one of these is asked for it at each login; and /api/token/ takes a password.
    "TWO_FACTOR": {
        "factors": [
            "jwt_drf_passwordless.two_factor.passkey.factor.PasskeyFactor",
            "jwt_drf_passwordless.two_factor.totp.TotpFactor",
            "jwt_drf_passwordless.two_factor.phone.factor.PhoneFactor",
            "jwt_drf_passwordless.two_factor.email.EmailFactor",
            "jwt_drf_passwordless.two_factor.recovery.RecoveryCodeFactor",
        ],
        "passkey": {"rp_id": urlsplit(SITE_URL).hostname, "origins": [SITE_URL]},
        "encryption_keys": [ENCRYPTION_KEY],
        # Who ticks the box is not asked for a second factor there for so long.
        "trusted_device_days": 30,
    },
    # Refresh tokens work once, and sessions can be listed and ended.
    "SESSIONS": {},
    # SMS cost money: to which countries, and how many at most.
    "SMS_COUNTRIES": ["CA", "PL", "US"],
    "SMS_BUDGET": {"hour": 200, "day": 1000},
    "TRUSTED_PROXIES": int(os.environ.get("DJANGO_TRUSTED_PROXIES", "0")),
    # In production in a thread: a client that waits for the mailer can tell known addresses from unknown ones.
    "DELIVERY": f"jwt_drf_passwordless.delivery.{'Inline' if DEBUG else 'Thread'}",
}

# A vendor of the real world takes its place in production: see docs/external.md.
if DEBUG and os.environ.get("DJANGO_VENDOR") == "fake":
    JWT_DRF_PASSWORDLESS["EXTERNAL_2FA"] = {
        "provider": "web.inbox.Vendor",
        "code": "246810",
        "webhook_secret": "a secret that the vendor shares with us",
    }

AUTH_USER_MODEL = "accounts.User"
# For /admin/, and for those who sign in by password and phone.
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

# Every view asks for a token unless it says otherwise.
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework_simplejwt.authentication.JWTAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
}
# The schema of the API at /api/schema/, and a page to try it at /api/docs/, whose scripts come from this server.
if DEBUG:
    INSTALLED_APPS += ["drf_spectacular", "drf_spectacular_sidecar"]
    REST_FRAMEWORK["DEFAULT_SCHEMA_CLASS"] = "drf_spectacular.openapi.AutoSchema"
    SPECTACULAR_SETTINGS = {
        "TITLE": "Example",
        "VERSION": "1.0",
        "OAS_VERSION": "3.1.0",  # 3.0 knows no body of DELETE
        "SERVE_INCLUDE_SCHEMA": False,
        "SWAGGER_UI_DIST": "SIDECAR",
        "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    }
DEFAULT_FROM_EMAIL = "Example <login@example.com>"
DEFAULT_FROM_SMS = "Example"
# Django 6.1 has a new setting for mail, and warns about the old ones.
if django.VERSION >= (6, 1):
    MAILERS = {"default": MAILER}
else:
    EMAIL_BACKEND = MAILER["BACKEND"]
    options = MAILER.get("OPTIONS", {})
    EMAIL_HOST = options.get("host", "localhost")
    EMAIL_PORT = options.get("port", 25)
    EMAIL_USE_TLS = options.get("use_tls", False)
    EMAIL_HOST_USER = options.get("username", "")
    EMAIL_HOST_PASSWORD = options.get("password", "")
    EMAIL_TIMEOUT = options.get("timeout")

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("DJANGO_DB", BASE_DIR / "db.sqlite3"),
        # Writers wait for each other instead of failing with "database is locked".
        "OPTIONS": {"timeout": 30, "transaction_mode": "IMMEDIATE"},
    }
}
if "DJANGO_DATABASE_URL" in os.environ:
    import dj_database_url

    DATABASES["default"] = dj_database_url.parse(
        os.environ["DJANGO_DATABASE_URL"], conn_max_age=60, conn_health_checks=True
    )
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
TIME_ZONE = "UTC"

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "static"  # where `collectstatic` puts them for the web server in front

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
if "DJANGO_STATIC_ROOT" in os.environ:
    STATIC_ROOT = os.environ["DJANGO_STATIC_ROOT"]
    MIDDLEWARE.insert(1, "whitenoise.middleware.WhiteNoiseMiddleware")  # behind the redirect to https
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
