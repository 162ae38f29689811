"""Many confirmations at the same moment, each in its own thread with its own database connection."""

import pytest
import sms

from tests.contact.conftest import EMAIL, MOBILE, each_change
from tests.test_races import crowd
from tests.two_factor.conftest import WRONG, TwoFactorApi

pytestmark = pytest.mark.django_db(transaction=True)

__all__ = ["crowd"]


@each_change
def test_of_sixteen_confirmations_one_wins(api, ada, crowd, change):
    sixteen = crowd(16)
    for _ in range(5):
        access = change.access(api)
        change.ask(api, access)
        code = change.last_code()
        statuses = sixteen.statuses(lambda _, number, a=access, c=code: change.confirm(TwoFactorApi(), a, c))
        assert statuses == [200] + [400] * 15
        type(ada).objects.filter(pk=ada.pk).update(**{change.field: change.old})


@each_change
def test_of_sixteen_wrong_codes_five_are_counted(api, ada, crowd, change):
    access = change.access(api)
    change.ask(api, access)
    code = change.last_code()
    wrong = code.translate(WRONG)
    assert crowd(16).statuses(lambda _, number: change.confirm(TwoFactorApi(), access, wrong)) == [400] * 16
    row = ada.jwt_drf_passwordless_tokens.get(purpose="change_contact")
    assert row.tries == 5
    assert change.confirm(api, access, code).status_code == 400


@each_change
def test_of_eight_accounts_that_prove_one_identifier_one_gets_it(api, make_user, crowd, change):
    identifiers = [f"user{number}@example.com" if change is EMAIL else f"+1201555010{number}" for number in range(8)]
    users = [make_user(**change.held(identifier)) for identifier in identifiers]
    accesses = [change.log_in(api, identifier).json()["access"] for identifier in identifiers]
    codes = []
    for access in accesses:
        assert change.ask(api, access).status_code == 200
        codes.append(change.last_code())

    def confirm(_, number):
        return change.confirm(TwoFactorApi(), accesses[number], codes[number])

    assert crowd(8).statuses(confirm) == [200] + [400] * 7
    assert [change.value(user) for user in users].count(change.new) == 1


@each_change
def test_twelve_requests_of_one_user_send_one_message(api, ada, configure, crowd, change):
    access = change.access(api)
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=60)
    statuses = crowd(12).statuses(lambda _, number: change.ask(TwoFactorApi(), access))
    assert statuses == [200] + [429] * 11
    assert len(change.outbox) == 1


def test_eight_accounts_text_one_number_once(api, make_user, configure, crowd):
    numbers = [f"+1201555010{number}" for number in range(8)]
    for number in numbers:
        make_user(phone=number)
    accesses = [MOBILE.log_in(api, number).json()["access"] for number in numbers]
    sms.outbox.clear()
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=60)
    statuses = crowd(8).statuses(lambda _, number: MOBILE.ask(TwoFactorApi(), accesses[number]))
    assert statuses == [200] + [429] * 7
    assert len(sms.outbox) == 1


def test_an_address_and_a_number_are_changed_at_once(api, ada, crowd):
    access = EMAIL.access(api)
    changes = [EMAIL, MOBILE]
    for change in changes:
        change.ask(api, access)
    codes = [change.last_code() for change in changes]
    both = crowd(2).statuses(lambda _, number: changes[number].confirm(TwoFactorApi(), access, codes[number]))
    assert both == [200, 200]
    assert [change.value(ada) for change in changes] == [EMAIL.new, MOBILE.new]
