"""Many uses of one challenge at the same moment, each in its own thread with its own database connection."""

import pytest

from jwt_drf_passwordless.models import Authenticator
from jwt_drf_passwordless.two_factor.signals import passkey_cloned
from tests.test_races import crowd
from tests.two_factor.passkey.authenticator import Passkey
from tests.two_factor.passkey.conftest import PasskeyApi

pytestmark = pytest.mark.django_db(transaction=True)

__all__ = ["crowd"]

counts = pytest.mark.parametrize("counter", [0, 7], ids=["synced", "counting"])


@counts
def test_of_sixteen_uses_of_one_challenge_one_wins(api, ada, crowd, heard, counter):
    cloned = heard(passkey_cloned)
    passkey = api.register(api.pair(ada)["access"], Passkey(counter=counter))
    sixteen = crowd(16)
    for _ in range(5):
        asked = api.ask()
        credential = passkey.get(asked.json()["publicKey"])
        statuses = sixteen.statuses(lambda _, number, a=asked, c=credential: PasskeyApi().sign_in(a, c))
        assert statuses == [200] + [400] * 15
    assert cloned == []


@counts
def test_of_sixteen_second_steps_one_wins(api, ada, crowd, counter):
    passkey = api.register(api.pair(ada)["access"], Passkey(counter=counter))
    sixteen = crowd(16)
    for _ in range(5):
        answer = api.token(ada)
        credential = passkey.get(api.options(answer))
        statuses = sixteen.statuses(lambda _, number, a=answer, c=credential: PasskeyApi().finish(a, c))
        assert statuses[0] == 200
        assert set(statuses[1:]) <= {400, 401}


def test_of_eight_logins_with_one_counter_one_wins(api, ada, crowd):
    """A key and its copies, each with a challenge of its own."""
    passkey = api.register(api.pair(ada)["access"], Passkey(counter=7))
    asked = [api.ask() for _ in range(8)]
    credentials = [passkey.get(one.json()["publicKey"], counter=8) for one in asked]
    statuses = crowd(8).statuses(lambda _, number: PasskeyApi().sign_in(asked[number], credentials[number]))
    assert statuses == [200] + [400] * 7
    assert Authenticator.objects.get().counter == 8


def test_of_twelve_registrations_of_one_challenge_one_wins(api, ada, crowd):
    access = api.pair(ada)["access"]
    options = api.begin(access).json()["publicKey"]
    credentials = [Passkey().create(options) for _ in range(12)]
    statuses = crowd(12).statuses(lambda _, number: PasskeyApi().confirm(access, credentials[number]))
    assert statuses[0] == 201
    # 403: the passkey was there already when they looked.
    assert set(statuses[1:]) <= {400, 403}
    assert Authenticator.objects.count() == 1


def test_of_eight_accounts_that_register_one_id_one_wins(api, person, crowd):
    accesses = [api.pair(person(email=f"user{number}@example.com"))["access"] for number in range(8)]
    same = Passkey()
    credentials = [same.create(api.begin(access).json()["publicKey"]) for access in accesses]
    statuses = crowd(8).statuses(lambda _, number: PasskeyApi().confirm(accesses[number], credentials[number]))
    assert statuses == [201] + [400] * 7
    assert Authenticator.objects.count() == 1
