"""Choosing a classifier's settings and its temperature inside the training part, with speakers kept apart."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from emotone.classical.adaptation import adapted
from emotone.classical.base import Adapting
from emotone.classical.scaling import standardiser
from emotone.errors import RunError, missing_extra
from emotone.metrics.classification import uar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from emotone.classical.adaptation import Adaptation
    from emotone.classical.base import Classifier, Scorer, Truth, Vectors

    Learned = tuple[Sequence[Scorer], Scorer]  # a scorer per candidate, and how the vectors that they take are scaled
    Rows = NDArray[np.intp]

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

    def learn(rows: Rows | slice, chosen: int | None) -> Learned:
        scale = standardiser(vectors[rows]) if standardise else _as_it_is
        asked = classifier if chosen is None else _only(classifier, chosen)
        return asked.fit(scale(vectors[rows]), truth[rows], labels=labels, seed=seed), scale

    return _best(classifier, vectors, truth, learn, _inner_folds(truth, groups, seed=seed), labels=labels)


@dataclass(frozen=True)
class Onto:
    """What is known of a training part's corpora where one of them is the target.

    Attributes:
        corpora: of the training part's clips.
        target: the corpus that will be asked about.
        how: in which way the others are brought to it.

    """

    corpora: NDArray[np.str_]
    target: str
    how: Adaptation


def tune_onto(
    onto: Onto,
    classifier: Classifier,
    vectors: Vectors,
    truth: Truth,
    groups: NDArray[Any],
    *,
    labels: int,
    seed: int,
    standardise: bool,
) -> Tuned:
    """Return the classifier with the settings that did best on speakers of the target that it was not fitted on.

    As `tune`, with other inner folds: only the target's clips are divided and judged, and all clips of the other
    corpora are learned from in each of them. A label that the target's training clips lack is not answered.

    Args:
        onto: which clips are the target's.
        classifier: with its candidates; one that is not `Adapting` learns from all clips alike.
        vectors: of the training part, as they are.
        truth: of the training part.
        groups: speakers of the training part; where the target has a single one, its clips are divided instead.
        labels: how many there are in all.
        seed: of every draw.
        standardise: whether to scale by statistics of the training part; otherwise vectors are taken as they are.

    Raises:
        RunError: the target's training clips, or those of the other corpora, are none or have a single label.

    """
    of_target = onto.corpora == onto.target
    for rows, whose, use in ((of_target, onto.target, "adapted to"), (~of_target, "other corpora", "adapted from")):
        if len(np.unique(truth[rows])) < 2:
            raise RunError(f"{rows.sum()} training clips of {whose} with fewer than two labels can't be {use}")
    sources = _Sources(labels=labels, seed=seed)

    def learn(rows: Rows | slice, chosen: int | None) -> Learned:
        moved, scale = adapted(
            vectors[rows], onto.corpora[rows], target=onto.target, how=onto.how, standardise=standardise
        )
        known, here = truth[rows], of_target[rows]
        if isinstance(classifier, Adapting):
            learned = sources.learned(classifier, moved[~here], known[~here])
            # All candidates, as most of the work was learning from the sources, which was done for all.
            every = classifier.adapt(learned, moved[here], known[here], labels=labels)
            scorers = every if chosen is None else every[chosen : chosen + 1]
        else:
            asked = classifier if chosen is None else _only(classifier, chosen)
            scorers = asked.fit(moved, known, labels=labels, seed=seed)
        return [_only_seen(scorer, np.unique(known[here])) for scorer in scorers], scale

    target, others = np.flatnonzero(of_target), np.flatnonzero(~of_target)
    folds = (
        (np.sort(np.concatenate([others, target[train]])), target[test])
        for train, test in _inner_folds(truth[target], groups[target], seed=seed)
    )
    return _best(classifier, vectors, truth, learn, folds, labels=labels)


class _Sources:
    """What an adapting classifier learned from the other corpora: done again only where their vectors were moved."""

    def __init__(self, *, labels: int, seed: int) -> None:
        self._labels, self._seed = labels, seed
        self._kept: tuple[Vectors, Sequence[Any]] | None = None

    def learned(self, classifier: Adapting, vectors: Vectors, truth: Truth) -> Sequence[Any]:
        """Return it: all clips of the other corpora are given each time, so that their truth is the same."""
        if self._kept is None or not np.array_equal(self._kept[0], vectors):
            learned = classifier.learn_sources(vectors, truth, labels=self._labels, seed=self._seed)
            self._kept = vectors, learned
        return self._kept[1]


def _best(
    classifier: Classifier,
    vectors: Vectors,
    truth: Truth,
    learn: Callable[[Rows | slice, int | None], Learned],
    folds: Iterator[tuple[Rows, Rows]],
    *,
    labels: int,
) -> Tuned:
    """Return the candidate that did best in the inner folds, learned again from everything.

    `learn` takes rows of the training part, and which candidate to learn, None for all of them.
    """
    candidates = classifier.candidates
    held = np.full((len(candidates), len(truth), labels), -np.inf)
    judged = np.zeros(len(truth), np.bool_)
    for train, test in folds:
        scorers, scale = learn(train, None)
        for index, scorer in enumerate(scorers):
            held[index, test] = scorer(scale(vectors[test]))
        judged[test] = True
    inner = tuple(_recall(scores[judged], truth[judged], labels=labels) for scores in held) if judged.any() else ()
    best = int(np.argmax(inner)) if inner else 0
    (fitted,), scale = learn(slice(None), best)
    return Tuned(
        scorer=lambda others: fitted(scale(others)),
        temperature=_temperature(held[best][judged], truth[judged]),
        chosen=candidates[best],
        inner=inner,
    )


def _only_seen(scorer: Scorer, seen: Truth) -> Scorer:
    """Return a scorer that does not answer other labels than `seen`."""

    def score(vectors: Vectors) -> Vectors:
        scores = scorer(vectors)
        kept = np.full_like(scores, -np.inf)
        kept[:, seen] = scores[:, seen]
        return kept

    return score


def _only(classifier: Classifier, candidate: int) -> Classifier:
    """Return the classifier with a single candidate: its settings are frozen dataclasses' tuples of values."""
    single: Any = classifier  # a Protocol can't say that it is a dataclass
    chosen = classifier.candidates[candidate]
    return cast("Classifier", replace(single, **{name: (value,) for name, value in chosen.items()}))


def softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return probabilities [clips, labels]; -inf gives 0."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    probabilities: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return probabilities


def _as_it_is(vectors: Vectors) -> Vectors:
    return vectors


def _inner_folds(truth: Truth, groups: NDArray[Any], *, seed: int) -> Iterator[tuple[Rows, Rows]]:
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
