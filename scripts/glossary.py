"""Count words that are not the field's terms in the project's texts: python -m scripts.glossary [PATH...]

The texts are docstrings, comments and messages of Python files, comments and messages of JavaScript files, descriptions
and comments of TOML files, and pages in Markdown and HTML. Code is not text: inline code, code blocks, doctests, tags
and links are left out. Without PATH, the count of every package is printed; with PATH, every place in these files or
folders.
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import sys
import tokenize
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("src", "scripts", "benchmarks", "examples", "docs", "recipes")
PAGES = ("README.md", "CONTRIBUTING.md")
EXCLUDED = frozenset({"scripts/glossary.py"})  # it lists the words
SUFFIXES = frozenset({".py", ".md", ".toml", ".html", ".js"})
MIN_MESSAGE = 25  # characters of a string that is a message and not a name or a key
LIMIT = 1.0  # per 1,000 words

# Each word with the term that replaces it.
REPLACEMENTS = {
    r"judg(?:e|es|ed|ing)": "predict, analyse, score",
    r"tell(?:s|ing)?|told": "report, return, print, raise; distinguish",
    r"say(?:s|ing)?|said": "report, state, print; `rate=16000` is required",
    r"hear(?:s|d|ing)?": "process, read, receive",
    r"listen(?:s|ed|ing)? to|without listening": "process, read; ignore the audio",
    r"tak(?:e|es|en|ing) over|took over": "load, transfer",
    r"anew|from nothing": "re-initialised, from scratch, again",
    r"learn(?:s|ed|ing)? on|what (?:it|they) learned": "fine-tune, train",
    r"learn(?:s|ed|t)? from": "train on, training data",
    r"go(?:es|ing)? on|went on": "resume, continue",
    r"asked (?:for )?(?:twice|again|once)": "cached; repeated runs reuse the result",
    r"beside": "next to",
    r"stands?(?! ?-?alone)|stood": "is, is stored in, represents",
    r"lies?(?! between)|lay|lain": "is, is stored in",
    r"holds": "contains, stores, applies",
    r"melt(?:s|ed|ing)?": "fold into",
    r"told together|taken together": "pool, combine, average",
    r"tak(?:e|es|en) \w+ for \w+|taken for": "confuse with, classify as",
    r"believed?": "calibrated, assumed",
    r"far (?:\w+ ){0,3}(?:is|are) apart|far apart": "difference, distance",
    r"(?:is|are|was|were) had": "is obtained",
    r"once new": "leave-one-speaker-out, speaker-independent",
    r"nothing is wrong|problems were found": "no problems found, problems found",
    r"mend(?:s|ed|ing)?": "fix",
    r"(?<!soon )as (?:it|they) (?:is|are|was|were)(?! \w+(?:ed|en|ic|ing)\b)": "unchanged, without changes",
    r"by lot|hostages?|to speak of|from lot": "at random; state what happens, with the figure",
    r"the house(?:'s)?": "this project, emotone",
}
WORDS = re.compile(r"\b(?:" + "|".join(REPLACEMENTS) + r")\b", re.IGNORECASE)
NOT_TEXT = re.compile(
    r"^[ \t]*(?:```|~~~).*?^[ \t]*(?:```|~~~)[ \t]*$"  # code blocks
    r"|``?[^`\n]+``?"  # inline code
    r"|\]\([^)\n]*\)"  # targets of links
    r"|https?://\S+"
    r"|^[ \t]*(?:>>>|\.\.\.).*$",  # doctests
    re.MULTILINE | re.DOTALL,
)

TAGS = re.compile(r"<(?P<code>script|style)\b.*?</(?P=code)>|<[^>]*>", re.DOTALL)
JAVASCRIPT = re.compile(
    r"""//(?P<line>[^\n]*)|/\*(?P<block>.*?)\*/|(?P<quote>["'`])(?P<text>(?:\\.|(?!(?P=quote)).)*)(?P=quote)""",
    re.DOTALL,
)


class Passage(NamedTuple):
    """A text, and the line of its file on which it begins."""

    line: int
    text: str


class Place(NamedTuple):
    """A word that is not the field's term."""

    line: int
    word: str
    context: str


@dataclass(frozen=True)
class Count:
    """The words of a file's texts, and the places that the glossary lists."""

    path: str
    words: int
    places: tuple[Place, ...]


def passages(path: Path) -> Iterator[Passage]:
    """Yield the texts of a file."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        yield from _python_passages(text)
    elif path.suffix == ".toml":
        yield from _toml_passages(text)
    elif path.suffix == ".js":
        yield from _javascript_passages(text)
    elif path.suffix == ".html":
        yield Passage(1, TAGS.sub(_blank, text))
    else:
        yield Passage(1, text)


def count(path: Path) -> Count:
    """Return the words of a file's texts, and the places that the glossary lists."""
    words = 0
    places = []
    for passage in passages(path):
        text = NOT_TEXT.sub(_blank, passage.text)
        words += len(re.findall(r"[^\W\d_][\w'-]*", text))
        for match in WORDS.finditer(text):
            line = passage.line + text.count("\n", 0, match.start())
            context = text[max(0, match.start() - 40) : match.end() + 40]
            places.append(Place(line, match[0], " ".join(context.split())))
    return Count(_name(path), words, tuple(places))


def counts(paths: Iterable[Path] = ()) -> list[Count]:
    """Return the counts of all files, or of the files that are, or are below, these paths."""
    roots = [path.resolve() for path in paths] or [ROOT / name for name in (*FOLDERS, *PAGES)]
    files = (file for root in roots for file in (sorted(root.rglob("*")) if root.is_dir() else [root]))
    return [
        count(file)
        for file in files
        if file.suffix in SUFFIXES
        and file.is_file()
        and _name(file) not in EXCLUDED
        and "__pycache__" not in file.parts
    ]


def per_thousand(found: Iterable[Count]) -> float:
    """Return the number of listed words per 1,000 words."""
    found = list(found)
    words = sum(one.words for one in found)
    return 1000 * _hits(found) / words if words else 0.0


def by_package(found: Iterable[Count]) -> dict[str, list[Count]]:
    """Return the counts by package: `src/emotone/audio`, `scripts`, `docs` ..."""
    groups: dict[str, list[Count]] = defaultdict(list)
    for one in found:
        parts = one.path.split("/")
        depth = (
            3 if parts[0] == "src" and len(parts) > 3 else 2 if parts[0] in {"docs", "src"} and len(parts) > 2 else 1
        )
        groups["/".join(parts[:depth])].append(one)
    return dict(groups)


def main() -> int:
    """Print the counts, or the places; return 1 above the limit."""
    parser = argparse.ArgumentParser(description="Count words that are not the field's terms.")
    parser.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="files or folders: print every place")
    arguments = parser.parse_args()
    found = counts(arguments.paths)
    if arguments.paths:
        for one in found:
            for place in one.places:
                print(f"{one.path}:{place.line}: {place.word}: ... {place.context} ...")
    else:
        rows = ((_hits(members), package, members) for package, members in by_package(found).items())
        for hits, package, members in sorted(rows, reverse=True):
            words = sum(one.words for one in members)
            print(f"{hits:5} in {words:6} words, {per_thousand(members):5.2f} per 1,000: {package}")
    rate = per_thousand(found)
    print(f"{_hits(found)} places, {rate:.2f} per 1,000 words; allowed: {LIMIT:.2f}")
    return 1 if rate > LIMIT else 0


def _python_passages(text: str) -> Iterator[Passage]:
    """Yield docstrings, other strings of some length, and comments."""
    tree = ast.parse(text)
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inner:
            message = node.value
        elif isinstance(node, ast.JoinedStr):
            message = "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values)
        else:
            continue
        if len(message) >= MIN_MESSAGE or id(node) in docstrings:
            yield Passage(node.lineno, message)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield Passage(token.start[0], token.string.lstrip("# "))


def _javascript_passages(text: str) -> Iterator[Passage]:
    """Yield comments, and strings of some length."""
    for match in JAVASCRIPT.finditer(text):
        comment = match["line"] or match["block"]
        if comment or len(match["text"] or "") >= MIN_MESSAGE:
            yield Passage(text.count("\n", 0, match.start()) + 1, comment or match["text"])


def _toml_passages(text: str) -> Iterator[Passage]:
    """Yield strings of some length, and comments."""
    for message in _strings(tomllib.loads(text)):
        if len(message) >= MIN_MESSAGE:
            yield Passage(1, message)
    for number, line in enumerate(text.splitlines(), start=1):
        comment = re.search(r'(?:^|[^"\'\w])#\s*(?P<text>[^"\']*)$', line)
        if comment:
            yield Passage(number, comment["text"])


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _strings(inner)


def _blank(match: re.Match[str]) -> str:
    """Return the line ends of what is left out, so that line numbers stay right."""
    return " " + "\n" * match[0].count("\n")


def _hits(found: Iterable[Count]) -> int:
    return sum(len(one.places) for one in found)


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path)


if __name__ == "__main__":
    sys.exit(main())
