"""The README is true: its settings table, its five steps and its curl commands, run in a new project."""

import json
import os
import re
import shlex
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import django
import pytest

from jwt_drf_passwordless.conf import DEFAULTS, PathDict

pytestmark = pytest.mark.standalone

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def section(heading):
    """The text below a heading, up to the next of its level."""
    level = heading.split(" ")[0]
    return re.split(rf"^{level} ", README.split(f"\n{heading}\n")[1], flags=re.MULTILINE)[0]


def blocks(text, language):
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def settings_rows():
    return re.findall(r"^\| `([A-Z_0-9]+)` \|(.*?)\| (.*) \|$", section("## Settings"), flags=re.MULTILINE)


@pytest.mark.parametrize(("name", "default"), DEFAULTS.items())
def test_the_settings_table_names_every_setting_with_its_default(name, default):
    rows = [(given, meaning) for row, given, meaning in settings_rows() if row == name]
    assert len(rows) == 1
    given, meaning = rows[0]
    if isinstance(default, PathDict):
        assert set(default) <= set(re.findall(r"`(\w+)`", meaning))
    else:
        assert given.strip() == f"`{json.dumps(default)}`".replace("false", "False").replace("true", "True").replace(
            "null", "None"
        )


def test_the_settings_table_names_nothing_else():
    assert {name for name, _, _ in settings_rows()} == set(DEFAULTS)


@pytest.mark.parametrize(("heading", "command"), [("## Quick start", "make demo"), ("## Tests", "make test")])
def test_the_two_commands_come_first(heading, command):
    assert blocks(section(heading), "sh")[0].strip() == command


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project made by `startproject` and the README's five steps, with its server running."""
    folder = tmp_path_factory.mktemp("project")
    steps = section("## Install it in your project")
    settings, older_settings, urls = blocks(steps, "python")[:3]
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "shop.settings", "PYTHONPATH": str(folder)}
    subprocess.run([sys.executable, "-m", "django", "startproject", "shop", "."], cwd=folder, check=True)
    with (folder / "shop/settings.py").open("a") as file:
        file.write(settings if django.VERSION >= (6, 1) else settings + older_settings)
    with (folder / "shop/urls.py").open("a") as file:
        file.write(urls)
    migrate, create_user = blocks(steps, "sh")[1].strip().splitlines()
    for command in (migrate, create_user, "python manage.py check --fail-level WARNING"):
        subprocess.run([sys.executable, *shlex.split(command)[1:]], cwd=folder, env=environment, check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (folder / "server.log").open("w") as log:
        command = [sys.executable, "-u", "manage.py", "runserver", "--noreload", f"127.0.0.1:{port}"]
        server = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    yield f"http://127.0.0.1:{port}", folder / "server.log"
    server.terminate()
    server.wait()


def run_curl(command, base):
    """Send what a curl command of the README would; the status and parsed body of the answer."""
    _, _, method, url, _, header, _, body = shlex.split(command)
    name, _, value = header.partition(": ")
    request = urllib.request.Request(
        url.replace("http://127.0.0.1:8000", base), data=body.encode(), method=method, headers={name: value}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as answer:
        return answer.code, json.load(answer)


def wait_for(condition):
    deadline = time.monotonic() + 15
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return found


def test_the_curl_commands_give_the_answers_shown(project):
    base, log = project
    wait_for(lambda: "Quit the server" in log.read_text())
    flows = section("## The flows")
    request, again, wrong, right = blocks(flows, "sh")
    sent, throttled, refused, pair = (json.loads(block) for block in blocks(flows, "json"))

    assert run_curl(request, base) == (200, sent)
    status, answer = run_curl(again, base)
    assert status == 429
    assert re.sub(r"\d+", "60", answer["detail"]) == throttled["detail"]
    assert run_curl(wrong, base) == (400, refused)
    code = wait_for(lambda: re.search(r"code is (\d{6})", log.read_text()))[1]
    status, answer = run_curl(right.replace("CODE", code), base)
    assert (status, answer.keys()) == (200, pair.keys())


HOOKS_TEST = """

class HooksTest(TestCase):
    def test_registration_answer_and_limit(self):
        for _ in range(10):
            self.client.post("/passwordless/request/email/", {"email": "new@example.com"})
        answer = self.client.post("/passwordless/request/email/", {"email": "other@example.com"})
        assert (answer.status_code, answer["Retry-After"]) == (429, "3600")
        code = re.search(r"\\\\d{6}", mail.outbox[-1].body)[0]
        pair = self.client.post("/passwordless/exchange/email/", {"email": "new@example.com", "token": code})
        assert pair.json()["name"] == "New"
        assert User.objects.get().username == "new@example.com"
        me = self.client.get("/me/", headers={"Authorization": "Bearer " + pair.json()["access"]})
        assert me.json() == {"email": "new@example.com"}
""".replace("\\\\", "\\")


def test_the_examples_run_in_a_project(tmp_path):
    """SMS, registration, limits, token answer, protected view and the test of a project, in one project."""

    def manage(*command):
        subprocess.run([sys.executable, "manage.py", *command], cwd=tmp_path, env=environment, check=True)

    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", "PYTHONPATH": str(tmp_path)}
    steps = section("## Install it in your project")
    subprocess.run([sys.executable, "-m", "django", "startproject", "config", "."], cwd=tmp_path, check=True)
    subprocess.run([sys.executable, "manage.py", "startapp", "shop"], cwd=tmp_path, check=True)
    base_settings, _, urls = blocks(steps.split("### SMS")[0], "python")
    models, sms_settings = blocks(section("### SMS"), "python")
    (view,) = blocks(section("### Use the tokens"), "python")
    examples = [base_settings, sms_settings, "JWT_DRF_PASSWORDLESS = {'REGISTER_NONEXISTENT_USERS': True}\n"]
    for heading, module in (
        ("### Registration", "serializers"),
        ("### Limits of your own", "limits"),
        ("### The token answer", "tokens"),
    ):
        code, example = blocks(section(heading), "python")
        (tmp_path / f"shop/{module}.py").write_text(code)
        examples.append(example)
    (test,) = blocks(section("### Testing your project"), "python")
    (tmp_path / "shop/models.py").write_text(models)
    (tmp_path / "shop/tests.py").write_text(f"import re\nfrom shop.models import Customer as User\n{test}{HOOKS_TEST}")
    with (tmp_path / "config/urls.py").open("a") as file:
        file.write(f"{urls}\n{view}\nurlpatterns += [path('me/', me)]\n")
    with (tmp_path / "config/settings.py").open("a") as file:
        # Each example is the whole setting; a project has one dict with all of them.
        file.write("MERGED = {}\n")
        for example in examples:
            file.write(f"{example}\nfor key, value in globals().get('JWT_DRF_PASSWORDLESS', {{}}).items():\n")
            file.write("    MERGED[key] = {**MERGED.get(key, {}), **value} if isinstance(value, dict) else value\n")
        file.write("JWT_DRF_PASSWORDLESS = MERGED\n")
    manage("makemigrations", "shop")
    manage("check", "--fail-level", "WARNING")
    manage("test")
