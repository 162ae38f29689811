"""With its default answer, DRF's `Token`, which it looks up or makes: there is no pair to sign."""

from django.urls import include, path

from benchmarks import floors
from benchmarks.calls import WRONG_CODE, Case, Post, sent

urlpatterns = [*floors.urlpatterns, path("", include("drfpasswordless.urls"))]


def request(user):
    return Post("/auth/email/", email=user.email)


def exchange(user):
    request(user).send()
    return Post("/auth/token/", email=user.email, token=sent(r"(\d{6})"))


def wrong_code(user):
    request(user).send()
    return Post("/auth/token/", email=user.email, token=WRONG_CODE)


def another_request(user):
    request(user).send()
    return request(user)


CASES = (
    Case("request", another_request),
    Case("exchange", exchange),
    Case("wrong code", wrong_code, status=400),
)
