"""The suite's project, but a vendor makes the codes of MOBILE."""

import pytest
from django.core.cache import cache

from tests.external_2fa import providers


@pytest.fixture
def vendor():
    """What the vendor was asked, and its answers; empty at first."""
    providers.VENDOR.__init__()
    cache.clear()
    yield providers.VENDOR
    cache.clear()


@pytest.fixture
def external(configure, vendor):
    """Change the provider's dict: `external(fallbacks=[...])`; called with nothing when a test begins."""

    def change(**config):
        configure(EXTERNAL_2FA={"provider": providers.PATH, **config})

    change()
    return change
