"""Fixtures that the tests share: real requests, real messages, settings changed through the one dict."""

import itertools
import json
import re
from dataclasses import dataclass, field
from typing import Any

import django
import pytest
import sms
from django.contrib.auth import get_user_model
from django.core import mail
from django.core.cache import cache
from django.db import connections
from django.test import Client

from jwt_drf_passwordless.conf import settings as package_settings
from tests.secret_scan import SecretScan

NEXT = itertools.count(1)
SCAN = SecretScan()


@pytest.fixture(scope="session", autouse=True)
def _listen():
    with SCAN.listening():
        yield


@pytest.fixture(scope="session", autouse=True)
def _features_are_known(django_db_setup, django_db_blocker):
    """System checks ask a database once whether it has JSON fields, in tests without a database too."""
    with django_db_blocker.unblock():
        assert all(connection.features.supports_json_field for connection in connections.all())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Fail a test that has logged or stored a secret, and one that has a database without its lanes."""
    has_database = item.get_closest_marker("django_db") or "db" in item.fixturenames
    assert not (has_database and item.get_closest_marker("standalone")), "standalone tests run on one database only"
    try:
        result = yield
        leaks = SCAN.leaks_in_logs()
        if has_database:
            leaks += SCAN.leaks_in_storage()
        assert leaks == []
        return result
    finally:
        SCAN.forget()


@dataclass
class Api:
    """Posts JSON to the routes of the package under the field names of the current user model."""

    client: Client = field(default_factory=Client)

    def post(self, route: str, body: Any, **extra: Any) -> Any:
        """`route` is relative to the mount point; `body` a dict, or a text or bytes sent as they are."""
        data = body if isinstance(body, str | bytes) else json.dumps(body)
        SCAN.used(*(body.values() if isinstance(body, dict) else ()))
        response = self.client.post(f"/passwordless/{route}", data, content_type="application/json", **extra)
        SCAN.answered(response)
        return response

    def request_email(self, email: Any, **extra: Any) -> Any:
        return self.post("request/email/", {package_settings.EMAIL_FIELD_NAME: email}, **extra)

    def request_mobile(self, number: Any, **extra: Any) -> Any:
        return self.post("request/mobile/", {package_settings.MOBILE_FIELD_NAME: number}, **extra)

    def exchange_email(self, email: Any, token: Any, **extra: Any) -> Any:
        body = {package_settings.EMAIL_FIELD_NAME: email, "token": token}
        return self.post("exchange/email/", body, **extra)

    def exchange_mobile(self, number: Any, token: Any, **extra: Any) -> Any:
        body = {package_settings.MOBILE_FIELD_NAME: number, "token": token}
        return self.post("exchange/mobile/", body, **extra)


@pytest.fixture
def api():
    return Api()


@pytest.fixture(autouse=True)
def _empty_sms_outbox():
    sms.outbox = []


@pytest.fixture(autouse=True)
def _empty_cache():
    """Counts of number ranges go on from test to test otherwise."""
    cache.clear()


@pytest.fixture
def configure(settings):
    """Change settings of the package: `configure(TOKEN_LIFETIME=30)`; undone after the test."""

    def change(**changes: Any) -> None:
        settings.JWT_DRF_PASSWORDLESS = {**settings.JWT_DRF_PASSWORDLESS, **changes}

    return change


@pytest.fixture
def make_user(db):
    """Make a user of the current model: `make_user(email=..., phone=..., is_active=..., staff=True)`."""

    def make(*, email: str | None = None, phone: str | None = None, staff: bool = False, **fields: Any) -> Any:
        user_model = get_user_model()
        SCAN.used(email, phone)
        if email is not None:
            fields[package_settings.EMAIL_FIELD_NAME] = email
        if phone is not None:
            fields[package_settings.MOBILE_FIELD_NAME] = phone
        if staff:
            fields["is_staff" if hasattr(user_model, "is_staff") else "is_admin"] = True
        if user_model.USERNAME_FIELD == "username":
            fields.setdefault("username", f"user{next(NEXT)}")
        user = user_model(**fields)
        user.set_unusable_password()
        user.save()
        return user

    return make


def set_mail_backend(settings: Any, path: str) -> None:
    """Send mail by another backend, through the settings fixture and by the setting of this Django."""
    mailers = ("MAILERS", {"default": {"BACKEND": path}})
    setattr(settings, *(mailers if django.VERSION >= (6, 1) else ("EMAIL_BACKEND", path)))


def sent_code() -> str:
    """The code of the last email."""
    return re.search(r"code is (\S+)", mail.outbox[-1].body)[1]


def sent_link_token() -> str:
    """The link's token of the last email; the test sets a login URL that ends in it."""
    return re.search(r"[a-z0-9]{64}", mail.outbox[-1].body)[0]


def sent_sms_code() -> str:
    """The code of the last SMS."""
    return re.match(r"\d+", sms.outbox[-1].body)[0]
