"""From a recipe and a fold to a trained net: one training, in one folder, resumed if it was cut off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emotone.config import signature
from emotone.errors import RunError
from emotone.files import cache_dir
from emotone.systems.pretraining import check_alone
from emotone.systems.start import take_over
from emotone.training.batches import Examples

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from emotone.nets.modules import LengthAware
    from emotone.systems.recipe import Recipe
    from emotone.training.checkpoint import Epoch
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

    """

    net: LengthAware
    labels: tuple[str, ...]
    history: tuple[Epoch, ...]
    best: int
    signature: str
    transfer: TransferReport | None = None


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
            than the recipe's windows hold at least.
        fold: names the training and the development part. A recipe that does not stop early learns from both.
        labels: in the order of the logits.
        heads: the number of each label's head, where clips are told from the labels of their own head only.
        folder: for the checkpoint; None keeps none.
        progress: called after each epoch.
        on_batch: called with (done, total) batches of an epoch.

    Raises:
        RunError: nothing to train on, a single label, or a checkpoint of another training.
        SourceError: the weights to be taken over are not there, or don't fit the net.

    """
    from emotone.training.loop import Task, train

    check_alone(recipe)
    corpora = sorted({utterance.corpus for utterance in utterances})
    front_end = recipe.feature
    least = recipe.windows.least_frames(front_end)
    by_key = {
        utterance.key: utterance
        for utterance in utterances
        if utterance.key in features and features[utterance.key].shape[0] >= least
    }

    def examples(keys: tuple[str, ...]) -> Examples:
        chosen = [by_key[key] for key in keys if key in by_key]
        return Examples(
            tuple(features[utterance.key] for utterance in chosen),
            np.array([labels.index(utterance.label) for utterance in chosen], np.int64),
            np.array([corpora.index(utterance.corpus) for utterance in chosen], np.int64),
        )

    keeps_best = recipe.training.patience > 0
    # Without early stopping nobody looks at a development part, so it is learned from.
    training = examples(fold.train if keeps_best else fold.train + fold.dev)
    if len(np.unique(training.labels)) < 2:
        raise RunError(
            f"fold {fold.name}: {len(training)} training clips with fewer than two labels can't be learned from"
        )
    name = fit_signature(recipe, utterances, features, fold, labels=labels)
    window, hop = recipe.windows.frames(front_end)
    task = Task(
        train=training,
        development=examples(fold.dev if keeps_best else ()),
        hop_seconds=front_end.hop_seconds,
        window=window,
        hop=hop,
        signature=name,
        seed=recipe.seed,
        least=least,
        heads=heads,
    )
    done: list[Transferred] = []

    def build() -> LengthAware:
        net = recipe.net_spec.build(front_end.dimension, len(labels))
        done.extend(take_over(recipe, net, labels=labels))
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
    return Fitted(net, labels, trained.history, trained.best, name, done[0].report if done else None)


def fit_signature(
    recipe: Recipe,
    utterances: Sequence[Utterance],
    features: Mapping[str, Array],
    fold: Fold,
    *,
    labels: tuple[str, ...],
) -> str:
    """Return the hash of what changes a training's result: the recipe, which clips with which labels, and the parts.

    Clips stand in it by key, label and number of frames: cheap, and enough to notice another version of a corpus.
    """
    data = sorted(
        (utterance.key, utterance.label, features[utterance.key].shape[0])
        for utterance in utterances
        if utterance.key in features
    )
    return signature(recipe.signature, data, list(labels), sorted(fold.train), sorted(fold.dev))
