"""What `manage.py check` says of the setting EXTERNAL_2FA, and `check --deploy`."""

import pytest
from django.core.checks import run_checks
from django.core.checks.messages import ERROR

from tests.external_2fa.providers import PATH

OURS = "jwt_drf_passwordless."
NO_CONSTRUCTOR = "tests.external_2fa.providers.NoConstructor"


class NotAProvider:
    """It looks like one."""

    name = "none"


def found(deploy=False):
    """The ids of ours that the checks find, without those that the suite's settings cause."""
    before = {"W004", "W005", "W008", "W009", "W011", "W013", "W016", "W017", "W018", "W050"}
    ids = [
        message.id.removeprefix(OURS) for message in run_checks(include_deployment_checks=deploy) if OURS in message.id
    ]
    return [id_ for id_ in ids if id_ not in before]


@pytest.fixture
def provider(configure):
    def change(path=PATH, **config):
        configure(EXTERNAL_2FA={"provider": path, **config})

    return change


def test_a_provider_that_works_is_no_error(provider):
    provider(
        alias="one",
        escalate=["sms", "call"],
        webhook_url="https://app.example/hook/",
        allowed_ips=["192.76.120.192/27", "2001:db8::1"],
        fallbacks=[{"provider": NO_CONSTRUCTOR, "key": "value"}],
    )
    assert found() == []


@pytest.mark.parametrize(
    "config",
    [
        {"provider": None},
        {"provider": ""},
        {"provider": "nowhere.Provider"},
        {"provider": "tests.external_2fa.providers.Missing"},
        {"provider": "tests.models.User"},
        {"provider": ".relative"},
        {"provider": 5},
        {"provider": "jwt_drf_passwordless.external_2fa.External2FAProvider"},
        {"provider": "tests.external_2fa.test_checks.NotAProvider"},
        {"provider": PATH, "no_such_option": 1},
        {"provider": PATH, "configured": False},
        {"provider": "jwt_drf_passwordless.external_2fa.TelnyxVerifyProvider"},
        {"provider": "jwt_drf_passwordless.external_2fa.TelnyxVerifyProvider", "api_key": "", "verify_profile_id": ""},
    ],
)
@pytest.mark.parametrize("as_fallback", [True, False])
def test_a_provider_that_cannot_be_made_is_an_error(configure, config, as_fallback):
    configure(EXTERNAL_2FA={"provider": NO_CONSTRUCTOR, "fallbacks": [config]} if as_fallback else config)
    assert found() == ["E014"]


@pytest.mark.parametrize(
    "config",
    [
        {"fallbacks": {"provider": PATH}},
        {"fallbacks": [PATH]},
        {"escalate": "sms"},
        {"escalate": ["sms", "pigeon"]},
        {"escalate": [["sms"]]},
        {"webhook_url": "http://app.example/hook/"},
        {"webhook_url": 5},
        {"allowed_ips": ["192.76.120.300"]},
        {"allowed_ips": [None]},
        {"allowed_ips": 5},
        {"alias": "x" * 65},
        {"alias": "a/b"},
        {"alias": "a b"},
    ],
)
def test_a_key_that_cannot_be_used_is_an_error(provider, config):
    provider(**config)
    assert found() == ["E015"]


def test_two_providers_with_one_name_are_an_error(provider):
    provider(fallbacks=[{"provider": PATH}])
    assert found() == ["E016"]
    provider(fallbacks=[{"provider": PATH, "alias": "second"}])
    assert found() == []


def test_a_setting_that_is_no_dict_is_an_error_of_its_type(configure):
    configure(EXTERNAL_2FA=PATH)
    assert found() == ["E002"]


def test_a_provider_for_tests_is_an_error_of_a_deployment(provider):
    provider("jwt_drf_passwordless.external_2fa.FakeVerifyProvider", insecure=True)
    assert found() == []
    assert found(deploy=True) == ["E017"]
    (message,) = [message for message in run_checks(include_deployment_checks=True) if message.id == f"{OURS}E017"]
    assert message.level == ERROR


def test_a_provider_without_a_key_for_webhooks_is_a_warning_of_a_deployment(provider):
    provider()
    assert found(deploy=True) == []
    provider(NO_CONSTRUCTOR)
    assert found() == []
    assert found(deploy=True) == ["W014"]


def test_a_provider_while_mobile_is_off_is_a_warning(provider, configure):
    provider()
    configure(ALLOWED_PASSWORDLESS_METHODS=["EMAIL"])
    assert found() == found(deploy=True) == ["W015"]


def test_no_deployment_warnings_about_a_provider_that_cannot_be_made(provider):
    provider("nowhere.Provider")
    assert found(deploy=True) == ["E014"]
