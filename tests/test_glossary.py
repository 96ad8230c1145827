"""Docstrings, comments, messages and pages use the field's terms: they contain few words that the glossary replaces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from scripts.glossary import LIMIT, count, counts, per_thousand

if TYPE_CHECKING:
    from pathlib import Path

SHOWN = 15  # files that a failure lists
pytestmark = pytest.mark.no_cover  # reading the files takes twice as long while coverage is measured


def words_in(folder: Path, name: str, text: str) -> list[str]:
    """Return the listed words of a file with this text."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return [place.word for place in count(path).places]


def test_texts_use_the_terms_of_the_field() -> None:
    found = counts()
    assert sum(one.words for one in found) > 50_000  # a test that reads nothing cannot fail
    worst = sorted(found, key=lambda one: -len(one.places))[:SHOWN]
    listing = "\n".join(f"{len(one.places):5} in {one.words:6} words: {one.path}" for one in worst)
    rate = per_thousand(found)
    assert rate <= LIMIT, f"{rate:.2f} per 1,000 words; python -m scripts.glossary PATH lists the places\n{listing}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The model judges what it hears.", ["judges", "hears"]),
        ("Weights are taken over from the source.", ["taken over"]),
        ("The model is used as it is.", ["as it is"]),
        ("X stands for a label.", ["stands"]),
        ("Standard, intelligent, understand, belies, amend, shears, householder.", []),
        ("The value must lie between 0 and 1, and as it is normalised, it does.", []),
        ("Run `tell`, or see [the page](tell.md).\n\n```text\ntell\n```\n", []),
        ("A standalone program, and a stand-alone one.", []),
    ],
)
def test_words_of_a_page(tmp_path: Path, text: str, words: list[str]) -> None:
    assert words_in(tmp_path, "page.md", text) == words


def test_docstrings_comments_and_messages_of_python(tmp_path: Path) -> None:
    source = '''"""The first line says it."""

tell = "hear"  # a comment that tells
message = f"a message of some length, told in {tell} parts"
"""
Doctests are code:

>>> tell
"""
'''
    assert words_in(tmp_path, "module.py", source) == ["says", "told", "tells"]


def test_descriptions_and_comments_of_toml(tmp_path: Path) -> None:
    source = 'description = "A network that hears all of it."  # and says so\nname = "tell"\n'
    assert words_in(tmp_path, "recipe.toml", source) == ["hears", "says"]


def test_comments_and_messages_of_javascript(tmp_path: Path) -> None:
    source = 'let tell = "told"; // what it says\nshow("The server hears the microphone.");\n/* it stands here */\n'
    assert words_in(tmp_path, "page.js", source) == ["says", "hears", "stands"]


def test_text_of_html(tmp_path: Path) -> None:
    source = '<p class="tell">It <b>hears</b> you.</p><script>tell()</script>'
    assert words_in(tmp_path, "page.html", source) == ["hears"]


def test_places_have_lines(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text("One.\n\n```text\ncode\n```\n\nTwo `a`\nis told.\n", encoding="utf-8")
    assert [place.line for place in count(path).places] == [8]
