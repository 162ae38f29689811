"""SimpleJWT's own views, mounted beside ours: what they would answer with a 500."""

import pytest
from django.core import signing
from rest_framework_simplejwt.tokens import RefreshToken

from jwt_drf_passwordless.two_factor.tickets import SALT
from tests.test_hostile_input import JSON_CORPUS

pytestmark = pytest.mark.django_db

ROUTES = ["/api/token/refresh/", "/api/token/verify/"]


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("body", JSON_CORPUS.values(), ids=JSON_CORPUS)
def test_known_breakers_in_json_are_answered(client, route, body):
    assert client.post(route, body, content_type="application/json").status_code < 500


def test_the_refresh_token_of_a_user_who_was_deleted_is_refused(client, make_user):
    user = make_user(email="ada@example.com")
    refresh = str(RefreshToken.for_user(user))
    assert client.post("/api/token/refresh/", {"refresh": refresh}).status_code == 200
    user.delete()
    answer = client.post("/api/token/refresh/", {"refresh": refresh})
    assert (answer.status_code, answer.json()["code"]) == (401, "token_not_valid")


def test_a_good_token_is_verified(client, make_user):
    token = str(RefreshToken.for_user(make_user(email="ada@example.com")))
    assert client.post("/api/token/verify/", {"token": token}).status_code == 200


def test_a_ticket_of_another_version_is_refused(client, configure):
    configure(TWO_FACTOR={})
    ticket = signing.dumps({"kind": "password", "user": "1", "amr": [], "methods": []}, salt=SALT)
    answer = client.post("/api/2fa/token-verify/", {"ticket": ticket, "token": "123456"})
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_ticket")
