"""Reproduced tables, for terminals and pages."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from emotone.errors import RunError
from emotone.metrics.intervals import REPLICATES
from emotone.reproductions.base import Row, compared, score_of
from emotone.scoring.finished_run import read_run
from emotone.scoring.result_table import INDEPENDENT, ResultTable, format_estimate, percent
from emotone.scoring.scores import scores_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from emotone.reproductions.base import Table


def rows_table(rows: Sequence[Row]) -> ResultTable:
    """Return every row of a published table with our score, times 100."""
    columns = (
        *("corpus", "setting", "published", "ours x 100 [95 %]", "n", "speakers"),
        *("protocol", "speaker-independent", "status"),
    )
    return ResultTable(columns, tuple(_row_cells(row) for row in rows))


def _row_cells(row: Row) -> tuple[str, ...]:
    cell, score = row.cell, row.score
    return (
        cell.corpus,
        f"{cell.setting}, {cell.column}",
        percent(cell.published),
        format_estimate(score),
        "-" if score is None else str(score.n),
        "-" if score is None else str(score.speakers or "unknown"),
        cell.protocol,
        "-" if score is None else INDEPENDENT[score.speaker_independent],
        row.status,
    )


def grid_table(rows: Sequence[Row]) -> ResultTable:
    """Return rows in the columns of the published table: our score with its interval / the published one.

    Scores that differ from the published ones are marked with an asterisk. Settings that have neither a published score
    nor a run are counted in a note.
    """
    columns = tuple(dict.fromkeys(row.cell.column for row in rows))
    lines = []
    pending: Counter[str] = Counter()
    for corpus, setting in dict.fromkeys((row.cell.corpus, row.cell.setting) for row in rows):
        of = {row.cell.column: row for row in rows if (row.cell.corpus, row.cell.setting) == (corpus, setting)}
        if all(row.score is None and row.cell.published is None for row in of.values()):
            pending[corpus] += 1
        else:
            lines.append((corpus, setting, *(_cell(of.get(column)) for column in columns)))
    counts = ", ".join(f"{corpus} {count}" for corpus, count in pending.items())
    notes = (f"further settings without a run: {counts}",) if pending else ()
    return ResultTable(("corpus", "setting", *columns), tuple(lines), notes=notes)


def kept_rows(
    table: Table, told: Sequence[dict[str, object]], *, results: Path, replicates: int = REPLICATES
) -> tuple[Row, ...]:
    """Return a table's rows with scores computed anew from the predictions of the runs that `told` names.

    Args:
        table: the code's table.
        told: rows as `emotone.reproductions.reproduce` kept them.
        results: folder of runs.
        replicates: of the intervals, which take most of the time.

    Raises:
        RunError: a run that is named is not there.

    """
    runs = {(row["setting"], row["corpus"], row["metric"]): str(row["run"]) for row in told}
    scores = {
        run: scores_of(read_run(results / run).predictions, replicates=replicates) for run in set(runs.values()) if run
    }
    rows = []
    for cell in table.cells:
        run = runs.get((f"{cell.setting}, {cell.column}", cell.corpus, cell.metric), "")
        if not run:
            rows.append(Row(cell, None, "not run"))
            continue
        score = score_of(cell, scores[run])
        if score is None:
            raise RunError(f"{results / run} has no {cell.metric} of {cell.corpus}")
        rows.append(Row(cell, score, compared(score, cell, tolerance=table.tolerance), run))
    return tuple(rows)


def _cell(row: Row | None) -> str:
    if row is None:
        return "-"
    ours = row.status if row.score is None else row.score.text
    published = "" if row.cell.published is None else f" / {100 * row.cell.published:.1f}"
    return f"{ours}{published}{' *' if row.status == 'differs' else ''}"
