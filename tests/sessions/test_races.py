"""Many uses of one refresh token at the same moment, each in its own thread with its own database connection."""

import pytest

from jwt_drf_passwordless.models import Session
from tests.sessions.conftest import GONE, SessionApi, claims, outcome
from tests.test_races import ROUNDS, crowd

pytestmark = pytest.mark.django_db(transaction=True)

__all__ = ["crowd"]


def test_sixteen_uses_of_one_token_have_one_successor(api, ada, crowd):
    sixteen = crowd(16)
    token = api.log_in()["refresh"]
    for _ in range(ROUNDS):
        answers = sixteen.call(lambda _, number, t=token: SessionApi().refresh(t))
        assert [answer.status_code for answer in answers] == [200] * 16
        (successor,) = {answer.json()["refresh"] for answer in answers}
        session = Session.objects.get()
        assert (session.jti, session.previous_jti) == (claims(successor)["jti"], claims(token)["jti"])
        token = successor


def test_without_a_grace_one_of_sixteen_wins_and_the_session_ends(api, ada, crowd, sessions):
    sessions(grace=0)
    sixteen = crowd(16)
    for _ in range(ROUNDS):
        token = api.log_in()["refresh"]
        answers = sixteen.call(lambda _, number, t=token: SessionApi().refresh(t))
        (won,) = [answer for answer in answers if answer.status_code == 200]
        assert [outcome(answer) for answer in answers if answer is not won] == [GONE] * 15
        assert outcome(api.refresh(won.json()["refresh"])) == GONE
        assert not Session.objects.exists()


def test_no_refresh_survives_a_logout_at_the_same_moment(api, ada, crowd):
    eight = crowd(8)
    for _ in range(ROUNDS):
        token = api.log_in()["refresh"]
        answers = eight.call(
            lambda _, number, t=token: SessionApi().log_out(t) if number % 2 else SessionApi().refresh(t)
        )
        assert {answer.status_code for answer in answers} <= {200, 204, 401}
        renewed = [answer.json()["refresh"] for answer in answers if answer.status_code == 200]
        assert [outcome(api.refresh(one)) for one in (*renewed, token)] == [GONE] * (len(renewed) + 1)
        assert not Session.objects.exists()


def test_all_are_ended_while_they_are_used(api, ada, crowd):
    eight = crowd(8)
    for _ in range(ROUNDS):
        pairs = [api.log_in() for _ in range(4)]

        def act(_, number, pairs=pairs):
            pair = pairs[number // 2]
            if number % 2:
                return SessionApi().send("DELETE", "sessions/", access=pair["access"])
            return SessionApi().refresh(pair["refresh"])

        answers = eight.call(act)
        assert {answer.status_code for answer in answers} <= {200, 204, 401}
        renewed = [answer.json()["refresh"] for answer in answers if answer.status_code == 200]
        assert [outcome(api.refresh(token)) for token in renewed] == [GONE] * len(renewed)
        assert not Session.objects.exists()
