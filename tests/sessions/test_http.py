"""No input makes a 500 or a token, and what every answer of these routes has in common."""

import json
import uuid

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rest_framework.throttling import BaseThrottle
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from jwt_drf_passwordless.models import Session
from jwt_drf_passwordless.sessions.services import start
from tests.test_hostile_input import FORM_CORPUS, JSON_CORPUS, MULTIPART_CORPUS, any_text, json_values, property_test

pytestmark = pytest.mark.django_db

POSTS = ["token/refresh/", "token/verify/", "token/logout/"]
#: No session has this id.
ONE = f"sessions/{uuid.UUID(int=1)}/"
PRIVATE = [("GET", "sessions/"), ("DELETE", "sessions/others/"), ("PATCH", ONE), ("DELETE", ONE)]
REQUESTS = [("POST", route) for route in POSTS] + PRIVATE
HEADERS = {
    "Cache-Control": "no-store",
    "Pragma": "no-cache",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
JSON = "application/json"
VERBS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE"}


class NoMore(BaseThrottle):
    """A throttle of the project that lets nobody through."""

    def allow_request(self, request, view):
        return False


@pytest.fixture
def refresh(ada):
    token = RefreshToken.for_user(ada)
    start(ada, token, None)
    return token


@pytest.fixture
def send(client, refresh):
    """Send raw bytes as a user with a session; checks what must hold for every answer."""

    def request(verb, route, body, content_type=JSON, **extra):
        headers = {} if route in POSTS else {"Authorization": f"Bearer {refresh.access_token}"}
        answer = client.generic(verb, f"/api/{route}", body, content_type=content_type, headers=headers, **extra)
        assert answer.status_code < 500
        if answer.content:
            assert answer.headers["Content-Type"] == JSON
            assert '"access":' not in answer.text
        assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
        assert Session.objects.count() == 1
        return answer

    return request


def everywhere(send, body, content_type=JSON):
    return [send(verb, route, body, content_type) for verb, route in REQUESTS]


@pytest.mark.parametrize("body", JSON_CORPUS.values(), ids=JSON_CORPUS)
def test_known_breakers_in_json_are_answered(send, body):
    everywhere(send, body)
    everywhere(send, body.replace(b"@email", b"refresh").replace(b"@phone", b"name"))


@pytest.mark.parametrize("body", MULTIPART_CORPUS.values(), ids=MULTIPART_CORPUS)
def test_known_breakers_in_multipart_forms_are_answered(send, body):
    everywhere(send, body, "multipart/form-data; boundary=BOUNDARY")


@pytest.mark.parametrize("body", FORM_CORPUS.values(), ids=FORM_CORPUS)
def test_known_breakers_in_forms_are_answered(send, body):
    everywhere(send, body, "application/x-www-form-urlencoded")


bodies = st.dictionaries(st.sampled_from(["refresh", "token", "name"]) | any_text, json_values, max_size=4)


@property_test
@given(body=bodies | json_values, request_=st.sampled_from(REQUESTS))
@example(body={"refresh": "\ud800"}, request_=("POST", "token/refresh/"))
@example(body={"refresh": "\ud800"}, request_=("POST", "token/logout/"))
@example(body={"refresh": "a.b.c\x00"}, request_=("POST", "token/logout/"))
@example(body={"token": ["a"]}, request_=("POST", "token/verify/"))
@example(body={"token": 7}, request_=("POST", "token/verify/"))
@example(body={"name": "\ud83d"}, request_=("PATCH", ONE))
@example(body={"name": "\x00"}, request_=("PATCH", ONE))
def test_no_json_breaks_a_route(send, body, request_):
    verb, route = request_
    send(verb, route, json.dumps(body).encode())


HOSTILE = {
    "sid": [None, 7, [], {}, "x", "\ud800", "0" * 9999, "{" + "0" * 32 + "}", "\x00"],
    "jti": [None, 7, [], {}, "x" * 9999, "\x00", "\ud800"],
    "amr": [None, 7],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in HOSTILE.items() for value in values])
@pytest.mark.parametrize("setting", [{}, None], ids=["on", "off"])
def test_no_claim_that_was_signed_breaks_a_route(client, configure, ada, refresh, name, value, setting):
    configure(SESSIONS=setting)
    refresh[name] = value
    for route, key in (("refresh", "refresh"), ("verify", "token"), ("logout", "refresh")):
        answer = client.post(f"/api/token/{route}/", {key: str(refresh)}, content_type=JSON)
        assert answer.status_code < 500
    headers = {"Authorization": f"Bearer {refresh.access_token}"}
    assert client.get("/api/sessions/", headers=headers).status_code in (200, 401, 404)


@pytest.mark.parametrize("user_id", [None, [], {}, "x", "\x00", 10**30], ids=repr)
def test_no_signed_user_breaks_a_session(client, refresh, user_id):
    refresh["user_id"] = user_id
    assert client.post("/api/token/refresh/", {"refresh": str(refresh)}).status_code == 401
    assert client.post("/api/token/verify/", {"token": str(refresh)}).status_code == 401
    assert client.post("/api/token/logout/", {"refresh": str(refresh)}).status_code == 204
    assert Session.objects.count() == 1


@pytest.mark.parametrize(("verb", "route"), REQUESTS)
def test_a_body_of_a_megabyte_is_a_413(send, verb, route):
    assert send(verb, route, b"[" * 1024 * 1024).status_code == 413


@pytest.mark.parametrize(("verb", "route"), REQUESTS)
@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        ({"CONTENT_LENGTH": "x"}, 400, "malformed_request"),
        ({"HTTP_ACCEPT": "application/xml"}, 406, "not_acceptable"),
    ],
)
def test_a_failure_has_a_sentence_a_code_and_the_headers(send, verb, route, sent, status, code):
    answer = send(verb, route, b"{}", **sent)
    assert (answer.status_code, answer.json().keys()) == (status, {"detail", "code"})
    assert answer.json()["code"] == code


@pytest.mark.parametrize(("verb", "route"), [("POST", "token/logout/"), ("DELETE", "sessions/"), *PRIVATE])
def test_without_the_setting_there_is_nothing(send, configure, verb, route):
    configure(SESSIONS=None)
    answer = send(verb, route, b"{}")
    assert (answer.status_code, answer.json()["code"]) == (404, "method_disabled")


@pytest.mark.parametrize(
    ("route", "allowed"),
    [
        *[(route, "POST, OPTIONS") for route in POSTS],
        ("sessions/", "GET, DELETE, OPTIONS"),
        ("sessions/others/", "DELETE, OPTIONS"),
        (ONE, "PATCH, DELETE, OPTIONS"),
    ],
)
def test_other_verbs_are_not_allowed(send, route, allowed):
    for verb in VERBS - set(allowed.split(", ")):
        answer = send(verb, route, b"{}")
        assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)
    answer = send("OPTIONS", route, b"")
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize(("verb", "route"), [("DELETE", "sessions/"), *PRIVATE])
@pytest.mark.parametrize("header", ["Bearer junk", "Bearer a.b.c", "Bearer", "Bearer a b", None])
def test_a_wrong_token_is_a_401(client, refresh, verb, route, header):
    headers = {"Authorization": header} if header else {}
    answer = client.generic(verb, f"/api/{route}", b"{}", content_type=JSON, headers=headers)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="api"')
    assert Session.objects.count() == 1


@pytest.mark.parametrize("route", ["sessions/x/", "sessions/1/", f"sessions/{'0' * 32}/", "sessions/other/"])
def test_what_is_no_id_is_no_route(client, refresh, route):
    headers = {"Authorization": f"Bearer {refresh.access_token}"}
    assert client.delete(f"/api/{route}", headers=headers).status_code == 404


def test_limits_of_logins_do_not_hold_for_refreshes(client, configure, refresh):
    """Many people of one network refresh every few minutes."""
    configure(
        THROTTLE_RATES=dict.fromkeys(("request", "redeem", "password"), "1/d"),
        DECORATORS={
            "token_request_rate_limit_decorator": "tests.two_factor.test_http.refuse_all",
            "token_redeem_rate_limit_decorator": "tests.two_factor.test_http.refuse_all",
        },
    )
    token = str(refresh)
    for _ in range(3):
        answer = client.post("/api/token/refresh/", {"refresh": token}, REMOTE_ADDR="8.8.8.8")
        assert answer.status_code == 200
        token = answer.json()["refresh"]


def test_the_throttles_of_the_project_do(client, settings, refresh):
    settings.REST_FRAMEWORK = {"DEFAULT_THROTTLE_CLASSES": ["tests.sessions.test_http.NoMore"]}
    for verb, route in REQUESTS:
        headers = {"Authorization": f"Bearer {refresh.access_token}"}
        answer = client.generic(verb, f"/api/{route}", b"{}", content_type=JSON, headers=headers)
        assert answer.status_code == 429


def test_a_form_does_as_well_as_json(client, refresh):
    assert client.post("/api/token/refresh/", {"refresh": str(refresh)}).status_code == 200


def test_a_token_in_the_query_string_is_ignored(client, refresh):
    assert client.post(f"/api/token/refresh/?refresh={refresh}", {}, content_type=JSON).status_code == 400
    assert client.post(f"/api/token/logout/?refresh={refresh}", {}, content_type=JSON).status_code == 400
    assert Session.objects.count() == 1


def test_the_token_of_somebody_who_has_to_enrol_opens_nothing(client, refresh, ada, configure):
    configure(TWO_FACTOR={"required": True})
    token = AccessToken.for_user(ada)
    token["token_type"] = "two_factor_enrolment"
    headers = {"Authorization": f"Bearer {token}"}
    assert client.delete("/api/sessions/", headers=headers).status_code == 401
