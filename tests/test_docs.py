"""The documentation is true: generated pages are current, links lead somewhere, examples give what they show."""

from __future__ import annotations

import doctest
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from emotone.bundles.shipped import shipped_names
from emotone.corpora.table import read_table
from emotone.inference.format import FORMATS, columns
from emotone.inference.model import Model, load
from emotone.recipes.library import read_recipe

if TYPE_CHECKING:
    from emotone.inference.result import Prediction

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*.md")])
BLOCK = re.compile(r"^ *```(?P<language>\w+)\n(?P<body>.*?)^ *```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<target>[^)\s]+)\)")
needs_default = pytest.mark.skipif("default" not in shipped_names(), reason="no model is shipped yet")


def blocks(page: Path, language: str) -> list[str]:
    found = BLOCK.finditer(page.read_text(encoding="utf-8"))
    return [match["body"] for match in found if match["language"] == language]


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.timeout(900)  # computes every generated page: minutes on a busy machine
def test_generated_pages_are_current() -> None:
    command = [sys.executable, "-m", "scripts.docs", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = [match["target"] for match in LINK.finditer(page.read_text(encoding="utf-8"))]
    files = [target.partition("#")[0] for target in targets if not target.startswith(("http:", "https:", "#"))]
    assert [file for file in files if not (page.parent / file).exists()] == []


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs/index.md").read_text(encoding="utf-8")
    pages = {page.relative_to(ROOT / "docs").as_posix() for page in (ROOT / "docs").rglob("*.md")}
    assert {page for page in pages - {"index.md"} if f"]({page})" not in index} == set()


def test_the_readme_has_no_gaps() -> None:
    assert re.findall(r"\{\{\w+\}\}", (ROOT / "README.md").read_text(encoding="utf-8")) == []


@needs_default
@pytest.mark.parametrize("page", [page for page in PAGES if ">>>" in "".join(blocks(page, "python"))], ids=name)
def test_examples_in_python_give_what_they_show(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    text = "\n".join(block for block in blocks(page, "python") if ">>>" in block)
    test = doctest.DocTestParser().get_doctest(text, {}, name(page), str(page), 0)
    said: list[str] = []
    doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE).run(test, out=said.append)
    assert "".join(said) == ""


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_command_that_is_shown_exists(page: Path) -> None:
    text = "\n".join(blocks(page, "console") + blocks(page, "text"))
    shown = set(re.findall(r"^(?:\$ |.*\| )?emotone ([a-z]+)(?: |$)", text, re.MULTILINE))
    known = {path.stem for path in (ROOT / "src/emotone/cli").glob("[!_]*.py")}
    assert shown <= known


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_make_target_that_is_shown_exists(page: Path) -> None:
    shown = set(re.findall(r"(?:`|\$ )make ([a-z]+)", page.read_text(encoding="utf-8")))
    assert shown <= set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def test_the_recipe_of_own_data_is_one(tmp_path: Path) -> None:
    (block,) = blocks(ROOT / "docs/own-data.md", "toml")
    (tmp_path / "mine.toml").write_text(block, encoding="utf-8")
    assert read_recipe(tmp_path / "mine.toml").name == "mine"


def test_the_table_of_own_data_is_one(tmp_path: Path) -> None:
    (block,) = blocks(ROOT / "docs/own-data.md", "csv")
    (tmp_path / "calls.csv").write_text(block, encoding="utf-8")
    for file in {line.partition(",")[0] for line in block.splitlines()[1:]}:
        soundfile.write(tmp_path / file, np.zeros(160_000), 16_000)
    scan = read_table(tmp_path / "calls.csv", name="calls")
    assert scan.problems == ()
    assert len(scan.utterances) == len(block.splitlines()) - 1


def test_the_template_of_a_corpus_works() -> None:
    (block,) = [block for block in blocks(ROOT / "CONTRIBUTING.md", "python") if "CORPUS = " in block]
    source = re.sub(r"^ {3}", "", block, flags=re.MULTILINE)
    scope: dict[str, object] = {"__name__": "template"}
    exec(compile(source, "CONTRIBUTING.md", "exec"), scope)  # noqa: S102  (our own page)
    corpus = scope["CORPUS"]
    assert all(corpus.parse(Path(example)) for example in corpus.examples)  # type: ignore[attr-defined]


@pytest.fixture
def prediction(tiny_bundle: Path) -> tuple[Model, Prediction]:
    model = load(tiny_bundle)
    return model, model.predict(np.zeros(64_000, np.float32), rate=16_000)


def fields(page: Path) -> set[str]:
    """Names in backquotes that open a row of a table."""
    rows = [line for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    return {field for row in rows for field in re.findall(r"`([^`]+)`", row.split("|")[1])}


def test_the_page_of_formats_names_every_field(prediction: tuple[Model, Prediction]) -> None:
    model, result = prediction
    table = {re.sub("^p_.*", "p_LABEL", column) for column in columns(model.labels)}
    described = fields(ROOT / "docs/output-formats.md")
    assert described == {*result.to_dict(), *table, *FORMATS.names}


def test_the_page_of_formats_names_every_part_of_an_object(prediction: tuple[Model, Prediction]) -> None:
    shown = prediction[1].to_dict()
    text = (ROOT / "docs/output-formats.md").read_text(encoding="utf-8")
    keys = {*shown["model"], *shown["clip"], *shown["segments"][0]}
    assert {key for key in keys if f"`{key}`" not in text} == set()


def test_no_tracked_file_tells_where_it_was_made() -> None:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip("not a git checkout")
    place = re.compile(rb"(?<![\w.~/-])/(?:home|root|work|Users)/\w")
    files = [ROOT / file for file in done.stdout.split("\0") if file]
    assert [name(file) for file in files if file.is_file() and place.search(file.read_bytes())] == []
