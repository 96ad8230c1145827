"""Train a network on all given recordings, in a folder named after the training's signature."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from emotone.corpora.content import content_hashes
from emotone.errors import TooShortError
from emotone.features.store import ExtractionProblem, ExtractionResult
from emotone.fitting.fit import CHECKPOINT, fit, fit_signature
from emotone.fitting.training_run import RUN, WEIGHTS, TrainingRun, save_run
from emotone.protocols.base import dev_speakers
from emotone.types import Fold

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from emotone.fitting.resolve import ResolvedRecipe
    from emotone.recipes.recipe import Recipe
    from emotone.training.checkpoint import Epoch
    from emotone.types import Array, Utterance


@dataclass(frozen=True, eq=False)
class TrainingJob:
    """A recipe with the data of one training.

    Attributes:
        resolved: what to train.
        utterances: those with features.
        labels: in the order of the logits.
        features: by `Utterance.key`.
        fold: all utterances; a development part only with early stopping.
        problems: recordings that are left out.

    """

    resolved: ResolvedRecipe
    utterances: tuple[Utterance, ...]
    labels: tuple[str, ...]
    features: dict[str, Array]
    fold: Fold
    problems: tuple[ExtractionProblem, ...]

    @property
    def name(self) -> str:
        """Name of the run's folder: recipe and signature."""
        name = fit_signature(self.resolved, self.utterances, self.features, self.fold, labels=self.labels)
        return f"{self.resolved.name}-{name}"

    def with_recipe(self, resolved: ResolvedRecipe) -> TrainingJob:
        """Return the job for another recipe with the same front end, windows and early stopping."""
        return replace(self, resolved=resolved)


def prepare(
    resolved: ResolvedRecipe,
    utterances: Sequence[Utterance],
    *,
    labels: tuple[str, ...],
    workers: int = 1,
    progress: Callable[[int], None] | None = None,
) -> TrainingJob:
    """Return a training on all utterances, with their features and their division.

    Raises:
        RunError: no recording can be used.

    """
    recipe = resolved.recipe
    extracted = _long_enough(resolved.extract(utterances, workers=workers, progress=progress), recipe)
    usable = extracted.usable(utterances)
    held: set[str] = set()
    if recipe.training.patience > 0:
        held = dev_speakers(usable, everything=usable, index=0, seed=recipe.seed)
    fold = Fold(
        "all",
        train=tuple(utterance.key for utterance in usable if utterance.speaker_key not in held),
        dev=tuple(utterance.key for utterance in usable if utterance.speaker_key in held),
        test=(),
    )
    return TrainingJob(resolved, usable, labels, extracted.features, fold, extracted.problems)


def _long_enough(extracted: ExtractionResult, recipe: Recipe) -> ExtractionResult:
    """Return the features without recordings that are shorter than the minimum of a window; list these as problems."""
    minimum = recipe.windows.min_frames(recipe.feature)
    short = {key: rows.shape[0] for key, rows in extracted.features.items() if rows.shape[0] < minimum}
    problems = tuple(
        ExtractionProblem(
            key,
            TooShortError.code,
            f"{key}: too short for training: {count * recipe.feature.hop_seconds:.3f} s; "
            f"at least {recipe.windows.min_seconds:g} s are required",
        )
        for key, count in short.items()
    )
    kept = {key: rows for key, rows in extracted.features.items() if key not in short}
    return ExtractionResult(kept, (*extracted.problems, *problems))


def _recordings(job: TrainingJob) -> tuple[str, ...]:
    """Return the content hashes of the training recordings, including those of the weights it starts from."""
    started_from = job.resolved.weights.run if job.resolved.weights is not None else None
    earlier = () if started_from is None else started_from.recordings
    return tuple(sorted({*content_hashes(job.utterances).values(), *earlier}))


def train_run(
    job: TrainingJob,
    folder: Path,
    *,
    fresh: bool = False,
    progress: Callable[[Epoch], None] | None = None,
    on_batch: Callable[[int, int], None] | None = None,
) -> TrainingRun:
    """Train in a folder and return the finished run; an interrupted training there resumes unless `fresh`."""
    if fresh:
        for name in (RUN, WEIGHTS, CHECKPOINT):
            (folder / name).unlink(missing_ok=True)
    from emotone.training.processes import current

    network = fit(
        job.resolved,
        job.utterances,
        job.features,
        job.fold,
        labels=job.labels,
        folder=folder,
        progress=progress,
        on_batch=on_batch,
    )
    speakers = {utterance.speaker_key: utterance.corpus for utterance in job.utterances}
    run = TrainingRun(
        recipe=job.resolved.recipe,
        labels=job.labels,
        corpora=dict(sorted(Counter(utterance.corpus for utterance in job.utterances).items())),
        speakers=dict(sorted(Counter(speakers.values()).items())),
        signature=network.signature,
        best=network.best,
        history=tuple(epoch.to_dict() for epoch in network.history),
        transfer=network.transfer,
        recordings=_recordings(job),
    )
    processes = current()
    if processes.is_first:
        save_run(folder, run, network.net)
        (folder / CHECKPOINT).unlink(missing_ok=True)
    processes.wait()
    return run
