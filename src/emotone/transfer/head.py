"""A net's scores when it is taken over: the source's labels may be the target's, more of them, or others.

Where the source knows every label of the target, the scores of these are taken over, in the target's order. Where it
lacks one, the layer that gives the scores is drawn anew. A source that learned other things than labels, and so has
none of the layers that decide, leaves these to be drawn anew too. A net that should be used as it is can't do with
scores that are drawn: that is an error.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from emotone.errors import ConfigError
from emotone.transfer.select import layer_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emotone.transfer.weights import SourceWeights

WAY_ON = "let the layers that decide learn (plans A2 to A8), or choose labels that it knows"


@dataclass(frozen=True)
class Head:
    """What of a net gives its scores.

    Attributes:
        labels: of the scores, in their order.
        scores: tensors whose first dimension is the labels.
        layers: that decide: they may be missing from the source all together. () where each must be there.

    """

    labels: tuple[str, ...]
    scores: tuple[str, ...]
    layers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answers:
    """What can be taken over of a source's scores.

    Attributes:
        weights: with the scores of the target's labels, where the source has them.
        anew: tensors that are drawn anew although the plan takes them over.
        notes: what was done, in words; nothing where all was as it is.

    """

    weights: SourceWeights
    anew: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


def answering(weights: SourceWeights, head: Head, *, load: Sequence[str], freeze: Sequence[str]) -> Answers:
    """Return what of a source's scores fits a net.

    Args:
        weights: the source.
        head: of the net.
        load: tensors that a plan takes over.
        freeze: those of them that do not learn.

    Raises:
        ConfigError: scores that would be drawn anew are frozen.

    """
    scores = [name for name in head.scores if name in set(load)]
    if not weights.labels:
        return _without_labels(weights, head, load=load, freeze=freeze)
    if not scores or weights.labels == head.labels:
        return Answers(weights)
    theirs, ours = ", ".join(weights.labels), ", ".join(head.labels)
    missing = [label for label in head.labels if label not in weights.labels]
    if not missing:
        rows = [weights.labels.index(label) for label in head.labels]
        of_labels = {
            name: weights.tensors[name][rows]
            for name in scores
            if name in weights.tensors and weights.tensors[name].shape[0] == len(weights.labels)
        }
        tensors = {**weights.tensors, **of_labels}
        note = f"of the scores of {weights.source} ({theirs}), those of {ours} were taken over"
        return Answers(replace(weights, tensors=tensors), notes=(note,))
    layers = ", ".join(dict.fromkeys(map(layer_of, scores)))
    if set(scores) & set(freeze):
        raise ConfigError(
            f"{weights.source} can't be used as it is for {ours}: it does not know {', '.join(missing)}, only "
            f"{theirs}; {WAY_ON}"
        )
    note = f"{weights.source} knows {theirs}, and not {', '.join(missing)}: the scores, in {layers}, are drawn anew"
    return Answers(weights, frozenset(scores), (note,))


def _without_labels(weights: SourceWeights, head: Head, *, load: Sequence[str], freeze: Sequence[str]) -> Answers:
    """Return the layers that decide as drawn anew, where a source of other things has none of them."""
    decide = frozenset(name for name in load if layer_of(name) in head.layers)
    if not decide or any(layer_of(name) in head.layers for name in weights.tensors):
        return Answers(weights)
    layers = ", ".join(dict.fromkeys(layer_of(name) for name in load if name in decide))
    if decide & set(freeze):
        raise ConfigError(
            f"{weights.source} can't be used as it is: it has no scores for labels, as {layers} is none of its layers; "
            f"{WAY_ON}"
        )
    return Answers(weights, decide, (f"{weights.source} has no scores for labels: {layers} is drawn anew",))
