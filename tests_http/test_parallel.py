"""Many clients at one moment, against several processes."""

import datetime
import random
from collections import Counter
from functools import partial

import pytest
from django.utils import timezone

from jwt_drf_passwordless.models import PasswordlessChallengeToken
from jwt_drf_passwordless.services import PasswordlessTokenService
from tests_http.conftest import code_in, link_token_in, wrong_codes
from tests_http.processes import together


def statuses(answers):
    return Counter(answer.status_code for answer in answers)


def row_of(user):
    return PasswordlessChallengeToken.objects.get(user=user)


def processes_of(answers):
    return {answer.headers["X-Worker"] for answer in answers}


@pytest.fixture(scope="session")
def threaded_server(start_server):
    return start_server(workers=2, threads=4)


@pytest.mark.parametrize("server_name", ["server", "threaded_server"])
def test_of_fifty_parallel_exchanges_of_a_code_one_wins_in_ten_of_ten_rounds(request, make_users, server_name):
    server = request.getfixturevalue(server_name)
    seen = set()
    for user in make_users(10):
        code = PasswordlessTokenService.create_token(user, "email").short_token
        answers = together([partial(server.exchange, user.email, code)] * 50)
        assert statuses(answers) == {200: 1, 400: 49}
        assert (row_of(user).uses, row_of(user).tries) == (1, 0)
        seen |= processes_of(answers)
    assert len(seen) > 1


def test_of_fifty_parallel_uses_of_a_link_one_wins(server, make_users):
    for user in make_users(3):
        token = PasswordlessTokenService.create_token(user, "email").token
        answers = together([partial(server.follow, token)] * 50)
        assert statuses(answers) == {200: 1, 400: 49}
        assert row_of(user).uses == 1


def test_fifty_parallel_first_requests_for_an_address_send_one_message(server, make_users, mailbox):
    for user in make_users(4):
        answers = together([partial(server.request, user.email)] * 50)
        assert statuses(answers) == {200: 1, 429: 49}
        assert len(mailbox.sent(user.email)) == 1
        assert row_of(user).sends == 1


def test_fifty_parallel_requests_after_the_cooldown_send_one_message(server, make_users, mailbox):
    for user in make_users(4):
        PasswordlessTokenService.create_token(user, "email")
        a_second_ago = timezone.now() - datetime.timedelta(seconds=1)
        PasswordlessChallengeToken.objects.filter(user=user).update(next_send_at=a_second_ago)
        answers = together([partial(server.request, user.email)] * 50)
        assert statuses(answers) == {200: 1, 429: 49}
        (message,) = mailbox.sent(user.email)
        assert server.exchange(user.email, code_in(message)).status_code == 200


def test_of_forty_nine_wrong_codes_and_a_right_one_at_most_five_tries_are_counted(server, make_users):
    for user in make_users(5):
        code = PasswordlessTokenService.create_token(user, "email").short_token
        codes = [code, *wrong_codes(code, 49)]
        random.shuffle(codes)
        answers = together(partial(server.exchange, user.email, tried) for tried in codes)
        row = row_of(user)
        assert row.tries <= 5
        if 200 in statuses(answers):
            assert statuses(answers) == {200: 1, 400: 49}
            assert row.uses == 1
        else:
            assert statuses(answers) == {400: 50}
            assert (row.uses, row.tries) == (0, 5)
            assert server.exchange(user.email, code).status_code == 400


def test_twenty_users_who_do_everything_at_once_get_in_once_each(server, make_users, mailbox):
    users = make_users(20)
    asked = [(user, partial(server.request, user.email)) for user in users for _ in range(3)]
    random.shuffle(asked)
    answers = together(call for _, call in asked)
    for user in users:
        of_user = [answer for (owner, _), answer in zip(asked, answers, strict=True) if owner == user]
        assert statuses(of_user) == {200: 1, 429: 2}

    calls = []
    for user in users:
        (message,) = mailbox.sent(user.email)
        code = code_in(message)
        calls += [(user, "request", partial(server.request, user.email))] * 2
        calls += [(user, "exchange", partial(server.exchange, user.email, code))] * 2
        calls += [(user, "exchange", partial(server.follow, link_token_in(message)))] * 2
        calls += [(user, "exchange", partial(server.exchange, user.email, wrong)) for wrong in wrong_codes(code, 4)]
    random.shuffle(calls)
    answers = together(call for _, _, call in calls)
    for user in users:
        found = {"request": [], "exchange": []}
        for (owner, kind, _), answer in zip(calls, answers, strict=True):
            if owner == user:
                found[kind].append(answer)
        assert statuses(found["exchange"]) == {200: 1, 400: 7}
        assert statuses(found["request"]) == {429: 2}
        assert row_of(user).uses == 1


def test_a_network_has_its_number_of_requests_over_all_processes(start_server):
    server = start_server(workers=2)
    answers = together(partial(server.request, f"limited-{number}@example.com", "8.8.8.8") for number in range(60))
    assert statuses(answers) == {200: 30, 429: 30}
    assert len(processes_of(answers)) == 2
    assert server.request("limited@example.com", "8.8.4.4").status_code == 200
