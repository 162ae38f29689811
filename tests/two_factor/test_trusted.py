"""Trusted devices: a login from one needs no second factor, until that ends."""

import json
from datetime import datetime, timedelta

import pytest
import sms
import time_machine
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework_simplejwt.tokens import AccessToken

from jwt_drf_passwordless.conf import settings as package_settings
from jwt_drf_passwordless.models import Authenticator
from jwt_drf_passwordless.two_factor import signals, trusted
from jwt_drf_passwordless.two_factor.checks import WRONG_VALUE, check_two_factor
from jwt_drf_passwordless.two_factor.tickets import enrolment_token
from tests.conftest import SCAN, sent_code, sent_sms_code
from tests.external_2fa.conftest import external, vendor
from tests.external_2fa.providers import CODE
from tests.test_statements import record
from tests.two_factor.conftest import EMAIL, LOGIN_PHONE, PASSWORD, PHONE, enrol
from tests.two_factor.test_email_factor import EMAIL_FACTOR, give_email
from tests.two_factor.test_enrolment import REAUTHENTICATE, ask, register
from tests.two_factor.test_every_first_factor import SAME_PHONE
from tests.two_factor.test_login import claims, outcome

pytestmark = pytest.mark.django_db

__all__ = ["external", "vendor"]

#: In June: without time zones a day is an hour longer or shorter in March.
NOW = 1780315200
DAY = 24 * 3600
AGENT = "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"


@pytest.fixture(autouse=True)
def _thirty_days(two_factor):
    two_factor(trusted_device_days=30)


@pytest.fixture
def ada(person):
    """A user with a second factor who can sign in by password, email and SMS."""
    return person(phone=LOGIN_PHONE, device=PHONE)


@pytest.fixture
def heard():
    """What was told of trusted devices: (name, user's key, number)."""
    events = (signals.trusted_device_added, signals.trusted_device_used, signals.trusted_devices_removed)
    receivers, told = [], []

    def listen(event):
        def receiver(user, **facts):
            told.append((event.name, user.pk, facts.get("number")))

        receivers.append(receiver)
        event.connect(receiver)

    for each in events:
        listen(each)
    yield told
    for each, receiver in zip(events, receivers, strict=True):
        each.disconnect(receiver)


def second_step(api, user, **more):
    """The answer to a login with both factors."""
    body = {"ticket": api.ticket(user), "token": sent_sms_code(), **more}
    return api.call("2fa/token-verify/", body, HTTP_USER_AGENT=AGENT)


def trust(api, user):
    """Trust a device: its token."""
    answer = second_step(api, user, trust_device=True)
    assert (answer.status_code, answer.json().keys()) == (200, {"access", "refresh", "device_token"})
    sms.outbox.clear()
    token: str = answer.json()["device_token"]
    return token


def log_in(api, user, token, *, header=False, password=PASSWORD):
    """A login by password with the token of a device."""
    credentials = api.credentials(user, password)
    if header:
        return api.call("token/", credentials, HTTP_X_DEVICE_TOKEN=token)
    return api.call("token/", {**credentials, "device_token": token})


in_body_and_header = pytest.mark.parametrize("header", [False, True], ids=["body", "header"])


@in_body_and_header
def test_a_login_from_a_trusted_device_needs_no_second_factor(api, ada, header):
    answer = log_in(api, ada, trust(api, ada), header=header)
    assert (answer.status_code, answer.json().keys()) == (200, {"access", "refresh"})
    assert not sms.outbox


def test_its_claims_are_those_of_one_factor(api, ada):
    access = log_in(api, ada, trust(api, ada)).json()["access"]
    assert (claims(access)["amr"], claims(access)["acr"]) == (["pwd"], "aal1")


def test_it_can_be_used_again_and_other_clients_are_asked(api, ada):
    token = trust(api, ada)
    assert [log_in(api, ada, token).status_code for _ in range(2)] == [200, 200]
    assert api.token(ada).status_code == 206


def send_email(api, more, **extra):
    api.request_email(EMAIL)
    body = {package_settings.EMAIL_FIELD_NAME: EMAIL, "token": sent_code(), **more}
    return api.post("exchange/email/", body, **extra)


def send_sms(api, more, **extra):
    api.request_mobile(LOGIN_PHONE)
    body = {package_settings.MOBILE_FIELD_NAME: LOGIN_PHONE, "token": sent_sms_code(), **more}
    return api.post("exchange/mobile/", body, **extra)


def send_either(api, more, **extra):
    api.request_email(EMAIL)
    body = {package_settings.EMAIL_FIELD_NAME: EMAIL, "token": sent_code(), **more}
    return api.post("exchange/", body, **extra)


@in_body_and_header
@pytest.mark.parametrize("way", [send_email, send_sms, send_either])
def test_it_serves_each_passwordless_login(api, ada, way, header):
    token = trust(api, ada)
    answer = way(api, {}, HTTP_X_DEVICE_TOKEN=token) if header else way(api, {"device_token": token})
    assert (answer.status_code, answer.json().keys()) == (200, {"access", "refresh"})
    assert claims(answer.json()["access"])["acr"] == "aal1"
    assert way(api, {}).status_code == 206


def test_it_serves_a_login_by_a_vendors_code(api, ada, external):
    token = trust(api, ada)
    body = {package_settings.MOBILE_FIELD_NAME: LOGIN_PHONE}
    api.post("external/request/", body)
    assert api.post("external/verify/", {**body, "code": CODE, "device_token": token}).status_code == 200


def test_the_older_form_of_the_second_step_can_trust_too(api, ada):
    api.token(ada)
    body = {**api.credentials(ada), "token": sent_sms_code(), "trust_device": True}
    assert "device_token" in api.call("2fa/token-verify/", body).json()


def test_a_form_can_trust_too(client, api, ada):
    form = {"ticket": api.ticket(ada), "token": sent_sms_code(), "trust_device": "true"}
    answer = client.post("/api/2fa/token-verify/", form)
    SCAN.answered(answer)
    assert log_in(api, ada, answer.json()["device_token"]).status_code == 200


def test_a_token_has_256_bits_and_is_another_one_each_time(api, ada):
    tokens = {trust(api, ada) for _ in range(3)}
    assert [len(token) for token in tokens] == [43] * 3  # base64url


def test_the_table_has_a_digest_and_no_token(api, ada):
    token = trust(api, ada)
    row = Authenticator.objects.get()
    assert (row.user_id, row.method, row.name, len(row.lookup)) == (ada.pk, "trusted_device", AGENT, 64)
    assert row.data["network"] == "127.0.0.0/24"
    assert row.secret == ""
    assert token not in json.dumps([row.lookup, row.name, row.data])


@pytest.mark.parametrize(
    ("agent", "name"), [("x" * 300, "x" * 255), ("a\tb\x7fc\xa0d", "abcd"), ("", "")], ids=["long", "control", "empty"]
)
def test_the_name_is_the_printable_beginning_of_the_user_agent(api, ada, agent, name):
    body = {"ticket": api.ticket(ada), "token": sent_sms_code(), "trust_device": True}
    api.call("2fa/token-verify/", body, HTTP_USER_AGENT=agent)
    assert Authenticator.objects.get().name == name


# Not asked for, or off


@pytest.mark.parametrize("wish", [False, None, 1, 0, "1", "yes", "", [], [True], {"a": 1}, "\ud800"], ids=repr)
def test_what_is_no_true_trusts_nothing(api, ada, wish):
    answer = second_step(api, ada, trust_device=wish)
    assert (answer.status_code, answer.json().keys()) == (200, {"access", "refresh"})
    assert not Authenticator.objects.exists()


def test_a_wrong_code_trusts_nothing(api, ada):
    body = {"ticket": api.ticket(ada), "token": "wrong", "trust_device": True}
    assert api.call("2fa/token-verify/", body).status_code == 400
    assert not Authenticator.objects.exists()


def test_a_login_without_a_second_factor_trusts_nothing(api, person):
    user = person(email="eve@example.com")
    assert api.call("token/", {**api.credentials(user), "trust_device": True}).json().keys() == {"access", "refresh"}
    assert not Authenticator.objects.exists()


def test_it_is_off_by_default(api, ada, configure):
    configure(TWO_FACTOR={})
    assert second_step(api, ada, trust_device=True).json().keys() == {"access", "refresh"}
    assert not Authenticator.objects.exists()
    for verb, route in [("GET", ""), ("DELETE", ""), ("DELETE", "1/")]:
        answer = api.send(verb, f"2fa/trusted-devices/{route}", access=api.pair(ada)["access"])
        assert (answer.status_code, answer.json()["code"]) == (404, "method_disabled")


def test_switched_off_it_is_of_no_use(api, ada, two_factor):
    token = trust(api, ada)
    two_factor(trusted_device_days=0)
    assert log_in(api, ada, token).status_code == 206


# What ends it


def test_it_ends_after_its_days_whatever_its_use(api, ada):
    with time_machine.travel(NOW, tick=False) as clock:
        token = trust(api, ada)
        clock.shift(30 * DAY - 1)
        assert log_in(api, ada, token).status_code == 200
        clock.shift(1)
        assert log_in(api, ada, token).status_code == 206


def test_fewer_days_act_at_once(api, ada, two_factor):
    with time_machine.travel(NOW, tick=False) as clock:
        token = trust(api, ada)
        clock.shift(8 * DAY)
        two_factor(trusted_device_days=7)
        assert log_in(api, ada, token).status_code == 206


def test_what_has_expired_is_deleted_when_the_next_one_is_trusted(api, ada):
    with time_machine.travel(NOW, tick=False) as clock:
        trust(api, ada)
        clock.shift(30 * DAY)
        trust(api, ada)
    assert Authenticator.objects.count() == 1


def test_a_copy_is_of_no_use_to_another_user(api, ada, person):
    token = trust(api, ada)
    grace = person(email="grace@example.com", device="+12015550188")
    assert log_in(api, grace, token).status_code == 206
    Authenticator.objects.update(user_id=grace.pk)
    assert log_in(api, grace, token).status_code == 206


def test_a_changed_password_ends_it(api, ada):
    token = trust(api, ada)
    ada.set_password("another horse battery")
    ada.save()
    assert log_in(api, ada, token, password="another horse battery").status_code == 206


@pytest.mark.parametrize("field", ["EMAIL_FIELD_NAME", "MOBILE_FIELD_NAME"])
def test_a_changed_identifier_ends_it(api, ada, field):
    token = trust(api, ada)
    value = {"EMAIL_FIELD_NAME": "lovelace@example.com", "MOBILE_FIELD_NAME": "+12015550144"}[field]
    setattr(ada, getattr(package_settings, field), value)
    ada.save()
    assert log_in(api, ada, token).status_code == 206


def test_a_changed_factor_ends_it(api, ada, heard):
    tokens = [trust(api, ada), trust(api, ada)]
    assert trusted.forget(ada) == 2
    assert [log_in(api, ada, token).status_code for token in tokens] == [206, 206]
    assert heard[-1] == ("trusted_devices_removed", ada.pk, 2)
    assert trusted.forget(ada) == 0


def test_it_goes_with_its_user(api, ada):
    trust(api, ada)
    ada.delete()
    assert not Authenticator.objects.exists()


def test_a_new_key_ends_it_unless_the_old_one_is_a_fallback(api, ada, settings):
    token, old = trust(api, ada), settings.SECRET_KEY
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another key of more than fifty characters, for tests", [old]
    assert log_in(api, ada, token).status_code == 200
    settings.SECRET_KEY_FALLBACKS = []
    assert log_in(api, ada, token).status_code == 206


# What it is not


def test_it_finishes_no_step_up(api, ada):
    token = trust(api, ada)
    access = log_in(api, ada, token).json()["access"]
    answer = api.call("2fa/step-up/", {"device_token": token}, access, HTTP_X_DEVICE_TOKEN=token)
    assert answer.status_code == 206
    for code in (token, token[:6], ""):
        assert api.verify(answer.json()["ticket"], code).status_code == 400
    assert api.send("DELETE", "2fa/phone/", {"device_token": token}, access).status_code == 403


def test_it_is_no_factor(api, person, two_factor):
    user = person(device=PHONE)
    token = trust(api, user)
    user.jwt_drf_passwordless_phone.delete()
    two_factor(required=True)
    assert log_in(api, user, token).json()["code"] == "second_factor_enrolment_required"
    two_factor(required=False)
    assert api.token(user).status_code == 200


def test_a_broken_factor_refuses_it(api, ada):
    token = trust(api, ada)
    type(ada.jwt_drf_passwordless_phone).objects.update(confirmed_at=None)
    assert log_in(api, ada, token).json()["code"] == "second_factor_broken"


def test_the_phone_that_is_both_factors_stays_refused(api, person):
    user = person(phone=LOGIN_PHONE, device=PHONE)
    token = trust(api, user)
    type(user.jwt_drf_passwordless_phone).objects.update(number=LOGIN_PHONE)
    assert outcome(send_sms(api, {"device_token": token})) == SAME_PHONE


# Garbage


GARBAGE = [None, True, 0, 1.5, [], ["x"], {}, {"a": 1}, "", " ", "x", "\x00", "\ud800", "é", "x" * 255, "x" * 5000]


@pytest.mark.parametrize("value", GARBAGE, ids=lambda value: repr(value)[:20])
def test_garbage_in_the_body_is_no_trusted_device(api, ada, value):
    trust(api, ada)
    assert log_in(api, ada, value).status_code == 206
    assert send_email(api, {"device_token": value}).status_code == 206


@pytest.mark.parametrize("value", ["", " ", "x", "é", "x" * 255, "x" * 5000, "a, b"], ids=lambda value: value[:20])
def test_garbage_in_the_header_is_no_trusted_device(api, ada, value):
    trust(api, ada)
    assert log_in(api, ada, value, header=True).status_code == 206


def test_the_header_counts_where_the_body_has_no_text(api, ada):
    token = trust(api, ada)
    credentials = {**api.credentials(ada), "device_token": None}
    assert api.call("token/", credentials, HTTP_X_DEVICE_TOKEN=token).status_code == 200
    credentials["device_token"] = "x"
    assert api.call("token/", credentials, HTTP_X_DEVICE_TOKEN=token).status_code == 206


def test_a_caller_without_a_request_is_asked_for_the_second_factor(ada):
    assert trusted.is_trusted(ada, None) is False
    assert trusted.offer(ada, None) == {}


def test_a_body_that_is_no_object_has_no_token(api, ada, rf):

    request = Request(rf.post("/", "[1]", content_type="application/json"), parsers=[JSONParser()])
    assert trusted.is_trusted(ada, request) is False
    assert trusted.offer(ada, request) == {}


# What it costs


def test_without_a_token_nothing_is_asked(api, ada):
    trust(api, ada)
    assert record(lambda: api.token(ada)) == (206, ["SELECT", "SELECT", "SELECT", "UPDATE"])


def test_a_token_costs_one_statement_right_or_wrong(api, ada):
    token = trust(api, ada)
    assert record(lambda: log_in(api, ada, token)) == (200, ["SELECT", "SELECT", "UPDATE"])
    assert record(lambda: log_in(api, ada, "x" * 43)) == (206, ["SELECT", "SELECT", "UPDATE", "SELECT", "UPDATE"])


# The list


def own(api, user, verb="GET", route="", **extra):
    return api.send(verb, f"2fa/trusted-devices/{route}", access=api.pair(user)["access"], **extra)


def test_the_list_shows_the_users_devices_the_newest_first(api, ada, person):
    grace = person(email="grace@example.com", device="+12015550188")
    with time_machine.travel(NOW, tick=False) as clock:
        trust(api, grace)
        first = trust(api, ada)
        clock.shift(DAY)
        trust(api, ada)
        clock.shift(DAY)
        log_in(api, ada, first)
        answer = own(api, ada)
    assert answer.status_code == 200
    newest, oldest = answer.json()
    pks = list(Authenticator.objects.filter(user=ada).order_by("-pk").values_list("pk", flat=True))
    assert [newest.pop("id"), oldest.pop("id")] == pks
    created, used, ends = (
        datetime.fromisoformat(oldest[name].replace("Z", "+00:00"))
        for name in ("created_at", "last_used_at", "expires_at")
    )
    assert created.timestamp() == NOW
    assert (used - created, ends - created) == (timedelta(days=2), timedelta(days=30))
    assert (oldest["name"], oldest["network"]) == (AGENT, "127.0.0.0/24")
    assert newest.keys() == {"name", "network", "created_at", "last_used_at", "expires_at"}


def test_the_list_leaves_out_what_has_ended(api, ada):
    with time_machine.travel(NOW, tick=False) as clock:
        trust(api, ada)
        clock.shift(30 * DAY)
        assert own(api, ada).json() == []
        trust(api, ada)
        assert len(own(api, ada).json()) == 1
        ada.set_password(PASSWORD)
        ada.save()
        assert own(api, ada).json() == []


def test_one_can_be_ended(api, ada, heard):
    kept, ended = trust(api, ada), trust(api, ada)
    pk = own(api, ada).json()[0]["id"]
    answer = own(api, ada, "DELETE", f"{pk}/")
    assert (answer.status_code, answer.content) == (204, b"")
    assert [log_in(api, ada, token).status_code for token in (kept, ended)] == [200, 206]
    assert own(api, ada, "DELETE", f"{pk}/").status_code == 404
    names = [name for name, *_ in heard]
    assert names == [*["trusted_device_added"] * 2, "trusted_devices_removed", "trusted_device_used"]
    assert heard[2] == ("trusted_devices_removed", ada.pk, 1)


def test_all_can_be_ended(api, ada, person):
    grace = person(email="grace@example.com", device="+12015550188")
    tokens = [trust(api, ada), trust(api, ada)]
    hers = trust(api, grace)
    assert own(api, ada, "DELETE").status_code == 204
    assert [log_in(api, ada, token).status_code for token in tokens] == [206, 206]
    assert log_in(api, grace, hers).status_code == 200
    assert own(api, ada, "DELETE").status_code == 204


def test_those_of_others_are_a_404(api, ada, person):
    grace = person(email="grace@example.com", device="+12015550188")
    token = trust(api, grace)
    pk = Authenticator.objects.get().pk
    for route in (f"{pk}/", f"{pk + 1}/", "0/", f"{10**30}/"):
        answer = own(api, ada, "DELETE", route)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert log_in(api, grace, token).status_code == 200


def test_other_authenticators_are_no_devices(api, ada):
    trust(api, ada)
    Authenticator.objects.update(method="totp")
    pk = Authenticator.objects.get().pk
    assert own(api, ada).json() == []
    assert own(api, ada, "DELETE", f"{pk}/").status_code == 404
    assert own(api, ada, "DELETE").status_code == 204
    assert Authenticator.objects.exists()


@pytest.mark.parametrize(("verb", "route"), [("GET", ""), ("DELETE", ""), ("DELETE", "1/")])
def test_the_list_needs_a_whole_token(api, ada, verb, route):
    for access in (None, enrolment_token(ada)):
        answer = api.send(verb, f"2fa/trusted-devices/{route}", access=access)
        assert answer.status_code == 401
        assert answer.headers["Cache-Control"] == "no-store"


def test_the_verbs(api, ada):
    access = api.pair(ada)["access"]
    for route, verbs, others in [
        ("", "GET, DELETE, OPTIONS", ("HEAD", "POST", "PUT", "PATCH")),
        ("1/", "DELETE, OPTIONS", ("GET", "HEAD", "POST", "PUT", "PATCH")),
    ]:
        for verb in others:
            answer = api.send(verb, f"2fa/trusted-devices/{route}", access=access)
            assert (answer.status_code, answer.headers["Allow"]) == (405, verbs)
        assert api.send("OPTIONS", f"2fa/trusted-devices/{route}", access=access).status_code == 200


def test_ending_is_limited_as_uses_of_codes_are(api, ada, configure):
    configure(DECORATORS={"token_redeem_rate_limit_decorator": "tests.two_factor.test_http.refuse_all"})
    access = str(AccessToken.for_user(ada))
    assert api.send("DELETE", "2fa/trusted-devices/", access=access).status_code == 429
    assert api.send("DELETE", "2fa/trusted-devices/1/", access=access).status_code == 429
    assert api.send("GET", "2fa/trusted-devices/", access=access).status_code == 200


# The setting


@pytest.mark.parametrize(("days", "is_right"), [(0, True), (1, True), (90, True), (91, False), (-1, False)])
def test_days_are_bounded(two_factor, days, is_right):

    two_factor(trusted_device_days=days)
    assert (WRONG_VALUE not in [found.id for found in check_two_factor()]) is is_right


@pytest.mark.parametrize("days", [True, "30", 7.0, None], ids=repr)
def test_days_are_a_whole_number(two_factor, days):

    two_factor(trusted_device_days=days)
    assert WRONG_VALUE in [found.id for found in check_two_factor()]


def test_a_phone_that_is_enrolled_later_does_not_bring_it_back(api, ada):
    token = trust(api, ada)
    trusted.forget(ada)
    ada.jwt_drf_passwordless_phone.delete()
    enrol(ada, "+12015550188")
    assert log_in(api, ada, token).status_code == 206


def test_a_replaced_phone_ends_it(api, ada):
    token = trust(api, ada)
    access = api.pair(ada)["access"]
    ask(api, access, "+12015550188")
    assert register(api, access, "+12015550188").status_code == 204
    assert log_in(api, ada, token).status_code == 206


def test_a_login_that_a_device_has_spared_the_second_factor_changes_no_factor(api, person, two_factor):
    """Also where that one never makes a login one of two factors."""
    two_factor(factors=[EMAIL_FACTOR])
    user = person()
    give_email(user)
    answer = api.call("2fa/token-verify/", {"ticket": api.ticket(user), "token": sent_code(), "trust_device": True})
    spared = api.call("token/", {**api.credentials(user), "device_token": answer.json()["device_token"]}).json()
    assert (claims(spared["access"])["trusted_device"], "trusted_device" in claims(answer.json()["access"])) == (
        True,
        False,
    )
    route = f"2fa/factors/email/{Authenticator.objects.get(method='email').pk}/"
    assert outcome(api.send("DELETE", route, access=spared["access"])) == REAUTHENTICATE
    raised = api.call("2fa/step-up/", access=spared["access"]).json()["ticket"]
    access = api.verify(raised, sent_code()).json()["access"]
    assert api.send("DELETE", route, access=access).status_code == 204
