"""Evaluation of a recipe under a protocol; the result is a folder named by its signature."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

from emotone.config import signature, to_mapping
from emotone.errors import RunError
from emotone.evaluation.folds import (
    TUNING,
    VECTOR_RECIPES,
    FoldJob,
    read_fold,
    read_problems,
    read_progress,
    run_fold,
    write_problems,
)
from emotone.evaluation.identity import identities
from emotone.features.functionals.fingerprint import NEAR_DUPLICATE, fingerprints
from emotone.features.store import ExtractionProblem
from emotone.files import write_json
from emotone.fitting.embedding import ResolvedEmbedding
from emotone.protocols import SPEAKER_SCALED, Leakage, audit, protocol
from emotone.scoring.finished_run import SCHEMA, STAGES, TABLE, VALIDATION, is_finished, read_run, write_description
from emotone.scoring.predictions import PredictionsTable
from emotone.scoring.scores import scores_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from emotone.corpora.content import Overlap
    from emotone.features.store import ExtractionResult
    from emotone.fitting.resolve import AnyResolved
    from emotone.protocols import Protocol
    from emotone.scoring.scores import Score
    from emotone.types import Fold, Utterance

POLL_SECONDS = 1.0


@dataclass(frozen=True)
class Evaluation:
    """A finished evaluation.

    Attributes:
        folder: contains `run.json` and `predictions.parquet`.
        protocol: name.
        table: every prediction.
        scores: computed from the table.
        leakage: overlap of training and test parts; None for a finished model.
        problems: recordings that could not be used.
        notes: caveats about the protocol on these recordings.
        requested: the protocol as requested: `protocol` does not contain the path of files that were read.
        training_overlap: of a finished model, the clips whose recordings occur in its training data; None if unknown.
        reused: whether it was finished before.

    """

    folder: Path
    protocol: str
    table: PredictionsTable
    scores: tuple[Score, ...]
    leakage: Leakage | None
    problems: tuple[ExtractionProblem, ...]
    notes: tuple[str, ...] = ()
    requested: str = ""
    training_overlap: Overlap | None = None
    reused: bool = False


@dataclass(frozen=True)
class Progress:
    """The argument of progress callbacks: a stage, how much of it is done, and its total."""

    stage: str
    done: float
    total: float


def evaluate_recipe(
    recipe: AnyResolved,
    utterances: Sequence[Utterance],
    *,
    labels: tuple[str, ...],
    protocol_name: str,
    out: Path,
    stored: Sequence[Path] = (),
    seeds: int = 1,
    workers: int = 1,
    progress: Callable[[Progress], None] | None = None,
    on_fold: Callable[[PredictionsTable], None] | None = None,
) -> Evaluation:
    """Train and test every fold of a protocol with every seed, and return the predictions and scores.

    The folder of the run is named by its signature: repeated runs are cached, interrupted ones resume.

    Args:
        recipe: what to train; seeds count up from its own.
        utterances: with labels from `labels`.
        labels: in the order of the network's outputs.
        protocol_name: see `emotone.protocols`.
        out: folder of runs.
        stored: folders with further finished runs, which are used and not changed.
        seeds: number of training runs per fold.
        workers: number of processes that train folds in parallel.
        progress: called with the progress.
        on_fold: called after each fold with the predictions of all finished ones, in the order of the protocol if
            there is one worker; the evaluation ends with what it raises, and can be resumed.

    Raises:
        RunError: the protocol does not apply to these utterances, or no training data are left.

    """
    if seeds < 1 or workers < 1:
        raise RunError(f"seeds and workers must be at least 1; given {seeds} and {workers}")
    division = division_of(recipe, protocol_name, utterances)
    if division.scaling == "speaker" and not isinstance(recipe, VECTOR_RECIPES):
        raise RunError(
            f"{division.name} scales each speaker's values by that speaker's own statistics, and the net of "
            f"{recipe.name} takes recordings as they are; choose {protocol_name.removesuffix(SPEAKER_SCALED)}"
        )
    folder = run_folder(out, recipe, utterances, division, labels=labels, seeds=seeds)
    found = finished_in(folder, stored)
    if found is not None:
        return replace(_cached(found, division, utterances), requested=protocol_name)
    counter = stage_counter("features", len(utterances), progress)
    extracted = recipe.extract(utterances, workers=workers, progress=counter)
    usable = extracted.usable(utterances)
    # The signature depends on the usable recordings.
    folder = run_folder(out, recipe, usable, division, labels=labels, seeds=seeds)
    found = finished_in(folder, stored)
    if found is not None:  # with the same recordings missing
        cached = _cached(found, division, utterances)
        return replace(cached, requested=protocol_name, problems=_merge_problems(cached.problems, extracted.problems))
    jobs = _jobs(recipe, usable, extracted, division, labels=labels, seeds=seeds, folder=folder)
    first = [job.fold for job in jobs if job.recipe.seed == recipe.seed]  # other seeds have the same overlap
    audited = [_merged(fold) for fold in first] if isinstance(recipe, VECTOR_RECIPES) else first
    leakage = _audited(audited, usable, division=division, workers=workers, progress=progress)
    if not (folder / TABLE).exists():
        problems = [*extracted.problems, *_run_jobs(jobs, workers=workers, progress=progress, on_fold=on_fold)]
        write_problems(folder, list(dict.fromkeys(problems)))
        _write_choices(jobs, folder)
        _write_validation(jobs, folder)
        PredictionsTable.concat([read_fold(job) for job in jobs]).write(folder / TABLE)
    table = PredictionsTable.read(folder / TABLE)
    scores = tuple(scores_of(table, speaker_independent=_is_independent(division, leakage)))
    about = _about(recipe, division, usable, folds=len(jobs) // seeds, seeds=seeds) | {"tuning": _read_tuning(folder)}
    problems_kept = _merge_problems(_of_utterances(read_problems(folder), utterances), extracted.problems)
    write_run(folder, about, scores=scores, leakage=leakage, problems=problems_kept)
    shutil.rmtree(folder / "folds", ignore_errors=True)  # the table contains their predictions
    return Evaluation(
        folder, division.name, table, scores, leakage, problems_kept, division.notes(usable), protocol_name
    )


def division_of(recipe: AnyResolved, protocol_name: str, utterances: Sequence[Utterance]) -> Protocol:
    """Return the protocol by its name; corpora that train no emotion of the recipe are in every training part."""
    never_tested = recipe.training_only if isinstance(recipe, ResolvedEmbedding) else ()
    given = {utterance.corpus for utterance in utterances}
    return protocol(protocol_name, training_only=tuple(name for name in never_tested if name in given))


def _jobs(
    recipe: AnyResolved,
    utterances: tuple[Utterance, ...],
    extracted: ExtractionResult,
    division: Protocol,
    *,
    labels: tuple[str, ...],
    seeds: int,
    folder: Path,
) -> list[FoldJob]:
    """Return every fold of every seed, seed by seed."""
    system = run_signature(recipe, utterances, division, labels=labels, seeds=seeds)
    return [
        FoldJob(
            recipe=recipe.with_seed(seed),
            utterances=utterances,
            fold=fold,
            labels=labels,
            protocol=division.name,
            system=system,
            folder=folder / "folds" / f"{seed}-{fold.name}",
            normalisation=division.scaling,
            features=extracted.features if isinstance(recipe, VECTOR_RECIPES) else None,
        )
        for seed in range(recipe.seed, recipe.seed + seeds)
        for fold in division.folds(utterances, seed=seed)
    ]


def _about(
    recipe: AnyResolved, division: Protocol, utterances: Sequence[Utterance], *, folds: int, seeds: int
) -> dict[str, Any]:
    """Return the description of a run: recipe, protocol and seeds."""
    return {
        "recipe": to_mapping(recipe.recipe),
        "protocol": {
            "name": division.name,
            "version": division.version,
            "folds": folds,
            "title": division.title,
            "normalisation": division.scaling,
            "covering": division.covering,
            "notes": list(division.notes(utterances)),
        },
        "seeds": seeds,
    }


def run_signature(
    recipe: AnyResolved, utterances: Sequence[Utterance], division: Protocol, *, labels: tuple[str, ...], seeds: int
) -> str:
    """Return the hash of everything that changes the result; the folder is `RECIPE-PROTOCOL-HASH`."""
    return signature(recipe.signature, *division.signature, seeds, identities(utterances), list(labels))


def run_folder(
    out: Path,
    recipe: AnyResolved,
    utterances: Sequence[Utterance],
    division: Protocol,
    *,
    labels: tuple[str, ...],
    seeds: int,
) -> Path:
    """Return the folder of an evaluation in the folder of runs."""
    name = run_signature(recipe, utterances, division, labels=labels, seeds=seeds)
    return out / f"{recipe.name}-{division.name}-{name}"


def finished_in(folder: Path, stored: Sequence[Path]) -> Path | None:
    """Return the folder of a finished run, or the one of the same name in other folders of runs; None if neither is."""
    places = (folder, *(root / folder.name for root in stored))
    return next((place for place in places if is_finished(place)), None)


def _cached(folder: Path, division: Protocol, utterances: Sequence[Utterance]) -> Evaluation:
    """Return a finished evaluation, its scores recomputed from its table; no recording is read."""
    shutil.rmtree(folder / "folds", ignore_errors=True)  # an interrupted run may have left them
    run = read_run(folder)
    notes = tuple(run.about["protocol"].get("notes", ()))
    leakage = Leakage.from_dict(run.about["leakage"])
    scores = tuple(scores_of(run.predictions, speaker_independent=_is_independent(division, leakage)))
    recorded = (ExtractionProblem(**problem) for problem in run.about["problems"])
    problems = _of_utterances(recorded, utterances)
    return Evaluation(folder, division.name, run.predictions, scores, leakage, problems, notes, reused=True)


def _of_utterances(
    problems: Iterable[ExtractionProblem], utterances: Sequence[Utterance]
) -> tuple[ExtractionProblem, ...]:
    """Return the problems with the given utterances."""
    keys = {utterance.key for utterance in utterances}
    return tuple(problem for problem in problems if problem.key in keys)


def _merge_problems(
    kept: Sequence[ExtractionProblem], failed: Sequence[ExtractionProblem]
) -> tuple[ExtractionProblem, ...]:
    """Return the problems of both lists, each recording once."""
    return tuple({problem.key: problem for problem in (*kept, *failed)}.values())


def _is_independent(division: Protocol, leakage: Leakage) -> bool:
    """Return whether the protocol is speaker-independent and the audit found no speaker under two spellings."""
    return division.speaker_independent and leakage.speaker_independent is not False


def _merged(fold: Fold) -> Fold:
    """Return a fold whose development part is training data, as for baselines, which are tuned by inner folds."""
    return replace(fold, train=(*fold.train, *fold.dev), dev=())


def _audited(
    folds: Sequence[Fold],
    utterances: Sequence[Utterance],
    *,
    division: Protocol,
    workers: int,
    progress: Callable[[Progress], None] | None,
) -> Leakage:
    """Return the overlap between the parts of the folds, including duplicate recordings found by their fingerprints."""
    found = fingerprints(utterances, workers=workers, progress=stage_counter("audit", len(utterances), progress))
    return audit(
        folds,
        utterances,
        scaling=division.scaling,
        fingerprints=found,
        near_duplicate=NEAR_DUPLICATE,
    )


def stage_counter(stage: str, total: int, progress: Callable[[Progress], None] | None) -> Callable[[int], None]:
    """Return a callback that adds to the progress of a stage."""
    done = 0

    def count(step: int) -> None:
        nonlocal done
        done += step
        if progress is not None:
            progress(Progress(stage, done, total))

    return count


def _write_choices(jobs: Sequence[FoldJob], folder: Path) -> None:
    """Write the tuning and transfer details of the folds, by seed and fold, if there are any."""
    for name in (TUNING, STAGES):
        details = {
            job.folder.name: json.loads((job.folder / name).read_text(encoding="utf-8"))
            for job in jobs
            if (job.folder / name).exists()
        }
        if details:
            write_json(folder / name, details)


def _write_validation(jobs: Sequence[FoldJob], folder: Path) -> None:
    """Write the predictions of detectors on disjoint, untested development parts, for the choice of thresholds."""
    found = [job.folder / VALIDATION for job in jobs if (job.folder / VALIDATION).exists()]
    tested = {key for job in jobs for key in job.fold.test}
    development = [(job.recipe.seed, key) for job in jobs for key in job.fold.dev]
    if found and len(development) == len(set(development)) and not any(key in tested for _, key in development):
        PredictionsTable.concat([PredictionsTable.read(path) for path in found]).write(folder / VALIDATION)


def _read_tuning(folder: Path) -> dict[str, Any] | None:
    path = folder / TUNING
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def _run_jobs(
    jobs: list[FoldJob],
    *,
    workers: int,
    progress: Callable[[Progress], None] | None,
    on_fold: Callable[[PredictionsTable], None] | None,
) -> list[ExtractionProblem]:
    problems: list[ExtractionProblem] = []
    tables: list[PredictionsTable] = []

    def report(job: FoldJob) -> None:
        if on_fold is not None:
            tables.append(read_fold(job))
            on_fold(PredictionsTable.concat(tables))

    if workers == 1:
        for done, job in enumerate(jobs):
            if progress is not None:
                progress(Progress("folds", done, len(jobs)))
            problems.extend(run_fold(job))
            report(job)
        return problems
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        job_of = {pool.submit(run_fold, job): job for job in jobs}
        running = set(job_of)
        while running:
            finished, running = wait(running, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
            for future in finished:
                problems.extend(future.result())
                report(job_of[future])
            if progress is not None:
                progress(Progress("folds", _folds_done(jobs, len(jobs) - len(running)), len(jobs)))
    return problems


def _folds_done(jobs: list[FoldJob], finished: int) -> float:
    """Return the number of finished folds, plus the finished shares of running ones."""
    shares = [(read_progress(job.folder) or 0) / job.recipe.epochs for job in jobs]
    return finished + sum(shares)


def write_run(
    folder: Path,
    about: dict[str, Any],
    *,
    scores: Sequence[Score],
    leakage: Leakage | None,
    problems: Sequence[ExtractionProblem],
) -> None:
    """Write the description of a run, which marks it as finished."""
    results = {
        "scores": [score.to_dict() for score in scores],
        "leakage": leakage.to_dict() if leakage is not None else None,
        "problems": [asdict(problem) for problem in problems],
    }
    write_description(folder, {"schema": SCHEMA, **about, **results})
