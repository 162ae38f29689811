"""What somebody tries who wants an address or number that is not theirs."""

import pytest

from jwt_drf_passwordless.models import PasswordlessChallengeToken
from tests.contact.conftest import EMAIL, each_change
from tests.two_factor.test_login import INVALID, outcome

pytestmark = pytest.mark.django_db


@each_change
def test_an_identifier_in_its_wait_cannot_be_guessed_by_one_account_after_the_other(
    api, ada, make_user, configure, change
):
    """Or its tries were as many as there are accounts, and its owner would not even get a message."""
    bob = make_user(**change.held(change.other))
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=60)
    mine, thine = change.log_in(api).json()["access"], change.log_in(api, change.other).json()["access"]
    assert change.ask(api, mine).status_code == 200
    answer = change.ask(api, thine)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "60")
    assert not PasswordlessChallengeToken.objects.filter(purpose="change_contact", user=bob).exists()
    assert outcome(change.confirm(api, thine)) == INVALID
    # Nor does somebody else's wait cost a wait of one's own.
    elsewhere = "elsewhere@example.com" if change is EMAIL else "+12015550166"
    assert change.ask(api, thine, elsewhere).status_code == 200


@each_change
def test_within_ones_own_wait_nobody_else_has_to_wait(api, ada, make_user, configure, change):
    make_user(**change.held(change.other))
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=60)
    mine, thine = change.log_in(api).json()["access"], change.log_in(api, change.other).json()["access"]
    elsewhere = "elsewhere@example.com" if change is EMAIL else "+12015550166"
    assert change.ask(api, mine, elsewhere).status_code == 200
    assert change.ask(api, mine).status_code == 429
    assert change.ask(api, thine).status_code == 200
