"""The example project works: its demo, settings, migrations and admin, each in a process of its own."""

import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.standalone

EXAMPLE = Path(__file__).parent.parent / "example_project"
PRODUCTION = {
    "DJANGO_DEBUG": "0",
    "DJANGO_SECRET_KEY": "kz3Vb9-QxT7mWd2LrJc8PfYhN5sGe4Ua6RiXo1BvMqEw0ZtCyKj",
    "DJANGO_ENCRYPTION_KEY": "Qm7Tz2WvK9pXc4Rb8NsYd3HfJg6LaEu1",
    "DJANGO_ALLOWED_HOSTS": "app.example.com",
    "DJANGO_SITE_URL": "https://app.example.com",
    "DJANGO_EMAIL_HOST": "smtp.example.com",
    "DJANGO_REDIS_URL": "redis://127.0.0.1:6379",
    "DJANGO_SMS_BACKEND": "sms.backends.base.BaseSmsBackend",
}
HEADINGS = [
    "The API asks for a token",
    "Ada asks for a code by email",
    "Once more, too soon: there is a wait between two messages to one address",
    "An address that no account has: the same answer, but no mail",
    "A wrong code",
    "The right code, for a pair of tokens that opens the API",
    "The same code again: it works once",
    "Grace follows a magic link",
    "Grace signs in by SMS",
    "Ada's app gets a new pair: how and when she signed in stays as it was",
    "Grace sees where she is signed in, and ends the other session",
    "Hedy signs in by password; she has no second factor yet",
    "She makes her phone the second factor",
    "From now on her password gives a ticket, and no tokens",
    "The code from her phone finishes the login",
    "She adds an authenticator app",
    "And ten recovery codes, to print",
    "The code that proved the app is used up: the next login takes the next one, or a recovery code",
    "Linus signs in by a vendor's code: it calls him, and we never see the code",
    "The vendor tells, by a signed webhook, that its call came through",
]


def start(script, *arguments, **variables):
    """Run a script with warnings as errors and without the settings of this suite."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "NO_COLOR"))}
    return subprocess.Popen(  # noqa: S603 - our own scripts
        [sys.executable, "-W", "error", str(script), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env={**environment, "DJANGO_DB": ":memory:", **variables},
    )


def run(script, *arguments, **variables):
    """Exit code, what was printed, what was complained about."""
    with start(script, *arguments, **variables) as process:
        output, errors = process.communicate(timeout=60)
    return process.returncode, output, errors


@pytest.fixture
def port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return str(free.getsockname()[1])


def test_the_demo_walks_through_every_flow(port):
    code, output, errors = run(EXAMPLE / "demo.py", ONCE="1", PORT=port)
    assert (code, errors) == (0, "")
    assert re.findall(r"^\d+\. (.*)$", output, flags=re.MULTILINE) == HEADINGS
    assert output.endswith("All 20 steps went as expected.\n")
    assert "\x1b" not in output


def test_the_demo_stays_up_until_it_is_stopped(port):
    with start(EXAMPLE / "demo.py", PORT=port) as process:
        assert any(f"Now open http://localhost:{port}/" in line for line in process.stdout)
        assert any("The database is deleted at the end" in line for line in process.stdout)
        client = http.client.HTTPConnection("127.0.0.1", int(port), timeout=10)
        client.request("GET", "/")
        assert b"Send me a code" in client.getresponse().read()
        client.close()
        process.send_signal(signal.SIGTERM)
        output, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")
    assert output.endswith("Stopped.\n")
    with socket.socket() as client:
        assert client.connect_ex(("127.0.0.1", int(port))) != 0


def test_a_port_that_is_taken_is_one_line(port):
    with socket.create_server(("127.0.0.1", int(port))):
        code, output, errors = run(EXAMPLE / "demo.py", ONCE="1", PORT=port)
    assert (code, output) == (1, "")
    assert errors.startswith(f"demo: port {port} cannot be used: Address already in use.")
    assert errors.count("\n") == 1


def test_a_port_that_is_none_is_one_line():
    assert run(EXAMPLE / "demo.py", PORT="http") == (1, "", "demo: PORT must be a number from 1 to 65535, not 'http'\n")


def test_the_demo_fails_when_an_answer_is_not_the_expected_one(port, tmp_path):
    copy = tmp_path / "example_project"
    shutil.copytree(EXAMPLE, copy, ignore=shutil.ignore_patterns("__pycache__", "*.sqlite3"))
    settings = copy / "config" / "settings.py"
    settings.write_text(settings.read_text() + '\nJWT_DRF_PASSWORDLESS["TOKEN_REQUEST_THROTTLE_SECONDS"] = 0\n')
    code, output, errors = run(copy / "demo.py", ONCE="1", PORT=port)
    assert code == 1
    assert HEADINGS[2] in output
    assert HEADINGS[3] not in output
    assert errors.endswith("demo: status: expected 429, got 200\n")


def test_the_settings_pass_the_checks_for_production():
    code, output, errors = run(EXAMPLE / "manage.py", "check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)
    assert code == 0, output + errors


@pytest.mark.parametrize("value", ["0", "", "False", "no"])
def test_nothing_but_1_switches_the_development_settings_on(value):
    code, _, errors = run(EXAMPLE / "manage.py", "check", DJANGO_DEBUG=value)
    assert code == 1
    assert "DJANGO_SECRET_KEY" in errors


def test_a_production_server_does_not_start_with_the_development_settings():
    code, _, errors = run(EXAMPLE / "config" / "wsgi.py", PYTHONPATH=str(EXAMPLE))
    assert code == 1
    assert "DJANGO_SECRET_KEY" in errors


def test_no_migration_is_missing():
    code, output, errors = run(EXAMPLE / "manage.py", "makemigrations", "--check", "--dry-run")
    assert code == 0, output + errors


ADMINISTRATION = """
from django.contrib.auth import authenticate, get_user_model
from django.core.management import call_command
from django.test import Client

call_command("migrate", verbosity=0)
User = get_user_model()
admin = User.objects.create_superuser("root@example.com", "correct horse battery")
assert authenticate(username="root@example.com", password="correct horse battery") == admin
client = Client(headers={"host": "127.0.0.1"})
client.force_login(admin)
form = {"email": "Ada@example.com", "phone_number": "+12015550123", "name": "Ada", "usable_password": "false"}
assert client.post("/admin/accounts/user/add/", form).status_code == 302
ada = User.objects.get(phone_number="+12015550123")
assert not ada.has_usable_password()
again = client.post("/admin/accounts/user/add/", {"email": "ada@EXAMPLE.com", "usable_password": "false"})
assert "There is a user with this email address already." in again.content.decode()
for number in ("+12015550124", "+12015550125"):
    form = {"phone_number": number, "usable_password": "false"}
    assert client.post("/admin/accounts/user/add/", form).status_code == 302
assert User.objects.filter(email=None).count() == 2
assert client.get(f"/admin/accounts/user/{ada.pk}/change/").status_code == 200
listed = client.get("/admin/accounts/user/?q=2015550124")
assert listed.status_code == 200 and "1 user" in listed.content.decode()
"""


def test_administrators_keep_accounts_with_an_email_address_a_phone_number_or_both():
    code, output, errors = run(EXAMPLE / "manage.py", "shell", "-c", ADMINISTRATION)
    assert code == 0, output + errors


REGISTRATION = """
import contextlib, io, re
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.test import Client

call_command("migrate", verbosity=0)
settings.JWT_DRF_PASSWORDLESS["REGISTER_NONEXISTENT_USERS"] = True
client = Client(headers={"host": "127.0.0.1"})
body = {"phone_number": "+12015550124"}
with contextlib.redirect_stdout(io.StringIO()) as printed:
    client.post("/passwordless/request/mobile/", body, content_type="application/json")
body["token"] = re.search(r"^\\d{6}", printed.getvalue(), re.MULTILINE)[0]
assert client.post("/passwordless/exchange/mobile/", body, content_type="application/json").status_code == 200
user = get_user_model().objects.get()
assert (user.phone_number, user.email) == ("+12015550124", None), user.email
"""


def test_who_registers_by_sms_gets_no_made_up_email_address():
    code, output, errors = run(EXAMPLE / "manage.py", "shell", "-c", REGISTRATION)
    assert code == 0, output + errors


SCHEMA_PAGE = """
import re
from django.contrib.staticfiles import finders
from django.test import Client

client = Client(headers={"host": "127.0.0.1"})
page = client.get("/api/docs/").content.decode()
loaded = re.findall(r'(?:src|href)="([^"]+)"', page)
assert len(loaded) == 4 and all(finders.find(path.removeprefix("/static/")) for path in loaded), loaded
assert '"/api/schema/"' in page
assert "/passwordless/request/email/" in client.get("/api/schema/").content.decode()
"""


def test_the_page_of_the_api_loads_its_scripts_from_this_server():
    code, output, errors = run(EXAMPLE / "manage.py", "shell", "-c", SCHEMA_PAGE)
    assert code == 0, output + errors


def test_the_schema_leaves_nothing_to_guess():
    code, output, errors = run(EXAMPLE / "manage.py", "spectacular", "--validate", "--fail-on-warn")
    assert (code, errors) == (0, "")
    assert "\n  /api/me/:\n" in output


def test_production_shows_no_schema():
    script = "from django.urls import resolve; resolve('/api/me/'); resolve('/api/schema/')"
    code, _, errors = run(EXAMPLE / "manage.py", "shell", "-c", script, **PRODUCTION)
    assert (code, "Resolver404" in errors, "api/schema/" in errors) == (1, True, True)


PAGES = """
from django.test import Client

if DEBUG:  # who has an account is shown
    call_command("migrate", verbosity=0)
client = Client(headers={"host": HOST})
page = client.get("/", secure=not DEBUG)
assert page.status_code == 200
for debug_only in ("Developer inbox", "/api/docs/"):
    assert (debug_only in page.content.decode()) is DEBUG, debug_only
assert page.headers["Referrer-Policy"] == "no-referrer"
assert "'unsafe-" not in page.headers["Content-Security-Policy"]
for part in ("default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"):
    assert part in page.headers["Content-Security-Policy"].split("; "), part
for path in ("/inbox/", "/inbox/messages/"):
    assert client.get(path, secure=not DEBUG).status_code == (200 if DEBUG else 404), path
"""


@pytest.mark.parametrize(("debug", "variables"), [(True, {}), (False, PRODUCTION)])
def test_the_inbox_is_there_with_debug_only(debug, variables):
    host = "localhost" if debug else "app.example.com"
    script = f"from django.core.management import call_command\nDEBUG, HOST = {debug}, {host!r}\n{PAGES}"
    code, output, errors = run(EXAMPLE / "manage.py", "shell", "-c", script, **variables)
    assert code == 0, output + errors


def test_production_keeps_no_messages():
    script = "from config import settings as s; print(s.MAILER, s.SMS_BACKEND, s.JWT_DRF_PASSWORDLESS)"
    code, output, errors = run(EXAMPLE / "manage.py", "shell", "-c", script, **PRODUCTION, DJANGO_VENDOR="fake")
    assert (code, "web." in output) == (0, False), output + errors


def test_its_own_tests_pass():
    code, output, errors = run(EXAMPLE / "manage.py", "test", "accounts")
    assert code == 0, output + errors
    assert "Ran 7 tests" in errors
