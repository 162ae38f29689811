from datetime import timedelta

from django.conf import settings
from django.urls import include, path
from django.utils import timezone

from benchmarks import floors
from benchmarks.calls import WRONG_CODE, Case, Post, sent
from benchmarks.peers.simplejwt import refresh
from jwt_drf_passwordless.models import Authenticator
from jwt_drf_passwordless.models import PasswordlessChallengeToken as Challenge
from jwt_drf_passwordless.services import PasswordlessTokenService

urlpatterns = [
    *floors.urlpatterns,
    path("passwordless/", include("jwt_drf_passwordless.urls")),
    path("api/", include("jwt_drf_passwordless.two_factor.urls")),
]


def set_up(users):
    if settings.JWT_DRF_PASSWORDLESS.get("TWO_FACTOR"):
        now = timezone.now()
        facts = {"method": "email", "created_at": now, "confirmed_at": now}
        Authenticator.objects.bulk_create(
            Authenticator(user=user, data={"address": user.email}, **facts) for user in users
        )


def end_waits():
    """As if the cooldowns of all addresses were over."""
    Challenge.objects.update(next_send_at=timezone.now() - timedelta(seconds=1), sends=1)


def request(user):
    PasswordlessTokenService.create_token(user, "email")
    end_waits()
    return Post("/passwordless/request/email/", email=user.email)


def exchange(user):
    token = PasswordlessTokenService.create_token(user, "email").short_token
    return Post("/passwordless/exchange/email/", email=user.email, token=token)


def wrong_code(user):
    PasswordlessTokenService.create_token(user, "email")
    return Post("/passwordless/exchange/email/", email=user.email, token=WRONG_CODE)


def password(user):
    end_waits()
    return Post("/api/token/", username=user.username, password="password")


def second_step(user):
    ticket = password(user).answer()["ticket"]
    return Post("/api/2fa/token-verify/", ticket=ticket, token=sent(r"code is (\d{6})"))


def wrong_second_code(user):
    ticket = password(user).answer()["ticket"]
    return Post("/api/2fa/token-verify/", ticket=ticket, token=WRONG_CODE)


def refresh_of_ours(user):
    login = second_step if settings.JWT_DRF_PASSWORDLESS.get("TWO_FACTOR") else exchange
    return refresh(login(user).answer(), "/api/token/refresh/")


def vendor_request(user):
    Challenge.objects.filter(identifier=user.phone_number).delete()
    return Post("/passwordless/external/request/", phone_number=user.phone_number)


def vendor_verify(user):
    vendor_request(user).send()
    return Post("/passwordless/external/verify/", phone_number=user.phone_number, code="482915")


CASES = (
    Case("request", request),
    Case("exchange", exchange),
    Case("wrong code", wrong_code, status=400),
    Case("password", password, status=206),
    Case("second step", second_step),
    Case("wrong second code", wrong_second_code, status=400),
    Case("refresh", refresh_of_ours),
    Case("vendor request", vendor_request),
    Case("vendor verify", vendor_verify),
)
