"""Changing what one signs in by: the flow, what it is bound to, and what is void afterwards."""

import pytest
import sms
import time_machine
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.core import mail

from jwt_drf_passwordless import signals
from jwt_drf_passwordless.conf import settings as package_settings
from jwt_drf_passwordless.contact.signals import contact_changed
from jwt_drf_passwordless.email import PasswordlessRequestEmail
from jwt_drf_passwordless.models import PasswordlessChallengeToken
from jwt_drf_passwordless.sms import PasswordlessRequestSMS
from tests.conftest import sent_code, sent_link_token, sent_sms_code
from tests.contact.conftest import CHANGED, EMAIL, MOBILE, TOKEN_SENT, each_change
from tests.test_interleaving import meanwhile
from tests.two_factor.conftest import PHONE, WRONG, enrol
from tests.two_factor.test_login import BAD_TICKET, INVALID, later, outcome

pytestmark = pytest.mark.django_db


def by_link(api, token):
    return api.post("exchange/", {"token": token})


@pytest.fixture
def refused():
    """The reasons of the refusals that were told."""
    reasons = []

    def receiver(reason, **facts):
        reasons.append(reason)

    signals.token_refused.connect(receiver)
    yield reasons
    signals.token_refused.disconnect(receiver)


@each_change
def test_a_proven_identifier_takes_the_place_of_the_old_one(api, ada, change):
    access = change.access(api)
    assert outcome(change.ask(api, access)) == TOKEN_SENT
    assert change.value(ada) == change.old
    assert outcome(change.confirm(api, access)) == CHANGED
    assert change.value(ada) == change.new


@each_change
def test_the_code_goes_to_the_new_identifier_only(api, ada, change):
    change.ask(api, change.access(api))
    recipients = [message.to for message in mail.outbox] + [message.recipients for message in sms.outbox]
    assert recipients == [[change.new]]


@each_change
def test_the_new_identifier_signs_in_and_the_old_one_does_not(api, ada, change):
    access = change.access(api)
    change.ask(api, access)
    change.confirm(api, access)
    assert change.log_in(api, change.new).status_code == 200
    change.outbox.clear()
    getattr(api, f"request_{change.name}")(change.old)
    assert not change.outbox


@each_change
def test_a_user_without_one_gains_one(api, make_user, change):
    held = MOBILE if change is EMAIL else EMAIL
    user = make_user(**held.held(held.old))
    access = held.access(api)
    assert outcome(change.ask(api, access)) == TOKEN_SENT
    assert outcome(change.confirm(api, access)) == CHANGED
    assert change.value(user) == change.new
    assert change.log_in(api, change.new).status_code == 200


@pytest.mark.parametrize(
    ("change", "typed", "stored"),
    [(EMAIL, "LoveLace@Example.COM", "lovelace@example.com"), (MOBILE, "+1 201 555 0124", "+12015550124")],
    ids=["email", "mobile"],
)
def test_the_canonical_form_is_stored(api, ada, change, typed, stored):
    access = change.access(api)
    change.ask(api, access, typed)
    assert outcome(change.confirm(api, access, identifier=typed.upper())) == CHANGED
    assert change.value(ada) == stored


@pytest.mark.parametrize(
    ("change", "same"),
    [(EMAIL, "ada@example.com"), (EMAIL, "ADA@Example.com"), (MOBILE, "+12015550123"), (MOBILE, "+1 (201) 555-0123")],
    ids=str,
)
def test_the_identifier_that_the_user_has_is_an_error_of_the_field(api, ada, change, same):
    access = change.access(api)
    expected = (400, {change.field: ["You sign in by this one already."]})
    assert outcome(change.ask(api, access, same)) == expected
    assert outcome(change.confirm(api, access, "123456", same)) == expected
    assert not change.outbox


@each_change
def test_without_a_token_it_is_a_401(api, ada, change):
    for answer in (change.ask(api, None), change.confirm(api, None, "123456")):
        assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="api"'


@each_change
def test_a_method_that_is_off_is_a_404(api, ada, configure, change):
    access = change.access(api)
    configure(ALLOWED_PASSWORDLESS_METHODS=["MOBILE" if change is EMAIL else "EMAIL"])
    for answer in (change.ask(api, access), change.confirm(api, access, "123456")):
        assert (answer.status_code, answer.json()["code"]) == (404, "method_disabled")


# The code


@each_change
def test_a_wrong_code_is_a_400(api, ada, change, refused):
    access = change.access(api)
    change.ask(api, access)
    assert outcome(change.confirm(api, access, change.last_code().translate(WRONG))) == INVALID
    assert refused == ["wrong"]
    assert change.value(ada) == change.old


@each_change
def test_without_a_request_every_code_is_a_400(api, ada, change, refused):
    assert outcome(change.confirm(api, change.access(api), "123456")) == INVALID
    assert refused == ["unknown"]


@each_change
def test_five_wrong_codes_kill_the_code(api, ada, change, refused):
    access = change.access(api)
    change.ask(api, access)
    for _ in range(5):
        change.confirm(api, access, change.last_code().translate(WRONG))
    assert outcome(change.confirm(api, access)) == INVALID
    assert refused == ["wrong"] * 5 + ["too_many_tries"]


@each_change
def test_a_code_works_once_also_where_codes_of_logins_work_twice(api, ada, configure, change):
    configure(MAX_TOKEN_USES=2)
    access = change.access(api)
    change.ask(api, access)
    code = change.last_code()
    change.confirm(api, access, code)
    type(ada).objects.filter(pk=ada.pk).update(**{change.field: change.old})
    assert outcome(change.confirm(api, access, code)) == INVALID
    assert change.value(ada) == change.old


@each_change
def test_a_code_expires_after_ten_minutes(api, ada, change, refused):
    access = change.access(api)
    change.ask(api, access)
    code = change.last_code()
    with later(601):
        fresh = change.access(api)
        assert outcome(change.confirm(api, fresh, code)) == INVALID
    assert refused == ["expired"]


@each_change
def test_a_code_is_for_the_identifier_that_it_was_sent_to(api, ada, change):
    access = change.access(api)
    change.ask(api, access)
    assert outcome(change.confirm(api, access, identifier=change.other)) == INVALID
    assert change.value(ada) == change.old


@each_change
def test_a_code_is_for_the_user_who_asked_for_it(api, ada, make_user, change):
    eve = make_user(**change.held(change.other))
    change.ask(api, change.access(api))
    code = change.last_code()
    hers = change.log_in(api, change.other).json()["access"]
    assert outcome(change.confirm(api, hers, code)) == INVALID
    assert change.value(eve) == change.other


@each_change
def test_a_later_request_replaces_the_code_also_for_another_identifier(api, ada, configure, change):
    configure(SHORT_TOKEN_LENGTH=16)  # two codes of six digits are the same now and then
    access = change.access(api)
    change.ask(api, access)
    first = change.last_code()
    change.ask(api, access, change.other)
    assert outcome(change.confirm(api, access, first)) == INVALID
    assert outcome(change.confirm(api, access, identifier=change.other)) == CHANGED


@each_change
def test_codes_of_logins_and_of_changes_are_not_taken_for_each_other(api, ada, configure, change):
    configure(SHORT_TOKEN_LENGTH=16, REGISTER_NONEXISTENT_USERS=True)
    access = change.access(api)
    getattr(api, f"request_{change.name}")(change.new)
    login_code = change.last_code()
    change.ask(api, access)
    assert outcome(change.confirm(api, access, login_code)) == INVALID
    assert getattr(api, f"exchange_{change.name}")(change.new, change.last_code()).status_code == 400
    assert get_user_model().objects.count() == 1


def test_codes_for_an_address_and_for_a_number_are_not_taken_for_each_other(api, ada, configure):
    configure(SHORT_TOKEN_LENGTH=16)
    access = EMAIL.access(api)
    EMAIL.ask(api, access)
    MOBILE.ask(api, access)
    assert outcome(EMAIL.confirm(api, access, MOBILE.last_code())) == INVALID
    assert outcome(MOBILE.confirm(api, access, EMAIL.last_code())) == INVALID
    assert outcome(EMAIL.confirm(api, access)) == CHANGED
    assert outcome(MOBILE.confirm(api, access)) == CHANGED


# What is void afterwards


@each_change
def test_codes_of_the_old_identifier_are_void(api, ada, change):
    access = change.access(api)
    getattr(api, f"request_{change.name}")(change.old)
    old = change.last_code()
    change.ask(api, access)
    change.confirm(api, access)
    assert getattr(api, f"exchange_{change.name}")(change.old, old).status_code == 400
    type(ada).objects.filter(pk=ada.pk).update(**{change.field: change.old})
    assert getattr(api, f"exchange_{change.name}")(change.old, old).status_code == 400


@each_change
def test_codes_of_the_new_identifier_from_before_are_void(api, ada, configure, change):
    configure(REGISTER_NONEXISTENT_USERS=True)
    access = change.access(api)
    getattr(api, f"request_{change.name}")(change.new)
    early = change.last_code()
    change.ask(api, access)
    change.confirm(api, access)
    assert getattr(api, f"exchange_{change.name}")(change.new, early).status_code == 400


def test_links_to_both_addresses_from_before_are_void(api, ada, configure):
    configure(PASSWORDLESS_EMAIL_LOGIN_URL="https://app.example/login#token={token}", REGISTER_NONEXISTENT_USERS=True)
    access = EMAIL.access(api)
    links = []
    for address in (EMAIL.old, EMAIL.new):
        api.request_email(address)
        links.append(sent_link_token())
    EMAIL.ask(api, access)
    EMAIL.confirm(api, access)
    assert [by_link(api, link).status_code for link in links] == [400, 400]


@each_change
def test_tickets_of_the_second_factor_are_void(api, ada, configure, change):
    configure(TWO_FACTOR={})
    enrol(ada, PHONE)

    def first_step():
        """The ticket of a login by the identifier that does not change, and the code of its second step."""
        way = MOBILE if change is EMAIL else EMAIL
        return way.log_in(api).json()["ticket"], sent_sms_code()

    ticket, code = first_step()
    access = api.verify(ticket, code).json()["access"]
    ticket, code = first_step()
    change.ask(api, access)
    assert outcome(change.confirm(api, access)) == CHANGED
    assert outcome(api.verify(ticket, code)) == BAD_TICKET


# What happens in between


@each_change
def test_a_field_that_changes_meanwhile_stays_as_it_is_then(api, ada, change, refused):
    user_model = get_user_model()
    access = change.access(api)
    change.ask(api, access)

    def act():
        user_model.objects.filter(pk=ada.pk).update(**{change.field: change.other})

    with meanwhile("UPDATE", act, user_model):
        assert outcome(change.confirm(api, access)) == INVALID
    assert refused == ["raced"]
    assert not any(message.subject.startswith("The ") for message in mail.outbox)


@each_change
def test_an_identifier_that_is_taken_between_request_and_confirmation_is_refused(api, ada, make_user, change, refused):
    access = change.access(api)
    change.ask(api, access)
    make_user(**change.held(change.new))
    assert outcome(change.confirm(api, access)) == INVALID
    assert refused == ["taken"]
    assert change.value(ada) == change.old


@each_change
def test_a_constraint_of_the_user_model_refuses(api, ada, make_user, change, refused):
    user_model = get_user_model()
    if not user_model._meta.get_field(change.field).unique:
        pytest.skip("This column takes doubles.")
    access = change.access(api)
    change.ask(api, access)
    code = change.last_code()
    with meanwhile("UPDATE", lambda: make_user(**change.held(change.new)), user_model):
        assert outcome(change.confirm(api, access, code)) == INVALID
    assert refused == ["taken"]
    assert change.value(ada) == change.old
    assert len(change.outbox) == 1


# Waits


@each_change
def test_a_user_waits_between_two_identifiers(api, ada, configure, change):
    access = change.access(api)
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=60)
    change.ask(api, access)
    answer = change.ask(api, access, change.other)
    assert (answer.status_code, answer.json()["code"], answer.headers["Retry-After"]) == (429, "throttled", "60")
    assert len(change.outbox) == 1


@each_change
def test_many_accounts_write_to_one_identifier_once(api, ada, make_user, configure, change):
    make_user(**change.held(change.other))
    both = [change.access(api), change.log_in(api, change.other).json()["access"]]
    change.outbox.clear()
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=60)
    assert [change.ask(api, access).status_code for access in both] == [200, 429]
    assert len(change.outbox) == 1


@each_change
def test_a_login_waits_no_longer_for_it(api, ada, configure, change):
    access = change.access(api)
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=60)
    change.ask(api, access)
    change.confirm(api, access)
    assert change.log_in(api, change.new).status_code == 200


def test_a_number_range_is_counted_also_without_registration(api, ada, configure):
    access = MOBILE.access(api)
    configure(THROTTLE_RATES={"number_range": "2/h"})
    statuses = [MOBILE.ask(api, access, f"+1201555012{digit}").status_code for digit in (4, 5, 6)]
    assert statuses == [200, 200, 429]
    assert len(sms.outbox) == 2


def test_a_number_of_a_country_that_is_not_on_the_list_is_an_error_of_the_field(api, ada, configure):
    access = MOBILE.access(api)
    configure(SMS_COUNTRIES=["DE"])
    answer = MOBILE.ask(api, access)
    assert outcome(answer) == (400, {MOBILE.field: ["Messages cannot be sent to this number."]})
    assert not sms.outbox


def test_a_spent_budget_is_a_503(api, ada, configure):
    access = MOBILE.access(api)
    configure(SMS_BUDGET={"hour": 1})
    assert MOBILE.ask(api, access).status_code == 200
    answer = MOBILE.ask(api, access, MOBILE.other)
    assert (answer.status_code, answer.json()["code"]) == (503, "delivery_unavailable")
    assert len(sms.outbox) == 1


@each_change
def test_an_identity_for_tests_is_sent_nothing(api, ada, configure, change):
    access = change.access(api)
    with time_machine.travel(1772366400, tick=False):
        configure(TEST_IDENTIFIERS={change.new: {"code": make_password("123456"), "until": "2026-03-31"}})
        access = change.access(api)
        assert outcome(change.ask(api, access)) == TOKEN_SENT
        assert not change.outbox
        assert outcome(change.confirm(api, access, "123456")) == INVALID


# Messages


class NorthEmail(PasswordlessRequestEmail):
    def get_context_data(self):
        return {**super().get_context_data(), "site_name": f"North {self.context['purpose']}"}


class NorthSMS(PasswordlessRequestSMS):
    def get_context_data(self):
        return {**super().get_context_data(), "site_name": f"North {self.context['purpose']}"}


def test_the_classes_of_the_project_write_the_messages(api, ada, configure):
    access = EMAIL.access(api)
    configure(
        EMAIL={"passwordless_request": "tests.contact.test_change.NorthEmail"},
        SMS_SENDERS={"passwordless_request": "tests.contact.test_change.NorthSMS"},
    )
    EMAIL.ask(api, access)
    MOBILE.ask(api, access)
    assert mail.outbox[0].subject == "Confirm your address for North change_contact"
    assert "is your code to confirm this phone for North change_contact." in sms.outbox[0].body


def test_the_email_says_what_the_code_is_for_and_has_no_link(api, ada, configure):
    configure(PASSWORDLESS_EMAIL_LOGIN_URL="https://app.example/login#token={token}")
    EMAIL.ask(api, EMAIL.access(api))
    (email,) = mail.outbox
    code = sent_code()
    assert email.subject == "Confirm your address"
    assert f"To sign in by this address from now on, type this code. The code is {code}\n" in email.body
    for text in (email.body, email.alternatives[0][0]):
        assert "app.example" not in text
        assert "sign-in code" not in text


def test_the_sms_says_what_the_code_is_for(api, ada):
    MOBILE.ask(api, MOBILE.access(api))
    assert sms.outbox[0].body == f"{sent_sms_code()} is your code to confirm this phone. Do not share it."


def test_the_code_of_a_message_that_was_not_sent_is_told_by_signal_only(api, ada, settings, caplog):
    access = MOBILE.access(api)
    settings.SMS_BACKEND = "tests.test_neutral_answers.BrokenBackend"
    assert outcome(MOBILE.ask(api, access)) == TOKEN_SENT
    assert "event=token_send_failed" in caplog.text


# Signals


@each_change
def test_a_change_is_told(api, ada, caplog, change):
    told = []

    def receiver(sender, user, field, subject, old, request, **facts):
        told.append((sender, user.pk, field, subject, old, change.value(user), request is not None))

    contact_changed.connect(receiver)
    try:
        access = change.access(api)
        change.ask(api, access)
        assert not told
        change.confirm(api, access)
    finally:
        contact_changed.disconnect(receiver)
    subject, old = {"email": ("l***@example.com", "a***@example.com"), "mobile": ("***24", "***23")}[change.name]
    assert told == [(get_user_model(), ada.pk, change.field, subject, old, change.new, True)]
    (line,) = [each for each in caplog.records if "event=contact_changed" in each.message]
    assert (line.levelname, line.subject, line.old) == ("WARNING", subject, old)


@each_change
def test_a_request_is_told(api, ada, make_user, configure, caplog, change):
    make_user(**change.held(change.other))
    access = change.access(api)
    caplog.clear()
    change.ask(api, access)
    change.ask(api, access, change.other)
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=60)
    change.ask(api, access)
    change.ask(api, access)
    events = [(line.event, getattr(line, "will_send", None)) for line in caplog.records if hasattr(line, "event")]
    assert events == [
        ("token_requested", True),
        ("token_sent", None),
        ("token_requested", False),
        ("token_requested", True),
        ("token_sent", None),
        ("token_throttled", None),
    ]


def test_the_tables_keep_one_row_a_user_and_field_and_one_an_identifier(api, ada):
    access = EMAIL.access(api)
    for _ in range(3):
        EMAIL.ask(api, access)
    rows = PasswordlessChallengeToken.objects.exclude(purpose="login").values_list("purpose", "identifier")
    assert sorted(rows) == [("change_contact", EMAIL.new), ("contact_target", EMAIL.new)]


def test_the_address_is_that_of_the_named_field(api, ada):
    """The routes take the name of the user's field for the body's key."""
    access = EMAIL.access(api)
    other = "mail" if package_settings.EMAIL_FIELD_NAME == "email" else "email"
    assert outcome(api.call("contact/email/", {other: EMAIL.new}, access)) == (
        400,
        {EMAIL.field: ["This field is required."]},
    )
