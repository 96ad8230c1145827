"""A published table made again, cell by cell; what is finished already is not computed again."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from emotone.corpora.labels import apply_labels, label_set
from emotone.errors import RunError, UsageError
from emotone.evaluation.run import evaluate_recipe, run_folder
from emotone.files import atomic_write
from emotone.fitting.resolve import resolve_any
from emotone.fitting.weights import find_weights
from emotone.protocols import protocol
from emotone.recipes.library import load_recipe, relabelled
from emotone.recipes.recipe import Recipe
from emotone.reproductions.base import Row, compared, score_of
from emotone.reproductions.recipe_changes import changed
from emotone.scoring.finished_run import is_finished

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from emotone.evaluation.run import Evaluation, Progress
    from emotone.fitting.resolve import AnyResolved
    from emotone.fitting.weights import WeightsFile
    from emotone.recipes.library import AnyRecipe
    from emotone.reproductions.base import Cell, Paper, Table
    from emotone.types import Utterance

ROWS = "rows.json"
SCHEMA = "emotone.reproduction/1"


def reproduce(
    paper: Paper,
    table: Table,
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
    finished: Callable[[Row, Evaluation | None], None] | None = None,
) -> tuple[Row, ...]:
    """Return every cell beside what was measured, and keep which run each is from.

    Args:
        paper: whose table it is.
        table: what to make again.
        corpora: utterances with their canonical labels, by registry name.
        sources: weights to take over, by the name of the net that takes them, for recipes that leave open from where.
            A cell whose weights are not given is "data absent".
        out: gets the folder `KEY-TABLE`, with a run for each cell and `rows.json`, which tells which is whose; tables
            that share their runs keep those in a folder of their own.
        quick: run only the cells that are marked so; of the others, tell what is finished.
        kept: run nothing, and tell what is finished.
        only: run only the cells in whose corpus, setting and column each of these words occurs; of the others as with
            `quick`.
        seeds: trainings per fold.
        workers: processes.
        progress: hears how far a cell is.
        finished: hears of every cell, as it is done.

    """
    folder = folder_of(paper, table, out=out)
    rows = []
    # Read and hashed once: there are many cells, and weights can be large.
    weights = {net: find_weights(source) for net, source in (sources or {}).items()}
    if not any(cell.has(only) for cell in table.cells):
        raise UsageError(
            f"no cell of {paper.key} {table.name} has all of: {', '.join(only)}; --kept shows what there is"
        )
    known: dict[Path, Evaluation] = {}  # several cells may be of one run, whose intervals take seconds
    for cell in table.cells:
        recipe = _recipe_of(cell, weights)
        if not cell.can_be_run(corpora) or lacking_source(recipe):
            row, evaluation = Row(cell, None, "data absent"), None
        else:
            taking_part = [each for name in table.run_of(cell, given=corpora) for each in corpora[name]]
            resolved = _resolved(recipe, weights)
            asked = _Asked.of(cell, resolved, taking_part, out=runs_of(paper, table, out=out), seeds=seeds)
            place = asked.folder
            if (kept or not cell.has(only) or (quick and not cell.quick)) and not is_finished(place):
                row, evaluation = Row(cell, None, "not run"), None
            else:
                if place not in known:
                    known[place] = asked.evaluate(workers=workers, progress=progress)
                evaluation = known[place]
                row = _row(cell, evaluation, tolerance=table.tolerance)
        rows.append(row)
        if finished is not None:
            finished(row, evaluation)
    _keep(paper, table, rows, folder=folder)
    return tuple(rows)


def _recipe_of(cell: Cell, weights: Mapping[str, WeightsFile]) -> AnyRecipe:
    """Return a cell's recipe with its changes and labels, and with the weights that are given for its net."""
    recipe = relabelled(changed(load_recipe(cell.recipe), cell.changes), cell.labels)
    net = lacking_source(recipe)
    if isinstance(recipe, Recipe) and recipe.transfer is not None and net in weights:
        given = weights[net]
        return replace(recipe, transfer=replace(recipe.transfer, source=str(given.path), sha256=given.sha256))
    return recipe


def lacking_source(recipe: AnyRecipe) -> str:
    """Return the net, or the trunk of one, whose weights a recipe takes over and leaves open from where; "" if none."""
    if not isinstance(recipe, Recipe) or recipe.transfer is None or recipe.transfer.source:
        return ""
    # What is pre-trained takes over its own weights.
    return "" if recipe.pretraining is not None else _net_of(recipe)


def _resolved(recipe: AnyRecipe, weights: Mapping[str, WeightsFile]) -> AnyResolved:
    given = weights.get(_net_of(recipe))
    transfer = recipe.transfer if isinstance(recipe, Recipe) else None
    used = given is not None and transfer is not None and transfer.source == str(given.path)
    return resolve_any(recipe, weights=given if used else None)


def _net_of(recipe: AnyRecipe) -> str:
    """Return the network, or the trunk of one, whose weights a recipe loads; "" for a baseline."""
    return str(recipe.net.get("trunk", recipe.net["name"])) if isinstance(recipe, Recipe) else ""


def needed_sources(table: Table) -> tuple[str, ...]:
    """Return the nets whose weights a table's recipes leave open, in the order of the cells."""
    found = (lacking_source(_recipe_of(cell, {})) for cell in table.cells)
    return tuple(dict.fromkeys(net for net in found if net))


def folder_of(paper: Paper, table: Table, *, out: Path) -> Path:
    """Return the folder of a table's rows, and of its runs where it does not share them."""
    return out / f"{paper.key}-{table.name}"


def runs_of(paper: Paper, table: Table, *, out: Path) -> Path:
    """Return the folder of a table's runs."""
    return out / f"{paper.key}-{table.runs or table.name}"


@dataclass(frozen=True)
class _Asked:
    """The evaluation that a cell is measured in.

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

    @classmethod
    def of(cls, cell: Cell, recipe: AnyResolved, utterances: Sequence[Utterance], *, out: Path, seeds: int) -> _Asked:
        task = label_set(cell.labels)
        labelled, _ = apply_labels(utterances, task)
        return cls(recipe, tuple(labelled), task.present_in(labelled), cell.protocol, out, seeds)

    @property
    def folder(self) -> Path:
        division = protocol(self.protocol)
        return run_folder(self.out, self.recipe, self.utterances, division, labels=self.labels, seeds=self.seeds)

    def evaluate(self, *, workers: int, progress: Callable[[Progress], None] | None) -> Evaluation:
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


def _row(cell: Cell, evaluation: Evaluation, *, tolerance: float) -> Row:
    score = score_of(cell, evaluation.scores)
    if score is None:  # none of its recordings could be judged
        raise RunError(f"{evaluation.folder} has no {cell.metric} of {cell.corpus}")
    return Row(cell, score, compared(score, cell, tolerance=tolerance), evaluation.folder.name)


def _keep(paper: Paper, table: Table, rows: Sequence[Row], *, folder: Path) -> None:
    """Keep the rows; a cell that was not run this time keeps the run that an earlier time has made."""
    path = folder / ROWS
    before: dict[tuple[Any, ...], dict[str, Any]] = {}
    if path.exists():
        kept = json.loads(path.read_text(encoding="utf-8"))["rows"]
        before = {(row["setting"], row["corpus"], row["metric"]): row for row in kept}
    told = []
    for row in rows:
        values = row.to_dict()
        earlier = before.get((values["setting"], values["corpus"], values["metric"]))
        told.append(earlier if not row.run and earlier is not None else values)
    with atomic_write(path, text=True) as stream:
        text = {"schema": SCHEMA, "paper": paper.key, "table": table.name, "rows": told}
        stream.write(json.dumps(text, indent=1) + "\n")
