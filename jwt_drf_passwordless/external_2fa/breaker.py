"""A provider that keeps failing is left out for a while. The count lives in Django's cache.

With a cache of each process, each process counts for itself. A cache that fails leaves all providers in.
"""

import logging
from collections.abc import Callable

from django.core.cache import cache

logger = logging.getLogger(__name__)

#: So many failures within so many seconds leave a provider out for so many seconds.
FAILURES = 5
WITHIN = 60
OUT_FOR = 60


def is_open(alias: str) -> bool:
    """Whether a provider is left out now."""
    return _safely(lambda: cache.get(_key("open", alias)) is not None)


def failed(alias: str) -> None:
    """Count a failure that is the provider's."""

    def count() -> bool:
        key = _key("failures", alias)
        failures = 1 if cache.add(key, 1, WITHIN) else cache.incr(key)
        return failures >= FAILURES and cache.add(_key("open", alias), 1, OUT_FOR)

    if _safely(count):
        logger.warning("The provider %s keeps failing and is left out for %s seconds", alias, OUT_FOR)


def succeeded(alias: str) -> None:
    """Forget the failures of a provider that works."""
    _safely(lambda: bool(cache.delete(_key("failures", alias))))


def _key(kind: str, alias: str) -> str:
    return f"jwt_drf_passwordless.breaker.{kind}.{alias}"


def _safely(work: Callable[[], bool]) -> bool:
    try:
        return work()
    except Exception as error:  # noqa: BLE001 - whatever the cache's backend raises, logins go on
        logger.warning("The cache failed: %s", type(error).__name__)
        return False
