"""The three formats: whole, escaped, pointing nowhere, and with the numbers that were computed."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from functools import cache
from html import unescape
from html.parser import HTMLParser
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from tests.made_runs import Made, write_run

from emotone.errors import MissingExtraError, UnknownNameError, UsageError
from emotone.evaluation.report.document import TEMPLATES, Code, Document, Figure, Section, Text, format_of, render
from emotone.evaluation.report.figures import speakers_picture
from emotone.evaluation.report.overview import document_of, group_runs
from emotone.evaluation.report.run_report import reports_of
from emotone.scoring.breakdowns import SpeakerScore
from emotone.scoring.predictions import PredictionRow, PredictionsTable
from emotone.scoring.result_table import ResultTable
from emotone.scoring.scores import scores_of

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.evaluation.report.overview import RunGroups
    from emotone.evaluation.report.run_report import RunReport

NASTY = '<b>&"'
VOID = {"meta", "br", "link", "img", "input", "hr"}


class Page(HTMLParser):
    """The content of a page: its elements, checked to be closed in order, its text and its links."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@cache
def numbers(folders: tuple[Path, ...]) -> tuple[tuple[RunReport, ...], RunGroups]:
    reports = reports_of(folders)
    return reports, group_runs(reports)


@cache
def written(*folders: Path, suffix: str = ".html") -> str:
    return render(document_of(*numbers(folders), pictures=suffix == ".html"), suffix=suffix)


def nasty_table() -> PredictionsTable:
    """Return a table whose names contain the syntax of every format."""
    labels = (NASTY, "a|b_*c*", r"$x^2$ \input{y} ~# `z`")
    return PredictionsTable.from_rows(
        [
            PredictionRow(
                f"toy/{n}", "<i>toy</i>", "held-out", "all", 0, f"<s{n % 3}>&[1]", labels[n % 3],
                [0.6, 0.3, 0.1] if n % 2 else [0.1, 0.2, 0.7], "f00d",
            )
            for n in range(9)
        ],
        labels=labels,
    )  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three runs: two of the same recordings with two seeds, one of which shares speakers; and one with odd names."""
    folder = tmp_path_factory.mktemp("runs")
    shared = {"recipe": {"name": "mine", "net": {"name": "toy-net"}, "front_end": "loud"}, "seeds": 2}
    leakage = {"folds": 5, "shared": {"speakers": {"items": ["toy/s1"], "clips": 9}}}
    made = Made(skill=0.8, speakers=5, seeds=2, protocol="random-5")
    return [
        write_run(folder / "random", made.table(), **shared, leakage=leakage),
        Made(skill=0.4, speakers=5, seeds=2, protocol="speaker-folds-5").write(folder / "independent"),
        write_run(
            folder / "nasty",
            nasty_table(),
            model={"name": NASTY, "version": "1"},
            problems=[{"key": f"toy/{NASTY}", "message": "too | short"}],
            shortcuts=[
                {"name": NASTY, "corpus": "<i>toy</i>", "uar": 0.4, "low": 0.3, "high": 0.5},
                {"name": "loudness", "uar": 0.5, "lines": ["loudness alone would do", "loudness alone would do"]},
                {"corpus": "elsewhere", "uar": "much"},
            ],
        ),
    ]


def test_a_page_stands_alone(runs: list[Path]) -> None:
    text = written(*runs)
    page = Page(text)
    assert text.startswith("<!DOCTYPE html>")
    assert "http" not in text
    assert not {"script", "link", "img", "iframe", "base", "object"} & {tag for tag, _ in page.elements}
    assert "@import" not in text
    assert {found for found in re.findall(r"url\(([^)]*)\)", text) if not found.startswith("#")} == set()
    links = [value for _, attributes in page.elements for name, value in attributes.items() if name in {"href", "src"}]
    assert all(link is not None and link.startswith("#") for link in links)
    names = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert {f"#{name}" for name in names} >= set(links)
    sections = [attributes["id"] for attributes in page.all("section")]
    assert len(sections) == len(set(sections))


def test_a_page_is_accessible(runs: list[Path]) -> None:
    page = Page(written(*runs))
    assert page.all("html") == [{"lang": "en"}]
    assert len(page.all("caption")) == len(page.all("table")) > 20
    assert all(attributes.get("scope") in {"row", "col"} for attributes in page.all("th"))
    pictures = [attributes for _, attributes in page.elements if attributes.get("role") == "img"]
    assert len(pictures) == len(page.all("svg")) > 10
    assert all(attributes["aria-label"] for attributes in pictures)
    assert len(page.all("figcaption")) == len(page.all("figure"))
    headings = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h\d", tag)]
    assert headings[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(headings))


@pytest.mark.parametrize("suffix", list(TEMPLATES))
def test_scores_are_those_of_the_table(runs: list[Path], suffix: str) -> None:
    text = written(*runs, suffix=suffix)
    unescaped = text.replace("{[}", "[")
    for report in numbers(tuple(runs))[0]:
        for score in scores_of(report.table):
            assert score.text in unescaped


@pytest.mark.parametrize("suffix", list(TEMPLATES))
def test_the_same_runs_give_the_same_bytes(runs: list[Path], suffix: str) -> None:
    reports = reports_of(runs[1:2])
    document = document_of(reports, group_runs(reports), pictures=suffix == ".html")
    assert render(document, suffix=suffix) == written(runs[1], suffix=suffix)


def test_names_are_escaped_in_html(runs: list[Path]) -> None:
    text = written(runs[2])
    page = Page(text)
    assert "<b>&" not in text
    assert page.all("i") == page.all("s0") == []
    words = "".join(page.words)
    for name in (NASTY, "<i>toy</i>", "<s0>&[1]", "a|b_*c*", r"$x^2$ \input{y} ~# `z`"):
        assert name in words


def test_names_are_escaped_in_markdown(runs: list[Path]) -> None:
    text = written(runs[2], suffix=".md")
    outside = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    assert "<" not in outside
    assert "a\\|b\\_\\*c\\*" in outside
    assert "\\$x^2\\$ \\\\input{y} \\~\\# \\`z\\`" in outside
    for table in re.findall(r"(?:^\|.*\n)+", outside, flags=re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1


def test_names_are_escaped_in_latex(runs: list[Path]) -> None:
    text = written(runs[2], suffix=".tex")
    assert r"\textless{}b\textgreater{}\&\textquotedbl{}" in text
    assert r"\$x\textasciicircum{}2\$ \textbackslash{}input\{y\} \textasciitilde{}\# \textasciigrave{}z" in text
    assert r"\input{y}" not in text
    for begin, end in (("begin{table}", "end{table}"), ("begin{tabular}", "end{tabular}"), ("toprule", "bottomrule")):
        assert text.count(f"\\{begin}") == text.count(f"\\{end}") > 0


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex here")
def test_latex_compiles(tmp_path: Path) -> None:
    run = write_run(tmp_path / "nasty", nasty_table())
    (tmp_path / "report.tex").write_text(written(run, suffix=".tex"), encoding="utf-8")
    preamble = r"\documentclass{article}\usepackage[T1]{fontenc}\usepackage{booktabs}\usepackage{graphicx}"
    (tmp_path / "all.tex").write_text(rf"{preamble}\begin{{document}}\input{{report}}\end{{document}}")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-2000:]


def test_speaker_dependence_is_a_warning_with_the_scores_of_the_twin(tmp_path: Path) -> None:
    recipe: dict[str, Any] = {"recipe": {"name": "mine"}}
    table = Made(speakers=3, protocol="random-5").table()
    alone = written(write_run(tmp_path / "alone/random", table, **recipe), suffix=".md")
    assert "> **SPEAKER-DEPENDENT. random-5 tests speakers of the training data" in alone
    assert "was found neither among the runs of this report nor next to random" in alone
    run = write_run(tmp_path / "random", table, **recipe)
    twin = Made(speakers=3, protocol="speaker-folds-5").table()
    write_run(tmp_path / "twin", twin, **recipe)
    text = written(run, suffix=".md")
    assert "Comparison with the speaker-independent evaluation (twin)" in text
    assert f" {scores_of(twin)[0].text} |" in text


def test_a_model_that_was_trained_on_what_it_is_tested_on(tmp_path: Path) -> None:
    about: dict[str, Any] = {"model": {"name": "m"}, "protocol": {"name": "held-out", "trained_on": ["toy"]}}
    table = Made(speakers=3, protocol="held-out").table()
    text = written(write_run(tmp_path / "run", table, **about), suffix=".md")
    assert "> **SPEAKER-DEPENDENT. This model was trained on toy: its scores there do not generalise" in text


def test_a_failed_audit_is_a_warning(tmp_path: Path) -> None:
    leakage = {"clean": False, "shared": {"contents": {"items": ["a"], "clips": 1}}}
    text = written(write_run(tmp_path / "run", Made(speakers=3).table(), leakage=leakage), suffix=".md")
    assert "> **The leakage audit found problems" in text
    assert "| contents | 1 shared | 1 | a |" in text


def test_parts_of_a_report(runs: list[Path]) -> None:
    text = written(*runs, suffix=".md")
    for words in (
        "| speakers | 1 shared | 9 | toy/s1 |",
        "Leakage audit: not applicable, as nothing was trained.",
        "Leakage audit: not recorded.",
        "None: every recording has a prediction.",
        "Comparison of R1, R2.",
        "R1 and R3 can't be compared: they share no recording",
        "Mean and sample standard deviation over 2 seeds",
        "| seed 0 | seed 1 |",
        "| loudness | not recorded | 50.0 | - |",
        "Note: loudness alone would do",
        "| not recorded | elsewhere | not recorded | - |",
        "| too \\| short |",
        "| features | loud |",
        "| network or classifier | toy-net |",
        "| normalisation | features scaled with statistics of the training part |",
        "The evaluated system is not recorded; the command has this form:",
    ):
        assert words in text
    assert "emotone evaluate mine.toml --corpus toy=DIR --protocol random-5 --seeds 2" in text


def test_undefined_results_in_every_format(tmp_path: Path) -> None:
    one_label = [PredictionRow("toy/a", "toy", "p", "all", 0, "", "joy", [0.0, 1.0], "f00d")]
    one_speaker = [
        PredictionRow(f"toy/{n}", "toy", "p", "all", 0, "漢字" * 9, ("fear", "joy")[n], [0.5, 0.5], "f00d")
        for n in (0, 1)
    ]
    for name, rows, words in (
        (
            "label",
            one_label,
            ("All recordings of toy have the label 'joy'", "there is only one label", "Speakers are unknown"),
        ),
        ("speaker", one_speaker, ("There is only one speaker", "there is only one speaker", "equal error rate")),
    ):
        table = PredictionsTable.from_rows(rows, labels=["fear", "joy"])
        folder = write_run(tmp_path / name, table)
        (folder / "run.json").write_text("{}", encoding="utf-8")
        for suffix in TEMPLATES:
            text = unescape(written(folder, suffix=suffix))
            assert all(word in text for word in words)
            assert "not recorded" in text


def test_speakers_with_other_letters(tmp_path: Path) -> None:
    names = ["漢字", "Jürgen-Maximilian", "a\x07b", "$x$", "Ольга", "b", "c", "d", "e"]
    rows = [
        PredictionRow(f"toy/{n}", "toy", "p", "all", 0, name, ("fear", "joy")[n % 2], [0.4, 0.6], "f00d")
        for n, name in enumerate(names * 2)
    ]
    page = Page(written(write_run(tmp_path / "run", PredictionsTable.from_rows(rows, labels=["fear", "joy"]))))
    words = {word.strip() for word in page.words}
    assert {"漢字", "Jürgen-Maximilian", "Jürgen-Maxi.", "$x$", "Ольга"} <= words


def test_many_speakers_are_drawn_without_names() -> None:
    speakers = [SpeakerScore("toy", f"s{n}", 5, n / 50, 0.5, {}) for n in range(40)]
    whole = scores_of(Made(speakers=2).table())[0]
    words, svg = speakers_picture(speakers, whole=whole, chance=None)
    assert "40 speakers in ascending order: from 0.0 to 78.0" in words
    assert "40 speakers in ascending order" in svg
    assert "s39" not in svg


def test_blocks_of_every_kind() -> None:
    blocks = (
        Text("plain"),
        Text("loud", "warning"),
        Code("a ``` b\n"),
        Code("[x]\n", "toml"),
        Figure((("a line", "<svg></svg>"), ("another", "<svg></svg>")), "Two.", "small", ("one", "two")),
        ResultTable(("a", "b"), (("x", "9"),), caption="Heat.", shades=((None, 0.9),)),
    )
    document = Document("Toy", (Section("All", "all", blocks),))
    page = Page(render(document, suffix=".html"))
    assert {"one", "two"} <= set(page.words)
    assert any("--share:0.900" in str(attributes.get("style")) for attributes in page.all("td"))
    markdown = render(document, suffix=".md")
    assert "````text\na ``` b\n````" in markdown
    assert "svg" not in markdown


def test_formats(tmp_path: Path) -> None:
    assert format_of(tmp_path / "a.HTML") == ".html"
    with pytest.raises(UnknownNameError, match=r"unknown suffix of a report '\.htm'; did you mean '\.html'"):
        format_of(tmp_path / "a.htm")
    with pytest.raises(UsageError, match=r"allowed: \.html, \.md, \.tex"):
        render(Document("Toy", ()), suffix=".pdf")


@pytest.mark.parametrize(("module", "package"), [("jinja2", "jinja2"), ("matplotlib.figure", "matplotlib")])
def test_a_missing_package_is_named_with_its_extra(
    runs: list[Path], module: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    reports, groups = numbers((runs[1],))
    with pytest.raises(MissingExtraError, match=rf"package '{package}'.*emotone\[report\]"):
        render(document_of(reports, groups, pictures=True), suffix=".html")
