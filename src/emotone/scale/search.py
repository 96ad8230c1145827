"""The search for settings of a recipe: trials in several processes, each an evaluation in the folder of runs.

A trial trains the recipe with other settings in folds of the given recordings that share no speaker, and its value is
the score over all of them. Optuna proposes the settings, stores what was tried, and stops trials that are worse than
most others after the same folds. Needs the extra `tune`.

Reference: Akiba et al., Optuna: A next-generation hyperparameter optimization framework, KDD 2019. The sampler is TPE:
Bergstra et al., Algorithms for hyper-parameter optimization, NeurIPS 2011.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor, wait
from dataclasses import dataclass, replace
from multiprocessing import get_context
from typing import TYPE_CHECKING

import numpy as np

from emotone.config import signature
from emotone.errors import RunError, UsageError, unknown_name
from emotone.evaluation.run import evaluate_recipe
from emotone.fitting.embedding import ResolvedEmbedding
from emotone.fitting.resolve import resolve_any
from emotone.metrics.classification import accuracy, macro_f1, unweighted_average_recall
from emotone.protocols import protocol
from emotone.recipes.embedding_recipe import EmbeddingRecipe
from emotone.scale.trials import Trials
from emotone.scoring.predictions import WHOLE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from emotone.fitting.resolve import AnyResolved
    from emotone.metrics.classification import MetricName
    from emotone.recipes.library import AnyRecipe
    from emotone.scale.search_space import SearchSpace
    from emotone.scale.trials import RunningTrial
    from emotone.scoring.predictions import PredictionsTable
    from emotone.types import Utterance

VERSION = 1  # of how a search is defined
METRICS = {"uar": unweighted_average_recall, "accuracy": accuracy, "macro-f1": macro_f1}
POLL_SECONDS = 1.0


@dataclass(frozen=True, eq=False)
class Search:
    """What is searched for.

    Attributes:
        recipe: whose settings are varied.
        space: the settings.
        utterances: the training part, with labels from `labels`.
        labels: in the order of the probabilities.
        folds: number of parts without common speakers into which the utterances are divided.
        metric: of whole recordings, mean over corpora; corpora of ordinary speech are never tested.
        seed: of the proposals.

    """

    recipe: AnyRecipe
    space: SearchSpace
    utterances: tuple[Utterance, ...]
    labels: tuple[str, ...]
    folds: int = 3
    metric: MetricName = "uar"
    seed: int = 0

    @property
    def protocol(self) -> str:
        """Name of the protocol of every trial."""
        return f"speaker-folds-{self.folds}"

    @property
    def name(self) -> str:
        """`RECIPE-tune-HASH`: the same settings and recordings continue the same search."""
        data = sorted((one.key, one.label) for one in self.utterances)
        found = signature(
            VERSION, self.recipe, self.space, data, list(self.labels), self.protocol, self.metric, self.seed
        )
        return f"{self.recipe.name}-tune-{found}"

    def score(self, table: PredictionsTable) -> float:
        """Return the metric of whole recordings, mean over corpora."""
        whole = table.segment == WHOLE
        values = [
            METRICS[self.metric](table.truth[rows], table.prediction[rows], labels=table.labels)
            for corpus in table.corpora
            for rows in [whole & (table.corpus == corpus)]
        ]
        return float(np.mean(values))


def run_search(
    search: Search,
    *,
    runs: Path,
    storage: str,
    trials: int,
    workers: int = 1,
    report: Callable[[str], None] = lambda _: None,
    progress: Callable[[int], None] | None = None,
) -> Trials:
    """Run trials until there are as many as asked for, those of earlier processes included; return all.

    Args:
        search: what is searched for.
        runs: folder of runs; the search has its own folder there.
        storage: see `emotone.scale.trials.Trials.open`.
        trials: number of finished ones.
        workers: processes that run trials at the same time, besides those of other machines.
        report: called with a line after each trial.
        progress: called with the number of recordings whose features were computed since the last call.

    Raises:
        UsageError: numbers out of range, or another search has the same storage.
        RunError: the recordings can't be divided, or a trial can't be trained.
        MissingExtraError: something that is needed is not installed.

    """
    if trials < 1 or workers < 1:
        raise UsageError(f"trials and workers must be at least 1; given {trials} and {workers}")
    speakers = {one.speaker_key for one in search.utterances}
    if len(speakers) < search.folds:
        raise RunError(
            f"{search.folds} folds without common speakers need {search.folds} speakers; there are {len(speakers)}: "
            "give more recordings, or lower --folds"
        )
    study = Trials.open(search.name, storage=storage, folder=runs / search.name, seed=search.seed)
    study.recover()
    study.begin(search.space)
    # Once, so that trials find the features in the store: a trial that changes the front end computes its own.
    resolve_any(search.recipe).extract(search.utterances, workers=workers, progress=progress)
    if workers == 1:
        _work(search, study, runs=runs, trials=trials, report=report)
        return study
    seen = len(study.finished())
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        running = {pool.submit(work, search, runs=runs, storage=storage, trials=trials) for _ in range(workers)}
        while running:
            done, running = wait(running, timeout=POLL_SECONDS)
            for future in done:
                future.result()
            finished = study.finished()
            if len(finished) > seen:
                report(study.line(trials))
            seen = len(finished)
    return study


def work(search: Search, *, runs: Path, storage: str, trials: int) -> None:
    """Run trials in this process until there are enough."""
    study = Trials.open(search.name, storage=storage, folder=runs / search.name, seed=search.seed)
    _work(search, study, runs=runs, trials=trials)


def _resolved(search: Search, own: AnyResolved, trial: RunningTrial) -> AnyResolved:
    """Return the recipe of a trial; an encoder is built and hashed again only if its settings are varied."""
    recipe = search.space.applied(search.recipe, trial.settings)
    if not isinstance(recipe, EmbeddingRecipe) or not isinstance(own, ResolvedEmbedding):
        return resolve_any(recipe)
    return replace(own, recipe=recipe) if recipe.encoder == own.recipe.encoder else resolve_any(recipe)


def _work(
    search: Search, study: Trials, *, runs: Path, trials: int, report: Callable[[str], None] = lambda _: None
) -> None:
    own = resolve_any(search.recipe)
    with study.worker() as worker:
        while (trial := worker.ask(search.space, trials=trials)) is not None:
            with trial.running():
                _run_trial(search, trial, _resolved(search, own, trial), runs=runs)
            report(study.line(trials))


def _run_trial(search: Search, trial: RunningTrial, resolved: AnyResolved, *, runs: Path) -> None:
    def report(table: PredictionsTable) -> None:
        trial.report(len(np.unique(table.fold)), search.score(table))

    result = evaluate_recipe(
        resolved,
        search.utterances,
        labels=search.labels,
        protocol_name=search.protocol,
        out=runs,
        on_fold=report,
    )
    trial.finish(search.score(result.table), run=result.folder.name)


def training_part(
    utterances: Sequence[Utterance], protocol_name: str, *, fold: str = "", seed: int = 1
) -> tuple[Utterance, ...]:
    """Return the utterances that a protocol trains and develops on; its test part is left out.

    Args:
        utterances: all.
        protocol_name: see `emotone.protocols`.
        fold: name of the fold; "" is allowed where there is one.
        seed: of the recipe.

    Raises:
        UsageError: no such fold, or several folds and none was named.
        RunError: the protocol does not apply to these utterances.

    """
    folds = {one.name: one for one in protocol(protocol_name).folds(utterances, seed=seed)}
    if not fold and len(folds) > 1:
        raise UsageError(
            f"{protocol_name} has {len(folds)} folds, and settings must not be chosen on recordings that test them; "
            f"search in one fold at a time, with --fold: {', '.join(folds)}"
        )
    if fold and fold not in folds:
        raise unknown_name(f"fold of {protocol_name}", fold, folds)
    chosen = folds[fold] if fold else next(iter(folds.values()))
    kept = {*chosen.train, *chosen.dev}
    return tuple(one for one in utterances if one.key in kept)
