"""Tests over real HTTP: gunicorn, a Celery worker and a django-tasks worker on PostgreSQL or MariaDB, and Redis.

`DATABASE_URL=postgres://... python -m pytest tests_http`; REDIS_URL is redis://127.0.0.1:6379/5 without one.
"""
