"""Settings of servers, workers and tests. From the environment:

DATABASE_URL    PostgreSQL or MariaDB; the tests make and drop a database of their own beside it
DATABASE_NAME   that database, for servers and workers
DELIVERY        Inline (default), Thread, Tasks, Celery
MAIL_DIRECTORY  where sent messages go; MAIL_DELAY the seconds that sending one takes
TOKEN_LIFETIME  seconds
REDIS_URL       the broker; REDIS_PREFIX stands before all of its keys
"""

import os

import dj_database_url
import django

SECRET_KEY = "a key for tests over HTTP only, of more than fifty characters"
ALLOWED_HOSTS = ["127.0.0.1"]

DATABASES = {"default": dj_database_url.parse(os.environ["DATABASE_URL"])}
DATABASES["default"]["TEST"] = {"NAME": f"{DATABASES['default']['NAME']}_http"}
if "DATABASE_NAME" in os.environ:
    DATABASES["default"]["NAME"] = os.environ["DATABASE_NAME"]
if DATABASES["default"]["ENGINE"].endswith("mysql"):
    DATABASES["default"]["OPTIONS"] = {"charset": "utf8mb4"}

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "rest_framework",
    "phonenumber_field",
    "jwt_drf_passwordless",
    "django_tasks_db",
]
if django.VERSION < (6, 0):
    INSTALLED_APPS.append("django_tasks")
ROOT_URLCONF = "tests_http.project.urls"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True

if django.VERSION >= (6, 1):
    MAILERS = {"default": {"BACKEND": "tests_http.project.mail.DirectoryBackend"}}
else:
    EMAIL_BACKEND = "tests_http.project.mail.DirectoryBackend"
MAIL_DIRECTORY = os.environ.get("MAIL_DIRECTORY", "")
MAIL_DELAY = float(os.environ.get("MAIL_DELAY", "0"))

JWT_DRF_PASSWORDLESS = {
    "DELIVERY": f"jwt_drf_passwordless.delivery.{os.environ.get('DELIVERY', 'Inline')}",
    "PASSWORDLESS_EMAIL_LOGIN_URL": "https://app.example/login#token={token}",
    "TOKEN_REQUEST_THROTTLE_SECONDS": 600,  # longer than any test on a busy machine
    # Tests are on this machine, which is not counted, unless they name another client.
    "TRUSTED_PROXIES": 1,
    "THROTTLE_RATES": {"request": "30/day"},
    "TOKEN_LIFETIME": int(os.environ.get("TOKEN_LIFETIME", "600")),
}

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": os.environ.get("REDIS_URL") or "redis://127.0.0.1:6379/5",
        "KEY_PREFIX": os.environ.get("REDIS_PREFIX", ""),
    }
}
TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}

CELERY_BROKER_URL = os.environ.get("REDIS_URL") or "redis://127.0.0.1:6379/5"
CELERY_BROKER_TRANSPORT_OPTIONS = {"global_keyprefix": os.environ.get("REDIS_PREFIX", "")}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A worker fetches no message before it can start it: those fetched in stock by a worker that is
# killed would stay hidden for `visibility_timeout`, an hour, and be void by then.
CELERY_WORKER_DISABLE_PREFETCH = True

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    # Not each 400 and 429, but each 500 with its traceback.
    "loggers": {"django.request": {"level": "ERROR"}},
}
