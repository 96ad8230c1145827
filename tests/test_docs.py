"""Generated pages are current, links have targets, and examples print what the pages show."""

from __future__ import annotations

import doctest
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from emotone.bundles.library import shipped_names
from emotone.cli.main import COMMANDS, run
from emotone.corpora.table import read_table
from emotone.inference.model import Model, load
from emotone.inference.result import columns
from emotone.inference.saving import FORMATS
from emotone.recipes.library import load_recipe

if TYPE_CHECKING:
    from emotone.inference.result import Prediction

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*.md")])
BLOCK = re.compile(r"^ *```(?P<language>\w+)\n(?P<body>.*?)^ *```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<target>[^)\s]+)\)")
COMMAND = re.compile(r"^\$ (?P<command>.*)\n(?P<expected>(?:(?!\$ ).*\n)*)", re.MULTILINE)
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
RUNNABLE = [ROOT / "docs/tutorials/research.md", ROOT / "docs/tutorials/few-clips.md"]
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
def test_links_have_targets(page: Path) -> None:
    targets = [match["target"] for match in LINK.finditer(page.read_text(encoding="utf-8"))]
    files = [target.partition("#")[0] for target in targets if not target.startswith(("http:", "https:", "#"))]
    assert [file for file in files if not (page.parent / file).exists()] == []


def test_every_page_is_in_the_index_and_on_the_website() -> None:
    indexes = {page: page.read_text(encoding="utf-8") for page in (ROOT / "docs/index.md", ROOT / "docs/api/index.md")}
    linked = {(page.parent / match["target"]) for page, text in indexes.items() for match in LINK.finditer(text)}
    pages = set((ROOT / "docs").rglob("*.md"))
    assert pages - linked - {ROOT / "docs/index.md"} == set()
    navigation = (ROOT / "zensical.toml").read_text(encoding="utf-8")
    assert {
        name(page) for page in pages if f'"{page.relative_to(ROOT / "docs").as_posix()}"' not in navigation
    } == set()


def test_the_readme_has_no_gaps() -> None:
    assert re.findall(r"\{\{\w+\}\}", (ROOT / "README.md").read_text(encoding="utf-8")) == []


@pytest.fixture
def folder_with_examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a temporary folder with the example recordings the current one."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def failures_of(text: str, page: Path) -> str:
    """Run the Python examples of a text; return what differs from the expected output."""
    test = doctest.DocTestParser().get_doctest(text, {}, name(page), str(page), 0)
    output: list[str] = []
    doctest.DocTestRunner(optionflags=OPTIONS).run(test, out=output.append)
    return "".join(output)


@needs_default
@pytest.mark.usefixtures("folder_with_examples")
@pytest.mark.parametrize("page", [page for page in PAGES if ">>>" in "".join(blocks(page, "python"))], ids=name)
def test_examples_in_python_print_what_the_page_shows(page: Path) -> None:
    if page in RUNNABLE:
        pytest.skip("its commands and examples run in order, in a test of their own")
    failures = failures_of("\n".join(block for block in blocks(page, "python") if ">>>" in block), page)
    if failures:
        pytest.fail(failures)  # an assertion would shorten them


def matching(word: str) -> list[str]:
    """Return the paths that match a pattern, or the word itself, as a shell does."""
    return sorted(str(path) for path in Path().glob(word)) if "*" in word else [word]


def run_command(command: str, capture: pytest.CaptureFixture[str]) -> str:
    """Run a command line as a shell would; return its standard output."""
    words = [found for word in shlex.split(command) for found in matching(word)]
    if words[0] == "emotone":
        capture.readouterr()
        status = run(words[1:])
        captured = capture.readouterr()
        assert status == 0, f"{command}: {captured.err}"
        return captured.out
    assert words[0] == "python"
    return subprocess.run([sys.executable, *words[1:]], capture_output=True, text=True, check=True).stdout


@needs_default
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("folder_with_examples")
@pytest.mark.parametrize("page", RUNNABLE, ids=name)
def test_commands_and_examples_of_a_tutorial_run_in_order(page: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for match in BLOCK.finditer(page.read_text(encoding="utf-8")):
        if match["language"] == "python":
            assert failures_of(match["body"], page) == ""
        elif match["language"] == "console":
            for command, expected in COMMAND.findall(match["body"]):
                output = run_command(command, capfd)
                assert doctest.OutputChecker().check_output(expected or output, output, OPTIONS), output


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_command_that_is_shown_exists(page: Path) -> None:
    text = "\n".join(blocks(page, "console") + blocks(page, "text"))
    shown = set(re.findall(r"^(?:\$ |.*\| )?emotone ([a-z]+)(?: |$)", text, re.MULTILINE))
    assert shown <= set(COMMANDS.names)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_make_target_that_is_shown_exists(page: Path) -> None:
    shown = set(re.findall(r"(?:`|\$ )make ([a-z]+)", page.read_text(encoding="utf-8")))
    assert shown <= set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def test_the_recipes_of_own_data_are_valid(tmp_path: Path) -> None:
    mine, larger, several, *_ = blocks(ROOT / "docs/own-data.md", "toml")
    for file, block in (("mine", mine), ("larger", larger), ("experiments", several)):
        (tmp_path / f"{file}.toml").write_text(block, encoding="utf-8")
    assert load_recipe(str(tmp_path / "mine.toml")).name == "mine"
    assert load_recipe(str(tmp_path / "larger.toml")).name == "mine-larger-batches"
    assert load_recipe(f"{tmp_path}/experiments.toml:small-steps-long").name == "small-steps-long"


def test_the_table_of_own_data_is_valid(tmp_path: Path) -> None:
    block, *_ = blocks(ROOT / "docs/own-data.md", "csv")
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
    samples, rate = soundfile.read(ROOT / "examples/even.flac", dtype="float32")
    return model, model.predict(samples, rate=rate)


def fields(page: Path) -> set[str]:
    """Names in backquotes that open a row of a table."""
    rows = [line for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    return {field for row in rows for field in re.findall(r"`([^`]+)`", row.split("|")[1])}


def test_the_page_of_formats_names_every_field(prediction: tuple[Model, Prediction]) -> None:
    model, result = prediction
    table = {re.sub("^p_.*", "p_LABEL", column) for column in columns(model.labels)}
    described = fields(ROOT / "docs/output-formats.md")
    assert described == {*result.to_dict(), "notes", *table, *FORMATS.names}


def test_the_page_of_formats_names_every_part_of_an_object(prediction: tuple[Model, Prediction]) -> None:
    shown = prediction[1].to_dict()
    text = (ROOT / "docs/output-formats.md").read_text(encoding="utf-8")
    keys = {*shown["model"], *shown["clip"], *shown["utterances"][0], *shown["segments"][0]}
    assert {key for key in keys if f"`{key}`" not in text} == set()


def test_no_tracked_file_contains_a_path_of_the_machine_it_was_made_on() -> None:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip("not a git checkout")
    place = re.compile(rb"(?<![\w.~/-])/(?:home|root|work|Users)/\w")

    def contains_one(file: Path) -> bool:
        data = file.read_bytes()  # looking for a constant first is many times faster
        return any(b"/%b/" % each in data for each in (b"home", b"root", b"work", b"Users")) and bool(
            place.search(data)
        )

    files = [ROOT / file for file in done.stdout.split("\0") if file]
    assert [name(file) for file in files if file.is_file() and contains_one(file)] == []
