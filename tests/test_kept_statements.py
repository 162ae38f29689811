"""SQL is made once and kept: what may change from one call to the next must not be kept with it."""

from contextlib import nullcontext
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.core import mail
from django.db import IntegrityError, connection, models, transaction
from django.utils import timezone

from jwt_drf_passwordless import statements
from jwt_drf_passwordless.conf import settings as package_settings
from jwt_drf_passwordless.models import PasswordlessChallengeToken, Session
from jwt_drf_passwordless.services import PasswordlessTokenService

pytestmark = pytest.mark.django_db

ADA = "ada@example.com"


class TenantManager(models.Manager):
    """Another selection at each call, as of a project with tenants."""

    hidden: set[object] = set()

    def get_queryset(self):
        return super().get_queryset().exclude(pk__in=self.hidden)


class TenantQuerySet(models.QuerySet):
    """The same by a queryset of the project's own."""

    def _fetch_all(self):
        super()._fetch_all()
        self._result_cache = [user for user in self._result_cache if user.pk not in TenantManager.hidden]


class TenantUser(get_user_model()):
    objects = TenantManager()

    class Meta:
        proxy = True


class FilteredUser(get_user_model()):
    objects = TenantQuerySet.as_manager()

    class Meta:
        proxy = True


@pytest.fixture
def hide():
    """Hide a user from managers that select anew at each call."""
    yield lambda user: TenantManager.hidden.add(user.pk)
    TenantManager.hidden.clear()


@pytest.fixture
def new_row():
    """Make a challenge by hand: `new_row("key")`."""
    now = timezone.now()
    return lambda key: PasswordlessChallengeToken(key=key, expires_at=now, next_send_at=now)


@pytest.mark.parametrize("user_model", ["tests.TenantUser", "tests.FilteredUser"])
def test_a_manager_that_selects_by_the_tenant_is_asked_each_time(api, make_user, settings, hide, user_model):
    user = make_user(email=ADA)
    settings.AUTH_USER_MODEL = user_model
    settings.JWT_DRF_PASSWORDLESS = {**settings.JWT_DRF_PASSWORDLESS, "TOKEN_REQUEST_THROTTLE_SECONDS": 0}
    api.request_email(ADA)
    hide(user)
    api.request_email(ADA)
    assert len(mail.outbox) == 1


def test_the_field_of_the_address_may_change(api, make_user, configure):
    make_user(email=ADA, phone="+12015550123")
    api.request_mobile("+12015550123")
    email, mobile = package_settings.EMAIL_FIELD_NAME, package_settings.MOBILE_FIELD_NAME
    get_user_model().objects.update(**{email: "countess@example.com"})
    api.request_email(ADA)
    assert mail.outbox == []
    configure(EMAIL_FIELD_NAME="password", MOBILE_FIELD_NAME=mobile)
    get_user_model().objects.update(password=ADA)
    api.request_email(ADA)
    assert [message.to for message in mail.outbox] == [[ADA]]


def test_a_key_that_is_added_to_the_fallbacks_opens_older_links(make_user, settings):
    field = package_settings.EMAIL_FIELD_NAME
    token = PasswordlessTokenService.create_token(make_user(email=ADA), field).token
    old, settings.SECRET_KEY = settings.SECRET_KEY, "another key for tests, of more than fifty characters in all"
    assert PasswordlessTokenService.check_token(token) is None
    settings.SECRET_KEY_FALLBACKS = ["a third key", old]
    assert PasswordlessTokenService.check_token(token) is not None


def test_a_challenge_is_found_with_its_user_as_django_loads_both(make_user):
    user = get_user_model().objects.get(pk=make_user(email=ADA, phone="+12015550123").pk)
    PasswordlessTokenService.create_token(user, package_settings.EMAIL_FIELD_NAME)
    plain = PasswordlessChallengeToken.objects.select_related("user").get()
    found = PasswordlessChallengeToken.objects.find(key=plain.key, with_user=True)
    for kept, loaded in ((found, plain), (found.user, user)):
        assert {**vars(kept), "_state": None} == {**vars(loaded), "_state": None}
        assert (kept._state.adding, kept._state.db) == (False, "default")


@pytest.fixture
def two(make_user):
    """Two users, each with a challenge and a session."""
    statements._kept.clear()
    now = timezone.now()
    found = []
    for email in (ADA, "grace@example.com"):
        user = make_user(email=email)
        times = dict.fromkeys(("rotated_at", "created_at", "last_used_at"), now)
        ends = dict.fromkeys(("expires_at", "refresh_until"), now + timedelta(days=1))
        session = Session.objects.create(user=user, jti=email, **times, **ends)
        found.append((user, PasswordlessTokenService.create_token(user, package_settings.EMAIL_FIELD_NAME), session))
    yield found
    statements._kept.clear()


def test_what_is_read_of_one_user_narrows_no_reading_of_others(two):
    (ada, _, mine), (grace, row, session) = two
    statements._kept.clear()  # the first of their kind
    assert ada.jwt_drf_passwordless_sessions.find(mine.pk).user == ada
    assert ada.jwt_drf_passwordless_tokens.find(key=row.key) is None
    assert list(ada.jwt_drf_passwordless_authenticators.of(ada)) == []
    assert Session.objects.find(session.pk).user == grace
    assert PasswordlessChallengeToken.objects.find(key=row.key, with_user=True).user == grace


def test_through_one_user_nothing_of_another_is_found(two):
    (ada, *_), (grace, row, session) = two
    assert PasswordlessChallengeToken.objects.find(key=row.key) == row
    assert Session.objects.find(session.pk) == session
    assert ada.jwt_drf_passwordless_tokens.find(key=row.key) is None
    assert ada.jwt_drf_passwordless_sessions.find(session.pk) is None
    assert grace.jwt_drf_passwordless_sessions.find(session.pk) == session


def test_a_written_challenge_is_the_one_in_the_database(make_user):
    made = PasswordlessTokenService.create_token(make_user(email=ADA), package_settings.EMAIL_FIELD_NAME)
    stored = PasswordlessChallengeToken.objects.get(pk=made.pk)
    names = [field.attname for field in PasswordlessChallengeToken._meta.concrete_fields]
    assert [getattr(made, name) for name in names] == [getattr(stored, name) for name in names]
    assert (made._state.adding, made._state.db) == (False, "default")


@pytest.mark.parametrize("write", ["insert", "update"])
def test_a_write_that_fails_marks_the_transaction_round_it(new_row, write):
    one, other = new_row("one"), new_row("other")
    for row in (one, other):
        statements.insert("default", row)
    writes = {
        "insert": lambda: statements.insert("default", new_row("one")),
        "update": lambda: statements.update("default", type(one), {"pk": other.pk}, {"key": "one"}),
    }
    with transaction.atomic():
        with pytest.raises(IntegrityError):
            writes[write]()
        assert connection.needs_rollback


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("block", [nullcontext, transaction.atomic])
def test_a_first_challenge_that_comes_second_leaves_the_transaction_usable(new_row, block):
    statements.insert("default", new_row("one"))
    now = timezone.now()
    values = {"key": "one", "expires_at": now, "next_send_at": now}
    with block():
        assert PasswordlessChallengeToken.objects.replace(None, if_unchanged=(), **values) is None
        assert PasswordlessChallengeToken.objects.count() == 1
