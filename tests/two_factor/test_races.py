"""Many second steps at the same moment, each in its own thread with its own database connection."""

import pytest
import sms

from jwt_drf_passwordless.models import PasswordlessChallengeToken, PhoneDevice
from tests.conftest import sent_sms_code
from tests.test_races import crowd
from tests.two_factor.conftest import OTHER_PHONE, PHONE, WRONG, TwoFactorApi

pytestmark = pytest.mark.django_db(transaction=True)

__all__ = ["crowd"]


def test_of_sixteen_uses_of_one_ticket_one_wins(api, grace, crowd):
    sixteen = crowd(16)
    for _ in range(10):
        ticket = api.ticket(grace)
        code = sent_sms_code()
        statuses = sixteen.statuses(lambda _, number, t=ticket, c=code: TwoFactorApi().verify(t, c))
        assert statuses[0] == 200
        assert set(statuses[1:]) <= {400, 401}


def test_of_sixteen_wrong_codes_five_are_counted(api, grace, crowd):
    ticket = api.ticket(grace)
    wrong = sent_sms_code().translate(WRONG)
    assert crowd(16).statuses(lambda _, number: TwoFactorApi().verify(ticket, wrong)) == [400] * 16
    assert PasswordlessChallengeToken.objects.get().tries == 5
    assert api.verify(ticket, sent_sms_code()).status_code == 400


def test_of_sixteen_removals_by_one_code_one_wins(api, grace, crowd):
    access = api.pair(grace)["access"]
    api.call("2fa/step-up/", access=access)
    body = {"token": sent_sms_code()}
    statuses = crowd(16).statuses(lambda _, number: TwoFactorApi().send("DELETE", "2fa/phone/", body, access))
    assert statuses[0] == 204
    # 403: the phone was gone already when they asked what may prove a step-up.
    assert set(statuses[1:]) <= {400, 403, 404}
    assert not PhoneDevice.objects.exists()


def test_twelve_logins_send_one_code(api, grace, crowd, configure):
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=60)
    answers = crowd(12).call(lambda _, number: TwoFactorApi().token(grace))
    assert {answer.status_code for answer in answers} <= {206, 429}
    assert len(sms.outbox) == 1
    tickets = [answer.json()["ticket"] for answer in answers if answer.status_code == 206]
    code = sent_sms_code()
    assert sorted(api.verify(ticket, code).status_code for ticket in tickets) == [200] + [401] * (len(tickets) - 1)


def test_of_twelve_registrations_one_wins(api, ada, crowd):
    access = api.pair(ada)["access"]
    api.call("2fa/phone-verify/", {"authy_phone": PHONE}, access)
    body = {"authy_phone": PHONE, "token": sent_sms_code()}
    statuses = crowd(12).statuses(lambda _, number: TwoFactorApi().call("2fa/phone-register/", body, access))
    assert statuses[0] == 204
    # 403: the phone was there already when they looked.
    assert set(statuses[1:]) <= {400, 403}
    assert PhoneDevice.objects.count() == 1


def test_twelve_numbers_at_once_are_texted_one(api, ada, crowd, configure):
    access = api.pair(ada)["access"]
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=60)
    numbers = [PHONE, OTHER_PHONE] * 6

    def ask(_, number):
        return TwoFactorApi().call("2fa/phone-verify/", {"authy_phone": numbers[number]}, access)

    assert crowd(12).statuses(ask) == [204] + [429] * 11
    assert len(sms.outbox) == 1
