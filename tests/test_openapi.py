"""The schema for drf-spectacular: complete, the same as the file in docs/, and true of what the routes answer."""

import json
import re
import sys
import time
from pathlib import Path
from typing import Any

import pyotp
import pytest
import time_machine
from django.apps import apps
from django.core.management import call_command
from django.test import modify_settings
from django.urls import URLResolver, get_resolver
from django.urls import path as route
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from jsonschema import Draft202012Validator

from jwt_drf_passwordless.base_views import OpenView
from jwt_drf_passwordless.conf import settings as package_settings
from jwt_drf_passwordless.contact.views import EmailRequestView
from tests.conftest import SCAN, sent_code, sent_sms_code
from tests.two_factor.conftest import OTHER_PHONE, PHONE, TwoFactorApi, person

__all__ = ["person"]

URLS = "tests.openapi_urls"
ROOT = Path(__file__).parent.parent
ADA = "ada@example.com"
FACTORS = [
    "jwt_drf_passwordless.two_factor.passkey.factor.PasskeyFactor",
    "jwt_drf_passwordless.two_factor.totp.TotpFactor",
    "jwt_drf_passwordless.two_factor.phone.factor.PhoneFactor",
    "jwt_drf_passwordless.two_factor.recovery.RecoveryCodeFactor",
]
CAPTCHA = {"provider": "jwt_drf_passwordless.captcha.FakeCaptcha", "insecure": True}
#: Of every DRF view, and of permissions of a project's own.
NOT_OURS = {"method_not_allowed", "not_acceptable", "permission_denied"}


def schema() -> Any:
    """As it is with the settings of now."""
    return json.loads(json.dumps(SchemaGenerator(urlconf=URLS).get_schema(request=None, public=True)))


def operations(document: Any) -> Any:
    for path, verbs in document["paths"].items():
        for verb, operation in verbs.items():
            yield path, verb, operation


def examples(document: Any) -> Any:
    """Each example with its operation, status and schema."""
    for path, verb, operation in operations(document):
        for status, answer in operation["responses"].items():
            for media in answer.get("content", {}).values():
                yield f"{verb} {path}", status, media["schema"], [one["value"] for one in media["examples"].values()]


def ensure_valid(document: Any, part: Any, value: Any) -> None:
    Draft202012Validator({**part, "components": document["components"]}).validate(value)


def routes(resolver: Any, prefix: str = "") -> Any:
    """Path, with {} for each variable, and verbs."""
    for pattern in resolver.url_patterns:
        path = prefix + re.sub(r"<[^>]+>", "{}", str(pattern.pattern))
        if isinstance(pattern, URLResolver):
            yield from routes(pattern, path)
        else:
            view = pattern.callback.cls
            yield path, {verb for verb in view.http_method_names if hasattr(view, verb)} - {"options"}


@pytest.mark.standalone
def test_the_file_in_docs_is_the_schema_of_the_default_settings(tmp_path):
    made = tmp_path / "openapi.yaml"
    call_command("spectacular", urlconf=URLS, file=str(made), validate=True, fail_on_warn=True)
    assert made.read_text() == (ROOT / "docs" / "openapi.yaml").read_text()


def test_every_route_is_there_with_all_its_verbs():
    documented = {re.sub(r"{\w+}", "{}", path): set(verbs) for path, verbs in schema()["paths"].items()}
    assert documented == {f"/{path}": verbs for path, verbs in routes(get_resolver(URLS))}


def test_every_answer_with_a_body_has_examples_and_they_fit():
    document = schema()
    for where, status, part, values in examples(document):
        assert values, (where, status)
        for value in values:
            ensure_valid(document, part, value)


def test_every_body_has_an_example_that_fits():
    document = schema()
    kinds = [
        operation["requestBody"]["content"] for *_, operation in operations(document) if "requestBody" in operation
    ]
    parts = [kind["application/json"] for kind in kinds if "$ref" in kind["application/json"]["schema"]]
    assert len(parts) > 20
    for part in parts:
        (example,) = part["examples"].values()
        ensure_valid(document, part["schema"], example["value"])
    assert [
        one["value"] for part in parts for one in part["examples"].values() if "Phone" in part["schema"]["$ref"]
    ] == [
        {"authy_phone": "+12015550123", "token": "123456"},
        {"authy_phone": "+12015550123"},
    ]


def test_every_operation_says_who_may_call_it():
    who = {path: operation["security"] for path, _, operation in operations(schema())}
    assert who["/api/sessions/"] == [{"jwtAuth": []}]
    assert who["/api/2fa/factors/"] == [{"enrolmentAuth": []}, {"jwtAuth": []}]
    assert who["/passwordless/request/email/"] == [{}]


def test_every_code_of_the_page_on_errors_is_in_it(configure):
    configure(CAPTCHA=CAPTCHA)
    table = (ROOT / "docs" / "reference" / "errors.md").read_text()
    listed = {
        code
        for cell in re.findall(r"^\| \d{3}[\d, ]* \| (.*?) \|", table, flags=re.MULTILINE)
        for code in re.findall(r"`(\w+)`", cell)
    }
    told = {value.get("code") for *_, values in examples(schema()) for value in values if isinstance(value, dict)}
    assert listed - NOT_OURS <= told
    assert told - listed <= {None, "token_sent", "contact_changed", "factor_unavailable", "not_found"}


def test_field_names_and_a_captcha_are_those_of_the_settings(configure):
    configure(CAPTCHA=CAPTCHA)
    parts = schema()["components"]["schemas"]
    assert set(parts["PasswordlessEmailTokenRequest"]["properties"]) == {package_settings.EMAIL_FIELD_NAME, "captcha"}


class OwnRequestView(EmailRequestView):
    """Of a project."""


class OwnView(OpenView):
    is_enabled = True

    @extend_schema(summary="Mine", request=None, responses=None)
    def post(self, request):
        """Called by nobody here."""


def test_a_subclass_is_described_as_our_view_and_another_view_is_left_alone():
    patterns = [route("own/", OwnRequestView.as_view()), route("other/", OwnView.as_view())]
    paths = SchemaGenerator(patterns=patterns).get_schema(request=None, public=True)["paths"]
    assert paths["/own/"]["post"]["summary"] == "Ask for a code to a new one"
    assert paths["/own/"]["post"]["description"] == "Of a project."
    assert paths["/other/"]["post"]["summary"] == "Mine"


@pytest.mark.standalone
def test_a_project_without_drf_spectacular_loads_none_of_it(monkeypatch):
    monkeypatch.delitem(sys.modules, "jwt_drf_passwordless.openapi")
    with modify_settings(INSTALLED_APPS={"remove": ["drf_spectacular"]}):
        assert not apps.is_installed("drf_spectacular")
        assert "jwt_drf_passwordless.openapi" not in sys.modules


class CheckedApi(TwoFactorApi):
    """Holds each request and answer against the schema."""

    def __init__(self) -> None:
        super().__init__()
        self.document = schema()
        self.seen: set[tuple[str, str, int]] = set()

    def send(self, verb: str, route: str, body: Any = None, access: str | None = None, **extra: Any) -> Any:
        return self.checked(verb, f"/api/{route}", body, super().send(verb, route, body, access, **extra))

    def post(self, route: str, body: Any, **extra: Any) -> Any:
        return self.checked("POST", f"/passwordless/{route}", body, super().post(route, body, **extra))

    def checked(self, verb: str, path: str, body: Any, response: Any) -> Any:
        known = [one for one in self.document["paths"] if re.fullmatch(re.sub(r"{\w+}", r"[\\w-]+", one), path)]
        found = min(known, key=lambda one: one.count("{"))
        operation = self.document["paths"][found][verb.lower()]
        if body is not None and response.status_code < 300:
            ensure_valid(self.document, operation["requestBody"]["content"]["application/json"]["schema"], body)
        answer = operation["responses"][str(response.status_code)]
        assert bool(answer.get("content")) == bool(response.content)
        if response.content:
            media = answer["content"]["application/json"]
            ensure_valid(self.document, media["schema"], response.json())
            if response.status_code >= 400 and "code" in response.json():
                assert response.json()["code"] in [one["value"].get("code") for one in media["examples"].values()]
        self.seen.add((found, verb.lower(), response.status_code))
        return response


@pytest.fixture
def switched_on(configure):
    factors = {"factors": FACTORS, "trusted_device_days": 30, "passkey": {"rp_id": "shop.example"}}
    configure(TWO_FACTOR=factors, SESSIONS={}, TOKEN_REQUEST_THROTTLE_SECONDS=0)


@pytest.fixture
def api(switched_on):
    return CheckedApi()


def log_in(api: CheckedApi) -> Any:
    api.request_email(ADA)
    return api.exchange_email(ADA, sent_code())


def seen(api: CheckedApi, path: str, verb: str = "post") -> set[int]:
    return {status for known, by, status in api.seen if (known, by) == (path, verb)}


@pytest.mark.django_db
def test_the_login(api, configure, make_user):
    make_user(email=ADA)
    pair = log_in(api).json()
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=60)
    api.request_email(ADA)
    api.request_email(ADA)
    api.request_email("nobody")
    api.exchange_email(ADA, "000000")
    api.post("exchange/email/", "{")
    api.post("exchange/email/", "x" * 20000)
    api.post("external/request/", {package_settings.MOBILE_FIELD_NAME: PHONE})
    assert seen(api, "/passwordless/request/email/") == {200, 400, 429}
    assert seen(api, "/passwordless/exchange/email/") == {200, 400, 413}
    assert seen(api, "/passwordless/external/request/") == {404}
    api.call("token/verify/", {"token": pair["access"]})
    api.call("token/verify/", {"token": "none"})
    api.call("token/refresh/", {"refresh": pair["refresh"]})
    api.call("token/refresh/", {"refresh": "none"})
    assert seen(api, "/api/token/verify/") == seen(api, "/api/token/refresh/") == {200, 401}


@pytest.mark.django_db
def test_sessions(api, make_user):
    make_user(email=ADA)
    access, other = log_in(api).json()["access"], log_in(api).json()
    pk = api.send("GET", "sessions/", access=access).json()[0]["id"]
    api.send("GET", "sessions/")
    api.send("PATCH", f"sessions/{pk}/", {"name": "Desk"}, access)
    api.send("PATCH", f"sessions/{pk}/", {}, access)
    api.call("token/logout/", {"refresh": other["refresh"]})
    api.send("DELETE", "sessions/others/", access=access)
    api.send("DELETE", f"sessions/{pk}/", access=access)
    api.send("DELETE", "sessions/", access=access)
    assert seen(api, "/api/sessions/", "get") == {200, 401}
    assert seen(api, "/api/sessions/{id}/", "patch") == {200, 400}
    assert seen(api, "/api/sessions/{id}/", "delete") == {404}
    assert seen(api, "/api/sessions/", "delete") == seen(api, "/api/sessions/others/", "delete") == {204}
    assert seen(api, "/api/token/logout/") == {204}


@pytest.mark.django_db
def test_factors_and_trusted_devices(api, person):
    user = person()
    SCAN.used(PHONE, OTHER_PHONE)
    access = api.token(user).json()["access"]
    begun = api.call("2fa/factors/totp/", {}, access).json()
    SCAN.used(begun["secret"])
    start = int(time.time())
    app = pyotp.TOTP(begun["secret"])
    api.call("2fa/factors/totp/confirm/", {"token": "000000"}, access)
    entry = api.call("2fa/factors/totp/confirm/", {"token": app.at(start), "name": "App"}, access).json()
    api.call("2fa/factors/phone/", {"authy_phone": PHONE}, access)
    with time_machine.travel(start + 60, tick=False):
        ticket = api.token(user).json()["ticket"]
        api.verify(ticket, "000000")
        body = {"ticket": ticket, "token": app.at(start + 60), "trust_device": True}
        pair = api.call("2fa/token-verify/", body).json()
        SCAN.used(pair["device_token"])
        api.verify(ticket, "000000")
        access = pair["access"]
        api.token(user, "wrong")
        api.call("token/", {**api.credentials(user), "device_token": pair["device_token"]})
        device = api.send("GET", "2fa/trusted-devices/", access=access).json()[0]["id"]
        api.send("DELETE", f"2fa/trusted-devices/{device}/", access=access)
        api.send("DELETE", f"2fa/trusted-devices/{device}/", access=access)
        api.send("DELETE", "2fa/trusted-devices/", access=access)
        api.call("2fa/factors/phone/", {"authy_phone": PHONE}, access)
        api.call("2fa/factors/phone/confirm/", {"authy_phone": PHONE, "token": sent_sms_code()}, access)
        api.call("2fa/phone-verify/", {"authy_phone": OTHER_PHONE}, access)
        api.call("2fa/phone-register/", {"authy_phone": OTHER_PHONE, "token": sent_sms_code()}, access)
        codes = api.call("2fa/factors/recovery_code/", {}, access).json()["codes"]
        SCAN.used(*codes)
        api.call("2fa/factors/passkey/", {}, access)
        api.call("2fa/factors/none/", {}, access)
        api.send("GET", "2fa/factors/", access=access)
        api.send("GET", "2fa/phone/", access=access)
        ticket = api.call("2fa/step-up/", access=access).json()["ticket"]
        api.call("2fa/resend/", {"ticket": ticket, "method": "phone"})
        api.send("DELETE", "2fa/phone/", {"token": sent_sms_code(), "method": "phone"}, access)
        api.send("PATCH", f"2fa/factors/totp/{entry['id']}/", {"name": "Work"}, access)
        api.send("DELETE", f"2fa/factors/totp/{entry['id']}/", access=access)
        api.send("GET", "2fa/factors/", access=access)
        api.call("passkey/request/")
        api.call("passkey/login/", {"ticket": "none", "credential": {}})
    assert seen(api, "/api/token/") == {200, 206, 401}
    assert seen(api, "/api/2fa/token-verify/") == {200, 400, 401}
    assert seen(api, "/api/2fa/factors/{method}/") == {200, 201, 403, 404}
    assert seen(api, "/api/2fa/factors/{method}/confirm/") == {201, 400}
    assert seen(api, "/api/2fa/factors/{method}/{id}/", "patch") == {200}
    assert seen(api, "/api/2fa/factors/{method}/{id}/", "delete") == {204}
    assert seen(api, "/api/2fa/trusted-devices/{id}/", "delete") == {204, 404}
    assert seen(api, "/api/2fa/phone-register/") == seen(api, "/api/2fa/phone/", "delete") == {204}
    assert seen(api, "/api/2fa/step-up/") == {206}
    assert seen(api, "/api/2fa/resend/") == {204}
    assert seen(api, "/api/passkey/request/") == {200}
    assert seen(api, "/api/passkey/login/") == {400}


@pytest.mark.django_db
def test_a_second_step_of_a_passwordless_login(api, person):
    person(device=PHONE)
    answer = log_in(api)
    pair = api.verify(answer.json()["ticket"], sent_sms_code())
    assert (answer.status_code, pair.status_code) == (206, 200)


@pytest.mark.django_db
def test_who_must_enrol(api, configure, person):
    configure(TWO_FACTOR={**package_settings.TWO_FACTOR, "required": True})
    person()
    token = log_in(api).json()["enrolment_token"]
    SCAN.used(token)
    api.call("2fa/factors/totp/", {}, token)
    assert seen(api, "/passwordless/exchange/email/") == {206}
    assert seen(api, "/api/2fa/factors/{method}/") == {200}


@pytest.mark.django_db
def test_another_address(api, make_user):
    make_user(email=ADA)
    pair, field = log_in(api).json(), package_settings.EMAIL_FIELD_NAME
    access = pair["access"]
    new = {field: "lovelace@example.com"}
    SCAN.used(new[field])
    api.call("contact/email/", new)
    api.call("contact/email/", new, access)
    api.call("contact/email/confirm/", {**new, "token": "000000"}, access)
    api.call("contact/email/confirm/", {**new, "token": sent_code()}, access)
    with time_machine.travel(time.time() + 301, tick=False):
        access = api.call("token/refresh/", {"refresh": pair["refresh"]}).json()["access"]
        api.call("contact/email/", new, access)
    assert seen(api, "/api/contact/email/") == {200, 401, 403}
    assert seen(api, "/api/contact/email/confirm/") == {200, 400}
