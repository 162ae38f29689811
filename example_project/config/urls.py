from django.contrib import admin
from django.urls import include, path
from django.views.generic import TemplateView
from rest_framework_simplejwt.views import TokenRefreshView

urlpatterns = [
    path("", TemplateView.as_view(template_name="index.html"), name="index"),
    path("passwordless/", include("jwt_drf_passwordless.urls")),
    path("api/token/refresh/", TokenRefreshView.as_view(), name="token_refresh"),
    path("api/", include("accounts.urls")),
    path("admin/", admin.site.urls),
]
