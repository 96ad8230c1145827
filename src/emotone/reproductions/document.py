"""Parts of generated pages: reproduced tables, the remark on the engine's version, and what training and test share.

Terminals print the tables, too.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from emotone.protocols import Leakage
from emotone.scoring.finished_run import read_run
from emotone.scoring.result_table import INDEPENDENT, ResultTable, format_estimate, percent

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


def rows_table(results: Sequence[CellResult]) -> ResultTable:
    """Return a row for every cell with its score, times 100."""
    columns = (
        *("corpus", "setting", "published", "ours x 100 [95 %]", "n", "speakers"),
        *("protocol", "speaker-independent", "status"),
    )
    return ResultTable(columns, tuple(_row_cells(result) for result in results))


def _row_cells(result: CellResult) -> tuple[str, ...]:
    cell, score = result.cell, result.score
    return (
        cell.corpus,
        cell.title,
        percent(cell.published),
        format_estimate(score),
        "-" if score is None else str(score.n),
        "-" if score is None else str(score.speakers or "unknown"),
        cell.protocol,
        "-" if score is None else INDEPENDENT[score.speaker_independent],
        result.status,
    )


def grid_table(results: Sequence[CellResult]) -> ResultTable:
    """Return results in the columns of the published table: score with interval / published number.

    Scores that differ from the published ones are marked with an asterisk. Rows without a published number and without
    a run are counted in a note.
    """
    columns = tuple(dict.fromkeys(result.cell.column for result in results))
    by_place = {(result.cell.corpus, result.cell.row, result.cell.column): result for result in results}
    lines = []
    pending: Counter[str] = Counter()
    for corpus, row in dict.fromkeys((result.cell.corpus, result.cell.row) for result in results):
        found = [by_place.get((corpus, row, column)) for column in columns]
        if all(result is None or (result.score is None and result.cell.published is None) for result in found):
            pending[corpus] += 1
        else:
            lines.append((corpus, row.title, *map(_grid_cell, found)))
    counts = ", ".join(f"{corpus} {count}" for corpus, count in pending.items())
    notes = (f"Further rows without a run: {counts}.",) if pending else ()
    return ResultTable(("corpus", "system", *(column.title for column in columns)), tuple(lines), notes=notes)


def _grid_cell(result: CellResult | None) -> str:
    if result is None:
        return "-"
    ours = result.status if result.score is None else result.score.text
    published = "" if result.cell.published is None else f" / {100 * result.cell.published:.1f}"
    return f"{ours}{published}{' *' if result.status == 'differs' else ''}"


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
