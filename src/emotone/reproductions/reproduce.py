"""Reproduction of a published table, cell by cell; finished runs are reused."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from emotone.config import to_mapping
from emotone.corpora.labels import apply_labels, label_set
from emotone.errors import RunError, UsageError
from emotone.evaluation.run import division_of, evaluate_recipe, finished_in, run_folder
from emotone.fitting.resolve import resolve_any
from emotone.fitting.weights import find_weights
from emotone.recipes.library import load_recipe, relabelled
from emotone.recipes.recipe import Recipe
from emotone.reproductions.base import CellResult
from emotone.reproductions.cells import CombinedJob, changed
from emotone.reproductions.stored import result_of, runs_folder, store_rows, stored_runs
from emotone.scoring.finished_run import read_run
from emotone.scoring.operating_points import check_same_system
from emotone.scoring.scores import scores_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from emotone.evaluation.run import Evaluation, Progress
    from emotone.fitting.resolve import AnyResolved
    from emotone.fitting.weights import WeightsFile
    from emotone.protocols import Protocol
    from emotone.recipes.library import AnyRecipe
    from emotone.reproductions.base import Cell, Paper, PublishedTable
    from emotone.reproductions.cells import Job
    from emotone.scoring.scores import Score
    from emotone.types import Utterance


def reproduce(
    paper: Paper,
    table: PublishedTable,
    corpora: Mapping[str, Sequence[Utterance]],
    *,
    out: Path,
    stored: Path | None = None,
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

    Finished runs in `out` and in `stored` are used. So are those whose corpora are not given, or only in part: the
    stored run of a cell that can't be run is its result, and so is one with the same training that tested further
    corpora.

    Args:
        paper: publication of the table.
        table: what to reproduce.
        corpora: utterances with their canonical labels, by registry name.
        sources: files of weights by network, for recipes without a source. Without its weights, a cell is "data
            absent", unless it has a stored run.
        out: folder of results; `out/KEY` contains the runs, and `tables.json` with the run of each cell.
        stored: another folder of results with finished runs, such as `results` of the repository; it is not changed.
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
    scores: dict[Path, tuple[Score, ...]] = {}
    places = [out] if stored is None else [out, stored]
    runs = stored_runs(paper, table, places)
    results = []
    for cell in table.cells:
        selected = not kept and cell.matches(only) and (cell.quick or not quick)
        job = _job(paper, table, cell, corpora, weights=weights, places=places, seeds=seeds)
        run = runs.get(cell.key)
        evaluation = None
        if run is not None and (job is None or (cell.train_corpus and not job.finished and job.is_part_of(run))):
            if run not in scores:
                scores[run] = tuple(scores_of(read_run(run).predictions))
            result = result_of(cell, scores[run], run=run, tolerance=table.tolerance)
        elif job is None:
            result = CellResult(cell, None, "data absent")
        elif not selected and not job.finished:
            result = CellResult(cell, None, "not run")
        else:
            if job.folder not in evaluations:
                evaluations[job.folder] = job.evaluate(workers=workers, progress=progress)
            evaluation = evaluations[job.folder]
            result = result_of(cell, evaluation.scores, run=evaluation.folder, tolerance=table.tolerance)
        results.append(result)
        if finished is not None:
            finished(result, evaluation)
    store_rows(paper, table, [result.to_dict() for result in results], out=out)
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


@dataclass(frozen=True)
class _Job:
    """The evaluation of a cell.

    Attributes:
        recipe: with the cell's changes, labels and weights.
        utterances: with labels of the cell's label set.
        labels: those that occur, in the label set's order.
        protocol: name.
        runs: folders of runs; the first is written to.
        seeds: trainings per fold.

    """

    recipe: AnyResolved
    utterances: tuple[Utterance, ...]
    labels: tuple[str, ...]
    protocol: str
    runs: tuple[Path, ...]
    seeds: int

    @property
    def division(self) -> Protocol:
        """The protocol of the recipe on these utterances."""
        return division_of(self.recipe, self.protocol, self.utterances)

    @property
    def folder(self) -> Path:
        """Folder of the run, if it is not stored elsewhere."""
        return run_folder(
            self.runs[0], self.recipe, self.utterances, self.division, labels=self.labels, seeds=self.seeds
        )

    @property
    def finished(self) -> bool:
        """Whether the run is in one of the folders."""
        return finished_in(self.folder, self.runs[1:]) is not None

    def is_part_of(self, run: Path) -> bool:
        """Return whether a finished run has the same settings and labels, and tested all of these clips."""
        found = read_run(run)
        try:
            check_same_system({"recipe": to_mapping(self.recipe.recipe)}, found.about, where=run)
        except RunError:
            return False
        division = self.division
        described = found.about["protocol"]["name"], found.about["seeds"], found.predictions.labels
        tested = {key for fold in division.folds(self.utterances, seed=self.recipe.seed) for key in fold.test}
        wanted = {(each.key, each.label) for each in self.utterances if each.key in tested}
        whole, given = found.whole, {each.corpus for each in self.utterances}
        there = {
            (str(key), str(label))
            for key, label, corpus in zip(whole.utterance, whole.truth, whole.corpus, strict=True)
            if str(corpus) in given
        }
        return (
            described == (division.name, self.seeds, self.labels)
            and there <= wanted
            and {key for key, _ in wanted - there} <= found.problems.keys()
        )

    def evaluate(self, *, workers: int, progress: Callable[[Progress], None] | None) -> Evaluation:
        """Return the evaluation; a finished one is read."""
        return evaluate_recipe(
            self.recipe,
            self.utterances,
            labels=self.labels,
            protocol_name=self.protocol,
            out=self.runs[0],
            stored=self.runs[1:],
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
    places: Sequence[Path],
    seeds: int,
) -> Job | None:
    """Return the evaluation of a cell, or None if corpora or weights are missing."""
    if cell.combination is not None:
        parts = (replace(cell, recipe=name, combination=None) for name in cell.combination.recipes)
        found = [_job(paper, table, part, corpora, weights=weights, places=places, seeds=seeds) for part in parts]
        members = tuple(each for each in found if each is not None)
        stored = tuple(runs_folder(paper, out=out) for out in places[1:])
        return CombinedJob(cell.combination, members, stored) if len(members) == len(found) else None
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
        tuple(runs_folder(paper, out=out) for out in places),
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
