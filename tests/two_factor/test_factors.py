"""`2fa/factors/`: one shape for every factor, shown with the phone and with one that a project has written."""

import time
from datetime import timedelta

import pytest
import time_machine
from django.core import mail
from django.utils import timezone

from jwt_drf_passwordless.models import Authenticator, PhoneDevice
from jwt_drf_passwordless.two_factor import StoredFactor
from jwt_drf_passwordless.two_factor.signals import factor_added, second_factor_changed
from tests.conftest import sent_sms_code
from tests.two_factor.conftest import OTHER_PHONE, PHONE
from tests.two_factor.test_enrolment import NEEDED, REAUTHENTICATE, enrolled, heard  # noqa: F401 - heard is a fixture
from tests.two_factor.test_login import INVALID, claims, outcome

pytestmark = pytest.mark.django_db

PHONE_FACTOR = "jwt_drf_passwordless.two_factor.phone.factor.PhoneFactor"
WORD_FACTOR = "tests.two_factor.test_factors.WordFactor"
SPARE_FACTOR = "tests.two_factor.test_factors.SpareFactor"
WORD = "swordfish"
NOT_FOUND = (404, "not_found")
UNAVAILABLE = (400, "factor_unavailable")


class WordFactor(StoredFactor):
    """A word, told when it begins. A user may have two."""

    name = "word"
    label = "word"
    several = True

    def may_enrol(self, user):
        return len(self.rows(user)) < 2

    def begin(self, user, row, data, request):
        pending = self.pending(user) or self.create(user, confirmed=False, data={"word": WORD})
        return {"word": pending.data["word"]}

    def check_enrolment(self, user, row, code):
        return code == self.pending(user).data["word"]

    def store(self, user, row, data):
        pending = self.pending(user)
        pending.confirmed_at, pending.name = timezone.now(), data.get("name", "")
        pending.save()
        return self.entry(pending)

    def options(self, user, row):
        return {"letters": len(WORD)}

    def verify(self, user, row, code):
        return code == WORD and self.use(self.rows(user)[0], if_still={"counter": 0}, counter=1)


class SpareFactor(WordFactor):
    """Stands in for others, and is there at once."""

    name = "spare"
    label = "spare word"
    is_backup = True
    needs_confirmation = False
    several = False

    def store(self, user, row, data):
        self.read.clear()
        Authenticator.objects.filter(user=user, method=self.name).delete()
        return {**self.entry(self.create(user)), "word": WORD}


@pytest.fixture(autouse=True)
def _three_factors(two_factor):
    two_factor(factors=[PHONE_FACTOR, WORD_FACTOR, SPARE_FACTOR])


def after(seconds):
    """So many seconds from now, to which what is done meanwhile adds none."""
    return time_machine.travel(time.time() + seconds, tick=False)


def begin(api, access, method, **body):
    return api.call(f"2fa/factors/{method}/", body, access)


def confirm(api, access, method, **body):
    return api.call(f"2fa/factors/{method}/confirm/", body, access)


def overview(api, access):
    answer = api.send("GET", "2fa/factors/", access=access)
    assert answer.status_code == 200
    return answer.json()


def code_of(answer):
    return answer.status_code, answer.json()["code"]


def has_word(api, user, name="Mine"):
    """Add a word by the routes; the access token that did it."""
    access = api.pair(user)["access"]
    assert begin(api, access, "word").json() == {"method": "word", "word": WORD}
    assert confirm(api, access, "word", token=WORD, name=name).status_code == 201
    return access


def by_word(api, user):
    """The pair of a login by password and word."""
    answer = api.token(user)
    body = {"ticket": answer.json()["ticket"], "token": WORD, "method": "word"}
    answer = api.call("2fa/token-verify/", body)
    Authenticator.objects.update(counter=0)
    return answer.json()


def test_a_user_without_factors_may_add_all_but_those_that_stand_in(api, ada):
    expected = {"factors": [], "available": ["phone", "word"], "required": False}
    assert overview(api, api.pair(ada)["access"]) == expected


def test_the_phone_by_the_shared_routes(api, ada):
    access = api.pair(ada)["access"]
    assert begin(api, access, "phone", phone_number=PHONE).json() == {"method": "phone", "sent": True}
    answer = confirm(api, access, "phone", phone_number=PHONE, token=sent_sms_code())
    device = PhoneDevice.objects.get(user=ada)
    assert answer.status_code == 201
    entry = answer.json()
    assert (entry["id"], entry["method"], entry["name"]) == (str(device.pk), "phone", "***99")
    assert overview(api, access)["factors"] == [entry]
    assert api.send("DELETE", f"2fa/factors/phone/{device.pk}/", access=access).status_code == 403
    fresh = api.pair(ada)["access"]
    assert api.send("DELETE", f"2fa/factors/phone/{device.pk}/", access=fresh).status_code == 204
    assert not PhoneDevice.objects.exists()


def test_a_stored_factor_from_beginning_to_end(api, ada, heard):  # noqa: F811
    access = has_word(api, ada)
    entry = overview(api, access)["factors"][0]
    assert (entry["method"], entry["name"], entry["last_used_at"]) == ("word", "Mine", None)
    assert api.send("PATCH", f"2fa/factors/word/{entry['id']}/", {"name": " New\n name "}, access).status_code == 200
    assert overview(api, access)["factors"][0]["name"] == "New name"
    pair = by_word(api, ada)
    assert claims(pair["access"])["acr"] == "aal2"
    assert overview(api, access)["factors"][0]["last_used_at"] is not None
    assert api.send("DELETE", f"2fa/factors/word/{entry['id']}/", access=pair["access"]).status_code == 204
    assert overview(api, access)["factors"] == []
    actions = [(name, fact) for name, _, _, fact in heard]
    assert actions == [
        ("factor_added", False),
        ("second_factor_changed", "added"),
        ("factor_removed", None),
        ("second_factor_changed", "removed"),
    ]
    assert ["word (Mine)" in mail.outbox[0].body, "word (New name)" in mail.outbox[1].body] == [True, True]


def test_what_the_client_needs_for_a_proof_is_in_the_answer(api, ada):
    has_word(api, ada)
    body = api.token(ada).json()
    assert (body["sent"], body["options"]) == (False, {"word": {"letters": 9}})
    assert "retry_after" not in body
    assert body["message"] == "Two Factor Token verification expected."


def test_a_wrong_proof_adds_nothing(api, ada):
    access = api.pair(ada)["access"]
    begin(api, access, "word")
    assert outcome(confirm(api, access, "word", token="shark")) == INVALID
    assert overview(api, access)["factors"] == []


def test_a_proof_of_nothing_that_was_begun_is_wrong(api, ada):
    assert outcome(confirm(api, api.pair(ada)["access"], "word", token=WORD)) == INVALID


def test_five_wrong_proofs_end_an_enrolment(api, ada):
    access = api.pair(ada)["access"]
    begin(api, access, "word")
    for _ in range(5):
        confirm(api, access, "word", token="shark")
    assert outcome(confirm(api, access, "word", token=WORD)) == INVALID
    begin(api, access, "word")
    assert confirm(api, access, "word", token=WORD).status_code == 201


def test_a_second_one_where_several_may_be_and_no_third(api, ada, heard):  # noqa: F811
    has_word(api, ada)
    access = by_word(api, ada)["access"]
    begin(api, access, "word")
    assert confirm(api, access, "word", token=WORD).status_code == 201
    assert [fact for name, _, _, fact in heard if name == "factor_added"] == [False, False]
    found = overview(api, access)
    assert ([entry["method"] for entry in found["factors"]], found["available"]) == (["word"] * 2, ["phone", "spare"])
    assert code_of(begin(api, access, "word")) == UNAVAILABLE


def test_what_stands_in_needs_another_factor_and_goes_with_it(api, ada):
    assert code_of(begin(api, api.pair(ada)["access"], "spare")) == UNAVAILABLE
    has_word(api, ada)
    access = by_word(api, ada)["access"]
    answer = begin(api, access, "spare")
    assert (answer.status_code, answer.json()["word"]) == (201, WORD)
    assert [entry["method"] for entry in overview(api, access)["factors"]] == ["word", "spare"]
    (first, _) = overview(api, access)["factors"]
    assert api.send("DELETE", f"2fa/factors/word/{first['id']}/", access=access).status_code == 204
    assert overview(api, access)["factors"] == []


def test_alone_it_asks_nobody(api, ada):
    Authenticator.objects.create(user=ada, method="spare", created_at=timezone.now(), confirmed_at=timezone.now())
    assert api.token(ada).status_code == 200


def test_it_raises_the_level_in_a_step_up_only(api, ada):
    has_word(api, ada)
    begin(api, by_word(api, ada)["access"], "spare")
    body = {"ticket": api.ticket(ada), "token": WORD, "method": "spare"}
    pair = api.call("2fa/token-verify/", body).json()
    assert claims(pair["access"])["acr"] == "aal1"
    Authenticator.objects.update(counter=0)
    (first, _) = overview(api, pair["access"])["factors"]
    assert outcome(api.send("DELETE", f"2fa/factors/word/{first['id']}/", access=pair["access"])) == REAUTHENTICATE
    with after(1):
        ticket = api.call("2fa/step-up/", access=pair["access"]).json()["ticket"]
        access = api.call("2fa/token-verify/", {**body, "ticket": ticket}).json()["access"]
        assert claims(access)["acr"] == "aal2"
        assert api.send("DELETE", f"2fa/factors/word/{first['id']}/", access=access).status_code == 204


@pytest.mark.parametrize(
    ("verb", "route"),
    [("POST", "word/"), ("POST", "word/confirm/"), ("POST", "phone/"), ("DELETE", "word/{}/"), ("POST", "spare/")],
)
def test_an_old_login_changes_nothing(api, ada, verb, route):
    has_word(api, ada)
    pair = by_word(api, ada)
    (entry,) = overview(api, pair["access"])["factors"]
    body = {"token": WORD, "phone_number": OTHER_PHONE} if verb == "POST" else {}
    with after(301):
        access = api.call("token/refresh/", {"refresh": pair["refresh"]}).json()["access"]
        assert outcome(api.send(verb, f"2fa/factors/{route.format(entry['id'])}", body, access)) == REAUTHENTICATE
    assert overview(api, pair["access"])["factors"] == [entry]


def test_a_removal_by_the_proof_of_a_step_up(api, ada):
    has_word(api, ada)
    pair = by_word(api, ada)
    (entry,) = overview(api, pair["access"])["factors"]
    with after(301):
        access = api.call("token/refresh/", {"refresh": pair["refresh"]}).json()["access"]
        assert api.call("2fa/step-up/", access=access).status_code == 206
        body = {"token": WORD, "method": "word"}
        assert api.send("DELETE", f"2fa/factors/word/{entry['id']}/", body, access).status_code == 204


def test_the_last_factor_of_who_must_have_one_stays(api, ada, two_factor):
    two_factor(required=True)
    token = api.token(ada).json()["enrolment_token"]
    assert overview(api, token)["required"] is True
    begin(api, token, "word")
    assert confirm(api, token, "word", token=WORD).status_code == 201
    access = by_word(api, ada)["access"]
    (entry,) = overview(api, access)["factors"]
    assert outcome(api.send("DELETE", f"2fa/factors/word/{entry['id']}/", access=access)) == NEEDED
    begin(api, access, "word")
    confirm(api, access, "word", token=WORD)
    assert api.send("DELETE", f"2fa/factors/word/{entry['id']}/", access=access).status_code == 204


def test_a_token_to_enrol_does_so_as_long_as_it_lives(api, ada, two_factor):
    two_factor(required=True)
    token = api.token(ada).json()["enrolment_token"]
    with after(599):
        begin(api, token, "word")
        assert confirm(api, token, "word", token=WORD).status_code == 201
        assert outcome(begin(api, token, "word")) == REAUTHENTICATE


@pytest.mark.parametrize("method", ["totp", "Phone", "-", "confirm"])
def test_a_factor_that_the_site_does_not_offer_is_a_404(api, ada, method):
    access = api.pair(ada)["access"]
    assert code_of(begin(api, access, method)) == NOT_FOUND
    assert code_of(confirm(api, access, method, token=WORD)) == NOT_FOUND
    for verb, body in (("PATCH", {"name": "x"}), ("DELETE", {})):
        assert code_of(api.send(verb, f"2fa/factors/{method}/1/", body, access)) == NOT_FOUND


def test_another_users_factor_is_a_404(api, ada, person):
    has_word(api, ada)
    access = has_word(api, person(email="eve@example.com"))
    row = Authenticator.objects.get(user=ada)
    for verb, body in (("PATCH", {"name": "x"}), ("DELETE", {})):
        assert code_of(api.send(verb, f"2fa/factors/word/{row.pk}/", body, access)) == NOT_FOUND
    assert Authenticator.objects.get(user=ada).name == "Mine"


def test_a_phone_has_no_name_of_its_own(api, ada):
    access = enrolled(api, ada)
    device = PhoneDevice.objects.get()
    assert code_of(api.send("PATCH", f"2fa/factors/phone/{device.pk}/", {"name": "x"}, access)) == NOT_FOUND


@pytest.mark.parametrize("name", [None, 5, [], "", "x" * 65, "a\x00b", "a\u202eb", {"a": 1}])
def test_what_is_no_name(api, ada, name):
    access = has_word(api, ada)
    row = Authenticator.objects.get()
    answer = api.send("PATCH", f"2fa/factors/word/{row.pk}/", {"name": name}, access)
    assert (answer.status_code, answer.json().keys()) == (400, {"name"})


@pytest.mark.parametrize("proof", [None, 5, [], "", "x" * 256, {"a": "x" * 8192}, True])
def test_what_is_no_proof(api, ada, proof):
    has_word(api, ada)
    access = by_word(api, ada)["access"]
    begin(api, access, "word")
    answer = confirm(api, access, "word", token=proof)
    assert (answer.status_code, answer.json().keys()) == (400, {"token"})


def test_an_object_is_a_proof_too(api, ada):
    has_word(api, ada)
    access = by_word(api, ada)["access"]
    begin(api, access, "word")
    assert outcome(confirm(api, access, "word", token={"id": "x"})) == INVALID


def test_an_sms_follows_at_once_where_nothing_was_sent_and_keeps_the_tries(api, ada, configure, two_factor):
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=60)
    enrolled(api, ada)
    Authenticator.objects.create(user=ada, method="word", created_at=timezone.now(), confirmed_at=timezone.now())
    two_factor(factors=[WORD_FACTOR, PHONE_FACTOR])
    ticket = api.ticket(ada)
    body = {"ticket": ticket, "token": "shark"}
    for _ in range(4):
        api.call("2fa/token-verify/", body)
    resend = {"ticket": ticket, "method": "phone"}
    assert api.call("2fa/resend/", resend).status_code == 204
    assert code_of(api.call("2fa/resend/", resend)) == (429, "throttled")
    assert api.call("2fa/resend/", {"ticket": ticket}).status_code == 204  # a word is not sent
    answer = api.call("2fa/token-verify/", {**body, "token": sent_sms_code(), "method": "phone"})
    assert answer.status_code == 200


def test_new_logins_give_no_new_tries_of_a_factor_that_sends_nothing(api, ada, configure):
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=60)
    has_word(api, ada)
    for _ in range(5):
        api.call("2fa/token-verify/", {"ticket": api.ticket(ada), "token": "shark"})
    assert outcome(api.call("2fa/token-verify/", {"ticket": api.ticket(ada), "token": WORD})) == INVALID
    with after(61):
        assert api.call("2fa/token-verify/", {"ticket": api.ticket(ada), "token": WORD}).status_code == 200


def test_it_works_at_every_login_within_the_wait(api, ada, configure):
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=3600)
    has_word(api, ada)
    for seconds in (0, 10, 601, 1201):
        with after(seconds):
            assert api.call("2fa/token-verify/", {"ticket": api.ticket(ada), "token": WORD}).status_code == 200
        Authenticator.objects.update(counter=0)


def test_names_of_signals_are_those_of_the_page():
    assert (factor_added.name, second_factor_changed.name) == ("factor_added", "second_factor_changed")


def test_rows_that_were_begun_do_not_ask(api, ada):
    Authenticator.objects.create(user=ada, method="word", created_at=timezone.now() - timedelta(days=1))
    assert api.token(ada).status_code == 200


def test_after_a_login_by_it_an_sms_still_follows_at_once(api, ada, configure, two_factor):
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=60)
    enrolled(api, ada)
    Authenticator.objects.create(user=ada, method="word", created_at=timezone.now(), confirmed_at=timezone.now())
    two_factor(factors=[WORD_FACTOR, PHONE_FACTOR])
    assert api.call("2fa/token-verify/", {"ticket": api.ticket(ada), "token": WORD}).status_code == 200
    ticket = api.ticket(ada)
    assert api.call("2fa/resend/", {"ticket": ticket, "method": "phone"}).status_code == 204
    body = {"ticket": ticket, "token": sent_sms_code(), "method": "phone"}
    assert api.call("2fa/token-verify/", body).status_code == 200
