"""A project whose replica lags behind: what it still says decides nothing. That nothing is read there
is in test_transactions.py."""

import pytest
from django.contrib.auth import get_user_model
from django.core import mail

from jwt_drf_passwordless.conf import settings as package_settings
from jwt_drf_passwordless.models import PasswordlessChallengeToken
from tests.conftest import sent_code

pytestmark = pytest.mark.django_db(databases=["default", "replica"])

ADA = "ada@example.com"


class ReadsFromReplica:
    def db_for_read(self, model, **hints):
        return "replica"

    def db_for_write(self, model, **hints):
        return "default"

    def allow_relation(self, *objects, **hints):
        return True


class KeepsAccountsInAnother:
    """As a project does whose default database is not that of the people."""

    def db_for_read(self, model, **hints):
        return self.db_for_write(model)

    def db_for_write(self, model, **hints):
        return "default" if model._meta.app_label in ("admin", "sessions") else "replica"


@pytest.fixture(autouse=True)
def _router(settings):
    settings.DATABASE_ROUTERS = ["tests.test_routers.ReadsFromReplica"]


@pytest.fixture
def replicate():
    """Copy users and challenges as they are to the replica, which lags behind from then on."""

    def copy():
        for model in (get_user_model(), PasswordlessChallengeToken):
            for row in model._base_manager.using("default"):
                row.save(using="replica", force_insert=True)
                row._state.db = "default"

    return copy


@pytest.fixture
def ada(make_user):
    return make_user(email=ADA)


def change(user, **fields):
    get_user_model()._base_manager.using("default").filter(pk=user.pk).update(**fields)


def test_the_router_of_these_tests_reads_the_replica(ada, replicate):
    replicate()
    change(ada, is_active=False)
    assert get_user_model().objects.get().is_active


@pytest.mark.usefixtures("ada")
def test_a_stale_replica_lets_nobody_in_twice(api, replicate):
    api.request_email(ADA)
    replicate()
    assert api.exchange_email(ADA, sent_code()).status_code == 200
    assert api.exchange_email(ADA, sent_code()).status_code == 400


@pytest.mark.usefixtures("ada")
def test_a_stale_replica_gives_no_more_wrong_tries(api, configure, replicate):
    configure(MAX_TOKEN_ATTEMPTS=1)
    api.request_email(ADA)
    replicate()
    api.exchange_email(ADA, "wrong!")
    assert api.exchange_email(ADA, sent_code()).status_code == 400


@pytest.mark.usefixtures("ada")
def test_a_stale_replica_ends_no_cooldown(api, replicate):
    replicate()
    api.request_email(ADA)
    assert api.request_email(ADA).status_code == 429


def test_a_user_who_is_active_on_a_stale_replica_only_is_refused(api, ada, replicate):
    api.request_email(ADA)
    replicate()
    change(ada, is_active=False)
    assert api.exchange_email(ADA, sent_code()).status_code == 400


def test_a_user_is_found_by_the_address_that_the_replica_does_not_know_yet(api, ada, replicate):
    replicate()
    change(ada, **{package_settings.EMAIL_FIELD_NAME: "countess@example.com"})
    api.request_email(ADA)
    api.request_email("countess@example.com")
    assert [message.to for message in mail.outbox] == [["countess@example.com"]]


def test_an_account_that_is_taken_back_is_taken_back_where_accounts_are(api, configure, settings):
    settings.DATABASE_ROUTERS = ["tests.test_routers.KeepsAccountsInAnother"]
    configure(
        SERIALIZERS={"passwordless_email_token_request": "tests.test_registration.ForgetfulSerializer"},
        REGISTER_NONEXISTENT_USERS=True,
    )
    api.request_email(ADA)
    assert api.exchange_email(ADA, sent_code()).status_code == 400
    assert not get_user_model()._base_manager.using("replica").exists()
