"""From the tables of the package's 0.x versions to ours, from nothing, and back."""

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from jwt_drf_passwordless.conf import settings as package_settings
from jwt_drf_passwordless.models import Authenticator, PasswordlessChallengeToken
from tests.conftest import sent_code

APP = "jwt_drf_passwordless"
OLD = "0002_alter_passwordlesschallengetoken_id_and_more"
ADA = "ada@example.com"
BOB = "bob@example.com"
TABLE = PasswordlessChallengeToken._meta.db_table

pytestmark = pytest.mark.django_db(transaction=True)


def newest() -> str:
    (name,) = (name for app, name in MigrationExecutor(connection).loader.graph.leaf_nodes(APP))
    return name


@pytest.fixture
def migrate(transactional_db):
    """Migrate the package to a migration, None for before the first; returns the models of then."""

    def to(target):
        MigrationExecutor(connection).migrate([(APP, target)])
        return MigrationExecutor(connection).loader.project_state((APP, target)).apps if target else None

    yield to
    to(newest())


def columns() -> set[str]:
    with connection.cursor() as cursor:
        return {column.name for column in connection.introspection.get_table_description(cursor, TABLE)}


def test_no_migration_is_missing():
    call_command("makemigrations", APP, check=True, dry_run=True, verbosity=0)


def test_a_project_default_for_keys_asks_for_no_migration(settings):
    settings.DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
    call_command("makemigrations", APP, check=True, dry_run=True, verbosity=0)


def test_the_old_versions_tokens_are_dropped_and_their_users_kept(api, make_user, migrate):
    apps = migrate(OLD)
    users = [make_user(email=ADA), make_user(email=BOB)]
    old_model = apps.get_model(APP, "PasswordlessChallengeToken")
    for number, user in enumerate(users):
        old_model.objects.create(
            token=f"cleartoken{number}" * 5,
            short_token=f"98765{number}",
            token_request_identifier=package_settings.EMAIL_FIELD_NAME,
            user_id=user.pk,
        )
    old_model.objects.create(token="of nobody", short_token="111111", token_request_identifier="email")

    migrate(newest())

    assert set(get_user_model().objects.values_list("pk", flat=True)) == {user.pk for user in users}
    assert not PasswordlessChallengeToken.objects.exists()
    assert not {"token", "short_token", "created_at"} & columns()
    assert api.exchange_email(ADA, "987650").status_code == 400
    assert api.exchange_email(ADA, "cleartoken0" * 5).status_code == 400


def test_users_of_the_old_version_sign_in_after_the_migration(api, make_user, migrate):
    migrate(OLD)
    make_user(email=ADA)
    migrate(newest())

    assert api.request_email(ADA).status_code == 200
    assert api.exchange_email(ADA, sent_code()).status_code == 200


def test_a_fresh_database_ends_up_with_a_working_table(api, make_user, migrate):
    migrate(None)
    assert TABLE not in connection.introspection.table_names()
    migrate(newest())

    make_user(email=ADA)
    api.request_email(ADA)
    assert api.exchange_email(ADA, sent_code()).status_code == 200


def test_migrating_again_keeps_open_challenges(api, make_user):
    make_user(email=ADA)
    api.request_email(ADA)

    call_command("migrate", verbosity=0)
    assert api.exchange_email(ADA, sent_code()).status_code == 200


def test_migrating_back_keeps_users(api, make_user, migrate):
    user = make_user(email=ADA)
    api.request_email(ADA)

    migrate(OLD)
    assert {"token", "short_token", "created_at", "uses"} < columns()
    migrate(None)
    assert get_user_model().objects.get() == user


@pytest.mark.parametrize(
    ("model", "column"),
    [(PasswordlessChallengeToken, "key"), (PasswordlessChallengeToken, "long_digest"), (Authenticator, "lookup")],
)
def test_a_unique_column_is_in_one_index_only(db, model, column):
    with connection.cursor() as cursor:
        constraints = connection.introspection.get_constraints(cursor, model._meta.db_table).values()
    assert [constraint["unique"] for constraint in constraints if column in constraint["columns"]] == [True]
