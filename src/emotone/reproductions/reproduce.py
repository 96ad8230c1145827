"""Reproduction of a published table, cell by cell; finished runs are reused."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from emotone.corpora.labels import apply_labels, label_set
from emotone.errors import RunError, UsageError
from emotone.evaluation.run import evaluate_recipe, run_folder
from emotone.files import atomic_write
from emotone.fitting.resolve import resolve_any
from emotone.fitting.weights import find_weights
from emotone.protocols import protocol
from emotone.recipes.library import load_recipe, relabelled
from emotone.recipes.recipe import Recipe
from emotone.reproductions.base import CellResult, key_of, score_of, status_of
from emotone.reproductions.recipe_changes import changed
from emotone.scoring.finished_run import is_finished

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from emotone.evaluation.run import Evaluation, Progress
    from emotone.fitting.resolve import AnyResolved
    from emotone.fitting.weights import WeightsFile
    from emotone.recipes.library import AnyRecipe
    from emotone.reproductions.base import Cell, Paper, PublishedTable
    from emotone.types import Utterance

ROWS = "rows.json"
SCHEMA = "emotone.reproduction/1"


def reproduce(
    paper: Paper,
    table: PublishedTable,
    corpora: Mapping[str, Sequence[Utterance]],
    *,
    out: Path,
    sources: Mapping[str, str] | None = None,
    quick: bool = False,
    kept: bool = False,
    only: Sequence[str] = (),
    seeds: int = 1,
    workers: int = 1,
    progress: Callable[[Progress], None] | None = None,
    finished: Callable[[CellResult, Evaluation | None], None] | None = None,
) -> tuple[CellResult, ...]:
    """Return the result of every cell, and store which run each is from.

    Args:
        paper: publication of the table.
        table: what to reproduce.
        corpora: utterances with their canonical labels, by registry name.
        sources: files of weights by network, for recipes without a source. Without its weights, a cell is "data
            absent".
        out: folder of `KEY-TABLE`, which contains the runs and `rows.json` with the run of each cell. Tables that share
            runs have a common folder for them.
        quick: run only the cells that are marked as quick; of the others, return finished ones.
        kept: run nothing; return finished cells.
        only: run only the cells with all of these words in their corpus, row or column; of the others, return finished
            ones.
        seeds: trainings per fold.
        workers: number of processes.
        progress: called with the progress of a run.
        finished: called with the result of every cell, and its evaluation if there is one.

    Raises:
        UsageError: no cell has the words of `only`.
        SourceError: weights can't be read.
        RunError: a run has no score for its cell, because none of its recordings could be analysed.

    """
    if not any(cell.matches(only) for cell in table.cells):
        raise UsageError(
            f"no cell of {paper.key} {table.name} has all of: {', '.join(only)}; --kept lists the finished cells"
        )
    # Read and hashed once: there are many cells, and weights can be large.
    weights = {net: find_weights(source) for net, source in (sources or {}).items()}
    evaluations: dict[Path, Evaluation] = {}  # several cells can share a run, whose intervals take seconds
    results = []
    for cell in table.cells:
        selected = not kept and cell.matches(only) and (cell.quick or not quick)
        job = _job(paper, table, cell, corpora, weights=weights, out=out, seeds=seeds)
        evaluation = None
        if job is None:
            result = CellResult(cell, None, "data absent")
        elif not selected and not is_finished(job.folder):
            result = CellResult(cell, None, "not run")
        else:
            if job.folder not in evaluations:
                evaluations[job.folder] = job.evaluate(workers=workers, progress=progress)
            evaluation = evaluations[job.folder]
            result = _result(cell, evaluation, tolerance=table.tolerance)
        results.append(result)
        if finished is not None:
            finished(result, evaluation)
    _store(paper, table, results, folder=table_folder(paper, table, out=out))
    return tuple(results)


def missing_source(recipe: AnyRecipe) -> str:
    """Return the network, or the trunk of one, whose weights a recipe loads without naming a source; "" if none."""
    if not isinstance(recipe, Recipe) or recipe.transfer is None or recipe.transfer.source:
        return ""
    # A pre-training stage makes the weights.
    return "" if recipe.pretraining is not None else _network(recipe)


def needed_sources(table: PublishedTable) -> tuple[str, ...]:
    """Return the networks whose weights a table's recipes load without naming a source, in the order of the cells."""
    found = (missing_source(_recipe_of(cell, {})) for cell in table.cells)
    return tuple(dict.fromkeys(net for net in found if net))


def table_folder(paper: Paper, table: PublishedTable, *, out: Path) -> Path:
    """Return the folder of a table's stored rows, and of its runs unless it shares them."""
    return out / f"{paper.key}-{table.name}"


def runs_folder(paper: Paper, table: PublishedTable, *, out: Path) -> Path:
    """Return the folder of a table's runs."""
    return out / f"{paper.key}-{table.runs or table.name}"


@dataclass(frozen=True)
class _Job:
    """The evaluation of a cell.

    Attributes:
        recipe: with the cell's changes, labels and weights.
        utterances: with labels of the cell's label set.
        labels: those that occur, in the label set's order.
        protocol: name.
        out: folder of runs.
        seeds: trainings per fold.

    """

    recipe: AnyResolved
    utterances: tuple[Utterance, ...]
    labels: tuple[str, ...]
    protocol: str
    out: Path
    seeds: int

    @property
    def folder(self) -> Path:
        """Folder of the run."""
        return run_folder(
            self.out, self.recipe, self.utterances, protocol(self.protocol), labels=self.labels, seeds=self.seeds
        )

    def evaluate(self, *, workers: int, progress: Callable[[Progress], None] | None) -> Evaluation:
        """Return the evaluation; a finished one is read."""
        return evaluate_recipe(
            self.recipe,
            self.utterances,
            labels=self.labels,
            protocol_name=self.protocol,
            out=self.out,
            seeds=self.seeds,
            workers=workers,
            progress=progress,
        )


def _job(
    paper: Paper,
    table: PublishedTable,
    cell: Cell,
    corpora: Mapping[str, Sequence[Utterance]],
    *,
    weights: Mapping[str, WeightsFile],
    out: Path,
    seeds: int,
) -> _Job | None:
    """Return the evaluation of a cell, or None if corpora or weights are missing."""
    recipe = _recipe_of(cell, weights)
    if not cell.is_runnable(corpora) or missing_source(recipe):
        return None
    task = label_set(cell.labels)
    utterances = [each for name in table.run_corpora(cell, given=corpora) for each in corpora[name]]
    labelled, _ = apply_labels(utterances, task)
    return _Job(
        _resolved(recipe, weights),
        tuple(labelled),
        task.present_in(labelled),
        cell.protocol,
        runs_folder(paper, table, out=out),
        seeds,
    )


def _recipe_of(cell: Cell, weights: Mapping[str, WeightsFile]) -> AnyRecipe:
    """Return a cell's recipe with its changes and labels, and with the given weights of its network."""
    recipe = relabelled(changed(load_recipe(cell.recipe), cell.changes), cell.labels)
    net = missing_source(recipe)
    if isinstance(recipe, Recipe) and recipe.transfer is not None and net in weights:
        given = weights[net]
        return replace(recipe, transfer=replace(recipe.transfer, source=str(given.path), sha256=given.sha256))
    return recipe


def _resolved(recipe: AnyRecipe, weights: Mapping[str, WeightsFile]) -> AnyResolved:
    given = weights.get(_network(recipe))
    transfer = recipe.transfer if isinstance(recipe, Recipe) else None
    is_used = given is not None and transfer is not None and transfer.source == str(given.path)
    return resolve_any(recipe, weights=given if is_used else None)


def _network(recipe: AnyRecipe) -> str:
    """Return the network, or the trunk of one, whose weights a recipe loads; "" for a baseline."""
    return str(recipe.net.get("trunk", recipe.net["name"])) if isinstance(recipe, Recipe) else ""


def _result(cell: Cell, evaluation: Evaluation, *, tolerance: float) -> CellResult:
    score = score_of(cell, evaluation.scores)
    if score is None:
        raise RunError(f"{evaluation.folder} has no {cell.metric} of {cell.corpus}")
    return CellResult(cell, score, status_of(score, cell, tolerance=tolerance), evaluation.folder.name)


def _store(paper: Paper, table: PublishedTable, results: Sequence[CellResult], *, folder: Path) -> None:
    """Store the rows; a cell without a run keeps the run that is stored for it."""
    path = folder / ROWS
    before = {key_of(row): row for row in stored_rows(path)}
    rows = []
    for result in results:
        row = result.to_dict()
        rows.append(row if result.run else before.get(result.cell.key, row))
    with atomic_write(path, text=True) as stream:
        text = {"schema": SCHEMA, "paper": paper.key, "table": table.name, "rows": rows}
        stream.write(json.dumps(text, indent=1) + "\n")


def stored_rows(path: Path) -> list[dict[str, Any]]:
    """Return the rows in a file that `reproduce` wrote; none if there is no such file."""
    if not path.exists():
        return []
    rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["rows"]
    return rows
