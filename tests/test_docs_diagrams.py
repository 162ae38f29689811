"""The pictures of docs/: each was drawn from its source as that is now, and stands on a page with its text."""

import html
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

DOCS = Path(__file__).parent.parent / "docs"
SOURCES = sorted((DOCS / "diagrams").glob("*.mmd"))


def words(text):
    return re.sub(r"\s+", "", text)


def named(source):
    """Title, participants, messages, notes and conditions of a source."""
    lines = source.read_text().splitlines()
    patterns = (
        r"accTitle: (.+)",
        r"participant \w+ as (.+)",
        r"\w+-{1,2}>>\w+: (.+)",
        r"Note over \w+(?:,\w+)?: (.+)",
        r"(?:alt|else|opt) (.+)",
    )
    found = [match[1] for line in lines for pattern in patterns if (match := re.fullmatch(rf"\s*{pattern}", line))]
    kinds = [line for line in lines if line.strip() not in ("sequenceDiagram", "end")]
    assert len(found) == len(kinds), "a line of a kind that this test does not know"
    return found


def drawn(picture):
    """Texts of a picture; words that were wrapped stand in several elements."""
    root = ElementTree.parse(picture).getroot()  # noqa: S314 - our own file
    elements = [element for element in root.iter() if element.tag.endswith(("}text", "}title"))]
    return [words(html.unescape("".join(element.itertext())).strip("[]")) for element in elements]


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_a_picture_says_what_its_source_says_and_no_more(source):
    texts = [text for text in drawn(source.with_suffix(".svg")) if text not in ("", "alt", "opt")]
    assert sorted(texts) == sorted(words(name) for name in named(source))


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_a_picture_can_be_read_on_any_ground_and_in_words(source):
    assert "background-color: white" in source.with_suffix(".svg").read_text()
    alternatives = re.findall(
        rf"!\[([^\]]+)\]\([./]*diagrams/{source.stem}\.svg\)",
        "".join(page.read_text() for page in DOCS.rglob("*.md")),
    )
    assert [len(text) > 60 for text in alternatives] == [True]


def test_no_picture_is_left_without_a_source():
    assert {path.stem for path in (DOCS / "diagrams").glob("*.svg")} == {path.stem for path in SOURCES}
