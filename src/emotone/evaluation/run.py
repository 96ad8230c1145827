"""A recipe under a protocol: folds in parallel workers, one predictions table, named by what changes it."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

from emotone.config import signature, to_mapping
from emotone.corpora.base import CORPORA
from emotone.errors import RunError
from emotone.evaluation.folds import (
    FoldJob,
    judge,
    read_fold,
    read_problems,
    read_progress,
    run_fold,
    write_problems,
)
from emotone.evaluation.scores import scores_of
from emotone.evaluation.table import PredictionsTable
from emotone.features.store import FeatureStore, Problem
from emotone.files import atomic_write
from emotone.protocols import Leakage, audit, protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from emotone.evaluation.scores import Score
    from emotone.systems.bundle import Bundle
    from emotone.systems.recipe import Recipe
    from emotone.types import Utterance

RUN, TABLE = "run.json", "predictions.parquet"
SCHEMA = "emotone.evaluation/1"
POLL_SECONDS = 1.0


@dataclass(frozen=True)
class Evaluation:
    """A finished evaluation.

    Attributes:
        folder: holds `run.json` and `predictions.parquet`.
        protocol: name.
        table: every prediction.
        scores: computed from the table only.
        leakage: what training and test parts share; None for a model that is given.
        problems: recordings that could not be used.

    """

    folder: Path
    protocol: str
    table: PredictionsTable
    scores: tuple[Score, ...]
    leakage: Leakage | None
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class Report:
    """What the progress callback hears: a stage, how much of it is done, and how much there is."""

    stage: str
    done: float
    total: float


def evaluate_recipe(
    recipe: Recipe,
    utterances: Sequence[Utterance],
    *,
    labels: tuple[str, ...],
    protocol_name: str,
    out: Path,
    seeds: int = 1,
    workers: int = 1,
    progress: Callable[[Report], None] | None = None,
) -> Evaluation:
    """Train and judge every fold of a protocol with every seed, and return the predictions and scores.

    The run's folder is named by its signature: asked twice, it is computed once; cut off, it goes on.

    Args:
        recipe: what to train; seeds count up from its own.
        utterances: with labels from `labels`.
        labels: in the order of the net's logits.
        protocol_name: see `emotone.protocols`.
        out: folder of runs.
        seeds: how often everything is done anew.
        workers: processes that train folds side by side.
        progress: hears how far it is.

    Raises:
        RunError: the protocol can't divide these utterances, or nothing is left to train on.

    """
    if seeds < 1 or workers < 1:
        raise RunError(f"seeds and workers must be at least 1; given {seeds} and {workers}")
    division = protocol(protocol_name)
    data = [(utterance.key, utterance.label) for utterance in utterances]
    name = signature(recipe.signature, division.name, division.version, seeds, sorted(data), list(labels))
    folder = out / f"{recipe.name}-{division.name}-{name}"
    usable, problems = _usable(recipe, utterances, workers=workers, progress=progress)
    jobs: list[FoldJob] = []
    leakage = None
    for seed in range(recipe.seed, recipe.seed + seeds):
        folds = division.folds(usable, seed=seed)
        leakage = leakage or audit(folds, usable)
        jobs += [
            FoldJob(
                recipe=replace(recipe, seed=seed),
                utterances=usable,
                fold=fold,
                labels=labels,
                protocol=division.name,
                system=name,
                folder=folder / "folds" / f"{seed}-{fold.name}",
                threads=1,
            )
            for fold in folds
        ]
    if (folder / TABLE).exists():
        problems += read_problems(folder)
    else:
        problems += _run_jobs(jobs, workers=workers, progress=progress)
        write_problems(folder, problems)
        PredictionsTable.concat([read_fold(job) for job in jobs]).write(folder / TABLE)
    problems = list(dict.fromkeys(problems))
    table = PredictionsTable.read(folder / TABLE)
    scores = tuple(scores_of(table, speaker_independent=division.speaker_independent))
    about = {
        "recipe": to_mapping(recipe.expanded()),
        "protocol": {"name": division.name, "version": division.version, "folds": len(jobs) // seeds},
        "seeds": seeds,
    }
    _write_run(folder, about, scores=scores, leakage=leakage, problems=problems)
    shutil.rmtree(folder / "folds", ignore_errors=True)  # all of it is in the table now
    return Evaluation(folder, division.name, table, scores, leakage, tuple(problems))


def evaluate_model(
    bundle: Bundle,
    utterances: Sequence[Utterance],
    *,
    out: Path,
    progress: Callable[[Report], None] | None = None,
) -> Evaluation:
    """Judge utterances that a finished model is given, as a held-out test; nothing is trained.

    The caller must say where the model has seen these corpora in training: then the scores say nothing.
    """
    name = signature(bundle.sha256, sorted((utterance.key, utterance.label) for utterance in utterances))
    folder = out / f"{bundle.manifest.name}-held-out-{name}"
    problems: tuple[Problem, ...]
    if (folder / TABLE).exists():
        problems = read_problems(folder)
    else:
        done = 0

        def count(step: int) -> None:
            nonlocal done
            done += step
            if progress is not None:
                progress(Report("judging", done, len(utterances)))

        table, problems = judge(
            bundle, utterances, protocol="held-out", fold="all", seed=0, system=bundle.sha256[:12], progress=count
        )
        write_problems(folder, problems)
        table.write(folder / TABLE)
    table = PredictionsTable.read(folder / TABLE)
    seen = set(bundle.manifest.training.corpora) & {utterance.corpus for utterance in utterances}
    # A table of somebody's own may hold the very recordings of a corpus under another name: then nobody knows.
    named = {utterance.corpus for utterance in utterances} | set(bundle.manifest.training.corpora)
    independent = False if seen else True if named <= set(CORPORA.names) else None
    scores = tuple(scores_of(table, speaker_independent=independent))
    about: dict[str, Any] = {
        "model": {"name": bundle.manifest.name, "version": bundle.manifest.version, "sha256": bundle.sha256}
    }
    about["protocol"] = {"name": "held-out", "trained_on": sorted(seen)}
    _write_run(folder, about, scores=scores, leakage=None, problems=problems)
    return Evaluation(folder, "held-out", table, scores, None, tuple(problems))


def _usable(
    recipe: Recipe, utterances: Sequence[Utterance], *, workers: int, progress: Callable[[Report], None] | None
) -> tuple[tuple[Utterance, ...], list[Problem]]:
    """Return the utterances whose features can be computed, which the store keeps for the workers, and the others."""
    done = 0

    def count(step: int) -> None:
        nonlocal done
        done += step
        if progress is not None:
            progress(Report("features", done, len(utterances)))

    store = FeatureStore(recipe.feature_name, recipe.feature)
    extracted = store.extract(utterances, workers=workers, progress=count)
    return extracted.usable(utterances), list(extracted.problems)


def _run_jobs(jobs: list[FoldJob], *, workers: int, progress: Callable[[Report], None] | None) -> list[Problem]:
    problems: list[Problem] = []
    if workers == 1:
        for done, job in enumerate(jobs):
            if progress is not None:
                progress(Report("folds", done, len(jobs)))
            problems.extend(run_fold(job))
        return problems
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        running = {pool.submit(run_fold, job) for job in jobs}
        while running:
            finished, running = wait(running, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
            for future in finished:
                problems.extend(future.result())
            if progress is not None:
                progress(Report("folds", _folds_done(jobs, len(jobs) - len(running)), len(jobs)))
    return problems


def _folds_done(jobs: list[FoldJob], finished: int) -> float:
    """Return finished folds, with the share of the epochs of those that are under way."""
    shares = [(read_progress(job.folder) or 0) / job.recipe.training.epochs for job in jobs]
    return finished + sum(shares)


def _write_run(
    folder: Path,
    about: dict[str, Any],
    *,
    scores: Sequence[Score],
    leakage: Leakage | None,
    problems: Sequence[Problem],
) -> None:
    text = {
        "schema": SCHEMA,
        **about,
        "scores": [score.to_dict() for score in scores],
        "leakage": leakage.to_dict() if leakage is not None else None,
        "problems": [asdict(problem) for problem in problems],
    }
    with atomic_write(folder / RUN, text=True) as stream:
        stream.write(json.dumps(text, indent=1) + "\n")
