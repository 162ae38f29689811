"""Settings of the test suite. The environment chooses the variants that the whole suite is run under:

DATABASE_URL            the database; SQLite in memory without it
TEST_USER_MODEL         tests.User (default), tests.UuidUser or Django's own auth.User
TEST_ATOMIC_REQUESTS=1  transactions round every view
TEST_USE_TZ=0           naive datetimes
"""

import os
import tempfile

import dj_database_url

SECRET_KEY = "a key for tests only, of more than fifty characters in all"
ALLOWED_HOSTS = ["*"]
USE_TZ = os.environ.get("TEST_USE_TZ") != "0"

#: "replica" is a database of its own; test_routers.py lets it lag behind.
DATABASES = {
    alias: dj_database_url.parse(os.environ.get("DATABASE_URL") or "sqlite://:memory:")
    for alias in ("default", "replica")
}
DATABASES["default"]["ATOMIC_REQUESTS"] = os.environ.get("TEST_ATOMIC_REQUESTS") == "1"
for alias, database in DATABASES.items():
    if database["ENGINE"].endswith("sqlite3"):
        # A file, since threads share it; writers wait for each other, as the README advises. Not safe from power
        # cuts, and so twice as fast where tests commit.
        name = f"jwt_drf_passwordless-{os.getpid()}-{alias}.sqlite3"
        database["TEST"] = {"NAME": os.path.join(tempfile.gettempdir(), name)}
        database["OPTIONS"] = {
            "timeout": 30,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA synchronous=OFF; PRAGMA journal_mode=MEMORY",
        }
    elif alias == "replica":
        database["TEST"] = {"NAME": f"test_{database['NAME']}_replica"}
    if database["ENGINE"].endswith("mysql"):
        database["OPTIONS"] = {"charset": "utf8mb4"}

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "rest_framework",
    "phonenumber_field",
    "drf_spectacular",
    "jwt_drf_passwordless",
    "tests",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
ROOT_URLCONF = "tests.urls"
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
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# From Django 6.1 on; older ones have EMAIL_BACKEND, whose default the test runner replaces too.
MAILERS = {"default": {"BACKEND": "django.core.mail.backends.smtp.EmailBackend"}}
SMS_BACKEND = "sms.backends.locmem.SmsBackend"
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework_simplejwt.authentication.JWTAuthentication"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "jwt_drf_passwordless",
    "DESCRIPTION": "Passwordless login and second factor.",
    "VERSION": "1.0",
    "OAS_VERSION": "3.1.0",
    "ENABLE_DJANGO_DEPLOY_CHECK": False,
}

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = os.environ.get("TEST_USER_MODEL", "tests.User")
#: Settings of the package that the whole suite runs with: both methods, on the fields of the user model.
JWT_DRF_PASSWORDLESS = {"ALLOWED_PASSWORDLESS_METHODS": ["EMAIL", "MOBILE"]} | {
    "tests.User": {},
    "tests.UuidUser": {"EMAIL_FIELD_NAME": "contact_email", "MOBILE_FIELD_NAME": "mobile"},
    # Django's own model has no phone number; any text column serves.
    "auth.User": {"MOBILE_FIELD_NAME": "last_name"},
}[AUTH_USER_MODEL]
