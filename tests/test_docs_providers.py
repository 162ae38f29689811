"""The pages on providers are true: their settings build a provider, their names exist, their examples run."""

import inspect
import re
from collections import defaultdict
from importlib import import_module
from pathlib import Path

import pytest

from jwt_drf_passwordless.external_2fa.base import VerificationStatus, WebhookEventType
from jwt_drf_passwordless.external_2fa.http import MEANINGS
from jwt_drf_passwordless.external_2fa.registry import build

FOLDER = Path(__file__).parent.parent / "docs" / "providers"
VENDORS = ["infobip", "plivo", "sinch", "telnyx", "twilio", "vonage"]
STATUSES = {status.value for status in VerificationStatus}
EVENTS = {type_.value for type_ in WebhookEventType}

each_vendor = pytest.mark.parametrize("vendor", VENDORS)


def page(name):
    return (FOLDER / f"{name}.md").read_text()


def examples(name):
    """The Python of a page."""
    return re.findall(r"```python\n(.*?)```", page(name), flags=re.DOTALL)


def section(name, heading):
    """The text below a heading, up to the next one."""
    return page(name).split(f"\n## {heading}\n")[1].split("\n## ")[0]


def rows(text):
    """The rows of the tables in a text, without the first two."""
    return [
        [cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if line.startswith("| ")
    ][1:]


def config_of(vendor):
    (example,) = examples(vendor)
    names = {}
    exec(example, names)  # noqa: S102 - our own page
    return names["JWT_DRF_PASSWORDLESS"]["EXTERNAL_2FA"]


def class_of(vendor):
    """The provider class that a page names, from the vendor's module."""
    path, _, name = config_of(vendor)["provider"].rpartition(".")
    assert path == "jwt_drf_passwordless.external_2fa"
    return getattr(import_module(f"{path}.{vendor}"), name)


def provider_of(vendor):
    return build(config_of(vendor)).provider


def test_there_is_a_page_for_each_vendor():
    assert sorted(path.stem for path in FOLDER.iterdir()) == sorted([*VENDORS, "writing"])


@each_vendor
def test_the_settings_are_complete(vendor):
    assert provider_of(vendor).is_configured()


@each_vendor
def test_the_settings_let_webhooks_in_where_the_vendor_signs_them(vendor):
    assert provider_of(vendor).accepts_webhooks is (vendor != "infobip")


@each_vendor
def test_the_page_names_every_option(vendor):
    options = set(inspect.signature(class_of(vendor).__init__).parameters) - {"self"}
    assert options <= set(re.findall(r"[`\"]([a-z_]+)[`\"]", page(vendor)))


@each_vendor
def test_the_page_names_the_channels(vendor):
    channels = [method.value for method in class_of(vendor).methods]
    first_sentence = section(vendor, "Channels").partition(".")[0]
    assert re.findall(r"`(\w+)`", first_sentence) == channels


@each_vendor
def test_the_page_names_the_webhook_route_of_the_alias(vendor):
    assert f"/passwordless/external/webhook/{class_of(vendor).name}/" in page(vendor)


@each_vendor
def test_the_page_names_events_that_exist(vendor):
    for _, events in rows(section(vendor, "Webhooks")):
        assert set(re.findall(r"`(\w+)`", events)) <= EVENTS


@each_vendor
def test_the_page_tells_what_errors_become(vendor):
    told = defaultdict(list)
    for answers, *results in rows(section(vendor, "Errors")):
        named = [result for cell in results for result in re.findall(r"`(\w+)`", cell)]
        assert named
        assert set(named) <= STATUSES
        for code in re.findall(r"[\w-]+", answers):
            told[code] += named
    by_status = {**MEANINGS, **class_of(vendor).statuses}
    meanings = {**class_of(vendor).errors, **{str(status): meaning for status, meaning in by_status.items()}}
    wrong = {code: meaning for code, meaning in meanings.items() if meaning.value not in told[code]}
    assert wrong == {}


@each_vendor
def test_the_page_says_that_the_vendor_was_not_called(vendor):
    assert "Nobody has called" in section(vendor, "What was tried")


@pytest.mark.parametrize("name", [*VENDORS, "writing"])
def test_a_page_is_short(name):
    limit = 90 if name == "writing" else 60
    assert len(page(name).splitlines()) <= limit


class Client:
    """What the example's own service is."""

    def __init__(self):
        self.codes = {}

    def start(self, number):
        self.codes[number] = "482915"
        return "1"

    def check(self, number, code):
        return self.codes.get(number) == code


def test_the_provider_of_the_example_keeps_the_contract():
    names = {"client": Client()}
    for example in examples("writing"):
        exec(example, names)  # noqa: S102 - our own page
    contract = names["TestMyProvider"]()
    tests = [getattr(contract, name) for name in dir(contract) if name.startswith("test_")]
    assert len(tests) > 5
    for test in tests:
        test()
