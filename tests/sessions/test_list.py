"""The list of sessions: what it shows, what ends them, and that those of others are out of reach."""

import uuid

import pytest
from rest_framework_simplejwt.tokens import AccessToken

from jwt_drf_passwordless.models import Session
from jwt_drf_passwordless.sessions import services
from jwt_drf_passwordless.sessions.signals import sessions_ended
from tests.sessions.conftest import ADA, BOB, DAY, GONE, claims, outcome, session_of

pytestmark = pytest.mark.django_db

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
NOT_FOUND = (404, "not_found")


@pytest.fixture
def ended():
    """What `sessions_ended` has told: reason and count."""
    told = []

    def listen(reason, count, **kwargs):
        told.append((reason, count))

    sessions_ended.connect(listen)
    yield told
    sessions_ended.disconnect(listen)


def test_a_session_is_shown_with_its_network_only(api, ada, clock):
    access = api.log_in(REMOTE_ADDR="203.0.113.77", HTTP_USER_AGENT=FIREFOX)["access"]
    (shown,) = api.listed(access)
    dates = {name: shown.pop(name)[:10] for name in ("created_at", "last_used_at", "expires_at")}
    assert dates["created_at"] == dates["last_used_at"] < dates["expires_at"]
    assert shown == {
        "id": claims(access)["sid"],
        "name": FIREFOX,
        "network": "203.0.113.0/24",
        "amr": ["otp"],
        "current": True,
    }


@pytest.mark.parametrize(
    ("said", "name"), [("  Ap\x00p\x7f/1\r\n ", "App/1"), ("", ""), ("x" * 300, "x" * 255), ("<b>", "<b>")]
)
def test_a_client_names_itself_in_printable_characters(api, ada, said, name):
    access = api.log_in(HTTP_USER_AGENT=said)["access"]
    assert [shown["name"] for shown in api.listed(access)] == [name]


def test_the_last_used_is_first_and_the_ended_are_left_out(api, ada, clock):
    old = api.log_in()
    clock(DAY // 2)
    first, second = api.log_in(), api.log_in()
    clock(DAY + 1)
    first = api.refresh(first["refresh"]).json()
    shown = api.listed(first["access"])
    assert [one["id"] for one in shown] == [claims(pair["refresh"])["sid"] for pair in (first, second)]
    assert [one["current"] for one in shown] == [True, False]
    assert session_of(old["refresh"]).refresh_until < session_of(old["refresh"]).expires_at


def test_they_are_in_the_order_of_their_last_use(api, ada, clock):
    pairs = []
    for seconds in range(6):
        clock(seconds)
        pairs.append(api.log_in())
    shown = [one["id"] for one in api.listed(pairs[0]["access"])]
    assert shown == [claims(pair["access"])["sid"] for pair in reversed(pairs)]


def test_those_of_one_moment_are_in_one_order_each_time(api, ada, clock):
    access = [api.log_in()["access"] for _ in range(6)]
    # Databases differ in how they sort ids.
    in_order = [str(pk) for pk in Session.objects.order_by("pk").values_list("pk", flat=True)]
    assert [one["id"] for one in api.listed(access[0])] == in_order


def test_users_see_and_reach_their_own_only(api, ada, bob, ended):
    mine, other = api.log_in(ADA)["access"], api.log_in(BOB)["access"]
    theirs = claims(other)["sid"]
    assert [one["id"] for one in api.listed(mine)] == [claims(mine)["sid"]]
    for pk in (theirs, str(uuid.uuid4())):
        assert outcome(api.send("PATCH", f"sessions/{pk}/", {"name": "x"}, mine)) == NOT_FOUND
        assert outcome(api.send("DELETE", f"sessions/{pk}/", access=mine)) == NOT_FOUND
    assert api.send("DELETE", "sessions/", access=mine).status_code == 204
    assert [one["name"] for one in api.listed(other)] == [""]
    assert ended == [("user", 1)]


def test_a_session_gets_a_name(api, ada):
    access = api.log_in()["access"]
    route = f"sessions/{claims(access)['sid']}/"
    answer = api.send("PATCH", route, {"name": "Ada's laptop"}, access)
    assert (answer.status_code, answer.json()["name"]) == (200, "Ada's laptop")
    assert answer.json() == api.listed(access)[0]
    assert api.send("PATCH", route, {"name": ""}, access).json()["name"] == ""


@pytest.mark.parametrize(
    "body", [{}, {"name": None}, {"name": 7}, {"name": ["a"]}, {"name": "x" * 65}, {"name": "a\u202eb"}, []]
)
def test_what_is_no_name_is_refused(api, ada, body):
    access = api.log_in()["access"]
    assert api.send("PATCH", f"sessions/{claims(access)['sid']}/", body, access).status_code == 400


def test_nothing_else_of_a_session_can_be_changed(api, ada):
    access = api.log_in()["access"]
    before = Session.objects.values().get()
    body = {"name": "x", "expires_at": "2099-01-01T00:00", "user": 7, "network": "x"}
    api.send("PATCH", f"sessions/{claims(access)['sid']}/", body, access)
    assert Session.objects.values().get() == {**before, "name": "x"}


def test_one_session_is_ended(api, ada, ended):
    here, lost = api.log_in(), api.log_in()
    route = f"sessions/{claims(lost['access'])['sid']}/"
    assert api.send("DELETE", route, access=here["access"]).status_code == 204
    assert outcome(api.refresh(lost["refresh"])) == GONE
    assert outcome(api.send("DELETE", route, access=here["access"])) == NOT_FOUND
    assert api.refresh(here["refresh"]).status_code == 200
    assert ended == [("user", 1)]


def test_all_others_are_ended(api, ada, bob, ended):
    others = [api.log_in(), api.log_in(), api.log_in()]
    here, somebody = api.log_in(), api.log_in(BOB)
    assert api.send("DELETE", "sessions/others/", access=here["access"]).status_code == 204
    assert [outcome(api.refresh(pair["refresh"])) for pair in others] == [GONE] * 3
    assert [api.refresh(pair["refresh"]).status_code for pair in (here, somebody)] == [200, 200]
    assert api.send("DELETE", "sessions/others/", access=here["access"]).status_code == 204
    assert ended == [("user", 3)]


def test_all_are_ended(api, ada):
    pairs = [api.log_in(), api.log_in()]
    assert api.send("DELETE", "sessions/", access=pairs[0]["access"]).status_code == 204
    assert [outcome(api.refresh(pair["refresh"])) for pair in pairs] == [GONE] * 2


def test_an_access_token_that_outlives_its_session_opens_none_of_these(api, ada):
    lost, here = api.log_in()["access"], api.log_in()["access"]
    session = claims(here)["sid"]
    api.send("DELETE", "sessions/others/", access=here)
    assert api.whoami(lost) == 200
    for verb, route in (
        ("GET", "sessions/"),
        ("DELETE", "sessions/"),
        ("DELETE", "sessions/others/"),
        ("PATCH", f"sessions/{session}/"),
        ("DELETE", f"sessions/{session}/"),
    ):
        assert outcome(api.send(verb, route, {"name": "x"}, lost)) == GONE
    assert [one["id"] for one in api.listed(here)] == [session]


def test_a_token_without_a_session_sees_them_and_has_no_others(api, ada):
    api.log_in()
    access = str(AccessToken.for_user(ada))
    assert [one["current"] for one in api.listed(access)] == [False]
    answer = api.send("DELETE", "sessions/others/", access=access)
    assert outcome(answer) == (403, "reauthentication_required")
    assert Session.objects.count() == 1
    assert api.send("DELETE", "sessions/", access=access).status_code == 204
    assert not Session.objects.exists()


# Other parts and projects


def test_a_change_ends_the_others(api, ada, ended):
    here, other = api.log_in(), api.log_in()
    assert services.end_sessions(ada, reason="factor_changed", keep=claims(here["access"])) == 1
    assert outcome(api.refresh(other["refresh"])) == GONE
    assert api.refresh(here["refresh"]).status_code == 200
    assert ended == [("factor_changed", 1)]


@pytest.mark.parametrize("keep", [None, {}, {"sid": "x"}, {"sid": 7}])
def test_without_one_to_keep_all_are_ended(api, ada, ended, keep):
    api.log_in()
    assert services.end_sessions(ada, reason="admin", keep=keep) == 1
    assert services.end_sessions(ada, reason="admin", keep=keep) == 0
    assert ended == [("admin", 1)]


def test_without_the_setting_none_is_ended(api, ada, configure, ended):
    api.log_in()
    configure(SESSIONS=None)
    assert services.end_sessions(ada, reason="admin") == 0
    assert (Session.objects.count(), ended) == (1, [])


def test_an_event_names_the_user_and_the_network(api, ada, caplog):
    pair = api.log_in()
    with caplog.at_level("INFO", "jwt_drf_passwordless.events"):
        api.send("DELETE", "sessions/", access=pair["access"], REMOTE_ADDR="203.0.113.77")
    (told,) = [entry for entry in caplog.records if getattr(entry, "event", "") == "sessions_ended"]
    assert (told.user_id, told.network, told.field) == (str(ada.pk), "203.0.113.0/24", "")
    assert str(Session(pk=uuid.UUID(int=1))) == "00000000-0000-0000-0000-000000000001"
