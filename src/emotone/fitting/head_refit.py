"""A shipped head fitted further on a few labelled embeddings: only its last layer changes, and as little as helps.

The candidates are the unchanged head, the head adapted to the embeddings without their labels, and each of them with a
last layer that is pulled towards the given one. One of them, `USUAL`, is right for most data; another is taken only if
its cross-entropy in inner folds without shared speakers is lower by more than two standard errors of the difference. A
few clips are not enough to select the best of ten candidates, and their recall has too few values to select any.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from emotone.bundles.head import MIN_RECORDINGS, mixture
from emotone.errors import RunError
from emotone.fitting.embedding_head import softmax_regression
from emotone.training.tuning import best_temperature, negative_log_likelihoods

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from emotone.bundles.head import EmbeddingHead, OrdinarySpeech
    from emotone.types import Array

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1)  # inverse weights of the pull towards the given layer, the strongest pull first
INNER_FOLDS = 4
MIN_SELECTION = 30  # clips; fewer don't tell which candidate is best
SELECTION_DIGITS = 2  # of cross-entropies: of equal ones, the candidate that changes least is taken


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
USUAL = Refit(adapted=True, strength=1e-2)
"""The best candidate with 10 to 100 clips of Emo-DB, RAVDESS or nEMO, for heads fitted on the other two."""


@dataclass(frozen=True)
class CandidateScore:
    """A way to fit a head, and its scores on clips of inner folds that it was not fitted on.

    Attributes:
        refit: the way.
        cross_entropy: mean of -log p(label), with the temperature at which it is lowest.
        recall: unweighted average.

    """

    refit: Refit
    cross_entropy: float
    recall: float


@dataclass(frozen=True, eq=False)
class RefittedHead:
    """A fitted head.

    Attributes:
        head: the head.
        refit: how it was fitted.
        temperature: of its probabilities.
        candidates: scores of all ways in inner folds; empty if there was no choice.

    """

    head: EmbeddingHead
    refit: Refit
    temperature: float
    candidates: tuple[CandidateScore, ...] = ()

    def lines(self) -> list[str]:
        """Return the choice as text, one line for each candidate."""
        lines = [
            f"{one.refit}: inner UAR {one.recall:.3f}, cross-entropy {one.cross_entropy:.3f}" for one in self.candidates
        ]
        why = "the usual way; too few clips to compare others"
        if self.candidates:
            usual = self.refit == USUAL
            why = "the usual way; none is clearly better" if usual else "clearly better than the usual way"
        return [*lines, f"selected: {self.refit} ({why})"]


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
    if len(embeddings) < MIN_SELECTION or not folds:
        return RefittedHead(_fitted(head, USUAL, embeddings, truth, temperature), USUAL, temperature)
    held = [_HeldOut.of(head, one, embeddings, truth, temperature, folds=folds) for one in allowed]
    temperatures = [best_temperature(one.cross_entropy) for one in held]
    losses = np.stack([one.losses(temperature) for one, temperature in zip(held, temperatures, strict=True)])
    scores = [
        CandidateScore(one, float(loss.mean()), clips.recall(temperature))
        for one, loss, clips in zip(allowed, losses, held, strict=True)
    ]
    best = selected(losses, usual=allowed.index(USUAL))
    chosen = allowed[best]
    fitted = _fitted(head, chosen, embeddings, truth, temperature)
    return RefittedHead(fitted, chosen, temperatures[best], tuple(scores))


def selected(losses: NDArray[np.float64], *, usual: int) -> int:
    """Return the candidate with the least mean loss of those that are clearly better than the usual one, or that one.

    Clearly better is a mean that is lower by more than two standard errors of the paired difference. Of equal means, in
    two digits, the first is taken.

    Args:
        losses: of each candidate on each clip [candidates, clips].
        usual: index of the candidate to take if none is clearly better.

    Example:
        >>> selected(np.array([[1.0, 1.1, 0.9], [0.2, 1.9, 0.8], [0.5, 0.6, 0.5]]), usual=0)
        2

    """
    gains = losses[usual] - losses
    errors = gains.std(axis=1) / np.sqrt(losses.shape[1])
    better = gains.mean(axis=1) > 2 * errors
    means = losses.mean(axis=1).round(SELECTION_DIGITS)
    return int(np.argmin(np.where(better, means, np.inf))) if better.any() else usual


@dataclass(frozen=True, eq=False)
class _HeldOut:
    """Clips of inner folds and the outputs of heads that were not fitted on them.

    Attributes:
        truth: index of each label [clips].
        logits: [clips, labels].
        factors: of the temperature [clips].
        share: probability of ordinary speech [clips].
        ordinary: detector of ordinary speech, if there is one.

    """

    truth: NDArray[np.int64]
    logits: NDArray[np.float64]
    factors: NDArray[np.float64]
    share: NDArray[np.float64]
    ordinary: OrdinarySpeech | None

    @classmethod
    def of(
        cls,
        head: EmbeddingHead,
        candidate: Refit,
        embeddings: Array,
        truth: NDArray[np.int64],
        temperature: float,
        *,
        folds: Sequence[tuple[NDArray[np.intp], NDArray[np.intp]]],
    ) -> _HeldOut:
        """Return the clips of all folds under a candidate that is fitted without each."""
        tested = np.concatenate([test for _, test in folds])
        logits, factors = [], []
        for train, test in folds:
            fitted, values = _fitted(head, candidate, embeddings[train], truth[train], temperature), embeddings[test]
            logits.append(fitted.logits(values))
            domain = fitted.domain
            factors.append(np.ones(len(test)) if domain is None else domain.temperature_factors(values))
        share = head.ordinary_share(embeddings[tested])
        return cls(truth[tested], np.concatenate(logits), np.concatenate(factors), share, head.ordinary)

    def probabilities(self, temperature: float) -> NDArray[np.float64]:
        """Return probabilities [clips, labels], as those of `EmbeddingHead.probabilities`."""
        return mixture(self.logits, temperature * self.factors, self.share, self.ordinary)

    def cross_entropy(self, temperature: float) -> float:
        """Return the mean of -log p(label)."""
        return float(self.losses(temperature).mean())

    def losses(self, temperature: float) -> NDArray[np.float64]:
        """Return -log p(label) [clips]."""
        return negative_log_likelihoods(self.probabilities(temperature), self.truth)

    def recall(self, temperature: float) -> float:
        """Return the unweighted average recall."""
        right = self.probabilities(temperature).argmax(axis=1) == self.truth
        return float(np.mean([right[self.truth == label].mean() for label in np.unique(self.truth)]))


def _fitted(
    head: EmbeddingHead, candidate: Refit, embeddings: Array, truth: NDArray[np.int64], temperature: float
) -> EmbeddingHead:
    """Return the head of a candidate; the loss is that of the probabilities with the temperature.

    The fitted change is a weighted sum of the inputs, so it is fitted in their span, which is much smaller.
    """
    if candidate.adapted and len(embeddings) >= MIN_RECORDINGS:
        head = head.adapted(embeddings)
    if candidate.strength is None:
        return head
    inputs = head.inputs(embeddings) / temperature
    basis = np.linalg.qr(inputs.T)[0]  # [values, recordings]
    weight, bias = softmax_regression(
        inputs @ basis,
        truth,
        np.ones(len(truth)),
        classes=len(head.bias),
        regularisation=candidate.strength,
        offset=head.logits(embeddings) / temperature,
    )
    return replace(
        head,
        weight=(head.weight + basis @ weight).astype(np.float32),
        bias=(head.bias + temperature * bias).astype(np.float32),
    )


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
