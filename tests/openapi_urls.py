"""The routes of the package, of which docs/openapi.yaml tells."""

from django.urls import include, path

urlpatterns = [
    path("passwordless/", include("jwt_drf_passwordless.urls")),
    path("api/", include("jwt_drf_passwordless.two_factor.urls")),
    path("api/", include("jwt_drf_passwordless.sessions.urls")),
    path("api/", include("jwt_drf_passwordless.contact.urls")),
]
