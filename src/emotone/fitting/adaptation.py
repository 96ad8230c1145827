"""Recordings of the target that are heard without their labels: what of a net can be made to fit them all the same.

What is here:
    statistics      the net is used as it is (A1), but for the running statistics of its batch normalisations, which
                    are those of the target's clips
    pseudo-labels   clips that the net which is taken over is surest of teach it, under the plan, as if what it says
                    were their label; the others are left out

Labels never come to it: they are taken off before anything looks at a clip, so that a target whose labels are shuffled
gives the same net bit by bit. So it is not known either which labels the target lacks. Every label of the task can be
an answer, and a pseudo-label: none is given probability 0, as one is where the labels of the target's training part are
known (see `emotone.fitting.pretraining`).

References: Li, Wang, Shi, Liu, Hou, Revisiting batch normalization for practical domain adaptation, 2016; Lee,
Pseudo-label: the simple and efficient semi-supervised learning method for deep neural networks, 2013; Zou, Yu, Kumar,
Wang, Unsupervised domain adaptation for semantic segmentation via class-balanced self-training, 2018. Lee takes every
clip and weighs them less in the beginning. Here the surest share of the clips that are judged as each label is taken,
as Zou and others do: one confidence for all labels leaves those that are heard easily, such as anger and sadness, alone
among what is learned, and the net forgets the others.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.errors import ConfigError, RunError
from emotone.fitting.clip_probabilities import clip_probabilities
from emotone.fitting.initialise import take_over
from emotone.nets.base import NETS
from emotone.training.batches import Examples

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from emotone.nets.base import NetSpec
    from emotone.nets.blocks.base import LengthAware
    from emotone.recipes.recipe import Recipe
    from emotone.training.loop import Task
    from emotone.transfer.apply import Transferred
    from emotone.types import Array, Utterance

BANDS, CLASSES = 64, 2  # of nets that are only asked what they are made of


@dataclass(frozen=True)
class Unlabelled:
    """What became of recordings that were heard without their labels.

    Attributes:
        kind: "statistics" or "pseudo-labels".
        clips: that were heard.
        surest: share of the clips judged as each label that teach.
        confidence: least probability of a pseudo-label.
        taken: clips that teach, by pseudo-label.

    """

    kind: str
    clips: int
    surest: float = 1.0
    confidence: float = 0.0
    taken: Mapping[str, int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain tables, for JSON."""
        return asdict(self)

    def line(self) -> str:
        """Return it as text."""
        if self.kind == "statistics":
            return f"heard without labels: {self.clips} clips, whose statistics the normalisations have now"
        said = ", ".join(f"{label} {count}" for label, count in self.taken.items())
        return (
            f"heard without labels: {self.clips} clips; {sum(self.taken.values())} of them teach what they were judged "
            f"as, the surest {100 * self.surest:g} % of each label with at least {self.confidence:g}: {said}"
        )


def check_unlabelled(recipe: Recipe) -> None:
    """Raise `ConfigError` where statistics shall be estimated and the net has none."""
    if recipe.transfer is None or recipe.transfer.unlabelled != "statistics" or _has_statistics(recipe.net_spec):
        return
    having = ", ".join(name for name in NETS.names if _has_statistics(NETS.get(name)()))
    raise ConfigError(
        f'transfer.unlabelled = "statistics": {recipe.net["name"]} has no batch normalisation whose statistics could '
        f"be estimated anew; {having} have, and every net can learn from pseudo-labels"
    )


def hear(
    recipe: Recipe, utterances: Sequence[Utterance], features: Mapping[str, Array], *, labels: tuple[str, ...]
) -> tuple[tuple[Utterance, ...], Unlabelled]:
    """Return the utterances that a recipe's training has, with labels that stand for their own, and what was heard.

    Args:
        recipe: says how recordings are heard without labels.
        utterances: of the training part; their labels are not looked at.
        features: of each, by `Utterance.key`.
        labels: in the order of the logits.

    Raises:
        ConfigError: the weights that are taken over have no scores for one of the labels.
        RunError: too few clips are judged with confidence to be learned from.

    """
    assert recipe.transfer is not None  # noqa: S101 - it says so
    if recipe.transfer.unlabelled == "statistics":
        # Nothing learns from it: a label only has to stand there.
        heard = tuple(replace(each, label=labels[0]) for each in utterances)
        return heard, Unlabelled("statistics", len(heard))
    surest, least = recipe.transfer.surest, recipe.transfer.confidence
    as_it_is = replace(recipe.transfer, plan="A1", load=(), freeze=(), unlabelled="")
    net = recipe.net_spec.build(recipe.feature.dimension, len(labels))
    take_over(replace(recipe, transfer=as_it_is), net, labels=labels)
    net.eval()
    said = np.array([clip_probabilities(recipe, net, features[each.key]) for each in utterances])
    told = _believed(said.reshape(-1, len(labels)), surest=surest, least=least)
    taken = tuple(replace(each, label=labels[told[number]]) for number, each in enumerate(utterances) if number in told)
    counts = Counter(each.label for each in taken)
    by_label = {label: counts[label] for label in labels if counts[label]}
    if len(by_label) < 2:
        raise RunError(
            f"of {len(utterances)} clips without labels {len(taken)} are judged with at least {least:g}, as "
            f"{', '.join(by_label) or 'none'}; it takes two labels to learn from: lower transfer.confidence"
        )
    return taken, Unlabelled("pseudo-labels", len(utterances), surest, least, by_label)


def _believed(probabilities: Array, *, surest: float, least: float) -> dict[int, int]:
    """Return the pseudo-label of each clip that teaches, by the clip's number.

    Args:
        probabilities: of clips [clips, labels].
        surest: share of the clips judged as each label, rounded up, of which the earlier ones are taken where some are
            equally sure.
        least: probability.

    """
    judged, sure = probabilities.argmax(axis=1), probabilities.max(axis=1)
    told: dict[int, int] = {}
    for label in np.unique(judged).tolist():
        clips = np.flatnonzero(judged == label)
        by_sureness = clips[np.argsort(-sure[clips], kind="stable")]
        first = by_sureness[: math.ceil(surest * len(clips))]
        told |= {number: label for number in first.tolist() if sure[number] >= least}
    return told


def with_statistics(transferred: Transferred, net: LengthAware, task: Task) -> Transferred:
    """Estimate a net's running statistics anew, in place, and return its transfer with that in the report.

    Args:
        transferred: how the net came to its weights.
        net: all of which is frozen, and stays so afterwards.
        task: the clips, and how their windows lie: as they are judged they are heard.

    """
    from emotone.training.development import windows_of
    from emotone.transfer.apply import Transferred
    from emotone.transfer.freeze import Freezer
    from emotone.transfer.statistics import estimate_statistics

    assert isinstance(task.train, Examples)  # noqa: S101 - nothing is computed ahead where nothing learns
    windows = chain.from_iterable(windows_of(task.train, task))
    names = set(estimate_statistics(net, list(windows)))
    entries = tuple(
        replace(entry, state="estimated") if entry.name in names else entry for entry in transferred.report.entries
    )
    return Transferred(replace(transferred.report, entries=entries), Freezer(net, transferred.freezer.names))


def _has_statistics(spec: NetSpec) -> bool:
    import torch

    from emotone.transfer.statistics import normalisations

    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        return bool(normalisations(spec.build(BANDS, CLASSES)))
