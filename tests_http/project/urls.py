"""The package's routes, as the README has them."""

from django.urls import include, path

urlpatterns = [path("passwordless/", include("jwt_drf_passwordless.urls"))]
