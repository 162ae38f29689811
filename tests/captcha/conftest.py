"""A project that asks for CAPTCHAs, and their vendors."""

import pytest
from django.core.cache import cache

from tests.captcha.vendors import VENDORS, Turnstile


@pytest.fixture(autouse=True)
def _empty_cache():
    cache.clear()
    yield
    cache.clear()


@pytest.fixture(params=VENDORS, ids=lambda vendor: vendor.__name__)
def every_vendor(request):
    """Each vendor in turn."""
    with request.param() as vendor:
        yield vendor
    assert vendor.complaints == []


@pytest.fixture
def vendor():
    """One vendor, for what is the same for all."""
    with Turnstile() as vendor:
        yield vendor
    assert vendor.complaints == []


@pytest.fixture
def use(configure):
    """Ask for a vendor's CAPTCHA: `use(vendor, routes=["redeem"])`; no cooldown is in the way."""

    def change(vendor, **config):
        configure(CAPTCHA={**vendor.config, **config}, TOKEN_REQUEST_THROTTLE_SECONDS=0)

    return change
