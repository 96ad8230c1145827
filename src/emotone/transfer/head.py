"""The outputs of a transferred network: the source may have the target's labels, more of them, or others.

If the source has every label of the target, their outputs are loaded in the target's order. If it lacks one, the output
layer is re-initialised. A source without labels has none of the head's layers, which are then re-initialised too. A
frozen head can't be re-initialised: that is an error.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from emotone.errors import ConfigError
from emotone.transfer.plans import layer_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emotone.transfer.weights import SourceWeights

ADVICE = "use a plan that trains the head (A2 to A8), or labels that the source has"


@dataclass(frozen=True)
class HeadSpec:
    """The outputs of a network.

    Attributes:
        labels: of the scores, in order.
        scores: tensors whose first dimension is the labels.
        layers: of the head, which may all be missing in the source; () if none may.

    """

    labels: tuple[str, ...]
    scores: tuple[str, ...]
    layers: tuple[str, ...] = ()


@dataclass(frozen=True)
class HeadMatch:
    """How a source's scores fit a network.

    Attributes:
        weights: with the scores of the target's labels, if the source has them.
        initialised: tensors that are re-initialised although the plan loads them.
        notes: sentences that describe changes; empty without any.

    """

    weights: SourceWeights
    initialised: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


def match_head(weights: SourceWeights, head: HeadSpec, *, load: Sequence[str], freeze: Sequence[str]) -> HeadMatch:
    """Return which of a source's scores fit a network.

    Args:
        weights: the source.
        head: of the network.
        load: tensors that the plan loads.
        freeze: those of them that the plan freezes.

    Raises:
        ConfigError: scores that must be re-initialised are frozen.

    """
    scores = [name for name in head.scores if name in set(load)]
    if not weights.labels:
        return _without_labels(weights, head, load=load, freeze=freeze)
    if not scores or weights.labels == head.labels:
        return HeadMatch(weights)
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
        note = f"of the scores of {weights.source} ({theirs}), those of {ours} were loaded"
        return HeadMatch(replace(weights, tensors=tensors), notes=(note,))
    layers = ", ".join(dict.fromkeys(map(layer_of, scores)))
    if set(scores) & set(freeze):
        raise ConfigError(
            f"{weights.source} can't be used unchanged for {ours}: it has no scores for {', '.join(missing)}, only for "
            f"{theirs}; {ADVICE}"
        )
    note = (
        f"{weights.source} has scores for {theirs}, but not for {', '.join(missing)}: the output layer, {layers}, is "
        "re-initialised"
    )
    return HeadMatch(weights, frozenset(scores), (note,))


def _without_labels(weights: SourceWeights, head: HeadSpec, *, load: Sequence[str], freeze: Sequence[str]) -> HeadMatch:
    """Return the head's layers as re-initialised, if the source has no labels and none of these layers."""
    tensors = frozenset(name for name in load if layer_of(name) in head.layers)
    if not tensors or any(layer_of(name) in head.layers for name in weights.tensors):
        return HeadMatch(weights)
    layers = ", ".join(dict.fromkeys(layer_of(name) for name in load if name in tensors))
    if tensors & set(freeze):
        raise ConfigError(
            f"{weights.source} can't be used unchanged: it has no scores for labels (no layer {layers}); {ADVICE}"
        )
    return HeadMatch(weights, tensors, (f"{weights.source} has no scores for labels: {layers} is re-initialised",))
