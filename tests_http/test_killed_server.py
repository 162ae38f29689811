"""A worker of the server that is killed in the middle of its work."""

import os
import random
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from jwt_drf_passwordless.models import PasswordlessChallengeToken
from jwt_drf_passwordless.services import PasswordlessTokenService

USERS, TRIES, CLIENTS = 150, 7, 16
#: After so many answers the worker that gave the last one is killed.
KILL_AFTER = [150, 300, 450, 600, 750, 900]


@pytest.fixture
def own_server(start_server):
    """A server that no other test uses, since its workers are killed."""
    return start_server(workers=4)


def test_kill_9_of_workers_in_a_thousand_redeems_lets_no_code_be_used_twice(own_server, make_users, capsys):
    codes = {user: PasswordlessTokenService.create_token(user, "email").short_token for user in make_users(USERS)}
    jobs = list(codes) * TRIES
    random.shuffle(jobs)
    statuses, unanswered, killed = [], [], []
    lock = threading.Lock()

    def redeem(user):
        try:
            answer = own_server.exchange(user.email, codes[user])
        except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
            unanswered.append(user)
            return
        with lock:
            statuses.append((user, answer.status_code))
            worker = int(answer.headers["X-Worker"])
            due = sum(count <= len(statuses) for count in KILL_AFTER)
            if len(killed) < due and worker not in killed:
                killed.append(worker)
                os.kill(worker, signal.SIGKILL)

    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(redeem, jobs))

    with capsys.disabled():
        sys.stdout.write(f"\n{len(jobs)} redeems, {len(killed)} kills, {len(unanswered)} requests without an answer\n")
    assert len(killed) == len(KILL_AFTER)
    # A worker has one request at a time; what waits to be accepted goes to the others.
    assert len(unanswered) <= len(killed)
    assert {status for _, status in statuses} == {200, 400}
    let_in = [user for user, status in statuses if status == 200]
    assert len(let_in) == len(set(let_in))
    # Who got no answer may have used up the code; everybody else is in.
    assert set(codes) - set(let_in) <= set(unanswered)
    counted = PasswordlessChallengeToken.objects.filter(user__in=codes).values_list("uses", "tries")
    assert list(counted) == [(1, 0)] * USERS

    own_server.wait_for_workers(4 + len(killed))
    with ThreadPoolExecutor(CLIENTS) as pool:
        after = list(pool.map(lambda user: own_server.exchange(user.email, codes[user]).status_code, codes))
    assert after == [400] * USERS
