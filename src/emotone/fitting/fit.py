"""From a resolved recipe and a fold to a trained network: one training, resumed if it was interrupted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from emotone.audio.samples import resample
from emotone.config import signature
from emotone.errors import RunError
from emotone.features.store import FeatureStore
from emotone.features.windows import has_speech, window_starts
from emotone.files import cache_dir
from emotone.fitting.network import (
    AdaptationReport,
    fit_cleaning,
    load_transferred,
    unlabelled_training_set,
    with_statistics,
)
from emotone.training.batches import Examples
from emotone.transfer.apply import STATES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from emotone.fitting.network import CleaningReport
    from emotone.fitting.resolve import ResolvedRecipe
    from emotone.nets.blocks.base import Network
    from emotone.recipes.recipe import Recipe
    from emotone.training.batches import Task
    from emotone.training.loop import Epoch
    from emotone.transfer.apply import TransferReport, TransferResult
    from emotone.types import Array, Fold, Hertz, Utterance

CHECKPOINT = "checkpoint.safetensors"
OUTPUTS = "outputs"  # of frozen layers, in the cache folder


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """A trained network in eval mode, and how it was trained.

    Attributes:
        net: torch module.
        labels: in the order of its logits.
        history: one entry per epoch.
        best: number of the epoch whose weights were kept.
        signature: of recipe and data.
        transfer: what happened to each tensor; None without a transfer.
        adaptation: what an adaptation without labels used; None if labels were used.
        cleaning: what the statistics of the network's input were fitted to; None if it has none.

    """

    net: Network
    labels: tuple[str, ...]
    history: tuple[Epoch, ...]
    best: int
    signature: str
    transfer: TransferReport | None = None
    adaptation: AdaptationReport | None = None
    cleaning: CleaningReport | None = None

    def about(self, absent: tuple[str, ...] = ()) -> dict[str, Any]:
        """Return the transfer and the adaptation as plain tables, for JSON.

        Args:
            absent: labels that the target does not have.

        """
        about: dict[str, Any] = {"absent": list(absent)}
        if self.transfer is not None:
            tensors = {state: list(self.transfer.names(state)) for state in STATES}
            about["sha256"] = self.transfer.sha256
            about["tensors"] = {state: names for state, names in tensors.items() if names or state != "estimated"}
        if self.adaptation is not None:
            about["adaptation"] = self.adaptation.to_dict()
        if self.cleaning is not None:
            about["cleaning"] = self.cleaning.to_dict()
        return about


def fit(
    resolved: ResolvedRecipe,
    utterances: Sequence[Utterance],
    features: Mapping[str, Array],
    fold: Fold,
    *,
    labels: tuple[str, ...],
    heads: tuple[int, ...] = (),
    folder: Path | None = None,
    progress: Callable[[Epoch], None] | None = None,
    on_batch: Callable[[int, int], None] | None = None,
) -> TrainedNetwork:
    """Return the network trained on a fold's training part; its test part is not used.

    Args:
        resolved: what to train.
        utterances: with labels from `labels`; those outside the fold are ignored.
        features: [time, dimension] by `Utterance.key`. Utterances without an entry are ignored (their recordings
            failed, and were listed when features were extracted), and so are those shorter than the minimum of a
            window, or without speech if only windows with speech are trained on.
        fold: its training and its development part. A recipe without early stopping trains on both.
        labels: in the order of the logits.
        heads: index of each label's head, if the network has several and each clip is trained on its own head only.
        folder: for the checkpoint; None keeps none.
        progress: called after each epoch.
        on_batch: called with (done, total) batches of an epoch.

    Raises:
        RunError: nothing to train on, a single label, or a checkpoint of another training.
        SourceError: the weights can't be read any more, or do not fit the network.
        AudioError: a recording can't be read any more whose speech activity is needed.

    """
    from emotone.training.classification import train

    recipe = resolved.recipe
    assert recipe.pretraining is None  # noqa: S101 - see `emotone.fitting.pretraining.fit_two_stages`
    task, adaptation = _task(resolved, utterances, features, fold, labels=labels, heads=heads)
    done: list[TransferResult] = []
    cleaned: list[CleaningReport | None] = [None]

    def build() -> Network:
        net = recipe.net_spec.build(recipe.feature.dimension, len(labels))
        cleaned[0] = fit_cleaning(net, task)  # transferred statistics replace fitted ones
        if resolved.plan is not None:
            done.extend(load_transferred(resolved, net, labels=labels))
        if adaptation is not None and adaptation.method == "statistics":
            done[:] = [with_statistics(each, net, task) for each in done]
        return net

    net, trained = train(
        build,
        task,
        recipe.training,
        augmentations=recipe.augmentations,
        checkpoint=folder / CHECKPOINT if folder is not None else None,
        progress=progress,
        on_batch=on_batch,
        cache=cache_dir() / OUTPUTS,
    )
    for transferred in done:
        transferred.freezer.check()
    if cleaned[0] is not None and folder is not None:
        cleaned[0].save(folder)
    report = done[0].report if done else None
    if report is not None and adaptation is not None:
        report = replace(report, notes=(*report.notes, adaptation.line()))
    return TrainedNetwork(net, labels, trained.history, trained.best, task.signature, report, adaptation, cleaned[0])


def fit_signature(
    resolved: ResolvedRecipe,
    utterances: Sequence[Utterance],
    features: Mapping[str, Array],
    fold: Fold,
    *,
    labels: tuple[str, ...],
) -> str:
    """Return the hash of what changes a training's result: the recipe, the clips with their labels, and the parts.

    A clip counts by key, label and number of frames: cheap, and enough to notice another version of a corpus. Labels
    that are not used do not count.
    """
    transfer = resolved.recipe.transfer
    labelled = transfer is None or not transfer.unlabelled
    data = sorted(
        (utterance.key, utterance.label if labelled else "", features[utterance.key].shape[0])
        for utterance in utterances
        if utterance.key in features
    )
    return signature(resolved.signature, data, list(labels), sorted(fold.train), sorted(fold.dev))


def _task(
    resolved: ResolvedRecipe,
    utterances: Sequence[Utterance],
    features: Mapping[str, Array],
    fold: Fold,
    *,
    labels: tuple[str, ...],
    heads: tuple[int, ...],
) -> tuple[Task, AdaptationReport | None]:
    """Return the training and the development examples; without labels, those of the adaptation."""
    from emotone.training.batches import Task

    recipe = resolved.recipe
    front_end = recipe.feature
    corpora = sorted({utterance.corpus for utterance in utterances})
    minimum = recipe.windows.min_frames(front_end)
    by_key = {
        utterance.key: utterance
        for utterance in utterances
        if utterance.key in features and features[utterance.key].shape[0] >= minimum
    }
    starts = speech_window_starts(recipe, [by_key[key] for key in (*fold.train, *fold.dev) if key in by_key], features)

    def examples(keys: tuple[str, ...]) -> Examples:
        chosen = [by_key[key] for key in keys if key in by_key and (starts is None or key in starts)]
        return Examples(
            tuple(features[utterance.key] for utterance in chosen),
            np.array([labels.index(utterance.label) for utterance in chosen], np.int64),
            np.array([corpora.index(utterance.corpus) for utterance in chosen], np.int64),
            starts=None if starts is None else tuple(starts[utterance.key] for utterance in chosen),
        )

    keeps_best = recipe.training.patience > 0
    # Without early stopping nothing uses a development part, so it is training data.
    keys = fold.train if keeps_best else fold.train + fold.dev
    adaptation: AdaptationReport | None = None
    if recipe.transfer is not None and recipe.transfer.unlabelled:
        unlabelled = [by_key[key] for key in keys if key in by_key]
        relabelled, adaptation = unlabelled_training_set(resolved, unlabelled, features, labels=labels)
        by_key = {each.key: each for each in relabelled}
    training = examples(keys)
    if len(np.unique(training.labels)) < 2 and (adaptation is None or adaptation.method != "statistics"):
        raise RunError(f"fold {fold.name}: {len(training)} training clips have fewer than two labels")
    window, hop = recipe.windows.frames(front_end)
    task = Task(
        train=training,
        development=examples(fold.dev if keeps_best else ()),
        hop_seconds=front_end.hop_seconds,
        window=window,
        hop=hop,
        signature=fit_signature(resolved, utterances, features, fold, labels=labels),
        seed=recipe.seed,
        min_frames=minimum,
        heads=heads,
    )
    return task, adaptation


@dataclass(frozen=True)
class SpeechActivity:
    """Speech activity without a network (see `emotone.audio.activity`), from the front end's rate resampled to 16 kHz.

    Attributes:
        rate: of the front end.

    """

    version: ClassVar[int] = 1

    rate: Hertz

    def compute(self, signal: Array) -> Array:
        """Return 1 during speech and 0 elsewhere, float32 for each 10 ms of a signal [time]."""
        from emotone.audio.activity import RATE, speech_activity

        return speech_activity(resample(signal, rate=self.rate, to=RATE)).astype(np.float32)


def speech_window_starts(
    recipe: Recipe, utterances: Iterable[Utterance], features: Mapping[str, Array]
) -> dict[str, NDArray[np.int64]] | None:
    """Return the first rows of each utterance's windows with speech, by key; an utterance without any has no entry.

    The windows are on the clip's grid; prediction places them within utterances, found by a network, which makes little
    difference for clips of one sentence. None means that the recipe trains on all windows. Speech activity is kept in
    the feature store.

    Raises:
        AudioError: a recording can't be read any more.

    """
    if not recipe.training.speech_only:
        return None
    from emotone.audio.activity import PER_SECOND

    front_end = recipe.feature
    window, hop = recipe.windows.frames(front_end)
    minimum = recipe.windows.min_frames(front_end)
    span = round(recipe.windows.seconds * PER_SECOND)
    store = FeatureStore("activity", SpeechActivity(front_end.rate))
    found = {}
    for utterance in utterances:
        active = store.get(utterance) > 0
        starts = window_starts(features[utterance.key].shape[0], window=window, hop=hop, min_frames=minimum)
        places = [round(start * front_end.hop_seconds * PER_SECOND) for start in starts.tolist()]
        spoken = [has_speech(active[place : place + span], whole=span, first=place == 0) for place in places]
        if any(spoken):
            found[utterance.key] = starts[np.array(spoken)]
    return found
