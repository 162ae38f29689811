"""A change ends the user's other sessions (ASVS 7.4.3)."""

import pytest
from django.core.cache import cache

from jwt_drf_passwordless.models import Session
from jwt_drf_passwordless.sessions.signals import sessions_ended
from tests.contact.conftest import CHANGED, EMAIL, each_change
from tests.test_interleaving import meanwhile
from tests.two_factor.test_login import INVALID, outcome

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _switched_on(configure):
    configure(SESSIONS={})


def refresh(api, pair):
    return api.call("token/refresh/", {"refresh": pair["refresh"]}).status_code


@each_change
def test_the_others_end_and_the_one_that_made_it_goes_on(api, ada, make_user, change):
    make_user(**change.held(change.other))
    foreign = change.log_in(api, change.other).json()
    others = [change.log_in(api).json() for _ in range(2)]
    mine = change.log_in(api).json()
    change.ask(api, mine["access"])
    assert outcome(change.confirm(api, mine["access"])) == CHANGED
    cache.clear()
    assert [refresh(api, pair) for pair in (mine, foreign, *others)] == [200, 200, 401, 401]


@each_change
def test_the_reason_is_told(api, ada, change):
    told = []

    def receiver(user, reason, count, **facts):
        told.append((user.pk, reason, count))

    sessions_ended.connect(receiver)
    try:
        change.log_in(api)
        access = change.access(api)
        change.ask(api, access)
        change.confirm(api, access)
    finally:
        sessions_ended.disconnect(receiver)
    assert told == [(ada.pk, "contact_changed", 1)]


@each_change
def test_a_change_that_is_refused_ends_none(api, ada, make_user, change):
    other = change.log_in(api).json()
    access = change.access(api)
    change.ask(api, access)
    make_user(**change.held(change.new))
    assert outcome(change.confirm(api, access)) == INVALID
    assert refresh(api, other) == 200


def test_a_change_that_fails_in_the_middle_is_none(api, ada, transactional_db):
    access = EMAIL.access(api)
    EMAIL.log_in(api)
    EMAIL.ask(api, access)

    def fail():
        raise OSError("The connection is lost.")

    with pytest.raises(OSError, match="lost"), meanwhile("DELETE FROM", fail, Session):
        EMAIL.confirm(api, access)
    assert EMAIL.value(ada) == EMAIL.old
    assert Session.objects.count() == 2
