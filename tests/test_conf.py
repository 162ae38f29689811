"""The settings dict: defaults, the project's values, and dotted paths turned into objects."""

import pytest
from rest_framework.permissions import AllowAny, IsAuthenticated

from jwt_drf_passwordless.conf import DEFAULTS, PathDict, message
from jwt_drf_passwordless.conf import settings as package_settings
from jwt_drf_passwordless.constants import Messages
from jwt_drf_passwordless.email import PasswordlessRequestEmail
from jwt_drf_passwordless.sms import PasswordlessRequestSMS

#: Name, default, another value.
VALUES = [
    ("ALLOWED_PASSWORDLESS_METHODS", ["EMAIL"], ["EMAIL", "MOBILE"]),
    ("EMAIL_FIELD_NAME", "email", "mail"),
    ("MOBILE_FIELD_NAME", "phone_number", "mobile"),
    ("EMAIL_LOOKUP", "iexact", "exact"),
    ("SHORT_TOKEN_LENGTH", 6, 8),
    ("SHORT_TOKEN_CHARS", "0123456789", "ABCDEF"),
    ("LONG_TOKEN_LENGTH", 64, 40),
    ("LONG_TOKEN_CHARS", "abcdefghijklmnopqrstuvwxyz0123456789", "abcdef"),
    ("TOKEN_LIFETIME", 600, 120),
    ("MAX_TOKEN_USES", 1, 3),
    ("MAX_TOKEN_ATTEMPTS", 5, 2),
    ("INCORRECT_SHORT_TOKEN_REDEEMS_TOKEN", False, True),
    ("TOKEN_REQUEST_THROTTLE_SECONDS", 60, None),
    ("ALLOW_ADMIN_AUTHENTICATION", False, True),
    ("REGISTER_NONEXISTENT_USERS", False, True),
    ("REGISTER_ON", "exchange", "request"),
    ("REGISTRATION_SETS_UNUSABLE_PASSWORD", True, False),
    ("ACTIVATE_INACTIVE_USERS", False, True),
    ("REVEAL_ACCOUNT_EXISTENCE", False, True),
    ("PASSWORDLESS_EMAIL_LOGIN_URL", None, "https://app.example/#{token}"),
    ("SITE_NAME", None, "Acme"),
    ("LANGUAGE_FOR_USER", None, "project.languages.of_user"),
    ("SMS_DOMAIN", None, "app.example"),
    ("DELIVERY", "jwt_drf_passwordless.delivery.Inline", "project.delivery.Queue"),
    ("TRUSTED_PROXIES", 0, 2),
    ("CAPTCHA", None, {"provider": "jwt_drf_passwordless.captcha.Turnstile"}),
    ("EXTERNAL_2FA", None, {"provider": "project.providers.Mine"}),
    ("TWO_FACTOR", None, {}),
    ("SESSIONS", None, {}),
    ("SMS_COUNTRIES", None, ["DE", "AT"]),
    ("SMS_NUMBER_TYPES", None, ["MOBILE"]),
    ("BIND_TO_REQUEST", False, True),
    ("TEST_IDENTIFIERS", {}, {"ada@example.com": {"code": "pbkdf2_sha256$...", "until": "2027-01-31"}}),
]
SERIALIZERS = "jwt_drf_passwordless.serializers.Passwordless"
#: Name of a sub-dict and its default.
PATHS = [
    ("EMAIL", {"passwordless_request": "jwt_drf_passwordless.email.PasswordlessRequestEmail"}),
    ("SMS_SENDERS", {"passwordless_request": "jwt_drf_passwordless.sms.PasswordlessRequestSMS"}),
    (
        "SERIALIZERS",
        {
            "passwordless_token_response_class": None,
            "passwordless_email_token_request": f"{SERIALIZERS}EmailTokenRequestSerializer",
            "passwordless_mobile_token_request": f"{SERIALIZERS}MobileTokenRequestSerializer",
            "passwordless_email_token_exchange": f"{SERIALIZERS}EmailTokenExchangeSerializer",
            "passwordless_mobile_token_exchange": f"{SERIALIZERS}MobileTokenExchangeSerializer",
            "external_mobile_token_exchange": (
                "jwt_drf_passwordless.serializers.ExternalMobileTokenExchangeSerializer"
            ),
            "passwordless_token_exchange": f"{SERIALIZERS}TokenExchangeSerializer",
        },
    ),
    (
        "PERMISSIONS",
        {
            "passwordless_token_request": ["rest_framework.permissions.AllowAny"],
            "passwordless_token_exchange": ["rest_framework.permissions.AllowAny"],
        },
    ),
    (
        "DECORATORS",
        {
            "token_request_rate_limit_decorator": "jwt_drf_passwordless.utils.token_request_limiter",
            "token_redeem_rate_limit_decorator": "jwt_drf_passwordless.utils.token_redeem_limiter",
        },
    ),
    ("CALLBACKS", {"on_verification_accepted": None}),
    (
        "THROTTLE_RATES",
        {
            "request": "30/h",
            "redeem": "100/h",
            "password": "100/h",
            "passkey": "300/h",
            "number_range": "30/h",
            "captcha_down": "10/h",
        },
    ),
    ("SMS_BUDGET", {"hour": None, "day": None}),
    ("CONSTANTS", {"messages": "jwt_drf_passwordless.constants.Messages"}),
]


class Sentences:
    """A project's messages class, with one name of its own."""

    TOKEN_SENT = "Look into your inbox"


@pytest.mark.parametrize(("name", "default", "other"), VALUES, ids=[name for name, *_ in VALUES])
def test_a_setting_has_its_default_until_a_project_changes_it(settings, name, default, other):
    settings.JWT_DRF_PASSWORDLESS = {}
    assert getattr(package_settings, name) == default

    settings.JWT_DRF_PASSWORDLESS = {name: other}
    assert getattr(package_settings, name) == other

    settings.JWT_DRF_PASSWORDLESS = {}
    assert getattr(package_settings, name) == default


@pytest.mark.parametrize(("name", "default"), PATHS, ids=[name for name, _ in PATHS])
def test_a_dict_of_paths_has_its_default_and_is_merged_over_it(settings, name, default):
    settings.JWT_DRF_PASSWORDLESS = {}
    assert getattr(package_settings, name) == default

    key = next(iter(default))
    settings.JWT_DRF_PASSWORDLESS = {name: {key: "project.module.Name"}}
    assert getattr(package_settings, name) == {**default, key: "project.module.Name"}


def test_the_tables_above_name_every_setting():
    assert DEFAULTS.keys() == {name for name, *_ in VALUES} | {name for name, _ in PATHS}


def test_a_change_inside_the_dict_itself_acts_at_once(settings):
    settings.JWT_DRF_PASSWORDLESS = {}
    settings.JWT_DRF_PASSWORDLESS["TOKEN_LIFETIME"] = 30
    assert package_settings.TOKEN_LIFETIME == 30


def test_a_value_that_a_project_sets_to_none_is_none(settings):
    settings.JWT_DRF_PASSWORDLESS = {"TOKEN_REQUEST_THROTTLE_SECONDS": None}
    assert package_settings.TOKEN_REQUEST_THROTTLE_SECONDS is None


def test_merging_leaves_the_defaults_as_they_are(settings):
    settings.JWT_DRF_PASSWORDLESS = {"EMAIL": {"passwordless_request": "project.Mail"}}
    package_settings.EMAIL["passwordless_request"] = "project.OtherMail"

    settings.JWT_DRF_PASSWORDLESS = {}
    assert package_settings.EMAIL == {"passwordless_request": "jwt_drf_passwordless.email.PasswordlessRequestEmail"}


def test_without_the_dict_every_setting_has_its_default(settings):
    del settings.JWT_DRF_PASSWORDLESS
    assert package_settings.ALLOWED_PASSWORDLESS_METHODS == ["EMAIL"]
    assert package_settings.EMAIL.passwordless_request is PasswordlessRequestEmail


def test_none_instead_of_the_dict_means_defaults(settings):
    settings.JWT_DRF_PASSWORDLESS = None
    assert package_settings.TOKEN_LIFETIME == 600
    assert package_settings.SMS_SENDERS.passwordless_request is PasswordlessRequestSMS


def test_an_unknown_setting_is_an_attribute_error():
    with pytest.raises(AttributeError, match="TOKEN_LIVETIME"):
        _ = package_settings.TOKEN_LIVETIME


def test_a_path_becomes_the_object_that_it_names():
    assert PathDict(allowed="rest_framework.permissions.AllowAny").allowed is AllowAny


def test_the_item_of_a_path_stays_a_text():
    assert PathDict(allowed="rest_framework.permissions.AllowAny")["allowed"] == "rest_framework.permissions.AllowAny"


@pytest.mark.parametrize("sequence", [list, tuple])
def test_a_list_of_paths_becomes_a_list_of_objects(sequence):
    paths = PathDict(allowed=sequence(["rest_framework.permissions.AllowAny", IsAuthenticated]))
    assert paths.allowed == [AllowAny, IsAuthenticated]


@pytest.mark.parametrize("value", [IsAuthenticated, None])
def test_an_object_given_instead_of_a_path_stays_as_it_is(value):
    assert PathDict(allowed=value).allowed is value


def test_an_unknown_key_is_an_attribute_error():
    with pytest.raises(AttributeError, match="alowed"):
        _ = PathDict(allowed=AllowAny).alowed


@pytest.mark.parametrize("path", ["no.such.module.Name", "rest_framework.permissions.NoSuchName", "nowhere"])
def test_a_path_that_leads_nowhere_is_an_import_error(path):
    with pytest.raises(ImportError):
        _ = PathDict(allowed=path).allowed


def test_a_messages_class_needs_only_the_names_that_it_changes(configure):
    configure(CONSTANTS={"messages": "tests.test_conf.Sentences"})
    assert message("TOKEN_SENT") == "Look into your inbox"
    assert message("INVALID_CREDENTIALS_ERROR") == "Invalid credentials"


def test_without_a_messages_class_of_a_project_the_sentences_are_ours():
    assert message("TOKEN_SENT") is Messages.TOKEN_SENT
