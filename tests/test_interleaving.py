"""What happens when somebody else writes between our SELECT and our UPDATE or INSERT: one certain order each,
where test_races.py has many uncertain ones."""

from contextlib import contextmanager

import pytest
from django.contrib.auth import get_user_model
from django.core import mail
from django.db import DataError, OperationalError, connection, transaction
from rest_framework.exceptions import Throttled

from jwt_drf_passwordless.conf import settings as package_settings
from jwt_drf_passwordless.models import PasswordlessChallengeToken
from jwt_drf_passwordless.serializers import PasswordlessEmailTokenRequestSerializer
from jwt_drf_passwordless.services import PasswordlessTokenService
from tests.conftest import sent_code

pytestmark = pytest.mark.django_db

ADA = "ada@example.com"


@contextmanager
def meanwhile(statement, act, model=PasswordlessChallengeToken):
    """Do `act` once, just before the next `statement` (UPDATE, INSERT) on the model's table."""
    waiting = [act]
    table = connection.ops.quote_name(model._meta.db_table)

    def wrapper(execute, sql, params, many, context):
        if waiting and sql.startswith((f"{statement} INTO {table}", f"{statement} {table}")):
            waiting.pop()()
        return execute(sql, params, many, context)

    with connection.execute_wrapper(wrapper):
        yield
    assert not waiting


@pytest.fixture
def ada(make_user):
    return make_user(email=ADA)


def new_challenge(user):
    return PasswordlessTokenService.create_token(user, package_settings.EMAIL_FIELD_NAME)


@pytest.mark.parametrize("kind", ["short_token", "token"])
def test_a_code_or_link_that_is_replaced_while_it_is_read_is_refused(api, ada, kind):
    old = getattr(new_challenge(ada), kind)
    with meanwhile("UPDATE", lambda: new_challenge(ada)):
        assert api.exchange_email(ADA, old).status_code == 400


def test_a_code_that_replaces_one_being_read_is_not_used_up(api, ada):
    old = new_challenge(ada)
    new = []
    with meanwhile("UPDATE", lambda: new.append(new_challenge(ada))):
        api.exchange_email(ADA, old.short_token)
    assert api.exchange_email(ADA, new[0].short_token).status_code == 200


def test_a_wrong_try_does_not_count_against_the_code_that_replaces_the_one_being_read(api, ada):
    new_challenge(ada)
    with meanwhile("UPDATE", lambda: new_challenge(ada)):
        assert api.exchange_email(ADA, "no code").status_code == 400
    assert PasswordlessChallengeToken.objects.get().tries == 0


@pytest.mark.parametrize(("throttle", "retry_after"), [(60, "60"), (0, "1")])
def test_a_request_that_meets_another_first_one_waits(api, ada, configure, throttle, retry_after):
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=throttle)
    with meanwhile("INSERT", lambda: new_challenge(ada)):
        answer = api.request_email(ADA)
    assert (answer.status_code, answer["Retry-After"]) == (429, retry_after)


def test_a_user_who_is_deleted_while_the_code_is_read_gets_no_tokens(api, ada):
    code = new_challenge(ada).short_token
    with meanwhile("UPDATE", lambda: get_user_model().objects.all().delete()):
        assert api.exchange_email(ADA, code).status_code == 400


@pytest.mark.parametrize("value", ["no address", "ada@example.com\n", "a" * 300])
def test_a_link_with_what_is_no_address_is_refused(ada, value):
    token = new_challenge(ada).token
    assert PasswordlessTokenService.check_token(token, package_settings.EMAIL_FIELD_NAME, value) is None
    assert PasswordlessTokenService.check_token(token) is not None


class TooLong(PasswordlessEmailTokenRequestSerializer):
    """Makes accounts that do not fit into a column."""

    def create(self, validated_data):
        raise DataError("value too long")


def test_an_account_that_does_not_fit_the_table_is_a_refusal(api, configure):
    configure(
        REGISTER_NONEXISTENT_USERS=True,
        SERIALIZERS={"passwordless_email_token_request": "tests.test_interleaving.TooLong"},
    )
    api.request_email("new@example.com")
    answer = api.exchange_email("new@example.com", sent_code())
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_credentials")


def test_of_two_requests_that_read_the_same_state_one_wins(api, ada, configure):
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=0)
    new_challenge(ada)
    with meanwhile("UPDATE", lambda: api.request_email(ADA)):
        assert api.request_email(ADA).status_code == 429
    assert len(mail.outbox) == 1


@pytest.mark.django_db(transaction=True)
def test_a_request_whose_user_is_deleted_meanwhile_is_no_error(api, ada, configure):
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=0)
    get_user_model().objects.all().delete()
    api.request_email(ADA)
    user = get_user_model()(pk=ada.pk, **{package_settings.EMAIL_FIELD_NAME: ADA})
    user.save()
    with meanwhile("UPDATE", lambda: get_user_model().objects.all().delete()):
        assert api.request_email(ADA).status_code == 429


def fail():
    raise OperationalError("the database says no")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("statement", ["INSERT", "UPDATE"])
def test_a_request_that_loses_a_deadlock_is_served(api, ada, configure, statement):
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=0)
    if statement == "UPDATE":
        new_challenge(ada)
    with meanwhile(statement, fail):
        assert api.request_email(ADA).status_code == 200
    assert api.exchange_email(ADA, sent_code()).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_an_exchange_that_loses_a_deadlock_is_served(api, ada):
    code = new_challenge(ada).short_token
    with meanwhile("UPDATE", fail):
        assert api.exchange_email(ADA, "wrong").status_code == 400
    assert PasswordlessChallengeToken.objects.get().tries == 1
    with meanwhile("UPDATE", fail):
        assert api.exchange_email(ADA, code).status_code == 200
    assert api.exchange_email(ADA, code).status_code == 400


@pytest.mark.django_db(transaction=True)
def test_an_exchange_that_cannot_be_written_leaves_the_code(api, ada):
    code = new_challenge(ada).short_token
    api.client.raise_request_exception = False
    with meanwhile("UPDATE", fail), meanwhile("UPDATE", fail):
        assert api.exchange_email(ADA, code).status_code == 500
    assert api.exchange_email(ADA, code).status_code == 200


def test_in_the_callers_transaction_an_exchange_that_loses_a_deadlock_is_an_error(ada):
    code = new_challenge(ada).short_token
    with meanwhile("UPDATE", fail), pytest.raises(OperationalError), transaction.atomic():
        PasswordlessTokenService.check_token(code, package_settings.EMAIL_FIELD_NAME, ADA)
    assert PasswordlessTokenService.check_token(code, package_settings.EMAIL_FIELD_NAME, ADA)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("statement", ["INSERT", "UPDATE"])
def test_a_database_that_cannot_write_is_an_error_and_no_wait(api, ada, configure, statement):
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=0)
    if statement == "UPDATE":
        new_challenge(ada)
    api.client.raise_request_exception = False
    with meanwhile(statement, fail), meanwhile(statement, fail):
        assert api.request_email(ADA).status_code == 500
    assert not mail.outbox
    assert api.request_email(ADA).status_code == 200


def test_in_the_callers_transaction_who_loses_a_deadlock_waits(ada, configure):
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=0)
    new_challenge(ada)
    with meanwhile("UPDATE", fail), pytest.raises(Throttled):
        new_challenge(ada)
    new_challenge(ada)


def test_an_inactive_user_who_is_deleted_meanwhile_is_not_activated(api, make_user, configure):
    configure(ACTIVATE_INACTIVE_USERS=True)
    code = new_challenge(make_user(email=ADA, is_active=False)).short_token
    with meanwhile("UPDATE", lambda: get_user_model().objects.all().delete(), get_user_model()):
        assert api.exchange_email(ADA, code).status_code == 400
