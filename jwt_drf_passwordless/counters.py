"""Counts that all processes share, in Django's cache, by its atomic `add` and `incr`.

With a cache of each process, each process counts for itself. A cache that fails counts nothing: limits
by network and budget are then off, those of the challenges, which live in the database, are not.
"""

import hashlib
import logging
import time
from collections.abc import Callable
from typing import TypeVar

from django.core.cache import cache

from jwt_drf_passwordless.utils import pack

logger = logging.getLogger(__name__)

T = TypeVar("T")


def safely(work: Callable[[], T], otherwise: T) -> T:
    """What `work` gives, or `otherwise` when the cache fails."""
    try:
        return work()
    except Exception as error:  # noqa: BLE001 - whatever the cache's backend raises, logins go on
        logger.warning("The cache failed: %s", type(error).__name__)
        return otherwise


def cache_key(*parts: str) -> str:
    """A key that any cache takes, whatever the parts are, and that shows none of them."""
    return f"jwt_drf_passwordless.{hashlib.sha256(pack(*parts)).hexdigest()}"


def count(key: str, seconds: int, by: int = 1) -> int:
    """Add to a count that lives for so many seconds from its first addition; what it is now, 0 if the cache fails.

    Django's caches in files and in the database give it their own `TIMEOUT` anew with each addition.
    """

    def add() -> int:
        if by and cache.add(key, by, seconds):
            return by
        try:
            return int(cache.incr(key, by))
        except ValueError:  # not there, or gone since
            return 0

    return safely(add, 0)


def count_in_window(seconds: int, *parts: str, by: int = 1) -> tuple[int, float]:
    """Add to the count of a fixed window of so many seconds; what it is now, and the seconds until the window ends."""
    now = time.time()
    window = int(now // seconds)
    return count(cache_key(*parts, str(seconds), str(window)), seconds, by), (window + 1) * seconds - now
