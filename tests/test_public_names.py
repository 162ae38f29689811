"""Names that projects of the earlier package import, and the routes that they reverse: each does its old job."""

import importlib
import os
import subprocess
import sys

import jwt
import pytest
import sms
from django.core import mail
from django.dispatch import Signal
from django.urls import resolve, reverse
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from jwt_drf_passwordless import compat, conf, constants, email, models, serializers, services, signals, utils, views
from jwt_drf_passwordless import sms as package_sms
from jwt_drf_passwordless.conf import settings as package_settings

NAMES = {
    "conf": ["settings"],
    "services": ["PasswordlessTokenService"],
    "serializers": [
        "AbstractPasswordlessTokenExchangeSerializer",
        "AbstractPasswordlessTokenRequestSerializer",
        "ExternalMobileTokenExchangeSerializer",
        "PasswordlessEmailTokenExchangeSerializer",
        "PasswordlessEmailTokenRequestSerializer",
        "PasswordlessJwtRefreshTokenResponse",
        "PasswordlessMobileTokenExchangeSerializer",
        "PasswordlessMobileTokenRequestSerializer",
        "PasswordlessTokenService",
    ],
    "views": [
        "AbstractExchangePasswordlessTokenForAuthTokenView",
        "AbstractPasswordlessTokenRequestView",
        "EmailExchangePasswordlessTokenForAuthTokenView",
        "MobileExchangePasswordlessTokenForAuthTokenView",
        "PasswordlessEmailTokenRequestView",
        "PasswordlessMobileTokenRequestView",
    ],
    "models": ["PasswordlessChallengeToken"],
    "email": ["PasswordlessRequestEmail"],
    "sms": ["PasswordlessRequestSMS"],
    "constants": ["Messages"],
    "signals": ["user_activated"],
    "utils": ["create_challenge", "token_redeem_limiter", "token_request_limiter"],
    "compat": ["get_user_email", "settings"],
    "external_2fa": [
        "DeliveryStatus",
        "External2FAProvider",
        "External2FAResult",
        "FakeVerifyProvider",
        "TelnyxVerifyProvider",
        "VerificationMethod",
        "VerificationStatus",
        "WebhookEvent",
        "WebhookEventType",
        "get_external_2fa_provider",
        "verification_delivered",
        "verification_delivery_failed",
        "verification_webhook_received",
    ],
    "external_2fa.base": ["External2FAProvider", "External2FAResult", "WebhookEvent"],
    "external_2fa.signals": [
        "verification_delivered",
        "verification_delivery_failed",
        "verification_webhook_received",
    ],
    "external_2fa.telnyx": ["TelnyxVerifyProvider"],
    "external_2fa.testing": ["FakeVerifyProvider"],
    "external_2fa.views": ["External2FARequestView", "External2FAVerifyView", "External2FAWebhookView"],
    "external_2fa.serializers": ["External2FARequestSerializer", "External2FAVerifySerializer"],
}
ROUTES = [
    ("passwordless_email_signup_request", "/passwordless/request/email/", views.PasswordlessEmailTokenRequestView),
    ("passwordless_mobile_signup_request", "/passwordless/request/mobile/", views.PasswordlessMobileTokenRequestView),
    (
        "email_passwordless_token_exchange",
        "/passwordless/exchange/email/",
        views.EmailExchangePasswordlessTokenForAuthTokenView,
    ),
    (
        "mobile_passwordless_token_exchange",
        "/passwordless/exchange/mobile/",
        views.MobileExchangePasswordlessTokenForAuthTokenView,
    ),
    ("passwordless_token_exchange", "/passwordless/exchange/", views.ExchangePasswordlessTokenForAuthTokenView),
]
Service = services.PasswordlessTokenService


class AcmeEmailRequest(serializers.PasswordlessEmailTokenRequestSerializer):
    """A project's serializer that knows nobody."""

    def find_user_by_identifier(self, identifier_value):
        return None


class AcmeTokens(serializers.PasswordlessJwtRefreshTokenResponse):
    """A project's answer with a claim and a key of its own."""

    @classmethod
    def get_token(cls, user):
        token = super().get_token(user)
        token["tenant"] = "acme"
        return token

    @classmethod
    def generate_auth_token(cls, user):
        return {**super().generate_auth_token(user), "tenant": "acme"}


@pytest.fixture
def ada(make_user):
    return make_user(email="ada@example.com", phone="+12015550123")


@pytest.mark.parametrize(
    ("module", "name"),
    [(module, name) for module, names in NAMES.items() for name in names],
)
def test_a_name_of_the_earlier_package_is_where_it_was(module, name):
    assert hasattr(importlib.import_module(f"jwt_drf_passwordless.{module}"), name)


@pytest.mark.parametrize(("name", "path", "view"), ROUTES, ids=[name for name, *_ in ROUTES])
def test_a_route_name_leads_to_its_path_and_view(name, path, view):
    assert reverse(name) == path
    assert resolve(path).func.cls is view


def test_the_settings_object_is_one_and_the_same():
    assert compat.settings is conf.settings


def test_the_service_is_one_and_the_same():
    assert serializers.PasswordlessTokenService is services.PasswordlessTokenService


@pytest.mark.parametrize("name", [name for name in NAMES["serializers"] if name.endswith("Serializer")])
def test_serializers_are_those_of_drf(name):
    assert issubclass(getattr(serializers, name), Serializer)


@pytest.mark.parametrize("name", NAMES["views"])
def test_views_are_those_of_drf(name):
    assert issubclass(getattr(views, name), APIView)


def test_concrete_classes_keep_their_abstract_bases():
    assert issubclass(views.PasswordlessEmailTokenRequestView, views.AbstractPasswordlessTokenRequestView)
    assert issubclass(views.PasswordlessMobileTokenRequestView, views.AbstractPasswordlessTokenRequestView)
    base = views.AbstractExchangePasswordlessTokenForAuthTokenView
    assert issubclass(views.EmailExchangePasswordlessTokenForAuthTokenView, base)
    assert issubclass(views.MobileExchangePasswordlessTokenForAuthTokenView, base)


@pytest.mark.django_db
@pytest.mark.parametrize("field", ["EMAIL_FIELD_NAME", "MOBILE_FIELD_NAME"])
def test_create_token_returns_a_challenge_with_both_codes_in_clear(ada, field):
    field = getattr(package_settings, field)
    token = Service.create_token(ada, field)
    assert isinstance(token, models.PasswordlessChallengeToken)
    assert token.user == ada
    assert token.token_request_identifier == field
    assert (len(token.short_token), token.short_token.isdigit()) == (6, True)
    assert (len(token.token), token.token.isalnum(), token.token.islower()) == (64, True, True)


@pytest.mark.django_db
def test_create_token_does_not_ask_the_cooldown(ada):
    first = Service.create_token(ada, package_settings.EMAIL_FIELD_NAME).short_token
    second = Service.create_token(ada, package_settings.EMAIL_FIELD_NAME)
    assert second.short_token
    assert models.PasswordlessChallengeToken.objects.count() == 1
    assert Service.check_token(second.token).user == ada
    assert len(first) == 6


@pytest.mark.django_db
@pytest.mark.parametrize("field", ["EMAIL_FIELD_NAME", "MOBILE_FIELD_NAME", "no_such_field"])
def test_create_token_refuses_a_user_without_an_address(make_user, field):
    field = getattr(package_settings, field, field)
    user = make_user()
    setattr(user, field, "")
    with pytest.raises(ValueError, match=f"no {field}"):
        Service.create_token(user, field)


@pytest.mark.django_db
def test_check_token_redeems_a_code_once(ada):
    field = package_settings.EMAIL_FIELD_NAME
    code = Service.create_token(ada, field).short_token
    assert Service.check_token(code, field, "ada@example.com").user == ada
    assert Service.check_token(code, field, "ada@example.com") is None


@pytest.mark.django_db
def test_check_token_redeems_a_long_token_without_an_identifier(ada):
    token = Service.create_token(ada, package_settings.MOBILE_FIELD_NAME).token
    assert Service.check_token(token).user == ada
    assert Service.check_token(token) is None


@pytest.mark.django_db
@pytest.mark.parametrize("challenge", [None, "", "000000x", "x" * 64])
def test_check_token_answers_none_to_a_wrong_challenge(ada, challenge):
    Service.create_token(ada, package_settings.EMAIL_FIELD_NAME)
    assert Service.check_token(challenge, package_settings.EMAIL_FIELD_NAME, "ada@example.com") is None


@pytest.mark.django_db
def test_check_token_needs_an_identifier_for_a_code(ada):
    code = Service.create_token(ada, package_settings.EMAIL_FIELD_NAME).short_token
    assert Service.check_token(code) is None
    assert Service.check_token(code, package_settings.EMAIL_FIELD_NAME) is None
    assert Service.check_token(code, "no_such_field", "ada@example.com") is None


@pytest.mark.django_db
def test_should_throttle_tells_whether_a_user_is_in_cooldown(ada, make_user):
    eve = make_user(email="eve@example.com")
    assert Service.should_throttle(ada) is False
    Service.create_token(ada, package_settings.EMAIL_FIELD_NAME)
    assert Service.should_throttle(ada) is True
    assert Service.should_throttle(eve) is False


@pytest.mark.django_db
def test_the_token_response_makes_a_pair_for_a_user(ada):
    answer = serializers.PasswordlessJwtRefreshTokenResponse.generate_auth_token(ada)
    assert answer.keys() == {"refresh", "access"}
    claims = jwt.decode(answer["access"], options={"verify_signature": False})
    assert claims["user_id"] == str(ada.pk)
    assert claims["token_type"] == "access"


@pytest.mark.django_db
def test_a_subclass_of_the_token_response_adds_claims_and_keys(api, ada, configure):
    configure(SERIALIZERS={"passwordless_token_response_class": "tests.test_public_names.AcmeTokens"})
    code = Service.create_token(ada, package_settings.EMAIL_FIELD_NAME).short_token
    answer = api.exchange_email("ada@example.com", code).json()
    assert answer.keys() == {"refresh", "access", "tenant"}
    assert jwt.decode(answer["access"], options={"verify_signature": False})["tenant"] == "acme"


@pytest.mark.django_db
def test_a_subclass_of_a_request_serializer_decides_who_is_found(api, ada, configure):
    configure(SERIALIZERS={"passwordless_email_token_request": "tests.test_public_names.AcmeEmailRequest"})
    assert api.request_email("ada@example.com").status_code == 200
    assert mail.outbox == []


def test_messages_hold_the_old_sentences():
    assert constants.Messages.INVALID_CREDENTIALS_ERROR == "Invalid credentials"
    assert constants.Messages.TOKEN_SENT == "A token has been sent to you"
    assert constants.Messages.CANNOT_SEND_TOKEN == "Unable to send token"


@pytest.mark.django_db
def test_user_activated_is_sent_for_an_inactive_user_who_logs_in(api, make_user, configure):
    configure(ACTIVATE_INACTIVE_USERS=True)
    user = make_user(email="ada@example.com", is_active=False)
    code = Service.create_token(user, package_settings.EMAIL_FIELD_NAME).short_token
    told = []

    def receiver(sender, user, request, **kwargs):
        told.append((sender, user, request.path))

    assert isinstance(signals.user_activated, Signal)
    signals.user_activated.connect(receiver)
    try:
        assert api.exchange_email("ada@example.com", code).status_code == 200
    finally:
        signals.user_activated.disconnect(receiver)
    assert told == [(type(user), user, "/passwordless/exchange/email/")]


@pytest.mark.django_db
def test_get_user_email_reads_the_configured_field(ada):
    assert compat.get_user_email(ada) == "ada@example.com"


@pytest.mark.django_db
def test_get_user_email_is_none_where_the_field_is_missing(ada, configure):
    configure(EMAIL_FIELD_NAME="no_such_field")
    assert compat.get_user_email(ada) is None


@pytest.mark.django_db
def test_the_email_class_sends_to_a_list_of_addresses(ada):
    context = {"user": ada, "token": "abc", "short_token": "012345"}
    email.PasswordlessRequestEmail(None, context).send(["ada@example.com"])
    assert [message.to for message in mail.outbox] == [["ada@example.com"]]


@pytest.mark.django_db
def test_the_sms_class_sends_to_a_number(ada):
    context = {"user": ada, "token": "abc", "short_token": "012345"}
    package_sms.PasswordlessRequestSMS(None, context).send("+12015550123")
    assert [message.recipients for message in sms.outbox] == [["+12015550123"]]


def test_create_challenge_takes_length_and_characters_by_position():
    assert utils.create_challenge(3, "a") == "aaa"


@pytest.mark.parametrize("name", ["token_request_limiter", "token_redeem_limiter"])
def test_the_limiters_decorate_a_function(name):
    assert getattr(utils, name)(len) is len


def test_a_request_serializer_names_its_field():
    serializer = serializers.PasswordlessMobileTokenRequestSerializer()
    assert serializer.token_request_identifier_field == package_settings.MOBILE_FIELD_NAME


@pytest.mark.standalone
@pytest.mark.parametrize("name", ["captcha", "external_2fa", "external_2fa.fake", "external_2fa.telnyx", "signals"])
def test_what_apps_and_settings_may_import_needs_no_django_that_is_ready(name):
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "no.such.settings"}
    command = [sys.executable, "-c", f"import jwt_drf_passwordless.{name}"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
