"""Email as second step: bound to the proven address, never after email, and never a second factor by level."""

import time

import pytest
import sms
import time_machine
from django.contrib.auth import get_user_model
from django.core import mail

from jwt_drf_passwordless.conf import settings as package_settings
from jwt_drf_passwordless.email import PasswordlessRequestEmail
from jwt_drf_passwordless.models import Authenticator, PasswordlessChallengeToken, PhoneDevice
from jwt_drf_passwordless.token_response import Proof
from jwt_drf_passwordless.two_factor import HasSecondFactor
from jwt_drf_passwordless.two_factor.email import EmailFactor
from tests.conftest import sent_code, sent_sms_code, set_mail_backend
from tests.test_interleaving import meanwhile
from tests.test_races import crowd
from tests.test_statements import record
from tests.two_factor.conftest import EMAIL, LOGIN_PHONE, PHONE, WRONG, TwoFactorApi, enrol
from tests.two_factor.test_every_first_factor import BROKEN, by_email_code, by_link, by_password, by_sms
from tests.two_factor.test_login import INVALID, claims, outcome
from tests.two_factor.test_recovery_codes import CODES, give_codes
from tests.two_factor.test_several_factors import PHONE_FACTOR, finish
from tests.two_factor.test_step_up import knock, protected, with_claims
from tests.two_factor.test_totp import (
    LONG_AGO,
    RECOVERY,
    SECRET,
    TOTP,
    UNAVAILABLE,
    code_of,
    give_app,
    refused_as_stale,
    wrong_code,
)

pytestmark = pytest.mark.django_db

__all__ = ["crowd"]

EMAIL_FACTOR = "jwt_drf_passwordless.two_factor.email.EmailFactor"
ROUTE = "2fa/factors/email/"
SAME_EMAIL = (
    403,
    {
        "detail": "This email address is your second factor. Please sign in another way.",
        "code": "second_factor_same_email",
    },
)
OTHER = "ada.king@example.com"


@pytest.fixture(autouse=True)
def _factors(two_factor):
    two_factor(factors=[EMAIL_FACTOR, PHONE_FACTOR, TOTP, RECOVERY])


def give_email(user, address=EMAIL):
    """Store an address that was proven long ago."""
    return Authenticator.objects.create(
        user=user, method="email", data={"address": address}, created_at=LONG_AGO, confirmed_at=LONG_AGO
    )


@pytest.fixture
def joan(person):
    """A user with email as second step, who can sign in by phone as well."""
    user = person(phone=LOGIN_PHONE)
    give_email(user)
    return user


@pytest.fixture
def joan_elsewhere(person):
    user = person(email="joan@example.com")
    give_email(user, "joan@example.com")
    return user


def move(user, address=OTHER):
    """Change the address of the account."""
    get_user_model().objects.filter(pk=user.pk).update(**{package_settings.EMAIL_FIELD_NAME: address})
    user.refresh_from_db()


def begin(api, access):
    return api.call(ROUTE, access=access)


def confirm(api, access, code, **more):
    return api.call(f"{ROUTE}confirm/", {"token": code, **more}, access)


# Enrolment


def test_the_address_of_the_account_is_proven_by_a_code(api, ada):
    access = api.pair(ada)["access"]
    answer = begin(api, access)
    masked = "a***@example.com"
    assert (answer.status_code, answer.json()) == (200, {"method": "email", "sent": True, "email": masked})
    assert mail.outbox[-1].to == [EMAIL]

    assert outcome(confirm(api, access, sent_code().translate(WRONG))) == INVALID
    answer = confirm(api, access, sent_code())
    assert answer.status_code == 201
    entry = answer.json()
    assert entry.keys() == {"id", "method", "name", "email", "created_at", "last_used_at"}
    assert (entry["method"], entry["name"], entry["email"]) == ("email", masked, masked)
    assert api.send("GET", "2fa/factors/", access=access).json()["factors"] == [entry]
    assert api.token(ada).json()["methods"] == ["email"]


class RequestEmail(PasswordlessRequestEmail):
    """A project's own: its message may say where it was asked for."""

    given: list[tuple[str, ...]] = []

    def __init__(self, request, context=None):
        self.given.append((request.path, *(context[name] for name in ("user", "purpose", "token"))))
        super().__init__(request, context)


def test_the_class_of_a_project_that_makes_the_message_is_given_what_it_is_about(api, ada, joan_elsewhere, configure):
    configure(EMAIL={"passwordless_request": f"{__name__}.RequestEmail"})
    RequestEmail.given.clear()
    begin(api, api.pair(ada)["access"])
    api.token(joan_elsewhere)
    assert RequestEmail.given == [
        ("/api/2fa/factors/email/", ada, "enrol_email", ""),
        ("/api/token/", joan_elsewhere, "second_factor", ""),
    ]


def test_a_code_that_was_sent_is_logged_with_its_address_masked(api, joan, caplog):
    api.token(joan)
    (line,) = [one for one in caplog.records if getattr(one, "event", "") == "token_sent"]
    assert (line.field, line.subject) == ("email", "a***@example.com")


def test_it_can_have_a_name_and_be_removed(api, ada):
    access = api.pair(ada)["access"]
    begin(api, access)
    entry = confirm(api, access, sent_code(), name="home").json()
    assert entry["name"] == "home"
    assert api.send("DELETE", f"{ROUTE}{entry['id']}/", access=access).status_code == 204
    assert api.token(ada).status_code == 200


def test_the_message_has_no_link(api, joan, configure):
    configure(PASSWORDLESS_EMAIL_LOGIN_URL="https://app.example/login#token={token}")
    api.token(joan)
    (message,) = mail.outbox
    assert [text for text in (message.body, message.alternatives[0].content) if "app.example" in text] == []
    assert finish(api, api.ticket(joan), sent_code()).status_code == 200


def test_codes_of_an_enrolment_and_of_a_login_are_not_taken_for_each_other(api, joan, configure):
    access = signed_in(api, joan)
    configure(SHORT_TOKEN_LENGTH=16)  # two codes of six digits are the same now and then
    begin(api, access)
    of_enrolment = sent_code()
    ticket = api.ticket(joan)
    of_login = sent_code()
    assert outcome(finish(api, ticket, of_enrolment)) == INVALID
    assert outcome(confirm(api, access, of_login)) == INVALID
    assert confirm(api, access, of_enrolment).status_code == 201


def signed_in(api, user):
    """An access token of a login by password and email."""
    answer = finish(api, api.ticket(user), sent_code())
    assert answer.status_code == 200
    return answer.json()["access"]


def test_who_has_no_address_has_no_such_factor(api, ada):
    access = api.pair(ada)["access"]
    move(ada, "")
    assert outcome(begin(api, access)) == UNAVAILABLE
    assert "email" not in api.send("GET", "2fa/factors/", access=access).json()["available"]


def test_who_can_only_sign_in_by_email_has_no_such_factor(api, make_user, configure):
    make_user(email=EMAIL)
    access = by_email_code(api, configure).json()["access"]
    assert outcome(begin(api, access)) == UNAVAILABLE


def test_who_can_sign_in_by_phone_may(api, make_user, configure):
    make_user(email=EMAIL, phone=LOGIN_PHONE)
    access = by_sms(api, configure).json()["access"]
    assert begin(api, access).status_code == 200
    configure(ALLOWED_PASSWORDLESS_METHODS=["EMAIL"])
    assert outcome(begin(api, access)) == UNAVAILABLE


def test_an_old_login_adds_and_removes_nothing(api, joan):
    access = with_claims(joan, amr=["pwd", "otp"], acr="aal1", auth_time=int(time.time()) - 301)
    row = Authenticator.objects.get()
    assert refused_as_stale(begin(api, access))
    assert refused_as_stale(confirm(api, access, "123456"))
    assert refused_as_stale(api.send("DELETE", f"{ROUTE}{row.pk}/", access=access))


def test_who_has_a_factor_that_counts_needs_that_to_change_it(api, ada):
    access = api.pair(ada)["access"]
    row = give_email(ada)
    give_app(ada)
    assert refused_as_stale(begin(api, access))
    assert refused_as_stale(api.send("DELETE", f"{ROUTE}{row.pk}/", access=access))


def test_one_address_is_not_mailed_faster_by_many_accounts(api, person, configure):
    first, second = person(email="a@example.com"), person(email="b@example.com")
    accesses = [api.pair(user)["access"] for user in (first, second)]
    move(second, "A@example.com")
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=60)
    assert [begin(api, access).status_code for access in accesses] == [200, 429]


def test_an_enrolment_fails_with_the_mailer(api, ada, settings):
    access = api.pair(ada)["access"]
    set_mail_backend(settings, "tests.test_secrets.BrokenMailer")
    assert begin(api, access).status_code == 503


# Logins


@pytest.mark.parametrize(("way", "amr"), [(by_password, ["pwd", "otp"]), (by_sms, ["otp", "sms"])])
def test_after_a_password_or_a_phone_it_is_asked_and_claims_no_level(api, joan, configure, way, amr):
    answer = way(api, configure)
    body = answer.json()
    assert (answer.status_code, body["methods"], body["sent"]) == (206, ["email"], True)
    assert body["detail"] == "Two Factor Token verification expected."
    assert mail.outbox[-1].to == [EMAIL]
    access = finish(api, body["ticket"], sent_code()).json()["access"]
    token = claims(access)
    assert (token["amr"], token["acr"]) == (amr, "aal1")
    assert knock(protected(HasSecondFactor), access)[0] == 403


@pytest.mark.parametrize("way", [by_email_code, by_link], ids=lambda way: way.__name__)
def test_after_email_it_is_no_second_step(api, joan, configure, way):
    configure(PASSWORDLESS_EMAIL_LOGIN_URL="https://app.example/login#token={token}")
    assert outcome(way(api, configure)) == SAME_EMAIL
    assert len(mail.outbox) == 1


def test_the_setting_lets_email_alone_sign_in_at_level_one(api, joan, configure, two_factor):
    two_factor(same_phone="allow")
    token = claims(by_email_code(api, configure).json()["access"])
    assert (token["amr"], token["acr"]) == (["otp"], "aal1")


def test_the_setting_lets_nobody_past_one_for_an_older_address(api, joan, configure, two_factor):
    two_factor(same_phone="allow")
    Authenticator.objects.filter(user=joan).update(data={"address": "0" * 64})
    assert outcome(by_email_code(api, configure)) == BROKEN


def test_after_email_another_factor_is_asked_for(api, joan, configure):
    enrol(joan)
    body = by_email_code(api, configure).json()
    assert body["methods"] == ["phone"]
    token = claims(finish(api, body["ticket"], sent_sms_code()).json()["access"])
    assert (token["amr"], token["acr"]) == (["otp", "sms", "mfa"], "aal2")


def test_a_code_by_email_proves_no_phone(api, joan):
    enrol(joan)
    ticket = api.ticket(joan)
    assert sms.outbox == []
    assert outcome(finish(api, ticket, sent_code(), "phone")) == INVALID
    body = {**api.credentials(joan), "token": sent_code(), "method": "phone"}
    assert outcome(api.call("2fa/token-verify/", body)) == INVALID
    assert finish(api, ticket, sent_code()).status_code == 200


def test_a_code_by_sms_proves_no_email(api, joan):
    enrol(joan)
    ticket = api.ticket(joan)
    api.call("2fa/resend/", {"ticket": ticket, "method": "phone"})
    assert outcome(finish(api, ticket, sent_sms_code(), "email")) == INVALID
    assert claims(finish(api, ticket, sent_sms_code(), "phone").json()["access"])["acr"] == "aal2"


def test_wrong_codes_are_counted(api, joan):
    ticket = api.ticket(joan)
    for _ in range(5):
        finish(api, ticket, sent_code().translate(WRONG))
    assert outcome(finish(api, ticket, sent_code())) == INVALID


def test_a_code_can_be_sent_again(api, joan):
    ticket = api.ticket(joan)
    assert api.call("2fa/resend/", {"ticket": ticket}).status_code == 204
    assert len(mail.outbox) == 2
    assert finish(api, ticket, sent_code()).status_code == 200


def test_a_mailer_that_fails_is_told_or_another_factor_asked_for(api, joan, settings):
    set_mail_backend(settings, "tests.test_secrets.BrokenMailer")
    assert api.token(joan).status_code == 503
    give_app(joan)
    body = api.token(joan).json()
    assert (body["sent"], body["methods"]) == (False, ["email", "totp"])
    assert finish(api, body["ticket"], code_of(SECRET), "totp").status_code == 200


# Another address


def test_nothing_is_sent_to_another_address_than_was_proven(api, joan, configure):
    move(joan)
    assert outcome(api.token(joan)) == BROKEN
    assert outcome(by_sms(api, configure)) == BROKEN
    assert mail.outbox == []


def test_the_setting_for_one_phone_does_not_let_it_sign_in(api, joan, two_factor):
    move(joan)
    two_factor(same_phone="allow")
    assert outcome(api.token(joan)) == BROKEN


@pytest.mark.parametrize("data", [{}, {"address": ""}, {"address": None}])
def test_a_row_without_its_address_refuses_the_login(api, joan, configure, data):
    access = signed_in(api, joan)
    Authenticator.objects.update(data=data)
    assert api.send("GET", "2fa/factors/", access=access).json()["factors"][0]["email"] == "***"
    assert outcome(api.token(joan)) == BROKEN
    move(joan, "")
    assert outcome(by_sms(api, configure)) == BROKEN


def test_another_factor_is_asked_for_then(api, joan):
    move(joan)
    enrol(joan)
    assert api.token(joan).json()["methods"] == ["phone"]
    assert mail.outbox == []


def test_a_code_that_was_sent_before_the_change_is_void(api, joan):
    ticket = api.ticket(joan)
    code = sent_code()
    move(joan)
    assert finish(api, ticket, code).status_code == 401
    assert outcome(api.call("2fa/token-verify/", {**api.credentials(joan), "token": code})) == INVALID


def test_the_new_address_can_be_proven_instead(api, joan):
    give_codes(joan)
    move(joan)
    access = finish(api, api.ticket(joan), CODES[0]).json()["access"]
    mail.outbox.clear()
    begin(api, access)
    assert mail.outbox[-1].to == [OTHER]
    assert confirm(api, access, sent_code()).status_code == 201
    assert Authenticator.objects.filter(method="email").count() == 1
    assert api.token(joan).json()["methods"] == ["email", "recovery_code"]


def test_an_address_that_changes_during_the_enrolment_is_not_proven(api, ada):
    access = api.pair(ada)["access"]
    begin(api, access)
    move(ada)
    assert outcome(confirm(api, access, sent_code())) == INVALID


def test_it_follows_a_change_that_proves_the_new_address(api, joan):
    access = finish(api, api.ticket(joan), sent_code()).json()["access"]
    field = package_settings.EMAIL_FIELD_NAME
    assert api.call("contact/email/", {field: OTHER}, access).status_code == 200
    confirmed = api.call("contact/email/confirm/", {field: OTHER, "token": sent_code()}, access)
    assert confirmed.status_code == 200
    joan.refresh_from_db()
    ticket = api.ticket(joan)
    assert mail.outbox[-1].to == [OTHER]
    assert finish(api, ticket, sent_code()).status_code == 200
    (entry,) = api.send("GET", "2fa/factors/", access=access).json()["factors"]
    assert entry["email"] == "a***@example.com"


def change_address(api, access):
    field = package_settings.EMAIL_FIELD_NAME
    api.call("contact/email/", {field: OTHER}, access)
    answer = api.call("contact/email/confirm/", {field: OTHER, "token": sent_code()}, access)
    assert answer.status_code == 200


def test_such_a_change_concerns_nobody_elses_factor(api, joan, person):
    row = give_email(person(email="grace@example.com"), "grace@example.com")
    change_address(api, finish(api, api.ticket(joan), sent_code()).json()["access"])
    row.refresh_from_db()
    assert (row.data, row.confirmed_at) == ({"address": "grace@example.com"}, LONG_AGO)


def test_such_a_change_concerns_no_other_factor_of_the_user(api, joan):
    give_codes(joan)
    change_address(api, finish(api, api.ticket(joan), sent_code()).json()["access"])
    joan.refresh_from_db()
    assert finish(api, api.ticket(joan), CODES[0], "recovery_code").status_code == 200


def test_after_such_a_change_older_sessions_do_not_step_up_by_it(api, joan):
    with time_machine.travel(int(time.time()), tick=False) as clock:
        access = finish(api, api.ticket(joan), sent_code()).json()["access"]
        clock.shift(10)
        change_address(api, access)
        assert refused_as_stale(api.call("2fa/step-up/", access=access))


def test_an_enrolment_replaces_nobody_elses_factor(api, ada, person):
    row = give_email(person(email="grace@example.com"), "grace@example.com")
    access = api.pair(ada)["access"]
    begin(api, access)
    assert confirm(api, access, sent_code()).status_code == 201
    assert Authenticator.objects.filter(pk=row.pk).exists()


def test_a_factor_that_is_removed_while_it_is_renamed_is_not_found(api, joan):
    row = Authenticator.objects.get()
    access = finish(api, api.ticket(joan), sent_code()).json()["access"]
    with meanwhile("UPDATE", row.delete, Authenticator):
        answer = api.send("PATCH", f"{ROUTE}{row.pk}/", {"name": "home"}, access)
    assert answer.status_code == 404


# Step-up


@pytest.mark.parametrize(
    ("amr", "field", "independent"),
    [
        (("pwd",), "", True),
        (("otp", "sms"), "", True),
        (("otp", "tel"), "", True),
        (("hwk",), "", True),
        (("swk",), "", True),
        (("otp",), "", False),
        ((), "", False),
        (("otp", "mfa"), "", False),
        (("otp", "sms"), "mobile", True),
        (("otp",), "email", False),
    ],
)
def test_it_stands_beside_other_first_factors_only(joan, amr, field, independent):
    names = {"mobile": package_settings.MOBILE_FIELD_NAME, "email": package_settings.EMAIL_FIELD_NAME, "": ""}
    assert EmailFactor().is_independent(joan, Proof(amr, names[field])) is independent


def test_a_step_up_by_it_is_fresh_and_of_level_one(api, joan):
    access = signed_in(api, joan)
    ticket = api.call("2fa/step-up/", access=access).json()["ticket"]
    token = claims(finish(api, ticket, sent_code()).json()["access"])
    assert (token["amr"], token["acr"]) == (["pwd", "otp"], "aal1")


def test_who_began_by_email_cannot_step_up_by_it(api, joan):
    access = with_claims(joan, amr=["otp"], acr="aal1", auth_time=int(time.time()))
    assert outcome(api.call("2fa/step-up/", access=access)) == SAME_EMAIL


def test_beside_recovery_codes_it_is_still_offered(api, joan):
    give_codes(joan)
    access = signed_in(api, joan)
    assert api.call("2fa/step-up/", access=access).json()["methods"] == ["email", "recovery_code"]


def test_who_has_a_factor_that_counts_steps_up_by_that(api, joan):
    access = signed_in(api, joan)
    give_app(joan)
    body = api.call("2fa/step-up/", access=access).json()
    assert body["methods"] == ["totp"]
    assert api.call("2fa/resend/", {"ticket": body["ticket"], "method": "email"}).status_code == 400


# Cost


def test_all_factors_together_cost_two_statements(api, joan):
    enrol(joan)
    give_app(joan)
    give_codes(joan)
    # The user, the phone, all others, the challenge.
    assert record(lambda: api.token(joan)) == (206, ["SELECT", "SELECT", "SELECT", "SELECT", "INSERT"])
    ticket = api.ticket(joan)
    totp = record(lambda: finish(api, ticket, code_of(SECRET), "totp"))
    assert totp == (200, ["SELECT", "SELECT", "UPDATE", "UPDATE", "UPDATE"])
    ticket = api.ticket(joan)
    recovery = record(lambda: finish(api, ticket, CODES[0], "recovery_code"))
    # After a weaker one: whether it stands beside a stronger one.
    assert recovery == (200, ["SELECT", "SELECT", "SELECT", "SELECT", "UPDATE", "UPDATE", "UPDATE", "DELETE"])
    ticket = api.ticket(joan)
    email = record(lambda: finish(api, ticket, sent_code(), "email"))
    assert email == (200, ["SELECT", "SELECT", "SELECT", "SELECT", "UPDATE", "UPDATE"])


def test_an_enrolment_leaves_one_row_for_the_address(api, ada):
    access = api.pair(ada)["access"]
    for _ in range(3):
        begin(api, access)
    assert PasswordlessChallengeToken.objects.count() == 2


@pytest.mark.django_db(transaction=True)
class TestRaces:
    def test_of_twelve_confirmations_one_wins(self, api, ada, crowd):
        access = api.pair(ada)["access"]
        begin(api, access)
        code = sent_code()
        statuses = crowd(12).statuses(lambda _, n: confirm(TwoFactorApi(), access, code))
        assert statuses == [201] + [400] * 11
        assert Authenticator.objects.count() == 1


def tries(user):
    row = PasswordlessChallengeToken.objects.filter(purpose="second_factor", user=user).first()
    return row.tries if row else 0


@pytest.mark.parametrize("factors", [[TOTP, EMAIL_FACTOR], [EMAIL_FACTOR, TOTP]], ids=["app", "email"])
def test_who_reads_the_mail_gets_no_further_tries_at_the_app(api, joan, configure, two_factor, factors):
    """A login by email would make the wait short again, and five tries a minute find a code within weeks."""
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=60)
    two_factor(factors=factors)
    give_app(joan)
    guesses, start = 0, time.time()
    for minute in range(30):
        with time_machine.travel(start + 61 * minute, tick=False):
            ticket = api.ticket(joan)
            for _ in range(4):
                before = tries(joan)
                finish(api, ticket, wrong_code(SECRET), "totp")
                guesses += tries(joan) > before
            api.call("2fa/resend/", {"ticket": ticket, "method": "email"})
            finish(api, ticket, sent_code(), "email")
    assert guesses <= 5 * 6


def test_where_email_is_all_there_is_a_login_by_it_ends_the_wait(api, joan, configure):
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=60)
    start = time.time()
    for minute in range(5):
        with time_machine.travel(start + 61 * minute, tick=False):
            answer = api.token(joan).json()
            assert answer["sent"] is True
            assert finish(api, answer["ticket"], sent_code(), "email").status_code == 200


def test_a_code_sent_to_the_old_address_proves_nothing_after_a_change(api, ada, two_factor):
    """Whoever has the password and the old mailbox has begun a login; the older body needs no ticket."""
    two_factor(factors=[EMAIL_FACTOR])
    give_email(ada)
    owner = finish(api, api.ticket(ada), sent_code(), "email").json()["access"]
    ticket = api.ticket(ada)
    old = sent_code()
    new = {package_settings.EMAIL_FIELD_NAME: "lovelace@example.com"}
    assert api.call("contact/email/", new, owner).status_code == 200
    assert api.call("contact/email/confirm/", {**new, "token": sent_code()}, owner).status_code == 200
    ada.refresh_from_db()
    assert api.verify(ticket, old).status_code == 401
    assert outcome(api.call("2fa/token-verify/", {**api.credentials(ada), "token": old})) == INVALID


@pytest.mark.parametrize("first", ["mailbox", "device"])
def test_one_code_beside_one_factor_neither_raises_a_session_nor_removes_a_factor(api, person, two_factor, first):
    two_factor(factors=[PHONE_FACTOR, RECOVERY, EMAIL_FACTOR], trusted_device_days=30)
    grace = person(device=PHONE)
    give_codes(grace)
    if first == "mailbox":
        give_email(grace)
        ticket = api.ticket(grace)
        api.call("2fa/resend/", {"ticket": ticket, "method": "email"})
        access = finish(api, ticket, sent_code(), "email").json()["access"]
    else:
        body = {"ticket": api.ticket(grace), "token": sent_sms_code(), "trust_device": True}
        device = api.call("2fa/token-verify/", body).json()["device_token"]
        access = api.call("token/", {**api.credentials(grace), "device_token": device}).json()["access"]
    assert claims(access)["acr"] == "aal1"
    answer = api.call("2fa/step-up/", access=access)
    assert answer.json()["methods"] == ["phone"]
    assert outcome(finish(api, answer.json()["ticket"], CODES[0], "recovery_code")) == INVALID
    answer = api.send("DELETE", "2fa/phone/", {"token": CODES[0], "method": "recovery_code"}, access)
    assert outcome(answer) == INVALID
    assert PhoneDevice.objects.exists()


def test_the_message_says_what_the_code_is_for_and_how_long_it_works(api, person, two_factor):
    two_factor(factors=[EMAIL_FACTOR])
    user = person()
    access = api.pair(user)["access"]
    api.call("2fa/factors/email/", access=access)
    enrolment = mail.outbox[-1]
    assert "To add this address as second factor, type this code. The code is" in enrolment.body
    assert "within 10 minutes" in enrolment.body
    assert enrolment.subject == "Confirm your address"
    assert api.call("2fa/factors/email/confirm/", {"token": sent_code()}, access).status_code == 201
    api.ticket(user)
    login = mail.outbox[-1]
    assert "Your sign-in code is" in login.body
    assert "within 5 minutes" in login.body  # as long as the ticket


@pytest.mark.parametrize(
    ("ticket", "lifetime", "said"), [(60, 600, "1 minute."), (600, 120, "2 minutes."), (61, 600, "2 minutes.")]
)
def test_a_code_and_its_ticket_are_good_for_the_shorter_time(api, joan, two_factor, configure, ticket, lifetime, said):
    two_factor(ticket_lifetime=ticket)
    configure(TOKEN_LIFETIME=lifetime)
    api.ticket(joan)
    assert f"within {said}" in mail.outbox[-1].body
