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
    STAGES,
    TUNING,
    VALIDATION,
    FoldJob,
    judge,
    read_fold,
    read_problems,
    read_progress,
    run_fold,
    write_problems,
)
from emotone.features.functionals.fingerprint import NEAR_DUPLICATE, fingerprints
from emotone.files import atomic_write
from emotone.fitting.classical import ResolvedBaseline
from emotone.protocols import SPEAKER_SCALED, Leakage, audit, protocol
from emotone.scoring.scores import scores_of
from emotone.scoring.table import PredictionsTable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from emotone.bundles.bundle import Bundle
    from emotone.features.store import Extracted, Problem
    from emotone.fitting.resolve import AnyResolved
    from emotone.protocols import Protocol
    from emotone.scoring.scores import Score
    from emotone.types import Fold, Utterance

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
        notes: what else users should know of the protocol on these recordings.
        asked: the protocol as it was asked for: `protocol` does not hold the path of lists that were read.

    """

    folder: Path
    protocol: str
    table: PredictionsTable
    scores: tuple[Score, ...]
    leakage: Leakage | None
    problems: tuple[Problem, ...]
    notes: tuple[str, ...] = ()
    asked: str = ""


@dataclass(frozen=True)
class Report:
    """What the progress callback hears: a stage, how much of it is done, and how much there is."""

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
    if division.scaling == "speaker" and not isinstance(recipe, ResolvedBaseline):
        raise RunError(
            f"{division.name} scales each speaker's values by that speaker's own statistics, and the net of "
            f"{recipe.name} takes recordings as they are; choose {protocol_name.removesuffix(SPEAKER_SCALED)}"
        )
    folder = run_folder(out, recipe, utterances, division, labels=labels, seeds=seeds)
    if is_finished(folder):
        return replace(_again(folder, division, utterances), asked=protocol_name)
    extracted = recipe.extract(utterances, workers=workers, progress=_counter("features", len(utterances), progress))
    usable = extracted.usable(utterances)
    # A recording that failed and was mended makes another run.
    folder = run_folder(out, recipe, usable, division, labels=labels, seeds=seeds)
    if is_finished(folder):  # with the same recordings missing, or from a list without them
        again = _again(folder, division, utterances)
        return replace(again, asked=protocol_name, problems=_together(again.problems, extracted.problems))
    jobs = _jobs(recipe, usable, extracted, division, labels=labels, seeds=seeds, folder=folder)
    first = [job.fold for job in jobs if job.recipe.seed == recipe.seed]  # the other seeds' share as much
    learned = [_merged(fold) for fold in first] if isinstance(recipe, ResolvedBaseline) else first
    leakage = _audited(learned, usable, division=division, workers=workers, progress=progress)
    if not (folder / TABLE).exists():
        problems = [*extracted.problems, *_run_jobs(jobs, workers=workers, progress=progress)]
        write_problems(folder, list(dict.fromkeys(problems)))
        _keep_choices(jobs, folder)
        _keep_validation(jobs, folder)
        PredictionsTable.concat([read_fold(job) for job in jobs]).write(folder / TABLE)
    table = PredictionsTable.read(folder / TABLE)
    scores = tuple(scores_of(table, speaker_independent=division.speaker_independent))
    about = _about(recipe, division, usable, folds=len(jobs) // seeds, seeds=seeds) | {"tuning": _read_tuning(folder)}
    problems_kept = _together(_kept_problems(folder, utterances), extracted.problems)
    _write_run(folder, about, scores=scores, leakage=leakage, problems=problems_kept)
    shutil.rmtree(folder / "folds", ignore_errors=True)  # all of it is in the table now
    return Evaluation(
        folder, division.name, table, scores, leakage, problems_kept, division.notes(usable), protocol_name
    )


def _jobs(
    recipe: AnyResolved,
    utterances: tuple[Utterance, ...],
    extracted: Extracted,
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
            features=extracted.features if isinstance(recipe, ResolvedBaseline) else None,
        )
        for seed in range(recipe.seed, recipe.seed + seeds)
        for fold in division.folds(utterances, seed=seed)
    ]


def _about(
    recipe: AnyResolved, division: Protocol, utterances: Sequence[Utterance], *, folds: int, seeds: int
) -> dict[str, Any]:
    """Return what a finished run tells of how it was made."""
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
    """Return the hash of what changes the result of an evaluation; its folder is `RECIPE-PROTOCOL-HASH`."""
    data = sorted((utterance.key, utterance.label) for utterance in utterances)
    return signature(recipe.signature, *division.signature, seeds, data, list(labels))


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


def is_finished(folder: Path) -> bool:
    """Return whether a folder holds a finished evaluation."""
    return (folder / RUN).exists() and (folder / TABLE).exists()


def _again(folder: Path, division: Protocol, utterances: Sequence[Utterance]) -> Evaluation:
    """Return a finished evaluation with its scores computed anew from its table; no recording is touched."""
    shutil.rmtree(folder / "folds", ignore_errors=True)  # it may have been cut off before its last step
    about = json.loads((folder / RUN).read_text(encoding="utf-8"))
    table = PredictionsTable.read(folder / TABLE)
    scores = tuple(scores_of(table, speaker_independent=division.speaker_independent))
    notes = tuple(about["protocol"].get("notes", ()))
    leakage = Leakage.from_dict(about["leakage"])
    return Evaluation(folder, division.name, table, scores, leakage, _kept_problems(folder, utterances), notes)


def _kept_problems(folder: Path, utterances: Sequence[Utterance]) -> tuple[Problem, ...]:
    """Return what failed when a run was made, as far as it is asked about now."""
    asked = {utterance.key for utterance in utterances}
    return tuple(problem for problem in read_problems(folder) if problem.key in asked)


def _together(kept: Sequence[Problem], failed: Sequence[Problem]) -> tuple[Problem, ...]:
    """Return what failed before and what fails now, each recording once."""
    return tuple({problem.key: problem for problem in (*kept, *failed)}.values())


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
        table, problems = judge(
            bundle,
            utterances,
            protocol="held-out",
            fold="all",
            seed=0,
            system=bundle.sha256[:12],
            progress=_counter("judging", len(utterances), progress),
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


def _merged(fold: Fold) -> Fold:
    """Return a fold whose development part is trained on, as baselines do: they choose in inner folds of both."""
    return replace(fold, train=(*fold.train, *fold.dev), dev=())


def _audited(
    folds: Sequence[Fold],
    utterances: Sequence[Utterance],
    *,
    division: Protocol,
    workers: int,
    progress: Callable[[Report], None] | None,
) -> Leakage:
    """Return what the parts of the folds share, copies under other names included: every recording is listened to."""
    heard = fingerprints(utterances, workers=workers, progress=_counter("audit", len(utterances), progress))
    return audit(
        folds,
        utterances,
        scaling=division.scaling,
        fingerprints=heard,
        near_duplicate=NEAR_DUPLICATE,
    )


def _counter(stage: str, total: int, progress: Callable[[Report], None] | None) -> Callable[[int], None]:
    """Return a callback that adds to a stage."""
    done = 0

    def count(step: int) -> None:
        nonlocal done
        done += step
        if progress is not None:
            progress(Report(stage, done, total))

    return count


def _keep_choices(jobs: Sequence[FoldJob], folder: Path) -> None:
    """Keep what the folds chose for themselves and what they took over, by seed and fold, where there is any."""
    for name in (TUNING, STAGES):
        told = {
            job.folder.name: json.loads((job.folder / name).read_text(encoding="utf-8"))
            for job in jobs
            if (job.folder / name).exists()
        }
        if told:
            with atomic_write(folder / name, text=True) as stream:
                stream.write(json.dumps(told, indent=1) + "\n")


def _keep_validation(jobs: Sequence[FoldJob], folder: Path) -> None:
    """Keep what detectors say of development parts that no fold tests, and no two have: thresholds are chosen there."""
    found = [job.folder / VALIDATION for job in jobs if (job.folder / VALIDATION).exists()]
    tested = {key for job in jobs for key in job.fold.test}
    known = [(job.recipe.seed, key) for job in jobs for key in job.fold.dev]
    if found and len(known) == len(set(known)) and not any(key in tested for _, key in known):
        PredictionsTable.concat([PredictionsTable.read(path) for path in found]).write(folder / VALIDATION)


def _read_tuning(folder: Path) -> dict[str, Any] | None:
    path = folder / TUNING
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


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
    shares = [(read_progress(job.folder) or 0) / job.recipe.epochs for job in jobs]
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
