"""The package before 1.0, from the package index."""

import os
from datetime import timedelta

from django.urls import include, path
from django.utils import timezone

from benchmarks import floors
from benchmarks.calls import WRONG_CODE, Case, Post
from benchmarks.peers import simplejwt
from jwt_drf_passwordless.external_2fa import TelnyxVerifyProvider
from jwt_drf_passwordless.models import PasswordlessChallengeToken as Challenge
from jwt_drf_passwordless.services import PasswordlessTokenService

TelnyxVerifyProvider.BASE_URL = os.environ["VENDOR_URL"]  # it has no option for that
urlpatterns = [
    *floors.urlpatterns,
    *simplejwt.urlpatterns,
    path("passwordless/", include("jwt_drf_passwordless.urls")),
]


def request(user):
    PasswordlessTokenService.create_token(user, "email")
    Challenge.objects.update(created_at=timezone.now() - timedelta(seconds=61))
    return Post("/passwordless/request/email/", email=user.email)


def exchange(user):
    token = PasswordlessTokenService.create_token(user, "email").short_token
    return Post("/passwordless/exchange/email/", email=user.email, token=token)


def wrong_code(user):
    PasswordlessTokenService.create_token(user, "email")
    return Post("/passwordless/exchange/email/", email=user.email, token=WRONG_CODE)


def vendor_request(user):
    return Post("/passwordless/request/mobile/", phone_number=user.phone_number)


def vendor_verify(user):
    vendor_request(user).send()
    return Post("/passwordless/exchange/mobile/", phone_number=user.phone_number, token="482915")


CASES = (
    Case("request", request),
    Case("exchange", exchange),
    Case("wrong code", wrong_code, status=400),
    Case("refresh", lambda user: simplejwt.refresh(exchange(user).answer())),
    Case("vendor request", vendor_request),
    Case("vendor verify", vendor_verify),
)
