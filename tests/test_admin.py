"""Challenges, phones and sessions in the admin: to look at, to find and to delete, and no secret on any page."""

import re

import pytest
from django.contrib import admin
from django.contrib.admin.models import DELETION, LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.core import mail
from django.db import connection
from django.dispatch import receiver
from django.test import Client
from django.test.utils import CaptureQueriesContext, override_settings
from django.urls import path, reverse
from django.utils import timezone

from jwt_drf_passwordless.admin import (
    AuthenticatorAdmin,
    PasswordlessChallengeTokenAdmin,
    PhoneDeviceAdmin,
    SessionAdmin,
)
from jwt_drf_passwordless.conf import settings as package_settings
from jwt_drf_passwordless.models import Authenticator, PasswordlessChallengeToken, PhoneDevice, Session
from jwt_drf_passwordless.services import PasswordlessTokenService
from jwt_drf_passwordless.token_response import generate_auth_token
from jwt_drf_passwordless.two_factor.signals import factor_removed, second_factor_changed, trusted_devices_removed

pytestmark = pytest.mark.django_db

EMAIL = "ada.lovelace@example.com"
PHONE = "+12015550123"
PREFIX = "admin:jwt_drf_passwordless_passwordlesschallengetoken"

PHONE_FACTOR = "jwt_drf_passwordless.two_factor.phone.factor.PhoneFactor"
TOTP = "jwt_drf_passwordless.two_factor.totp.TotpFactor"
RECOVERY = "jwt_drf_passwordless.two_factor.recovery.RecoveryCodeFactor"

#: A site of our own: what other tests install registers itself with the default one, for good.
site = admin.AdminSite()
site.register(PasswordlessChallengeToken, PasswordlessChallengeTokenAdmin)
site.register(PhoneDevice, PhoneDeviceAdmin)
site.register(Session, SessionAdmin)
site.register(Authenticator, AuthenticatorAdmin)
urlpatterns = [path("admin/", site.urls)]


class Staff(ModelBackend):
    """Lets everybody in, with the permissions that a test gives: not every user model has its own."""

    permissions = {"view", "change", "add", "delete"}

    def get_user(self, user_id):
        user = get_user_model()._default_manager.get(pk=user_id)
        user.is_staff = True
        user.get_short_name = lambda: "Staff"
        user.has_module_perms = lambda app: True
        user.has_perm = lambda permission, obj=None: permission.split(".")[1].split("_")[0] in self.permissions
        return user


@pytest.fixture
def browser(settings, make_user):
    """A client that has signed in to the admin as somebody with all permissions."""
    base = "django.contrib"
    settings.ROOT_URLCONF = "tests.test_admin"
    settings.AUTHENTICATION_BACKENDS = ["tests.test_admin.Staff"]
    settings.MIDDLEWARE = [
        f"{base}.sessions.middleware.SessionMiddleware",
        f"{base}.auth.middleware.AuthenticationMiddleware",
        f"{base}.messages.middleware.MessageMiddleware",
    ]
    names = ["django.template.context_processors.request", f"{base}.auth.context_processors.auth"]
    options = {"context_processors": [*names, f"{base}.messages.context_processors.messages"]}
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "OPTIONS": options}]
    client = Client()
    client.force_login(make_user(email="staff@example.com", phone="+447400123456"))
    return client


@pytest.fixture
def user(make_user):
    return make_user(email=EMAIL, phone=PHONE)


@pytest.fixture
def by_email(user):
    return PasswordlessTokenService.create_token(user, package_settings.EMAIL_FIELD_NAME)


@pytest.fixture
def by_phone(user):
    return PasswordlessTokenService.create_token(user, package_settings.MOBILE_FIELD_NAME)


def page(response):
    assert response.status_code == 200
    return response.content.decode()


def rows(response):
    """The masked identifiers that a list shows."""
    return re.findall(r'class="field-masked_identifier">([^<]*)<', page(response))


def secrets_of(challenge):
    return [
        challenge.identifier,
        challenge.identifier.removeprefix("+"),
        challenge.key,
        challenge.short_digest,
        challenge.long_digest,
        challenge.short_token,
        challenge.token,
    ]


def test_a_project_s_admin_has_the_challenges():
    assert isinstance(admin.site.get_model_admin(PasswordlessChallengeToken), PasswordlessChallengeTokenAdmin)


@pytest.mark.parametrize("fixture", ["by_email", "by_phone"])
@pytest.mark.parametrize("name", ["changelist", "change", "delete", "history"])
def test_no_page_shows_an_address_a_code_or_a_digest(browser, request, fixture, name):
    challenge = request.getfixturevalue(fixture)
    arguments = [] if name == "changelist" else [challenge.pk]
    text = page(browser.get(reverse(f"{PREFIX}_{name}", args=arguments)))
    # The time of day, the token against forged forms and ids may hold six digits by chance: see below for codes.
    shown = [secret for secret in secrets_of(challenge) if secret in text and secret != challenge.short_token]
    assert shown == []
    assert {"by_email": "a***@example.com", "by_phone": "***23"}[fixture] in text


def test_no_page_shows_a_code(browser, configure, user):
    configure(SHORT_TOKEN_CHARS="QZ", SHORT_TOKEN_LENGTH=20)
    challenge = PasswordlessTokenService.create_token(user, package_settings.EMAIL_FIELD_NAME)
    pages = [
        browser.get(reverse(f"{PREFIX}_changelist")),
        browser.get(reverse(f"{PREFIX}_change", args=[challenge.pk])),
    ]
    assert [text for text in map(page, pages) if challenge.short_token in text] == []


def test_a_search_shows_an_address_in_the_search_box_only(browser, by_email):
    text = page(browser.get(reverse(f"{PREFIX}_changelist"), {"q": EMAIL}))
    assert EMAIL in re.search(r'<input[^>]* name="q"[^>]*>', text)[0]
    assert EMAIL not in re.search(r"<table id=\"result_list\">.*</table>", text, re.DOTALL)[0]


@pytest.mark.parametrize("name", ["changelist", "change"])
def test_a_page_shows_what_has_happened(browser, by_email, name):
    PasswordlessChallengeToken.objects.update(sends=31, uses=32, tries=33)
    arguments = [] if name == "changelist" else [by_email.pk]
    text = page(browser.get(reverse(f"{PREFIX}_{name}", args=arguments)))
    assert [shown for shown in ("login", str(by_email.user_id), "31", "32", "33") if shown not in text] == []


def test_a_challenge_of_nobody_is_shown(browser):
    now = timezone.now()
    challenge = PasswordlessChallengeToken.objects.create(
        key="k", purpose="login", token_request_identifier="email", identifier=EMAIL, expires_at=now, next_send_at=now
    )
    assert rows(browser.get(reverse(f"{PREFIX}_changelist"))) == ["a***@example.com"]
    assert "a***@example.com" in page(browser.get(reverse(f"{PREFIX}_change", args=[challenge.pk])))


def test_nobody_adds_a_challenge(browser):
    assert browser.get(reverse(f"{PREFIX}_add")).status_code == 403
    assert browser.post(reverse(f"{PREFIX}_add"), {"purpose": "login"}).status_code == 403
    assert PasswordlessChallengeToken.objects.count() == 0
    assert reverse(f"{PREFIX}_add") not in page(browser.get(reverse(f"{PREFIX}_changelist")))


def test_nobody_changes_a_challenge(browser, by_email):
    before = PasswordlessChallengeToken.objects.values().get()
    url = reverse(f"{PREFIX}_change", args=[by_email.pk])
    text = page(browser.get(url))
    assert re.findall(r'<input[^>]* name="(?!csrfmiddlewaretoken)[^"]*"', text) == []
    assert browser.post(url, {"tries": "0", "uses": "0"}).status_code == 403
    assert PasswordlessChallengeToken.objects.values().get() == before


# Search


@pytest.mark.parametrize(
    ("term", "found"),
    [
        (EMAIL, ["a***@example.com"]),
        ("Ada.Lovelace@EXAMPLE.com", ["a***@example.com"]),
        (PHONE, ["***23"]),
        ("+1 201-555-0123", ["***23"]),
        ("ada.lovelace", []),
        ("lovelace@example.com", []),
        ("example.com", []),
        ("2015550", []),
        ("login", []),
        ("%", []),
        ("a" * 300 + "@example.com", []),
        ("", ["***23", "a***@example.com"]),
    ],
)
def test_a_search_finds_by_whole_address_only(browser, by_email, by_phone, term, found):
    assert rows(browser.get(reverse(f"{PREFIX}_changelist"), {"q": term})) == found


def test_the_digest_of_a_challenge_finds_nothing(browser, by_email):
    for term in (by_email.key, by_email.short_digest, by_email.long_digest):
        assert rows(browser.get(reverse(f"{PREFIX}_changelist"), {"q": term})) == []


@pytest.mark.parametrize("term", [EMAIL, PHONE])
def test_a_search_uses_the_unique_index_of_the_key(browser, by_email, by_phone, term):
    table = PasswordlessChallengeToken._meta.db_table
    with CaptureQueriesContext(connection) as queries:
        browser.get(reverse(f"{PREFIX}_changelist"), {"q": term})
    statements = [query["sql"] for query in queries if table in query["sql"]]
    assert statements
    conditions = [statement.replace("`", '"').partition(" WHERE ")[2] for statement in statements]
    assert [text for text in conditions if not text.startswith(f'"{table}"."key" IN (')] == []
    assert [text for text in conditions if "LIKE" in text.upper()] == []


# Deletion


def test_a_challenge_can_be_deleted_and_that_is_logged_without_the_address(browser, by_email, by_phone):
    assert browser.post(reverse(f"{PREFIX}_delete", args=[by_email.pk]), {"post": "yes"}).status_code == 302
    assert [row.pk for row in PasswordlessChallengeToken.objects.all()] == [by_phone.pk]
    entry = LogEntry.objects.get()
    assert (entry.action_flag, entry.object_id) == (DELETION, str(by_email.pk))
    assert "a***@example.com" in entry.object_repr
    assert EMAIL not in f"{entry.object_repr} {entry.change_message}"


def test_several_challenges_can_be_deleted_at_once(browser, by_email, by_phone):
    body = {"action": "delete_selected", "_selected_action": [by_email.pk, by_phone.pk], "post": "yes"}
    asked = page(browser.post(reverse(f"{PREFIX}_changelist"), {**body, "post": ""}))
    assert [secret for secret in (EMAIL, PHONE, by_email.key) if secret in asked] == []
    assert browser.post(reverse(f"{PREFIX}_changelist"), body).status_code == 302
    assert PasswordlessChallengeToken.objects.count() == 0
    assert sorted(entry.action_flag for entry in LogEntry.objects.all()) == [DELETION, DELETION]


def test_who_may_only_look_deletes_nothing(browser, by_email, monkeypatch):
    monkeypatch.setattr(Staff, "permissions", {"view"})
    assert rows(browser.get(reverse(f"{PREFIX}_changelist"))) == ["a***@example.com"]
    assert browser.post(reverse(f"{PREFIX}_delete", args=[by_email.pk]), {"post": "yes"}).status_code == 403
    assert PasswordlessChallengeToken.objects.count() == 1


@pytest.mark.parametrize("name", ["changelist", "change"])
def test_who_may_not_look_sees_nothing(browser, by_email, monkeypatch, name):
    monkeypatch.setattr(Staff, "permissions", set())
    arguments = [] if name == "changelist" else [by_email.pk]
    assert browser.get(reverse(f"{PREFIX}_{name}", args=arguments)).status_code == 403


def test_the_text_of_a_challenge_is_masked(by_email, by_phone):
    email, phone = package_settings.EMAIL_FIELD_NAME, package_settings.MOBILE_FIELD_NAME
    assert [str(by_email), str(by_phone)] == [f"login {email} a***@example.com", f"login {phone} ***23"]


# Phones as second factor


@pytest.fixture
def device(user):
    return PhoneDevice.objects.create(
        user=user, number="+12015550199", provider="authy", vendor_user_id="4711", confirmed_at=timezone.now()
    )


def device_url(page, *args):
    return reverse(f"admin:jwt_drf_passwordless_phonedevice_{page}", args=args)


def test_phones_are_listed_and_shown_masked(browser, device):
    for address in (device_url("changelist"), device_url("change", device.pk)):
        page = browser.get(address)
        assert page.status_code == 200
        assert "***99" in page.text
        assert "5550199" not in page.text


def test_phones_are_neither_added_nor_changed(browser, device):
    assert browser.get(device_url("add")).status_code == 403
    assert browser.post(device_url("change", device.pk), {"number": "+12015550177"}).status_code == 403


def test_a_phone_is_found_by_the_key_of_its_user(browser, device):
    page = browser.get(device_url("changelist"), {"q": str(device.user_id)})
    assert "***99" in page.text


@pytest.mark.parametrize("term", ["ada", "***99", "0", "9" * 40])
def test_what_is_nobodys_key_finds_no_phone(browser, device, term):
    page = browser.get(device_url("changelist"), {"q": term})
    assert page.status_code == 200
    assert "***99</" not in page.text


def test_a_deleted_phone_is_gone_and_logged(browser, device):
    browser.post(device_url("delete", device.pk), {"post": "yes"})
    assert not PhoneDevice.objects.exists()
    assert LogEntry.objects.get().action_flag == DELETION


def test_support_that_removes_a_factor_does_what_the_user_could_have_done(browser, device, user, configure):
    configure(
        SESSIONS={},
        TWO_FACTOR={"factors": [PHONE_FACTOR, RECOVERY], "phone": {"alias": "authy"}, "trusted_device_days": 30},
    )
    stolen = generate_auth_token(user)["refresh"]
    now = timezone.now()
    for method in ("trusted_device", "recovery_code"):
        Authenticator.objects.create(user=user, method=method, created_at=now, confirmed_at=now)
    heard = []

    @receiver([factor_removed, second_factor_changed])
    def hear(signal, user, subject, request, **facts):
        heard.append((signal.name, user.pk, subject, request.path))

    address = device_url("delete", device.pk)
    try:
        browser.post(address, {"post": "yes"})
    finally:
        factor_removed.disconnect(hear)
        second_factor_changed.disconnect(hear)
    assert heard == [(name, user.pk, "***99", address) for name in ("factor_removed", "second_factor_changed")]
    assert [model.objects.count() for model in (PhoneDevice, Authenticator, Session)] == [0, 0, 0]
    with override_settings(ROOT_URLCONF="tests.urls"):
        assert Client().post("/api/token/refresh/", {"refresh": stolen}).status_code == 401
    (notice,) = mail.outbox
    assert (notice.to, "***99" in notice.body) == ([EMAIL], True)


# Sessions


@pytest.fixture
def pair(user, configure):
    configure(SESSIONS={})
    return generate_auth_token(user)


def session_url(page, *args):
    return reverse(f"admin:jwt_drf_passwordless_session_{page}", args=args)


def test_sessions_are_shown_without_the_ids_of_tokens(browser, pair):
    session = Session.objects.get()
    Session.objects.update(network="203.0.113.0/24", name="Ada's laptop")
    for address in (session_url("changelist"), session_url("change", session.pk)):
        text = page(browser.get(address))
        assert "203.0.113.0/24" in text
        assert "Ada&#x27;s laptop" in text
        assert session.jti not in text
    assert str(session.pk) in page(browser.get(session_url("changelist"), {"q": str(session.user_id)}))


def test_sessions_are_neither_added_nor_changed(browser, pair):
    session = Session.objects.get()
    assert browser.get(session_url("add")).status_code == 403
    assert browser.post(session_url("change", session.pk), {"name": "x"}).status_code == 403


def test_a_session_that_is_deleted_has_ended(browser, pair):
    browser.post(session_url("delete", Session.objects.get().pk), {"post": "yes"})
    assert LogEntry.objects.get().action_flag == DELETION
    with override_settings(ROOT_URLCONF="tests.urls"):
        assert Client().post("/api/token/refresh/", {"refresh": pair["refresh"]}).status_code == 401


# Other second factors


@pytest.fixture
def authenticator(user):
    now = timezone.now()
    values = {"lookup": "1234" * 16, "secret": "sealed-secret", "data": {"address": EMAIL}}
    return Authenticator.objects.create(
        user=user, method="totp", name="old phone", created_at=now, confirmed_at=now, **values
    )


def authenticator_url(page, *args):
    return reverse(f"admin:jwt_drf_passwordless_authenticator_{page}", args=args)


@pytest.mark.parametrize("name", ["changelist", "change", "delete"])
def test_authenticators_are_shown_without_secret_digest_or_data(browser, authenticator, name):
    text = page(browser.get(authenticator_url(name, *([] if name == "changelist" else [authenticator.pk]))))
    assert "totp" in text
    assert [shown for shown in ("1234" * 16, "sealed-secret", EMAIL) if shown in text] == []


def test_authenticators_are_neither_added_nor_changed(browser, authenticator):
    assert browser.get(authenticator_url("add")).status_code == 403
    assert browser.post(authenticator_url("change", authenticator.pk), {"name": "new"}).status_code == 403


def test_authenticators_are_found_by_the_key_of_their_user_and_can_be_deleted(browser, authenticator):
    assert "old phone" in page(browser.get(authenticator_url("changelist"), {"q": str(authenticator.user_id)}))
    browser.post(authenticator_url("delete", authenticator.pk), {"post": "yes"})
    assert not Authenticator.objects.exists()
    assert LogEntry.objects.get().action_flag == DELETION


def delete_all(browser, *rows):
    body = {"action": "delete_selected", "_selected_action": [row.pk for row in rows], "post": "yes"}
    assert browser.post(authenticator_url("changelist"), body).status_code == 302


def test_factors_that_are_deleted_together_are_told_one_by_one(browser, authenticator, user, configure):
    configure(TWO_FACTOR={"factors": [TOTP]})
    now = timezone.now()
    device = Authenticator.objects.create(user=user, method="trusted_device", created_at=now, confirmed_at=now)
    delete_all(browser, authenticator, device)
    assert not Authenticator.objects.exists()
    assert ["(old phone)" in notice.body for notice in mail.outbox] == [True]


def test_the_trust_in_a_device_ends_alone(browser, authenticator, user, configure):
    configure(TWO_FACTOR={"factors": [TOTP]})
    now = timezone.now()
    values = {"method": "trusted_device", "created_at": now, "confirmed_at": now}
    devices = [Authenticator.objects.create(user=user, **values) for _ in range(2)]
    told = []

    @receiver(trusted_devices_removed)
    def hear(user, number, request, **facts):
        told.append((user.pk, number, request.path))

    delete_all(browser, devices[0])
    trusted_devices_removed.disconnect(hear)
    assert set(Authenticator.objects.all()) == {authenticator, devices[1]}
    assert told == [(user.pk, 1, authenticator_url("changelist"))]
    assert mail.outbox == []


@pytest.mark.parametrize("values", [{"confirmed_at": None}, {"method": "of another release"}])
def test_what_is_no_factor_is_deleted_and_not_told(browser, authenticator, configure, values):
    configure(TWO_FACTOR={"factors": [TOTP]})
    Authenticator.objects.update(**values)
    delete_all(browser, authenticator)
    assert not Authenticator.objects.exists()
    assert mail.outbox == []


@pytest.mark.parametrize(
    ("model", "hidden"),
    [
        (
            "passwordlesschallengetoken",
            ["identifier", "key", "short_digest", "long_digest", "nonce"],
        ),
        ("phonedevice", ["number"]),
        ("session", ["jti", "previous_jti"]),
        ("authenticator", ["secret", "lookup", "data"]),
    ],
)
def test_what_no_page_shows_cannot_be_found_out_by_filters(browser, user, model, hidden):
    """Letter by letter: whether a row begins with one is told by whether the list has it."""
    url = reverse(f"admin:jwt_drf_passwordless_{model}_changelist")
    for name in hidden:
        for lookup in (name, f"{name}__startswith", f"{name}__gt", f"user__{name}"):
            assert browser.get(url, {lookup: "a"}).status_code == 400
    assert browser.get(url, {"user_id": str(user.pk)}).status_code == 200
