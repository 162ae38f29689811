"""What `manage.py check` says of the setting CAPTCHA, and `check --deploy`; the examples of its page pass."""

import re
from pathlib import Path

import pytest
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured

from jwt_drf_passwordless import captcha
from jwt_drf_passwordless.captcha.services import OURS

PAGE = Path(__file__).parent.parent.parent / "docs" / "captcha.md"
TURNSTILE = "jwt_drf_passwordless.captcha.Turnstile"
FAKE = "jwt_drf_passwordless.captcha.FakeCaptcha"
GOOD = {"provider": TURNSTILE, "secret": "0x4AAA", "hostnames": ["shop.example"]}


def found(deploy=False):
    """The ids of ours that are about CAPTCHAs, or about types."""
    ids = [str(message.id) for message in run_checks(include_deployment_checks=deploy)]
    ours = [id_.removeprefix("jwt_drf_passwordless.") for id_ in ids if id_.startswith("jwt_drf_passwordless.")]
    return [id_ for id_ in ours if re.fullmatch("[EW]03.|E00.", id_)]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"routes": ["request", "redeem"], "after": 5, "fail_open": True, "hostnames": ("shop.example", "localhost")},
        {"site_key": "0x4BBB", "timeout": 2.5, "base_url": "https://proxy.example"},
    ],
    ids=str,
)
def test_what_works_is_no_error(configure, changes):
    configure(CAPTCHA={**GOOD, **changes})
    assert found(deploy=True) == []


def test_none_is_off(configure):
    configure(CAPTCHA=None)
    assert found(deploy=True) == []


@pytest.mark.parametrize("value", [TURNSTILE, True, [GOOD]], ids=str)
def test_a_setting_that_is_no_dict_is_an_error_of_its_type(configure, value):
    configure(CAPTCHA=value)
    assert found(deploy=True) == ["E002"]


def test_settings_that_are_no_dict_are_no_error_of_the_captcha(settings):
    settings.JWT_DRF_PASSWORDLESS = "CAPTCHA"
    assert found() == ["E002"]


@pytest.mark.parametrize(
    "changes",
    [
        {"provider": None},
        {"provider": ""},
        {"provider": "nowhere.Provider"},
        {"provider": "jwt_drf_passwordless.captcha.Missing"},
        {"provider": ".relative"},
        {"provider": 5},
        {"provider": "tests.models.User", "secret": None},
        {"provider": "jwt_drf_passwordless.captcha.CaptchaProvider"},
        {"provider": "tests.captcha.test_checks.Stranger"},
        {"provider": FAKE},
        {"secret": ""},
        {"secret": None},
        {"min_score": 0.5},
        {"base_url": "http://vendor.example"},
        {"timeout": 0},
    ],
    ids=str,
)
def test_a_provider_that_cannot_be_made_is_an_error(configure, changes):
    configure(CAPTCHA={**GOOD, **changes})
    assert found() == ["E030"]


class Stranger:
    """No CAPTCHA at all."""

    def __init__(self, **options):
        pass


def test_a_missing_secret_is_an_error(configure):
    configure(CAPTCHA={"provider": TURNSTILE, "hostnames": ["shop.example"]})
    assert found() == ["E030"]


def test_an_empty_dict_is_an_error(configure):
    configure(CAPTCHA={})
    assert found() == ["E030", "E032"]


@pytest.mark.parametrize(
    "changes",
    [
        {"routes": "request"},
        {"routes": []},
        {"routes": ["requests"]},
        {"routes": [["request"]]},
        {"routes": None},
        {"after": -1},
        {"after": "5"},
        {"after": True},
        {"after": None},
        {"fail_open": "yes"},
        {"fail_open": 1},
    ],
    ids=str,
)
def test_a_key_that_cannot_be_used_is_an_error(configure, changes):
    configure(CAPTCHA={**GOOD, **changes})
    assert found() == ["E031"]


@pytest.mark.parametrize(
    "hostnames",
    [
        None,
        [],
        "shop.example",
        [""],
        [5],
        ["https://shop.example"],
        ["shop.example:443"],
        ["shop.example/"],
        ["*.example"],
    ],
    ids=str,
)
def test_without_the_hosts_of_the_pages_it_is_an_error(configure, hostnames):
    configure(CAPTCHA={**GOOD, "hostnames": hostnames})
    assert found() == ["E032"]


@pytest.mark.parametrize(("debug", "ids"), [(False, ["E033"]), (True, [])])
@pytest.mark.parametrize(
    ("provider", "keys"),
    [
        ("RecaptchaV2", {"secret": "6LeIxAcTAAAAAGG-vFI1TnRWxMZNFuojJ4WifJWe"}),
        ("HCaptcha", {"secret": "0x0000000000000000000000000000000000000000"}),
        ("Turnstile", {"secret": "1x0000000000000000000000000000000AA"}),
        ("Turnstile", {"secret": "right", "site_key": "1x00000000000000000000AA"}),
    ],
)
def test_the_vendors_keys_for_tests_are_an_error_where_debug_is_off(configure, settings, debug, ids, provider, keys):
    settings.DEBUG = debug
    configure(CAPTCHA={"provider": f"jwt_drf_passwordless.captcha.{provider}", "hostnames": ["localhost"], **keys})
    assert found() == ids


def test_the_fake_one_cannot_be_made_where_debug_is_off(settings):
    with pytest.raises(ImproperlyConfigured, match="FakeCaptcha"):
        captcha.FakeCaptcha()
    settings.DEBUG = True
    assert captcha.FakeCaptcha().verify("human", None, "request").status is captcha.CaptchaStatus.PASSED


def test_the_fake_one_is_an_error_of_a_deployment(configure):
    configure(CAPTCHA={"provider": FAKE, "hostnames": ["localhost"], "insecure": True})
    assert found() == []
    assert found(deploy=True) == ["E034"]


@pytest.mark.parametrize(("rate", "ids"), [(None, ["W030"]), ("", ["W030"]), ("10/h", [])])
def test_an_outage_that_nothing_limits_is_a_warning_of_a_deployment(configure, rate, ids):
    configure(CAPTCHA={**GOOD, "fail_open": True}, THROTTLE_RATES={"captcha_down": rate})
    assert found() == []
    assert found(deploy=True) == ids


def test_the_settings_of_the_page_are_those_of_working_providers(configure):
    examples = re.findall(r"```python\n(JWT_DRF_PASSWORDLESS.*?)```", PAGE.read_text(), flags=re.DOTALL)
    names = []
    for example in examples:
        namespace = {}
        exec(example, namespace)  # noqa: S102 - our own page
        configure(**namespace["JWT_DRF_PASSWORDLESS"])
        assert found() == []
        names.append(namespace["JWT_DRF_PASSWORDLESS"]["CAPTCHA"]["provider"].rpartition(".")[2])
    assert set(names) == {"RecaptchaV2", "RecaptchaV3", "RecaptchaEnterprise", "HCaptcha", "Turnstile", "FakeCaptcha"}


def test_the_keys_that_are_not_options_are_all_explained():
    table = PAGE.read_text().split("## Settings")[1].split("## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE)) == set(OURS)


@pytest.mark.parametrize(("token", "status"), [("blue", "passed"), ("green", "refused")])
def test_the_captcha_of_the_page_runs(token, status):
    (example,) = re.findall(r"```python\n(from datetime.*?)```", PAGE.read_text(), flags=re.DOTALL)
    namespace = {}
    exec(example, namespace)  # noqa: S102 - our own page
    riddle = namespace["Riddle"](answer="blue")
    assert riddle.verify(token, None, "request").status.value == status
