"""A table that was made again, as Markdown: for terminals, and for pages from the runs that are kept."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from emotone.errors import RunError
from emotone.metrics.intervals import REPLICATES
from emotone.reproductions.base import Row, compared, score_of
from emotone.scoring.scores import scores_of
from emotone.scoring.summary import read_evaluation

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from emotone.reproductions.base import Table


def rows_markdown(rows: Sequence[Row]) -> str:
    """Return rows as a Markdown table, times 100, with intervals in brackets; no final newline."""
    lines = [
        "| corpus | setting | published | ours x 100 [95 %] | n | speakers | protocol | speaker-independent | status |",
        "|" + " --- |" * 9,
    ]
    for row in rows:
        cell, score = row.cell, row.score
        cells = (
            cell.corpus,
            f"{cell.setting}, {cell.column}",
            "-" if cell.published is None else f"{100 * cell.published:.1f}",
            "-" if score is None else score.text,
            "-" if score is None else score.n,
            "-" if score is None else score.speakers or "not known",
            cell.protocol,
            "-" if score is None else {True: "yes", False: "NO", None: "not known"}[score.speaker_independent],
            row.status,
        )
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def grid_markdown(rows: Sequence[Row]) -> str:
    """Return rows as a Markdown table with the table's own columns: ours with its interval / what was published.

    Rows that differ from what was published are marked with an asterisk. Lines of which nothing was published and
    nothing has been run are counted below the table instead; no final newline.
    """
    columns = list(dict.fromkeys(row.cell.column for row in rows))
    lines = [f"| corpus | setting | {' | '.join(columns)} |", "|" + " --- |" * (2 + len(columns))]
    lacking: Counter[str] = Counter()
    for corpus, setting in dict.fromkeys((row.cell.corpus, row.cell.setting) for row in rows):
        of = {row.cell.column: row for row in rows if (row.cell.corpus, row.cell.setting) == (corpus, setting)}
        if all(row.score is None and row.cell.published is None for row in of.values()):
            lacking[corpus] += 1
        else:
            lines.append(f"| {corpus} | {setting} | {' | '.join(_cell(of.get(column)) for column in columns)} |")
    if lacking:
        counts = ", ".join(f"{corpus} {count}" for corpus, count in lacking.items())
        lines += ["", f"Further settings that have not been run yet: {counts}."]
    return "\n".join(lines)


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
        run: scores_of(read_evaluation(results / run)[1], replicates=replicates) for run in set(runs.values()) if run
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
