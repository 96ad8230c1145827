"""Results of cells with given scores, without any run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emotone.reproductions.base import CellResult, status_of
from emotone.scoring.scores import Score

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emotone.reproductions.base import Cell, Paper


def result_of(cell: Cell, value: float | None, *, run: str = "run", n: int = 100) -> CellResult:
    """Return the result of a cell with a score in [0, 1], or without one."""
    if value is None:
        return CellResult(cell, None, "not run")
    score = Score(
        value=value,
        n=n,
        metric=cell.metric,
        corpus=cell.corpus,
        protocol=cell.protocol,
        speaker_independent=None,
        folds=1,
    )
    return CellResult(cell, score, status_of(score, cell, tolerance=0.02), run)


def results_of(
    paper: Paper, values: Mapping[tuple[str, str, str, str], float], *, run: str = "run"
) -> dict[str, list[CellResult]]:
    """Return the results of a paper's tables, with values by table, corpus, row id and column id."""
    return {
        table.name: [
            result_of(cell, values.get((table.name, cell.corpus, cell.row.id, cell.column.id)), run=run)
            for cell in table.cells
        ]
        for table in paper.tables
    }
