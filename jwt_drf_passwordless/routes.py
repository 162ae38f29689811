"""Which views the project's URLconf leads to, for checks."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings as django_settings
from django.urls import URLPattern, get_resolver


def routed_views() -> list[tuple[str, type]] | None:
    """All classes of views with their routes; None without a URLconf. Views that are functions are left out."""
    if not getattr(django_settings, "ROOT_URLCONF", None):
        return None
    return list(_view_classes(get_resolver().url_patterns, ""))


def _view_classes(patterns: Any, prefix: str) -> Iterator[tuple[str, type]]:
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            view_class = getattr(pattern.callback, "view_class", getattr(pattern.callback, "cls", None))
            if isinstance(view_class, type):
                yield route, view_class
        else:
            yield from _view_classes(pattern.url_patterns, route)
