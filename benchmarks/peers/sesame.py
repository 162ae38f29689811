"""It signs tokens for links and has no codes; the views are ours, as short as its documentation suggests."""

from django.core.mail import send_mail
from django.db.models.functions import Lower
from django.db.models.lookups import Exact
from django.urls import path
from rest_framework.response import Response
from rest_framework_simplejwt.serializers import TokenObtainPairSerializer
from sesame.utils import get_token, get_user

from benchmarks import floors
from benchmarks.calls import Case, Post, sent
from benchmarks.peers.models import User


class RequestView(floors.EmptyView):
    def post(self, request):
        user = User.objects.filter(Exact(Lower("email"), request.data["email"])).first()
        if user:
            link = f"https://app.example/login#token={get_token(user)}"
            send_mail("Sign in", f"Open {link}", None, [user.email], html_message=f'<a href="{link}">Sign in</a>')
        return Response({"detail": "Sent"})


class ExchangeView(floors.EmptyView):
    def post(self, request):
        user = get_user(request.data["token"])
        if user is None:
            return Response({"detail": "Invalid credentials"}, status=400)
        refresh = TokenObtainPairSerializer.get_token(user)
        return Response({"refresh": str(refresh), "access": str(refresh.access_token)})


urlpatterns = [
    *floors.urlpatterns,
    path("request/", RequestView.as_view()),
    path("exchange/", ExchangeView.as_view()),
]


def request(user):
    return Post("/request/", email=user.email)


def exchange(user):
    request(user).send()
    return Post("/exchange/", token=sent(r"token=(\S+)"))


def wrong_code(user):
    token = exchange(user).body["token"]
    return Post("/exchange/", token=token[:-4] + "AAAA")


CASES = (
    Case("request", request),
    Case("exchange", exchange),
    Case("wrong code", wrong_code, status=400),
)
