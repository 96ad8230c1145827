"""A shipped head fitted further on a few labelled embeddings: only its last layer changes, and as little as helps.

The candidates are the unchanged head, the head adapted to the embeddings without their labels, and each of them with a
last layer that is pulled towards the given one. The candidate with the best recall in inner folds without shared
speakers is taken; of equal ones, the one that changes least.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from emotone.bundles.head import MIN_RECORDINGS
from emotone.errors import RunError
from emotone.fitting.embedding_head import softmax_regression
from emotone.training.tuning import best_temperature, cross_entropy

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from emotone.bundles.head import EmbeddingHead
    from emotone.types import Array

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1)  # inverse weights of the pull towards the given layer, the strongest pull first
INNER_FOLDS = 3


@dataclass(frozen=True)
class Refit:
    """A way to fit a head further.

    Attributes:
        adapted: whether the statistics of the embeddings replace those of the head.
        strength: see `STRENGTHS`; None leaves the last layer unchanged.

    """

    adapted: bool
    strength: float | None

    def __str__(self) -> str:
        """Return what is done, for messages and cards."""
        parts = [*(["adapted to the clips"] if self.adapted else [])]
        parts += [] if self.strength is None else [f"last layer fitted with strength {self.strength:g}"]
        return ", ".join(parts) or "unchanged"


CANDIDATES = (
    Refit(adapted=False, strength=None),
    Refit(adapted=True, strength=None),
    *(Refit(adapted=adapted, strength=strength) for strength in STRENGTHS for adapted in (False, True)),
)


@dataclass(frozen=True, eq=False)
class RefittedHead:
    """A fitted head, how it was fitted, and the temperature of its probabilities."""

    head: EmbeddingHead
    refit: Refit
    temperature: float


def head_for_labels(head: EmbeddingHead, known: Sequence[str], labels: Sequence[str]) -> EmbeddingHead:
    """Return the head for other labels: labels that it knows keep their weights, new ones start from zeros.

    Args:
        head: to change.
        known: its labels, in the order of its logits.
        labels: the labels of the result.

    """
    places = [known.index(label) if label in known else -1 for label in labels]
    weight = np.stack([head.weight[:, at] if at >= 0 else np.zeros(len(head.weight), np.float32) for at in places], 1)
    bias = np.array([head.bias[at] if at >= 0 else head.bias.mean() for at in places], np.float32)
    ordinary = head.ordinary
    if ordinary is not None:
        prior = np.array([ordinary.prior[at] if at >= 0 else ordinary.prior.min() for at in places], np.float32)
        ordinary = replace(ordinary, prior=prior / prior.sum())
    return replace(head, weight=weight, bias=bias, ordinary=ordinary)


def refit_head(
    head: EmbeddingHead,
    embeddings: Array,
    truth: NDArray[np.int64],
    groups: NDArray[np.str_],
    *,
    temperature: float,
    new_labels: bool,
) -> RefittedHead:
    """Return the best candidate, fitted on all embeddings.

    Args:
        head: for the labels of the embeddings (see `head_for_labels`).
        embeddings: [recordings, values].
        truth: index of each recording's label [recordings].
        groups: speakers [recordings]; with a single one, recordings are divided instead.
        temperature: of the head's probabilities.
        new_labels: whether the head has labels that it was not fitted on, so that its last layer has to be fitted.

    Raises:
        RunError: fewer than two recordings, or a single label.

    """
    if len(embeddings) < MIN_RECORDINGS or len(np.unique(truth)) < 2:
        raise RunError(f"{len(embeddings)} recordings with fewer than two labels are not enough to fit a head further")
    allowed = [one for one in CANDIDATES if one.strength is not None or not new_labels]
    folds = list(_inner_folds(truth, groups))
    best, recall, held = allowed[0], -1.0, None
    for candidate in allowed if folds else allowed[:1]:
        fitted = [
            (_fitted(head, candidate, embeddings[train], truth[train], temperature), test) for train, test in folds
        ]
        found = _probabilities(fitted, embeddings, temperature)
        order = np.concatenate([test for _, test in fitted])
        right = found.argmax(axis=1) == truth[order]
        score = float(np.mean([right[truth[order] == label].mean() for label in np.unique(truth[order])]))
        if score > recall + 1e-9:
            best, recall, held = candidate, score, (fitted, order)
    if held is not None:
        fitted, order = held
        temperature = best_temperature(
            lambda value: cross_entropy(_probabilities(fitted, embeddings, value), truth[order])
        )
    return RefittedHead(_fitted(head, best, embeddings, truth, temperature), best, temperature)


def _fitted(
    head: EmbeddingHead, candidate: Refit, embeddings: Array, truth: NDArray[np.int64], temperature: float
) -> EmbeddingHead:
    """Return the head of a candidate; the loss is that of the probabilities with the temperature."""
    if candidate.adapted and len(embeddings) >= MIN_RECORDINGS:
        head = head.adapted(embeddings)
    if candidate.strength is None:
        return head
    weight, bias = softmax_regression(
        head.inputs(embeddings) / temperature,
        truth,
        np.ones(len(truth)),
        classes=len(head.bias),
        regularisation=candidate.strength,
        offset=head.logits(embeddings) / temperature,
    )
    return replace(
        head,
        weight=(head.weight + weight).astype(np.float32),
        bias=(head.bias + temperature * bias).astype(np.float32),
    )


def _probabilities(
    fitted: Sequence[tuple[EmbeddingHead, NDArray[np.intp]]], embeddings: Array, temperature: float
) -> NDArray[np.float64]:
    return np.concatenate([head.probabilities(embeddings[test], temperature=temperature) for head, test in fitted])


def _inner_folds(
    truth: NDArray[np.int64], groups: NDArray[np.str_]
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Yield the training and the test part of each inner fold whose training part has at least two labels."""
    names = np.unique(groups)
    part = np.searchsorted(names, groups) if len(names) > 1 else np.arange(len(truth))
    for number in range(min(INNER_FOLDS, len(names) if len(names) > 1 else len(truth))):
        tested = part % INNER_FOLDS == number
        if len(np.unique(truth[~tested])) > 1 and tested.any():
            yield np.flatnonzero(~tested), np.flatnonzero(tested)
