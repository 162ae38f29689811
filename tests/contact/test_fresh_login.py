"""A stolen access token does not take the account with it: a login a moment ago, by all factors that there are."""

import time

import pytest
import sms
import time_machine
from django.core import mail

from jwt_drf_passwordless.two_factor import SecondFactor
from jwt_drf_passwordless.two_factor.tickets import enrolment_token
from tests.conftest import sent_sms_code
from tests.contact.conftest import CHANGED, TOKEN_SENT, each_change
from tests.two_factor.conftest import PASSWORD, PHONE, enrol
from tests.two_factor.test_enrolment import REAUTHENTICATE
from tests.two_factor.test_login import outcome
from tests.two_factor.test_step_up import with_claims

pytestmark = pytest.mark.django_db

NOW = 1772366400
AAL2 = {"amr": ["pwd", "otp", "sms", "mfa"], "acr": "aal2"}
AAL1 = {"amr": ["otp"], "acr": "aal1"}


@pytest.fixture
def grace(ada, configure):
    """A user with a second factor."""
    configure(TWO_FACTOR={})
    enrol(ada, PHONE)
    ada.set_password(PASSWORD)
    ada.save()
    return ada


def both_refuse(api, change, access):
    answers = [change.ask(api, access), change.confirm(api, access, "123456")]
    return [outcome(answer) for answer in answers] == [REAUTHENTICATE] * 2 and not mail.outbox + sms.outbox


@each_change
def test_a_login_is_fresh_for_five_minutes(api, ada, change):
    with time_machine.travel(NOW, tick=False) as clock:
        access = change.access(api)
        clock.shift(299)
        assert outcome(change.ask(api, access)) == TOKEN_SENT
        assert outcome(change.confirm(api, access)) == CHANGED


@each_change
def test_a_refreshed_token_is_as_old_as_its_login(api, ada, change):
    with time_machine.travel(NOW, tick=False) as clock:
        refresh = change.log_in(api).json()["refresh"]
        change.outbox.clear()
        clock.shift(301)
        access = api.call("token/refresh/", {"refresh": refresh}).json()["access"]
        assert both_refuse(api, change, access)


@each_change
def test_a_code_that_was_asked_for_in_time_is_not_confirmed_too_late(api, ada, change):
    with time_machine.travel(NOW, tick=False) as clock:
        pair = change.log_in(api).json()
        change.ask(api, pair["access"])
        clock.shift(301)
        access = api.call("token/refresh/", {"refresh": pair["refresh"]}).json()["access"]
        assert outcome(change.confirm(api, access)) == REAUTHENTICATE
        assert outcome(change.confirm(api, change.access(api), "wrong!"))[0] == 400
    assert change.value(ada) == change.old


STALE = {
    "none": {},
    "nothing but how": AAL2,
    "null": {"auth_time": None},
    "text": {"auth_time": str(NOW)},
    "bool": {"auth_time": True},
    "fraction": {"auth_time": NOW + 0.5},
    "list": {"auth_time": [NOW]},
    "301 s ago": {"auth_time": NOW - 301, **AAL2},
    "61 s ahead": {"auth_time": NOW + 61, **AAL2},
}


@each_change
@pytest.mark.parametrize("values", STALE.values(), ids=STALE)
def test_claims_that_do_not_say_fresh_are_refused(api, ada, change, values):
    with time_machine.travel(NOW, tick=False):
        assert both_refuse(api, change, with_claims(ada, **values))


@each_change
def test_fresh_claims_of_one_factor_do_for_who_has_no_second_one(api, ada, change):
    access = with_claims(ada, auth_time=int(time.time()), **AAL1)
    assert outcome(change.ask(api, access)) == TOKEN_SENT


WEAK = {
    "one factor": AAL1,
    "acr only": {"acr": "aal2"},
    "amr only": {"amr": ["pwd", "mfa"]},
    "acr without mfa": {"amr": ["pwd"], "acr": "aal2"},
    "amr as text": {"amr": "mfa", "acr": "aal2"},
}


@each_change
@pytest.mark.parametrize("values", WEAK.values(), ids=WEAK)
def test_a_second_factor_must_be_proven_by_who_has_one(api, grace, change, values):
    assert both_refuse(api, change, with_claims(grace, auth_time=int(time.time()), **values))


@each_change
def test_a_broken_second_factor_counts_as_one(api, grace, change):
    enrolled = grace.jwt_drf_passwordless_phone
    enrolled.confirmed_at = None
    enrolled.save()
    assert both_refuse(api, change, with_claims(grace, auth_time=int(time.time()), **AAL1))


class PaperFactor(SecondFactor):
    """One that every user has, and that is weak."""

    name = "paper"
    raises_level = False

    def is_enrolled(self, user):
        raise NotImplementedError

    def verify(self, user, row, code):
        raise NotImplementedError


@each_change
def test_a_factor_that_no_claim_tells_of_is_not_asked_for(api, ada, configure, change):
    configure(TWO_FACTOR={"factors": ["tests.contact.test_fresh_login.PaperFactor"]})
    access = with_claims(ada, auth_time=int(time.time()), **AAL1)
    assert outcome(change.ask(api, access)) == TOKEN_SENT


@each_change
def test_a_login_with_both_factors_may(api, grace, change):
    access = api.pair(grace)["access"]
    assert outcome(change.ask(api, access)) == TOKEN_SENT
    assert outcome(change.confirm(api, access)) == CHANGED


@each_change
def test_a_step_up_makes_an_old_session_good_enough(api, grace, change):
    with time_machine.travel(NOW, tick=False) as clock:
        refresh = api.pair(grace)["refresh"]
        clock.shift(3600)
        access = api.call("token/refresh/", {"refresh": refresh}).json()["access"]
        assert outcome(change.ask(api, access)) == REAUTHENTICATE
        ticket = api.call("2fa/step-up/", access=access).json()["ticket"]
        access = api.verify(ticket, sent_sms_code()).json()["access"]
        assert outcome(change.ask(api, access)) == TOKEN_SENT


@each_change
def test_a_factor_that_is_registered_in_between_is_needed_at_the_confirmation(api, ada, configure, change):
    configure(TWO_FACTOR={})
    access = change.access(api)
    change.ask(api, access)
    enrol(ada, PHONE)
    assert outcome(change.confirm(api, access)) == REAUTHENTICATE
    assert change.value(ada) == change.old


@each_change
def test_a_token_that_can_only_enrol_is_a_401(api, ada, configure, change):
    configure(TWO_FACTOR={"required": True})
    restricted = enrolment_token(ada)
    for answer in (change.ask(api, restricted), change.confirm(api, restricted, "123456")):
        assert (answer.status_code, answer.json()["code"]) == (401, "token_not_valid")


@each_change
def test_a_refresh_token_is_a_401(api, ada, change):
    refresh = change.log_in(api).json()["refresh"]
    change.outbox.clear()
    assert change.ask(api, refresh).status_code == 401
    assert not change.outbox


@each_change
def test_a_browser_session_says_nothing_about_its_login(api, ada, settings, change):
    settings.REST_FRAMEWORK = {
        "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"]
    }
    api.client.force_login(ada)
    assert both_refuse(api, change, None)
