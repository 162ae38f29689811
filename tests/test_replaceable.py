"""What a project may replace by a dotted path: it acts at once on existing routes, and ends with the setting."""

import functools

import pytest
import sms
from django.core import mail
from django.http import JsonResponse
from django.test import override_settings
from rest_framework import serializers
from rest_framework.exceptions import Throttled
from rest_framework.permissions import BasePermission
from rest_framework_simplejwt.tokens import AccessToken

from jwt_drf_passwordless.conf import settings as package_settings
from jwt_drf_passwordless.email import PasswordlessRequestEmail
from jwt_drf_passwordless.serializers import (
    PasswordlessEmailTokenExchangeSerializer,
    PasswordlessEmailTokenRequestSerializer,
    PasswordlessTokenExchangeSerializer,
)
from jwt_drf_passwordless.services import PasswordlessTokenService
from jwt_drf_passwordless.sms import PasswordlessRequestSMS
from jwt_drf_passwordless.token_response import PasswordlessJwtRefreshTokenResponse
from tests.conftest import sent_code, sent_sms_code

pytestmark = pytest.mark.django_db

EMAIL = "ada@example.com"
PHONE = "+12015550123"
REQUESTS = ["request/email/", "request/mobile/"]
EXCHANGES = ["exchange/email/", "exchange/mobile/", "exchange/"]
ROUTES = REQUESTS + EXCHANGES
#: The key of `SERIALIZERS` behind each route.
SERIALIZER_KEYS = {
    "request/email/": "passwordless_email_token_request",
    "request/mobile/": "passwordless_mobile_token_request",
    "exchange/email/": "passwordless_email_token_exchange",
    "exchange/mobile/": "passwordless_mobile_token_exchange",
    "exchange/": "passwordless_token_exchange",
}
INVALID = {"detail": "Invalid credentials", "code": "invalid_credentials"}
BUSY = {"error": "Too many requests."}
#: What the limiters below have seen, newest last; emptied before each test.
SEEN = []


class NeedsInvitation(serializers.Serializer):
    """A body of the project's own."""

    invitation = serializers.CharField()


class AliasRequest(PasswordlessEmailTokenRequestSerializer):
    """Knows one address by another name."""

    def find_user_by_identifier(self, identifier_value):
        return super().find_user_by_identifier(identifier_value.replace("@alias.example", "@example.com"))


class NamedExchange(PasswordlessEmailTokenExchangeSerializer):
    """Adds a key to the answer."""

    @classmethod
    def generate_auth_token(cls, user):
        return {**super().generate_auth_token(user), "id": str(user.pk)}


class NoLinks(PasswordlessTokenExchangeSerializer):
    """Takes codes only."""

    def validate_token(self, value):
        if len(value) > 10:
            raise serializers.ValidationError("No links here.")
        return value


class TenantResponse(PasswordlessJwtRefreshTokenResponse):
    """Adds a claim to the tokens and a key to the answer."""

    @classmethod
    def get_token(cls, user):
        token = super().get_token(user)
        token["tenant"] = "north"
        return token

    @classmethod
    def generate_auth_token(cls, user):
        return {**super().generate_auth_token(user), "tenant": "north"}


class HasApiKey(BasePermission):
    message = "An API key is needed."

    def has_permission(self, request, view):
        return request.headers.get("X-Api-Key") == "sesame"


class TaggedEmail(PasswordlessRequestEmail):
    """Sets a header for the project's mail service and another subject."""

    def render(self, to):
        email = super().render(to)
        email.subject = f"[{self.request.get_host()}] {self.context['user'].pk}"
        email.extra_headers["X-Tag"] = "login"
        return email


class ShoutedSMS(PasswordlessRequestSMS):
    """Adds a value to the context and a line to the text."""

    def get_context_data(self):
        return {**super().get_context_data(), "site_name": "North"}

    def render(self, to):
        message = super().render(to)
        message.body += "\nBYE"
        return message


class FrenchMessages:
    """Replaces three sentences; the others stay."""

    TOKEN_SENT = "Un code vous a été envoyé"
    METHOD_DISABLED = "Indisponible."
    INVALID_EMAIL = "Adresse invalide."


def answer_429(view):
    """A limiter that answers by itself, in its own words."""

    def limited(request, *args, **kwargs):
        return JsonResponse(BUSY, status=429, headers={"Retry-After": "9"})

    return limited


def raise_throttled(view):
    """A limiter that speaks REST framework's language."""

    def limited(request, *args, **kwargs):
        raise Throttled(wait=9)

    return limited


def marks_the_view(view):
    """A limiter that gives the view an attribute, as Django's own `non_atomic_requests` does."""
    view.limited = True
    return view


def once_per_address(view):
    """A limiter in the style of django-ratelimit: wraps, reads POST and META, marks the request."""

    @functools.wraps(view)
    def limited(request, *args, **kwargs):
        field = package_settings.EMAIL_FIELD_NAME
        key = (request.method, request.META["REMOTE_ADDR"], request.POST.get(field), request.data.get(field))
        request.limited = key in SEEN
        SEEN.append(key)
        return JsonResponse(BUSY, status=429) if request.limited else view(request, *args, **kwargs)

    return limited


def reads_the_form(view):
    """A limiter that cannot do without the form."""

    def limited(request, *args, **kwargs):
        SEEN.append(request.META["REQUEST_METHOD"])
        SEEN.append(request.POST.get("token"))
        return view(request, *args, **kwargs)

    return limited


@pytest.fixture(autouse=True)
def _forget_what_was_seen():
    SEEN.clear()


@pytest.fixture
def user(make_user):
    return make_user(email=EMAIL, phone=PHONE)


@pytest.fixture
def replaced(settings):
    """A block of code in which keys of a sub-dict are replaced: `with replaced("EMAIL", key=path):`."""

    def replace(name, **keys):
        return override_settings(JWT_DRF_PASSWORDLESS={**settings.JWT_DRF_PASSWORDLESS, name: keys})

    return replace


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


def limiting(limiter):
    return dict.fromkeys(
        ["token_request_rate_limit_decorator", "token_redeem_rate_limit_decorator"], f"tests.test_replaceable.{limiter}"
    )


# Serializers


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("given", ["tests.test_replaceable.NeedsInvitation", NeedsInvitation], ids=["path", "class"])
def test_the_serializer_of_each_route_is_replaced(api, replaced, good_body, route, given):
    body = good_body(route)
    with replaced("SERIALIZERS", **{SERIALIZER_KEYS[route]: given}):
        answer = api.post(route, body)
    assert (answer.status_code, answer.json()) == (400, {"invitation": ["This field is required."]})
    assert api.post(route, body).status_code == 200


@pytest.mark.parametrize("route", ROUTES)
def test_replacing_the_serializer_of_one_route_leaves_the_others(api, replaced, good_body, route):
    path = "tests.test_replaceable.NeedsInvitation"
    others = {key: path for other, key in SERIALIZER_KEYS.items() if other != route}
    body = good_body(route)
    # The exchange of a user who is known asks no request serializer.
    with replaced("SERIALIZERS", **others):
        assert api.post(route, body).status_code == 200


def test_a_request_serializer_may_find_users_its_own_way(api, replaced, user):
    with replaced("SERIALIZERS", passwordless_email_token_request="tests.test_replaceable.AliasRequest"):
        assert api.request_email("ada@alias.example").status_code == 200
    assert mail.outbox[-1].to == [EMAIL]


def test_an_exchange_serializer_may_add_to_the_answer(api, replaced, good_body, user):
    body = good_body("exchange/email/")
    with replaced("SERIALIZERS", passwordless_email_token_exchange="tests.test_replaceable.NamedExchange"):
        answer = api.post("exchange/email/", body)
    assert (answer.status_code, answer.json()["id"]) == (200, str(user.pk))
    assert answer.json().keys() == {"refresh", "access", "id"}


def test_an_exchange_serializer_may_refuse(api, replaced, user):
    link = PasswordlessTokenService.create_token(user, package_settings.EMAIL_FIELD_NAME).token
    with replaced("SERIALIZERS", passwordless_token_exchange="tests.test_replaceable.NoLinks"):
        answer = api.post("exchange/", {"token": link})
        short = api.post("exchange/", {"token": "123456x", package_settings.EMAIL_FIELD_NAME: EMAIL})
    assert (answer.status_code, answer.json()) == (400, {"token": ["No links here."]})
    assert (short.status_code, short.json()) == (400, INVALID)
    assert api.post("exchange/", {"token": link}).status_code == 200


@pytest.mark.parametrize("route", EXCHANGES)
@pytest.mark.parametrize("given", ["tests.test_replaceable.TenantResponse", TenantResponse], ids=["path", "class"])
def test_the_token_response_class_is_replaced(api, replaced, good_body, route, given):
    with replaced("SERIALIZERS", passwordless_token_response_class=given):
        answer = api.post(route, good_body(route)).json()
    assert answer["tenant"] == "north"
    assert AccessToken(answer["access"])["tenant"] == "north"

    plain = api.post(route, good_body(route)).json()
    assert plain.keys() == {"refresh", "access"}
    assert "tenant" not in AccessToken(plain["access"])


# Permissions


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("given", ["tests.test_replaceable.HasApiKey", HasApiKey], ids=["path", "class"])
def test_permissions_are_replaced(api, replaced, good_body, route, given):
    key = "passwordless_token_request" if route in REQUESTS else "passwordless_token_exchange"
    body = good_body(route)
    with replaced("PERMISSIONS", **{key: [given]}):
        refused = api.post(route, body)
        allowed = api.post(route, body, headers={"x-api-key": "sesame"})
    assert (refused.status_code, refused.json()["code"]) == (401, "not_authenticated")
    assert allowed.status_code == 200
    assert api.post(route, good_body(route)).status_code in {200, 429}


@pytest.mark.parametrize("route", ROUTES)
def test_all_of_several_permissions_must_agree(api, replaced, good_body, route):
    both = ["rest_framework.permissions.AllowAny", "tests.test_replaceable.HasApiKey"]
    keys = dict.fromkeys(["passwordless_token_request", "passwordless_token_exchange"], both)
    with replaced("PERMISSIONS", **keys):
        assert api.post(route, good_body(route)).status_code == 401


@pytest.mark.parametrize("route", ROUTES)
def test_no_permissions_at_all_let_everybody_ask(api, replaced, good_body, route):
    keys = {"passwordless_token_request": [], "passwordless_token_exchange": []}
    with replaced("PERMISSIONS", **keys):
        assert api.post(route, good_body(route), headers={"authorization": "Bearer junk"}).status_code == 200


# Decorators


@pytest.mark.parametrize("route", ROUTES)
def test_a_limiter_may_answer_by_itself(api, replaced, good_body, route):
    body = good_body(route)
    with replaced("DECORATORS", **limiting("answer_429")):
        answer = api.post(route, body)
    assert (answer.status_code, answer.json()) == (429, {"error": "Too many requests."})
    assert answer.headers["Retry-After"] == "9"
    assert answer.headers["Cache-Control"] == "no-store"
    assert api.post(route, body).status_code == 200


@pytest.mark.parametrize("route", ROUTES)
def test_a_limiter_may_raise_throttled(api, replaced, good_body, route):
    body = good_body(route)
    with replaced("DECORATORS", **limiting("raise_throttled")):
        answer = api.post(route, body)
    assert (answer.status_code, answer.json()["code"]) == (429, "throttled")
    assert answer.headers["Retry-After"] == "9"
    assert api.post(route, body).status_code == 200


@pytest.mark.parametrize("route", ROUTES)
def test_a_limiter_may_give_the_view_attributes(api, replaced, good_body, route):
    body = good_body(route)
    with replaced("DECORATORS", **limiting("marks_the_view")):
        assert api.post(route, body).status_code == 200


def test_a_limiter_given_as_a_function_works_as_its_path_does(api, replaced, good_body):
    with replaced("DECORATORS", token_redeem_rate_limit_decorator=answer_429):
        assert api.post("exchange/", good_body("exchange/")).status_code == 429


@pytest.mark.parametrize(
    ("key", "limited", "free"),
    [
        ("token_request_rate_limit_decorator", "request/email/", "exchange/mobile/"),
        ("token_redeem_rate_limit_decorator", "exchange/email/", "request/mobile/"),
    ],
)
def test_requests_and_exchanges_are_limited_apart(api, replaced, good_body, key, limited, free):
    with replaced("DECORATORS", **{key: "tests.test_replaceable.answer_429"}):
        assert api.post(limited, good_body(limited)).status_code == 429
        assert api.post(free, good_body(free)).status_code == 200


@pytest.mark.parametrize("route", ["request/email/", "exchange/email/", "exchange/"])
def test_a_limiter_by_address_reads_forms_and_json(client, replaced, good_body, route):
    body = good_body(route)
    with replaced("DECORATORS", **limiting("once_per_address")):
        first = client.post(f"/passwordless/{route}", body)
        second = client.post(f"/passwordless/{route}", body)
        as_json = client.post(f"/passwordless/{route}", body, content_type="application/json")
    assert (first.status_code, second.status_code) == (200, 429)
    assert as_json.json() != {"error": "Too many requests."}
    assert SEEN == [
        ("POST", "127.0.0.1", EMAIL, EMAIL),
        ("POST", "127.0.0.1", EMAIL, EMAIL),
        ("POST", "127.0.0.1", None, EMAIL),
    ]


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("content_type", [{}, {"content_type": "application/json"}], ids=["form", "json"])
def test_a_limiter_that_reads_the_form_leaves_the_body_to_the_view(client, replaced, good_body, route, content_type):
    body = good_body(route)
    with replaced("DECORATORS", **limiting("reads_the_form")):
        answer = client.post(f"/passwordless/{route}", body, **content_type)
    assert answer.status_code == 200
    assert SEEN == ["POST", None if content_type else body.get("token")]


@pytest.mark.parametrize("route", ROUTES)
def test_a_limiter_is_not_asked_about_a_method_that_is_off(api, replaced, configure, route):
    configure(ALLOWED_PASSWORDLESS_METHODS=[])
    with replaced("DECORATORS", **limiting("reads_the_form")):
        assert api.post(route, {}).status_code == 404
    assert SEEN == []


@pytest.mark.parametrize("route", ROUTES)
def test_a_limiter_is_not_asked_about_a_caller_without_permission(api, replaced, configure, route):
    configure(
        PERMISSIONS={
            "passwordless_token_request": [HasApiKey],
            "passwordless_token_exchange": [HasApiKey],
        }
    )
    with replaced("DECORATORS", **limiting("reads_the_form")):
        assert api.post(route, {}).status_code == 401
    assert SEEN == []


@pytest.mark.parametrize("route", ROUTES)
def test_a_limiter_is_asked_before_the_body_is_judged(api, replaced, route):
    with replaced("DECORATORS", **limiting("answer_429")):
        assert api.post(route, "{").status_code == 429


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("{", "application/json"),
        ("[" * 8000, "application/json"),
        ("a=&" * 2000, "application/x-www-form-urlencoded"),
        ("x", "multipart/form-data"),
    ],
    ids=["json", "deep json", "many fields", "no boundary"],
)
def test_a_body_that_a_limiter_cannot_read_is_a_400(client, replaced, route, body, content_type):
    with replaced("DECORATORS", **limiting("reads_the_form")):
        answer = client.generic("POST", f"/passwordless/{route}", body, content_type)
    assert answer.status_code == 400
    assert SEEN == ["POST"]


# Senders and sentences


def test_the_email_is_replaced(api, replaced, user, configure):
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=0)
    with replaced("EMAIL", passwordless_request="tests.test_replaceable.TaggedEmail"):
        api.request_email(EMAIL)
    api.request_email(EMAIL)
    tagged, plain = mail.outbox
    assert (tagged.subject, tagged.extra_headers["X-Tag"]) == (f"[testserver] {user.pk}", "login")
    assert (plain.subject, "X-Tag" in plain.extra_headers) == ("Your sign-in code", False)
    assert api.exchange_email(EMAIL, sent_code()).status_code == 200


def test_the_sms_is_replaced(api, replaced, user, configure):
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=0)
    with replaced("SMS_SENDERS", passwordless_request="tests.test_replaceable.ShoutedSMS"):
        api.request_mobile(PHONE)
    code = sent_sms_code()
    assert sms.outbox[0].body == f"{code} is your sign-in code for North. Do not share it.\nBYE"
    assert api.exchange_mobile(PHONE, code).status_code == 200

    api.request_mobile(PHONE)
    assert sms.outbox[1].body == f"{sent_sms_code()} is your sign-in code. Do not share it."


def test_the_sentences_that_a_class_has_are_replaced(api, replaced, user, configure):
    with replaced("CONSTANTS", messages="tests.test_replaceable.FrenchMessages"):
        assert api.request_email(EMAIL).json() == {"detail": "Un code vous a été envoyé", "code": "token_sent"}
        assert api.request_email("ada").json() == {package_settings.EMAIL_FIELD_NAME: ["Adresse invalide."]}
    assert api.request_email("ada").json() == {package_settings.EMAIL_FIELD_NAME: ["Enter a valid email address."]}

    configure(ALLOWED_PASSWORDLESS_METHODS=[])
    with replaced("CONSTANTS", messages=FrenchMessages):
        assert api.request_email(EMAIL).json() == {"detail": "Indisponible.", "code": "method_disabled"}


def test_the_sentences_that_a_class_lacks_are_ours(api, replaced, user):
    field = package_settings.MOBILE_FIELD_NAME
    with replaced("CONSTANTS", messages="tests.test_replaceable.FrenchMessages"):
        assert api.exchange_email(EMAIL, "000000x").json() == INVALID
        assert api.request_mobile("12").json() == {field: ["Enter a valid phone number."]}
