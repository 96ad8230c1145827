"""Reproduced tables, for terminals and pages."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from emotone.errors import RunError
from emotone.metrics.intervals import REPLICATES
from emotone.reproductions.base import CellResult, key_of, score_of, status_of
from emotone.reproductions.reproduce import ROWS, runs_folder, stored_rows, table_folder
from emotone.scoring.finished_run import read_run
from emotone.scoring.result_table import INDEPENDENT, ResultTable, format_estimate, percent
from emotone.scoring.scores import scores_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from emotone.reproductions.base import Paper, PublishedTable


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


def stored_results(
    paper: Paper, table: PublishedTable, *, results: Path, replicates: int = REPLICATES
) -> tuple[CellResult, ...]:
    """Return a table's results, with scores computed from the stored predictions of its runs.

    Args:
        paper: publication of the table.
        table: the cells.
        results: folder that `emotone.reproductions.reproduce` wrote to.
        replicates: of the intervals, which take most of the time.

    Raises:
        RunError: a stored run is missing, or has no score for its cell.

    """
    stored = stored_rows(table_folder(paper, table, out=results) / ROWS)
    runs = {key_of(row): str(row["run"]) for row in stored if row["run"]}
    folder = runs_folder(paper, table, out=results)
    scores = {
        run: scores_of(read_run(folder / run).predictions, replicates=replicates) for run in sorted({*runs.values()})
    }
    found = []
    for cell in table.cells:
        run = runs.get(cell.key)
        if run is None:
            found.append(CellResult(cell, None, "not run"))
            continue
        score = score_of(cell, scores[run])
        if score is None:
            raise RunError(f"{folder / run} has no {cell.metric} of {cell.corpus}")
        found.append(CellResult(cell, score, status_of(score, cell, tolerance=table.tolerance), run))
    return tuple(found)


def _grid_cell(result: CellResult | None) -> str:
    if result is None:
        return "-"
    ours = result.status if result.score is None else result.score.text
    published = "" if result.cell.published is None else f" / {100 * result.cell.published:.1f}"
    return f"{ours}{published}{' *' if result.status == 'differs' else ''}"
