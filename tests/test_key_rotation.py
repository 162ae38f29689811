"""The page on changing the key, step by step."""

import pytest

from jwt_drf_passwordless.delivery import Outgoing
from tests.conftest import sent_code, sent_link_token

pytestmark = pytest.mark.django_db

ADA = "ada@example.com"
OLD, NEW = (
    "the old key, which is as long as a key of Django has to be",
    "the new key, at least fifty random characters",
)
KEPT = []


class Queue:
    """A delivery that keeps what it is given, sealed."""

    def deliver(self, outgoing):
        KEPT.append(outgoing.seal())


@pytest.fixture
def asked(settings, configure, api, make_user):
    """A code was asked for under the old key."""
    configure(PASSWORDLESS_EMAIL_LOGIN_URL="https://app.example/#{token}")
    settings.SECRET_KEY = OLD
    make_user(email=ADA)
    api.request_email(ADA)


def test_with_the_old_key_as_fallback_open_codes_stay_good(settings, asked, api):
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW, [OLD]
    assert api.exchange_email(ADA, sent_code()).status_code == 200


def test_with_the_old_key_as_fallback_open_links_stay_good(settings, asked, api):
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW, [OLD]
    assert api.post("exchange/", {"token": sent_link_token()}).status_code == 200


def test_with_the_old_key_as_fallback_queued_messages_are_sent(settings, configure, api, make_user, mailoutbox):
    KEPT.clear()
    configure(DELIVERY=f"{__name__}.Queue")
    settings.SECRET_KEY = OLD
    make_user(email=ADA)
    api.request_email(ADA)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW, [OLD]
    Outgoing.unseal(KEPT[0]).send_or_report()
    assert len(mailoutbox) == 1


def test_without_it_they_are_void_and_the_wait_stays(settings, asked, api):
    settings.SECRET_KEY = NEW
    assert api.exchange_email(ADA, sent_code()).status_code == 400
    assert api.post("exchange/", {"token": sent_link_token()}).status_code == 400
    assert api.request_email(ADA).status_code == 429


def test_a_code_made_after_the_change_survives_the_removal_of_the_old_key(settings, api, make_user):
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW, [OLD]
    make_user(email=ADA)
    api.request_email(ADA)
    settings.SECRET_KEY_FALLBACKS = []
    assert api.exchange_email(ADA, sent_code()).status_code == 200
