"""Parts of generated pages: tables, the remark on the engine's version, and what training and test data share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emotone.protocols import Leakage
from emotone.scoring.finished_run import read_run
from emotone.scoring.result_table import ResultTable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from emotone.reproductions.base import CellResult, Paper, PublishedTable

NOTE = "<!-- Written by `make docs`; do not edit. -->"
ENGINE = (
    "The stored predictions were made by version 0.1.0, whose windows were on the recording's grid. The present engine",
    "places windows inside utterances only.",
)
"""Lines for pages with predictions of windows."""


def markdown_table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Return the lines of a Markdown table, whose cells may contain Markdown."""
    return ResultTable(header, tuple(rows)).markdown(escape=False).splitlines()


def document(lines: Iterable[str]) -> str:
    """Return a page: the note that it is generated, and the lines without trailing spaces."""
    text = "\n".join([NOTE, "", *lines])
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def command(paper: Paper, table: PublishedTable, *, options: str = "") -> str:
    """Return the line with the command that reproduces a table."""
    return f"Command: `emotone reproduce {paper.key} {table.name} --corpus NAME=DIR...{options}`"


def first_of_runs(results: Iterable[CellResult]) -> dict[str, CellResult]:
    """Return the first result of each run, by the run's folder."""
    found: dict[str, CellResult] = {}
    for result in results:
        if result.run:
            found.setdefault(result.run, result)
    return found


def leakage_section(results: Sequence[CellResult], runs: Path, *, level: int = 2) -> list[str]:
    """Return a section on what training and test parts share, by tested corpora and protocol; none without runs."""
    shared: dict[tuple[str, str], str] = {}
    for run in first_of_runs(results):
        finished = read_run(runs / run)
        leakage = finished.about.get("leakage")
        if leakage is not None:
            place = ", ".join(finished.predictions.corpora), finished.about["protocol"]["name"]
            shared.setdefault(place, "; ".join(Leakage.from_dict(leakage).lines()))
    if not shared:
        return []
    lines = (f"- {corpora}, `{protocol}`: {text}" for (corpora, protocol), text in shared.items())
    return ["", f"{'#' * level} Leakage audit: what training and test parts share", "", *lines]
