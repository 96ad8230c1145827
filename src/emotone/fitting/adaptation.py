"""Unsupervised adaptation: fit a network to the target corpus without its labels.

Methods:
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

import math
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.errors import RunError
from emotone.fitting.network import clip_probabilities, load_transferred
from emotone.training.batches import Examples

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from emotone.fitting.resolve import ResolvedRecipe
    from emotone.nets.blocks.base import Network
    from emotone.training.batches import Task
    from emotone.transfer.apply import TransferResult
    from emotone.types import Array, Utterance


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
