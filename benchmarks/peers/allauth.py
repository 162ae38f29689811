from allauth.account.models import EmailAddress
from django.urls import include, path

from benchmarks import floors
from benchmarks.calls import WRONG_CODE, Case, Post, sent

urlpatterns = [
    *floors.urlpatterns,
    path("accounts/", include("allauth.urls")),
    path("", include("allauth.headless.urls")),
]


def set_up(users):
    EmailAddress.objects.bulk_create(
        EmailAddress(user=user, email=user.email, verified=True, primary=True) for user in users
    )


def request(user):
    return Post("/app/v1/auth/code/request", email=user.email)


def password(user):
    return Post("/app/v1/auth/login", email=user.email, password="password")


def confirm(first, code=None):
    session = first.answer()["meta"]["session_token"]
    code = code or sent(r"(?m)^([A-Z0-9]+-[A-Z0-9]+|\d{6})$")
    return Post("/app/v1/auth/code/confirm", {"X-Session-Token": session}, code=code)


def refresh(user):
    tokens = confirm(request(user)).answer()["meta"]
    return Post("/app/v1/tokens/refresh", refresh_token=tokens["refresh_token"])


CASES = (
    Case("request", request, status=401),
    Case("exchange", lambda user: confirm(request(user))),
    Case("wrong code", lambda user: confirm(request(user), WRONG_CODE), status=400),
    Case("password", password, status=401),
    Case("second step", lambda user: confirm(password(user))),
    Case("wrong second code", lambda user: confirm(password(user), WRONG_CODE), status=400),
    Case("refresh", refresh),
)
