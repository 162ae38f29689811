"""CAPTCHAs at the endpoints: who needs one, what is taken for one, and what happens when it cannot be checked."""

from datetime import datetime, timedelta, timezone
from functools import wraps

import pytest
import sms
import time_machine
from django.core import mail
from django.core.cache.backends.locmem import LocMemCache
from django.test import Client
from rest_framework.exceptions import Throttled

from jwt_drf_passwordless.captcha import CaptchaProvider, CaptchaResult, CaptchaStatus
from jwt_drf_passwordless.conf import settings as package_settings
from tests.captcha.vendors import HOST
from tests.conftest import sent_code
from tests.external_2fa.providers import PATH as VERIFICATION_VENDOR
from tests.test_statements import record
from tests.vendor_server import Answer, Misbehaviour

pytestmark = pytest.mark.django_db

EMAIL = "ada@example.com"
PHONE = "+12015550123"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=timezone.utc)
CLIENT, OTHER_CLIENT = "8.8.8.8", "9.9.9.9"
SENT = (200, {"detail": "A token has been sent to you", "code": "token_sent"})
REQUIRED = (400, {"detail": "Please solve the CAPTCHA.", "code": "captcha_required"})
INVALID = (
    400,
    {"detail": "The CAPTCHA was not solved, or is too old. Please solve it again.", "code": "captcha_invalid"},
)
UNAVAILABLE = (
    503,
    {"detail": "The CAPTCHA cannot be checked. Please try again later.", "code": "captcha_unavailable"},
)
#: The same statements as without a CAPTCHA.
STATEMENTS = ["SELECT", "SELECT", "INSERT"]
MARKER = "what-only-the-vendor-says"
LIMITED = []


class Own(CaptchaProvider):
    """A project's own CAPTCHA, which knows no action."""

    def verify(self, token, remote_ip, action):
        right = token == self.options["answer"]
        status = CaptchaStatus.PASSED if right else CaptchaStatus.REFUSED
        return CaptchaResult(status, hostname=HOST, solved_at=datetime.now(timezone.utc))


class BrokenCache(LocMemCache):
    """A cache that cannot be reached."""

    def add(self, *args, **kwargs):
        raise ConnectionError


def limit_everybody(view):
    """A project's own limiter, which notes what it wraps."""

    @wraps(view)
    def limited(request, *args, **kwargs):
        LIMITED.append(view.__qualname__)
        raise Throttled(wait=60)

    return limited


@pytest.fixture
def ask(api):
    """Ask for a code by email: `ask("token", client="8.8.8.8")`; status and body of the answer."""

    def request(token=None, *, email=EMAIL, client="127.0.0.1", field="captcha"):
        body = {package_settings.EMAIL_FIELD_NAME: email, **({field: token} if token is not None else {})}
        answer = api.post("request/email/", body, REMOTE_ADDR=client)
        return answer.status_code, answer.json()

    return request


@pytest.fixture
def ada(make_user):
    return make_user(email=EMAIL, phone=PHONE)


def test_none_is_needed_by_default(ask, ada):
    assert ask() == SENT


def test_a_solved_one_lets_a_request_pass(every_vendor, use, ask, ada):
    use(every_vendor)
    assert ask(every_vendor.solve()) == SENT
    assert len(mail.outbox) == 1
    assert len(every_vendor.requests) == 1


def test_the_name_that_the_vendor_s_script_uses_is_taken_too(every_vendor, use, ask):
    use(every_vendor)
    assert ask(every_vendor.solve(), field=every_vendor.form_field) == SENT


def test_a_form_is_taken_too(every_vendor, use, ada):
    use(every_vendor)
    body = {package_settings.EMAIL_FIELD_NAME: EMAIL, every_vendor.form_field: every_vendor.solve()}
    assert Client().post("/passwordless/request/email/", body).status_code == 200


@pytest.mark.parametrize("nothing", [None, "", 0, [], {}, False], ids=str)
def test_without_one_a_request_is_refused(vendor, use, ask, nothing):
    use(vendor)
    assert ask(nothing) == REQUIRED
    assert vendor.requests == []


@pytest.mark.parametrize("body", ["[]", "7", "null", '"a"', "[{}]", '{"captcha": null}'])
def test_a_body_that_is_no_object_brings_none(vendor, use, api, body):
    use(vendor)
    answer = api.post("request/email/", body)
    assert (answer.status_code, answer.json()) == REQUIRED


def test_a_body_that_cannot_be_read_is_told_as_such(vendor, use, api):
    use(vendor)
    answer = api.post("request/email/", "{")
    assert (answer.status_code, answer.json()["code"]) == (400, "parse_error")


MALFORMED = [7, True, ["a"], {"a": "b"}, "x" * 8193, "two words", "a\n", "a\x00b", "é", "\u2028", "\ud800", " "]


@pytest.mark.parametrize("token", MALFORMED, ids=lambda token: ascii(token)[:20])
def test_what_can_be_no_token_is_refused_without_a_call(vendor, use, ask, token):
    use(vendor)
    assert ask(token) == INVALID
    assert vendor.requests == []


def test_the_longest_token_reaches_the_vendor(vendor, use, ask):
    use(vendor)
    vendor.open.add("x" * 8192)
    assert ask("x" * 8192) == SENT


def test_a_token_works_once(every_vendor, use, ask):
    use(every_vendor)
    token = every_vendor.solve()
    assert [ask(token), ask(token)] == [SENT, INVALID]


@pytest.mark.parametrize("hostname", ["evil.example", "sub.shop.example", "shop.example.evil.example", "", None])
def test_one_that_was_solved_on_another_page_is_refused(every_vendor, use, ask, hostname):
    use(every_vendor)
    every_vendor.facts["hostname"] = hostname
    assert ask(every_vendor.solve()) == INVALID


def test_the_case_of_a_hostname_does_not_matter(vendor, use, ask):
    use(vendor, hostnames=["other.example", "SHOP.example"])
    vendor.facts["hostname"] = "Shop.Example"
    assert ask(vendor.solve()) == SENT


@pytest.mark.parametrize("hostnames", [[], [""]])
def test_without_hostnames_none_is_taken(vendor, use, ask, hostnames):
    use(vendor, hostnames=hostnames)
    vendor.facts["hostname"] = ""
    assert ask(vendor.solve()) == INVALID


@pytest.mark.parametrize("action", ["redeem", "login", "REQUEST", None])
def test_one_that_was_solved_for_something_else_is_refused_where_the_vendor_tells(every_vendor, use, ask, action):
    use(every_vendor)
    every_vendor.facts["action"] = action
    assert ask(every_vendor.solve()) == (INVALID if every_vendor.has_action else SENT)


def test_a_score_that_is_too_low_is_refused(every_vendor, use, ask):
    use(every_vendor)
    every_vendor.facts["score"] = 0.4
    has_minimum = every_vendor.provider.__name__ in ("RecaptchaV3", "RecaptchaEnterprise")
    assert ask(every_vendor.solve()) == (INVALID if has_minimum else SENT)


@pytest.mark.parametrize(("age", "answer"), [(300, SENT), (301, INVALID), (-60, SENT), (-61, INVALID)])
def test_one_is_five_minutes_good_and_a_clock_may_be_a_minute_ahead(vendor, use, ask, age, answer):
    use(vendor)
    vendor.time_format = "%Y-%m-%dT%H:%M:%SZ"
    with time_machine.travel(NOW, tick=False):
        vendor.age(age)
        assert ask(vendor.solve()) == answer


@pytest.mark.parametrize("written", [None, "", "soon", 1772366400, "2026-03-01T12:00:00"])
def test_one_of_unknown_age_is_refused(vendor, use, ask, written):
    use(vendor)
    body = {"success": True, "hostname": HOST, "action": "request", "challenge_ts": written}
    vendor.instead = Answer(200, body)
    with time_machine.travel(NOW, tick=False):
        assert ask("token") == INVALID


def test_what_is_refused_costs_no_statement_and_sends_nothing(every_vendor, use, ask, ada):
    use(every_vendor)
    every_vendor.facts["hostname"] = "evil.example"
    token = every_vendor.solve()
    assert record(lambda: _answer(ask(token))) == (400, [])
    assert record(lambda: _answer(ask())) == (400, [])
    every_vendor.misbehaviour = Misbehaviour.RESET
    assert record(lambda: _answer(ask(token))) == (503, [])
    assert mail.outbox == []


def test_what_passes_costs_no_statement_more(vendor, use, ask, ada):
    use(vendor)
    token = vendor.solve()
    assert record(lambda: _answer(ask(token))) == (200, STATEMENTS)


class _answer:  # noqa: N801 - what `record` wants to see of a response
    def __init__(self, pair):
        self.status_code = pair[0]


@pytest.mark.parametrize("account", [None, {}, {"is_active": False}, {"staff": True}], ids=str)
def test_every_address_is_answered_alike(vendor, use, ask, make_user, account):
    if account is not None:
        make_user(email=EMAIL, **account)
    use(vendor)
    assert ask() == REQUIRED
    assert ask("made-up") == INVALID
    assert ask(vendor.solve()) == SENT
    vendor.misbehaviour = Misbehaviour.SERVER_ERROR
    assert ask(vendor.solve()) == UNAVAILABLE
    assert len(vendor.requests) == 3


def test_the_word_of_the_vendor_reaches_nobody_but_the_log(every_vendor, use, ask, caplog):
    use(every_vendor)
    for answer in (
        Answer(200, {"success": False, "error-codes": [MARKER], "tokenProperties": {"invalidReason": MARKER}}),
        Answer(403, {"error": {"status": MARKER, "message": MARKER}, "error-codes": [MARKER]}),
        Answer(500, MARKER.encode()),
    ):
        every_vendor.instead = answer
        status, body = ask("token")
        assert (status, body) in (INVALID, UNAVAILABLE)
    assert MARKER in caplog.text


# Where, and after how many requests


def test_an_exchange_needs_none_by_default(vendor, use, ask, api, ada):
    use(vendor)
    ask(vendor.solve())
    assert api.exchange_email(EMAIL, sent_code()).status_code == 200
    assert len(vendor.requests) == 1


@pytest.mark.parametrize("route", ["exchange/email/", "exchange/mobile/", "exchange/"])
def test_exchanges_need_one_where_the_setting_says_so(vendor, use, api, route):
    use(vendor, routes=["redeem"])
    assert api.post(route, {"token": "x" * 64}).json()["code"] == "captcha_required"
    vendor.facts["action"] = "redeem"
    assert api.post(route, {"token": "x" * 64, "captcha": vendor.solve()}).json()["code"] == "invalid_credentials"
    vendor.facts["action"] = "request"
    assert api.post(route, {"token": "x" * 64, "captcha": vendor.solve()}).json()["code"] == "captcha_invalid"


def test_requests_need_none_where_the_setting_names_exchanges_only(vendor, use, ask):
    use(vendor, routes=["redeem"])
    assert ask() == SENT


@pytest.mark.parametrize("route", ["request/mobile/", "external/request/"])
def test_no_vendor_of_codes_is_asked_without_one(vendor, use, api, ada, configure, route):
    configure(EXTERNAL_2FA={"provider": VERIFICATION_VENDOR})
    use(vendor)
    answer = api.post(route, {package_settings.MOBILE_FIELD_NAME: PHONE})
    assert (answer.status_code, answer.json()) == REQUIRED
    body = {package_settings.MOBILE_FIELD_NAME: PHONE, "captcha": vendor.solve()}
    assert api.post(route, body).status_code == 200


def test_no_sms_is_sent_without_one(vendor, use, api, ada):
    use(vendor)
    assert api.request_mobile(PHONE).status_code == 400
    assert sms.outbox == []


def test_webhooks_need_none(vendor, use, api, configure):
    configure(EXTERNAL_2FA={"provider": VERIFICATION_VENDOR})
    use(vendor, routes=["request", "redeem"])
    assert api.post("external/webhook/", {}).json()["code"] != "captcha_required"


def test_options_needs_none(vendor, use):
    use(vendor)
    assert Client().options("/passwordless/request/email/").status_code == 200


def test_one_is_needed_after_so_many_requests_of_a_network(vendor, use, ask):
    use(vendor, after=2)
    assert [ask(client=CLIENT) for _ in range(4)] == [SENT, SENT, REQUIRED, REQUIRED]
    assert ask(vendor.solve(), client=CLIENT) == SENT
    assert ask(client=CLIENT) == REQUIRED
    assert ask(client=OTHER_CLIENT) == SENT


def test_requests_of_other_addresses_and_accounts_count_together(vendor, use, ask, ada):
    use(vendor, after=1)
    assert ask(email=EMAIL, client=CLIENT) == SENT
    assert ask(email="nobody@example.com", client=CLIENT) == REQUIRED


def test_a_route_counts_for_itself(vendor, use, ask, api):
    use(vendor, after=1, routes=["request", "redeem"])
    assert ask() == SENT
    assert api.exchange_email(EMAIL, "000000").json()["code"] == "invalid_credentials"
    assert api.exchange_email(EMAIL, "000000").json()["code"] == "captcha_required"


def test_the_count_begins_anew_with_the_hour(vendor, use, ask):
    use(vendor, after=1)
    with time_machine.travel(NOW, tick=False) as clock:
        assert [ask(client=CLIENT), ask(client=CLIENT)] == [SENT, REQUIRED]
        clock.shift(timedelta(seconds=3599))
        assert ask(client=CLIENT) == REQUIRED
        clock.shift(timedelta(seconds=1))
        assert ask(client=CLIENT) == SENT


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ("2606:4700::1", "2606:4700::2", True),
        ("2606:4700::1", "2606:4700:0:1::1", False),
        ("8.8.8.8", "8.8.8.9", False),
        ("10.0.0.1", "10.0.0.1", True),
        ("10.0.0.1", "10.0.0.2", False),
        ("", "unknown", True),
    ],
)
def test_a_client_is_counted_by_its_network_or_by_whatever_address_it_has(vendor, use, ask, one, other, together):
    use(vendor, after=1)
    assert ask(client=one) == SENT
    assert ask(client=other) == (REQUIRED if together else SENT)


def test_one_is_needed_while_the_cache_cannot_count(vendor, use, ask, settings):
    use(vendor, after=100)
    settings.CACHES = {"default": {"BACKEND": "tests.captcha.test_views.BrokenCache"}}
    assert ask() == REQUIRED


# Beside the other limits


def test_a_limited_request_asks_nobody(vendor, use, ask, configure):
    use(vendor)
    configure(THROTTLE_RATES={"request": "1/h"})
    assert ask(vendor.solve(), client=CLIENT) == SENT
    assert ask(vendor.solve(), client=CLIENT)[1]["code"] == "throttled"
    assert len(vendor.requests) == 1


def test_a_limiter_of_the_project_comes_first_too(vendor, use, ask, configure):
    use(vendor)
    configure(DECORATORS={"token_request_rate_limit_decorator": "tests.captcha.test_views.limit_everybody"})
    assert ask(vendor.solve())[0] == 429
    assert vendor.requests == []
    assert LIMITED[-1] == "AbstractPasswordlessTokenRequestView._handle_post"


def test_a_solved_one_ends_no_cooldown(vendor, use, ask, configure):
    use(vendor)
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=60)
    assert ask(vendor.solve()) == SENT
    assert ask(vendor.solve())[1]["code"] == "throttled"


# Outages


def test_an_outage_refuses(every_vendor, use, ask):
    use(every_vendor)
    every_vendor.misbehaviour = Misbehaviour.RESET
    assert ask(every_vendor.solve()) == UNAVAILABLE
    assert mail.outbox == []


def test_an_outage_lets_ten_requests_an_hour_pass_if_the_setting_allows(every_vendor, use, ask):
    use(every_vendor, fail_open=True)
    every_vendor.misbehaviour = Misbehaviour.RESET
    with time_machine.travel(NOW, tick=False) as clock:
        answers = [ask("any", client=CLIENT) for _ in range(11)]
        assert answers[:10] == [SENT] * 10
        assert (answers[10][0], answers[10][1]["code"]) == (429, "throttled")
        assert ask("any", client=OTHER_CLIENT) == SENT
        clock.shift(timedelta(hours=1))
        assert ask("any", client=CLIENT) == SENT


@pytest.mark.parametrize("client", ["10.0.0.1", "unknown"])
def test_the_limit_of_an_outage_holds_for_any_address(vendor, use, ask, configure, client):
    use(vendor, fail_open=True)
    configure(THROTTLE_RATES={"captcha_down": "1/h"})
    vendor.misbehaviour = Misbehaviour.SERVER_ERROR
    assert [ask("any", client=client)[0] for _ in range(3)] == [200, 429, 429]


def test_with_the_vendor_back_that_limit_is_off(vendor, use, ask, configure):
    use(vendor, fail_open=True)
    configure(THROTTLE_RATES={"captcha_down": "1/h"})
    vendor.misbehaviour = Misbehaviour.SERVER_ERROR
    assert [ask("any")[0] for _ in range(2)] == [200, 429]
    vendor.misbehaviour = None
    assert ask(vendor.solve()) == SENT


def test_an_outage_does_not_open_for_who_brings_nothing(vendor, use, ask):
    use(vendor, fail_open=True)
    vendor.misbehaviour = Misbehaviour.RESET
    assert ask() == REQUIRED
    assert ask("two words") == INVALID


def test_a_refusal_is_no_outage(every_vendor, use, ask):
    use(every_vendor, fail_open=True)
    assert ask("made-up") == INVALID
    every_vendor.facts["hostname"] = "evil.example"
    assert ask(every_vendor.solve()) == INVALID


@pytest.mark.parametrize("value", ["yes", 1, None])
def test_only_true_opens(vendor, use, ask, value):
    use(vendor, fail_open=value)
    vendor.misbehaviour = Misbehaviour.RESET
    assert ask("any") == UNAVAILABLE


def test_keys_that_the_vendor_does_not_take_are_no_outage(every_vendor, use, ask):
    key = "api_key" if "api_key" in every_vendor.options else "secret"
    use(every_vendor, fail_open=True, **{key: "of-another-site"})
    assert ask(every_vendor.solve()) == UNAVAILABLE


# Other providers, and what is told


@pytest.mark.parametrize(("token", "answer"), [("blue", SENT), ("green", INVALID)])
def test_a_project_may_have_a_captcha_of_its_own(configure, ask, token, answer):
    configure(CAPTCHA={"provider": "tests.captcha.test_views.Own", "hostnames": [HOST], "answer": "blue"})
    assert ask(token) == answer


@pytest.mark.parametrize(("token", "answer"), [("human", SENT), ("robot", INVALID)])
def test_the_fake_one_takes_one_token(configure, ask, token, answer):
    path = "jwt_drf_passwordless.captcha.FakeCaptcha"
    configure(CAPTCHA={"provider": path, "hostnames": ["localhost"], "insecure": True, "secret": "of another"})
    assert ask(token) == answer


def told(caplog):
    records = [record for record in caplog.records if record.name == "jwt_drf_passwordless.events"]
    return [
        (record.levelname, record.route, record.status, record.reason, record.network)
        for record in records
        if record.event == "captcha_failed"
    ]


def test_a_failure_is_told_with_its_reason(vendor, use, ask, caplog):
    use(vendor)
    ask("made-up", client=CLIENT)
    ask("two words", client=CLIENT)
    for name, value in (("action", "other"), ("hostname", "evil.example")):
        vendor.facts[name] = value
        ask(vendor.solve(), client=CLIENT)
    vendor.misbehaviour = Misbehaviour.RESET
    ask("any", client=CLIENT)
    assert told(caplog) == [
        ("WARNING", "request", "refused", "invalid-input-response", "8.8.8.0/24"),
        ("WARNING", "request", "refused", "malformed", "8.8.8.0/24"),
        ("WARNING", "request", "refused", "action", "8.8.8.0/24"),
        ("WARNING", "request", "refused", "hostname", "8.8.8.0/24"),
        ("WARNING", "request", "unavailable", "no_answer", "8.8.8.0/24"),
    ]


def test_nothing_is_told_of_who_passes_or_brings_none(vendor, use, ask, caplog):
    use(vendor)
    ask(vendor.solve())
    ask()
    assert told(caplog) == []


@pytest.mark.parametrize(
    ("client", "is_sent"), [(CLIENT, True), ("2606:4700::1", True), ("10.0.0.1", False), ("", False)]
)
def test_the_vendor_is_told_public_addresses_only(vendor, use, ask, client, is_sent):
    use(vendor)
    ask(vendor.solve(), client=client)
    assert (b"remoteip" in vendor.requests[0].body) is is_sent


def test_the_password_login_of_the_second_factor_can_need_one(vendor, use, configure, client):
    use(vendor, routes=["password"])
    vendor.facts["action"] = "password"
    configure(TWO_FACTOR={})
    body = {"username": "ada", "password": "wrong"}
    assert client.post("/api/token/", body).json()["code"] == "captcha_required"
    answer = client.post("/api/token/", {**body, "captcha": vendor.solve()})
    assert (answer.status_code, answer.json()["code"]) == (401, "no_active_account")
