"""Sign in by email: request, code or link, token pair."""

import pytest
from django.core import mail

from tests.conftest import sent_code, sent_link_token

pytestmark = pytest.mark.django_db


def test_a_code_by_email_is_exchanged_for_a_pair_that_opens_a_protected_view(api, make_user):
    user = make_user(email="ada@example.com")

    answer = api.request_email("ada@example.com")
    assert (answer.status_code, answer.json()) == (
        200,
        {"detail": "A token has been sent to you", "code": "token_sent"},
    )
    assert mail.outbox[0].to == ["ada@example.com"]

    pair = api.exchange_email("ada@example.com", sent_code())
    assert pair.status_code == 200
    assert pair.json().keys() == {"refresh", "access"}

    whoami = api.client.get("/whoami/", headers={"Authorization": f"Bearer {pair.json()['access']}"})
    assert whoami.json() == {"id": str(user.pk)}


def test_a_link_is_redeemed_without_an_identifier(api, make_user, configure):
    configure(PASSWORDLESS_EMAIL_LOGIN_URL="https://app.example/login#token={token}")
    make_user(email="ada@example.com")
    api.request_email("ada@example.com")

    assert api.post("exchange/", {"token": sent_link_token()}).status_code == 200
