"""Who may sign in: active users, no administrators unless allowed, and whom SimpleJWT's rule lets in."""

import pytest
from django.contrib.auth import get_user_model
from django.core import mail

from jwt_drf_passwordless.conf import settings as package_settings
from jwt_drf_passwordless.services import PasswordlessTokenService
from jwt_drf_passwordless.signals import user_activated
from tests.conftest import sent_code, sent_link_token
from tests.test_neutral_answers import ADMIN_FLAGS, BY_EMAIL, WRONG_CODE, each_way

pytestmark = pytest.mark.django_db

INVALID = {"detail": "Invalid credentials", "code": "invalid_credentials"}
each_flag = pytest.mark.parametrize("flag", ADMIN_FLAGS)


@pytest.fixture
def activations():
    """The arguments of each `user_activated` that was sent."""
    received = []

    def receive(sender, **arguments):
        received.append({"sender": sender, "user": arguments["user"], "request": arguments["request"]})

    user_activated.connect(receive)
    yield received
    user_activated.disconnect(receive)


def _is_active(user):
    """What the database says."""
    return get_user_model()._default_manager.get(pk=user.pk).is_active


def _refused(answer):
    return (answer.status_code, answer.json()) == (400, INVALID)


@each_way
def test_an_inactive_user_is_sent_nothing(api, make_user, way):
    user = make_user(**way.held(way.known), is_active=False)

    assert way.request(api, way.known).status_code == 200
    assert way.outbox == []
    assert not _is_active(user)


@each_way
def test_a_code_of_an_inactive_user_is_refused(api, make_user, activations, way):
    user = make_user(**way.held(way.known), is_active=False)
    code = PasswordlessTokenService.create_token(user, way.field).short_token

    assert _refused(way.exchange(api, way.known, code))
    assert not _is_active(user)
    assert activations == []


@each_way
def test_a_code_of_an_inactive_user_is_refused_by_the_route_for_both(api, make_user, way):
    user = make_user(**way.held(way.known), is_active=False)
    code = PasswordlessTokenService.create_token(user, way.field).short_token

    assert _refused(api.post("exchange/", {way.field: way.known, "token": code}))
    assert not _is_active(user)


@each_way
def test_a_link_of_an_inactive_user_is_refused(api, make_user, way):
    user = make_user(**way.held(way.known), is_active=False)
    token = PasswordlessTokenService.create_token(user, way.field).token

    assert _refused(api.post("exchange/", {"token": token}))
    assert not _is_active(user)


@each_way
def test_a_user_disabled_since_the_request_is_refused(api, make_user, way):
    user = make_user(**way.held(way.known))
    way.request(api, way.known)
    user.is_active = False
    user.save()

    assert _refused(way.exchange(api, way.known, way.last_code()))
    assert not _is_active(user)


def test_the_link_of_a_user_disabled_since_the_request_is_refused(api, make_user, configure):
    configure(PASSWORDLESS_EMAIL_LOGIN_URL="https://app.example/login#token={token}")
    user = make_user(email="ada@example.com")
    api.request_email("ada@example.com")
    user.is_active = False
    user.save()

    assert _refused(api.post("exchange/", {"token": sent_link_token()}))


@each_way
def test_a_code_spent_on_a_disabled_user_stays_spent(api, make_user, way):
    user = make_user(**way.held(way.known), is_active=False)
    code = PasswordlessTokenService.create_token(user, way.field).short_token
    way.exchange(api, way.known, code)
    user.is_active = True
    user.save()

    assert _refused(way.exchange(api, way.known, code))


@each_way
def test_a_login_activates_an_inactive_user_where_asked_for(api, make_user, configure, way):
    configure(ACTIVATE_INACTIVE_USERS=True)
    user = make_user(**way.held(way.known), is_active=False)

    way.request(api, way.known)
    assert not _is_active(user)

    assert way.exchange(api, way.known, way.last_code()).status_code == 200
    assert _is_active(user)


@each_way
def test_a_wrong_code_activates_nobody(api, make_user, configure, activations, way):
    configure(ACTIVATE_INACTIVE_USERS=True)
    user = make_user(**way.held(way.known), is_active=False)
    way.request(api, way.known)

    assert _refused(way.exchange(api, way.known, WRONG_CODE))
    assert not _is_active(user)
    assert activations == []


@each_way
def test_an_activation_is_signalled_once_with_user_and_request(api, make_user, configure, activations, way):
    configure(ACTIVATE_INACTIVE_USERS=True, MAX_TOKEN_USES=2)
    user = make_user(**way.held(way.known), is_active=False)
    way.request(api, way.known)
    code = way.last_code()
    assert way.exchange(api, way.known, code).status_code == 200
    assert way.exchange(api, way.known, code).status_code == 200

    (activation,) = activations
    assert activation["sender"] is get_user_model()
    assert activation["user"] == user
    assert activation["user"].is_active
    assert activation["request"].path == f"/passwordless/exchange/{way.name}/"


def test_the_login_of_an_active_user_is_no_activation(api, make_user, configure, activations):
    configure(ACTIVATE_INACTIVE_USERS=True)
    make_user(email="ada@example.com")
    api.request_email("ada@example.com")

    assert api.exchange_email("ada@example.com", sent_code()).status_code == 200
    assert activations == []


def test_a_receiver_that_fails_does_not_break_the_login(api, make_user, configure, activations):
    configure(ACTIVATE_INACTIVE_USERS=True)
    user = make_user(email="ada@example.com", is_active=False)
    api.request_email("ada@example.com")

    def fail(sender, **arguments):
        raise RuntimeError("the receiver's own trouble")

    user_activated.connect(fail)
    try:
        pair = api.exchange_email("ada@example.com", sent_code())
    finally:
        user_activated.disconnect(fail)

    assert pair.status_code == 200
    assert _is_active(user)
    assert len(activations) == 1


def test_a_receiver_can_take_the_activation_back(api, make_user, configure):
    configure(ACTIVATE_INACTIVE_USERS=True)
    user = make_user(email="ada@example.com", is_active=False)
    api.request_email("ada@example.com")

    def ban(sender, user, **arguments):
        user.is_active = False
        user.save()

    user_activated.connect(ban)
    try:
        answer = api.exchange_email("ada@example.com", sent_code())
    finally:
        user_activated.disconnect(ban)

    assert _refused(answer)
    assert not _is_active(user)


@each_flag
@each_way
def test_an_inactive_administrator_is_neither_let_in_nor_activated(api, make_user, configure, activations, way, flag):
    configure(ACTIVATE_INACTIVE_USERS=True)
    user = make_user(**way.held(way.known), is_active=False, **{flag: True})
    code = PasswordlessTokenService.create_token(user, way.field).short_token

    assert _refused(way.exchange(api, way.known, code))
    assert not _is_active(user)
    assert activations == []


@each_way
def test_an_inactive_user_whom_the_projects_rule_refuses_is_not_activated(
    api, make_user, configure, settings, activations, way
):
    configure(ACTIVATE_INACTIVE_USERS=True)
    settings.SIMPLE_JWT = {"USER_AUTHENTICATION_RULE": "tests.test_user_rules.nobody"}
    user = make_user(**way.held(way.known), is_active=False)
    code = PasswordlessTokenService.create_token(user, way.field).short_token

    assert _refused(way.exchange(api, way.known, code))
    assert not _is_active(user)
    assert activations == []


@each_flag
@each_way
def test_an_administrator_is_sent_nothing(api, make_user, way, flag):
    make_user(**way.held(way.known), **{flag: True})

    assert way.request(api, way.known).status_code == 200
    assert way.outbox == []


@each_flag
@each_way
def test_a_code_of_an_administrator_is_refused(api, make_user, way, flag):
    user = make_user(**way.held(way.known), **{flag: True})
    code = PasswordlessTokenService.create_token(user, way.field).short_token

    assert _refused(way.exchange(api, way.known, code))


@each_flag
@each_way
def test_a_user_promoted_since_the_request_is_refused(api, make_user, way, flag):
    user = make_user(**way.held(way.known))
    way.request(api, way.known)
    setattr(user, flag, True)
    user.save()

    assert _refused(way.exchange(api, way.known, way.last_code()))


@each_flag
def test_the_link_of_a_user_promoted_since_the_request_is_refused(api, make_user, flag):
    user = make_user(email="ada@example.com")
    token = PasswordlessTokenService.create_token(user, BY_EMAIL.field).token
    setattr(user, flag, True)
    user.save()

    assert _refused(api.post("exchange/", {"token": token}))


@each_flag
@each_way
def test_administrators_sign_in_where_a_project_allows_it(api, make_user, configure, way, flag):
    configure(ALLOW_ADMIN_AUTHENTICATION=True)
    make_user(**way.held(way.known), **{flag: True})
    way.request(api, way.known)

    assert way.exchange(api, way.known, way.last_code()).status_code == 200


@each_way
def test_an_inactive_administrator_is_refused_also_where_administrators_sign_in(api, make_user, configure, way):
    configure(ALLOW_ADMIN_AUTHENTICATION=True)
    make_user(**way.held(way.known), staff=True, is_active=False)

    way.request(api, way.known)

    assert way.outbox == []


@each_way
def test_the_rule_on_administrators_is_read_at_the_exchange(api, make_user, configure, way):
    configure(ALLOW_ADMIN_AUTHENTICATION=True)
    make_user(**way.held(way.known), staff=True)
    way.request(api, way.known)
    configure(ALLOW_ADMIN_AUTHENTICATION=False)

    assert _refused(way.exchange(api, way.known, way.last_code()))


def nobody(user):
    """A project's rule."""
    return False


def all_but_eve(user):
    """A project's rule, asked of the user as stored."""
    return user.is_active and getattr(user, package_settings.EMAIL_FIELD_NAME) != "eve@example.com"


@each_way
def test_who_is_refused_by_the_projects_rule_is_sent_nothing(api, make_user, settings, way):
    settings.SIMPLE_JWT = {"USER_AUTHENTICATION_RULE": "tests.test_user_rules.nobody"}
    make_user(**way.held(way.known))

    assert way.request(api, way.known).status_code == 200
    assert way.outbox == []


@each_way
def test_the_projects_rule_is_asked_at_the_exchange(api, make_user, settings, way):
    make_user(**way.held(way.known))
    way.request(api, way.known)
    settings.SIMPLE_JWT = {"USER_AUTHENTICATION_RULE": "tests.test_user_rules.nobody"}

    assert _refused(way.exchange(api, way.known, way.last_code()))


@pytest.mark.parametrize(("email", "messages"), [("eve@example.com", 0), ("ada@example.com", 1)])
def test_the_projects_rule_is_asked_about_the_user(api, make_user, settings, email, messages):
    settings.SIMPLE_JWT = {"USER_AUTHENTICATION_RULE": "tests.test_user_rules.all_but_eve"}
    make_user(email=email)

    api.request_email(email)

    assert len(mail.outbox) == messages


def test_the_projects_rule_sees_what_was_changed_since_the_request(api, make_user, settings):
    settings.SIMPLE_JWT = {"USER_AUTHENTICATION_RULE": "tests.test_user_rules.all_but_eve"}
    user = make_user(email="ada@example.com", phone="+12015550123")
    token = PasswordlessTokenService.create_token(user, package_settings.MOBILE_FIELD_NAME).token
    setattr(user, package_settings.EMAIL_FIELD_NAME, "eve@example.com")
    user.save()

    assert _refused(api.post("exchange/", {"token": token}))


@each_way
def test_the_projects_rule_does_not_lift_the_one_on_inactive_users(api, make_user, settings, way):
    settings.SIMPLE_JWT = {"USER_AUTHENTICATION_RULE": lambda user: True}
    make_user(**way.held(way.known), is_active=False)

    way.request(api, way.known)

    assert way.outbox == []


@each_way
def test_a_new_account_that_the_projects_rule_refuses_gets_no_tokens(api, configure, settings, way):
    configure(REGISTER_NONEXISTENT_USERS=True)
    settings.SIMPLE_JWT = {"USER_AUTHENTICATION_RULE": "tests.test_user_rules.nobody"}
    way.request(api, way.unknown)

    assert _refused(way.exchange(api, way.unknown, way.last_code()))
