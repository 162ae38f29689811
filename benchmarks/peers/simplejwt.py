"""SimpleJWT's own refresh, for peers that leave it to SimpleJWT."""

from django.urls import path
from rest_framework_simplejwt.views import TokenRefreshView

from benchmarks.calls import Post

urlpatterns = [path("refresh/", TokenRefreshView.as_view())]


def refresh(pair, url="/refresh/"):
    return Post(url, refresh=pair["refresh"])
