"""The schema and the page made of it; installed with DEBUG only."""

from accounts import views
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

# What drf-spectacular cannot see; the package's own views describe themselves.
extend_schema(responses=OpenApiTypes.OBJECT)(views.me)

urlpatterns = [
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
]
