"""Stored results of published tables: the run of every cell, and scores that are computed from its predictions.

A folder of results has a folder per publication, with its runs, which all its tables share, and `tables.json`: for each
table the run of each cell, and the data of its figures. Of two processes that write it at the same moment, one may be
lost; finished runs remain, so the same command writes its table again.
"""

from __future__ import annotations

import json
from collections import defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from emotone.errors import RunError
from emotone.files import atomic_write
from emotone.metrics.intervals import REPLICATES
from emotone.reproductions.base import CellResult, key_of, score_of, status_of
from emotone.scoring.finished_run import is_finished, read_run, table_version
from emotone.scoring.scores import scores_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from emotone.reproductions.base import Cell, CellKey, Paper, PublishedFigure, PublishedTable, Status
    from emotone.scoring.scores import Score

SCHEMA = "emotone.reproduction/2"
TABLES = "tables.json"
KINDS = ("tables", "figures")
ABSENT: Status = "data absent"


def runs_folder(paper: Paper, *, out: Path) -> Path:
    """Return the folder of a publication's runs in a folder of results."""
    return out / paper.key


def store_figure(paper: Paper, figure: PublishedFigure, data: dict[str, Any], *, out: Path) -> tuple[Path, Path]:
    """Store the data of a figure, write the figure as SVG, and return both files."""
    drawing = runs_folder(paper, out=out) / f"{figure.name}.svg"
    with atomic_write(drawing, text=True) as stream:
        stream.write(figure.draw(data))
    return _store(paper, "figures", figure.name, data, out=out), drawing


def stored_figure(paper: Paper, name: str, *, results: Path) -> dict[str, Any] | None:
    """Return the stored data of a figure, or None if there are none."""
    data: dict[str, Any] | None = _read(runs_folder(paper, out=results)).get("figures", {}).get(name)
    return data


def stored_rows(folder: Path, table: PublishedTable) -> list[dict[str, Any]]:
    """Return the rows of a table that `store_rows` wrote to a publication's folder; none if there are none."""
    rows: list[dict[str, Any]] = _read(folder).get("tables", {}).get(table.name, [])
    return rows


def store_rows(paper: Paper, table: PublishedTable, rows: Sequence[dict[str, Any]], *, out: Path) -> Path:
    """Write the rows of a table, as `CellResult.to_dict`, and return the file.

    A cell without a run keeps the run that is stored for it.
    """
    before = {key_of(row): row for row in stored_rows(runs_folder(paper, out=out), table)}
    kept = [row if row["run"] else before.get(key_of(row), row) for row in rows]
    return _store(paper, "tables", table.name, kept, out=out)


def _read(folder: Path) -> dict[str, Any]:
    path = folder / TABLES
    if not path.exists():
        return {}
    stored: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return stored


def _store(paper: Paper, kind: str, name: str, content: Any, *, out: Path) -> Path:
    """Write one table or figure into a publication's file, and keep the others. A row is a line, and so is a figure."""
    path = runs_folder(paper, out=out) / TABLES
    stored = _read(path.parent)
    kinds = {each: {**stored.get(each, {}), **({name: content} if each == kind else {})} for each in KINDS}
    parts = ",\n".join(f"{json.dumps(each)}: {{{_named(items)}}}" for each, items in kinds.items())
    with atomic_write(path, text=True) as stream:
        stream.write(f'{{"schema": "{SCHEMA}", "paper": {json.dumps(paper.key)},\n{parts}\n}}\n')
    return path


def _named(items: Mapping[str, Any]) -> str:
    return ",".join(f"\n{json.dumps(name)}: {_lines(items[name])}" for name in sorted(items))


def _lines(content: Any) -> str:
    if isinstance(content, list):
        return "[\n" + ",\n".join(json.dumps(each) for each in content) + "\n]"
    return json.dumps(content)


def stored_runs(paper: Paper, table: PublishedTable, places: Sequence[Path]) -> dict[CellKey, Path]:
    """Return the folder of the stored run of every cell that has one; earlier folders of results take precedence."""
    found: dict[CellKey, Path] = {}
    for out in places:
        for row in stored_rows(runs_folder(paper, out=out), table):
            if row["run"]:
                own, *others = (runs_folder(paper, out=each) / str(row["run"]) for each in (out, *places))
                run = own if is_finished(own) else next((each for each in others if is_finished(each)), own)
                found.setdefault(key_of(row), run)
    return found


def stored_results(
    paper: Paper, table: PublishedTable, *, results: Path, replicates: int = REPLICATES
) -> tuple[CellResult, ...]:
    """Return a table's results, with scores computed from the stored predictions of its runs.

    Of the cells without a run, those are "data absent" that need a corpus that no stored run of the publication needs
    or can use.

    Args:
        paper: publication of the table.
        table: the cells.
        results: folder that `emotone.reproductions.reproduce` wrote to.
        replicates: of the intervals, which take most of the time.

    Raises:
        RunError: a stored run is missing, or has no score for its cell.

    """
    wanted = {cell.key for cell in table.cells}
    runs = {key: run for key, run in stored_runs(paper, table, [results]).items() if key in wanted}
    metrics: dict[Path, set[str]] = defaultdict(set)
    for cell in table.cells:
        if cell.key in runs:
            metrics[runs[cell.key]].add(cell.metric)
    scores = {run: _scores(run, table_version(run), frozenset(metrics[run]), replicates) for run in sorted(metrics)}
    available = _corpora_of_runs(paper, results)
    found = []
    for cell in table.cells:
        run = runs.get(cell.key)
        if run is None:
            found.append(CellResult(cell, None, "not run" if available.issuperset(cell.required_corpora) else ABSENT))
        else:
            found.append(result_of(cell, scores[run], run=run, tolerance=table.tolerance))
    return tuple(found)


@lru_cache(maxsize=4096)
def _scores(run: Path, _version: tuple[int, int], metrics: frozenset[str], replicates: int) -> tuple[Score, ...]:
    """Return the system's scores of a stored run; pages, figures and scoreboards share them, as intervals take long."""
    return tuple(scores_of(read_run(run).predictions, metrics=metrics, replicates=replicates))


def _corpora_of_runs(paper: Paper, results: Path) -> set[str]:
    """Return the corpora that the stored runs of a publication need or can use."""
    return {
        name
        for table in paper.tables
        for runs in [stored_runs(paper, table, [results])]
        for cell in table.cells
        if cell.key in runs
        for name in (*cell.required_corpora, *cell.optional_corpora)
    }


def result_of(cell: Cell, scores: Sequence[Score], *, run: Path, tolerance: float) -> CellResult:
    """Return the result of a cell, or raise `RunError` if none of the scores of a run is its own."""
    score = score_of(cell, scores)
    if score is None:
        raise RunError(f"{run} has no {cell.metric} of {cell.corpus}")
    return CellResult(cell, score, status_of(score, cell, tolerance=tolerance), run.name)
