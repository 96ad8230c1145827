"""From a recipe and a fold to a trained net: one training, in one folder, resumed if it was cut off."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.config import signature
from emotone.errors import RunError
from emotone.files import cache_dir
from emotone.fitting.adaptation import Unlabelled, check_unlabelled, hear, with_statistics
from emotone.fitting.initialise import take_over
from emotone.fitting.pretraining import check_alone
from emotone.fitting.speech_windows import spoken_starts
from emotone.training.batches import Examples
from emotone.transfer.report import STATES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from emotone.nets.blocks.base import LengthAware
    from emotone.recipes.recipe import Recipe
    from emotone.training.checkpoint import Epoch
    from emotone.training.loop import Task
    from emotone.transfer.apply import Transferred
    from emotone.transfer.report import TransferReport
    from emotone.types import Array, Fold, Utterance

CHECKPOINT = "checkpoint.safetensors"
OUTPUTS = "outputs"  # of frozen layers, in the cache folder


@dataclass(frozen=True, eq=False)
class Fitted:
    """A trained net in eval mode, with what it took.

    Attributes:
        net: torch module.
        labels: in the order of its logits.
        history: one entry per epoch.
        best: number of the epoch whose weights were kept.
        signature: of recipe and data.
        transfer: what became of each tensor; None where nothing was taken over.
        unlabelled: what became of clips that were heard without labels; None where labels were learned from.

    """

    net: LengthAware
    labels: tuple[str, ...]
    history: tuple[Epoch, ...]
    best: int
    signature: str
    transfer: TransferReport | None = None
    unlabelled: Unlabelled | None = None

    def about(self, absent: tuple[str, ...] = ()) -> dict[str, Any]:
        """Return what was taken over, and what was heard without labels, as plain tables for JSON.

        Args:
            absent: labels that the target does not have.

        """
        told: dict[str, Any] = {"absent": list(absent)}
        if self.transfer is not None:
            tensors = {state: list(self.transfer.names(state)) for state in STATES}
            told["sha256"] = self.transfer.sha256
            told["tensors"] = {state: names for state, names in tensors.items() if names or state != "estimated"}
        if self.unlabelled is not None:
            told["unlabelled"] = self.unlabelled.to_dict()
        return told


def fit(
    recipe: Recipe,
    utterances: Sequence[Utterance],
    features: Mapping[str, Array],
    fold: Fold,
    *,
    labels: tuple[str, ...],
    heads: tuple[int, ...] = (),
    folder: Path | None = None,
    progress: Callable[[Epoch], None] | None = None,
    on_batch: Callable[[int, int], None] | None = None,
) -> Fitted:
    """Return the net trained on a fold's training part; its test part is not looked at.

    Args:
        recipe: what to train.
        utterances: with labels from `labels`; those outside the fold are ignored.
        features: [time, dimension] by `Utterance.key`; utterances without an entry are ignored
            (their recordings failed, and were listed when features were extracted), and so are those with less sound
            than the recipe's windows hold at least, or no window with speech where only those are learned from.
        fold: names the training and the development part. A recipe that does not stop early learns from both.
        labels: in the order of the logits.
        heads: the number of each label's head, where clips are told from the labels of their own head only.
        folder: for the checkpoint; None keeps none.
        progress: called after each epoch.
        on_batch: called with (done, total) batches of an epoch.

    Raises:
        RunError: nothing to train on, a single label, or a checkpoint of another training.
        SourceError: the weights to be taken over are not there, or don't fit the net.
        AudioError: a recording can't be read any more whose speech is looked for.

    """
    from emotone.training.loop import train

    check_alone(recipe)
    check_unlabelled(recipe)
    task, heard = _task(recipe, utterances, features, fold, labels=labels, heads=heads)
    done: list[Transferred] = []

    def build() -> LengthAware:
        net = recipe.net_spec.build(recipe.feature.dimension, len(labels))
        done.extend(take_over(recipe, net, labels=labels))
        if heard is not None and heard.kind == "statistics":
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
        kept=cache_dir() / OUTPUTS,
    )
    for transferred in done:
        transferred.freezer.check()
    report = done[0].report if done else None
    if report is not None and heard is not None:
        report = replace(report, notes=(*report.notes, heard.line()))
    return Fitted(net, labels, trained.history, trained.best, task.signature, report, heard)


def _task(
    recipe: Recipe,
    utterances: Sequence[Utterance],
    features: Mapping[str, Array],
    fold: Fold,
    *,
    labels: tuple[str, ...],
    heads: tuple[int, ...],
) -> tuple[Task, Unlabelled | None]:
    """Return what is learned and looked at; with clips that are heard without labels, those that stand for them."""
    from emotone.training.loop import Task

    corpora = sorted({utterance.corpus for utterance in utterances})
    front_end = recipe.feature
    least = recipe.windows.least_frames(front_end)
    by_key = {
        utterance.key: utterance
        for utterance in utterances
        if utterance.key in features and features[utterance.key].shape[0] >= least
    }

    spoken = spoken_starts(recipe, [by_key[key] for key in (*fold.train, *fold.dev) if key in by_key], features)

    def examples(keys: tuple[str, ...]) -> Examples:
        chosen = [by_key[key] for key in keys if key in by_key and (spoken is None or key in spoken)]
        return Examples(
            tuple(features[utterance.key] for utterance in chosen),
            np.array([labels.index(utterance.label) for utterance in chosen], np.int64),
            np.array([corpora.index(utterance.corpus) for utterance in chosen], np.int64),
            starts=None if spoken is None else tuple(spoken[utterance.key] for utterance in chosen),
        )

    keeps_best = recipe.training.patience > 0
    # Without early stopping nobody looks at a development part, so it is learned from.
    learned = fold.train if keeps_best else fold.train + fold.dev
    heard: Unlabelled | None = None
    if recipe.transfer is not None and recipe.transfer.unlabelled:
        without = [by_key[key] for key in learned if key in by_key]
        taken, heard = hear(recipe, without, features, labels=labels)
        by_key = {each.key: each for each in taken}
    training = examples(learned)
    if len(np.unique(training.labels)) < 2 and (heard is None or heard.kind != "statistics"):
        raise RunError(
            f"fold {fold.name}: {len(training)} training clips with fewer than two labels can't be learned from"
        )
    window, hop = recipe.windows.frames(front_end)
    task = Task(
        train=training,
        development=examples(fold.dev if keeps_best else ()),
        hop_seconds=front_end.hop_seconds,
        window=window,
        hop=hop,
        signature=fit_signature(recipe, utterances, features, fold, labels=labels),
        seed=recipe.seed,
        least=least,
        heads=heads,
    )
    return task, heard


def fit_signature(
    recipe: Recipe,
    utterances: Sequence[Utterance],
    features: Mapping[str, Array],
    fold: Fold,
    *,
    labels: tuple[str, ...],
) -> str:
    """Return the hash of what changes a training's result: the recipe, which clips with which labels, and the parts.

    Clips stand in it by key, label and number of frames: cheap, and enough to notice another version of a corpus. Where
    they are heard without labels, these have no say in its name either.
    """
    labelled = recipe.transfer is None or not recipe.transfer.unlabelled
    data = sorted(
        (utterance.key, utterance.label if labelled else "", features[utterance.key].shape[0])
        for utterance in utterances
        if utterance.key in features
    )
    return signature(recipe.signature, data, list(labels), sorted(fold.train), sorted(fold.dev))
