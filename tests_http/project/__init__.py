"""The project that the servers and workers of these tests run, and that the tests read its database with."""

from tests_http.project.celery import app as celery_app

__all__ = ["celery_app"]
