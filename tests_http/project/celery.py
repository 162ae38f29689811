"""The project's Celery app, as the documentation of Celery has it."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests_http.project.settings")

app = Celery("tests_http")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
