from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from django.views.generic import TemplateView

from config.health import health

urlpatterns = [
    path("", TemplateView.as_view(template_name="index.html"), name="index"),
    path("health/", health, name="health"),
    path("passwordless/", include("jwt_drf_passwordless.urls")),
    path("api/", include("jwt_drf_passwordless.two_factor.urls")),
    path("api/", include("jwt_drf_passwordless.sessions.urls")),
    path("api/", include("jwt_drf_passwordless.contact.urls")),
    path("api/", include("accounts.urls")),
    path("admin/", admin.site.urls),
]
if settings.DEBUG:
    urlpatterns.append(path("api/", include("config.openapi")))
