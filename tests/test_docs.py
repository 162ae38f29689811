"""The pages in docs/: their settings pass `check`, their code runs, their links lead somewhere."""

import ast
import inspect
import json
import re
import sqlite3
from importlib import import_module
from pathlib import Path

import pytest
from django.core.checks import run_checks

import jwt_drf_passwordless
from jwt_drf_passwordless import challenges
from jwt_drf_passwordless.conf import DEFAULTS, PathDict
from jwt_drf_passwordless.exceptions import InvalidTicket
from jwt_drf_passwordless.external_2fa import WebhookEvent, WebhookEventType, signals
from jwt_drf_passwordless.external_2fa.registry import OURS
from tests.pages import code

DOCS = Path(__file__).parent.parent / "docs"
PAGES = [DOCS.parent / "README.md", *sorted(DOCS.rglob("*.md"))]

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS.parent)))


def blocks(page):
    return code((DOCS / page).read_text())


@each_page
def test_links_lead_to_pages_and_headings_that_exist(page):
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", page.read_text()):
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.is_file(), target
        headings = re.findall(r"^#+ (.*)$", found.read_text() if anchor else "", flags=re.MULTILINE)
        slugs = [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]
        assert not anchor or anchor in slugs, target


@each_page
def test_code_can_be_read_and_imports_what_exists(page):
    for block in code(page.read_text(), "json"):
        json.loads(block)
    for block in code(page.read_text()):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and node.module.startswith("jwt_drf_passwordless"):
                assert {alias.name for alias in node.names} <= vars(import_module(node.module)).keys()


@each_page
def test_no_page_has_a_secret_that_would_work_where_it_is_copied_to(page):
    """A hash of a code that everybody can read."""
    assert not re.search(r"pbkdf2_sha256\$\d+\$", page.read_text())


def test_the_index_of_the_page_on_production_finds_addresses():
    (example,) = [block for block in blocks("production.md") if "RunSQL" in block]
    namespace = {}
    exec(example, namespace)  # noqa: S102 - our own page
    (operation,) = namespace["operations"]
    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE auth_user (id integer primary key, email varchar(254))")
    database.execute(operation.sql)
    (plan,) = database.execute("EXPLAIN QUERY PLAN SELECT id FROM auth_user WHERE LOWER(email) = 'ada@example.com'")
    assert "USING INDEX user_email_lower" in plan[3]
    database.execute(operation.reverse_sql)
    database.close()


def test_the_settings_of_the_page_on_vendors_are_those_of_working_providers(settings):
    examples = [block for block in blocks("external.md") if block.startswith("JWT_DRF_PASSWORDLESS")]
    assert len(examples) == 2
    for example in examples:
        namespace = {}
        exec(example, namespace)  # noqa: S102 - our own page
        settings.JWT_DRF_PASSWORDLESS = {**settings.JWT_DRF_PASSWORDLESS, **namespace["JWT_DRF_PASSWORDLESS"]}
        assert [message for message in run_checks() if message.id.startswith("jwt_drf_passwordless.E")] == []


def test_the_keys_of_a_provider_that_are_not_options_are_all_explained():
    table = (DOCS / "external.md").read_text().split("## Settings")[1].split("## Routes")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE)) == OURS


def test_the_receivers_of_the_page_on_vendors_run(capsys):
    (receivers,) = [block for block in blocks("external.md") if "@receiver" in block]
    namespace = {}
    exec(receivers, namespace)  # noqa: S102 - our own page
    try:
        event = WebhookEvent(WebhookEventType.DELIVERED, "e1", provider="telnyx")
        signals.verification_delivered.send(sender=None, event=event, phone_number="+12015550123")
        signals.verification_delivery_failed.send(sender=None, event=event, phone_number=None, error="unknown")
    finally:
        signals.verification_delivered.disconnect(namespace["on_delivered"])
        signals.verification_delivery_failed.disconnect(namespace["on_failed"])
    assert capsys.readouterr().out == "delivered e1 telnyx\nnot delivered e1 unknown\n"


def test_every_check_has_its_id_on_the_page_of_checks():
    package = Path(jwt_drf_passwordless.__file__).parent
    source = "".join(path.read_text() for path in package.rglob("*checks.py"))
    ids = re.findall(r'"jwt_drf_passwordless\.([EW]\d{3})"', source)
    assert len(set(ids)) == len(ids)
    listed = re.findall(r"^\| ([EW]\d{3}) \|", (DOCS / "checks.md").read_text(), flags=re.MULTILINE)
    assert listed == sorted(ids)


def test_every_reason_of_a_refusal_is_on_the_page_of_events_and_at_its_signal():
    package = Path(jwt_drf_passwordless.__file__).parent
    source = "".join(path.read_text() for path in package.rglob("*.py"))
    reasons = {
        *re.findall(r'InvalidCredentials\("(\w+)"\)', source),
        *re.findall(r'"(\w+)"', inspect.getsource(challenges._reason)),
        InvalidTicket.reason,
    }
    assert len(reasons) > 10
    page, comments = (DOCS / "events.md").read_text(), (package / "signals.py").read_text()
    paragraph = re.search(r"^`reason` of `token_refused` is one of (.*?)\n\n", page, re.M | re.S)
    assert set(re.findall(r"`(\w+)`", paragraph[1])) == reasons
    comment = re.search(r"#: A redeem failed\. `reason`:(.*?)^token_refused", comments, re.M | re.S)
    assert set(re.findall(r'"(\w+)"', comment[1])) == reasons


@pytest.mark.parametrize(
    "risk",
    ["phishing", "mail scanners", "prefetch", "SIM swap", "SS7", "shared mailbox", "NIST SP 800-63B", "restricted"],
)
def test_the_page_on_risks_names_what_codes_and_links_do_not_stop(risk):
    page = " ".join((DOCS / "risks.md").read_text().split())
    assert risk.lower() in page.lower()


def settings_rows():
    page = (DOCS / "reference" / "settings.md").read_text()
    return re.findall(r"^\| `([A-Z_0-9]+)` \|(.*?)\| (.*) \|$", page, flags=re.MULTILINE)


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
