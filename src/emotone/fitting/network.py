"""Networks before they are bundles: transferred weights, predictions, statistics of their input, and adaptation.

Unsupervised adaptation: fit a network to the target corpus without its labels.

Methods of adaptation:
    statistics      the network is used without training (A1), but the running statistics of its batch normalisations
                    are estimated on the target's clips (AdaBN)
    pseudo-labels   the clips that the loaded network predicts most confidently are training data, under the plan, with
                    the predictions as labels; the other clips are left out

Labels are removed before any clip is used, so a target with shuffled labels gives the same network bit by bit. Which
labels the target lacks is therefore unknown too: every label of the task can be predicted, and none gets probability 0,
unlike where the labels of the target's training part are known (see `emotone.fitting.pretraining`).

References: Li, Wang, Shi, Liu, Hou, Revisiting batch normalization for practical domain adaptation, 2016; Lee,
Pseudo-label: the simple and efficient semi-supervised learning method for deep neural networks, 2013; Zou, Yu, Kumar,
Wang, Unsupervised domain adaptation for semantic segmentation via class-balanced self-training, 2018. Lee uses every
clip with a weight that grows over time. Here, as in Zou, the most confident share of the clips of each predicted label
is used: with one confidence for all labels, the training data would be mostly the easily recognised labels, such as
anger and sadness, and the network would forget the others.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.errors import RunError
from emotone.files import atomic_write
from emotone.training.batches import Examples
from emotone.transfer.apply import HeadSpec
from emotone.transfer.weights import inside_block

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from emotone.fitting.resolve import ResolvedRecipe
    from emotone.nets.blocks.base import Network
    from emotone.recipes.recipe import Recipe
    from emotone.training.batches import Task
    from emotone.transfer.apply import TransferResult
    from emotone.types import Array, Utterance


def load_transferred(resolved: ResolvedRecipe, net: Network, *, labels: tuple[str, ...]) -> list[TransferResult]:
    """Load and freeze layers of a newly built network, in place, as its recipe's plan says; [] without a transfer.

    Raises:
        ConfigError: the plan does not fit the weights' labels (see `emotone.transfer.apply`).
        SourceError: the weights can't be read any more, or do not fit the network.

    """
    recipe = resolved.recipe
    if recipe.transfer is None or resolved.plan is None or resolved.weights is None:
        return []
    from emotone.transfer.apply import transfer_into

    groups = recipe.net_spec.groups[-1] if recipe.transfer.plan else ()
    head = HeadSpec(labels, output_tensors(recipe, net, len(labels)), groups)
    weights = inside_block(resolved.weights.read(), getattr(recipe.net_spec, "source_block", ""))
    return [transfer_into(net, weights, resolved.plan, head=head)]


def output_tensors(recipe: Recipe, net: Network, labels: int) -> tuple[str, ...]:
    """Return the names of the tensors whose first dimension is the labels: their shape changes with one label more."""
    import torch

    # The meta device draws no random numbers: those of the generator belong to the network that is trained.
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        wider = recipe.net_spec.build(recipe.feature.dimension, labels + 1).state_dict()
    return tuple(name for name, tensor in net.state_dict().items() if wider[name].shape != tensor.shape)


def clip_probabilities(recipe: Recipe, net: Network, features: Array) -> Array:
    """Return the probabilities [labels] of a clip, the mean over its windows, as on the development part.

    Args:
        recipe: settings of the windows.
        net: in eval mode.
        features: [time, dimension] of the clip.

    """
    from emotone.training.development import window_probabilities

    window, hop = recipe.windows.frames(recipe.feature)
    least = recipe.windows.min_frames(recipe.feature)
    mean: Array = window_probabilities(net, features, window=window, hop=hop, min_frames=least).mean(axis=0)
    return mean


CLEANING = "cleaning.json"
STREAM = 2  # separates the random draws of the statistics from those of batches and mixup


@dataclass(frozen=True)
class CleaningReport:
    """What the statistics of a network's input were fitted to.

    Attributes:
        recordings: number of training recordings.
        values: number of their values.
        replaced: how many of the values are anomalous, and were replaced by a median.

    """

    recordings: int
    values: int
    replaced: int

    def to_dict(self) -> dict[str, int]:
        """Return the numbers as a plain table, for JSON."""
        return asdict(self)

    def save(self, folder: Path) -> None:
        """Write the numbers to a training's folder."""
        with atomic_write(folder / CLEANING, text=True) as stream:
            json.dump(self.to_dict(), stream)


def fit_cleaning(net: Network, task: Task) -> CleaningReport | None:
    """Fit the blocks that clean a network's input to the training part, in place; None if it has no such block.

    Args:
        net: newly built; its blocks before the last fitted one keep rows as rows.
        task: only its training part is used.

    """
    from emotone.nets.blocks.cleaning import FittedBlock, Limits

    fitted = [block for block in net.blocks.values() if isinstance(block, FittedBlock)]
    if not fitted or not isinstance(task.train, Examples):
        return None
    rng = np.random.default_rng([task.seed, STREAM])
    rows = np.concatenate(task.train.features)
    replaced = 0
    for block in fitted:
        before, rows = rows, block.fit(rows, rng)
        if isinstance(block, Limits):
            replaced += int(np.count_nonzero(before != rows))
    return CleaningReport(len(task.train), rows.size, replaced)


@dataclass(frozen=True)
class AdaptationReport:
    """What an adaptation without labels used.

    Attributes:
        method: "statistics" or "pseudo-labels".
        clips: number of clips without labels.
        top_share: share of the clips of each predicted label that were candidates for training.
        min_confidence: minimum probability of a pseudo-label.
        pseudo_labels: number of training clips, by pseudo-label.

    """

    method: str
    clips: int
    top_share: float = 1.0
    min_confidence: float = 0.0
    pseudo_labels: Mapping[str, int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain tables, for JSON."""
        return asdict(self)

    def line(self) -> str:
        """Return the report as one line of text."""
        if self.method == "statistics":
            return f"adapted without labels: batch-normalisation statistics of {self.clips} clips"
        counts = ", ".join(f"{label} {count}" for label, count in self.pseudo_labels.items())
        return (
            f"adapted without labels: {sum(self.pseudo_labels.values())} of {self.clips} clips are training data with "
            f"their predicted label, the most confident {100 * self.top_share:g} % of each label with a probability "
            f"of at least {self.min_confidence:g}: {counts}"
        )


def unlabelled_training_set(
    resolved: ResolvedRecipe, utterances: Sequence[Utterance], features: Mapping[str, Array], *, labels: tuple[str, ...]
) -> tuple[tuple[Utterance, ...], AdaptationReport]:
    """Return the utterances to train on, with labels that replace their own, and a report.

    Args:
        resolved: recipe with `transfer.unlabelled`.
        utterances: of the training part; their labels are ignored.
        features: of each, by `Utterance.key`.
        labels: in the order of the logits.

    Raises:
        ConfigError: the loaded weights have no output for one of the labels.
        RunError: too few clips are predicted with confidence.

    """
    transfer = resolved.recipe.transfer
    assert transfer is not None  # noqa: S101 - it has `unlabelled`
    if transfer.unlabelled == "statistics":
        # Nothing is trained: the label is only a placeholder.
        anonymous = tuple(replace(each, label=labels[0]) for each in utterances)
        return anonymous, AdaptationReport("statistics", len(anonymous))
    start = resolved.with_plan("A1")
    net = start.recipe.net_spec.build(start.recipe.feature.dimension, len(labels))
    load_transferred(start, net, labels=labels)
    net.eval()
    rows = [clip_probabilities(start.recipe, net, features[each.key]) for each in utterances]
    chosen = _pseudo_labels(
        np.array(rows).reshape(-1, len(labels)), top_share=transfer.top_share, min_confidence=transfer.min_confidence
    )
    training = tuple(
        replace(each, label=labels[chosen[number]]) for number, each in enumerate(utterances) if number in chosen
    )
    counts = Counter(each.label for each in training)
    by_label = {label: counts[label] for label in labels if counts[label]}
    if len(by_label) < 2:
        raise RunError(
            f"{len(training)} of {len(utterances)} clips without labels are predicted with a probability of at least "
            f"{transfer.min_confidence:g}, as {', '.join(by_label) or 'none'}; training needs two labels: lower "
            "transfer.min_confidence"
        )
    return training, AdaptationReport(
        "pseudo-labels", len(utterances), transfer.top_share, transfer.min_confidence, by_label
    )


def _pseudo_labels(probabilities: Array, *, top_share: float, min_confidence: float) -> dict[int, int]:
    """Return the pseudo-label of each clip to train on, by the clip's index.

    Args:
        probabilities: of clips [clips, labels].
        top_share: share of the clips of each predicted label, rounded up; of equally confident clips, earlier ones
            come first.
        min_confidence: minimum probability.

    """
    predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    chosen: dict[int, int] = {}
    for label in np.unique(predicted).tolist():
        clips = np.flatnonzero(predicted == label)
        ranked = clips[np.argsort(-confidence[clips], kind="stable")]
        first = ranked[: math.ceil(top_share * len(clips))]
        chosen |= {number: label for number in first.tolist() if confidence[number] >= min_confidence}
    return chosen


def with_statistics(transferred: TransferResult, net: Network, task: Task) -> TransferResult:
    """Estimate a network's running statistics on a task's training clips, in place; return the updated transfer.

    Args:
        transferred: the transfer that the network's weights are from.
        net: all of which is frozen, and stays frozen.
        task: the clips and their windows, which are those of prediction.

    """
    from emotone.transfer.apply import Freezer, TransferResult
    from emotone.transfer.statistics import estimate_statistics

    assert isinstance(task.train, Examples)  # noqa: S101 - nothing is precomputed where nothing is trained
    windows = chain.from_iterable(task.windows(task.train))
    names = set(estimate_statistics(net, list(windows)))
    entries = tuple(
        replace(entry, state="estimated") if entry.name in names else entry for entry in transferred.report.entries
    )
    return TransferResult(replace(transferred.report, entries=entries), Freezer(net, transferred.freezer.names))
