"""`manage.py check` and `check --deploy`: every message, fired and silent."""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import django
import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.core.checks import Error, Warning, run_checks
from django.db import OperationalError, connection, models
from django.db.models.functions import Lower
from rest_framework_simplejwt.serializers import TokenObtainPairSerializer, TokenObtainSerializer
from sms.backends.base import BaseSmsBackend

import jwt_drf_passwordless
from jwt_drf_passwordless import tasks
from jwt_drf_passwordless.conf import settings as package_settings
from jwt_drf_passwordless.delivery import Tasks
from jwt_drf_passwordless.deploy_checks import check_deployment
from jwt_drf_passwordless.serializers import PasswordlessEmailTokenRequestSerializer

#: Reading what a MariaDB or MySQL server can do takes a connection.
pytestmark = pytest.mark.django_db

#: Django's own tasks framework from version 6 on, its backport before.
TASKS = "django.tasks" if django.VERSION >= (6, 0) else "django_tasks"
#: Second factors of which no check has anything to say.
PASSKEYS_ONLY = {
    "factors": ["jwt_drf_passwordless.two_factor.passkey.factor.PasskeyFactor"],
    "passkey": {"rp_id": "example.com", "origins": ["https://example.com"]},
}
SMALL_PROJECT = """
SECRET_KEY = "a key for tests only, of more than fifty characters in all"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "rest_framework",
    "jwt_drf_passwordless",
]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
ROOT_URLCONF = "jwt_drf_passwordless.urls"
"""


class NoSender:
    """A class that can neither render nor deliver a message."""


class CustomSerializer(TokenObtainPairSerializer):
    """A project's own pair serializer."""


class WithoutTokenClass(TokenObtainSerializer):
    """A project's own serializer that names no kind of token."""


class SmsGateway(BaseSmsBackend):
    """A backend that would send."""


class SignUpSerializer(PasswordlessEmailTokenRequestSerializer):
    """A project's own way to make accounts."""

    def create(self, validated_data):
        raise NotImplementedError


class SafeDelivery:
    """A project's own way to send."""

    def deliver(self, outgoing):
        raise NotImplementedError


class TasksWithoutLibrary(Tasks):
    """As `Tasks` is before Django 6 without the backport, where its task is not defined."""

    task = "jwt_drf_passwordless.tasks.not_defined"


class DeliveryWithTask:
    """A project's own way to send, by a task that is not ours to judge."""

    task = "send_message"

    def deliver(self, outgoing):
        raise NotImplementedError


def ours(*, deploy=False):
    """Our messages of a run of all checks, by short id."""
    prefix = "jwt_drf_passwordless."
    found = run_checks(include_deployment_checks=deploy)
    return [(message.id.removeprefix(prefix), message) for message in found if (message.id or "").startswith(prefix)]


def ids(*, deploy=False):
    return [short_id for short_id, _ in ours(deploy=deploy)]


def only(wanted, *, deploy=False):
    """The one message of an id."""
    (message,) = [message for short_id, message in ours(deploy=deploy) if short_id == wanted]
    return message


@pytest.fixture
def safe(settings, monkeypatch, configure):
    """A project of which `check --deploy` has nothing to say."""
    settings.SMS_BACKEND = "tests.test_checks.SmsGateway"
    email, phone = package_settings.EMAIL_FIELD_NAME, package_settings.MOBILE_FIELD_NAME
    user_model = get_user_model()
    monkeypatch.setattr(
        user_model._meta, "constraints", [models.UniqueConstraint(Lower(email), name="user_email_lower_unique")]
    )
    monkeypatch.setattr(user_model._meta.get_field(phone), "unique", True)
    configure(DELIVERY="tests.test_checks.SafeDelivery", SMS_COUNTRIES=["US"], SMS_BUDGET={"day": 100}, SESSIONS={})
    settings.ROOT_URLCONF = "tests.sessions.urls"
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127"}}
    settings.USE_TZ = True


# Errors


def test_the_configuration_of_this_suite_passes_without_a_word():
    assert ours() == []


@pytest.mark.parametrize(
    "configuration", ["", "JWT_DRF_PASSWORDLESS = {'ALLOWED_PASSWORDLESS_METHODS': ['EMAIL']}"], ids=["none", "methods"]
)
def test_the_smallest_configuration_passes_without_a_word(tmp_path, configuration):
    (tmp_path / "small_project.py").write_text(SMALL_PROJECT + configuration)
    root = Path(__file__).parent.parent
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "small_project", "PYTHONPATH": f"{tmp_path}:{root}"}
    command = [sys.executable, "-m", "django", "check"]
    process = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    assert (process.stdout, process.stderr) == ("System check identified no issues (0 silenced).\n", "")


@pytest.mark.parametrize("value", [[], "EMAIL", 5, ("EMAIL",)])
def test_settings_that_are_no_dict_are_an_error(settings, value):
    settings.JWT_DRF_PASSWORDLESS = value
    message = only("E002")
    assert isinstance(message, Error)
    assert message.msg == "JWT_DRF_PASSWORDLESS must be a dict."


@pytest.mark.parametrize("name", ["TOKEN_LIVETIME", "token_lifetime", "XYZ", 5])
def test_an_unknown_setting_is_an_error_that_names_the_known_ones(configure, name):
    configure(**{str(name): 600})
    message = only("E001")
    assert isinstance(message, Error)
    assert message.msg == f"JWT_DRF_PASSWORDLESS has no setting {str(name)!r}."
    assert "TOKEN_LIFETIME" in message.hint


def test_an_unknown_setting_that_is_no_text_is_an_error_too(settings):
    settings.JWT_DRF_PASSWORDLESS = {5: 600}
    assert only("E001").msg == "JWT_DRF_PASSWORDLESS has no setting 5."


def test_an_unknown_key_of_a_dict_of_paths_is_an_error_that_names_the_known_ones(configure):
    configure(EMAIL={"passwordles_request": "jwt_drf_passwordless.email.PasswordlessRequestEmail"})
    message = only("E001")
    assert message.msg == "JWT_DRF_PASSWORDLESS['EMAIL'] has no key 'passwordles_request'."
    assert "passwordless_request" in message.hint


def test_every_unknown_name_is_told_at_once(configure):
    configure(SPEED=1, COLOUR=2, DECORATORS={"a": "b", "c": "d"})
    assert ids() == ["E001"] * 4


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("TOKEN_LIFETIME", "600", "int"),
        ("TOKEN_LIFETIME", 600.5, "int"),
        ("TOKEN_LIFETIME", None, "int"),
        ("TOKEN_LIFETIME", True, "int"),
        ("TOKEN_LIFETIME", timedelta(minutes=10), "int"),
        ("TOKEN_REQUEST_THROTTLE_SECONDS", "60", "int | None"),
        ("TOKEN_REQUEST_THROTTLE_SECONDS", True, "int | None"),
        ("SHORT_TOKEN_CHARS", 123, "str"),
        ("SHORT_TOKEN_CHARS", ["1", "2"], "str"),
        ("EMAIL_FIELD_NAME", None, "str"),
        ("DELIVERY", SafeDelivery, "str"),
        ("LANGUAGE_FOR_USER", 5, "str | None"),
        ("SITE_NAME", b"Acme", "str | None"),
        ("PASSWORDLESS_EMAIL_LOGIN_URL", 5, "str | None"),
        ("REGISTER_NONEXISTENT_USERS", "yes", "bool"),
        ("REGISTER_NONEXISTENT_USERS", 1, "bool"),
        ("REGISTER_NONEXISTENT_USERS", None, "bool"),
        ("ALLOWED_PASSWORDLESS_METHODS", "EMAIL", "list"),
        ("ALLOWED_PASSWORDLESS_METHODS", None, "list"),
        ("ALLOWED_PASSWORDLESS_METHODS", ["EMAIL", None], "list"),
        ("EMAIL", "jwt_drf_passwordless.email.PasswordlessRequestEmail", "dict"),
        ("PERMISSIONS", ["rest_framework.permissions.AllowAny"], "dict"),
        ("SERIALIZERS", None, "dict"),
    ],
)
def test_a_value_of_the_wrong_type_is_an_error(configure, name, value, expected):
    configure(**{name: value})
    message = only("E002")
    assert isinstance(message, Error)
    assert message.msg == f"JWT_DRF_PASSWORDLESS[{name!r}] must be of type {expected}."


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PERMISSIONS", {"passwordless_token_request": "rest_framework.permissions.AllowAny"}),
        ("PERMISSIONS", {"passwordless_token_request": None}),
        ("SERIALIZERS", {"passwordless_email_token_request": None}),
        ("SERIALIZERS", {"passwordless_email_token_request": 5}),
        ("DECORATORS", {"token_request_rate_limit_decorator": None}),
        ("EMAIL", {"passwordless_request": None}),
        ("SMS_SENDERS", {"passwordless_request": 5}),
        ("PERMISSIONS", {"passwordless_token_request": ["rest_framework.permissions.AllowAny", None]}),
    ],
)
def test_a_value_of_the_wrong_type_in_a_dict_of_paths_is_an_error(configure, name, value):
    configure(**{name: value})
    assert ids() == ["E002"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TOKEN_REQUEST_THROTTLE_SECONDS", None),
        ("SITE_NAME", None),
        ("SITE_NAME", "Acme"),
        ("ALLOWED_PASSWORDLESS_METHODS", ("email", "Mobile")),
        ("ALLOWED_PASSWORDLESS_METHODS", []),
        ("EMAIL", {}),
        ("SERIALIZERS", {"passwordless_token_response_class": None}),
        ("EMAIL", {"passwordless_request": "jwt_drf_passwordless.email.PasswordlessRequestEmail"}),
    ],
)
def test_a_value_of_the_right_type_is_silent(configure, name, value):
    configure(**{name: value})
    assert ids() == []


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("DELIVERY", "no.such.Delivery", "DELIVERY cannot"),
        ("LANGUAGE_FOR_USER", "no.such.function", "LANGUAGE_FOR_USER cannot"),
        ("DELIVERY", "", "DELIVERY cannot"),
        ("DELIVERY", ".delivery.Inline", "DELIVERY cannot"),
        ("EMAIL", {"passwordless_request": "no.such.Email"}, "EMAIL['passwordless_request'] cannot"),
        ("SMS_SENDERS", {"passwordless_request": "NoDots"}, "SMS_SENDERS['passwordless_request'] cannot"),
        (
            "SERIALIZERS",
            {"passwordless_token_exchange": "jwt_drf_passwordless.serializers.NoSuchName"},
            "SERIALIZERS['passwordless_token_exchange'] cannot",
        ),
        (
            "PERMISSIONS",
            {"passwordless_token_request": ["rest_framework.permissions.AllowAny", "no.such.Permission"]},
            "PERMISSIONS['passwordless_token_request'] cannot",
        ),
        (
            "DECORATORS",
            {"token_request_rate_limit_decorator": "no.such.decorator"},
            "DECORATORS['token_request_rate_limit_decorator'] cannot",
        ),
        ("CONSTANTS", {"messages": "no.such.Messages"}, "CONSTANTS['messages'] cannot"),
    ],
)
def test_a_path_that_cannot_be_imported_is_an_error(configure, name, value, told):
    configure(**{name: value})
    message = only("E003")
    assert isinstance(message, Error)
    assert told in message.msg


def test_every_broken_path_is_told_at_once(configure):
    configure(DELIVERY="no.such.Delivery", EMAIL={"passwordless_request": "no.such.Email"})
    assert ids() == ["E003", "E003"]


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("ALLOWED_PASSWORDLESS_METHODS", ["EMAIL", "PIGEON"], "'PIGEON'"),
        ("EMAIL_LOOKUP", "contains", "exact, iexact"),
        ("REGISTER_ON", "never", "exchange, request"),
    ],
)
def test_a_value_that_is_no_choice_is_an_error(configure, name, value, told):
    configure(**{name: value})
    message = only("E004")
    assert isinstance(message, Error)
    assert told in message.msg


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALLOWED_PASSWORDLESS_METHODS", ["email", "mobile"]),
        ("EMAIL_LOOKUP", "exact"),
        ("REGISTER_ON", "request"),
    ],
)
def test_each_choice_is_silent(configure, name, value):
    configure(**{name: value})
    assert ids() == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TOKEN_LIFETIME", 0),
        ("TOKEN_LIFETIME", -1),
        ("TOKEN_LIFETIME", 86_401),
        ("MAX_TOKEN_USES", 0),
        ("MAX_TOKEN_ATTEMPTS", 0),
        ("MAX_TOKEN_ATTEMPTS", 11),
        ("TOKEN_REQUEST_THROTTLE_SECONDS", -1),
        ("SHORT_TOKEN_LENGTH", 256),
        ("LONG_TOKEN_LENGTH", 0),
        ("LONG_TOKEN_LENGTH", 256),
    ],
)
def test_a_number_out_of_range_is_an_error(configure, name, value):
    configure(**{name: value})
    message = only("E005")
    assert isinstance(message, Error)
    assert message.msg.startswith(f"JWT_DRF_PASSWORDLESS[{name!r}] must be between")


def test_an_empty_alphabet_of_links_is_an_error(configure):
    configure(LONG_TOKEN_CHARS="")
    assert only("E005").msg == "JWT_DRF_PASSWORDLESS['LONG_TOKEN_CHARS'] is empty."


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TOKEN_LIFETIME", 1),
        ("TOKEN_LIFETIME", 86_400),
        ("MAX_TOKEN_USES", 1_000_000),
        ("MAX_TOKEN_ATTEMPTS", 1),
        ("MAX_TOKEN_ATTEMPTS", 10),
        ("TOKEN_REQUEST_THROTTLE_SECONDS", 0),
        ("TOKEN_REQUEST_THROTTLE_SECONDS", 86_400),
        ("SHORT_TOKEN_LENGTH", 255),
        ("LONG_TOKEN_LENGTH", 255),
        ("LONG_TOKEN_LENGTH", 1),
    ],
)
def test_a_number_at_the_end_of_its_range_is_silent(configure, name, value):
    configure(**{name: value})
    assert ids() == []


@pytest.mark.parametrize(
    ("changes", "bits"),
    [
        ({"SHORT_TOKEN_LENGTH": 5}, "16.6"),
        ({"SHORT_TOKEN_CHARS": "0"}, "0.0"),
        ({"SHORT_TOKEN_CHARS": ""}, "0.0"),
        ({"SHORT_TOKEN_CHARS": "012345678"}, "19.0"),
        ({"SHORT_TOKEN_CHARS": "0123456789" * 10, "SHORT_TOKEN_LENGTH": 5}, "16.6"),
    ],
)
def test_a_code_that_is_guessed_too_easily_is_an_error(configure, changes, bits):
    configure(**changes)
    message = only("E006")
    assert isinstance(message, Error)
    assert f"{bits} bits" in message.msg


@pytest.mark.parametrize(
    "changes", [{}, {"SHORT_TOKEN_LENGTH": 4, "SHORT_TOKEN_CHARS": "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"}]
)
def test_a_code_of_enough_bits_is_silent(configure, changes):
    configure(**changes)
    assert ids() == []


@pytest.mark.parametrize("length", [8, 64])
def test_code_and_link_of_one_length_are_an_error(configure, length):
    configure(SHORT_TOKEN_LENGTH=length, LONG_TOKEN_LENGTH=length)
    assert isinstance(only("E007"), Error)


def test_code_and_link_of_two_lengths_are_silent(configure):
    configure(SHORT_TOKEN_LENGTH=64, LONG_TOKEN_LENGTH=63)
    assert ids() == []


@pytest.mark.parametrize(
    "url",
    [
        "https://app.example/login",
        "https://app.example/{email}",
        "https://app.example/{token",
        "https://app.example/token}",
        "https://app.example/{token}{}",
        "https://app.example/{token}/{user}",
        "https://app.example/{token.__class__}",
        "https://app.example/{token!r}",
        "https://app.example/{token:>9}",
        "https://app.example/{{token}}",
        "https://app.example/{ token }",
        "/login#{token}",
        "//app.example/login#{token}",
        "app.example/{token}",
        "",
        "javascript:alert('{token}')",
        "JavaScript:alert('{token}')",
        "data:text/html,{token}",
        "file:///{token}",
        "vbscript:{token}",
        "blob:https://app.example/{token}",
    ],
)
def test_a_link_that_cannot_be_used_is_an_error(configure, url):
    configure(PASSWORDLESS_EMAIL_LOGIN_URL=url)
    message = only("E008")
    assert isinstance(message, Error)
    assert message.hint


@pytest.mark.parametrize(
    "url",
    [
        None,
        "https://app.example/login#token={token}",
        "https://app.example/login?email={email}#code={short_token}",
        "https://app.example/{token}/{token}",
        "com.acme.app://login/{token}",
        "http://localhost:3000/login#{token}",
    ],
)
def test_a_link_that_can_be_used_is_silent(configure, url):
    configure(PASSWORDLESS_EMAIL_LOGIN_URL=url)
    assert ids() == []


@pytest.mark.parametrize(("setting", "method"), [("EMAIL_FIELD_NAME", "EMAIL"), ("MOBILE_FIELD_NAME", "MOBILE")])
@pytest.mark.parametrize("name", ["no_such_field", "jwt_drf_passwordless_tokens", ""])
def test_a_field_that_the_user_model_lacks_is_an_error_while_its_method_is_on(configure, setting, method, name):
    configure(**{setting: name})
    message = only("E009")
    assert isinstance(message, Error)
    assert f"{get_user_model()._meta.label} has no field {name!r}, by which {method} signs in" in message.msg

    configure(ALLOWED_PASSWORDLESS_METHODS=[{"EMAIL": "MOBILE", "MOBILE": "EMAIL"}[method]])
    assert ids() == []


def test_a_user_model_that_registration_can_fill_is_silent(configure):
    configure(REGISTER_NONEXISTENT_USERS=True)
    assert ids() == []


@pytest.mark.parametrize("changes", [{"blank": False}, {"blank": True, "unique": True}], ids=["required", "unique"])
def test_a_field_that_registration_would_leave_empty_is_an_error(configure, monkeypatch, changes):
    field = get_user_model()._meta.get_field("last_login")
    for name, value in {"null": False, **changes}.items():
        monkeypatch.setattr(field, name, value)
    assert ids() == []

    configure(REGISTER_NONEXISTENT_USERS=True)
    assert ids() == ["E010", "E010"]
    told = [message.msg for _, message in ours()]
    assert [message.split()[1] for message in told] == ["EMAIL", "MOBILE"]
    assert all(f"{get_user_model()._meta.label}.last_login needs a value" in message for message in told)


def test_a_required_address_that_is_the_username_too_cannot_be_made_up_for_who_registers_by_phone(
    configure, monkeypatch
):
    user_model, name = get_user_model(), package_settings.EMAIL_FIELD_NAME
    field = user_model._meta.get_field(name)
    monkeypatch.setattr(user_model, "USERNAME_FIELD", name)
    monkeypatch.setattr(field, "null", False)
    monkeypatch.setattr(field, "blank", False)
    configure(REGISTER_NONEXISTENT_USERS=True)
    told = [message.msg for _, message in ours()]
    assert f"JWT_DRF_PASSWORDLESS: MOBILE cannot register users: {user_model._meta.label}.{name} needs a value." in told


def test_a_required_field_with_a_default_is_silent(configure, monkeypatch):
    field = get_user_model()._meta.get_field("last_login")
    for name, value in {"null": False, "blank": False, "default": None}.items():
        monkeypatch.setattr(field, name, value)
    configure(REGISTER_NONEXISTENT_USERS=True)
    assert ids() == []


def test_a_serializer_of_sliding_tokens_is_an_error(settings):
    settings.SIMPLE_JWT = {
        "TOKEN_OBTAIN_SERIALIZER": "rest_framework_simplejwt.serializers.TokenObtainSlidingSerializer"
    }
    assert isinstance(only("E011"), Error)


def test_a_serializer_that_names_no_kind_of_token_is_an_error(settings):
    settings.SIMPLE_JWT = {"TOKEN_OBTAIN_SERIALIZER": "tests.test_checks.WithoutTokenClass"}
    assert ids() == ["E011"]


def test_a_serializer_that_cannot_be_imported_is_an_error(settings):
    settings.SIMPLE_JWT = {"TOKEN_OBTAIN_SERIALIZER": "no.such.Serializer"}
    assert ids() == ["E003"]


def test_a_project_s_own_pair_serializer_is_silent(settings):
    settings.SIMPLE_JWT = {"TOKEN_OBTAIN_SERIALIZER": "tests.test_checks.CustomSerializer"}
    assert ids() == []


@pytest.mark.parametrize("name", ["EMAIL", "SMS_SENDERS"])
@pytest.mark.parametrize("value", ["tests.test_checks.NoSender", NoSender])
def test_a_sender_that_cannot_render_is_an_error(configure, name, value):
    configure(**{name: {"passwordless_request": value}})
    message = only("E012")
    assert isinstance(message, Error)
    assert name in message.msg


def test_a_language_for_users_that_is_no_function_is_an_error(configure):
    configure(LANGUAGE_FOR_USER="tests.test_checks.TASKS")
    assert only("E002").msg == "JWT_DRF_PASSWORDLESS['LANGUAGE_FOR_USER'] must name a function of a user."


def test_a_delivery_class_that_cannot_deliver_is_an_error(configure):
    configure(DELIVERY="tests.test_checks.NoSender")
    assert ids() == ["E012"]


@pytest.fixture
def _without_celery(monkeypatch):
    """As if it were not installed."""
    monkeypatch.setattr(jwt_drf_passwordless, "tasks", tasks)  # importing it anew changes this too
    monkeypatch.delitem(sys.modules, "jwt_drf_passwordless.tasks")
    monkeypatch.setitem(sys.modules, "celery", None)


def test_celery_is_silent_where_it_is_installed(configure):
    configure(DELIVERY="jwt_drf_passwordless.delivery.Celery")
    assert ids() == []


@pytest.mark.usefixtures("_without_celery")
def test_a_delivery_whose_library_is_missing_is_an_error_that_says_what_to_install(configure):
    configure(DELIVERY="jwt_drf_passwordless.delivery.Celery")
    message = only("E013")
    assert isinstance(message, Error)
    assert message.msg == "JWT_DRF_PASSWORDLESS: the library of jwt_drf_passwordless.delivery.Celery is missing."
    assert message.hint == "pip install 'jwt-drf-passwordless[celery]'"


def test_a_task_that_is_not_there_is_an_error_that_names_the_extra_of_its_class(configure):
    configure(DELIVERY="tests.test_checks.TasksWithoutLibrary")
    assert only("E013").hint == "pip install 'jwt-drf-passwordless[django-tasks]'"


@pytest.mark.usefixtures("_without_celery")
@pytest.mark.parametrize("name", ["Inline", "Thread", "Tasks"])
def test_a_delivery_that_does_not_need_the_missing_library_is_silent(configure, name):
    configure(DELIVERY=f"jwt_drf_passwordless.delivery.{name}")
    assert ids() == []


def test_a_task_of_a_project_s_own_delivery_class_is_not_looked_for(configure):
    configure(DELIVERY="tests.test_checks.DeliveryWithTask")
    assert ids() == []


def test_errors_of_several_kinds_are_told_at_once(configure):
    configure(TOKEN_LIFETIME=0, EMAIL_LOOKUP="contains", SHORT_TOKEN_LENGTH=5, PASSWORDLESS_EMAIL_LOGIN_URL="x")
    assert sorted(ids()) == ["E004", "E005", "E006", "E008"]


# Warnings of `check --deploy`


def test_a_safe_project_deploys_without_a_word(safe):
    assert ours(deploy=True) == []


def test_without_deploy_nothing_unsafe_is_told(configure):
    configure(TOKEN_LIFETIME=601, MAX_TOKEN_USES=2, REVEAL_ACCOUNT_EXISTENCE=True, TOKEN_REQUEST_THROTTLE_SECONDS=0)
    assert ids() == []


def test_with_errors_no_warnings_are_told(safe, configure):
    configure(TOKEN_LIFETIME="601", MAX_TOKEN_USES=2)
    assert ids(deploy=True) == ["E002"]


@pytest.mark.parametrize(
    ("id_", "unsafe", "still_safe"),
    [
        ("W001", {"TOKEN_LIFETIME": 601}, {"TOKEN_LIFETIME": 600}),
        ("W002", {"MAX_TOKEN_USES": 2}, {"MAX_TOKEN_USES": 1}),
        ("W003", {"TOKEN_REQUEST_THROTTLE_SECONDS": 29}, {"TOKEN_REQUEST_THROTTLE_SECONDS": 30}),
        ("W003", {"TOKEN_REQUEST_THROTTLE_SECONDS": 0}, {"TOKEN_REQUEST_THROTTLE_SECONDS": 3600}),
        ("W003", {"TOKEN_REQUEST_THROTTLE_SECONDS": None}, {}),
        ("W004", {"DELIVERY": "jwt_drf_passwordless.delivery.Inline"}, {"DELIVERY": "tests.test_checks.SafeDelivery"}),
        ("W006", {"LONG_TOKEN_LENGTH": 24}, {"LONG_TOKEN_LENGTH": 25}),
        (
            "W006",
            {"LONG_TOKEN_CHARS": "01", "LONG_TOKEN_LENGTH": 127},
            {"LONG_TOKEN_CHARS": "01", "LONG_TOKEN_LENGTH": 128},
        ),
        (
            "W007",
            {"PASSWORDLESS_EMAIL_LOGIN_URL": "http://app.example/#{token}"},
            {"PASSWORDLESS_EMAIL_LOGIN_URL": "https://app.example/#{token}"},
        ),
        (
            "W007",
            {"PASSWORDLESS_EMAIL_LOGIN_URL": "HTTP://app.example/#{token}"},
            {"PASSWORDLESS_EMAIL_LOGIN_URL": "acme-app://login/{token}"},
        ),
        ("W016", {"SMS_COUNTRIES": None}, {"SMS_COUNTRIES": []}),
        ("W017", {"SMS_BUDGET": {}}, {"SMS_BUDGET": {"hour": 5}}),
        (
            "W040",
            {"TEST_IDENTIFIERS": {"a@example.com": {"code": make_password("123456"), "until": "2026-01-01"}}},
            {"TEST_IDENTIFIERS": {}},
        ),
        ("W041", {"THROTTLE_RATES": {"redeem": None}}, {"THROTTLE_RATES": {"number_range": None}}),
        (
            "W041",
            {"THROTTLE_RATES": {"password": None}, "TWO_FACTOR": PASSKEYS_ONLY},
            {"THROTTLE_RATES": {"password": None}},
        ),
        ("W041", {"THROTTLE_RATES": {"request": ""}}, {"THROTTLE_RATES": {"request": "1/s"}}),
        ("W010", {"REVEAL_ACCOUNT_EXISTENCE": True}, {"REVEAL_ACCOUNT_EXISTENCE": False}),
    ],
)
def test_an_unsafe_setting_is_a_warning_and_a_safe_one_is_silent(safe, configure, settings, id_, unsafe, still_safe):
    before = settings.JWT_DRF_PASSWORDLESS
    configure(**unsafe)
    assert ids(deploy=True) == [id_]
    assert isinstance(only(id_, deploy=True), Warning)

    settings.JWT_DRF_PASSWORDLESS = before
    configure(**still_safe)
    assert ids(deploy=True) == []


@pytest.mark.parametrize(
    "name", ["locmem.LocMemCache", "dummy.DummyCache", "filebased.FileBasedCache", "db.DatabaseCache"]
)
def test_a_cache_that_cannot_count_for_all_processes_is_a_warning(safe, settings, name):
    settings.CACHES = {"default": {"BACKEND": f"django.core.cache.backends.{name}", "LOCATION": "x"}}
    assert ids(deploy=True) == ["W018"]


@pytest.mark.parametrize(
    "sign",
    [
        {"SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https")},
        {"USE_X_FORWARDED_HOST": True},
        {"USE_X_FORWARDED_PORT": True},
    ],
)
def test_a_proxy_that_is_not_declared_is_a_warning(safe, settings, configure, sign):
    for name, value in sign.items():
        setattr(settings, name, value)
    assert ids(deploy=True) == ["W019"]
    configure(TRUSTED_PROXIES=1)
    assert ids(deploy=True) == []


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"THROTTLE_RATES": {"request": "30"}}, "'30' is no rate"),
        ({"THROTTLE_RATES": {"request": "30/x"}}, "'30/x' is no rate"),
        ({"THROTTLE_RATES": {"redeem": "-1/h"}}, "'-1/h' is no rate"),
        ({"THROTTLE_RATES": {"redeem": 30}}, "THROTTLE_RATES"),
        ({"SMS_COUNTRIES": ["Germany"]}, "no country 'Germany'"),
        ({"SMS_COUNTRIES": ["de"]}, "no country 'de'"),
        ({"SMS_NUMBER_TYPES": ["CELL"]}, "no type 'CELL'"),
        ({"SMS_BUDGET": {"day": "100"}}, "['SMS_BUDGET']['day']"),
        ({"SMS_BUDGET": {"hour": -1}}, "['SMS_BUDGET']['hour']"),
    ],
)
def test_a_limit_that_cannot_be_used_is_an_error(configure, changes, text):
    configure(**changes)
    assert ids() == ["E018"]
    assert text in only("E018").msg


@pytest.mark.parametrize("rate", ["30/h", "1/s", "100/minute", "5/day", None])
def test_rates_are_those_of_drf(configure, rate):
    configure(THROTTLE_RATES={"request": rate})
    assert ids() == []


def test_an_unknown_rate_or_window_is_an_error_that_names_the_known_ones(configure):
    configure(THROTTLE_RATES={"requests": "1/h"}, SMS_BUDGET={"week": 5})
    assert ids() == ["E001", "E001"]


@pytest.mark.parametrize(
    "wrong",
    [
        {
            "ALLOWED_PASSWORDLESS_METHODS": 5,
            "EXTERNAL_2FA": {"provider": "tests.external_2fa.providers.ScriptedProvider"},
        },
        {"THROTTLE_RATES": None, "CAPTCHA": {"provider": "jwt_drf_passwordless.captcha.Turnstile", "fail_open": True}},
        {"THROTTLE_RATES": 5, "TWO_FACTOR": {}, "SESSIONS": {}},
    ],
)
def test_a_wrong_type_is_told_and_the_other_checks_wait(configure, wrong):
    configure(**wrong)
    assert ids(deploy=True) == ["E002"]


def test_an_error_hides_none_of_other_checks(configure):
    configure(EMAIL_FIELD_NAME="no_such_field", THROTTLE_RATES={"request": "lots"})
    assert sorted(ids()) == ["E009", "E018"]


GOOD_ENTRY = {"code": make_password("123456"), "until": "2026-01-01"}


@pytest.mark.parametrize(
    ("identifier", "entry"),
    [
        ("Ada@example.com", GOOD_ENTRY),
        ("12015550123", GOOD_ENTRY),
        ("ada", GOOD_ENTRY),
        ("ada@example.com", {**GOOD_ENTRY, "code": "123456"}),
        ("ada@example.com", {**GOOD_ENTRY, "code": None}),
        ("ada@example.com", {"until": "2026-01-01"}),
        ("ada@example.com", {**GOOD_ENTRY, "until": "soon"}),
        ("ada@example.com", {**GOOD_ENTRY, "until": "2126-01-01"}),
        ("ada@example.com", {"code": GOOD_ENTRY["code"]}),
    ],
)
def test_a_test_identity_that_is_too_open_or_cannot_be_used_is_an_error(configure, identifier, entry):
    configure(TEST_IDENTIFIERS={identifier: entry})
    assert ids() == ["E019"]


@pytest.mark.parametrize("identifier", ["ada@example.com", "+12015550123"])
def test_a_test_identity_is_an_address_or_number_in_its_canonical_form(configure, identifier):
    configure(TEST_IDENTIFIERS={identifier: GOOD_ENTRY})
    assert ids() == []


@pytest.mark.parametrize("tasks_framework", [f"{TASKS}.backends.immediate.ImmediateBackend", None])
def test_tasks_that_run_within_the_request_are_a_warning(safe, configure, settings, tasks_framework):
    configure(DELIVERY="jwt_drf_passwordless.delivery.Tasks")
    settings.TASKS = {"default": {"BACKEND": tasks_framework}} if tasks_framework else {}
    message = only("W004", deploy=True)
    assert isinstance(message, Warning)
    assert "sent within the request" in message.msg


def test_tasks_that_run_elsewhere_are_silent(safe, configure, settings):
    configure(DELIVERY="jwt_drf_passwordless.delivery.Tasks")
    settings.TASKS = {"default": {"BACKEND": f"{TASKS}.backends.dummy.DummyBackend"}}
    assert ids(deploy=True) == []


@pytest.mark.parametrize("name", ["Thread", "Celery"])
def test_a_delivery_outside_the_request_is_silent(safe, configure, name):
    configure(DELIVERY=f"jwt_drf_passwordless.delivery.{name}")
    assert ids(deploy=True) == []


@pytest.mark.parametrize(
    ("id_", "unsafe", "still_safe"),
    [
        (
            "W008",
            {"ACCESS_TOKEN_LIFETIME": timedelta(minutes=15, seconds=1)},
            {"ACCESS_TOKEN_LIFETIME": timedelta(minutes=15)},
        ),
        ("W052", {"LEEWAY": 31}, {"LEEWAY": 30}),
        ("W052", {"LEEWAY": timedelta(seconds=31)}, {"LEEWAY": timedelta(seconds=30)}),
        ("W009", {"SIGNING_KEY": "x" * 31}, {"SIGNING_KEY": "x" * 32}),
        ("W009", {"SIGNING_KEY": "é" * 15}, {"SIGNING_KEY": "é" * 16}),
        ("W009", {"SIGNING_KEY": b"x" * 31}, {"SIGNING_KEY": b"x" * 32}),
        ("W009", {"SIGNING_KEY": ""}, {"SIGNING_KEY": "", "ALGORITHM": "RS256"}),
        ("W009", {"ALGORITHM": "HS384", "SIGNING_KEY": "x" * 47}, {"ALGORITHM": "HS384", "SIGNING_KEY": "x" * 48}),
        ("W009", {"ALGORITHM": "HS512", "SIGNING_KEY": "x" * 63}, {"ALGORITHM": "HS512", "SIGNING_KEY": "x" * 64}),
    ],
)
def test_unsafe_tokens_of_simplejwt_are_a_warning_and_safe_ones_are_silent(safe, settings, id_, unsafe, still_safe):
    settings.SIMPLE_JWT = unsafe
    assert ids(deploy=True) == [id_]
    assert isinstance(only(id_, deploy=True), Warning)

    settings.SIMPLE_JWT = still_safe
    assert ids(deploy=True) == []


def test_an_email_field_without_an_index_on_its_lower_case_is_a_warning_that_prints_the_constraint(safe, monkeypatch):
    monkeypatch.setattr(get_user_model()._meta, "constraints", [])
    monkeypatch.setattr(connection.features, "supports_expression_indexes", True)
    message = only("W005", deploy=True)
    assert isinstance(message, Warning)
    assert message.msg == (
        f"JWT_DRF_PASSWORDLESS: without an index each login reads the whole table of {get_user_model()._meta.label}."
    )
    email = package_settings.EMAIL_FIELD_NAME
    assert message.hint == f"{email}: UniqueConstraint(Lower({email!r}), name='user_{email}_lower_unique')"


def test_a_database_without_expression_indexes_gets_advice_that_it_can_follow(safe, monkeypatch):
    monkeypatch.setattr(get_user_model()._meta, "constraints", [])
    monkeypatch.setattr(connection.features, "supports_expression_indexes", False)
    email = package_settings.EMAIL_FIELD_NAME
    assert only("W005", deploy=True).hint == (
        f"{email}: EMAIL_LOOKUP 'exact' and unique=True, as this database compares without regard to case"
    )


def test_deployment_checks_run_without_a_database(safe, monkeypatch):
    def refuse(features):
        raise OperationalError("connection refused")

    monkeypatch.setattr(get_user_model()._meta, "constraints", [])
    monkeypatch.setattr(type(connection.features), "supports_expression_indexes", property(refuse))
    # Not all checks: Django's own of models ask the database too, from 6.1 on.
    assert [message.id for message in check_deployment()] == ["jwt_drf_passwordless.W005"]


def test_an_index_on_the_lower_case_serves_as_well_as_a_constraint(safe, monkeypatch):
    index = models.Index(Lower(package_settings.EMAIL_FIELD_NAME), name="user_email_lower")
    monkeypatch.setattr(get_user_model()._meta, "constraints", [])
    monkeypatch.setattr(get_user_model()._meta, "indexes", [index])
    assert ids(deploy=True) == []


@pytest.mark.parametrize("attribute", ["constraints", "indexes"])
def test_an_index_of_some_rows_only_serves_no_login(safe, monkeypatch, attribute):
    email, some = package_settings.EMAIL_FIELD_NAME, ~models.Q(**{package_settings.EMAIL_FIELD_NAME: ""})
    rules = {
        "constraints": models.UniqueConstraint(Lower(email), condition=some, name="lower"),
        "indexes": models.Index(Lower(email), condition=some, name="lower"),
    }
    for name, rule in rules.items():
        monkeypatch.setattr(get_user_model()._meta, name, [rule] if name == attribute else [])
    assert ids(deploy=True) == ["W005"]


@pytest.mark.parametrize("other", [models.Index(fields=["last_login"], name="i"), models.Index(Lower("x"), name="i")])
def test_an_index_on_something_else_does_not_serve(safe, monkeypatch, other):
    monkeypatch.setattr(get_user_model()._meta, "constraints", [])
    monkeypatch.setattr(get_user_model()._meta, "indexes", [other])
    assert ids(deploy=True) == ["W005"]


@pytest.mark.parametrize(("attribute", "setting"), [("unique", "EMAIL_FIELD_NAME"), ("db_index", "EMAIL_FIELD_NAME")])
def test_an_exact_lookup_wants_an_index_on_the_field_itself(safe, configure, monkeypatch, attribute, setting):
    configure(EMAIL_LOOKUP="exact")
    field = get_user_model()._meta.get_field(getattr(package_settings, setting))
    monkeypatch.setattr(field, "unique", False)
    monkeypatch.setattr(field, "db_index", False)
    assert only("W005", deploy=True).hint == f"{field.name}: unique=True"

    monkeypatch.setattr(field, attribute, True)
    assert ids(deploy=True) == []


def test_a_phone_field_wants_an_index_while_its_method_is_on(safe, configure, monkeypatch):
    field = get_user_model()._meta.get_field(package_settings.MOBILE_FIELD_NAME)
    monkeypatch.setattr(field, "unique", False)
    monkeypatch.setattr(field, "db_index", False)
    assert only("W005", deploy=True).hint == f"{field.name}: unique=True"

    configure(ALLOWED_PASSWORDLESS_METHODS=["EMAIL"])
    assert ids(deploy=True) == []


def test_who_makes_the_accounts_itself_may_fill_any_field(configure, monkeypatch):
    field = get_user_model()._meta.get_field("password")
    plan = models.CharField(max_length=10)
    plan.set_attributes_from_name("plan")
    fields = (*get_user_model()._meta.concrete_fields, plan)
    assert field in fields
    monkeypatch.setattr(get_user_model()._meta, "concrete_fields", fields)
    configure(ALLOWED_PASSWORDLESS_METHODS=["EMAIL"], REGISTER_NONEXISTENT_USERS=True)
    assert "E010" in ids()
    configure(SERIALIZERS={"passwordless_email_token_request": "tests.test_checks.SignUpSerializer"})
    assert "E010" not in ids()


def test_a_misspelt_setting_is_told_its_nearest_name(configure):
    configure(TOKEN_LIFETIM=60)
    assert only("E001").hint == "Did you mean 'TOKEN_LIFETIME'?"


def test_sms_without_a_backend_is_an_error(settings, configure):
    del settings.SMS_BACKEND
    assert "SMS_BACKEND" in only("E003").msg
    configure(ALLOWED_PASSWORDLESS_METHODS=["EMAIL"])
    assert ids() == []


def test_sms_to_a_backend_that_sends_none_are_a_warning(settings, safe):
    settings.SMS_BACKEND = "sms.backends.console.SmsBackend"
    assert ids(deploy=True) == ["W011"]


def test_an_error_that_the_project_has_silenced_does_not_silence_the_warnings(settings, safe, configure):
    configure(TOKEN_LIFETIME=100_000)
    assert ids(deploy=True) == ["E005"]
    settings.SILENCED_SYSTEM_CHECKS = ["jwt_drf_passwordless.E005"]
    assert "W001" in ids(deploy=True)


def test_registration_wants_a_unique_address(safe, configure, monkeypatch):
    phone = get_user_model()._meta.get_field(package_settings.MOBILE_FIELD_NAME)
    monkeypatch.setattr(phone, "unique", False)  # who signs up by email has no number
    configure(REGISTER_NONEXISTENT_USERS=True, ALLOWED_PASSWORDLESS_METHODS=["EMAIL"])
    assert ids(deploy=True) == []
    email = package_settings.EMAIL_FIELD_NAME
    index = models.Index(Lower(email), name="email_lower")
    monkeypatch.setattr(get_user_model()._meta, "constraints", [])
    monkeypatch.setattr(get_user_model()._meta, "indexes", [index])
    monkeypatch.setattr(get_user_model()._meta.get_field(email), "unique", False)
    assert ids(deploy=True) == ["W012"]
    configure(REGISTER_NONEXISTENT_USERS=False)
    assert ids(deploy=True) == []


def test_local_time_is_a_warning(safe, settings):
    settings.USE_TZ = False
    assert ids(deploy=True) == ["W013"]


def test_two_methods_on_one_field_are_an_error(configure):
    configure(MOBILE_FIELD_NAME=package_settings.EMAIL_FIELD_NAME)
    assert "one field" in only("E009").msg
