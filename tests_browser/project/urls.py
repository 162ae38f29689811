"""The API as the documentation has it, and the page."""

from django.http import HttpResponse
from django.urls import include, path

from tests_browser.project.page import PAGE

urlpatterns = [
    path("api/", include("jwt_drf_passwordless.two_factor.urls")),
    path("", lambda request: HttpResponse(PAGE)),
]
