"""Who is told of a change: both sides (ASVS 6.3.7)."""

import pytest
import sms
from django.contrib.auth import get_user_model
from django.core import mail

from tests.conftest import set_mail_backend
from tests.contact.conftest import CHANGED, EMAIL, MOBILE
from tests.two_factor.test_login import outcome

pytestmark = pytest.mark.django_db

DO_NOT = "If you did not do this, please contact us at once."


def made(api, change):
    """Make the change; what was sent for the code is forgotten."""
    access = change.access(api)
    change.ask(api, access)
    code = change.last_code()
    mail.outbox.clear()
    sms.outbox.clear()
    assert outcome(change.confirm(api, access, code)) == CHANGED


def test_the_old_and_the_new_address_are_mailed(api, ada):
    made(api, EMAIL)
    assert [message.to for message in mail.outbox] == [[EMAIL.old], [EMAIL.new]]
    for message in mail.outbox:
        assert message.subject == "The email address of your account was changed"
        assert message.body == (
            "You sign in by the email address l***@example.com from now on, in place of a***@example.com.\n"
            f"{DO_NOT}\n\n"
        )
        assert message.extra_headers == {"Auto-Submitted": "auto-generated"}
    assert not sms.outbox


def test_the_old_address_is_mailed_as_it_was_stored(api, make_user):
    make_user(email="Ada@Example.com")
    made(api, EMAIL)
    assert mail.outbox[0].to == ["Ada@Example.com"]


def test_a_first_address_is_mailed(api, make_user):
    make_user(phone=MOBILE.old)
    access = MOBILE.access(api)
    EMAIL.ask(api, access)
    EMAIL.confirm(api, access)
    assert [message.to for message in mail.outbox[1:]] == [[EMAIL.new]]
    assert "You can sign in by the email address l***@example.com from now on.\n" in mail.outbox[1].body


def test_of_another_number_the_address_and_the_old_number_are_told(api, ada):
    made(api, MOBILE)
    assert [message.to for message in mail.outbox] == [[EMAIL.old]]
    assert mail.outbox[0].subject == "The phone number of your account was changed"
    assert "You sign in by the phone number ***24 from now on, in place of ***23.\n" in mail.outbox[0].body
    assert [message.recipients for message in sms.outbox] == [[MOBILE.old]]
    assert sms.outbox[0].body == f"Your account has another phone number now: ***24. {DO_NOT}"


def test_without_an_address_the_old_number_is_told(api, make_user):
    make_user(phone=MOBILE.old)
    made(api, MOBILE)
    assert not mail.outbox
    assert [message.recipients for message in sms.outbox] == [[MOBILE.old]]


def test_of_a_first_number_the_address_is_told(api, make_user):
    make_user(email=EMAIL.old)
    access = EMAIL.access(api)
    MOBILE.ask(api, access)
    MOBILE.confirm(api, access)
    assert "You can sign in by the phone number ***24 from now on.\n" in mail.outbox[0].body
    assert len(sms.outbox) == 1


def test_the_notices_name_the_site(api, ada, configure):
    configure(SITE_NAME="Shop & Co")
    made(api, MOBILE)
    assert mail.outbox[0].body.rstrip().endswith("-- \nShop & Co")
    assert sms.outbox[0].body == f"Your account at Shop & Co has another phone number now: ***24. {DO_NOT}"


def test_an_old_number_of_a_country_that_is_not_on_the_list_any_more_is_not_texted(api, make_user, configure):
    make_user(email=EMAIL.old, phone="+4915123456789")
    access = EMAIL.access(api)
    configure(SMS_COUNTRIES=["US"])
    MOBILE.ask(api, access)
    MOBILE.confirm(api, access)
    assert [message.recipients for message in sms.outbox] == [[MOBILE.new]]


def test_a_number_that_cannot_be_texted_is_not(api, make_user, settings):
    user = make_user(email=EMAIL.old)
    if settings.AUTH_USER_MODEL == "tests.User":
        pytest.skip("This column takes numbers only.")
    get_user_model().objects.filter(pk=user.pk).update(**{MOBILE.field: "none"})
    access = EMAIL.access(api)
    MOBILE.ask(api, access)
    assert outcome(MOBILE.confirm(api, access)) == CHANGED
    assert len(sms.outbox) == 1


def test_the_old_number_counts_in_the_budget_of_the_site(api, ada, configure, caplog):
    access = MOBILE.access(api)
    configure(SMS_BUDGET={"hour": 1})
    MOBILE.ask(api, access)
    assert outcome(MOBILE.confirm(api, access)) == CHANGED
    assert len(sms.outbox) == 1
    assert "error=BudgetExhausted" in caplog.text


def test_without_a_backend_for_sms_no_notice_is_tried(api, ada, settings, caplog):
    access = MOBILE.access(api)
    MOBILE.ask(api, access)
    del settings.SMS_BACKEND
    assert outcome(MOBILE.confirm(api, access)) == CHANGED
    assert "token_send_failed" not in caplog.text


def test_notices_that_cannot_be_sent_change_nothing(api, ada, settings, caplog):
    access = MOBILE.access(api)
    MOBILE.ask(api, access)
    settings.SMS_BACKEND = "tests.test_neutral_answers.BrokenBackend"
    set_mail_backend(settings, "tests.test_neutral_answers.BrokenBackend")
    assert outcome(MOBILE.confirm(api, access)) == CHANGED
    assert caplog.text.count("event=token_send_failed") == 2
    assert MOBILE.value(ada) == MOBILE.new
