"""System checks of passkeys, each both ways."""

import os
import subprocess
import sys

import pytest

from jwt_drf_passwordless.two_factor.checks import check_two_factor, check_two_factor_deployment
from tests.two_factor.passkey.conftest import PHONE_FACTOR


def ids(found):
    return [message.id.rpartition(".")[2] for message in found]


def test_a_site_and_its_origins_are_enough():
    assert check_two_factor() == []


def test_where_passkeys_are_not_listed_their_keys_are_not_looked_at(two_factor):
    two_factor(factors=[PHONE_FACTOR], passkey={"rp_id": 1})
    assert check_two_factor() == []


def test_the_keys_stand_in_a_dict(two_factor):
    two_factor(passkey="example.com")
    assert ids(check_two_factor()) == ["E021"]


def test_an_unknown_key_is_an_error_that_names_the_known_ones(passkeys):
    passkeys(origin="https://example.com")
    (error,) = check_two_factor()
    assert (error.id, "origins" in error.hint) == ("jwt_drf_passwordless.E036", True)


@pytest.mark.parametrize(
    "keys",
    [
        *[{"rp_id": value} for value in ("", None, 1, "https://example.com", "example.com:443", "127.0.0.1", "*")],
        *[
            {"rp_id": value}
            for value in ("Example.com", "example..com", ".example.com", "exämple.com", "example.com\n")
        ],
        {"rp_name": None},
        *[{"origins": value} for value in ("https://example.com", [], None, [1])],
        *[{"user_verification": value} for value in (None, True, "always")],
        *[{"limit": value} for value in (0, 51, "10", True, None)],
        {"first_factor": 1},
        {"second_factor": None},
    ],
    ids=str,
)
def test_a_wrong_value_is_an_error(passkeys, keys):
    passkeys(**keys)
    assert ids(check_two_factor()) == ["E036"]


@pytest.mark.parametrize(
    "keys",
    [
        {"rp_name": "The Shop"},
        {"user_verification": "required"},
        {"limit": 1},
        {"first_factor": False},
        {"second_factor": False},
        *[
            {"origins": [origin]}
            for origin in (
                "https://example.com",
                "https://app.example.com",
                "https://example.com:8443",
                "android:apk-key-hash:" + "aB3_-" * 8 + "xyz",
            )
        ],
        {"origins": ("https://example.com", "https://www.example.com")},
    ],
    ids=str,
)
def test_a_right_value_passes(passkeys, keys):
    passkeys(**keys)
    assert check_two_factor() == []


@pytest.mark.parametrize(
    "origin",
    [
        "*",
        "https://*",
        "https://*.example.com",
        "example.com",
        "https://example.com/",
        "https://example.com/login",
        "https://example.com:443",
        "http://example.com:80",
        "https://Example.com",
        "https://user@example.com",
        "https://example.com\n",
        "http://example.com",
        "http://localhost",
        "https://example.org",
        "https://evilexample.com",
        "https://com",
        "https://[",
        "https://[::1]",
        "https://example.com:99999",
        "https://example.com:٣",
        "null",
        "",
        "android:apk-key-hash:*",
        "ios:bundle-id:com.example",
    ],
)
def test_an_origin_that_is_nobodys_or_everybodys_is_an_error(passkeys, origin):
    passkeys(origins=["https://example.com", origin])
    (error,) = check_two_factor()
    assert (error.id, repr(origin) in error.msg) == ("jwt_drf_passwordless.E037", True)


@pytest.mark.parametrize("debug", [True, False])  # False: as in every test run of a project
def test_localhost_will_do_for_development_but_not_in_a_deployment(passkeys, settings, debug):
    settings.DEBUG = debug
    settings.SMS_BACKEND = "sms.backends.base.BaseSmsBackend"
    passkeys(rp_id="localhost", origins=["http://localhost:8000"])
    assert (check_two_factor(), ids(check_two_factor_deployment())) == ([], ["E037"])


@pytest.mark.parametrize("origins", [None, [], "https://example.com"])
def test_origins_that_are_no_list_do_not_stop_the_checks_of_deployments(passkeys, settings, origins):
    settings.SMS_BACKEND = "sms.backends.base.BaseSmsBackend"
    passkeys(origins=origins)
    assert check_two_factor_deployment() == []


def test_a_missing_library_is_an_error_that_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "webauthn", None)
    (error,) = check_two_factor()
    assert (error.id, error.hint) == ("jwt_drf_passwordless.E027", "pip install 'jwt-drf-passwordless[passkeys]'")


def test_nothing_else_needs_the_library():
    code = "import sys, django; django.setup(); from django.urls import reverse; reverse('passkey_login'); "
    code += "sys.exit('webauthn' in sys.modules)"
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    assert subprocess.run([sys.executable, "-c", code], env=environment).returncode == 0


def test_passkeys_that_never_ask_for_a_pin_are_a_warning_of_deployments(passkeys, settings):
    settings.SMS_BACKEND = "sms.backends.base.BaseSmsBackend"
    assert check_two_factor_deployment() == []
    passkeys(user_verification="discouraged")
    assert (check_two_factor(), ids(check_two_factor_deployment())) == ([], ["W035"])
    passkeys(first_factor=False)
    assert check_two_factor_deployment() == []


def test_it_stands_beside_the_warnings_of_other_factors(passkeys, two_factor):
    passkeys(user_verification="discouraged")
    assert ids(check_two_factor_deployment()) == ["W022", "W035"]
    two_factor(phone={"provider": "jwt_drf_passwordless.external_2fa.FakeVerifyProvider", "insecure": True})
    assert ids(check_two_factor_deployment()) == ["E025", "W035"]
