"""Users whom the default manager leaves out, such as those that a project calls deleted, are not let in."""

import pytest
from django.contrib.auth import get_user_model

from tests.conftest import sent_code, sent_sms_code
from tests.sessions.conftest import ADA, GONE, SessionApi
from tests.two_factor.conftest import PASSWORD, PHONE, enrol
from tests.two_factor.passkey.authenticator import ORIGIN, RP_ID
from tests.two_factor.passkey.conftest import PASSKEY_FACTOR, PasskeyApi

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(make_user, configure):
    configure(SESSIONS={}, TWO_FACTOR={}, TOKEN_REQUEST_THROTTLE_SECONDS=0)
    user = make_user(email=ADA)
    user.set_password(PASSWORD)
    user.save()
    return user


@pytest.fixture
def hide(monkeypatch):
    """Have the user model's manager leave out a user from now on."""
    user_model = get_user_model()
    hidden = []

    class Living(type(user_model._default_manager)):
        def get_queryset(self):
            return super().get_queryset().exclude(pk__in=hidden)

    manager = Living()
    manager.model, manager.name = user_model, "objects"
    monkeypatch.setattr(user_model, "objects", manager)
    monkeypatch.setitem(vars(user_model._meta), "default_manager", manager)
    return lambda user: hidden.append(user.pk)


@pytest.fixture
def api():
    return SessionApi()


def test_others_are_let_in(api, ada, hide):
    pair = api.log_in()
    assert api.refresh(pair["refresh"]).status_code == 200
    assert api.send("GET", "sessions/", access=pair["access"]).status_code == 200


def test_an_open_code_is_refused(api, ada, hide):
    api.request_email(ADA)
    hide(ada)
    assert api.exchange_email(ADA, sent_code()).status_code == 400


def test_a_session_ends(api, ada, hide):
    pair = api.log_in()
    hide(ada)
    answer = api.refresh(pair["refresh"])
    assert (answer.status_code, answer.json()["code"]) == GONE
    assert api.send("GET", "sessions/", access=pair["access"]).status_code == 401


def test_a_ticket_is_refused(api, ada, hide):
    enrol(ada, PHONE)
    ticket = api.ticket(ada)
    hide(ada)
    assert api.verify(ticket, sent_sms_code()).status_code == 401


def test_a_passkey_is_refused(ada, hide, configure):
    configure(TWO_FACTOR={"factors": [PASSKEY_FACTOR], "passkey": {"rp_id": RP_ID, "origins": [ORIGIN]}})
    api = PasskeyApi()
    passkey = api.register(api.pair(ada)["access"])
    assert api.by_passkey(passkey).status_code == 200
    hide(ada)
    assert api.by_passkey(passkey).status_code == 400
