"""The example project, and the page with the documentation's script."""

from django.http import HttpResponse
from django.urls import include, path

from tests_browser.project.page import PAGE

urlpatterns = [
    path("documented/", lambda request: HttpResponse(PAGE)),
    path("", include("config.urls")),
]
