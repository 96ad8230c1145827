"""Choosing a classifier's settings and its temperature inside the training part, with speakers kept apart."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from emotone.classical.scaling import standardiser
from emotone.errors import RunError, missing_extra
from emotone.metrics.base import uar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from emotone.classical.base import Classifier, Scorer, Truth, Vectors

INNER_FOLDS = 5
TEMPERATURES = (1e-2, 1e2)  # between which the softmax's temperature is sought


@dataclass(frozen=True)
class Tuned:
    """A fitted classifier that gives probabilities.

    Attributes:
        scorer: of the settings that were chosen, fitted on the whole training part.
        temperature: that scores are divided by before the softmax.
        chosen: the settings.
        inner: unweighted average recall of every candidate in the inner folds, pooled; empty where nothing was chosen.

    """

    scorer: Scorer
    temperature: float
    chosen: dict[str, float]
    inner: tuple[float, ...]

    def probabilities(self, vectors: Vectors) -> NDArray[np.float64]:
        """Return [clips, labels]; rows sum to 1, and a label that training never saw has 0."""
        return softmax(self.scorer(vectors) / self.temperature)


def tune(
    classifier: Classifier,
    vectors: Vectors,
    truth: Truth,
    groups: NDArray[Any],
    *,
    labels: int,
    seed: int,
    standardise: bool,
) -> Tuned:
    """Return the classifier with the settings that did best on speakers it was not fitted on.

    The training part is divided by speaker into up to five inner folds. Every candidate is fitted on all but one, with
    scaling from those clips alone, and judged on it; the one with the best recall over all inner folds, pooled, is
    fitted again on everything. Equal ones: the first, the most cautious. The temperature of the softmax is what
    makes the inner folds' answers likeliest.

    Args:
        classifier: with its candidates.
        vectors: of the training part, as they are.
        truth: of the training part.
        groups: speakers of the training part; with a single one, clips are divided instead.
        labels: how many there are in all.
        seed: of every draw.
        standardise: whether to scale by the training part's statistics; otherwise vectors are taken as they are.

    Raises:
        RunError: the training part has a single label.

    """
    if len(np.unique(truth)) < 2:
        raise RunError(f"{len(truth)} training clips with fewer than two labels can't be learned from")
    candidates = classifier.candidates
    held = np.full((len(candidates), len(truth), labels), -np.inf)
    judged = np.zeros(len(truth), np.bool_)
    for train, test in _inner_folds(truth, groups, seed=seed):
        scale = standardiser(vectors[train]) if standardise else _as_it_is
        scorers = classifier.fit(scale(vectors[train]), truth[train], labels=labels, seed=seed)
        for index, scorer in enumerate(scorers):
            held[index, test] = scorer(scale(vectors[test]))
        judged[test] = True
    inner = tuple(_recall(scores[judged], truth[judged], labels=labels) for scores in held) if judged.any() else ()
    best = int(np.argmax(inner)) if inner else 0
    scale = standardiser(vectors) if standardise else _as_it_is
    chosen = _only(classifier, candidates[best])
    fitted = chosen.fit(scale(vectors), truth, labels=labels, seed=seed)[0]
    return Tuned(
        scorer=lambda others: fitted(scale(others)),
        temperature=_temperature(held[best][judged], truth[judged]),
        chosen=candidates[best],
        inner=inner,
    )


def _only(classifier: Classifier, candidate: dict[str, float]) -> Classifier:
    """Return the classifier with a single candidate: its settings are frozen dataclasses' tuples of values."""
    single: Any = classifier  # a Protocol can't say that it is a dataclass
    return cast("Classifier", replace(single, **{name: (value,) for name, value in candidate.items()}))


def softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return probabilities [clips, labels]; -inf gives 0."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    probabilities: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return probabilities


def _as_it_is(vectors: Vectors) -> Vectors:
    return vectors


def _inner_folds(
    truth: Truth, groups: NDArray[Any], *, seed: int
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Yield train and test rows; folds whose training rows have a single label are left out."""
    try:
        from sklearn.model_selection import GroupKFold, KFold
    except ImportError as error:
        raise missing_extra("scikit-learn", "baselines", "nested tuning") from error
    speakers = len(np.unique(groups))
    if speakers > 1:
        division = GroupKFold(min(INNER_FOLDS, speakers)).split(truth, truth, groups)
    else:
        division = KFold(min(INNER_FOLDS, len(truth)), shuffle=True, random_state=seed).split(truth)
    for train, test in division:
        if len(np.unique(truth[train])) > 1:
            yield train, test


def _recall(scores: NDArray[np.float64], truth: Truth, *, labels: int) -> float:
    matrix = np.zeros((labels, labels))
    np.add.at(matrix, (truth, scores.argmax(axis=1)), 1.0)
    return float(uar(matrix))


def _temperature(scores: NDArray[np.float64], truth: Truth) -> float:
    """Return the temperature with the least mean log loss on scores whose true label could be answered."""
    from scipy.optimize import minimize_scalar

    answered = np.isfinite(scores[np.arange(len(truth)), truth])
    scores, truth = scores[answered], truth[answered]
    if not len(truth):
        return 1.0

    def loss(log_temperature: float) -> float:
        scaled = scores / np.exp(log_temperature)
        peak = scaled.max(axis=1)
        logs = peak + np.log(np.exp(scaled - peak[:, None]).sum(axis=1))
        return float(np.mean(logs - scaled[np.arange(len(truth)), truth]))

    low, high = np.log(TEMPERATURES)
    return float(np.exp(minimize_scalar(loss, bounds=(low, high), method="bounded").x))
