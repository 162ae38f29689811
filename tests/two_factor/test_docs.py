"""The pages on second factors are true: curl commands and Postman requests, run against the example project."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.checks import run_checks

from jwt_drf_passwordless.two_factor import conf
from jwt_drf_passwordless.two_factor.urls import urlpatterns
from tests.pages import Server

pytestmark = pytest.mark.standalone

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"
PAGE = (DOCS / "two-factor.md").read_text()
MANAGE = ROOT / "example_project" / "manage.py"
USERS = "User.objects.create_user('hedy@example.com', password='correct horse battery'); " + (
    "User.objects.create_user('twilio', password='twiliopass')"
)
#: The five requests of the earlier project's README, as they stand there.
EARLIER = r"""
curl --location --request POST 'http://127.0.0.1:8000/api/token/' \
--header 'Content-Type: application/json' \
--data-raw '{
    "username": "twilio",
    "password": "twiliopass"
}'

curl --location --request POST 'http://127.0.0.1:8000/api/2fa/phone-verify/' \
--header 'Authorization: Bearer ACCESS' \
--header 'Content-Type: application/json' \
--data-raw '{
	"authy_phone": "+48123456789"
}'

curl --location --request POST 'http://127.0.0.1:8000/api/2fa/phone-register/' \
--header 'Authorization: Bearer ACCESS' \
--header 'Content-Type: application/json' \
--data-raw '{
	"authy_phone": "+48123456789",
	"token": "CODE"
}'

curl --location --request POST 'http://127.0.0.1:8000/api/token/' \
--header 'Content-Type: application/json' \
--data-raw '{
    "username": "twilio",
    "password": "twiliopass"
}'

curl --location --request POST 'http://127.0.0.1:8000/api/2fa/token-verify/' \
--header 'Content-Type: application/json' \
--data-raw '{
    "username": "twilio",
    "password": "twiliopass",
    "token": "CODE"
}'
"""


def environment_with(database):
    """That of this process without settings of the example project, but for the database file."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DJANGO_")}
    return environment | {"DJANGO_DB": str(database)}


@pytest.fixture(scope="module")
def first_database(tmp_path_factory):
    """A database file with the users and nothing else, for copies."""
    database = tmp_path_factory.mktemp("example") / "db.sqlite3"
    for command in (["migrate", "-v0"], ["shell", "-v0", "-c", f"from accounts.models import User; {USERS}"]):
        subprocess.run([sys.executable, MANAGE, *command], env=environment_with(database), check=True)
    return database


@pytest.fixture
def example(tmp_path, first_database):
    server = Server(MANAGE, environment_with(shutil.copy(first_database, tmp_path)), tmp_path / "log")
    server.start()
    yield server
    server.stop()


def test_the_five_requests_of_the_earlier_project_work_word_for_word(example):
    first, verify, register, again, finish = re.findall(r"^curl .*?\}'$", EARLIER, flags=re.MULTILINE | re.DOTALL)
    status, pair = example.curl(first)
    assert (status, pair.keys()) == (200, {"refresh", "access"})
    assert example.curl(verify) == (204, None)
    assert example.curl(register) == (204, None)
    status, body = example.curl(again)
    assert (status, body["message"]) == (206, "SMS request successful. Two Factor Token verification expected.")
    status, pair = example.curl(finish)
    assert (status, pair.keys()) == (200, {"refresh", "access"})


def test_the_page_with_curl_gives_the_answers_shown(example):
    page = (DOCS / "rest-flow.md").read_text()
    steps = page.split("```sh\n")[1:]
    assert len(steps) == page.count("curl --location") == 16
    for step in steps:
        command, _, rest = step.partition("```")
        shown = re.search(r"```json\n(.*?)```", rest.partition("\n## ")[0], flags=re.DOTALL)
        expected = json.loads(shown[1]) if shown else {}
        status, found = example.curl(command)
        assert status == int(re.search(r"Status (\d+)", rest)[1]), (command, found)
        assert (found or {}).keys() == expected.keys()
        for name in expected.keys() & {"code", "message", "amr", "phone", "sent"}:
            assert found[name] == expected[name]


def test_the_postman_collection_runs(example):
    collection = json.loads((DOCS / "jwt_drf_passwordless.postman_collection.json").read_text())
    values = {variable["key"]: variable["value"] for variable in collection["variable"]}

    def fill(text):
        known = {**values, **{name.lower(): value for name, value in example.known.items()}}
        return re.sub(r"\{\{(\w+)\}\}", lambda found: known[found[1]], text)

    for item in collection["item"]:
        request = item["request"]
        headers = {header["key"]: fill(header["value"]) for header in request["header"]}
        path = fill(request["url"]).removeprefix("http://127.0.0.1:8000")
        body = fill(request["body"]["raw"]) if "body" in request else None
        script = "\n".join(item["event"][0]["script"]["exec"])
        status, found = example.send(request["method"], path, headers, body)
        assert status == int(re.search(r"have\.status\((\d+)\)", script)[1]), (item["name"], found)
        for name, key in re.findall(r'collectionVariables\.set\("(\w+)", pm\.response\.json\(\)\.(\w+)\)', script):
            assert found[key]
            assert name == key


def table(heading):
    rows = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"^\| `([^|]*)` *(?:, JWT )?\|", rows, flags=re.MULTILINE)


def test_the_table_of_keys_is_complete():
    assert set(table("Settings")) == set(conf.DEFAULTS)


def test_the_table_of_routes_is_complete():
    rows = PAGE.split("\n## Routes\n")[1].split("\n## ")[0]
    first = [row.split("|")[1] for row in rows.splitlines() if row.startswith("| `")]
    routes = {route for cell in first for route in re.findall(r"`([^`]+)`", cell)}
    assert routes == {str(one.pattern) for one in urlpatterns}
    assert {one.name for one in urlpatterns} <= set(re.findall(r"`(\w+)`", rows))


def test_the_settings_of_the_page_pass_the_checks(settings):
    blocks = [block for block in re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL) if "JWT_DRF" in block]
    assert len(blocks) == 2
    for block in blocks:
        namespace = {"INSTALLED_APPS": []}
        exec(block, namespace)  # noqa: S102 - our own page
        settings.JWT_DRF_PASSWORDLESS = {**settings.JWT_DRF_PASSWORDLESS, **namespace["JWT_DRF_PASSWORDLESS"]}
        assert [found for found in run_checks() if found.id.startswith("jwt_drf_passwordless.E02")] == []


def test_the_classes_of_the_page_can_be_made():
    for block in re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL):
        if "class " in block:
            namespace = {}
            exec(block, namespace)  # noqa: S102 - our own page
            made = namespace.get("PaperFactor", namespace.get("PayoutView"))()
            assert made
