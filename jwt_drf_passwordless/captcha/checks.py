"""`manage.py check` for the setting `CAPTCHA`: errors for what cannot work, and for `--deploy` what is unsafe."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Error, Warning
from django.core.exceptions import ImproperlyConfigured

from jwt_drf_passwordless.captcha.base import CaptchaProvider
from jwt_drf_passwordless.captcha.fake import FakeCaptcha
from jwt_drf_passwordless.captcha.services import OURS, build
from jwt_drf_passwordless.conf import NAMESPACE, settings

BAD_CAPTCHA = "jwt_drf_passwordless.E030"
BAD_CAPTCHA_KEY = "jwt_drf_passwordless.E031"
NO_HOSTNAMES = "jwt_drf_passwordless.E032"
TEST_KEY = "jwt_drf_passwordless.E033"
FAKE_CAPTCHA = "jwt_drf_passwordless.E034"
UNLIMITED_OUTAGE = "jwt_drf_passwordless.W030"

WHERE = f"{NAMESPACE}['CAPTCHA']"
#: Names of the limits of the views.
ROUTES = ("request", "redeem", "password")


def check_captcha(**kwargs: Any) -> list[CheckMessage]:
    """Errors: a provider that cannot be made, lacks options or has a test's keys, and keys that cannot be used."""
    given = getattr(settings, "CAPTCHA", None)
    if not isinstance(given, dict):
        return []  # off, or reported as of the wrong type
    config = {**OURS, **given}
    provider, problem = _try_build(config)
    if provider is None:
        return [Error(f"{WHERE}: {problem}", id=BAD_CAPTCHA), *_keys(config)]
    errors = list(_keys(config))
    if provider.uses_test_key and not django_settings.DEBUG:
        errors.append(Error(f"{WHERE} has the vendor's keys for tests, which keep nobody out.", id=TEST_KEY))
    return errors


def _try_build(config: Mapping[str, Any]) -> tuple[CaptchaProvider | None, str]:
    """The provider of a dict, or what is wrong with it."""
    path = config["provider"]
    if not path:
        return None, "'provider' is missing: the dotted path of a class."
    try:
        provider = build(config)
    except (AttributeError, ImportError, ImproperlyConfigured, TypeError, ValueError) as error:
        return None, f"{path} cannot be made: {error}"
    if not issubclass(type(provider), CaptchaProvider):
        return None, f"{path} is no CaptchaProvider."
    return provider, ""


def _keys(config: Mapping[str, Any]) -> Iterator[CheckMessage]:
    routes, after, hostnames = config["routes"], config["after"], config["hostnames"]
    for key, is_right, sentence in (
        ("routes", _is_list(routes) and all(one in ROUTES for one in routes), f"a list of {', '.join(ROUTES)}"),
        ("after", type(after) is int and after >= 0, "a number of requests, or 0"),
        ("fail_open", isinstance(config["fail_open"], bool), "True or False"),
    ):
        if not is_right:
            yield Error(f"{WHERE}[{key!r}] must be {sentence}.", id=BAD_CAPTCHA_KEY)
    if not _is_list(hostnames) or not all(map(_is_hostname, hostnames)):
        hint = "Without it a token that was solved on somebody else's page would do."
        yield Error(f"{WHERE}['hostnames'] must list the hosts of your pages.", hint=hint, id=NO_HOSTNAMES)


def _is_list(value: object) -> bool:
    """Whether it is a list with something in it."""
    return isinstance(value, list | tuple) and bool(value)


def _is_hostname(value: object) -> bool:
    """Whether it is a host's name alone, as vendors tell it: no scheme, port, path or wildcard."""
    return isinstance(value, str) and bool(re.fullmatch(r"[^\s/:*]+", value))


def check_captcha_deployment(**kwargs: Any) -> list[CheckMessage]:
    """For `--deploy`: a CAPTCHA for tests is an error, an outage without a limit a warning."""
    config = getattr(settings, "CAPTCHA", None)
    if not isinstance(config, dict) or check_captcha():
        return []
    found: list[CheckMessage] = []
    if isinstance(build(config), FakeCaptcha):
        found.append(Error(f"{WHERE}: FakeCaptcha keeps nobody out.", id=FAKE_CAPTCHA))
    if config.get("fail_open") and not settings.THROTTLE_RATES.get("captcha_down"):
        hint = "Set the rate 'captcha_down' in THROTTLE_RATES."
        found.append(Warning(f"{WHERE}: nothing limits requests in an outage.", hint=hint, id=UNLIMITED_OUTAGE))
    return found
