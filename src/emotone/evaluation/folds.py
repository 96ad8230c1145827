"""One fold of an evaluation: train, export a bundle, and predict the test part with the inference engine."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.audio.read import read_utterance
from emotone.bundles.bundle import Bundle, load_bundle
from emotone.bundles.contents import TrainingData
from emotone.errors import AudioError, MissingExtraError, RunError, missing_extra
from emotone.features.faces import faces_for
from emotone.features.store import ExtractionProblem
from emotone.files import atomic_write, write_json
from emotone.fitting import embedding
from emotone.fitting.classical import ResolvedBaseline, fit_and_predict
from emotone.fitting.embedding import ResolvedEmbedding
from emotone.fitting.head_transfer import ResolvedRefit
from emotone.fitting.window_embeddings import encoder_bundle, with_head
from emotone.inference.engine import analyse
from emotone.inference.segments import TIME_DIGITS, positive_of
from emotone.scoring.finished_run import STAGES, TABLE, VALIDATION
from emotone.scoring.predictions import PredictionRow, PredictionsTable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from emotone.fitting.fit import TrainedNetwork
    from emotone.fitting.resolve import AnyResolved, ResolvedRecipe
    from emotone.inference.segments import Segments
    from emotone.protocols import Scaling as Normalisation
    from emotone.training.loop import Epoch
    from emotone.types import Array, Fold, Utterance

# Fitted on vectors of recordings or of windows, which are small enough to pass to workers, without early stopping.
VECTOR_RECIPES = (ResolvedBaseline, ResolvedEmbedding, ResolvedRefit)
PROBLEMS, PROGRESS, BUNDLE, TUNING = "problems.json", "progress", "bundle", "tuning.json"


@dataclass(frozen=True)
class FoldJob:
    """The input of a worker process for one fold.

    Attributes:
        recipe: what to train; its seed is the run's.
        utterances: of all parts, with labels from `labels`.
        fold: keys of the parts.
        labels: in the order of the network's outputs.
        protocol: name, for the table.
        system: signature of the run, for the table.
        folder: for checkpoint, bundle and predictions.
        normalisation: statistics that scale a baseline's features; networks have their own scaling.
        features: functionals of every utterance, which are small enough to pass to workers; None if each fold reads
            its features from the store.

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


def run_fold(job: FoldJob) -> tuple[ExtractionProblem, ...]:
    """Train and test one fold, write its predictions into `folder`, and return utterances without prediction.

    A finished fold is cached; an interrupted one resumes from its checkpoint.
    """
    finished = job.folder / TABLE
    if finished.exists():
        return read_problems(job.folder)
    problems: tuple[ExtractionProblem, ...] = ()
    if isinstance(job.recipe, ResolvedBaseline):
        table = _fit_baseline(job, job.recipe)
    elif isinstance(job.recipe, ResolvedEmbedding):
        table, problems = _fit_head(job, job.recipe)
    elif isinstance(job.recipe, ResolvedRefit):
        table = _refit_head(job, job.recipe)
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
        from threadpoolctl import threadpool_limits  # a dependency of scikit-learn
    except ImportError as error:
        raise missing_extra("scikit-learn", "baselines", f"the baseline {recipe.name}") from error
    with threadpool_limits(1):  # equal in every worker: the rounding of sums depends on the number of threads
        tested, probabilities, tuned = fit_and_predict(
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
    return _table(job, tested, probabilities)


def _fit_head(job: FoldJob, recipe: ResolvedEmbedding) -> tuple[PredictionsTable, tuple[ExtractionProblem, ...]]:
    """Fit a head and test it; with the speakers' own scaling, it is adapted to each speaker's unlabelled recordings.

    A head of windows is tested by the engine, which gives the result of every window and of the clip.
    """
    if recipe.fits_windows:
        fold = job.fold
        if job.normalisation == "speaker":
            raise RunError(
                f"recipe {recipe.name} is fitted on windows, and is not adapted to speakers; choose a protocol without "
                "speaker-scaled"
            )
        learned = {*fold.train, *fold.dev}
        used = [one for one in job.utterances if one.key in learned]
        head = recipe.fit(used, job.features or {}, labels=job.labels)
        bundle = with_head(encoder_bundle(recipe.encoder, recipe.recipe.windows), head, labels=job.labels)
        return _predict_part(bundle, job, fold.test)
    tested, probabilities = embedding.fit_and_predict(
        recipe,
        job.utterances,
        job.features or {},
        job.fold,
        labels=job.labels,
        adapt_to_speakers=job.normalisation == "speaker",
    )
    return _table(job, tested, probabilities), ()


def _refit_head(job: FoldJob, recipe: ResolvedRefit) -> PredictionsTable:
    """Fit the head of a finished model further and test it; nothing of the tested recordings is used."""
    embeddings = job.features or {}
    learned, held = {*job.fold.train, *job.fold.dev}, set(job.fold.test)
    fitted = recipe.fit([one for one in job.utterances if one.key in learned], embeddings, labels=job.labels)
    tested = [one for one in job.utterances if one.key in held]
    values = np.stack([embeddings[one.key] for one in tested])
    return _table(job, tested, fitted.head.probabilities(values, temperature=fitted.temperature))


def _table(job: FoldJob, tested: Sequence[Utterance], probabilities: NDArray[np.floating[Any]]) -> PredictionsTable:
    rows = [
        _row(
            utterance,
            given.tolist(),
            protocol=job.protocol,
            fold=job.fold.name,
            seed=job.recipe.seed,
            system=job.system,
        )
        for utterance, given in zip(tested, probabilities, strict=True)
    ]
    return PredictionsTable.from_rows(rows, labels=job.labels)


def _train_net(job: FoldJob, recipe: ResolvedRecipe) -> tuple[PredictionsTable, tuple[ExtractionProblem, ...]]:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # equal in every worker: the rounding of sums depends on the number of threads
    try:
        return _train_and_predict(job, recipe)
    finally:
        torch.set_num_threads(threads)


def _train_and_predict(job: FoldJob, recipe: ResolvedRecipe) -> tuple[PredictionsTable, tuple[ExtractionProblem, ...]]:
    from emotone.fitting.export import write_net

    fitted, failed, absent = _trained(job, recipe)
    corpora = tuple(sorted({utterance.corpus for utterance in job.utterances}))
    data = TrainingData(corpora=corpora, protocol=job.protocol, recipe=recipe.name, signature=fitted.signature)
    bundle = write_net(job.folder / BUNDLE, recipe.recipe, fitted.net, labels=job.labels, data=data)
    if recipe.recipe.training.patience > 0 and job.fold.dev and positive_of(job.labels) is not None:
        own, _ = _predict_part(bundle, job, job.fold.dev)  # for the choice of thresholds
        own.write(job.folder / VALIDATION)
    table, problems = _predict_part(bundle, job, job.fold.test)
    return table.without_labels(absent), (*failed, *problems)


def _trained(
    job: FoldJob, recipe: ResolvedRecipe
) -> tuple[TrainedNetwork, Sequence[ExtractionProblem], tuple[str, ...]]:
    """Return the network, the recordings without features, and labels that the target corpus lacks."""
    from emotone.fitting.fit import fit
    from emotone.fitting.pretraining import fit_two_stages

    def report_epoch(epoch: Epoch) -> None:
        write_progress(job.folder, epoch.number)

    if recipe.recipe.pretraining is not None:
        staged = fit_two_stages(
            recipe, job.utterances, job.fold, labels=job.labels, folder=job.folder, progress=report_epoch
        )
        with atomic_write(job.folder / STAGES, text=True) as stream:
            json.dump(staged.about, stream)
        return staged.network, staged.problems, staged.absent
    used = set(job.fold.train) | set(job.fold.dev)
    extracted = recipe.extract([utterance for utterance in job.utterances if utterance.key in used])
    fitted = fit(
        recipe,
        job.utterances,
        extracted.features,
        job.fold,
        labels=job.labels,
        folder=job.folder,
        progress=report_epoch,
    )
    if fitted.adaptation is not None:
        with atomic_write(job.folder / STAGES, text=True) as stream:
            json.dump(fitted.about(), stream)
    return fitted, extracted.problems, ()


def _predict_part(
    bundle: Bundle, job: FoldJob, keys: Sequence[str]
) -> tuple[PredictionsTable, tuple[ExtractionProblem, ...]]:
    wanted = set(keys)
    return predict_utterances(
        bundle,
        [utterance for utterance in job.utterances if utterance.key in wanted],
        protocol=job.protocol,
        fold=job.fold.name,
        seed=job.recipe.seed,
        system=job.system,
    )


def predict_utterances(
    bundle: Bundle | Path,
    utterances: Sequence[Utterance],
    *,
    protocol: str,
    fold: str,
    seed: int,
    system: str,
    progress: Callable[[int], None] | None = None,
) -> tuple[PredictionsTable, tuple[ExtractionProblem, ...]]:
    """Return the predictions of a bundle by the engine of `emotone predict`, and utterances that can't be read.

    An utterance without speech gets equal probabilities, and so the first label: it counts as a prediction, usually a
    wrong one, instead of being excluded from the score.

    For detectors, and bundles whose windows have a minimum duration, each utterance's row is followed by the rows of
    its windows, with the truth of the utterance and times in the recording; other tables have rows of whole utterances
    only.
    """
    model = bundle if isinstance(bundle, Bundle) else load_bundle(bundle)
    with_windows = positive_of(model.labels) is not None or model.manifest.windows.min_seconds > 0
    rows: list[PredictionRow] = []
    problems: list[ExtractionProblem] = []
    for utterance in utterances:
        try:
            signal = read_utterance(utterance, rate=model.feature.rate)
            faces = faces_for(model.feature, utterance.path)
            analysis = analyse(model, [signal], faces=None if faces is None else replace(faces, offset=utterance.start))
        except (AudioError, MissingExtraError) as error:
            problems.append(ExtractionProblem.of(utterance, error))
        else:
            given = tuple(analysis.clip.probabilities.values())
            whole = _row(utterance, given, protocol=protocol, fold=fold, seed=seed, system=system)
            rows.append(whole)
            if with_windows:
                rows += _window_rows(whole, analysis.segments)
        if progress is not None:
            progress(1)
    return PredictionsTable.from_rows(rows, labels=model.labels), tuple(problems)


def _window_rows(whole: PredictionRow, segments: Segments) -> list[PredictionRow]:
    """Return a row for each window of an utterance, given the utterance's own row.

    The probabilities of a detector are those that `emotone predict` reports. All others keep full precision, because
    clips are also scored by the mean of the logits of their windows, and rounding destroys small probabilities.
    """
    offset = whole.start or 0.0
    detects = positive_of(segments.labels) is not None
    return [
        replace(
            whole,
            probabilities=tuple(segment.probabilities.values()) if detects else segments.probabilities[number],
            segment=number,
            start=round(offset + segment.start, TIME_DIGITS),
            end=round(offset + segment.end, TIME_DIGITS),
        )
        for number, segment in enumerate(segments)
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


def write_problems(folder: Path, problems: Sequence[ExtractionProblem]) -> None:
    """Write the problems of a run or fold before the table that marks it as finished, for repeated runs."""
    if problems:
        write_json(folder / PROBLEMS, [asdict(problem) for problem in problems])


def read_problems(folder: Path) -> tuple[ExtractionProblem, ...]:
    """Return the problems of a finished run or fold."""
    path = folder / PROBLEMS
    if not path.exists():
        return ()
    return tuple(ExtractionProblem(**problem) for problem in json.loads(path.read_text(encoding="utf-8")))


def write_progress(folder: Path, epoch: int) -> None:
    """Write the number of finished epochs for the progress display of the parent process."""
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / f".{PROGRESS}.{os.getpid()}"
        temporary.write_text(str(epoch))
        temporary.replace(folder / PROGRESS)


def read_progress(folder: Path) -> int | None:
    """Return the number of finished epochs of a running fold, or None."""
    if (folder / TABLE).exists():
        return None
    try:
        return int((folder / PROGRESS).read_text())
    except (OSError, ValueError):
        return None


def read_fold(job: FoldJob) -> PredictionsTable:
    """Return the predictions of a finished fold."""
    path = job.folder / TABLE
    if not path.exists():
        raise RunError(f"fold {job.fold.name} wrote no predictions into {job.folder}")
    return PredictionsTable.read(path)
