"""The routes of the package, in a project whose own answer to an unknown path is JSON too."""

from typing import Any

from django.http import HttpRequest, JsonResponse

from tests.openapi_urls import urlpatterns

__all__ = ["handler404", "urlpatterns"]


def handler404(request: HttpRequest, exception: Exception) -> Any:
    return JsonResponse({"detail": "Not found.", "code": "not_found"}, status=404)
