from django.urls import include, path
from rest_framework.decorators import api_view, permission_classes
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework_simplejwt.views import TokenRefreshView


@api_view(["GET"])
@permission_classes([IsAuthenticated])
def whoami(request):
    """A protected view of a project."""
    return Response({"id": str(request.user.pk)})


urlpatterns = [
    path("passwordless/", include("jwt_drf_passwordless.urls")),
    path("api/", include("jwt_drf_passwordless.two_factor.urls")),
    path("api/", include("jwt_drf_passwordless.sessions.urls")),
    path("api/", include("jwt_drf_passwordless.contact.urls")),
    path("token/refresh/", TokenRefreshView.as_view(), name="token_refresh"),
    path("whoami/", whoami, name="whoami"),
]
