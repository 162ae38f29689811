"""What every answer has in common, and which requests are heard at all: verbs, headers, formats, limits, gates."""

import json
from io import BytesIO

import pytest
from django.core.handlers.asgi import ASGIRequest
from django.test import Client
from django.urls import resolve
from rest_framework.exceptions import Throttled
from rest_framework.permissions import AllowAny
from rest_framework.renderers import BaseRenderer
from rest_framework_simplejwt.tokens import AccessToken

from jwt_drf_passwordless.conf import settings as package_settings
from jwt_drf_passwordless.services import PasswordlessTokenService
from tests.conftest import sent_code

pytestmark = pytest.mark.django_db

EMAIL = "ada@example.com"
PHONE = "+12015550123"
REQUESTS = ["request/email/", "request/mobile/"]
EXCHANGES = ["exchange/email/", "exchange/mobile/", "exchange/"]
ROUTES = REQUESTS + EXCHANGES
HEADERS = {
    "Cache-Control": "no-store",
    "Pragma": "no-cache",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
DISABLED = (404, {"detail": "This way of signing in is not available.", "code": "method_disabled"})
TOO_LARGE = (413, {"detail": "The request is too large.", "code": "payload_too_large"})
MALFORMED = (400, {"detail": "The request could not be read.", "code": "malformed_request"})
INVALID = (400, {"detail": "Invalid credentials", "code": "invalid_credentials"})
#: Bytes of the largest body that is read.
LIMIT = 16384
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


class LoudRenderer(BaseRenderer):
    """A format of the project's own."""

    media_type = "application/vnd.example.loud"
    format = "loud"

    def render(self, data, accepted_media_type=None, renderer_context=None):
        return json.dumps(data, default=str).upper().encode()


def refuse_all(view):
    """A limiter that lets nobody through."""

    def limited(request, *args, **kwargs):
        raise Throttled(wait=7)

    return limited


class ReadsForms:
    """A middleware that looks at the form, as those for audits and method overrides do."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        request.seen = len(request.POST)
        return self.get_response(request)


class HungUp(BytesIO):
    """The body of a client that has gone."""

    def read(self, size=-1):
        raise ConnectionResetError


@pytest.fixture
def user(make_user):
    return make_user(email=EMAIL, phone=PHONE)


@pytest.fixture
def challenge(user):
    return PasswordlessTokenService.create_token(user, package_settings.EMAIL_FIELD_NAME)


@pytest.fixture
def good_body(user):
    """The body with which a route answers 200."""

    def make(route):
        mobile = "mobile" in route
        field = package_settings.MOBILE_FIELD_NAME if mobile else package_settings.EMAIL_FIELD_NAME
        body = {field: PHONE if mobile else EMAIL}
        if route in EXCHANGES:
            body["token"] = PasswordlessTokenService.create_token(user, field).short_token
        return body

    return make


def outcome(answer):
    return answer.status_code, answer.json()


def assert_common_headers(answer):
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    assert not [name for name in answer.headers if name.lower().startswith("access-control-")]
    assert "Set-Cookie" not in answer.headers
    assert not answer.cookies


def padded(size, **body):
    """A JSON object of `size` bytes."""
    text = json.dumps(body)
    return text + " " * (size - len(text))


# Headers and error shape


@pytest.mark.parametrize("route", ROUTES)
def test_a_success_is_json_that_no_cache_keeps(api, good_body, route):
    answer = api.post(route, good_body(route), headers={"origin": "https://evil.example"})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert_common_headers(answer)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(
    ("changes", "sent", "status", "code"),
    [
        ({}, {"data": "{"}, 400, "parse_error"),
        ({}, {"CONTENT_LENGTH": "x"}, 400, "malformed_request"),
        ({"ALLOWED_PASSWORDLESS_METHODS": []}, {}, 404, "method_disabled"),
        ({}, {"method": "GET"}, 405, "method_not_allowed"),
        ({}, {"HTTP_ACCEPT": "application/xml"}, 406, "not_acceptable"),
        ({}, {"data": "{" * 20000}, 413, "payload_too_large"),
        ({}, {"content_type": "text/plain"}, 415, "unsupported_media_type"),
        ({"limited": True}, {}, 429, "throttled"),
        ({"guarded": True}, {}, 401, "not_authenticated"),
    ],
)
def test_a_failure_has_a_sentence_a_code_and_the_headers(client, configure, route, changes, sent, status, code):
    limits = dict.fromkeys(
        ["token_request_rate_limit_decorator", "token_redeem_rate_limit_decorator"], "tests.test_http.refuse_all"
    )
    guards = dict.fromkeys(
        ["passwordless_token_request", "passwordless_token_exchange"], ["rest_framework.permissions.IsAuthenticated"]
    )
    variants = {"limited": {"DECORATORS": limits}, "guarded": {"PERMISSIONS": guards}}
    for name, value in changes.items():
        configure(**variants.get(name, {name: value}))
    method = sent.get("method", "POST")
    request = {"data": "{}", "content_type": JSON, "HTTP_ORIGIN": "https://evil.example", **sent}
    request.pop("method", None)

    answer = client.generic(method, f"/passwordless/{route}", **request)

    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json().keys() == {"detail", "code"}
    assert answer.json()["code"] == code
    assert isinstance(answer.json()["detail"], str)
    assert_common_headers(answer)


@pytest.mark.parametrize("route", ROUTES)
def test_errors_of_fields_keep_the_shape_of_rest_framework(api, route):
    answer = api.post(route, {})
    assert answer.status_code == 400
    assert "detail" not in answer.json()
    assert ["This field is required."] in answer.json().values()
    assert_common_headers(answer)


def test_a_cooldown_tells_how_long_to_wait(api, user):
    api.request_email(EMAIL)
    answer = api.request_email(EMAIL)
    assert (answer.status_code, answer.json()["code"]) == (429, "throttled")
    assert answer.headers["Retry-After"] in {"59", "60"}
    assert_common_headers(answer)


def test_tokens_stand_in_the_body_and_nowhere_else(api, challenge):
    answer = api.exchange_email(EMAIL, challenge.short_token)
    headers = str(answer.headers)
    assert [token for token in answer.json().values() if token in headers] == []
    assert "Location" not in answer.headers


# Verbs


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("verb", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "get"])
def test_other_verbs_than_post_and_options_are_not_allowed(client, route, verb):
    answer = client.generic(verb, f"/passwordless/{route}", "{}", content_type=JSON)
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "POST, OPTIONS"
    assert_common_headers(answer)


@pytest.mark.parametrize("route", EXCHANGES)
@pytest.mark.parametrize("verb", ["GET", "HEAD", "OPTIONS"])
def test_a_scanner_that_opens_the_link_ten_times_uses_nothing_up(client, user, route, verb):
    field = package_settings.MOBILE_FIELD_NAME if "mobile" in route else package_settings.EMAIL_FIELD_NAME
    token = PasswordlessTokenService.create_token(user, field).token
    for _ in range(10):
        scanned = client.generic(verb, f"/passwordless/{route}?token={token}&code={token}")
        assert b"access" not in scanned.content
    answer = client.post(f"/passwordless/{route}", {"token": token}, content_type=JSON)
    assert answer.status_code == 200


@pytest.mark.parametrize("override", [{"HTTP_X_HTTP_METHOD_OVERRIDE": "POST"}, {"QUERY_STRING": "_method=POST"}])
def test_a_verb_is_not_overridden(client, challenge, override):
    answer = client.generic("GET", "/passwordless/exchange/", json.dumps({"token": challenge.token}), JSON, **override)
    assert answer.status_code == 405


@pytest.mark.parametrize("route", ROUTES)
def test_options_tells_the_verbs_and_nothing_about_the_inside(client, route):
    answer = client.options(f"/passwordless/{route}", headers={"accept": BROWSER, "origin": "https://evil.example"})
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["Allow"] == "POST, OPTIONS"
    assert_common_headers(answer)


@pytest.mark.parametrize("route", ROUTES)
def test_values_in_the_query_string_are_ignored(api, good_body, route):
    query = "&".join(f"{name}={value}" for name, value in good_body(route).items()).replace("+", "%2B")
    answer = api.post(f"{route}?{query}", {})
    assert answer.status_code == 400
    assert set(answer.json()) <= {package_settings.EMAIL_FIELD_NAME, package_settings.MOBILE_FIELD_NAME, "token"}


def test_the_query_string_does_not_override_the_body(api, challenge):
    body = {package_settings.EMAIL_FIELD_NAME: EMAIL, "token": challenge.short_token}
    query = f"token=000000x&{package_settings.EMAIL_FIELD_NAME}=eve@example.com"
    assert api.post(f"exchange/email/?{query}", body).status_code == 200


# Formats


BROWSABLE = "rest_framework.renderers.BrowsableAPIRenderer"
BROWSABLE_SETS = [[BROWSABLE], [BROWSABLE, "rest_framework.renderers.JSONRenderer"]]


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("renderers", BROWSABLE_SETS, ids=["only", "first"])
def test_a_browser_gets_json_and_no_page(api, settings, good_body, route, renderers):
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_RENDERER_CLASSES": renderers}
    answer = api.post(route, good_body(route), headers={"accept": BROWSER})
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.json()


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("renderers", BROWSABLE_SETS, ids=["only", "first"])
def test_who_takes_nothing_but_html_gets_a_refusal_in_json(api, settings, route, renderers):
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_RENDERER_CLASSES": renderers}
    answer = api.post(route, {}, headers={"accept": "text/html"})
    assert (answer.status_code, answer.json()["code"]) == (406, "not_acceptable")
    assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("route", ROUTES)
def test_a_get_of_a_browser_shows_no_form(client, settings, route):
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_RENDERER_CLASSES": [BROWSABLE]}
    answer = client.get(f"/passwordless/{route}", headers={"accept": BROWSER})
    assert (answer.status_code, answer.headers["Content-Type"]) == (405, "application/json")


@pytest.mark.parametrize("route", ROUTES)
def test_the_renderers_are_those_of_the_project_at_the_moment(api, settings, good_body, route):
    settings.REST_FRAMEWORK = {
        **settings.REST_FRAMEWORK,
        "DEFAULT_RENDERER_CLASSES": [BROWSABLE, "tests.test_http.LoudRenderer"],
    }
    answer = api.post(route, good_body(route))
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/vnd.example.loud; charset=utf-8"
    assert answer.content == answer.content.upper()


@pytest.mark.parametrize("route", ROUTES)
def test_a_form_post_is_taken_while_the_project_takes_forms(client, good_body, route):
    assert client.post(f"/passwordless/{route}", good_body(route)).status_code == 200


@pytest.mark.parametrize("route", ROUTES)
def test_an_urlencoded_form_post_is_taken_while_the_project_takes_forms(client, good_body, route):
    body = "&".join(f"{name}={value}" for name, value in good_body(route).items()).replace("+", "%2B")
    assert client.generic("POST", f"/passwordless/{route}", body, FORM).status_code == 200


@pytest.mark.parametrize("route", ROUTES)
def test_a_form_post_is_a_415_once_the_project_takes_json_only(client, settings, good_body, route):
    settings.REST_FRAMEWORK = {
        **settings.REST_FRAMEWORK,
        "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    }
    body = good_body(route)
    assert client.post(f"/passwordless/{route}", body).status_code == 415
    assert client.post(f"/passwordless/{route}", body, content_type=JSON).status_code == 200


@pytest.mark.parametrize("route", ROUTES)
def test_json_is_a_415_once_the_project_takes_forms_only(client, settings, good_body, route):
    settings.REST_FRAMEWORK = {
        **settings.REST_FRAMEWORK,
        "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.MultiPartParser"],
    }
    body = good_body(route)
    assert client.post(f"/passwordless/{route}", body, content_type=JSON).status_code == 415
    assert client.post(f"/passwordless/{route}", body).status_code == 200


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "application/octet-stream", "json"])
def test_a_content_type_that_no_parser_takes_is_a_415(client, challenge, content_type):
    body = json.dumps({"token": challenge.token})
    answer = client.generic("POST", "/passwordless/exchange/", body, content_type)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    assert client.generic("POST", "/passwordless/exchange/", body, JSON).status_code == 200


@pytest.mark.parametrize("content_type", [JSON, FORM, None], ids=["json", "urlencoded", "multipart"])
def test_a_middleware_may_have_read_the_form_before(client, settings, challenge, content_type):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "tests.test_http.ReadsForms"]
    if content_type is None:
        answer = client.post("/passwordless/exchange/", {"token": challenge.token})
    else:
        body = {JSON: f'{{"token": "{challenge.token}"}}', FORM: f"token={challenge.token}"}[content_type]
        answer = client.generic("POST", "/passwordless/exchange/", body, content_type)
    assert answer.status_code == 200


# Who may ask


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(
    "authorization", ["Bearer", "Bearer junk", "Bearer a.b.c", "Bearer a b", "Basic !!!", "Token x", "\xff", ","]
)
def test_a_stale_authorization_header_is_ignored(api, good_body, route, authorization):
    assert api.post(route, good_body(route), HTTP_AUTHORIZATION=authorization).status_code == 200


@pytest.fixture
def _session_project(settings):
    """A project that knows its users by session and checks CSRF tokens."""
    settings.MIDDLEWARE = [
        *settings.MIDDLEWARE,
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ]
    settings.REST_FRAMEWORK = {
        "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"]
    }


@pytest.fixture
def browser(user):
    """A browser in which the user is signed in by session; CSRF is checked."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    return client


GUARDED = {
    "passwordless_token_request": ["rest_framework.permissions.IsAuthenticated"],
    "passwordless_token_exchange": ["rest_framework.permissions.IsAuthenticated"],
}


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.usefixtures("_session_project")
def test_a_stale_session_and_a_missing_csrf_token_are_ignored(good_body, settings, route):
    stranger = Client(enforce_csrf_checks=True)
    stranger.cookies[settings.SESSION_COOKIE_NAME] = "junk"
    assert stranger.post(f"/passwordless/{route}", good_body(route)).status_code == 200


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.usefixtures("_session_project")
def test_a_user_with_a_session_needs_no_csrf_token_on_public_endpoints(good_body, browser, route):
    assert browser.post(f"/passwordless/{route}", good_body(route)).status_code == 200


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.usefixtures("_session_project")
def test_a_guarded_endpoint_demands_a_csrf_token_from_a_session(configure, good_body, browser, route):
    configure(PERMISSIONS=GUARDED)
    body = good_body(route)
    refused = browser.post(f"/passwordless/{route}", body, content_type=JSON)
    assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")
    assert refused.json()["detail"].startswith("CSRF Failed")
    assert_common_headers(refused)

    browser.cookies["csrftoken"] = "a" * 32
    allowed = browser.post(f"/passwordless/{route}", body, content_type=JSON, headers={"x-csrftoken": "a" * 32})
    assert allowed.status_code == 200


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.usefixtures("_session_project")
def test_a_guarded_endpoint_of_a_session_project_answers_strangers_403(configure, api, good_body, route):
    configure(PERMISSIONS=GUARDED)
    assert outcome(api.post(route, good_body(route))) == (
        403,
        {"detail": "Authentication credentials were not provided.", "code": "not_authenticated"},
    )


@pytest.mark.parametrize("route", ROUTES)
def test_a_guarded_endpoint_takes_the_projects_jwt(configure, api, good_body, user, route):
    configure(PERMISSIONS=GUARDED)
    body = good_body(route)
    stranger = api.post(route, body)
    assert (stranger.status_code, stranger.json()["code"]) == (401, "not_authenticated")
    assert stranger.headers["WWW-Authenticate"].startswith("Bearer")
    junk = api.post(route, body, headers={"authorization": "Bearer junk"})
    assert junk.status_code == 401
    assert_common_headers(junk)

    access = AccessToken.for_user(user)
    assert api.post(route, body, headers={"authorization": f"Bearer {access}"}).status_code == 200


@pytest.mark.parametrize(
    ("guarded", "open_route", "guarded_route"),
    [
        ("passwordless_token_request", "exchange/mobile/", "request/email/"),
        ("passwordless_token_exchange", "request/mobile/", "exchange/email/"),
    ],
)
def test_requests_and_exchanges_are_guarded_apart(configure, api, good_body, guarded, open_route, guarded_route):
    configure(PERMISSIONS={guarded: GUARDED[guarded]})
    assert api.post(guarded_route, good_body(guarded_route)).status_code == 401
    assert api.post(open_route, good_body(open_route)).status_code == 200


@pytest.mark.parametrize("route", ROUTES)
def test_a_refused_stranger_uses_nothing_up(configure, api, good_body, settings, route):
    body = good_body(route)
    before = settings.JWT_DRF_PASSWORDLESS
    configure(PERMISSIONS=GUARDED)
    assert api.post(route, body).status_code == 401
    settings.JWT_DRF_PASSWORDLESS = before
    assert api.post(route, body).status_code == 200


# What is switched off

WITHOUT = [
    ("request/email/", ["MOBILE"]),
    ("exchange/email/", ["MOBILE"]),
    ("request/mobile/", ["EMAIL"]),
    ("exchange/mobile/", ["EMAIL"]),
    *((route, []) for route in ROUTES),
]


@pytest.mark.parametrize(("route", "methods"), WITHOUT)
def test_a_method_that_is_off_is_not_found(api, configure, good_body, route, methods):
    body = good_body(route)
    configure(ALLOWED_PASSWORDLESS_METHODS=methods)
    answer = api.post(route, body)
    assert outcome(answer) == DISABLED
    assert_common_headers(answer)


@pytest.mark.parametrize(("route", "methods"), WITHOUT)
@pytest.mark.parametrize(
    ("body", "content_type", "extra"),
    [
        ("{", JSON, {}),
        (b"\xff\x00", JSON, {}),
        ("[" * 8000, JSON, {}),
        ("x" * 1024 * 1024, JSON, {}),
        ("x", "text/plain", {}),
        ("x", "multipart/form-data", {}),
        ("{}", JSON, {"CONTENT_LENGTH": "x"}),
        ("{}", JSON, {"HTTP_ACCEPT": "text/html"}),
        ("{}", JSON, {"HTTP_AUTHORIZATION": "Bearer junk"}),
    ],
)
def test_a_method_that_is_off_is_not_found_whatever_is_sent(
    client, configure, route, methods, body, content_type, extra
):
    configure(ALLOWED_PASSWORDLESS_METHODS=methods)
    assert outcome(client.generic("POST", f"/passwordless/{route}", body, content_type, **extra)) == DISABLED


@pytest.mark.parametrize(("route", "methods"), WITHOUT)
@pytest.mark.parametrize("verb", ["GET", "HEAD", "OPTIONS", "PUT"])
def test_a_method_that_is_off_is_not_found_by_any_verb(client, configure, route, methods, verb):
    configure(ALLOWED_PASSWORDLESS_METHODS=methods)
    assert client.generic(verb, f"/passwordless/{route}").status_code == 404


@pytest.mark.parametrize(("route", "methods"), WITHOUT)
def test_a_method_that_is_off_is_not_found_by_those_who_may_not_ask_either(api, configure, route, methods):
    configure(ALLOWED_PASSWORDLESS_METHODS=methods, PERMISSIONS=GUARDED)
    assert outcome(api.post(route, {})) == DISABLED


@pytest.mark.parametrize("methods", [["email", "mobile"], ["Email", "mObile"], ("EMAIL", "MOBILE")])
@pytest.mark.parametrize("route", ROUTES)
def test_methods_are_named_in_any_case(api, configure, good_body, route, methods):
    configure(ALLOWED_PASSWORDLESS_METHODS=methods)
    assert api.post(route, good_body(route)).status_code == 200


def test_email_is_on_and_mobile_off_when_the_project_names_no_methods(api, settings, user):
    package = dict(settings.JWT_DRF_PASSWORDLESS)
    del package["ALLOWED_PASSWORDLESS_METHODS"]
    settings.JWT_DRF_PASSWORDLESS = package
    assert api.request_email(EMAIL).status_code == 200
    assert api.exchange_email(EMAIL, sent_code()).status_code == 200
    assert outcome(api.request_mobile(PHONE)) == DISABLED
    assert outcome(api.exchange_mobile(PHONE, "123456")) == DISABLED


# Size of the body


@pytest.mark.parametrize("route", ROUTES)
def test_a_body_of_exactly_the_limit_is_read(api, good_body, route):
    assert api.post(route, padded(LIMIT, **good_body(route))).status_code == 200


@pytest.mark.parametrize("route", ROUTES)
def test_a_body_of_one_byte_over_the_limit_is_not_read(api, good_body, route):
    body = good_body(route)
    assert outcome(api.post(route, padded(LIMIT + 1, **body))) == TOO_LARGE
    assert api.post(route, body).status_code == 200


@pytest.mark.parametrize("content_type", [FORM, "multipart/form-data; boundary=B", "text/plain", ""])
def test_the_limit_holds_for_every_content_type(client, content_type):
    body = b"x" * (LIMIT + 1)
    assert outcome(client.generic("POST", "/passwordless/exchange/", body, content_type)) == TOO_LARGE


@pytest.mark.parametrize("route", ["request/email/", "exchange/"])
@pytest.mark.parametrize("length", ["x", "-1", "1e3", "+5", " 5", "0x10", "5,5", "5.0", "\xb2", "1_0"])
def test_a_length_that_is_no_number_is_malformed(client, route, length):
    answer = client.generic("POST", f"/passwordless/{route}", "{}", JSON, CONTENT_LENGTH=length)
    assert outcome(answer) == MALFORMED


@pytest.mark.parametrize("length", ["16385", "99999999999", "9" * 100, "9" * 5000])
def test_a_length_over_the_limit_is_refused_before_anything_is_read(client, length):
    stream = BytesIO(b"{}")
    answer = client.generic(
        "POST", "/passwordless/exchange/", "{}", JSON, **{"CONTENT_LENGTH": length, "wsgi.input": stream}
    )
    assert outcome(answer) == TOO_LARGE
    assert stream.tell() == 0


def test_a_length_that_is_too_small_cuts_the_body_off(client, challenge):
    body = json.dumps({"token": challenge.token}).encode()
    environ = {"CONTENT_LENGTH": "5", "wsgi.input": BytesIO(body)}
    answer = client.generic("POST", "/passwordless/exchange/", body, JSON, **environ)
    assert (answer.status_code, answer.json()["code"]) == (400, "parse_error")


def test_a_length_that_is_too_large_ends_where_the_body_ends(client, challenge):
    body = json.dumps({"token": challenge.token}).encode()
    environ = {"CONTENT_LENGTH": "9000", "wsgi.input": BytesIO(body)}
    assert client.generic("POST", "/passwordless/exchange/", body, JSON, **environ).status_code == 200


@pytest.mark.parametrize("length", ["", "0"])
def test_a_body_without_a_length_is_empty(client, challenge, length):
    body = json.dumps({"token": challenge.token}).encode()
    environ = {"CONTENT_LENGTH": length, "wsgi.input": BytesIO(body)}
    answer = client.generic("POST", "/passwordless/exchange/", body, JSON, **environ)
    assert outcome(answer) == (400, {"token": ["This field is required."]})


def test_a_client_that_hangs_up_is_malformed(client):
    environ = {"CONTENT_LENGTH": "9", "wsgi.input": HungUp()}
    assert outcome(client.generic("POST", "/passwordless/exchange/", b"{", JSON, **environ)) == MALFORMED


@pytest.mark.parametrize("content_type", [JSON, FORM, "multipart/form-data; boundary=B"])
def test_the_projects_own_smaller_limit_is_a_413_too(client, settings, content_type):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    answer = client.generic("POST", "/passwordless/exchange/", b"x" * 101, content_type)
    assert outcome(answer) == TOO_LARGE


def test_the_limit_holds_in_a_project_without_one(api, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = None
    assert outcome(api.post("exchange/", "x" * (LIMIT + 1))) == TOO_LARGE


@pytest.mark.parametrize("fields", ["DATA_UPLOAD_MAX_NUMBER_FIELDS", "DATA_UPLOAD_MAX_NUMBER_FILES"])
def test_more_fields_or_files_than_the_project_takes_are_malformed(client, settings, fields):
    setattr(settings, fields, 2)
    parts = "".join(
        f'--B\r\nContent-Disposition: form-data; name="{n}"{extra}\r\n\r\nx\r\n'
        for n in range(3)
        for extra in ["", '; filename="f"']
    )
    answer = client.generic("POST", "/passwordless/exchange/", f"{parts}--B--\r\n", "multipart/form-data; boundary=B")
    assert outcome(answer) == MALFORMED


def post_by_asgi(body, *headers):
    """Status and body of the answer to a request as an ASGI server hands it on: any length, declared or not."""
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/passwordless/exchange/",
        "query_string": b"",
        "headers": [(b"host", b"testserver"), (b"content-type", b"application/json"), *headers],
    }
    answer = resolve("/passwordless/exchange/").func(ASGIRequest(scope, BytesIO(body)))
    return answer.status_code, json.loads(answer.render().content)


def test_a_chunked_body_without_a_length_is_empty_as_for_all_of_rest_framework(challenge):
    body = json.dumps({"token": challenge.token}).encode()
    assert post_by_asgi(body) == (400, {"token": ["This field is required."]})


def test_a_body_in_chunks_with_its_length_is_read(challenge):
    body = padded(12000, token=challenge.token).encode()
    status, answer = post_by_asgi(body, (b"content-length", b"12000"))
    assert (status, answer.keys()) == (200, {"refresh", "access"})


def test_a_chunked_body_over_the_limit_is_a_413(challenge):
    body = padded(LIMIT + 1, token=challenge.token).encode()
    assert post_by_asgi(body) == TOO_LARGE


def test_a_chunked_body_over_the_limit_with_a_small_declared_length_is_a_413(challenge):
    body = padded(LIMIT + 1, token=challenge.token).encode()
    assert post_by_asgi(body, (b"content-length", b"5")) == TOO_LARGE


class KnowsTheUser(AllowAny):
    """Lets everyone in, but may look at who it is."""


def test_a_permission_of_the_projects_own_gets_an_authenticated_user(api, configure):
    configure(PERMISSIONS={"passwordless_token_request": ["tests.test_http.KnowsTheUser"]})
    assert api.request_email("ada@example.com", headers={"Authorization": "Bearer junk"}).status_code == 401
