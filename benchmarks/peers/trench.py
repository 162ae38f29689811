"""With `secure_email`, whose codes are random, stored as digests and used once."""

from django.contrib.auth.hashers import make_password
from django.urls import include, path
from trench.command.create_secret import create_secret_command
from trench.models import MFAMethod

from benchmarks import floors
from benchmarks.calls import WRONG_CODE, Case, Post, sent
from benchmarks.peers import simplejwt

urlpatterns = [
    *floors.urlpatterns,
    *simplejwt.urlpatterns,
    path("", include("trench.urls")),
    path("", include("trench.urls.jwt")),
]


def set_up(users):
    # As its enrolment leaves them: five, hashed like passwords, and compared one by one with every wrong code.
    backup_codes = "|".join(make_password(str(number)) for number in range(5))
    facts = {"name": "secure_email", "is_primary": True, "is_active": True, "_backup_codes": backup_codes}
    MFAMethod.objects.bulk_create(MFAMethod(user=user, secret=create_secret_command(), **facts) for user in users)


def password(user):
    return Post("/login/", username=user.username, password="password")


def second_step(user):
    ticket = password(user).answer()["ephemeral_token"]
    return Post("/login/code/", ephemeral_token=ticket, code=sent(r"(\d{6})"))


def wrong_second_code(user):
    ticket = password(user).answer()["ephemeral_token"]
    return Post("/login/code/", ephemeral_token=ticket, code=WRONG_CODE)


CASES = (
    Case("password", password),
    Case("second step", second_step),
    Case("wrong second code", wrong_second_code, status=401),
    Case("refresh", lambda user: simplejwt.refresh(second_step(user).answer())),
)
