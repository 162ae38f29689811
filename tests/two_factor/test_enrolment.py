"""Making a phone the second factor, replacing and removing it: the bound flow, fresh proofs, notices, mirror fields."""

import time

import pytest
import sms
import time_machine
from django.contrib.auth import get_user_model
from django.core import mail
from rest_framework_simplejwt.tokens import AccessToken

from jwt_drf_passwordless.conf import settings as package_settings
from jwt_drf_passwordless.models import PasswordlessChallengeToken, PhoneDevice
from jwt_drf_passwordless.two_factor.phone import devices
from jwt_drf_passwordless.two_factor.signals import factor_added, factor_removed, second_factor_changed
from tests.conftest import sent_sms_code, set_mail_backend
from tests.two_factor.conftest import LOGIN_PHONE, OTHER_PHONE, PHONE, WRONG, enrol
from tests.two_factor.test_login import BAD_TICKET, INVALID, later, outcome

pytestmark = pytest.mark.django_db

REAUTHENTICATE = (
    403,
    {"detail": "Please sign in again, or confirm with your second factor, first.", "code": "reauthentication_required"},
)
NEEDED = (
    403,
    {
        "detail": "Your account needs a second factor. Please add one first.",
        "code": "second_factor_enrolment_required",
    },
)
#: Text fields that the user models of these tests have, in the place of authy_phone.
SPARE = {"tests.User": "first_name", "auth.User": "first_name", "tests.UuidUser": "mobile"}


def ask(api, access, number=PHONE):
    return api.call("2fa/phone-verify/", {"authy_phone": number}, access)


def register(api, access, number=PHONE, code=None):
    return api.call("2fa/phone-register/", {"authy_phone": number, "token": code or sent_sms_code()}, access)


def enrolled(api, user, number=PHONE):
    """Enrol by the routes; the access token that did it."""
    access = api.pair(user)["access"]
    assert ask(api, access, number).status_code == 204
    assert register(api, access, number).status_code == 204
    return access


@pytest.fixture
def heard():
    """The signals of changes that were sent: (name, user's key, masked number, further facts)."""
    signals, receivers, told = (factor_added, factor_removed, second_factor_changed), [], []

    def listen(signal):
        def receiver(user, subject, **facts):
            told.append((signal.name, user.pk, subject, facts.get("action", facts.get("replaced"))))

        receivers.append(receiver)
        signal.connect(receiver)

    for each in signals:
        listen(each)
    yield told
    for each, receiver in zip(signals, receivers, strict=True):
        each.disconnect(receiver)


def test_a_registered_phone_is_a_device(api, ada):
    enrolled(api, ada)
    device = PhoneDevice.objects.get()
    assert (device.user_id, device.number, device.provider, device.vendor_user_id) == (ada.pk, PHONE, "local", "")
    assert device.confirmed_at is not None


def test_the_key_phone_number_does_as_well(api, ada):
    access = api.pair(ada)["access"]
    assert api.call("2fa/phone-verify/", {"phone_number": PHONE}, access).status_code == 204
    body = {"phone_number": PHONE, "token": sent_sms_code()}
    assert api.call("2fa/phone-register/", body, access).status_code == 204


@pytest.mark.parametrize(
    "number", ["123", "+1201", "+19005550123", "tel", "", 48123456789, None, ["+48123456789"], "+12015550123 ext. 5"]
)
@pytest.mark.parametrize("route", ["2fa/phone-verify/", "2fa/phone-register/"])
def test_what_is_no_number_is_an_error_of_the_field(api, ada, route, number):
    answer = api.call(route, {"authy_phone": number, "token": "123456"}, api.pair(ada)["access"])
    assert (answer.status_code, answer.json().keys()) == (400, {"authy_phone"})
    assert not sms.outbox


@pytest.mark.parametrize("route", ["2fa/phone-verify/", "2fa/phone-register/", "2fa/step-up/"])
def test_without_a_token_enrolment_is_a_401(api, route):
    answer = api.call(route, {"authy_phone": PHONE, "token": "123456"})
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="api"'


def test_a_user_waits_between_two_numbers(api, ada, configure):
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=60)
    access = api.pair(ada)["access"]
    ask(api, access)
    answer = ask(api, access, OTHER_PHONE)
    assert (answer.status_code, answer.json()["code"]) == (429, "throttled")
    assert len(sms.outbox) == 1


def test_a_wrong_code_is_a_400(api, ada):
    access = api.pair(ada)["access"]
    ask(api, access)
    assert outcome(register(api, access, code=sent_sms_code().translate(WRONG))) == INVALID
    assert not PhoneDevice.objects.exists()


def test_five_wrong_codes_kill_the_code(api, ada):
    access = api.pair(ada)["access"]
    ask(api, access)
    for _ in range(5):
        register(api, access, code=sent_sms_code().translate(WRONG))
    assert outcome(register(api, access)) == INVALID


def test_a_code_works_once(api, ada):
    access = api.pair(ada)["access"]
    ask(api, access)
    code = sent_sms_code()
    register(api, access, code=code)
    PhoneDevice.objects.all().delete()
    assert outcome(register(api, access, code=code)) == INVALID


def test_a_code_expires_after_ten_minutes(api, ada):
    access = api.pair(ada)["access"]
    ask(api, access)
    with later(601):
        token = AccessToken.for_user(ada)
        token["auth_time"] = int(time.time())
        assert outcome(register(api, str(token))) == INVALID


@pytest.mark.parametrize("route", ["2fa/phone-verify/", "2fa/phone-register/", "2fa/factors/phone/"])
def test_a_first_factor_needs_a_fresh_login(api, ada, route):
    pair = api.pair(ada)
    body = {"authy_phone": PHONE, "token": "123456"}
    with time_machine.travel(time.time() + 301):
        access = api.call("token/refresh/", {"refresh": pair["refresh"]}).json()["access"]
        assert outcome(api.call(route, body, access)) == REAUTHENTICATE
    assert outcome(api.call(route, body, str(AccessToken.for_user(ada)))) == REAUTHENTICATE
    assert not sms.outbox


def test_another_number_than_the_one_that_was_texted_is_refused(api, ada):
    access = api.pair(ada)["access"]
    ask(api, access)
    assert outcome(register(api, access, OTHER_PHONE)) == INVALID


def test_another_users_code_is_refused(api, ada, person):
    eve = person(email="eve@example.com")
    ask(api, api.pair(ada)["access"])
    code = sent_sms_code()
    hers = api.pair(eve)["access"]
    assert outcome(register(api, hers, code=code)) == INVALID
    ask(api, hers, OTHER_PHONE)
    assert outcome(register(api, hers, PHONE, code=code)) == INVALID
    assert not PhoneDevice.objects.exists()


def test_a_code_for_a_login_enrols_nobody(api, grace):
    access = api.pair(grace)["access"]
    api.token(grace)
    assert outcome(register(api, access, PHONE)) == INVALID


def test_a_number_in_use_elsewhere_is_taken_and_not_revealed(api, ada, grace):
    enrolled(api, ada, PHONE)
    assert PhoneDevice.objects.filter(number=PHONE).count() == 2


def test_a_number_that_cannot_be_texted_is_a_503_and_the_wait_stays(api, ada, settings, configure):
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=60)
    access = api.pair(ada)["access"]
    settings.SMS_BACKEND = "tests.two_factor.test_enrolment.BrokenSms"
    answer = ask(api, access)
    assert (answer.status_code, answer.json()["code"]) == (503, "provider_unavailable")
    assert "marker" not in answer.text
    assert ask(api, access).status_code == 429


class BrokenSms:
    def __init__(self, *args, **kwargs):
        raise OSError("marker")


# With a second factor already


@pytest.mark.parametrize("route", ["2fa/phone-verify/", "2fa/phone-register/"])
def test_a_stolen_token_cannot_replace_the_phone(api, grace, route):
    stolen = str(AccessToken.for_user(grace))
    body = {"authy_phone": OTHER_PHONE, "token": "123456"}
    assert outcome(api.call(route, body, stolen)) == REAUTHENTICATE
    assert not sms.outbox


def test_a_session_from_before_the_enrolment_cannot_replace_the_phone(api, ada):
    access = enrolled(api, ada)
    assert outcome(ask(api, access, OTHER_PHONE)) == REAUTHENTICATE


def test_a_login_with_the_old_phone_can_replace_it_for_five_minutes(api, grace):
    with time_machine.travel(1772366400, tick=False) as clock:
        access = api.pair(grace)["access"]
        clock.shift(299)
        assert ask(api, access, OTHER_PHONE).status_code == 204
        assert register(api, access, OTHER_PHONE).status_code == 204
    assert PhoneDevice.objects.get().number == OTHER_PHONE


def test_after_five_minutes_it_cannot_also_with_a_refreshed_token(api, grace):
    with time_machine.travel(1772366400, tick=False) as clock:
        refresh = api.pair(grace)["refresh"]
        clock.shift(301)
        access = api.call("token/refresh/", {"refresh": refresh}).json()["access"]
        assert outcome(ask(api, access, OTHER_PHONE)) == REAUTHENTICATE


def test_a_replaced_phone_voids_tickets_and_codes_sent_to_the_old_one(api, grace):
    access = api.pair(grace)["access"]
    ticket = api.ticket(grace)
    code = sent_sms_code()
    ask(api, access, OTHER_PHONE)
    register(api, access, OTHER_PHONE)
    assert outcome(api.verify(ticket, code)) == BAD_TICKET
    body = {**api.credentials(grace), "token": code}
    assert outcome(api.call("2fa/token-verify/", body)) == INVALID


def test_a_phone_that_was_replaced_meanwhile_is_not_replaced_again(grace):
    known = PhoneDevice.objects.get()
    PhoneDevice.objects.update(confirmed_at=None)
    assert devices.store(grace, known, OTHER_PHONE, "local", "") is False
    assert PhoneDevice.objects.get().number == PHONE


def test_of_two_first_phones_the_second_is_refused(ada):
    enrol(ada)
    assert devices.store(ada, None, OTHER_PHONE, "local", "") is False
    assert PhoneDevice.objects.get().number == PHONE


# Status and removal


def test_the_status_shows_the_end_of_the_number(api, grace):
    answer = api.send("GET", "2fa/phone/", access=api.pair(grace)["access"])
    assert answer.status_code == 200
    assert answer.json().keys() == {"enrolled", "phone", "confirmed_at"}
    assert (answer.json()["enrolled"], answer.json()["phone"]) == (True, "***99")


def test_the_status_without_a_phone(api, ada):
    answer = api.send("GET", "2fa/phone/", access=api.pair(ada)["access"])
    assert outcome(answer) == (200, {"enrolled": False})


def test_a_fresh_login_with_the_phone_can_remove_it(api, grace):
    answer = api.send("DELETE", "2fa/phone/", access=api.pair(grace)["access"])
    assert (answer.status_code, answer.content) == (204, b"")
    assert not PhoneDevice.objects.exists()
    assert api.token(grace).status_code == 200


def test_a_replacement_leaves_phones_that_were_confirmed_at_the_same_moment(api, grace, ada):
    enrol(ada, LOGIN_PHONE)
    access = api.pair(grace)["access"]
    ask(api, access, OTHER_PHONE)
    assert register(api, access, OTHER_PHONE).status_code == 204
    assert [PhoneDevice.objects.get(user=user).number for user in (ada, grace)] == [LOGIN_PHONE, OTHER_PHONE]


def test_a_removal_leaves_phones_that_were_confirmed_at_the_same_moment(api, grace, ada):
    theirs = enrol(ada, OTHER_PHONE)
    assert api.send("DELETE", "2fa/phone/", access=api.pair(grace)["access"]).status_code == 204
    assert PhoneDevice.objects.get() == theirs


def test_a_stolen_token_cannot_remove_the_phone(api, grace):
    answer = api.send("DELETE", "2fa/phone/", access=str(AccessToken.for_user(grace)))
    assert outcome(answer) == REAUTHENTICATE
    assert PhoneDevice.objects.exists()


def test_a_code_of_a_step_up_can_remove_the_phone(api, grace):
    with time_machine.travel(1772366400, tick=False) as clock:
        pair = api.pair(grace)
        clock.shift(301)
        access = api.call("token/refresh/", {"refresh": pair["refresh"]}).json()["access"]
        assert outcome(api.send("DELETE", "2fa/phone/", access=access)) == REAUTHENTICATE
        assert api.call("2fa/step-up/", access=access).status_code == 206
        code = sent_sms_code()
        wrong = api.send("DELETE", "2fa/phone/", {"token": code.translate(WRONG)}, access)
        assert outcome(wrong) == INVALID
        assert api.send("DELETE", "2fa/phone/", {"token": code}, access).status_code == 204
    assert not PhoneDevice.objects.exists()


def test_a_code_of_a_login_cannot_remove_the_phone(api, grace):
    access = api.pair(grace)["access"]
    api.token(grace)
    assert outcome(api.send("DELETE", "2fa/phone/", {"token": sent_sms_code()}, access)) == INVALID


def test_without_a_phone_there_is_nothing_to_remove(api, ada):
    answer = api.send("DELETE", "2fa/phone/", access=api.pair(ada)["access"])
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_phone_that_the_account_must_have_stays(api, grace, two_factor):
    two_factor(required=True)
    assert outcome(api.send("DELETE", "2fa/phone/", access=api.pair(grace)["access"])) == NEEDED
    assert PhoneDevice.objects.exists()


def test_a_phone_that_was_replaced_meanwhile_is_not_removed(grace):
    known = PhoneDevice.objects.get()
    PhoneDevice.objects.update(confirmed_at=None)
    assert devices.remove(grace, known) is False
    assert PhoneDevice.objects.exists()


# Signals and notices


def test_an_added_phone_is_told(api, ada, heard):
    enrolled(api, ada)
    assert heard == [
        ("factor_added", ada.pk, "***99", False),
        ("second_factor_changed", ada.pk, "***99", "added"),
    ]
    assert mail.outbox[-1].to == ["ada@example.com"]
    assert mail.outbox[-1].subject == "A second factor was added to your account"
    assert "This is now a second factor of your account: phone (***99)\n" in mail.outbox[-1].body


def test_a_replaced_phone_is_told(api, grace, heard):
    access = api.pair(grace)["access"]
    ask(api, access, OTHER_PHONE)
    register(api, access, OTHER_PHONE)
    assert [fact[3] for fact in heard] == [True, "replaced"]
    assert "in place of the former one" in mail.outbox[-1].body


def test_a_removed_phone_is_told(api, grace, heard):
    api.send("DELETE", "2fa/phone/", access=api.pair(grace)["access"])
    assert [fact[0] for fact in heard] == ["factor_removed", "second_factor_changed"]
    assert mail.outbox[-1].subject == "A second factor was removed from your account"
    assert "This second factor was removed from your account: phone (***99)\n" in mail.outbox[-1].body


def test_the_notice_names_the_site(api, ada, configure):
    configure(SITE_NAME="Shop & Co")
    enrolled(api, ada)
    assert mail.outbox[-1].body.rstrip().endswith("-- \nShop & Co")


def test_a_notice_that_cannot_be_sent_changes_nothing(api, ada, settings):
    set_mail_backend(settings, "tests.two_factor.test_enrolment.BrokenSms")
    enrolled(api, ada)
    assert PhoneDevice.objects.exists()


def test_an_account_without_an_address_gets_no_notice(api, ada):
    field = get_user_model().EMAIL_FIELD
    access = api.pair(ada)["access"]
    type(ada).objects.filter(pk=ada.pk).update(**{field: ""})
    ask(api, access)
    register(api, access)
    assert not mail.outbox


# The fields of the user model


@pytest.fixture
def spare_field(settings, two_factor):
    """A text field of the user model that repeats the number."""
    field = SPARE[settings.AUTH_USER_MODEL]
    two_factor(user_fields={"phone": field, "id": "no_such_field"})
    return field


def test_the_number_is_repeated_in_the_field_of_the_user_model(api, ada, spare_field):
    enrolled(api, ada)
    ada.refresh_from_db()
    assert getattr(ada, spare_field) == PHONE


def test_a_removed_number_leaves_the_field(api, ada, spare_field):
    enrolled(api, ada)
    api.send("DELETE", "2fa/phone/", access=api.pair(ada)["access"])
    ada.refresh_from_db()
    assert not getattr(ada, spare_field)


@pytest.mark.django_db(databases=["default", "replica"])
def test_phones_and_their_fields_are_kept_where_accounts_are(api, settings, person, spare_field):
    settings.DATABASE_ROUTERS = ["tests.test_routers.KeepsAccountsInAnother"]
    user = person()
    numbers = get_user_model()._base_manager.using("replica").values_list(spare_field, flat=True)
    enrolled(api, user)
    assert list(numbers) == [PHONE]
    assert api.send("DELETE", "2fa/phone/", access=api.pair(user)["access"]).status_code == 204
    assert not numbers.get()


def test_a_field_that_is_missing_keeps_the_number_from_no_other(api, ada, spare_field, two_factor):
    two_factor(user_fields={"id": "no_such_field", "phone": spare_field})
    enrolled(api, ada)
    ada.refresh_from_db()
    assert getattr(ada, spare_field) == PHONE


def test_a_removed_number_leaves_null_where_the_field_has_it(api, ada, two_factor):
    field = get_user_model()._meta.get_field(package_settings.MOBILE_FIELD_NAME)
    two_factor(user_fields={"phone": field.name})
    enrolled(api, ada)
    api.send("DELETE", "2fa/phone/", access=api.pair(ada)["access"])
    ada.refresh_from_db()
    assert getattr(ada, field.name) == (None if field.null else "")


def test_a_field_that_refuses_the_number_stays_as_it_is(api, ada, two_factor, caplog):
    two_factor(user_fields={"phone": "last_login"})
    enrolled(api, ada)
    assert PhoneDevice.objects.exists()
    assert "last_login of the user" in caplog.text


def test_a_number_that_another_user_has_in_a_unique_field_is_not_revealed(api, ada, person, two_factor):
    field = get_user_model().USERNAME_FIELD
    person(email="eve@example.com", **({field: PHONE} if field == "username" else {}))
    if field != "username":
        get_user_model().objects.filter(**{field: "eve@example.com"}).update(**{field: PHONE})
    two_factor(user_fields={"phone": field})
    before = ada.get_username()
    enrolled(api, ada)
    ada.refresh_from_db()
    assert (ada.get_username(), PhoneDevice.objects.get().number) == (before, PHONE)


def test_the_rows_of_a_deleted_user_go_with_it(api, grace):
    api.token(grace)
    grace.delete()
    assert not PasswordlessChallengeToken.objects.exists()
    assert not PhoneDevice.objects.exists()
