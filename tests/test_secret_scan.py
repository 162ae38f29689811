"""The scan that runs after every test finds what is planted, and nothing else."""

import logging

import pytest
from django.core.cache import cache
from django.utils import timezone

from jwt_drf_passwordless.models import PasswordlessChallengeToken
from tests.conftest import SCAN, sent_code, sent_link_token

pytestmark = pytest.mark.django_db

EMAIL = "ada.lovelace@example.com"
PHONE = "+12015550123"
logger = logging.getLogger("some.project")


@pytest.fixture
def secrets(api, make_user, configure):
    """What a login by email makes."""
    make_user(email=EMAIL, phone=PHONE)
    configure(PASSWORDLESS_EMAIL_LOGIN_URL="https://app.example/login#token={token}")
    api.request_email(EMAIL)
    code, link = sent_code(), sent_link_token()
    pair = api.exchange_email(EMAIL, code).json()
    return {"code": code, "link": link, "email": EMAIL, "phone": PHONE, **pair}


def found_in_logs():
    """How many leaks are found now; they are forgotten, so that this test passes its own scan."""
    leaks = SCAN.leaks_in_logs()
    SCAN.forget()
    return len(leaks)


def found_in_storage():
    leaks = SCAN.leaks_in_storage()
    SCAN.forget()
    return len(leaks)


every_secret = pytest.mark.parametrize("name", ["code", "link", "email", "phone", "access", "refresh"])


@every_secret
def test_a_secret_in_a_message_is_found(secrets, name):
    logger.debug("sent %s.", secrets[name])
    assert found_in_logs() == 1


@every_secret
def test_a_secret_in_an_extra_is_found(secrets, name):
    logger.info("sent", extra={"what": {"value": secrets[name]}})
    assert found_in_logs() == 1


@every_secret
def test_a_secret_in_a_traceback_is_found(secrets, name):
    try:
        raise LookupError(secrets[name])
    except LookupError:
        logger.exception("failed")
    assert found_in_logs() == 1


def test_a_code_in_a_message_of_which_the_mailer_knows_nothing_is_found(api, make_user):
    make_user(email=EMAIL)
    api.request_email("nobody@example.com")
    (code,) = SCAN.codes
    logger.warning("code=%s", code)
    assert found_in_logs() == 1


def test_a_number_sent_by_a_client_is_found(api):
    api.request_mobile(PHONE)
    logger.info("request for tel:%s", PHONE)
    assert found_in_logs() == 1


def test_a_login_leaks_nothing(secrets):
    assert {secrets["code"]} == SCAN.codes
    assert {secrets["link"], secrets["access"], secrets["refresh"]} == SCAN.tokens
    assert SCAN.identifiers == {EMAIL, "12015550123"}
    assert len(SCAN.records) >= 4
    assert SCAN.leaks_in_logs() == []
    assert SCAN.leaks_in_storage() == []


@pytest.mark.parametrize(
    "around", ["0x7f{}", "{}8", "5{}", "id_{}", "2030-01-02T03:04:05.{}+00:00", "a{}b", "1795315709.{}"]
)
def test_a_longer_word_that_holds_the_code_by_chance_is_no_leak(secrets, around):
    logger.info(around.format(secrets["code"]))
    assert SCAN.leaks_in_logs() == []


def test_an_id_of_a_user_that_is_the_code_by_chance_is_no_leak(secrets):
    logger.info("event=x user_id=%s", secrets["code"], extra={"user_id": secrets["code"]})
    assert SCAN.leaks_in_logs() == []


def plant(**values):
    now = timezone.now()
    PasswordlessChallengeToken.objects.create(key="planted", expires_at=now, next_send_at=now, **values)


@pytest.mark.parametrize("column", ["short_digest", "long_digest", "nonce", "verification_id", "purpose"])
def test_a_code_in_a_row_is_found(secrets, column):
    plant(**{column: secrets["code"]})
    assert found_in_storage() == 1


@pytest.mark.parametrize("column", ["long_digest", "nonce", "verification_id"])
def test_a_link_in_a_row_is_found(secrets, column):
    plant(**{column: secrets["link"]})
    assert found_in_storage() == 1


@pytest.mark.parametrize("name", ["code", "link", "access"])
def test_a_secret_in_the_cache_is_found(secrets, name):
    cache.set("jwt_drf_passwordless.pending", {"proof": secrets[name]})
    found = found_in_storage()
    cache.clear()
    assert found == 1


def test_an_address_in_a_row_is_no_leak(secrets):
    plant(identifier=EMAIL)
    assert SCAN.leaks_in_storage() == []


def test_nothing_is_read_where_nothing_was_made(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert SCAN.leaks_in_storage() == []
