"""Authenticator apps: enrolment, codes of the present, once each, secrets sealed under keys that can be changed."""

import hashlib
import hmac
import re
import struct
import time
from base64 import b32decode
from datetime import datetime, timezone
from io import StringIO
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree

import pytest
import sms
import time_machine
from django.conf import settings as django_settings
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import connection

from jwt_drf_passwordless.exceptions import InvalidCredentials
from jwt_drf_passwordless.models import Authenticator, PasswordlessChallengeToken
from jwt_drf_passwordless.two_factor import keys
from jwt_drf_passwordless.two_factor.checks import check_two_factor, check_two_factor_deployment
from jwt_drf_passwordless.two_factor.totp import TotpFactor, matching_step
from tests.conftest import SCAN, sent_sms_code
from tests.test_interleaving import meanwhile
from tests.test_races import crowd
from tests.two_factor.conftest import LOGIN_PHONE, PHONE, TwoFactorApi, enrol
from tests.two_factor.test_every_first_factor import BROKEN, WAYS, by_email_code, every_way, holder, tokens
from tests.two_factor.test_login import INVALID, claims, outcome
from tests.two_factor.test_several_factors import PHONE_FACTOR, finish
from tests.two_factor.test_step_up import with_claims

pytestmark = pytest.mark.django_db

__all__ = ["crowd", "holder", "tokens"]

TOTP = "jwt_drf_passwordless.two_factor.totp.TotpFactor"
RECOVERY = "jwt_drf_passwordless.two_factor.recovery.RecoveryCodeFactor"
#: A secret of RFC 6238, appendix B, in base 32.
RFC_SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
DOCS = Path(__file__).parent.parent.parent / "docs"
LONG_AGO = datetime(2026, 1, 1, tzinfo=timezone.utc if django_settings.USE_TZ else None)
OLD, NEW = "an old key of more than thirty-two characters", "a new key of more than thirty-two characters"
UNAVAILABLE = (400, {"detail": "This second factor cannot be added to your account.", "code": "factor_unavailable"})


def code_at(secret, moment):
    """The code of a Unix time, made here."""
    digest = hmac.new(b32decode(secret), struct.pack(">Q", int(moment) // 30), hashlib.sha1).digest()
    offset = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[offset : offset + 4])[0] & 0x7FFFFFFF) % 1000000:06}"


def code_of(secret, steps=0):
    """The code of now, or of so many steps later."""
    return code_at(secret, time.time() + 30 * steps)


def wrong_code(secret):
    return next(
        code for code in map("{:06}".format, range(9)) if code not in {code_of(secret, n) for n in range(-3, 4)}
    )


def give_app(user, secret=SECRET):
    """Store an app that was confirmed long ago."""
    SCAN.tokens.add(secret)
    sealed = keys.seal("totp", user.pk, secret.encode())
    return Authenticator.objects.create(
        user=user, method="totp", secret=sealed, created_at=LONG_AGO, confirmed_at=LONG_AGO
    )


def refused_as_stale(answer):
    return (answer.status_code, answer.json()["code"]) == (403, "reauthentication_required")


@pytest.fixture(autouse=True)
def _apps(two_factor):
    two_factor(factors=[TOTP, PHONE_FACTOR])


@pytest.fixture
def clock():
    """Time that stands still, at the beginning of a time step."""
    with time_machine.travel(int(time.time()) // 30 * 30, tick=False) as traveller:
        yield traveller


@pytest.fixture
def mary(person, clock):
    """A user with an app."""
    user = person(email="mary@example.com")
    give_app(user)
    return user


def begin(api, access):
    return api.call("2fa/factors/totp/", access=access)


def confirm(api, access, code, **more):
    return api.call("2fa/factors/totp/confirm/", {"token": code, **more}, access)


def signed_in(api, user, steps=0):
    """An access token of a login with the app."""
    answer = finish(api, api.ticket(user), code_of(SECRET, steps))
    assert answer.status_code == 200
    return answer.json()["access"]


def test_an_app_without_a_name_has_none(api, ada):
    access = api.pair(ada)["access"]
    secret = begin(api, access).json()["secret"]
    assert confirm(api, access, code_of(secret)).json()["name"] == ""


def test_the_qr_code_is_an_element_for_a_page(api, ada):
    image = begin(api, api.pair(ada)["access"]).json()["qr_svg"]
    assert (image[:5], image[-6:]) == ("<svg ", "</svg>")
    assert 'transform="scale(4)"' in image


def test_an_enrolment_that_begins_anew_leaves_nothing_of_the_old_one(api, ada):
    access = api.pair(ada)["access"]
    begin(api, access)
    begin(api, access)
    assert Authenticator.objects.count() == 1


def test_an_enrolment_that_begins_ends_nobody_elses(api, ada, grace):
    mine, theirs = api.pair(ada)["access"], api.pair(grace)["access"]
    secret = begin(api, mine).json()["secret"]
    begin(api, theirs)
    assert confirm(api, mine, code_of(secret)).status_code == 201


def test_an_enrolment_that_begins_ends_none_of_another_kind(api, ada):
    give_app(ada)
    Authenticator.objects.update(method="word", confirmed_at=None)
    begin(api, api.pair(ada)["access"])
    assert set(Authenticator.objects.values_list("method", flat=True)) == {"word", "totp"}


def test_a_factor_knows_at_once_what_it_has_stored(ada, clock):
    factor = TotpFactor()
    assert not factor.rows(ada)
    factor.create(ada)
    assert factor.rows(ada)


def test_an_app_that_is_removed_meanwhile_is_not_found(api, mary):
    row = Authenticator.objects.get()
    access = signed_in(api, mary)
    with meanwhile("DELETE FROM", lambda: Authenticator.objects.all().delete(), Authenticator):
        assert api.send("DELETE", f"2fa/factors/totp/{row.pk}/", access=access).status_code == 404


# Codes


@pytest.mark.parametrize(
    ("moment", "code"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_the_vectors_of_rfc_6238(moment, code):
    with time_machine.travel(moment, tick=False):
        assert matching_step(RFC_SECRET, code, after=0) == moment // 30


@pytest.mark.parametrize(("steps", "status"), [(-2, 400), (-1, 200), (0, 200), (1, 200), (2, 400)])
@pytest.mark.parametrize("second", [0, 29])
def test_a_code_is_good_one_step_too_early_or_too_late(api, mary, clock, steps, status, second):
    clock.shift(second)
    assert finish(api, api.ticket(mary), code_of(SECRET, steps)).status_code == status


def test_a_code_works_once(api, mary):
    code = code_of(SECRET)
    assert finish(api, api.ticket(mary), code).status_code == 200
    assert outcome(finish(api, api.ticket(mary), code)) == INVALID


def test_the_code_before_the_one_that_was_used_is_void(api, mary, clock):
    before, now, after = (code_of(SECRET, steps) for steps in (-1, 0, 1))
    assert finish(api, api.ticket(mary), now).status_code == 200
    clock.shift(30)
    assert outcome(finish(api, api.ticket(mary), before)) == INVALID
    assert outcome(finish(api, api.ticket(mary), now)) == INVALID
    assert finish(api, api.ticket(mary), after).status_code == 200


def test_a_clock_that_is_set_back_makes_no_code_good_again(api, mary, clock):
    used = code_of(SECRET)
    assert finish(api, api.ticket(mary), used).status_code == 200
    clock.shift(-3600)
    for code in (used, code_of(SECRET)):
        assert outcome(finish(api, api.ticket(mary), code)) == INVALID
    clock.shift(3600 + 30)
    assert finish(api, api.ticket(mary), code_of(SECRET)).status_code == 200


@pytest.mark.parametrize(("moment", "step"), [(-100, None), (-1, None), (0, None), (29, None), (30, 1), (59, 1)])
def test_there_is_no_step_before_the_first(moment, step):
    with time_machine.travel(moment, tick=False):
        assert matching_step(SECRET, code_at(SECRET, max(moment, 0)), after=0) == step


@pytest.mark.parametrize("code", ["12345", "1234567", "12345a", "１２３４５６", "-12345", "      "])
def test_what_cannot_be_a_code_costs_no_try(api, mary, code):
    answer = finish(api, api.ticket(mary), code)
    assert (answer.status_code, answer.json().keys()) == (400, {"token"})
    assert PasswordlessChallengeToken.objects.get().tries == 0


@pytest.mark.parametrize("separator", [" ", "-", "  "])
def test_people_may_put_spaces_into_a_code(api, mary, separator):
    code = code_of(SECRET)
    assert finish(api, api.ticket(mary), f"{code[:3]}{separator}{code[3:]}").status_code == 200


def test_a_login_names_what_was_proven_and_sends_nothing(api, mary):
    body = api.token(mary).json()
    assert (body["methods"], body["sent"], body["detail"]) == (
        ["totp"],
        False,
        "Two Factor Token verification expected.",
    )
    token = claims(finish(api, body["ticket"], code_of(SECRET)).json()["access"])
    assert (token["amr"], token["acr"]) == (["pwd", "otp", "mfa"], "aal2")
    assert not sms.outbox


@every_way
def test_after_every_first_factor_no_token_exists_before_the_code(api, holder, configure, tokens, clock, way):
    give_app(holder)
    answer = way(api, configure)
    assert (answer.status_code, answer.json()["methods"], tokens()) == (206, ["totp"], 0)
    ticket = answer.json()["ticket"]
    assert (outcome(finish(api, ticket, wrong_code(SECRET))), tokens()) == (INVALID, 0)
    pair = finish(api, ticket, code_of(SECRET))
    assert (pair.status_code, tokens()) == (200, 1)
    token = claims(pair.json()["access"])
    assert (token["amr"], token["acr"]) == (list(dict.fromkeys([*WAYS[way], "otp", "mfa"])), "aal2")


def test_a_session_steps_up_by_it(api, mary, clock):
    access = signed_in(api, mary)
    clock.shift(30)
    ticket = api.call("2fa/step-up/", access=access).json()["ticket"]
    assert claims(finish(api, ticket, code_of(SECRET)).json()["access"])["acr"] == "aal2"


# Enrolment


def test_an_app_is_begun_and_confirmed(api, ada, clock):
    access = api.pair(ada)["access"]
    begun = begin(api, access)
    assert begun.status_code == 200
    body = begun.json()
    assert body.keys() == {"method", "secret", "otpauth_uri", "qr_svg"}
    assert body["method"] == "totp"
    assert len(b32decode(body["secret"])) == 20

    confirmed = confirm(api, access, code_of(body["secret"]), name="my phone")
    assert confirmed.status_code == 201
    entry = confirmed.json()
    assert entry.keys() == {"id", "method", "name", "created_at", "last_used_at"}
    assert (entry["method"], entry["name"]) == ("totp", "my phone")

    clock.shift(30)
    ticket = api.ticket(ada)
    assert finish(api, ticket, code_of(body["secret"])).status_code == 200


def test_the_code_of_the_enrolment_is_spent(api, ada, clock):
    access = api.pair(ada)["access"]
    secret = begin(api, access).json()["secret"]
    code = code_of(secret)
    confirm(api, access, code)
    assert outcome(finish(api, api.ticket(ada), code)) == INVALID


def uri_of(api, user):
    return begin(api, api.pair(user)["access"]).json()


def test_the_uri_says_what_all_apps_support(api, ada, configure):
    configure(SITE_NAME="Shop & Co")
    body = uri_of(api, ada)
    parts = urlsplit(body["otpauth_uri"])
    assert (parts.scheme, parts.netloc, unquote(parts.path)) == ("otpauth", "totp", "/Shop & Co:ada@example.com")
    assert parse_qs(parts.query) == {"secret": [body["secret"]], "issuer": ["Shop & Co"]}
    assert "+" not in parts.query


@pytest.mark.parametrize(
    ("options", "label"), [({}, "/ada@example.com"), ({"issuer": "Shop: the app"}, "/Shop  the app:ada@example.com")]
)
def test_the_issuer_is_an_option(api, ada, two_factor, options, label):
    two_factor(totp=options)
    assert unquote(urlsplit(uri_of(api, ada)["otpauth_uri"]).path) == label


@pytest.mark.parametrize("phone", [None, LOGIN_PHONE])
def test_who_has_no_address_is_named_by_the_number_or_user_name(api, person, phone):
    user = person(email="x@example.com", phone=phone)
    access = api.pair(user)["access"]
    type(user).objects.filter(pk=user.pk).update(**{user.get_email_field_name(): ""})
    user.refresh_from_db()
    path = unquote(urlsplit(begin(api, access).json()["otpauth_uri"]).path)
    # pyotp's word for who has no name at all.
    assert path == f"/{phone or user.get_username() or 'Secret'}"


def test_the_qr_code_is_svg_and_holds_the_longest_names(api, ada, two_factor):
    two_factor(totp={"issuer": "\N{GRINNING FACE}" * 500})
    image = ElementTree.fromstring(uri_of(api, ada)["qr_svg"])  # noqa: S314 - our own
    assert image.tag == "{http://www.w3.org/2000/svg}svg"


def test_what_is_not_confirmed_protects_and_proves_nothing(api, ada, clock):
    access = api.pair(ada)["access"]
    begin(api, access)
    assert api.call("token/", api.credentials(ada)).status_code == 200
    assert api.send("GET", "2fa/factors/", access=access).json()["factors"] == []
    assert Authenticator.objects.get().confirmed_at is None


def test_who_must_have_a_factor_can_begin_by_it(api, ada, two_factor, clock):
    two_factor(required=True)
    access = api.token(ada).json()["enrolment_token"]
    secret = begin(api, access).json()["secret"]
    assert confirm(api, access, code_of(secret)).status_code == 201
    clock.shift(30)
    assert finish(api, api.ticket(ada), code_of(secret)).status_code == 200


def test_a_new_beginning_voids_the_one_before(api, ada, clock):
    access = api.pair(ada)["access"]
    first = begin(api, access).json()["secret"]
    second = begin(api, access).json()["secret"]
    assert first != second
    assert outcome(confirm(api, access, code_of(first))) == INVALID
    assert confirm(api, access, code_of(second)).status_code == 201
    assert Authenticator.objects.count() == 1


def test_nothing_can_be_confirmed_that_was_not_begun(api, ada, clock):
    access = api.pair(ada)["access"]
    assert outcome(confirm(api, access, "123456")) == INVALID
    begin(api, access)
    Authenticator.objects.all().delete()
    assert outcome(confirm(api, access, "123456")) == INVALID


def test_an_app_that_was_begun_anew_meanwhile_is_not_stored(api, ada, clock):
    access = api.pair(ada)["access"]
    begin(api, access)
    challenge = PasswordlessChallengeToken.objects.get(purpose="enrol_totp")
    factor = TotpFactor()
    overtaken = factor.pending(ada)
    Authenticator.objects.filter(pk=overtaken.pk).delete()
    with pytest.raises(InvalidCredentials) as refused:
        factor.store(ada, challenge, {})
    assert refused.value.reason == "raced"
    begin(api, access)
    with pytest.raises(InvalidCredentials):
        factor.store(ada, challenge, {})
    assert not Authenticator.objects.exclude(confirmed_at=None).exists()


def test_an_enrolment_takes_five_codes(api, ada, clock):
    access = api.pair(ada)["access"]
    secret = begin(api, access).json()["secret"]
    for _ in range(5):
        assert outcome(confirm(api, access, wrong_code(secret))) == INVALID
    assert outcome(confirm(api, access, code_of(secret))) == INVALID
    assert confirm(api, access, "12345").json().keys() == {"token"}


def test_an_enrolment_ends_after_ten_minutes(api, ada, clock):
    access = api.pair(ada)["access"]
    secret = begin(api, access).json()["secret"]
    clock.shift(601)
    assert outcome(confirm(api, api.pair(ada)["access"], code_of(secret))) == INVALID


def test_a_new_app_takes_the_place_of_the_old_one_once_it_is_confirmed(api, mary, clock):
    access = signed_in(api, mary)
    new = begin(api, access).json()["secret"]
    clock.shift(30)
    assert outcome(finish(api, api.ticket(mary), code_of(new))) == INVALID
    assert finish(api, api.ticket(mary), code_of(SECRET)).status_code == 200

    assert confirm(api, access, code_of(new)).status_code == 201
    clock.shift(30)
    assert outcome(finish(api, api.ticket(mary), code_of(SECRET))) == INVALID
    assert finish(api, api.ticket(mary), code_of(new)).status_code == 200
    assert Authenticator.objects.count() == 1


def test_an_app_can_be_listed_renamed_and_removed(api, mary):
    access = signed_in(api, mary)
    body = api.send("GET", "2fa/factors/", access=access).json()
    (entry,) = body["factors"]
    assert entry.keys() == {"id", "method", "name", "created_at", "last_used_at"}
    assert body["available"] == ["totp", "phone"]
    route = f"2fa/factors/totp/{entry['id']}/"
    renamed = api.send("PATCH", route, {"name": "new phone"}, access)
    assert (renamed.status_code, renamed.json()) == (200, {**entry, "name": "new phone"})
    assert api.send("GET", "2fa/factors/", access=access).json()["factors"] == [renamed.json()]
    assert api.send("DELETE", route, access=access).status_code == 204
    assert not Authenticator.objects.exists()
    assert api.token(mary).status_code == 200


def test_a_code_of_a_step_up_removes_it(api, mary, clock):
    access = signed_in(api, mary)
    clock.shift(299)
    api.call("2fa/step-up/", access=access)
    route = f"2fa/factors/totp/{Authenticator.objects.get().pk}/"
    assert outcome(api.send("DELETE", route, {"token": wrong_code(SECRET)}, access)) == INVALID
    assert api.send("DELETE", route, {"token": code_of(SECRET)}, access).status_code == 204


def stale(user):
    """An access token of a login with two factors, 301 seconds ago."""
    return with_claims(user, amr=["pwd", "otp", "mfa"], acr="aal2", auth_time=int(time.time()) - 301)


def test_an_old_proof_adds_replaces_and_removes_nothing(api, mary):
    secret = begin(api, signed_in(api, mary)).json()["secret"]
    access = stale(mary)
    route = f"2fa/factors/totp/{Authenticator.objects.exclude(confirmed_at=None).get().pk}/"
    assert refused_as_stale(begin(api, access))
    assert refused_as_stale(confirm(api, access, code_of(secret)))
    assert refused_as_stale(api.send("DELETE", route, access=access))


def test_a_session_without_the_app_adds_replaces_and_removes_nothing(api, ada, clock):
    access = api.pair(ada)["access"]
    app = give_app(ada)
    assert refused_as_stale(begin(api, access))
    assert refused_as_stale(confirm(api, access, "123456"))
    assert refused_as_stale(api.send("DELETE", f"2fa/factors/totp/{app.pk}/", access=access))


def test_a_session_from_before_the_app_cannot_step_up_by_it(api, ada, clock):
    stolen = api.pair(ada)["access"]
    clock.shift(1)
    secret = begin(api, stolen).json()["secret"]
    confirm(api, stolen, code_of(secret))
    assert refused_as_stale(api.call("2fa/step-up/", access=stolen))


HOSTILE = [None, 1, 123456, True, [], ["123456"], {}, {"a": [{}]}, "", "\x00" * 6, "\ud800" * 6, "1" * 9000, "٣" * 6]


@pytest.mark.parametrize("token", HOSTILE, ids=lambda token: repr(token)[:20])
@pytest.mark.parametrize("route", ["totp", "recovery_code", "email"])
def test_hostile_proofs_are_refused(api, ada, two_factor, route, token):
    two_factor(factors=[TOTP, RECOVERY, "jwt_drf_passwordless.two_factor.email.EmailFactor"])
    access = api.pair(ada)["access"]
    api.call(f"2fa/factors/{route}/", {"token": token, "name": token}, access)
    assert api.call(f"2fa/factors/{route}/confirm/", {"token": token}, access).status_code == 400
    give_app(ada)
    body = {"ticket": api.ticket(ada), "token": token, "method": route}
    assert api.call("2fa/token-verify/", body).status_code == 400


# Wrong tries


@pytest.fixture
def wait(configure):
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=60)


def test_a_new_first_factor_gives_no_new_tries(api, mary, wait):
    for _ in range(5):
        assert outcome(finish(api, api.ticket(mary), wrong_code(SECRET))) == INVALID
    answer = api.token(mary)
    assert answer.status_code == 206
    assert outcome(finish(api, answer.json()["ticket"], code_of(SECRET))) == INVALID


def test_tries_of_the_body_with_the_password_count_as_well(api, mary, wait):
    api.token(mary)
    for _ in range(5):
        body = {**api.credentials(mary), "token": wrong_code(SECRET)}
        assert outcome(api.call("2fa/token-verify/", body)) == INVALID
    assert outcome(finish(api, api.ticket(mary), code_of(SECRET))) == INVALID


def test_the_owner_is_locked_for_the_wait_and_no_longer(api, mary, wait, clock):
    for _ in range(5):
        finish(api, api.ticket(mary), wrong_code(SECRET))
    clock.shift(59)
    assert outcome(finish(api, api.ticket(mary), code_of(SECRET))) == INVALID
    clock.shift(2)
    assert finish(api, api.ticket(mary), code_of(SECRET)).status_code == 200


def test_a_challenge_that_has_expired_begins_anew_within_the_wait(api, mary, configure, clock):
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=3600)
    old = api.ticket(mary)
    clock.shift(601)
    answer = api.token(mary)
    assert answer.status_code == 206
    assert finish(api, old, code_of(SECRET)).status_code == 401
    assert finish(api, answer.json()["ticket"], code_of(SECRET)).status_code == 200


def test_a_text_message_can_be_asked_for_instead_at_once_and_the_tries_stay(api, mary, wait):
    enrol(mary)
    ticket = api.ticket(mary)
    for _ in range(4):
        finish(api, ticket, wrong_code(SECRET))
    assert api.call("2fa/resend/", {"ticket": ticket, "method": "phone"}).status_code == 204
    assert sms.outbox[-1].recipients == [PHONE]
    assert PasswordlessChallengeToken.objects.get().tries == 4
    assert api.call("2fa/resend/", {"ticket": ticket, "method": "phone"}).status_code == 429
    assert finish(api, ticket, sent_sms_code(), "phone").status_code == 200


def test_an_app_has_nothing_to_send_again(api, mary):
    ticket = api.ticket(mary)
    assert api.call("2fa/resend/", {"ticket": ticket}).status_code == 204
    assert (sms.outbox, finish(api, ticket, code_of(SECRET)).status_code) == ([], 200)


# Secrets


def table():
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {Authenticator._meta.db_table}")  # noqa: S608
        return str(cursor.fetchall())


def test_no_table_and_no_log_has_the_secret(api, ada, clock, caplog):
    access = api.pair(ada)["access"]
    secret = begin(api, access).json()["secret"]
    assert (secret in SCAN.tokens, secret in table()) == (True, False)
    confirm(api, access, code_of(secret))
    clock.shift(30)
    finish(api, api.ticket(ada), code_of(secret))
    assert b32decode(secret).hex() not in table()
    assert [secret in text for text in (table(), caplog.text)] == [False, False]


def test_a_secret_that_is_copied_to_another_account_is_broken(api, mary, person):
    other = person(email="eve@example.com")
    give_app(other, RFC_SECRET)
    Authenticator.objects.filter(user=mary).update(secret=Authenticator.objects.get(user=other).secret)
    assert outcome(api.token(mary)) == BROKEN


@pytest.mark.parametrize("sealed", ["", "x", "not sealed at all", "A" * 120])
@pytest.mark.parametrize("first", [lambda api, configure, user: api.token(user), None], ids=["password", "email"])
def test_a_secret_that_cannot_be_opened_refuses_each_login(api, person, configure, caplog, sealed, first):
    user = person()
    give_app(user)
    Authenticator.objects.update(secret=sealed)
    answer = first(api, configure, user) if first else by_email_code(api, configure)
    assert outcome(answer) == BROKEN
    (line,) = [one.getMessage() for one in caplog.records if one.name.endswith("two_factor.totp")]
    assert line == f"The authenticator app of the user {user.pk} is sealed under no key in use"


def test_another_factor_is_no_way_past_a_broken_app(api, mary):
    enrol(mary)
    Authenticator.objects.update(secret="x")
    assert outcome(api.token(mary)) == BROKEN


def test_a_broken_beginning_can_be_begun_anew(api, ada, clock):
    access = api.pair(ada)["access"]
    begin(api, access)
    Authenticator.objects.update(secret="x")
    assert outcome(confirm(api, access, "123456")) == BROKEN
    assert api.token(ada).status_code == 200
    assert confirm(api, access, code_of(begin(api, access).json()["secret"])).status_code == 201


@pytest.fixture
def under_old_key(two_factor, mary):
    """The app of mary, sealed under `OLD`."""
    two_factor(encryption_keys=[OLD])
    Authenticator.objects.all().delete()
    return give_app(mary)


def test_an_older_key_opens_and_the_next_use_seals_anew(api, mary, under_old_key, two_factor, clock):
    two_factor(encryption_keys=[NEW, OLD])
    assert finish(api, api.ticket(mary), code_of(SECRET)).status_code == 200
    two_factor(encryption_keys=[NEW])
    clock.shift(30)
    assert finish(api, api.ticket(mary), code_of(SECRET)).status_code == 200


def test_a_wrong_code_seals_nothing_anew(api, mary, under_old_key, two_factor):
    two_factor(encryption_keys=[NEW, OLD])
    assert outcome(finish(api, api.ticket(mary), wrong_code(SECRET))) == INVALID
    assert Authenticator.objects.get().secret == under_old_key.secret


def test_without_the_older_key_the_factor_is_broken(api, mary, under_old_key, two_factor):
    two_factor(encryption_keys=[NEW])
    assert outcome(api.token(mary)) == BROKEN


def test_without_keys_of_its_own_it_is_sealed_under_those_of_django(api, mary, settings, two_factor):
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW, [settings.SECRET_KEY]
    assert finish(api, api.ticket(mary), code_of(SECRET)).status_code == 200
    settings.SECRET_KEY_FALLBACKS = []
    assert api.token(mary).status_code == 206
    two_factor(encryption_keys=[OLD])
    assert outcome(api.token(mary)) == BROKEN
    two_factor(encryption_keys=[OLD, NEW])
    assert api.token(mary).status_code == 206


# The command


def reseal():
    out = StringIO()
    call_command("passwordless_reseal", stdout=out)
    return out.getvalue()


def test_the_command_seals_all_anew(api, mary, under_old_key, two_factor, make_user):
    two_factor(encryption_keys=[OLD])
    mine = {"user": mary, "method": "totp", "created_at": LONG_AGO}
    Authenticator.objects.bulk_create(Authenticator(**mine, secret=under_old_key.secret) for _ in range(1000))
    Authenticator.objects.create(**mine)
    two_factor(encryption_keys=[NEW, OLD])
    assert reseal() == "Sealed anew: 1001.\n"
    assert reseal() == "Sealed anew: 0.\n"
    two_factor(encryption_keys=[NEW])
    assert finish(api, api.ticket(mary), code_of(SECRET)).status_code == 200


def test_the_command_fails_when_a_secret_cannot_be_opened(mary, under_old_key, two_factor, person):
    two_factor(encryption_keys=[NEW])
    give_app(person(email="eve@example.com"))
    with pytest.raises(CommandError, match=re.escape("Sealed under no key in use: 1.")):
        reseal()


def test_the_command_counts_all_that_it_cannot_open_and_seals_the_others_anew(under_old_key, two_factor, person):
    two_factor(encryption_keys=[OLD])
    third = give_app(person(email="eve@example.com"))
    second = give_app(person(email="bob@example.com"))
    Authenticator.objects.filter(pk__in=[under_old_key.pk, second.pk]).update(secret="sealed by nobody")
    last = give_app(person(email="dan@example.com"))
    two_factor(encryption_keys=[NEW, OLD])
    with pytest.raises(CommandError, match=re.escape("Sealed under no key in use: 2.")):
        reseal()
    two_factor(encryption_keys=[NEW])
    assert [keys.unseal(Authenticator.objects.get(pk=row.pk)) for row in (third, last)] == [SECRET.encode()] * 2


def test_the_command_leaves_a_secret_that_has_changed_meanwhile(under_old_key, two_factor):
    two_factor(encryption_keys=[NEW, OLD])
    another = keys.seal("totp", under_old_key.user_id, b"another")
    with meanwhile("UPDATE", lambda: Authenticator.objects.update(secret=another), Authenticator):
        assert reseal() == "Sealed anew: 0.\n"
    assert Authenticator.objects.get().secret == another


def test_the_command_needs_no_second_factors_to_be_on(mary, configure):
    configure(TWO_FACTOR=None)
    assert reseal() == "Sealed anew: 0.\n"


# Checks


def ids(found):
    return [message.id.rpartition(".")[2] for message in found]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({}, []),
        ({"totp": {}}, []),
        ({"totp": {"issuer": "Shop"}}, []),
        ({"totp": {"issuer": 1}}, ["E021"]),
        ({"totp": {"issue": "Shop"}}, ["E021"]),
        ({"totp": None}, ["E021"]),
        ({"encryption_keys": [NEW]}, []),
        ({"encryption_keys": (NEW, OLD)}, []),
        ({"encryption_keys": []}, ["E021"]),
        ({"encryption_keys": NEW}, ["E021"]),
        ({"encryption_keys": [1]}, ["E021"]),
        ({"encryption_keys": [NEW, NEW]}, ["E026"]),
        ({"encryption_keys": ["short"]}, ["E026"]),
        ({"encryption_keys": ["short", "short"]}, ["E026", "E026"]),
        ({"factors": [RECOVERY]}, ["W024"]),
        ({"factors": [TOTP, RECOVERY]}, []),
    ],
    ids=str,
)
def test_settings_are_checked(two_factor, options, found):
    two_factor(**options)
    assert ids(check_two_factor()) == found


@pytest.mark.parametrize("library", ["pyotp", "segno"])
def test_a_missing_library_is_an_error_that_names_the_extra(monkeypatch, library):
    monkeypatch.setitem(__import__("sys").modules, library, None)
    (error,) = check_two_factor()
    assert error.id.endswith("E027")
    assert error.hint == "pip install 'jwt-drf-passwordless[totp]'"


@pytest.mark.parametrize("factor", [TOTP, RECOVERY])
def test_in_production_keys_of_their_own_are_advised(two_factor, settings, factor):
    settings.SMS_BACKEND = "sms.backends.base.BaseSmsBackend"
    two_factor(factors=[PHONE_FACTOR, factor])
    assert ids(check_two_factor_deployment()) == ["W023"]
    two_factor(encryption_keys=[NEW])
    assert check_two_factor_deployment() == []
    two_factor(encryption_keys=None, factors=[PHONE_FACTOR])
    assert check_two_factor_deployment() == []


@pytest.mark.parametrize("page", ["totp.md", "recovery-codes.md", "email-factor.md"])
def test_the_settings_of_the_pages_pass_the_checks(configure, monkeypatch, page):
    monkeypatch.setenv("SECOND_FACTOR_KEY", NEW)
    (block,) = re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(), flags=re.DOTALL)
    namespace = {}
    exec(block, namespace)  # noqa: S102 - our own page
    configure(**namespace["JWT_DRF_PASSWORDLESS"])
    assert check_two_factor() == []


# All at once


@pytest.mark.django_db(transaction=True)
class TestRaces:
    """The `crowd` of threads."""

    def test_of_sixteen_uses_of_one_code_one_wins(self, api, person, crowd):
        user = person()
        app = give_app(user)
        for _ in range(5):
            with time_machine.travel(int(time.time()) // 30 * 30, tick=False):
                Authenticator.objects.update(counter=int(time.time()) // 30 - 1)
                session = finish(api, api.ticket(user), code_of(SECRET)).json()["access"]
                # A row of its own each, so that it is the step that decides and not the ticket.
                code = code_of(SECRET, 1)
                tickets = [api.ticket(user), api.call("2fa/step-up/", access=session).json()["ticket"]]
                statuses = crowd(16).statuses(lambda _, n, t=tickets, c=code: finish(TwoFactorApi(), t[n % 2], c))
                assert statuses[0] == 200
                assert set(statuses[1:]) <= {400, 401}
        assert Authenticator.objects.get().pk == app.pk

    def test_of_twelve_confirmations_one_wins(self, api, ada, crowd):
        access = api.pair(ada)["access"]
        secret = begin(api, access).json()["secret"]
        code = code_of(secret)
        statuses = crowd(12).statuses(lambda _, n: confirm(TwoFactorApi(), access, code))
        assert statuses[0] == 201
        # 403: the app was there already when they looked.
        assert set(statuses[1:]) <= {400, 403}
        assert Authenticator.objects.count() == 1

    def test_of_twelve_beginnings_the_last_one_counts(self, api, ada, crowd):
        access = api.pair(ada)["access"]
        answers = crowd(12).call(lambda _, n: begin(TwoFactorApi(), access))
        assert {answer.status_code for answer in answers} <= {200, 429}
        secrets = [answer.json()["secret"] for answer in answers if answer.status_code == 200]
        newest = keys.unseal(Authenticator.objects.latest("pk")).decode()
        assert newest in secrets
        assert confirm(api, access, code_of(newest)).status_code == 201
        assert Authenticator.objects.count() == 1


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Ada's phone (work)", "Ada's phone (work)"),
        ("x). Not you? Go to https://evil.example/a", ""),
        ("evil.example", ""),
        ("me@evil.example", ""),
    ],
)
def test_the_message_repeats_no_name_that_a_mail_program_makes_a_link_of(api, ada, clock, name, shown):
    access = api.pair(ada)["access"]
    secret = begin(api, access).json()["secret"]
    assert confirm(api, access, code_of(secret), name=name).json()["name"] == name
    body = mail.outbox[-1].body
    assert "evil" not in body
    assert (f"({shown})" in body) == bool(shown)
