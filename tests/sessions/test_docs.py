"""The page on sessions is true: its tables, settings and code."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rest_framework_simplejwt.tokens import RefreshToken

import jwt_drf_passwordless
from jwt_drf_passwordless.models import Session
from jwt_drf_passwordless.sessions import conf, signals
from jwt_drf_passwordless.sessions.checks import check_sessions
from jwt_drf_passwordless.sessions.serializers import SessionSerializer
from jwt_drf_passwordless.sessions.services import start
from jwt_drf_passwordless.sessions.urls import urlpatterns
from jwt_drf_passwordless.signals import Event

PAGE = (Path(__file__).parent.parent.parent / "docs" / "sessions.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)


def rows(heading):
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return [row.split("|") for row in section.splitlines() if row.startswith("| `")]


def test_the_table_of_keys_is_complete_with_its_defaults():
    given = {row[1].strip(" `"): row[2].strip(" `") for row in rows("Settings")}
    assert given == {name: str(value) for name, value in conf.DEFAULTS.items()}


def test_the_table_of_routes_is_complete():
    named = {re.search(r"`([^`]+)`", row[1])[1]: row[2].strip(" `") for row in rows("Routes")}
    assert named == {str(one.pattern): one.name for one in urlpatterns}


def test_the_list_that_is_shown_has_all_keys():
    shown = re.search(r"```json\n(.*?)```", PAGE, flags=re.DOTALL)[1]
    assert tuple(re.findall(r'"(\w+)":', shown)) == SessionSerializer.Meta.fields


def test_the_table_of_signals_is_complete():
    given = {row[1].strip(" `") for row in rows("Ending sessions")}
    assert given == {name for name, value in vars(signals).items() if isinstance(value, Event)}


def test_every_reason_that_is_ours_is_on_the_page_and_at_the_signal():
    package = Path(jwt_drf_passwordless.__file__).parent
    reasons = set()
    for path in package.rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text())):
            name = ast.unparse(call.func).rpartition(".")[2] if isinstance(call, ast.Call) else ""
            if name in ("end_session", "end_sessions") or name.endswith("(SESSION_END)"):
                reasons |= {ast.unparse(word.value) for word in call.keywords if word.arg == "reason"}
            elif name == "_end":
                reasons.add(ast.unparse(call.args[2]))
    reasons = {reason.strip("'").removesuffix(".name") for reason in reasons - {"reason"}}
    assert len(reasons) > 6
    (row,) = [row for row in rows("Ending sessions") if "`sessions_ended`" in row[1]]
    assert set(re.findall(r"`(\w+)`", row[2])) == reasons | {"reason", "end_sessions", "count"}
    comment = (package / "sessions" / "signals.py").read_text().split("sessions_ended = ")[0]
    assert set(re.findall(r'"(\w+)"', comment)) == reasons


def test_the_settings_of_the_page_pass_the_checks(settings):
    namespace = {"INSTALLED_APPS": []}
    exec(BLOCKS[0], namespace)  # noqa: S102 - our own page
    settings.JWT_DRF_PASSWORDLESS = {**settings.JWT_DRF_PASSWORDLESS, **namespace["JWT_DRF_PASSWORDLESS"]}
    settings.ROOT_URLCONF = "tests.sessions.urls"
    assert check_sessions() == []


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "is_active"), [("after_a_new_password", True), ("deactivate", False)])
def test_the_functions_of_the_page_end_sessions(ada, name, is_active):
    start(ada, RefreshToken.for_user(ada), None)
    namespace = {}
    exec(BLOCKS[2], namespace)  # noqa: S102 - our own page
    namespace[name](ada, None)
    assert not Session.objects.exists()
    ada.refresh_from_db()
    assert ada.is_active is is_active


def test_a_project_starts_with_the_class_of_the_page(tmp_path):
    """REST framework imports it while it is imported itself."""
    text = f"from tests.settings import *\n{BLOCKS[3]}\nROOT_URLCONF = 'tests.sessions.urls'\n"
    (tmp_path / "strict_project.py").write_text(text)
    path = f"{tmp_path}:{Path(__file__).parent.parent.parent}"
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "strict_project", "PYTHONPATH": path, "DATABASE_URL": ""}
    command = [sys.executable, "-m", "django", "check"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
