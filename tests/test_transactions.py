"""Wrong tries are counted for good, whatever transaction is round the view, and no replica has a say."""

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core import mail
from django.core.management import call_command
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import include, path
from django.utils.connection import ConnectionDoesNotExist
from rest_framework.decorators import api_view
from rest_framework.exceptions import ValidationError

from jwt_drf_passwordless.conf import settings as package_settings
from jwt_drf_passwordless.models import PasswordlessChallengeToken
from jwt_drf_passwordless.serializers import PasswordlessEmailTokenRequestSerializer
from jwt_drf_passwordless.services import PasswordlessTokenService
from tests.conftest import sent_code, sent_link_token, sent_sms_code

ADA = "ada@example.com"
PHONE = "+12015550123"
#: Turns a code into another one of the same form.
WRONG = str.maketrans("0123456789", "1234567890")

in_autocommit = pytest.mark.django_db(transaction=True)
inside_a_test_case = pytest.mark.django_db


@api_view(["POST"])
def count_then_refuse(request):
    """A view of a project that ATOMIC_REQUESTS rolls back."""
    Group.objects.create(name="counted")
    raise ValidationError


urlpatterns = [
    path("passwordless/", include("jwt_drf_passwordless.urls")),
    path("passwordless/count_then_refuse/", count_then_refuse),
]


class SignUpUnderTheFirstKey(PasswordlessEmailTokenRequestSerializer):
    """Makes accounts under a primary key that is taken, which every user model refuses."""

    def create(self, validated_data):
        user_model = get_user_model()
        return user_model.objects.create(pk=user_model.objects.get().pk, **validated_data)


class CrashingResponse:
    """A project's token response with a bug."""

    @classmethod
    def generate_auth_token(cls, user):
        raise RuntimeError("a bug of the project")


class Replicas:
    """Sends reads to a database that does not exist: whatever reads from it blows up."""

    def db_for_read(self, model, **hints):
        return "nowhere"


@pytest.fixture
def atomic_requests(monkeypatch, settings):
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    settings.ROOT_URLCONF = "tests.test_transactions"


@pytest.fixture
def replicas(settings):
    settings.DATABASE_ROUTERS = ["tests.test_transactions.Replicas"]


# ATOMIC_REQUESTS


@in_autocommit
def test_atomic_requests_roll_back_the_views_of_the_project(api, atomic_requests):
    assert api.post("count_then_refuse/", {}).status_code == 400
    assert not Group.objects.exists()


@in_autocommit
def test_wrong_tries_are_counted_under_atomic_requests(api, make_user, atomic_requests):
    make_user(email=ADA)
    assert api.request_email(ADA).status_code == 200

    for _ in range(6):
        assert api.exchange_email(ADA, sent_code().translate(WRONG)).status_code == 400
    assert PasswordlessChallengeToken.objects.get().tries == 5
    assert api.exchange_email(ADA, sent_code()).status_code == 400


@in_autocommit
def test_wrong_tries_by_sms_are_counted_under_atomic_requests(api, make_user, atomic_requests):
    make_user(phone=PHONE)
    assert api.request_mobile(PHONE).status_code == 200

    for _ in range(6):
        assert api.exchange_mobile(PHONE, sent_sms_code().translate(WRONG)).status_code == 400
    assert api.exchange_mobile(PHONE, sent_sms_code()).status_code == 400


@in_autocommit
def test_a_login_works_once_under_atomic_requests(api, make_user, atomic_requests):
    make_user(email=ADA)
    api.request_email(ADA)

    assert api.exchange_email(ADA, sent_code()).status_code == 200
    assert api.exchange_email(ADA, sent_code()).status_code == 400


@in_autocommit
def test_a_cooldown_outlives_the_refusal_under_atomic_requests(api, make_user, atomic_requests):
    make_user(email=ADA)

    assert [api.request_email(ADA).status_code for _ in range(3)] == [200, 429, 429]
    assert len(mail.outbox) == 1


@in_autocommit
def test_a_code_of_a_user_who_may_not_sign_in_is_used_up_under_atomic_requests(api, make_user, atomic_requests):
    user = make_user(email=ADA)
    api.request_email(ADA)
    user.is_active = False
    user.save()
    assert api.exchange_email(ADA, sent_code()).status_code == 400

    user.is_active = True
    user.save()
    assert api.exchange_email(ADA, sent_code()).status_code == 400


@in_autocommit
def test_a_code_is_used_up_even_if_the_project_crashes_after_it(api, make_user, configure, atomic_requests):
    make_user(email=ADA)
    api.request_email(ADA)
    configure(SERIALIZERS={"passwordless_token_response_class": "tests.test_transactions.CrashingResponse"})
    api.client.raise_request_exception = False

    assert api.exchange_email(ADA, sent_code()).status_code == 500
    configure(SERIALIZERS={})
    assert api.exchange_email(ADA, sent_code()).status_code == 400


@in_autocommit
def test_a_wrong_try_opens_no_transaction_round_the_view(api, make_user, atomic_requests):
    make_user(email=ADA)
    api.request_email(ADA)

    with CaptureQueriesContext(connection) as queries:
        api.exchange_email(ADA, sent_code().translate(WRONG))
    assert [query["sql"].split()[0] for query in queries] == ["SELECT", "UPDATE"]


# Inside the caller's own transaction. DRF marks it for rollback only where ATOMIC_REQUESTS is on.


@in_autocommit
def test_wrong_tries_inside_a_transaction_that_commits_are_counted(api, make_user, atomic_requests):
    make_user(email=ADA)
    api.request_email(ADA)

    with transaction.atomic():
        for _ in range(6):
            assert api.exchange_email(ADA, sent_code().translate(WRONG)).status_code == 400
    assert PasswordlessChallengeToken.objects.get().tries == 5
    assert api.exchange_email(ADA, sent_code()).status_code == 400


@in_autocommit
def test_a_transaction_survives_a_refused_login_and_a_refused_request(api, make_user, atomic_requests):
    make_user(email=ADA)

    with transaction.atomic():
        Group.objects.create(name="before")
        assert api.request_email(ADA).status_code == 200
        assert api.request_email(ADA).status_code == 429
        assert api.exchange_email(ADA, sent_code().translate(WRONG)).status_code == 400
        assert api.exchange_email("no address", "123456").status_code == 400
        Group.objects.create(name="after")
    assert sorted(Group.objects.values_list("name", flat=True)) == ["after", "before"]


@in_autocommit
def test_a_count_made_inside_a_transaction_follows_it(api, make_user, atomic_requests):
    make_user(email=ADA)
    api.request_email(ADA)

    with transaction.atomic():
        api.exchange_email(ADA, sent_code().translate(WRONG))
        transaction.set_rollback(True)
    assert PasswordlessChallengeToken.objects.get().tries == 0


@inside_a_test_case
def test_a_test_case_goes_on_after_a_refused_login(api, make_user, atomic_requests):
    make_user(email=ADA)
    api.request_email(ADA)

    assert api.exchange_email(ADA, sent_code().translate(WRONG)).status_code == 400
    assert PasswordlessChallengeToken.objects.get().tries == 1
    assert api.exchange_email(ADA, sent_code()).status_code == 200


@inside_a_test_case
@pytest.mark.parametrize(
    ("route", "body", "status"),
    [
        ("request/email/", "not JSON", 400),
        ("request/email/", "[]", 400),
        ("request/email/", {}, 400),
        ("exchange/", {"token": "x" * 64}, 400),
        ("exchange/", "x" * 20_000, 413),
    ],
)
def test_a_test_case_goes_on_after_any_refusal(api, route, body, status, atomic_requests):
    assert api.post(route, body).status_code == status
    assert not transaction.get_rollback()
    assert get_user_model().objects.count() == 0


@inside_a_test_case
def test_a_test_case_goes_on_after_an_account_that_a_constraint_refused(api, make_user, configure, atomic_requests):
    configure(
        REGISTER_NONEXISTENT_USERS=True,
        SERIALIZERS={"passwordless_email_token_request": "tests.test_transactions.SignUpUnderTheFirstKey"},
    )
    make_user(email="bob@example.com")
    api.request_email(ADA)

    assert api.exchange_email(ADA, sent_code()).status_code == 400
    assert get_user_model().objects.count() == 1


@in_autocommit
def test_a_mark_for_rollback_that_was_set_before_stays(api, atomic_requests):
    with transaction.atomic():
        Group.objects.create(name="unwanted")
        transaction.set_rollback(True)
        assert api.request_email("no address").status_code == 400
        assert transaction.get_rollback() is True
    assert not Group.objects.exists()


# Replicas


@inside_a_test_case
def test_the_router_of_these_tests_lets_no_read_of_users_pass(replicas):
    with pytest.raises(ConnectionDoesNotExist):
        get_user_model().objects.count()


@inside_a_test_case
def test_a_login_by_code_reads_no_replica(api, make_user, replicas):
    make_user(email=ADA)

    assert api.request_email(ADA).status_code == 200
    assert api.request_email(ADA).status_code == 429
    assert api.exchange_email(ADA, sent_code().translate(WRONG)).status_code == 400
    assert api.exchange_email(ADA, sent_code()).status_code == 200


@inside_a_test_case
def test_a_login_by_sms_reads_no_replica(api, make_user, replicas):
    make_user(phone=PHONE)

    assert api.request_mobile(PHONE).status_code == 200
    assert api.exchange_mobile(PHONE, sent_sms_code()).status_code == 200


@inside_a_test_case
def test_a_login_by_link_reads_no_replica(api, make_user, configure, replicas):
    configure(PASSWORDLESS_EMAIL_LOGIN_URL="https://app.example/login#token={token}")
    make_user(email=ADA)
    api.request_email(ADA)

    assert api.post("exchange/", {"token": sent_link_token()}).status_code == 200


@inside_a_test_case
@pytest.mark.parametrize("register_on", ["exchange", "request"])
def test_a_registration_reads_no_replica(api, configure, replicas, register_on):
    configure(REGISTER_NONEXISTENT_USERS=True, REGISTER_ON=register_on)
    api.request_email(ADA)

    assert api.exchange_email(ADA, sent_code()).status_code == 200


@inside_a_test_case
def test_an_activation_and_the_last_login_read_no_replica(api, make_user, configure, settings, replicas):
    settings.SIMPLE_JWT = {"UPDATE_LAST_LOGIN": True}
    configure(ACTIVATE_INACTIVE_USERS=True)
    make_user(email=ADA, is_active=False)
    api.request_email(ADA)

    assert api.exchange_email(ADA, sent_code()).status_code == 200


@inside_a_test_case
def test_the_service_and_the_command_read_no_replica(make_user, replicas):
    user = make_user(email=ADA)
    token = PasswordlessTokenService.create_token(user, package_settings.EMAIL_FIELD_NAME).token

    assert PasswordlessTokenService.should_throttle(user) is True
    assert PasswordlessTokenService.check_token(token).user == user
    call_command("clear_passwordless_tokens", verbosity=0)
