"""A small project as in production: no debugging, no middleware, templates cached, mail kept in memory.

DATABASE_URL chooses the database; a SQLite file without it. Commits do not wait for the disk, whose
speed says nothing about this package.
"""

import os

import dj_database_url
import django

SECRET_KEY = "a key for benchmarks only, of more than fifty characters in all"
ALLOWED_HOSTS = ["*"]

DATABASES = {"default": dj_database_url.parse(os.environ.get("DATABASE_URL") or "sqlite://", conn_max_age=None)}
# The database of the measurements is made as Django makes one for tests, and dropped at the end.
DATABASES["default"]["TEST"] = {"NAME": os.environ.get("BENCHMARK_DATABASE_NAME"), "MIGRATE": False}
DATABASES["default"]["OPTIONS"] = {
    "django.db.backends.sqlite3": {
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;",
    },
    "django.db.backends.postgresql": {"options": "-c synchronous_commit=off"},
}.get(DATABASES["default"]["ENGINE"], {})

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "rest_framework",
    "jwt_drf_passwordless",
    "benchmarks",
]
MIDDLEWARE: list[str] = []
ROOT_URLCONF = "benchmarks.urls"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
if django.VERSION >= (6, 1):
    MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}
else:
    EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"

REST_FRAMEWORK = {"DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"]}
AUTH_USER_MODEL = "benchmarks.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
JWT_DRF_PASSWORDLESS = {
    "TOKEN_REQUEST_THROTTLE_SECONDS": 0,
    "PASSWORDLESS_EMAIL_LOGIN_URL": "https://app.example/login#token={token}",
    "SITE_NAME": "Example",
}
