"""Answers do not tell whether another account has an address or number (ASVS 6.3.8)."""

from functools import partial

import pytest
import sms
from django.contrib.auth import get_user_model
from django.core import mail

from tests.contact.conftest import EMAIL, MOBILE, each_change
from tests.test_neutral_answers import ADMIN_FLAGS, INVALID, SENT, clock, observe
from tests.two_factor.conftest import PASSWORD, PHONE, WRONG, enrol
from tests.two_factor.test_login import outcome

pytestmark = pytest.mark.django_db

__all__ = ["clock", "observe"]


def _account(change, make_user, **fields):
    make_user(**change.held(change.other), **fields)


def _account_in_another_case(change, make_user):
    make_user(**change.held(change.other.replace("bob", "Bob").replace("example", "EXAMPLE")))


def _two_accounts(change, make_user):
    if get_user_model()._meta.get_field(change.field).unique:
        pytest.skip("This column takes no doubles.")
    for _ in range(2):
        make_user(**change.held(change.other))


STATES = {
    "account": _account,
    "inactive": partial(_account, is_active=False),
    **{flag: partial(_account, **{flag: True}) for flag in ADMIN_FLAGS},
    "another case": _account_in_another_case,
    "two accounts": _two_accounts,
}
each_state = pytest.mark.parametrize("state", STATES.values(), ids=STATES.keys())


def _summary(seen):
    return seen["status"], seen["body"], seen["statements"]


@each_state
@each_change
def test_a_first_request_answers_as_one_for_a_free_identifier(api, ada, make_user, observe, clock, change, state):
    state(change, make_user)
    access = change.access(api)
    free = observe(change.ask, api, access, change.new)
    _start_anew(ada)
    taken = observe(change.ask, api, access, change.other)
    assert taken == free
    assert _summary(taken) == (*SENT, ["SELECT", "SELECT", "SELECT", "SELECT", "INSERT", "INSERT"])


@each_state
@each_change
def test_a_later_request_answers_as_one_for_a_free_identifier(api, ada, make_user, observe, clock, change, state):
    state(change, make_user)
    access = change.access(api)
    for identifier in (change.new, change.other):
        change.ask(api, access, identifier)
    free = observe(change.ask, api, access, change.new)
    taken = observe(change.ask, api, access, change.other)
    assert taken == free
    assert _summary(taken) == (*SENT, ["SELECT", "SELECT", "SELECT", "SELECT", "UPDATE", "UPDATE"])


@each_state
@each_change
def test_a_request_in_the_wait_answers_as_one_for_a_free_identifier(
    api, ada, make_user, configure, observe, clock, change, state
):
    state(change, make_user)
    access = change.access(api)
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=60)
    seen = {}
    for identifier in (change.new, change.other):
        _start_anew(ada)
        change.ask(api, access, identifier)
        clock.shift(20)
        seen[identifier] = observe(change.ask, api, access, identifier)
    assert seen[change.new] == seen[change.other]
    assert (seen[change.other]["status"], seen[change.other]["headers"]["Retry-After"]) == (429, "40")
    assert seen[change.other]["statements"] == ["SELECT", "SELECT", "SELECT"]


@each_state
@each_change
def test_to_a_taken_identifier_nothing_is_sent(api, ada, make_user, change, state):
    state(change, make_user)
    change.ask(api, change.access(api), change.other)
    assert (mail.outbox, sms.outbox) == ([], [])


@each_state
@each_change
def test_a_wrong_code_answers_as_one_for_a_free_identifier(api, ada, make_user, observe, clock, change, state):
    state(change, make_user)
    access = change.access(api)
    change.ask(api, access, change.new)
    wrong = change.last_code().translate(WRONG)
    free = observe(change.confirm, api, access, wrong, change.new)
    change.ask(api, access, change.other)
    taken = observe(change.confirm, api, access, "wrong!", change.other)
    assert taken == free
    assert _summary(taken) == (*INVALID, ["SELECT", "SELECT", "UPDATE"])


@each_change
def test_a_right_code_for_an_identifier_that_was_taken_since_answers_as_a_wrong_one(
    api, ada, make_user, observe, clock, change
):
    access = change.access(api)
    change.ask(api, access)
    wrong = observe(change.confirm, api, access, "wrong!")
    make_user(**change.held(change.new))
    right = observe(change.confirm, api, access)
    for part in ("status", "body", "headers", "cookies"):
        assert right[part] == wrong[part]


@each_change
def test_what_a_change_costs_the_database(api, ada, observe, change):
    access = change.access(api)
    change.ask(api, access)
    seen = observe(change.confirm, api, access)
    assert (seen["status"], seen["statements"]) == (
        200,
        ["SELECT", "SELECT", "UPDATE", "UPDATE", "SELECT", "UPDATE", "UPDATE"],
    )


@each_change
def test_a_second_factor_costs_one_statement_more(api, ada, configure, observe, change):
    configure(TWO_FACTOR={})
    enrol(ada, PHONE)
    ada.set_password(PASSWORD)
    ada.save()
    access = api.pair(ada)["access"]
    seen = observe(change.ask, api, access)
    assert (seen["status"], len(seen["statements"])) == (200, 7)


def test_revealing_accounts_to_logins_does_not_reveal_them_here(api, ada, make_user, configure):
    configure(REVEAL_ACCOUNT_EXISTENCE=True)
    for change in (EMAIL, MOBILE):
        make_user(**change.held(change.other))
        access = change.access(api)
        assert outcome(change.ask(api, access, change.other)) == outcome(change.ask(api, access, change.new))


def _start_anew(user):
    """Forget the user's challenges, whose rows are the same for every identifier."""
    user.jwt_drf_passwordless_tokens.filter(purpose="change_contact").delete()
