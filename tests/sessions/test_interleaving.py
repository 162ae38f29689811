"""What happens when somebody else writes between our SELECT and our write: one certain order each."""

import pytest

from jwt_drf_passwordless.models import Session
from tests.sessions.conftest import GONE, claims, outcome
from tests.test_interleaving import meanwhile

pytestmark = pytest.mark.django_db


def test_who_comes_second_gets_the_successor_of_the_first(api, ada):
    token = api.log_in()["refresh"]
    answers = []
    with meanwhile("UPDATE", lambda: answers.append(api.refresh(token)), Session):
        answers.append(api.refresh(token))
    first, second = (answer.json()["refresh"] for answer in answers)
    assert first == second
    assert Session.objects.get().jti == claims(first)["jti"]


def test_without_a_grace_the_session_ends(api, ada, sessions):
    sessions(grace=0)
    token = api.log_in()["refresh"]
    answers = []
    with meanwhile("UPDATE", lambda: answers.append(api.refresh(token)), Session):
        assert outcome(api.refresh(token)) == GONE
    assert answers[0].status_code == 200
    assert not Session.objects.exists()


def test_a_logout_in_between_wins(api, ada):
    token = api.log_in()["refresh"]
    with meanwhile("UPDATE", lambda: api.log_out(token), Session):
        assert outcome(api.refresh(token)) == GONE
    assert not Session.objects.exists()


def test_of_two_replays_at_once_one_is_told(api, ada, clock, caplog):
    parent = api.log_in()["refresh"]
    api.refresh(parent)
    clock(60)
    replay = meanwhile("DELETE FROM", lambda: api.refresh(parent), Session)
    with caplog.at_level("WARNING", "jwt_drf_passwordless.events"), replay:
        assert outcome(api.refresh(parent)) == GONE
    told = [entry.event for entry in caplog.records if hasattr(entry, "event")]
    assert told.count("session_replayed") == 1
