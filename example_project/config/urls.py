from django.conf import settings
from django.contrib import admin
from django.urls import include, path

from config.health import health

urlpatterns = [
    path("", include("web.urls")),
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
