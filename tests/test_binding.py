"""`BIND_TO_REQUEST`: a code works only for who asked for it, and strangers' tries are not counted."""

import pytest

from jwt_drf_passwordless.conf import settings as package_settings
from jwt_drf_passwordless.models import PasswordlessChallengeToken
from jwt_drf_passwordless.services import PasswordlessTokenService
from tests.conftest import sent_code, sent_link_token
from tests.test_statements import record

pytestmark = pytest.mark.django_db

ADA = "ada@example.com"


@pytest.fixture
def bound(configure):
    configure(BIND_TO_REQUEST=True, PASSWORDLESS_EMAIL_LOGIN_URL="https://app.example/#{token}")


@pytest.fixture
def exchange(api):
    def post(token, **more):
        return api.post("exchange/email/", {package_settings.EMAIL_FIELD_NAME: ADA, "token": token, **more})

    return post


def test_the_answer_to_a_request_has_a_handle_for_unknown_addresses_too(bound, api, make_user):
    make_user(email=ADA)
    known, unknown = api.request_email(ADA).json(), api.request_email("nobody@example.com").json()
    assert known.keys() == unknown.keys() == {"detail", "code", "handle"}
    assert len(known["handle"]) == len(unknown["handle"]) == 22
    assert known["handle"] != unknown["handle"]


def test_without_the_setting_there_is_no_handle(api):
    assert api.request_email(ADA).json().keys() == {"detail", "code"}


def test_a_code_works_with_its_handle(bound, api, make_user, exchange):
    make_user(email=ADA)
    handle = api.request_email(ADA).json()["handle"]
    assert exchange(sent_code(), handle=handle).status_code == 200


@pytest.mark.parametrize("more", [{}, {"handle": "x" * 22}, {"handle": "é"}, {"handle": ""}])
def test_a_code_without_its_handle_is_refused_and_nothing_is_counted(bound, api, make_user, exchange, more):
    make_user(email=ADA)
    handle = api.request_email(ADA).json()["handle"]
    for _ in range(10):
        assert exchange(sent_code(), **more).status_code == 400
    row = PasswordlessChallengeToken.objects.get()
    assert (row.tries, row.uses) == (0, 0)
    assert exchange(sent_code(), handle=handle).status_code == 200


def test_wrong_codes_with_the_handle_are_counted(bound, api, make_user, exchange):
    make_user(email=ADA)
    handle = api.request_email(ADA).json()["handle"]
    for _ in range(5):
        exchange("abcdef", handle=handle)
    assert exchange(sent_code(), handle=handle).status_code == 400


def test_a_new_request_makes_the_old_handle_worthless(bound, configure, api, make_user, exchange):
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=0)
    make_user(email=ADA)
    old, new = (api.request_email(ADA).json()["handle"] for _ in range(2))
    assert exchange(sent_code(), handle=old).status_code == 400
    assert exchange(sent_code(), handle=new).status_code == 200


def test_a_link_needs_no_handle_for_it_may_be_opened_elsewhere(bound, api, make_user):
    make_user(email=ADA)
    api.request_email(ADA)
    assert api.post("exchange/", {"token": sent_link_token()}).status_code == 200


def test_with_and_without_the_handle_the_statements_are_the_same(bound, api, make_user, exchange):
    make_user(email=ADA)
    handle = api.request_email(ADA).json()["handle"]
    assert record(lambda: exchange("abcdef")) == (400, ["SELECT", "UPDATE"])
    assert record(lambda: exchange("abcdef", handle=handle)) == (400, ["SELECT", "UPDATE"])


def test_a_handle_that_is_not_asked_for_does_no_harm(api, make_user, exchange):
    make_user(email=ADA)
    api.request_email(ADA)
    assert exchange(sent_code(), handle="anything").status_code == 200


@pytest.mark.parametrize("handle", [5, [], "x" * 65])
def test_a_malformed_handle_is_a_400_of_its_field(bound, exchange, handle):
    answer = exchange("123456", handle=handle)
    assert (answer.status_code, list(answer.json())) == (400, ["handle"])


def test_the_service_takes_a_handle(bound, api, make_user):
    user = make_user(email=ADA)
    handle = api.request_email(ADA).json()["handle"]
    field = package_settings.EMAIL_FIELD_NAME
    assert PasswordlessTokenService.check_token(sent_code(), field, ADA) is None
    assert PasswordlessTokenService.check_token(sent_code(), field, ADA, handle).user == user
