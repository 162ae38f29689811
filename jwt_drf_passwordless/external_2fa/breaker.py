"""A provider that keeps failing is left out for a while. See `counters` for what that needs of the cache."""

import logging

from django.core.cache import cache

from jwt_drf_passwordless.counters import cache_key, count, safely

logger = logging.getLogger(__name__)

#: So many failures within so many seconds leave a provider out for so many seconds.
FAILURES = 5
WITHIN = 60
OUT_FOR = 60


def is_open(alias: str) -> bool:
    """Whether a provider is left out now."""
    return safely(lambda: cache.get(_open(alias)) is not None, False)


def failed(alias: str) -> None:
    """Count a failure that is the provider's."""
    if count(_failures(alias), WITHIN) >= FAILURES and safely(lambda: cache.add(_open(alias), 1, OUT_FOR), False):
        logger.warning("The provider %s keeps failing and is left out for %s seconds", alias, OUT_FOR)


def succeeded(alias: str) -> None:
    """Forget the failures of a provider that works."""
    safely(lambda: cache.delete(_failures(alias)), False)


def close(alias: str) -> None:
    """Forget that a provider is left out, and why."""
    safely(lambda: cache.delete_many([_open(alias), _failures(alias)]), None)


def _open(alias: str) -> str:
    return cache_key("breaker open", alias)


def _failures(alias: str) -> str:
    return cache_key("breaker failures", alias)
