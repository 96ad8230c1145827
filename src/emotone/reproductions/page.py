"""Reproduced tables, for terminals and pages."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from emotone.scoring.result_table import INDEPENDENT, ResultTable, format_estimate, percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emotone.reproductions.base import CellResult


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
