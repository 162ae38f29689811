"""One database for the whole run, in which nothing stays of what a call has done."""

import pytest
from django.db import connection, transaction

from tests_openapi.people import make_people


@pytest.fixture(scope="session")
def people(django_db_blocker):
    name_outside = connection.settings_dict["NAME"]
    with django_db_blocker.unblock():
        connection.creation.create_test_db(verbosity=0, autoclobber=True)
        with transaction.atomic():
            yield make_people()
            transaction.set_rollback(True)
        connection.creation.destroy_test_db(name_outside, verbosity=0)
