"""Factors beside the phone: the interface with its defaults, who is asked, and by which one a login is finished."""

import time

import pytest
import sms
import time_machine
from rest_framework.exceptions import ValidationError

from jwt_drf_passwordless.exceptions import SecondFactorBroken
from jwt_drf_passwordless.models import PasswordlessChallengeToken
from jwt_drf_passwordless.two_factor import SecondFactor
from jwt_drf_passwordless.two_factor.email import EmailFactor
from jwt_drf_passwordless.two_factor.phone.factor import PhoneFactor
from jwt_drf_passwordless.two_factor.serializers import ProofField
from tests.conftest import sent_sms_code
from tests.two_factor.conftest import LOGIN_PHONE, PHONE, enrol
from tests.two_factor.test_every_first_factor import by_sms
from tests.two_factor.test_login import BAD_TICKET, INVALID, claims, outcome

pytestmark = pytest.mark.django_db

PHONE_FACTOR = "jwt_drf_passwordless.two_factor.phone.factor.PhoneFactor"
PAPER_FACTOR = "tests.two_factor.test_several_factors.PaperFactor"
WORD = "swordfish"


class PaperFactor(SecondFactor):
    """A word that everybody has on paper: no more than the interface asks for."""

    name = "paper"

    def is_enrolled(self, user):
        return True

    def verify(self, user, row, code):
        return code == WORD


@pytest.fixture
def both(two_factor):
    two_factor(factors=[PHONE_FACTOR, PAPER_FACTOR])


def finish(api, ticket, code, method=None):
    body = {"ticket": ticket, "token": code}
    return api.call("2fa/token-verify/", body if method is None else {**body, "method": method})


def test_a_factor_needs_two_methods_and_a_name(api, ada, two_factor):
    two_factor(factors=[PAPER_FACTOR])
    body = api.token(ada).json()
    assert body["methods"] == ["paper"]
    assert not sms.outbox
    assert outcome(finish(api, body["ticket"], "shark")) == INVALID
    assert claims(finish(api, body["ticket"], WORD).json()["access"])["amr"] == ["pwd", "otp", "mfa"]


def test_its_wrong_codes_and_uses_are_counted(api, ada, two_factor):
    two_factor(factors=[PAPER_FACTOR])
    ticket = api.ticket(ada)
    for _ in range(5):
        finish(api, ticket, "shark")
    assert outcome(finish(api, ticket, WORD)) == INVALID
    ticket = api.ticket(ada)
    assert [finish(api, ticket, WORD).status_code for _ in range(2)] == [200, 401]


def test_the_first_factor_of_the_list_is_the_default(api, grace, both):
    body = api.token(grace).json()
    assert body["methods"] == ["phone", "paper"]
    assert len(sms.outbox) == 1
    assert finish(api, body["ticket"], sent_sms_code()).status_code == 200


def test_another_one_is_a_choice_of_the_client(api, grace, both):
    ticket = api.ticket(grace)
    assert outcome(finish(api, ticket, WORD)) == INVALID
    assert finish(api, ticket, WORD, "paper").status_code == 200


def test_the_password_with_a_code_of_another_factor_is_enough(api, grace, both):
    api.token(grace)
    body = {**api.credentials(grace), "token": WORD, "method": "paper"}
    assert api.call("2fa/token-verify/", body).status_code == 200


def test_who_has_one_of_them_is_asked_for_that(api, ada, both):
    body = api.token(ada).json()
    assert body["methods"] == ["paper"]
    assert outcome(finish(api, body["ticket"], "123456", "phone")) == INVALID


def test_who_signs_in_by_the_phone_needs_the_other_factor(api, person, configure, both):
    enrol(person(phone=LOGIN_PHONE), LOGIN_PHONE)
    body = by_sms(api, configure).json()
    assert body["methods"] == ["paper"]
    code = sent_sms_code()
    assert outcome(finish(api, body["ticket"], code, "phone")) == INVALID
    assert finish(api, body["ticket"], WORD).status_code == 200


def test_a_code_can_be_sent_to_the_phone_instead(api, grace, two_factor):
    two_factor(factors=[PAPER_FACTOR, PHONE_FACTOR])
    ticket = api.ticket(grace)
    assert not sms.outbox
    assert api.call("2fa/resend/", {"ticket": ticket, "method": "phone"}).status_code == 204
    assert sms.outbox[-1].recipients == [PHONE]
    assert finish(api, ticket, sent_sms_code(), "phone").status_code == 200


@pytest.fixture
def clock():
    with time_machine.travel(time.time(), tick=False) as traveller:
        yield traveller


@pytest.fixture
def waiting(configure):
    """Codes live a minute, and the wait for the next one is longer."""
    configure(TOKEN_LIFETIME=60, TOKEN_REQUEST_THROTTLE_SECONDS=600)


@pytest.mark.usefixtures("both", "waiting")
def test_a_code_that_was_sent_stays_good_when_a_login_within_the_wait_needs_none(api, grace):
    api.token(grace)
    code = sent_sms_code()
    assert finish(api, api.ticket(grace), code).status_code == 200
    assert len(sms.outbox) == 1


@pytest.mark.usefixtures("both", "waiting")
def test_a_login_within_the_wait_gives_a_code_that_was_sent_no_more_time(api, grace, clock):
    api.token(grace)
    code = sent_sms_code()
    clock.shift(50)
    ticket = api.ticket(grace)
    clock.shift(10)
    assert outcome(finish(api, ticket, code)) == INVALID


@pytest.mark.usefixtures("waiting")
def test_nor_does_it_where_there_is_no_other_factor(api, grace, clock):
    api.token(grace)
    code = sent_sms_code()
    clock.shift(50)
    ticket = api.ticket(grace)
    clock.shift(10)
    assert outcome(finish(api, ticket, code)) == INVALID


@pytest.mark.usefixtures("both", "waiting")
def test_a_login_that_needs_no_code_begins_anew_at_the_moment_at_which_the_sent_one_ends(api, grace, clock):
    api.token(grace)
    clock.shift(60)
    ticket = api.ticket(grace)
    assert finish(api, ticket, WORD, "paper").status_code == 200


@pytest.mark.usefixtures("waiting")
def test_where_nothing_was_sent_each_login_has_its_whole_time(api, ada, two_factor, clock):
    two_factor(factors=[PAPER_FACTOR])
    assert finish(api, api.ticket(ada), WORD).status_code == 200
    clock.shift(50)
    api.token(ada)
    clock.shift(50)
    ticket = api.ticket(ada)
    clock.shift(50)
    assert finish(api, ticket, WORD).status_code == 200


@pytest.mark.usefixtures("waiting")
def test_a_used_ticket_stays_used_when_the_next_login_is_within_the_wait(api, ada, two_factor):
    two_factor(factors=[PAPER_FACTOR])
    used = api.ticket(ada)
    assert finish(api, used, WORD).status_code == 200
    ticket = api.ticket(ada)
    assert outcome(finish(api, used, WORD)) == BAD_TICKET
    assert finish(api, ticket, WORD).status_code == 200


def test_a_session_can_step_up_by_it_whenever_it_began(api, ada, both):
    access = finish(api, api.ticket(ada), WORD).json()["access"]
    ticket = api.call("2fa/step-up/", access=access).json()["ticket"]
    assert finish(api, ticket, WORD).status_code == 200


def test_a_phone_factor_that_is_asked_about_nobodys_phone_is_broken(ada):
    with pytest.raises(SecondFactorBroken):
        PhoneFactor().verify(ada, PasswordlessChallengeToken(), "123456")


def test_what_a_factor_need_not_say(ada):
    factor, row = PaperFactor(), PasswordlessChallengeToken()
    assert factor.may_enrol(ada) is False
    assert factor.ensure_may_enrol(ada, {}) is None
    assert factor.about(ada, {}) == ""
    assert factor.begin(ada, row, {}, None) == {}
    assert factor.check_enrolment_format(ada, WORD) is None
    assert factor.check_enrolment(ada, row, WORD) is False
    assert factor.listed(ada) == []
    assert factor.remove(ada, "1") is False
    assert factor.rename(ada, "1", "x") is False
    assert factor.identifier_changed(ada, "email", "ada@example.com") is None
    assert factor.options(ada, row) is None


def test_an_object_that_is_no_json_is_no_proof():
    with pytest.raises(ValidationError):
        ProofField().run_validation({"a": object()})


def test_a_number_that_changes_is_nothing_to_the_email_factor(ada):
    assert EmailFactor().identifier_changed(ada, "phone_number", "+12015550123") is None
