"""The fixtures of pytest, by entry point: `jwt_drf_passwordless.testing` until the end of a test.

pytest imports this module wherever the package is installed: Django is imported by a fixture that is asked for.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser
    from rest_framework.test import APIClient

    from jwt_drf_passwordless.external_2fa.testing import FakeVendor


@pytest.fixture
def passwordless_client() -> Callable[..., "APIClient"]:
    """`passwordless_client(user, amr=..., fresh=...)`: a client that brings an access token of the user."""
    from rest_framework.test import APIClient

    from jwt_drf_passwordless import testing

    def make(user: "AbstractBaseUser", **login: Any) -> APIClient:
        client = APIClient()
        testing.authenticate(client, user, **login)
        return client

    return make


@pytest.fixture
def passwordless_messages(request: pytest.FixtureRequest) -> None:
    """Collect what is sent, from nothing on."""
    from jwt_drf_passwordless import testing

    testing.empty_outboxes()
    _override(request, testing.collected_messages())


@pytest.fixture
def passwordless_last_code(passwordless_messages: None) -> Callable[..., str]:
    """`testing.last_code`."""
    from jwt_drf_passwordless import testing

    return testing.last_code


@pytest.fixture
def passwordless_last_link(passwordless_messages: None) -> Callable[..., str]:
    """`testing.last_link`."""
    from jwt_drf_passwordless import testing

    return testing.last_link


@pytest.fixture
def passwordless_no_waits(request: pytest.FixtureRequest) -> None:
    """`testing.no_waits()`, to the end of the test."""
    from jwt_drf_passwordless import testing

    _override(request, testing.no_waits())


@pytest.fixture
def passwordless_vendor(request: pytest.FixtureRequest) -> Iterator["FakeVendor"]:
    """The vendor of `testing.fake_vendor()`, to the end of the test."""
    from jwt_drf_passwordless import testing

    vendor = testing.FakeVendor()
    _override(request, testing.override(EXTERNAL_2FA=vendor.config))
    vendor.recover()
    yield vendor
    vendor.recover()


def _override(request: pytest.FixtureRequest, override: Any) -> None:
    """Through the fixture of pytest-django where that is: it undoes all changes in order, the test's own as well."""
    if request.config.pluginmanager.has_plugin("django"):
        settings = request.getfixturevalue("settings")
        for name, value in override.options.items():
            setattr(settings, name, value)
    else:
        override.enable()
        request.addfinalizer(override.disable)
