"""The tutorial is true: each command and file of it, in an empty folder. Its page is clicked by tests_browser."""

import json

import pytest

from tests.pages import ROOT, Walk

pytestmark = pytest.mark.standalone


def follow(server, token):
    """The status of what the button of the page sends."""
    body = json.dumps({"token": token})
    return server.send("POST", "/passwordless/exchange/", {"Content-Type": "application/json"}, body)[0]


def test_the_tutorial_leads_to_a_login(tmp_path):
    with Walk(tmp_path) as walk:
        walk.page((ROOT / "docs" / "tutorial.md").read_text())
        assert len(walk.commands) == 9
        assert walk.server.send("GET", "/me/", {}, None)[0] == 401
        used = walk.server.known["TOKEN"]
        assert follow(walk.server, used) == 400
        walk.server.curl(walk.commands[6].replace("ada@", "grace@"))
        assert walk.server.known["TOKEN"] != used
        assert follow(walk.server, walk.server.known["TOKEN"]) == 200
