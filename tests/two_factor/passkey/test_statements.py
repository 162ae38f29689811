"""What passkeys cost the database."""

import pytest

from tests.test_statements import record
from tests.two_factor.passkey.authenticator import Passkey
from tests.two_factor.passkey.conftest import PASSKEY_FACTOR

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _passkeys_only(two_factor, _site):
    two_factor(factors=[PASSKEY_FACTOR])


def test_a_login_by_passkey(api, ada, passkey):
    assert record(api.ask) == (200, ["SELECT", "INSERT"])
    asked = api.ask()
    credential = passkey.get(asked.json()["publicKey"])
    # The challenge and its use, the passkey with its user, the counter.
    assert record(lambda: api.sign_in(asked, credential)) == (200, ["SELECT", "UPDATE", "SELECT", "UPDATE"])
    assert record(lambda: api.sign_in(asked, credential)) == (400, ["SELECT", "UPDATE"])


def test_an_unknown_passkey_costs_as_much_as_one_that_fails(api, ada, passkey):
    failed = record(lambda: api.by_passkey(passkey, signature=b"x"))
    unknown = record(lambda: api.by_passkey(Passkey(handle="x")))
    assert failed == unknown == (400, ["SELECT", "INSERT", "SELECT", "UPDATE", "SELECT"])


def test_a_second_step(api, ada, passkey):
    assert record(lambda: api.token(ada))[1] == ["SELECT", "SELECT", "SELECT", "INSERT"]
    answer = api.token(ada)
    credential = passkey.get(api.options(answer))
    # Ticket, passkeys; the try, the counter, the use.
    expected = (200, ["SELECT", "SELECT", "UPDATE", "UPDATE", "UPDATE"])
    assert record(lambda: api.finish(answer, credential)) == expected


def test_a_registration(api, ada):
    access = api.pair(ada)["access"]
    assert record(lambda: api.begin(access)) == (200, ["SELECT", "SELECT", "SELECT", "INSERT"])
    credential = Passkey().create(api.begin(access).json()["publicKey"])
    read = ["SELECT", "SELECT", "SELECT"]  # user, passkeys, challenge
    stored = ["UPDATE", "SELECT", "INSERT"]  # no other one meanwhile, passkeys, the new one
    # The try and the use; open challenges are void, no device is trusted.
    expected = (201, [*read, "UPDATE", "UPDATE", *stored, "UPDATE", "DELETE"])
    assert record(lambda: api.confirm(access, credential)) == expected
