"""One fold from start to end: a net is trained, written as a bundle and asked as users will; a baseline fitted."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from emotone.audio.read import read
from emotone.bundles.bundle import Bundle, load_bundle
from emotone.bundles.manifest import TrainingData
from emotone.errors import AudioError, MissingExtraError, RunError, missing_extra
from emotone.features.store import Problem
from emotone.files import atomic_write
from emotone.fitting.classical import ResolvedBaseline, fit_and_predict
from emotone.inference.engine import Engine
from emotone.inference.result import TIME_DIGITS
from emotone.scoring.detection import positive_of
from emotone.scoring.missing_labels import without_labels
from emotone.scoring.table import PredictionRow, PredictionsTable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from emotone.fitting.fit import TrainedNetwork
    from emotone.fitting.resolve import AnyResolved, ResolvedRecipe
    from emotone.inference.result import Segments
    from emotone.protocols import Scaling as Normalisation
    from emotone.training.checkpoint import Epoch
    from emotone.types import Array, Fold, Utterance

PREDICTIONS, PROBLEMS, PROGRESS, BUNDLE = "predictions.parquet", "problems.json", "progress", "bundle"
TUNING, VALIDATION, STAGES = "tuning.json", "validation.parquet", "stages.json"


@dataclass(frozen=True)
class FoldJob:
    """What a worker needs to run one fold.

    Attributes:
        recipe: what to train; its seed is the run's.
        utterances: of all parts, with labels from `labels`.
        fold: which of them are which.
        labels: in the order of the net's logits.
        protocol: name, for the table.
        system: signature of the run, for the table.
        folder: for checkpoint, bundle and predictions.
        normalisation: whose statistics scale a baseline's values; nets bring their own scaling.
        features: of every utterance where they are functionals, small enough to hand over; None where each fold
            reads those that it needs from the store.

    """

    recipe: AnyResolved
    utterances: tuple[Utterance, ...]
    fold: Fold
    labels: tuple[str, ...]
    protocol: str
    system: str
    folder: Path
    normalisation: Normalisation = "train"
    features: Mapping[str, Array] | None = None


def run_fold(job: FoldJob) -> tuple[Problem, ...]:
    """Train and judge one fold; its predictions lie in `folder` afterwards. Return what could not be judged.

    A fold that is finished is not run again; one that was cut off goes on from its checkpoint.
    """
    finished = job.folder / PREDICTIONS
    if finished.exists():
        return read_problems(job.folder)
    problems: tuple[Problem, ...] = ()
    if isinstance(job.recipe, ResolvedBaseline):
        table = _fit_baseline(job, job.recipe)
    else:
        table, problems = _train_net(job, job.recipe)
    write_problems(job.folder, problems)
    table.write(finished)
    shutil.rmtree(job.folder / BUNDLE, ignore_errors=True)
    for leftover in job.folder.glob("checkpoint*"):
        leftover.unlink()
    return problems


def _fit_baseline(job: FoldJob, recipe: ResolvedBaseline) -> PredictionsTable:
    try:
        from threadpoolctl import threadpool_limits  # comes with scikit-learn
    except ImportError as error:
        raise missing_extra("scikit-learn", "baselines", f"the baseline {recipe.name}") from error
    with threadpool_limits(1):  # the same in every worker: sums are rounded by the number of threads
        asked, probabilities, tuned = fit_and_predict(
            recipe,
            job.utterances,
            job.features or {},
            job.fold,
            labels=job.labels,
            scaling=job.normalisation,
        )
    with atomic_write(job.folder / TUNING, text=True) as stream:
        inner = [round(recall, 6) for recall in tuned.inner]
        json.dump({"chosen": tuned.chosen, "temperature": tuned.temperature, "inner_uar": inner}, stream)
    rows = [
        _row(
            utterance,
            given.tolist(),
            protocol=job.protocol,
            fold=job.fold.name,
            seed=recipe.seed,
            system=job.system,
        )
        for utterance, given in zip(asked, probabilities, strict=True)
    ]
    return PredictionsTable.from_rows(rows, labels=job.labels)


def _train_net(job: FoldJob, recipe: ResolvedRecipe) -> tuple[PredictionsTable, tuple[Problem, ...]]:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the same in every worker: sums are rounded by the number of threads
    try:
        return _train_and_judge(job, recipe)
    finally:
        torch.set_num_threads(threads)


def _train_and_judge(job: FoldJob, recipe: ResolvedRecipe) -> tuple[PredictionsTable, tuple[Problem, ...]]:
    from emotone.fitting.export import write_net

    fitted, failed, absent = _trained(job, recipe)
    corpora = tuple(sorted({utterance.corpus for utterance in job.utterances}))
    data = TrainingData(corpora=corpora, protocol=job.protocol, recipe=recipe.name, signature=fitted.signature)
    bundle = write_net(job.folder / BUNDLE, recipe.recipe, fitted.net, labels=job.labels, data=data)
    if recipe.recipe.training.patience > 0 and job.fold.dev and positive_of(job.labels) is not None:
        own, _ = _judge_part(bundle, job, job.fold.dev)  # thresholds are chosen on it
        own.write(job.folder / VALIDATION)
    table, problems = _judge_part(bundle, job, job.fold.test)
    return without_labels(table, absent), (*failed, *problems)


def _trained(job: FoldJob, recipe: ResolvedRecipe) -> tuple[TrainedNetwork, Sequence[Problem], tuple[str, ...]]:
    """Return the fold's net, the recordings that could not be learned from, and labels that its target never has."""
    from emotone.fitting.fit import fit
    from emotone.fitting.pretraining import fit_two_stages

    def heard(epoch: Epoch) -> None:
        write_progress(job.folder, epoch.number)

    if recipe.recipe.pretraining is not None:
        staged = fit_two_stages(recipe, job.utterances, job.fold, labels=job.labels, folder=job.folder, progress=heard)
        with atomic_write(job.folder / STAGES, text=True) as stream:
            json.dump(staged.about, stream)
        return staged.network, staged.problems, staged.absent
    learned = set(job.fold.train) | set(job.fold.dev)
    extracted = recipe.extract([utterance for utterance in job.utterances if utterance.key in learned])
    fitted = fit(
        recipe,
        job.utterances,
        extracted.features,
        job.fold,
        labels=job.labels,
        folder=job.folder,
        progress=heard,
    )
    if fitted.adaptation is not None:
        with atomic_write(job.folder / STAGES, text=True) as stream:
            json.dump(fitted.about(), stream)
    return fitted, extracted.problems, ()


def _judge_part(bundle: Bundle, job: FoldJob, keys: Sequence[str]) -> tuple[PredictionsTable, tuple[Problem, ...]]:
    asked = set(keys)
    return judge(
        bundle,
        [utterance for utterance in job.utterances if utterance.key in asked],
        protocol=job.protocol,
        fold=job.fold.name,
        seed=job.recipe.seed,
        system=job.system,
    )


def judge(
    bundle: Bundle | Path,
    utterances: Sequence[Utterance],
    *,
    protocol: str,
    fold: str,
    seed: int,
    system: str,
    progress: Callable[[int], None] | None = None,
) -> tuple[PredictionsTable, tuple[Problem, ...]]:
    """Return what a bundle says of utterances, through the engine that `emotone predict` uses, and what failed.

    An utterance without speech gets equal probabilities, and so the first label: it counts as an answer,
    most often a wrong one, instead of being left out of the score.

    Where the bundle detects one label, or its windows say how much sound they hold at least, each utterance's row is
    followed by one for each of its windows that was judged, whose truth is the utterance's and whose times are those of
    the recording; other tables hold whole utterances only.
    """
    model = bundle if isinstance(bundle, Bundle) else load_bundle(bundle)
    with_windows = positive_of(model.labels) is not None or model.manifest.windows.min_seconds > 0
    rows: list[PredictionRow] = []
    problems: list[Problem] = []
    for utterance in utterances:
        try:
            signal, _ = read(utterance.path, rate=model.feature.rate, start=utterance.start, end=utterance.end)
            clip, segments = Engine(model).finish(signal)
        except (AudioError, MissingExtraError) as error:
            problems.append(Problem.of(utterance, error))
        else:
            given = tuple(clip.probabilities.values())
            whole = _row(utterance, given, protocol=protocol, fold=fold, seed=seed, system=system)
            rows.append(whole)
            if with_windows:
                rows += _window_rows(whole, segments)
        if progress is not None:
            progress(1)
    return PredictionsTable.from_rows(rows, labels=model.labels), tuple(problems)


def _window_rows(whole: PredictionRow, segments: Segments) -> list[PredictionRow]:
    """Return a row for each window of an utterance, given the utterance's own.

    A detector's probabilities are those that `emotone predict` tells. All others keep every digit: clips are also
    judged by the mean of their windows' logits, and those are lost where a small probability is rounded. Theirs are the
    windows that were judged: one without speech, all of whose labels are equally probable, would count as a vote for
    the first label. Where a clip has no speech at all every window stays, so that the clip counts.
    """
    offset = whole.start or 0.0
    detects = positive_of(segments.labels) is not None
    every = detects or not segments.speech.any()
    return [
        replace(
            whole,
            probabilities=tuple(segment.probabilities.values()) if detects else segments.probabilities[number],
            segment=number,
            start=round(offset + segment.start, TIME_DIGITS),
            end=round(offset + segment.end, TIME_DIGITS),
        )
        for number, segment in enumerate(segments)
        if every or segment.speech
    ]


def _row(
    utterance: Utterance, probabilities: Sequence[float], *, protocol: str, fold: str, seed: int, system: str
) -> PredictionRow:
    return PredictionRow(
        utterance=utterance.key,
        corpus=utterance.corpus,
        protocol=protocol,
        fold=fold,
        seed=seed,
        speaker=utterance.speaker,
        truth=utterance.label,
        probabilities=probabilities,
        system=system,
        start=utterance.start,
        end=utterance.end,
    )


def write_problems(folder: Path, problems: Sequence[Problem]) -> None:
    """Keep what failed, before the table that says that a run or fold is finished: asked again, it is said again."""
    if problems:
        with atomic_write(folder / PROBLEMS, text=True) as stream:
            stream.write(json.dumps([asdict(problem) for problem in problems], indent=1) + "\n")


def read_problems(folder: Path) -> tuple[Problem, ...]:
    """Return what failed in a finished run or fold."""
    path = folder / PROBLEMS
    if not path.exists():
        return ()
    return tuple(Problem(**problem) for problem in json.loads(path.read_text(encoding="utf-8")))


def write_progress(folder: Path, epoch: int) -> None:
    """Leave the number of finished epochs where the parent process looks; nothing depends on it."""
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / f".{PROGRESS}.{os.getpid()}"
        temporary.write_text(str(epoch))
        temporary.replace(folder / PROGRESS)


def read_progress(folder: Path) -> int | None:
    """Return the number of finished epochs of a fold, or None where it is finished or has not begun."""
    if (folder / PREDICTIONS).exists():
        return None
    try:
        return int((folder / PROGRESS).read_text())
    except (OSError, ValueError):
        return None


def read_fold(job: FoldJob) -> PredictionsTable:
    """Return the predictions of a finished fold."""
    path = job.folder / PREDICTIONS
    if not path.exists():
        raise RunError(f"fold {job.fold.name} left no predictions in {job.folder}")
    return PredictionsTable.read(path)
