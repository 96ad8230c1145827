"""Selection of a classifier's settings and temperature by speaker-independent cross-validation of the training part."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from emotone.bundles.head import softmax
from emotone.classical.base import AdaptiveClassifier, align, standardiser
from emotone.errors import RunError, missing_extra
from emotone.metrics.classification import uar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from emotone.classical.base import Adaptation, Classifier, Scorer, Truth, Vectors

    Fit = tuple[Sequence[Scorer], Scorer]  # a scorer per candidate, and the scaling of their inputs
    Rows = NDArray[np.intp]

INNER_FOLDS = 5
TEMPERATURES = (1e-2, 1e2)  # range of the softmax temperature


@dataclass(frozen=True)
class TunedClassifier:
    """A fitted classifier that returns probabilities.

    Attributes:
        scorer: of the selected settings, fitted to the whole training part.
        temperature: divisor of the scores before the softmax.
        chosen: the selected settings.
        inner: unweighted average recall of every candidate over the pooled inner folds; empty without inner folds.

    """

    scorer: Scorer
    temperature: float
    chosen: dict[str, float]
    inner: tuple[float, ...]

    def probabilities(self, vectors: Vectors) -> NDArray[np.float64]:
        """Return [clips, labels]; rows sum to 1, and a label without training clips has 0."""
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
) -> TunedClassifier:
    """Return the classifier with the settings of the best recall in speaker-independent inner folds.

    The training part is divided by speaker into up to five inner folds. Every candidate is fitted to all but one, with
    scaling from these clips alone, and evaluated on that one. The candidate with the best recall over the pooled inner
    folds is fitted to the whole training part; of equal ones, the first, which is the most regularised. The temperature
    of the softmax maximises the likelihood of the labels in the inner folds.

    Args:
        classifier: with its candidates.
        vectors: of the training part, unscaled.
        truth: of the training part.
        groups: speakers of the training part; with a single one, clips are divided instead.
        labels: number of labels in total.
        seed: of every random draw.
        standardise: whether to scale by the training part's statistics.

    Raises:
        RunError: the training part has a single label.

    """
    if len(np.unique(truth)) < 2:
        raise RunError(f"{len(truth)} training clips have fewer than two labels")

    def fit(rows: Rows | slice, chosen: int | None) -> Fit:
        scale = standardiser(vectors[rows]) if standardise else _identity
        spec = classifier if chosen is None else _with_candidate(classifier, chosen)
        return spec.fit(scale(vectors[rows]), truth[rows], labels=labels, seed=seed), scale

    return _select(classifier, vectors, truth, fit, _inner_folds(truth, groups, seed=seed), labels=labels)


@dataclass(frozen=True)
class TargetCorpus:
    """The corpora of a training part, one of which is the target.

    Attributes:
        corpora: of the training part's clips.
        name: of the corpus of the test clips.
        adaptation: how the vectors of the other corpora are aligned with it.

    """

    corpora: NDArray[np.str_]
    name: str
    adaptation: Adaptation


def tune_for_target(
    target: TargetCorpus,
    classifier: Classifier,
    vectors: Vectors,
    truth: Truth,
    groups: NDArray[Any],
    *,
    labels: int,
    seed: int,
    standardise: bool,
) -> TunedClassifier:
    """Return the classifier with the settings of the best recall on the target, in speaker-independent inner folds.

    As `tune`, with other inner folds: only the target's clips are divided and evaluated, and all clips of the other
    corpora are training data in each of them. A label without training clips of the target is never predicted.

    Args:
        target: the target, and the corpus of each clip.
        classifier: with its candidates; one that is not an `AdaptiveClassifier` is fitted to all clips alike.
        vectors: of the training part, unscaled.
        truth: of the training part.
        groups: speakers of the training part; if the target has a single one, its clips are divided instead.
        labels: number of labels in total.
        seed: of every random draw.
        standardise: whether to scale by statistics of the training part.

    Raises:
        RunError: the training clips of the target, or those of the other corpora, have fewer than two labels.

    """
    of_target = target.corpora == target.name
    for rows, owner, use in ((of_target, target.name, "adapted to"), (~of_target, "other corpora", "adapted from")):
        if len(np.unique(truth[rows])) < 2:
            raise RunError(f"{rows.sum()} training clips of {owner} with fewer than two labels can't be {use}")
    sources = _SourceCache(labels=labels, seed=seed)

    def fit(rows: Rows | slice, chosen: int | None) -> Fit:
        aligned, scale = align(
            vectors[rows],
            target.corpora[rows],
            target=target.name,
            method=target.adaptation,
            standardise=standardise,
        )
        known, here = truth[rows], of_target[rows]
        if isinstance(classifier, AdaptiveClassifier):
            fitted = sources.get(classifier, aligned[~here], known[~here])
            # All candidates: fitting the sources, which is most of the work, is done for all of them.
            scorers = classifier.adapt(fitted, aligned[here], known[here], labels=labels)
            scorers = scorers if chosen is None else scorers[chosen : chosen + 1]
        else:
            spec = classifier if chosen is None else _with_candidate(classifier, chosen)
            scorers = spec.fit(aligned, known, labels=labels, seed=seed)
        return [_restrict(scorer, np.unique(known[here])) for scorer in scorers], scale

    clips, others = np.flatnonzero(of_target), np.flatnonzero(~of_target)
    folds = (
        (np.sort(np.concatenate([others, clips[train]])), clips[test])
        for train, test in _inner_folds(truth[clips], groups[clips], seed=seed)
    )
    return _select(classifier, vectors, truth, fit, folds, labels=labels)


class _SourceCache:
    """What an adaptive classifier fitted to the other corpora, repeated only if their aligned vectors change."""

    def __init__(self, *, labels: int, seed: int) -> None:
        self._labels, self._seed = labels, seed
        self._cached: tuple[Vectors, Sequence[Any]] | None = None

    def get(self, classifier: AdaptiveClassifier, vectors: Vectors, truth: Truth) -> Sequence[Any]:
        """Return it; each call passes all clips of the other corpora, so that their truth is the same."""
        if self._cached is None or not np.array_equal(self._cached[0], vectors):
            fitted = classifier.fit_sources(vectors, truth, labels=self._labels, seed=self._seed)
            self._cached = vectors, fitted
        return self._cached[1]


def _select(
    classifier: Classifier,
    vectors: Vectors,
    truth: Truth,
    fit: Callable[[Rows | slice, int | None], Fit],
    folds: Iterator[tuple[Rows, Rows]],
    *,
    labels: int,
) -> TunedClassifier:
    """Return the candidate with the best recall in the inner folds, fitted to the whole training part.

    `fit` takes rows of the training part and the number of a candidate, None for all of them.
    """
    candidates = classifier.candidates
    held = np.full((len(candidates), len(truth), labels), -np.inf)
    scored = np.zeros(len(truth), np.bool_)
    for train, test in folds:
        scorers, scale = fit(train, None)
        for index, scorer in enumerate(scorers):
            held[index, test] = scorer(scale(vectors[test]))
        scored[test] = True
    inner = tuple(_recall(scores[scored], truth[scored], labels=labels) for scores in held) if scored.any() else ()
    best = int(np.argmax(inner)) if inner else 0
    (fitted,), scale = fit(slice(None), best)
    return TunedClassifier(
        scorer=lambda others: fitted(scale(others)),
        temperature=softmax_temperature(held[best][scored], truth[scored]),
        chosen=candidates[best],
        inner=inner,
    )


def _restrict(scorer: Scorer, seen: Truth) -> Scorer:
    """Return a scorer that predicts the labels `seen` only."""

    def score(vectors: Vectors) -> Vectors:
        scores = scorer(vectors)
        kept = np.full_like(scores, -np.inf)
        kept[:, seen] = scores[:, seen]
        return kept

    return score


def _with_candidate(classifier: Classifier, candidate: int) -> Classifier:
    """Return the classifier with a single candidate; settings are tuples of a frozen dataclass."""
    single: Any = classifier  # a Protocol can't require a dataclass
    chosen = classifier.candidates[candidate]
    return cast("Classifier", replace(single, **{name: (value,) for name, value in chosen.items()}))


def _identity(vectors: Vectors) -> Vectors:
    return vectors


def _inner_folds(truth: Truth, groups: NDArray[Any], *, seed: int) -> Iterator[tuple[Rows, Rows]]:
    """Yield train and test rows; folds whose training rows have a single label are skipped."""
    try:
        from sklearn.model_selection import GroupKFold, KFold
    except ImportError as error:
        raise missing_extra("scikit-learn", "baselines", "nested tuning") from error
    speakers = len(np.unique(groups))
    if speakers > 1:
        folds = GroupKFold(min(INNER_FOLDS, speakers)).split(truth, truth, groups)
    else:
        folds = KFold(min(INNER_FOLDS, len(truth)), shuffle=True, random_state=seed).split(truth)
    for train, test in folds:
        if len(np.unique(truth[train])) > 1:
            yield train, test


def _recall(scores: NDArray[np.float64], truth: Truth, *, labels: int) -> float:
    matrix = np.zeros((labels, labels))
    np.add.at(matrix, (truth, scores.argmax(axis=1)), 1.0)
    return float(uar(matrix))


def softmax_temperature(scores: NDArray[np.float64], truth: Truth) -> float:
    """Return the temperature with the minimum mean log loss on scores whose true label can be predicted."""
    possible = np.isfinite(scores[np.arange(len(truth)), truth])
    scores, truth = scores[possible], truth[possible]
    if not len(truth):
        return 1.0

    def loss(temperature: float) -> float:
        scaled = scores / temperature
        peak = scaled.max(axis=1)
        logs = peak + np.log(np.exp(scaled - peak[:, None]).sum(axis=1))
        return float(np.mean(logs - scaled[np.arange(len(truth)), truth]))

    return best_temperature(loss)


def best_temperature(loss: Callable[[float], float]) -> float:
    """Return the temperature with the smallest loss, within `TEMPERATURES`."""
    from scipy.optimize import minimize_scalar

    def of_logarithm(logarithm: float) -> float:
        return loss(float(np.exp(logarithm)))

    low, high = np.log(TEMPERATURES)
    return float(np.exp(minimize_scalar(of_logarithm, bounds=(low, high), method="bounded").x))


def negative_log_likelihoods(probabilities: NDArray[np.float64], truth: Truth) -> NDArray[np.float64]:
    """Return -log p(label) [clips] of probabilities [clips, labels]."""
    chosen = probabilities[np.arange(len(truth)), truth]
    result: NDArray[np.float64] = -np.log(np.maximum(chosen, np.finfo(np.float64).tiny))
    return result


def cross_entropy(probabilities: NDArray[np.float64], truth: Truth) -> float:
    """Return the mean of -log p(label) over probabilities [clips, labels]."""
    return float(negative_log_likelihoods(probabilities, truth).mean())
