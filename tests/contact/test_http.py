"""No input makes a 500 or a change, and what every answer of these routes has in common."""

import json

import pytest
import sms
from django.core import mail
from hypothesis import example, given
from hypothesis import strategies as st

from tests.contact.conftest import EMAIL, MOBILE, each_change
from tests.test_hostile_input import (
    FORM_CORPUS,
    JSON_CORPUS,
    MULTIPART_CORPUS,
    PLACEHOLDERS,
    any_text,
    json_values,
    property_test,
)
from tests.two_factor.test_http import HEADERS, JSON

pytestmark = pytest.mark.django_db

ASKING = ["contact/email/", "contact/mobile/"]
CONFIRMING = ["contact/email/confirm/", "contact/mobile/confirm/"]
ROUTES = ASKING + CONFIRMING
each_route = pytest.mark.parametrize("route", ROUTES)


@pytest.fixture
def send(client, api, ada, configure):
    """Send raw bytes as a user with two open changes; checks what must hold for every answer."""
    configure(MAX_TOKEN_ATTEMPTS=10)
    access = EMAIL.access(api)
    for change in (EMAIL, MOBILE):
        change.ask(api, access)

    def request(verb, route, body, content_type=JSON, **extra):
        for placeholder, name in PLACEHOLDERS.items():
            body = body.replace(placeholder, name())
        headers = {"Authorization": f"Bearer {access}"}
        answer = client.generic(verb, f"/api/{route}", body, content_type=content_type, headers=headers, **extra)
        assert answer.status_code < 500
        if answer.content:
            assert answer.headers["Content-Type"] == JSON
        assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
        assert (EMAIL.value(ada), MOBILE.value(ada)) == (EMAIL.old, MOBILE.old)
        return answer

    return request


@pytest.mark.parametrize("body", JSON_CORPUS.values(), ids=JSON_CORPUS)
def test_known_breakers_in_json_are_answered(send, body):
    for route in ROUTES:
        send("POST", route, body)


@pytest.mark.parametrize("body", MULTIPART_CORPUS.values(), ids=MULTIPART_CORPUS)
def test_known_breakers_in_multipart_forms_are_answered(send, body):
    for route in ROUTES:
        send("POST", route, body, "multipart/form-data; boundary=BOUNDARY")


@pytest.mark.parametrize("body", FORM_CORPUS.values(), ids=FORM_CORPUS)
def test_known_breakers_in_forms_are_answered(send, body):
    for route in ROUTES:
        send("POST", route, body, "application/x-www-form-urlencoded")


keys = st.sampled_from(["@email", "@phone", "token", "code"])


@property_test
@given(body=st.dictionaries(keys | any_text, json_values, max_size=5) | json_values, route=st.sampled_from(ROUTES))
@example(body={"@email": "ada@\ud800.com", "token": "123456"}, route="contact/email/confirm/")
@example(body={"@email": "new@example.com", "token": "\ud800"}, route="contact/email/confirm/")
@example(body={"@phone": "+12015550124", "token": ["1"]}, route="contact/mobile/confirm/")
@example(body={"@phone": 12015550124, "token": 123456}, route="contact/mobile/confirm/")
def test_no_json_breaks_a_route(send, body, route):
    send("POST", route, json.dumps(body).encode())


BAD = {
    "email": [
        "ada",
        "a@b",
        "",
        "a" * 300 + "@example.com",
        '"a"@example.com',
        "a@[127.0.0.1]",
        "stra\u00dfe@x.de",
        None,
    ],
    "mobile": ["123", "+19005550123", "", "+12015550123 ext. 5", "tel", None, 12015550124],
}


@each_change
def test_what_is_no_address_or_number_is_an_error_of_the_field(send, change):
    mail.outbox.clear()
    sms.outbox.clear()
    for value in BAD[change.name]:
        body = json.dumps({change.field: value, "token": "123456"}).encode()
        for route in (f"contact/{change.name}/", f"contact/{change.name}/confirm/"):
            answer = send("POST", route, body)
            assert (answer.status_code, answer.json().keys()) == (400, {change.field})
    assert not mail.outbox + sms.outbox


@each_route
def test_a_body_of_a_megabyte_is_a_413(send, route):
    assert send("POST", route, b"[" * 1024 * 1024).status_code == 413


@each_route
@pytest.mark.parametrize(
    ("changes", "sent", "status", "code"),
    [
        ({}, {"CONTENT_LENGTH": "x"}, 400, "malformed_request"),
        ({"ALLOWED_PASSWORDLESS_METHODS": []}, {}, 404, "method_disabled"),
        ({}, {"HTTP_ACCEPT": "application/xml"}, 406, "not_acceptable"),
    ],
)
def test_a_failure_has_a_sentence_a_code_and_the_headers(send, configure, route, changes, sent, status, code):
    configure(**changes)
    answer = send("POST", route, b"{}", **sent)
    assert (answer.status_code, answer.json().keys()) == (status, {"detail", "code"})
    assert answer.json()["code"] == code


@each_route
@pytest.mark.parametrize(
    "limiter", ["token_request_rate_limit_decorator", "token_redeem_rate_limit_decorator"], ids=["request", "redeem"]
)
def test_the_limiters_of_the_project_are_asked(send, configure, route, limiter):
    configure(DECORATORS={limiter: "tests.two_factor.test_http.refuse_all"})
    answer = send("POST", route, b"{}")
    assert (answer.status_code == 429) is ((route in ASKING) == limiter.startswith("token_request"))


@each_route
@pytest.mark.parametrize("rate", ["request", "redeem"])
def test_the_limits_of_the_network_are_asked(send, configure, route, rate):
    configure(THROTTLE_RATES={rate: "1/h"})
    statuses = [send("POST", route, b"{}", REMOTE_ADDR="8.8.8.8").status_code for _ in range(2)]
    assert statuses == [400, 429 if (route in ASKING) == (rate == "request") else 400]


@each_route
@pytest.mark.parametrize("verb", ["GET", "HEAD", "PUT", "PATCH", "DELETE"])
def test_other_verbs_than_post_are_not_allowed(send, route, verb):
    answer = send(verb, route, b"{}")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST, OPTIONS")


@each_route
def test_options_tells_nothing_about_the_inside(send, route):
    answer = send("OPTIONS", route, b"")
    assert (answer.status_code, answer.content) == (200, b"")


@each_route
@pytest.mark.parametrize("header", ["Bearer junk", "Bearer a.b.c", "Bearer", "Bearer a b"])
def test_a_wrong_token_is_a_401(client, db, route, header):
    answer = client.post(f"/api/{route}", {}, content_type=JSON, headers={"Authorization": header})
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="api"')


@each_change
def test_a_form_does_as_well_as_json(client, api, ada, change):
    headers = {"Authorization": f"Bearer {change.access(api)}"}
    asked = client.post(f"/api/contact/{change.name}/", {change.field: change.new}, headers=headers)
    form = {change.field: change.new, "code": change.last_code()}
    confirmed = client.post(f"/api/contact/{change.name}/confirm/", form, headers=headers)
    assert (asked.status_code, confirmed.status_code) == (200, 200)


@each_change
def test_values_in_the_query_string_are_ignored(client, api, ada, change):
    headers = {"Authorization": f"Bearer {change.access(api)}"}
    path = f"/api/contact/{change.name}/?{change.field}=x"
    answer = client.post(path, {}, content_type=JSON, headers=headers)
    assert answer.json() == {change.field: ["This field is required."]}
