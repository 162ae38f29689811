"""Beside SimpleJWT's blacklist app, whose tables exist in a process of its own only."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent

SETTINGS = """
from tests.settings import *

DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
INSTALLED_APPS = [*INSTALLED_APPS, "rest_framework_simplejwt.token_blacklist"]
SIMPLE_JWT = {"ROTATE_REFRESH_TOKENS": True, "BLACKLIST_AFTER_ROTATION": True}
ROOT_URLCONF = "tests.sessions.urls"
"""

SCRIPT = """
import time

import django
import time_machine

django.setup()
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.test import Client
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.tokens import RefreshToken

from jwt_drf_passwordless.conf import settings
from jwt_drf_passwordless.models import Session
from jwt_drf_passwordless.token_response import generate_auth_token

call_command("migrate", verbosity=0)
user = get_user_model()(**{settings.EMAIL_FIELD_NAME: "ada@example.com"})
user.save()


def post(route, key, token):
    answer = Client().post(f"/api/token/{route}/", {key: token}, content_type="application/json")
    return answer.status_code, answer.json() if answer.content else None


def refresh(token):
    status, body = post("refresh", "refresh", token)
    return body["refresh"] if status == 200 else (status, body["code"])


def log_in():
    return generate_auth_token(user)["refresh"]


GONE = (401, "token_not_valid")
"""

WITH_SESSIONS = """
parent = log_in()
child = refresh(parent)
listed = {entry.token.jti for entry in BlacklistedToken.objects.all()}
assert len(listed) == 1 and OutstandingToken.objects.count() == 2
assert post("verify", "token", parent)[0] == 400
assert refresh(parent) == child, "the grace holds although the parent is on the blacklist"
assert (OutstandingToken.objects.count(), BlacklistedToken.objects.count()) == (2, 1)
with time_machine.travel(time.time() + 60, tick=False):
    assert refresh(parent) == GONE
    assert refresh(child) == GONE
    assert not Session.objects.exists()

revoked = log_in()
RefreshToken(revoked).blacklist()
assert refresh(revoked) == GONE
assert Session.objects.count() == 1

token = log_in()
assert [post("logout", "refresh", token)[0] for _ in range(2)] == [204, 204]
assert refresh(token) == GONE
user.delete()
assert post("logout", "refresh", revoked)[0] == 204
assert refresh(revoked) == GONE
"""

WITHOUT_SESSIONS = """
parent = log_in()
child = refresh(parent)
assert refresh(parent) == GONE
assert [post("logout", "refresh", token) for token in (child, child, parent, "x")] == [(204, None)] * 4
assert refresh(child) == GONE
assert not Session.objects.exists()
"""


@pytest.mark.parametrize(("setting", "script"), [({}, WITH_SESSIONS), (None, WITHOUT_SESSIONS)], ids=["on", "off"])
def test_the_blacklist_app_is_kept_up_to_date_and_takes_nothing_away(tmp_path, setting, script):
    text = f"{SETTINGS}\nJWT_DRF_PASSWORDLESS = {{**JWT_DRF_PASSWORDLESS, 'SESSIONS': {setting}}}\n"
    (tmp_path / "with_blacklist.py").write_text(text)
    environment = {
        **os.environ,
        "DATABASE_URL": "",
        "DJANGO_SETTINGS_MODULE": "with_blacklist",
        "PYTHONPATH": f"{tmp_path}:{ROOT}",
    }
    command = [sys.executable, "-c", SCRIPT + script]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
