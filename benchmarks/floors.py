"""The two views that all else is measured against."""

from django.contrib.auth import get_user_model
from django.db.models.functions import Lower
from django.db.models.lookups import Exact
from django.urls import path
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt.serializers import TokenObtainPairSerializer

from benchmarks.calls import Case, Post


class EmptyView(APIView):
    """What Django and DRF cost alone."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    def post(self, request: Request) -> Response:
        return Response({"detail": "Nothing was done"})


class PairView(EmptyView):
    """The least that any login does: read the body, find the user by an indexed column, answer a pair."""

    def post(self, request: Request) -> Response:
        user = get_user_model().objects.get(Exact(Lower("email"), request.data["email"]))
        refresh = TokenObtainPairSerializer.get_token(user)
        return Response({"refresh": str(refresh), "access": str(refresh.access_token)})


urlpatterns = [path("empty/", EmptyView.as_view()), path("pair/", PairView.as_view())]

EMPTY = Case("empty view", lambda user: Post("/empty/", email=user.email))
PAIR = Case("user and pair", lambda user: Post("/pair/", email=user.email))
