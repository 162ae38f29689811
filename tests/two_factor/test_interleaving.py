"""What happens when somebody else writes between our SELECT and our write: one certain order each."""

import pytest
import sms
from django.dispatch import receiver

from jwt_drf_passwordless import challenges
from jwt_drf_passwordless.models import PhoneDevice
from jwt_drf_passwordless.signals import token_refused
from tests.conftest import sent_sms_code
from tests.test_interleaving import meanwhile
from tests.two_factor.conftest import OTHER_PHONE, PHONE, enrol
from tests.two_factor.test_enrolment import ask, register
from tests.two_factor.test_login import BAD_TICKET, INVALID, outcome

pytestmark = pytest.mark.django_db


def test_a_ticket_that_is_used_while_a_code_is_sent_again_stays_used(api, grace):
    ticket = api.ticket(grace)
    code = sent_sms_code()
    with meanwhile("UPDATE", lambda: api.verify(ticket, code)):
        answer = api.call("2fa/resend/", {"ticket": ticket})
    assert answer.status_code == 429
    assert len(sms.outbox) == 1
    assert outcome(api.verify(ticket, code)) == BAD_TICKET


def test_a_login_that_meets_another_one_within_the_wait_is_a_429(api, grace, configure):
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=60)
    api.token(grace)
    with meanwhile("UPDATE", lambda: api.token(grace)):
        answer = api.token(grace)
    assert (answer.status_code, answer.json()["code"]) == (429, "throttled")


def test_a_login_within_the_wait_whose_code_is_used_up_meanwhile_is_a_429(api, grace, configure):
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=60)
    ticket = api.ticket(grace)
    code = sent_sms_code()
    with meanwhile("UPDATE", lambda: api.verify(ticket, code)):
        answer = api.token(grace)
    assert (answer.status_code, answer.json()["code"]) == (429, "throttled")


def test_where_no_challenge_is_none_is_renewed(grace):
    assert challenges.renew("second_factor", "user", str(grace.pk), needs_code=True) is None


def test_of_two_first_phones_the_second_is_refused(api, ada):
    access = api.pair(ada)["access"]
    ask(api, access)
    reasons = []

    @receiver(token_refused)
    def hear(reason, **kwargs):
        reasons.append(reason)

    with meanwhile("INSERT", lambda: enrol(ada, OTHER_PHONE), PhoneDevice):
        assert outcome(register(api, access)) == INVALID
    token_refused.disconnect(hear)
    assert reasons == ["raced"]
    assert PhoneDevice.objects.filter(number=PHONE).count() == 0


def test_a_phone_that_is_replaced_meanwhile_is_not_replaced_again(api, grace):
    access = api.pair(grace)["access"]
    ask(api, access, OTHER_PHONE)
    with meanwhile("UPDATE", lambda: PhoneDevice.objects.update(confirmed_at=None), PhoneDevice):
        assert outcome(register(api, access, OTHER_PHONE)) == INVALID
    assert PhoneDevice.objects.get().number == PHONE


def test_a_phone_that_is_replaced_meanwhile_is_not_removed(api, grace):
    access = api.pair(grace)["access"]
    with meanwhile("DELETE FROM", lambda: PhoneDevice.objects.update(confirmed_at=None), PhoneDevice):
        assert api.send("DELETE", "2fa/phone/", access=access).status_code == 404
    assert PhoneDevice.objects.exists()
