"""The README is true: each block of it is run in a new project, and its two commands come first."""

import pytest

from tests.pages import ROOT, Walk, code, section

pytestmark = pytest.mark.standalone

README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize(("heading", "command"), [("## Quick start", "make demo"), ("## Tests", "make test")])
def test_the_two_commands_come_first(heading, command):
    assert code(section(README, heading), "sh")[0].strip() == command


def test_it_is_short_enough_to_decide_by():
    assert len(README.splitlines()) <= 340


def test_each_block_works_in_a_new_project(tmp_path):
    with Walk(tmp_path, project="config") as walk:
        walk.page(README)
        assert sum(command.startswith("curl ") for command in walk.commands) == 6
