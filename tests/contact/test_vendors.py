"""With `EXTERNAL_2FA` a vendor makes, sends and checks the code to a new number."""

import pytest
import sms

from jwt_drf_passwordless.models import PasswordlessChallengeToken
from tests.contact.conftest import CHANGED, EMAIL, MOBILE, TOKEN_SENT
from tests.external_2fa.conftest import external, vendor
from tests.external_2fa.providers import CODE, WRONG_CODE, in_transaction
from tests.two_factor.test_login import INVALID, outcome

pytestmark = pytest.mark.django_db

__all__ = ["external", "vendor"]


@pytest.fixture
def access(api, ada, external):
    return EMAIL.access(api)


def test_the_vendor_sends_and_checks(api, ada, vendor, access):
    assert outcome(MOBILE.ask(api, access)) == TOKEN_SENT
    assert not sms.outbox
    assert outcome(MOBILE.confirm(api, access, CODE)) == CHANGED
    assert vendor.asked == [("first", "send", MOBILE.new, "sms"), ("first", "check", MOBILE.new, "first-1")]
    assert MOBILE.value(ada) == MOBILE.new


def test_the_vendor_is_asked_outside_of_transactions(api, ada, vendor, access, transactional_db):
    vendor.answers["first", "send"] = in_transaction
    MOBILE.ask(api, access)
    assert PasswordlessChallengeToken.objects.get(purpose="change_contact").provider == "first"


def test_a_code_that_the_vendor_does_not_take_is_a_400(api, ada, vendor, access):
    MOBILE.ask(api, access)
    assert outcome(MOBILE.confirm(api, access, WRONG_CODE)) == INVALID
    assert MOBILE.value(ada) == MOBILE.old


def test_after_five_wrong_codes_the_vendor_is_not_asked(api, ada, vendor, access):
    MOBILE.ask(api, access)
    for _ in range(5):
        MOBILE.confirm(api, access, WRONG_CODE)
    assert outcome(MOBILE.confirm(api, access, CODE)) == INVALID
    assert vendor.actions().count(("first", "check")) == 5


def test_a_code_of_the_vendor_works_once(api, ada, vendor, access):
    MOBILE.ask(api, access)
    MOBILE.confirm(api, access, CODE)
    type(ada).objects.filter(pk=ada.pk).update(**{MOBILE.field: MOBILE.old})
    assert outcome(MOBILE.confirm(api, access, CODE)) == INVALID


def test_for_a_taken_number_the_vendor_is_not_asked(api, ada, make_user, vendor, access):
    make_user(phone=MOBILE.other)
    assert outcome(MOBILE.ask(api, access, MOBILE.other)) == TOKEN_SENT
    assert outcome(MOBILE.confirm(api, access, CODE, MOBILE.other)) == INVALID
    assert vendor.asked == []


def test_another_number_than_the_one_that_was_called_is_refused_unasked(api, ada, vendor, access):
    MOBILE.ask(api, access)
    assert outcome(MOBILE.confirm(api, access, CODE, MOBILE.other)) == INVALID
    assert vendor.actions() == [("first", "send")]


def test_a_row_of_a_vendor_that_is_gone_is_refused(api, ada, configure, vendor, access):
    MOBILE.ask(api, access)
    configure(EXTERNAL_2FA=None)
    assert outcome(MOBILE.confirm(api, access, CODE)) == INVALID


@pytest.mark.parametrize("route", ["ask", "confirm"])
def test_while_no_vendor_can_be_asked_it_is_a_503(api, ada, external, access, route):
    external(configured=False)
    answer = MOBILE.ask(api, access) if route == "ask" else MOBILE.confirm(api, access, CODE)
    assert (answer.status_code, answer.json()["code"]) == (503, "provider_unavailable")


def test_addresses_are_still_sent_our_own_codes(api, ada, vendor, access):
    EMAIL.ask(api, access)
    assert outcome(EMAIL.confirm(api, access)) == CHANGED
    assert vendor.asked == []
