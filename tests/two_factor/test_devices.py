"""What is stored and logged of phones and tickets; and that no token exists after a 206."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jwt_drf_passwordless.models import PhoneDevice
from tests.conftest import SCAN, sent_sms_code
from tests.two_factor.conftest import PHONE

pytestmark = pytest.mark.django_db

EXAMPLE = Path(__file__).parent.parent.parent / "example_project"


def test_a_device_shows_the_end_of_its_number():
    assert str(PhoneDevice(number=PHONE)) == "***99"


def test_a_code_in_the_table_of_phones_is_found(api, grace):
    api.token(grace)
    PhoneDevice.objects.update(vendor_user_id=sent_sms_code())
    assert len(SCAN.leaks_in_storage()) == 1
    PhoneDevice.objects.update(vendor_user_id="")


def test_tickets_are_secrets(api, grace, ada, two_factor):
    ticket = api.ticket(grace)
    two_factor(required=True)
    token = api.token(ada).json()["enrolment_token"]
    assert {ticket, token} <= SCAN.tokens


OUTSTANDING = """
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from jwt_drf_passwordless.models import PhoneDevice
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken
import contextlib, io

call_command("migrate", verbosity=0)
user = get_user_model().objects.create_user("ada@example.com", password="correct horse battery")
PhoneDevice.objects.create(user=user, number="+12015550199", provider="local", confirmed_at=timezone.now())
client = Client(headers={"host": "127.0.0.1"})
body = {"username": "ada@example.com", "password": "correct horse battery"}
with contextlib.redirect_stdout(io.StringIO()) as printed:
    first = client.post("/api/token/", body, content_type="application/json")
assert first.status_code == 206, first.content
assert OutstandingToken.objects.count() == 0
code = printed.getvalue().split("is your sign-in code")[0][-7:-1]
wrong = {"ticket": first.json()["ticket"], "token": "x" + code[1:]}
assert client.post("/api/2fa/token-verify/", wrong, content_type="application/json").status_code == 400
assert OutstandingToken.objects.count() == 0
right = {"ticket": first.json()["ticket"], "token": code}
assert client.post("/api/2fa/token-verify/", right, content_type="application/json").status_code == 200
assert OutstandingToken.objects.count() == 1
"""


def test_with_the_blacklist_app_no_token_is_outstanding_before_the_second_proof(tmp_path):
    app = "rest_framework_simplejwt.token_blacklist"
    text = f"from config.settings import *\nINSTALLED_APPS = [*INSTALLED_APPS, {app!r}]\n"
    (tmp_path / "with_blacklist.py").write_text(text)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DJANGO_")}
    done = subprocess.run(
        [sys.executable, str(EXAMPLE / "manage.py"), "shell", "-c", OUTSTANDING],
        env={
            **environment,
            "DJANGO_DB": ":memory:",
            "DJANGO_SETTINGS_MODULE": "with_blacklist",
            "PYTHONPATH": os.pathsep.join(filter(None, [str(tmp_path), environment.get("PYTHONPATH")])),
        },
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
