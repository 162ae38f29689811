"""The pages in docs/reference/: all that there is, and nothing else."""

import ast
import logging
import re
from fnmatch import fnmatchcase
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from django.core.management import call_command, load_command_class
from django.core.management.base import BaseCommand
from django.dispatch import Signal
from django.urls import URLResolver

import jwt_drf_passwordless
from jwt_drf_passwordless import signals
from jwt_drf_passwordless.contact import signals as contact_signals
from jwt_drf_passwordless.external_2fa import signals as external_signals
from jwt_drf_passwordless.sessions import signals as session_signals
from jwt_drf_passwordless.signals import Event
from jwt_drf_passwordless.two_factor import signals as two_factor_signals
from tests.test_public_names import NAMES

DOCS = Path(__file__).parent.parent / "docs"
#: Each module of routes with the place of its include in the schema, by the heading of its section.
MODULES = {
    "Login": ("jwt_drf_passwordless.urls", "/passwordless/"),
    "Second factor and passkeys": ("jwt_drf_passwordless.two_factor.urls", "/api/"),
    "Tokens and sessions": ("jwt_drf_passwordless.sessions.urls", "/api/"),
    "Another address or number": ("jwt_drf_passwordless.contact.urls", "/api/"),
}
SIGNALS = (signals, two_factor_signals, session_signals, contact_signals, external_signals)
WHO = {(): "everyone", ("jwtAuth",): "JWT", ("enrolmentAuth", "jwtAuth"): "JWT or enrolment token"}


def page(name):
    return (DOCS / "reference" / name).read_text()


def sections(text):
    """Text below each heading of the second level."""
    return dict(re.findall(r"^## (.+?)$\n(.*?)(?=^## |\Z)", text, flags=re.MULTILINE | re.DOTALL))


def rows(text):
    """Cells of each row of a text's tables, without their heads."""
    lines = re.findall(r"^\| (`.*) \|$", text, flags=re.MULTILINE)
    return [re.split(r" \| ", line) for line in lines]


def routes(patterns, prefix=""):
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, route)
        else:
            yield route, pattern


def described():
    """Who, body, answers and limit of each operation, by module of routes, route and verb."""
    found = {}
    for title, text in sections(page("routes.md")).items():
        for line in re.findall(r"^\| ([A-Z]+ `.*) \|$", text, flags=re.MULTILINE):
            operation, *cells = line.split(" | ")
            verb, route = operation.split()
            found[MODULES[title][0], route.strip("`"), verb.lower()] = cells
    return found


def operations():
    """What the code and the schema say of each operation: name, who, body, answers, limit."""
    schema = yaml.safe_load((DOCS / "openapi.yaml").read_text())
    parts = schema["components"]["schemas"]
    for module, prefix in MODULES.values():
        for route, pattern in routes(import_module(module).urlpatterns):
            path = prefix + re.sub(r"<(?:\w+:)?(\w+)>", lambda found: f"{{{found[1]}}}", route).replace("{pk}", "{id}")
            for verb, operation in schema["paths"][path].items():
                who = WHO[tuple(sorted(name for names in operation["security"] for name in names))]
                body = operation.get("requestBody", {"content": {}})["content"].values()
                fields = [parts[one["schema"]["$ref"].rpartition("/")[2]] for one in body if "$ref" in one["schema"]]
                yield SimpleNamespace(
                    key=(module, route, verb),
                    name=pattern.name,
                    who=who,
                    fields=set(fields[0]["properties"]) if fields else set(),
                    answers=set(operation["responses"]) - {"415"},  # said of all, above the tables
                    limit=getattr(pattern.callback.cls, "limit", ""),
                )


def test_the_page_of_routes_has_each_verb_of_each_route_once():
    keys = [operation.key for operation in operations()]
    assert sorted(described()) == sorted(keys)
    assert len(re.findall(r"^\| [A-Z]+ `", page("routes.md"), flags=re.MULTILINE)) == len(keys)


@pytest.mark.parametrize("operation", list(operations()), ids=lambda operation: " ".join(operation.key))
def test_the_page_of_routes_says_what_the_schema_says(operation):
    who, body, answers, limit = described()[operation.key]
    assert (who, set(answers.split(", "))) == (operation.who, operation.answers)
    if operation.fields:
        assert set(re.findall(r"`(\w+)`", body)) == operation.fields
    # That of a property depends on the body: the page says so in words.
    expected = operation.limit if isinstance(operation.limit, str) else "redeem, with a password: password"
    assert limit == (expected or "none")


def test_the_page_of_routes_has_the_names_for_reverse():
    names = {
        tuple(name.strip("`") for name in row) for row in rows(sections(page("routes.md"))["Names for `reverse()`"])
    }
    assert names == {(operation.key[1], operation.name) for operation in operations()}


def test_the_table_of_rates_has_each_route_below_what_counts_it():
    """`*` stands for several routes; an id is `<id>` there, whatever it is made of."""
    table = re.findall(r"^\| `(\w+)` \| (.*) \|$", (DOCS / "abuse.md").read_text(), flags=re.MULTILINE)
    listed = [(rate, route) for rate, cell in table for route in re.findall(r"`([^`]*/[^`]*)`", cell)]
    used = set()
    for operation in operations():
        route = re.sub(r"<\w+:(\w+)>", r"<\1>", operation.key[1]).replace("<pk>", "<id>")
        found = [(rate, pattern) for rate, pattern in listed if fnmatchcase(route, pattern)]
        limits = operation.limit if isinstance(operation.limit, str) else "redeem password"
        assert [rate for rate, _ in found] == limits.split(), route
        used.update(found)
    assert used == set(listed)


def listed_signals():
    """Level and arguments of each signal of the page, by module and name."""
    return {
        (module.strip("`"), name.strip("`")): (level, set(re.findall(r"`(\w+)`", arguments)))
        for module, text in sections(page("signals.md")).items()
        for name, level, arguments in re.findall(r"^\| `(\w+)` \| (\w+) \|(.*) \|$", text, flags=re.MULTILINE)
    }


def test_the_page_of_signals_has_each_with_its_level():
    found = {
        (module.__name__, name): logging.getLevelName(signal.level) if isinstance(signal, Event) else "none"
        for module in SIGNALS
        for name, signal in vars(module).items()
        if isinstance(signal, Signal)
    }
    assert {key: level for key, (level, _) in listed_signals().items()} == found


def test_the_page_of_signals_has_the_arguments_that_are_sent():
    """Those that a call spells out; what it hands on in a dict is on the page all the same."""
    sent = {}
    for path in Path(jwt_drf_passwordless.__file__).parent.rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text())):
            if isinstance(call, ast.Call) and ast.unparse(call.func).endswith(("record", ".send_robust")):
                name = ast.unparse(call.args[0] if call.args else call.func.value).rpartition(".")[2]
                arguments = sent.setdefault(name, [set(), True])
                arguments[0] |= {word.arg for word in call.keywords if word.arg}
                arguments[1] &= all(word.arg for word in call.keywords)
    common = {"field", "identifier", "subject", "user", "request", "sender"}
    compared = 0
    for (_, name), (_, listed) in listed_signals().items():
        if name in sent:
            spelled, is_whole = sent[name]
            assert listed == spelled - common if is_whole else listed >= spelled - common, name
            compared += 1
    assert compared > 20


@pytest.mark.parametrize("name", ["clear_passwordless_tokens", "passwordless_reseal", "passwordless_unlock"])
def test_the_page_of_commands_has_their_options(name):
    text = sections(page("commands.md"))[f"`{name}`"]
    ours = load_command_class("jwt_drf_passwordless", name).create_parser("manage.py", name)
    djangos = BaseCommand().create_parser("manage.py", name)
    options = {action.dest for action in ours._actions} - {action.dest for action in djangos._actions}
    assert {row[0].strip("`") for row in rows(text)} == options
    assert ("No options." in text) is not bool(options)


def test_the_page_of_commands_has_all_of_them():
    modules = Path(jwt_drf_passwordless.__file__).parent.glob("management/commands/[a-z]*.py")
    assert set(sections(page("commands.md"))) == {f"`{module.stem}`" for module in modules}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["clear_passwordless_tokens"], "Deleted 812 challenges, 40 sessions, 3 authenticators."),
        (["passwordless_unlock", "ada@example.com"], "Challenges deleted: 1. A new code can be asked for at once."),
        (["passwordless_reseal"], "Sealed anew: 120."),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_what_the_commands_print_is_on_their_page(command, told, capsys):
    call_command(*command)
    assert told in page("commands.md")
    assert re.sub(r"\d+", "0", capsys.readouterr().out.strip()) == re.sub(r"\d+", "0", told)


def documented():
    """Dotted paths of the page of the API, whose modules and names are there."""
    return re.findall(r"^\.\. auto\w+:: ([\w.]+)$", page("api.md"), flags=re.MULTILINE)


@pytest.mark.parametrize("path", documented())
def test_the_page_of_the_api_names_what_can_be_imported_and_has_a_docstring(path):
    try:
        found = import_module(path)
    except ModuleNotFoundError:
        module, _, name = path.rpartition(".")
        found = getattr(import_module(module), name)
    assert vars(found)["__doc__"] if isinstance(found, type) else found.__doc__


def test_the_page_of_the_api_has_every_public_name():
    text = page("api.md")
    public = {name for names in NAMES.values() for name in names if name != "settings"}
    for module in ("captcha", "external_2fa", "two_factor"):
        public |= set(import_module(f"jwt_drf_passwordless.{module}").__all__)
    of_signals = {name for _, name in listed_signals()}
    assert {name for name in public - of_signals if not re.search(rf"[. ]{name}\b", text)} == set()
    assert ".. automodule:: jwt_drf_passwordless.testing\n" in text
