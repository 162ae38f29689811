# The example project as it would run in production: gunicorn, a user without rights, no secrets in the image.
# compose.yaml starts it with PostgreSQL and Redis, and says which variables it wants.
# Linted, and its commands run by tests_http/test_container.py; the image itself has not been built by its authors.
ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /venv
ENV PATH=/venv/bin:$PATH
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY jwt_drf_passwordless jwt_drf_passwordless
# pyproject.toml has the ranges of versions.
# hadolint ignore=DL3013
RUN pip install --no-cache-dir --upgrade "pip>=25.1" \
    && pip install --no-cache-dir '.[openapi,passkeys,postgresql,totp]' --group demo --group example
WORKDIR /app
COPY example_project .
# The development settings, which need no secrets, know the same files.
# Pages to try the API are for them alone: none of their files may stand beside what holds tokens.
RUN DJANGO_DEBUG=1 DJANGO_STATIC_ROOT=/static python manage.py collectstatic --noinput --ignore=drf_spectacular_sidecar

FROM python:${PYTHON}-slim
ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DJANGO_DEBUG=0 \
    DJANGO_STATIC_ROOT=/static
COPY --from=build /venv /venv
COPY --from=build /static /static
COPY --from=build /app /app
WORKDIR /app
# A number, so that Kubernetes can tell that it is not root. It may read all of this and write none of it.
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(u.Request('http://127.0.0.1:8000/health/', headers={'Host': os.environ['DJANGO_ALLOWED_HOSTS'].split(',')[0].lstrip('.')}), timeout=4)"]
CMD ["gunicorn", "config.wsgi", "--bind=0.0.0.0:8000", "--workers=2", "--threads=4", "--access-logfile=-", "--worker-tmp-dir=/dev/shm", "--no-control-socket"]
