"""No input makes a 500 or a token, and what every answer of these routes has in common."""

import json

import pytest
import sms
from hypothesis import example, given
from hypothesis import strategies as st
from rest_framework.exceptions import Throttled
from rest_framework_simplejwt.tokens import AccessToken

from jwt_drf_passwordless.models import PhoneDevice
from tests.test_hostile_input import FORM_CORPUS, JSON_CORPUS, MULTIPART_CORPUS, any_text, json_values, property_test
from tests.two_factor.conftest import PHONE

pytestmark = pytest.mark.django_db

PUBLIC = ["token/", "2fa/token-verify/", "2fa/resend/"]
PRIVATE = ["2fa/phone-verify/", "2fa/phone-register/", "2fa/step-up/"]
POSTS = PUBLIC + PRIVATE
REQUESTS = [("POST", route) for route in POSTS] + [("GET", "2fa/phone/"), ("DELETE", "2fa/phone/")]
HEADERS = {
    "Cache-Control": "no-store",
    "Pragma": "no-cache",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
JSON = "application/json"
each_request = pytest.mark.parametrize(("verb", "route"), REQUESTS)


def refuse_all(view):
    """A limiter that lets nobody through."""

    def limited(request, *args, **kwargs):
        raise Throttled(wait=7)

    return limited


@pytest.fixture
def send(client, grace):
    """Send raw bytes as a user with a second factor and an open ticket; checks what must hold for every answer."""
    access = str(AccessToken.for_user(grace))
    body = {grace.USERNAME_FIELD: grace.get_username(), "password": "correct horse battery"}
    client.post("/api/token/", body, content_type=JSON)
    sms.outbox.clear()

    def request(verb, route, body, content_type=JSON, **extra):
        for placeholder, name in {b"@email": b"username", b"@phone": b"authy_phone"}.items():
            body = body.replace(placeholder, name)
        headers = {} if route in PUBLIC else {"Authorization": f"Bearer {access}"}
        answer = client.generic(verb, f"/api/{route}", body, content_type=content_type, headers=headers, **extra)
        assert answer.status_code < 500
        if answer.content:
            assert answer.headers["Content-Type"] == JSON
            assert answer.json().keys().isdisjoint({"access", "refresh"})
        assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
        assert PhoneDevice.objects.count() == 1
        return answer

    return request


def every_post(send, body, content_type=JSON):
    return [send("POST", route, body, content_type) for route in POSTS] + [
        send("DELETE", "2fa/phone/", body, content_type)
    ]


@pytest.mark.parametrize("body", JSON_CORPUS.values(), ids=JSON_CORPUS)
def test_known_breakers_in_json_are_answered(send, body):
    every_post(send, body)


@pytest.mark.parametrize("body", MULTIPART_CORPUS.values(), ids=MULTIPART_CORPUS)
def test_known_breakers_in_multipart_forms_are_answered(send, body):
    every_post(send, body, "multipart/form-data; boundary=BOUNDARY")


@pytest.mark.parametrize("body", FORM_CORPUS.values(), ids=FORM_CORPUS)
def test_known_breakers_in_forms_are_answered(send, body):
    every_post(send, body, "application/x-www-form-urlencoded")


KEYS = ["username", "email", "contact_email", "password", "token", "code", "ticket", "method", "authy_phone"]
bodies = st.dictionaries(st.sampled_from(KEYS) | any_text, json_values, max_size=5) | json_values


@property_test
@given(body=bodies, request_=st.sampled_from(REQUESTS))
@example(body={"ticket": "\ud800", "token": "123456"}, request_=("POST", "2fa/token-verify/"))
@example(body={"ticket": ["a"], "token": {"a": 1}}, request_=("POST", "2fa/token-verify/"))
@example(body={"ticket": None, "token": None}, request_=("POST", "2fa/token-verify/"))
@example(body={"username": "\x00", "password": "\x00"}, request_=("POST", "token/"))
@example(body={"username": ["a"], "password": {"a": 1}}, request_=("POST", "token/"))
@example(body={"ticket": "a:b:c", "method": "\ud83d"}, request_=("POST", "2fa/resend/"))
def test_no_json_breaks_a_route(send, body, request_):
    verb, route = request_
    send(verb, route, json.dumps(body).encode())


@pytest.mark.parametrize("route", POSTS)
def test_a_body_of_a_megabyte_is_a_413(send, route):
    assert send("POST", route, b"[" * 1024 * 1024).status_code == 413


@each_request
@pytest.mark.parametrize(
    ("changes", "sent", "status", "code"),
    [
        ({}, {"CONTENT_LENGTH": "x"}, 400, "malformed_request"),
        ({"TWO_FACTOR": None}, {}, 404, "method_disabled"),
        ({}, {"HTTP_ACCEPT": "application/xml"}, 406, "not_acceptable"),
    ],
)
def test_a_failure_has_a_sentence_a_code_and_the_headers(send, configure, verb, route, changes, sent, status, code):
    configure(**changes)
    answer = send(verb, route, b"{}", **sent)
    assert (answer.status_code, answer.json().keys()) == (status, {"detail", "code"})
    assert answer.json()["code"] == code


@pytest.mark.parametrize("route", POSTS)
@pytest.mark.parametrize(
    "limiter", ["token_request_rate_limit_decorator", "token_redeem_rate_limit_decorator"], ids=["request", "redeem"]
)
def test_the_limiters_of_the_project_are_asked(send, configure, route, limiter):
    sends = route in ("2fa/resend/", "2fa/step-up/", "2fa/phone-verify/")
    configure(DECORATORS={limiter: "tests.two_factor.test_http.refuse_all"})
    answer = send("POST", route, b"{}")
    assert (answer.status_code == 429) is (sends == limiter.startswith("token_request"))


def test_a_removal_is_limited_as_other_uses_of_codes_are(send, configure):
    configure(DECORATORS={"token_redeem_rate_limit_decorator": "tests.two_factor.test_http.refuse_all"})
    assert send("DELETE", "2fa/phone/", b"{}").status_code == 429
    assert send("GET", "2fa/phone/", b"").status_code == 200


@pytest.mark.parametrize("route", POSTS)
@pytest.mark.parametrize("verb", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "TRACE"])
def test_other_verbs_than_post_are_not_allowed(send, route, verb):
    answer = send(verb, route, b"{}")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST, OPTIONS")


@pytest.mark.parametrize("verb", ["HEAD", "POST", "PUT", "PATCH"])
def test_the_phone_is_read_and_removed_only(send, verb):
    answer = send(verb, "2fa/phone/", b"{}")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, DELETE, OPTIONS")


@pytest.mark.parametrize("route", [*POSTS, "2fa/phone/"])
def test_options_tells_nothing_about_the_inside(send, route):
    answer = send("OPTIONS", route, b"")
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize("route", PUBLIC)
@pytest.mark.parametrize("header", ["Bearer junk", "Bearer a.b.c", "Basic x", "Token"])
def test_a_stale_token_does_not_get_in_the_way_of_a_login(client, grace, route, header):
    answer = client.post(f"/api/{route}", {}, content_type=JSON, headers={"Authorization": header})
    assert answer.status_code == 400


@pytest.mark.parametrize("route", PRIVATE)
@pytest.mark.parametrize("header", ["Bearer junk", "Bearer a.b.c", "Bearer", "Bearer a b"])
def test_a_wrong_token_is_a_401(client, grace, route, header):
    answer = client.post(f"/api/{route}", {"authy_phone": PHONE}, content_type=JSON, headers={"Authorization": header})
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="api"')
    assert not sms.outbox


def test_values_in_the_query_string_are_ignored(api, grace):
    answer = api.call(f"2fa/token-verify/?ticket={api.ticket(grace)}&token=123456", {})
    assert answer.status_code == 400
    assert answer.json()["ticket"] == ["This field is required."]


def test_a_form_does_as_well_as_json(client, grace):
    body = {"username": grace.get_username(), "password": "correct horse battery"}
    first = client.post("/api/token/", body)
    assert first.status_code == 206
    form = {"ticket": first.json()["ticket"], "token": sms.outbox[-1].body[:6]}
    assert client.post("/api/2fa/token-verify/", form).status_code == 200


def test_the_body_of_a_removal_may_be_missing(client, grace):
    headers = {"Authorization": f"Bearer {AccessToken.for_user(grace)}"}
    assert client.delete("/api/2fa/phone/", headers=headers).status_code == 403
