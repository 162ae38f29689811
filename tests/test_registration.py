"""Signing up whoever proves an address: when the account is made, what it holds, who may use it."""

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.forms import PasswordResetForm
from django.core import mail

from jwt_drf_passwordless.conf import settings as package_settings
from jwt_drf_passwordless.serializers import PasswordlessEmailTokenRequestSerializer
from tests.conftest import sent_code
from tests.test_neutral_answers import ADMIN_FLAGS, BY_EMAIL, BY_MOBILE, WRONG_CODE, each_way

pytestmark = pytest.mark.django_db

INVALID = {"detail": "Invalid credentials", "code": "invalid_credentials"}


@pytest.fixture
def registering(configure):
    """Registration is on."""
    configure(REGISTER_NONEXISTENT_USERS=True)


@pytest.fixture
def registering_at_request(configure):
    """Registration is on, and makes the account at the request, as earlier versions did."""
    configure(REGISTER_NONEXISTENT_USERS=True, REGISTER_ON="request")


def _users():
    return get_user_model()._default_manager.all()


def _signed_in(api, pair):
    """The user whose token pair the answer holds."""
    assert pair.status_code == 200
    whoami = api.client.get("/whoami/", headers={"Authorization": f"Bearer {pair.json()['access']}"})
    return _users().get(pk=whoami.json()["id"])


def _sign_up(api, way, identifier):
    assert way.request(api, identifier).status_code == 200
    return _signed_in(api, way.exchange(api, identifier, way.last_code()))


@each_way
def test_a_request_makes_no_account(api, registering, way):
    way.request(api, way.unknown)

    assert len(way.outbox) == 1
    assert _users().count() == 0


def test_many_requests_for_strangers_addresses_make_no_account(api, registering, make_user):
    make_user(email="ada@example.com")

    for number in range(50):
        assert api.request_email(f"stranger{number}@example.com").status_code == 200

    assert _users().count() == 1


@each_way
def test_an_exchange_makes_the_account_and_signs_it_in(api, registering, way):
    user = _sign_up(api, way, way.unknown)

    assert _users().count() == 1
    assert str(getattr(user, way.field)) == way.unknown


@each_way
def test_a_wrong_code_makes_no_account(api, registering, way):
    way.request(api, way.unknown)

    assert way.exchange(api, way.unknown, WRONG_CODE).status_code == 400
    assert _users().count() == 0


@each_way
def test_a_second_login_finds_the_account_that_the_first_one_made(api, registering, configure, way):
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=0)

    assert _sign_up(api, way, way.unknown) == _sign_up(api, way, way.unknown)
    assert _users().count() == 1


@pytest.mark.parametrize(
    ("way", "typed", "canonical"),
    [
        (BY_EMAIL, " New@EXAMPLE.com", "new@example.com"),
        (BY_EMAIL, "NEW@B\u00dcCHER.example", "new@b\u00fccher.example"),
        (BY_MOBILE, "+1 (201) 555-0124", "+12015550124"),
    ],
)
def test_the_account_holds_the_canonical_form_which_is_where_the_message_went(api, registering, way, typed, canonical):
    user = _sign_up(api, way, typed)

    assert str(getattr(user, way.field)) == canonical
    message = way.outbox[0]
    assert getattr(message, {BY_EMAIL: "to", BY_MOBILE: "recipients"}[way]) == [canonical]


@each_way
def test_without_registration_a_stranger_is_sent_nothing(api, way):
    assert way.request(api, way.unknown).status_code == 200
    assert way.outbox == []


@each_way
def test_a_code_is_refused_once_registration_is_off(api, registering, configure, way):
    way.request(api, way.unknown)
    configure(REGISTER_NONEXISTENT_USERS=False)

    answer = way.exchange(api, way.unknown, way.last_code())

    assert (answer.status_code, answer.json()) == (400, INVALID)
    assert _users().count() == 0


@each_way
def test_an_account_made_by_someone_else_since_the_request_is_signed_in(api, registering, make_user, way):
    way.request(api, way.unknown)
    made = make_user(**way.held(way.unknown))

    assert _signed_in(api, way.exchange(api, way.unknown, way.last_code())) == made
    assert _users().count() == 1


def test_an_account_made_since_the_request_is_found_in_another_case(api, registering, make_user):
    api.request_email("new@example.com")
    made = make_user(email="New@Example.com")

    assert _signed_in(api, api.exchange_email("new@example.com", sent_code())) == made


@pytest.mark.parametrize("fields", [{"is_active": False}, *({flag: True} for flag in ADMIN_FLAGS)], ids=str)
@each_way
def test_an_account_made_since_the_request_obeys_the_rules(api, registering, make_user, way, fields):
    way.request(api, way.unknown)
    make_user(**way.held(way.unknown), **fields)

    answer = way.exchange(api, way.unknown, way.last_code())

    assert (answer.status_code, answer.json()) == (400, INVALID)
    assert _users().count() == 1


@each_way
def test_a_request_can_make_the_account_at_once(api, registering_at_request, way):
    way.request(api, way.unknown)

    (user,) = _users()
    assert str(getattr(user, way.field)) == way.unknown
    assert not user.has_usable_password()
    assert _signed_in(api, way.exchange(api, way.unknown, way.last_code())) == user


@each_way
def test_a_request_in_cooldown_makes_no_second_account(api, registering_at_request, way):
    way.request(api, way.unknown)

    assert way.request(api, way.unknown).status_code == 429
    assert _users().count() == 1


@each_way
def test_an_account_made_at_the_request_lets_nobody_in_before_its_address_is_proven(api, registering_at_request, way):
    way.request(api, way.unknown)

    (user,) = _users()
    assert user.last_login is None
    assert not user.check_password("")
    assert way.exchange(api, way.unknown, WRONG_CODE).status_code == 400


@each_way
def test_a_new_account_has_no_usable_password(api, registering, way):
    assert not _sign_up(api, way, way.unknown).has_usable_password()


@each_way
def test_a_new_account_can_have_a_random_password(api, registering, configure, way):
    configure(REGISTRATION_SETS_UNUSABLE_PASSWORD=False)

    user = _sign_up(api, way, way.unknown)

    assert user.has_usable_password()
    assert not any(user.check_password(guess) for guess in ("", "None", "password", way.unknown))


@pytest.mark.parametrize(("unusable", "found"), [(True, 0), (False, 1)])
def test_djangos_password_reset_works_only_for_accounts_with_a_usable_password(
    api, registering, configure, unusable, found
):
    configure(REGISTRATION_SETS_UNUSABLE_PASSWORD=unusable)
    _sign_up(api, BY_EMAIL, "new@example.com")

    assert len(list(PasswordResetForm().get_users("new@example.com"))) == found


def test_new_accounts_have_usernames_of_their_own(api, registering):
    first = _sign_up(api, BY_EMAIL, "first@example.com")
    second = _sign_up(api, BY_EMAIL, "second@example.com")

    assert first.get_username()
    assert second.get_username()
    assert first.get_username() != second.get_username()


def test_an_account_registered_by_number_gets_no_invented_email_address(api, registering):
    user = _sign_up(api, BY_MOBILE, "+12015550124")

    assert getattr(user, package_settings.EMAIL_FIELD_NAME) in {None, ""}


EXTRA_KEYS = {
    "id": 4711,
    "pk": 4711,
    "password": "chosen by the client",
    "username": "root",
    "is_staff": True,
    "is_superuser": True,
    "is_admin": True,
    "is_active": False,
    "groups": [1],
    "last_login": "2000-01-01T00:00:00Z",
    "user": 1,
    "user_id": 1,
    "amr": ["mfa"],
    "_connector": "OR",
    "_negated": True,
    "email__contains": "@",
    "email__regex": ".*",
    "pk__gt": 0,
    "__class__": "User",
}


@each_way
def test_keys_that_are_no_fields_of_the_request_are_ignored(api, registering_at_request, way):
    answer = api.post(f"request/{way.name}/", {**EXTRA_KEYS, way.field: way.unknown})

    assert answer.status_code == 200
    (user,) = _users()
    _assert_ordinary(user)


@each_way
def test_keys_that_are_no_fields_of_the_exchange_are_ignored(api, registering, way):
    way.request(api, way.unknown)

    body = {**EXTRA_KEYS, way.field: way.unknown, "token": way.last_code()}
    user = _signed_in(api, api.post(f"exchange/{way.name}/", body))

    _assert_ordinary(user)


def _assert_ordinary(user):
    assert str(user.pk) != "4711"
    assert user.get_username() != "root"
    assert [getattr(user, flag) for flag in ADMIN_FLAGS] == [False] * len(ADMIN_FLAGS)
    assert user.is_active
    assert not user.has_usable_password()
    assert user.last_login is None


@pytest.mark.parametrize("operator", ["contains", "startswith", "regex", "in", "isnull"])
@each_way
def test_an_operator_in_a_key_does_not_name_an_account(api, make_user, way, operator):
    make_user(**way.held(way.known))

    assert api.post(f"request/{way.name}/", {f"{way.field}__{operator}": way.known}).status_code == 400
    assert way.outbox == []


@pytest.mark.parametrize("value", [{"contains": "a"}, ["a"], {"__class__": "Q"}], ids=str)
@each_way
def test_an_operator_in_a_value_does_not_name_an_account(api, make_user, way, value):
    make_user(**way.held(way.known))

    assert way.request(api, value).status_code == 400
    assert way.exchange(api, value, "123456").status_code == 400


@pytest.mark.parametrize("body", ["[]", '"ada@example.com"', "null", "5", '[{"email": "ada@example.com"}]'])
@pytest.mark.parametrize("route", ["request/email/", "request/mobile/", "exchange/email/", "exchange/"])
def test_a_body_that_is_no_object_is_refused(api, route, body):
    assert api.post(route, body).status_code == 400


class TakenKey(PasswordlessEmailTokenRequestSerializer):
    """A project whose database refuses the new account."""

    def create(self, validated_data):
        taken = _users().get()
        user = type(taken)(pk=taken.pk, **validated_data)
        user.save(force_insert=True)


@pytest.fixture
def refusing_database(configure, make_user):
    """There is one user; no other one can be saved."""
    configure(SERIALIZERS={"passwordless_email_token_request": "tests.test_registration.TakenKey"})
    return make_user(email="ada@example.com")


def test_an_account_that_the_database_refuses_is_a_failed_login(api, registering, refusing_database):
    api.request_email("new@example.com")

    answer = api.exchange_email("new@example.com", sent_code())

    assert (answer.status_code, answer.json()) == (400, INVALID)
    assert list(_users()) == [refusing_database]


def test_an_account_that_the_database_refuses_is_logged_with_its_address_masked(
    api, registering, refusing_database, caplog
):
    api.request_email("new@example.com")
    api.exchange_email("new@example.com", sent_code())

    assert "n***@example.com" in caplog.text
    assert "new@example.com" not in caplog.text


def test_an_account_that_the_database_refuses_at_the_request_does_not_show(
    api, registering_at_request, refusing_database
):
    answer = api.request_email("new@example.com")

    assert (answer.status_code, answer.json()["code"]) == (200, "token_sent")
    assert list(_users()) == [refusing_database]


class RecordingHooks(PasswordlessEmailTokenRequestSerializer):
    """A project's account hooks: they note how they were called, and welcome new users."""

    calls: list[object] = []

    def find_user_by_identifier(self, identifier_value):
        self.calls.append(("find", identifier_value, self.context["request"].path))
        return super().find_user_by_identifier(identifier_value)

    def create(self, validated_data):
        self.calls.append(("create", validated_data))
        user = super().create(validated_data)
        user.set_password("welcome")
        user.save()
        return user


@pytest.fixture
def hook_calls(configure):
    """How the project's hooks were called."""
    configure(SERIALIZERS={"passwordless_email_token_request": "tests.test_registration.RecordingHooks"})
    yield RecordingHooks.calls
    RecordingHooks.calls.clear()


def test_the_hooks_of_a_project_find_and_make_the_account_at_the_exchange(api, registering, hook_calls):
    api.request_email("New@example.com")
    assert hook_calls == [("find", "new@example.com", "/passwordless/request/email/")]
    hook_calls.clear()

    user = _signed_in(api, api.exchange_email("New@example.com", sent_code()))

    assert hook_calls == [
        ("find", "new@example.com", "/passwordless/exchange/email/"),
        ("create", {BY_EMAIL.field: "new@example.com"}),
    ]
    assert user.check_password("welcome")


def test_the_hooks_of_a_project_make_the_account_at_the_request(api, registering_at_request, hook_calls):
    api.request_email("new@example.com")

    assert hook_calls[-1] == ("create", {BY_EMAIL.field: "new@example.com"})
    assert _users().get().check_password("welcome")


def test_the_hooks_for_email_are_not_asked_for_a_number(api, registering, hook_calls):
    _sign_up(api, BY_MOBILE, "+12015550124")

    assert hook_calls == []


class NobodyIsFound(PasswordlessEmailTokenRequestSerializer):
    """A project that hides its accounts from this login."""

    def find_user_by_identifier(self, identifier_value):
        return None


def test_the_find_hook_of_a_project_decides_who_is_sent_a_message(api, make_user, configure):
    configure(SERIALIZERS={"passwordless_email_token_request": "tests.test_registration.NobodyIsFound"})
    make_user(email="ada@example.com")

    assert api.request_email("ada@example.com").status_code == 200
    assert mail.outbox == []


class ForgetfulSerializer(PasswordlessEmailTokenRequestSerializer):
    """A project's own `create` that stores the address in the wrong place."""

    def create(self, validated_data):
        user = get_user_model()()
        user.set_unusable_password()
        user.save()
        return user


def test_an_account_made_without_the_proven_address_is_taken_back(api, registering, configure, caplog):
    configure(
        SERIALIZERS={"passwordless_email_token_request": "tests.test_registration.ForgetfulSerializer"},
        REGISTER_NONEXISTENT_USERS=True,
    )
    api.request_email("new@example.com")

    answer = api.exchange_email("new@example.com", sent_code())

    assert (answer.status_code, answer.json()) == (400, INVALID)
    assert _users().count() == 0
    assert "n***@example.com" in caplog.text
