from django.urls import include, path

from benchmarks import floors
from benchmarks.calls import WRONG_CODE, Case, Post, sent

urlpatterns = [*floors.urlpatterns, path("", include("drf_jwt_2fa.urls"))]


def password(user):
    return Post("/get-code/", username=user.username, password="password")


def second_step(user):
    ticket = password(user).answer()["token"]
    return Post("/auth/", code_token=ticket, code=sent(r"(\d{7})"))


def wrong_second_code(user):
    return Post("/auth/", code_token=password(user).answer()["token"], code=WRONG_CODE)


CASES = (
    Case("password", password),
    Case("second step", second_step),
    Case("wrong second code", wrong_second_code, status=401),
    Case("refresh", lambda user: Post("/refresh/", refresh=second_step(user).answer()["refresh"])),
)
