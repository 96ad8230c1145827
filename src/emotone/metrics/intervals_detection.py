"""AU-ROC and equal error rate with confidence intervals clustered by speaker.

Conventions:
    truth, scores and thresholds are as in `emotone.metrics.detection`; the bootstrap is that of
    `emotone.metrics.intervals`: a drawn speaker contributes all of its entries. A draw without positives or without
    negatives has no score and is excluded; the note of the estimate reports how many. If all positives, or all
    negatives, are of one speaker, there is no interval.

Key idea: the scores of speaker s do not depend on its weight w_s, so counts are computed once, before the draws.
    AU-ROC  Let U[s, t] be the number of pairs of a positive of s and a negative of t in which the positive scores
            higher (ties count half), P[s] and N[s] the numbers of positives and negatives of s. Then
                AU-ROC(w) = sum over s, t of w_s w_t U[s, t]  /  (sum_s w_s P[s] * sum_t w_t N[t]),
            so a draw costs speakers^2, whatever the number of rows.
    EER     The gap  g = false positive rate - miss rate  rises from -1 to 1 as the threshold decreases. The first
            score at which it is not negative is found by bisection over the speakers' cumulative counts.
With more than `MAX_COUNTED_SPEAKERS` speakers, running sums over the sorted rows are used instead.

Contents:
    DetectorScores              truth, scores and speakers of the same entries
    auroc_estimate              AU-ROC of one system
    auroc_difference_estimate   of two systems, paired by speaker; their entries may differ
    eer_estimate                equal error rate of one system
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from emotone.errors import RunError
from emotone.metrics.classification import flags_and_scores
from emotone.metrics.detection import auroc, equal_error_rate
from emotone.metrics.intervals import (
    LEVEL,
    REPLICATES,
    Estimate,
    check_resampling,
    count_speakers,
    draws,
    percentiles,
    speaker_codes,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from emotone.metrics.classification import Flags, Numbers

MAX_COUNTED_SPEAKERS = 500  # with more, the counts per pair of speakers would exceed the memory


@dataclass(frozen=True, eq=False)
class DetectorScores:
    """The scores of a detector, with truth and speakers.

    Attributes:
        truth: whether each entry is positive, [n].
        scores: [n].
        speakers: speaker names [n], unique across corpora; "" if unknown.
        what: name of the entries in messages, plural.

    """

    truth: Flags
    scores: Numbers
    speakers: Sequence[str] | NDArray[np.str_]
    what: str = "clips"


def auroc_estimate(
    entries: DetectorScores, *, rng: np.random.Generator, replicates: int = REPLICATES, level: float = LEVEL
) -> Estimate:
    """Return the AU-ROC with its percentile interval, speakers being resampled with replacement.

    With few speakers the interval is too narrow: a nominal 95 % interval covers about 90 % with ten speakers.

    Args:
        entries: truth, scores and speakers.
        rng: generator of the draws.
        replicates: number of draws.
        level: nominal coverage, in (0, 1).

    Returns:
        The estimate; without an interval, and with a note, if speakers can't be resampled.

    Raises:
        RunError: empty input, lengths that differ, a score that is NaN or infinite, or one class only.
        UsageError: replicates below 1, or a level outside (0, 1).

    Example:
        >>> entries = DetectorScores([False, True] * 3, [0.1, 0.8, 0.3, 0.2, 0.4, 0.9], ["a", "a", "b", "b", "c", "c"])
        >>> estimate = auroc_estimate(entries, rng=np.random.default_rng(0))
        >>> round(estimate.value, 4), estimate.low, estimate.high, estimate.n, estimate.speakers
        (0.7778, 0.0, 1.0, 6, 3)

    Reference:
        Efron, Tibshirani: An Introduction to the Bootstrap. Chapman & Hall, 1993, chapters 8 and 13.

    """
    codes, note = _resampled(entries)
    scores = () if codes is None else (weighted_auroc(entries.truth, entries.scores, codes),)
    value = auroc(entries.truth, entries.scores)
    return _estimate(value, scores, entries, note, rng=rng, replicates=replicates, level=level)


def auroc_difference_estimate(
    first: DetectorScores,
    second: DetectorScores,
    *,
    rng: np.random.Generator,
    replicates: int = REPLICATES,
    level: float = LEVEL,
) -> Estimate:
    """Return AU-ROC(second) - AU-ROC(first) with its interval, over the same draws of speakers for both.

    The entries of the two systems may differ (windows of another length), their speakers may not. `n` is the number of
    entries of the first.

    Args:
        first: truth, scores and speakers of one system.
        second: of the other.
        rng: generator of the draws.
        replicates: number of draws.
        level: nominal coverage, in (0, 1).

    Raises:
        RunError: speakers that only one system has, and as `auroc_estimate`.
        UsageError: as `auroc_estimate`.

    Example:
        >>> truth, speakers = [False, True] * 3, ["a", "a", "b", "b", "c", "c"]
        >>> weak = DetectorScores(truth, [0.1, 0.8, 0.3, 0.2, 0.4, 0.9], speakers)
        >>> strong = DetectorScores(truth, [0.1, 0.8, 0.3, 0.7, 0.4, 0.9], speakers)
        >>> estimate = auroc_difference_estimate(weak, strong, rng=np.random.default_rng(0))
        >>> round(estimate.value, 4), estimate.low, estimate.high
        (0.2222, 0.0, 1.0)

    """
    value = auroc(second.truth, second.scores) - auroc(first.truth, first.scores)
    scores: list[WeightedScore] = []
    for entries in (first, second):
        codes, note = _resampled(entries)
        if codes is None:
            return _estimate(value, (), first, note, rng=rng, replicates=replicates, level=level)
        scores.append(weighted_auroc(entries.truth, entries.scores, codes))
    unshared = np.setxor1d(np.asarray(first.speakers, dtype=np.str_), np.asarray(second.speakers, dtype=np.str_))
    if len(unshared):
        raise RunError(f"both systems must have the same speakers; only one of them has '{unshared[0]}'")
    return _estimate(value, tuple(scores), first, "", rng=rng, replicates=replicates, level=level)


def eer_estimate(
    entries: DetectorScores, *, rng: np.random.Generator, replicates: int = REPLICATES, level: float = LEVEL
) -> Estimate:
    """Return the equal error rate with its percentile interval, speakers being resampled with replacement.

    The threshold is chosen in every draw, as the rate is defined. Arguments, result and errors are those of
    `auroc_estimate`.

    Example:
        >>> entries = DetectorScores([False, True] * 3, [0.1, 0.8, 0.3, 0.2, 0.4, 0.9], ["a", "a", "b", "b", "c", "c"])
        >>> estimate = eer_estimate(entries, rng=np.random.default_rng(0))
        >>> round(estimate.value, 4), estimate.low, estimate.high
        (0.3333, 0.0, 1.0)

    """
    codes, note = _resampled(entries)
    scores = () if codes is None else (weighted_eer(entries.truth, entries.scores, codes),)
    value = equal_error_rate(entries.truth, entries.scores).rate
    return _estimate(value, scores, entries, note, rng=rng, replicates=replicates, level=level)


def _resampled(entries: DetectorScores) -> tuple[NDArray[np.intp] | None, str]:
    """Return the index of each entry's speaker, or None and why resampling speakers gives no interval."""
    flags, _ = flags_and_scores(entries.truth, entries.scores)
    codes, note = speaker_codes(entries.speakers, entries=len(flags), what=entries.what)
    if codes is None:
        return None, note
    for of_class, name in ((flags, "positive"), (~flags, "negative")):
        if len(np.unique(codes[of_class])) < 2:
            return None, f"no interval: all {name} {entries.what} are of one speaker"
    return codes, ""


def _estimate(
    value: float,
    scores: tuple[WeightedScore, ...],
    entries: DetectorScores,
    note: str,
    *,
    rng: np.random.Generator,
    replicates: int,
    level: float,
) -> Estimate:
    """Return `value` with the interval of one score, or of the second minus the first; without one if none is given."""
    n, speakers = len(entries.truth), count_speakers(entries.speakers)
    if not scores:
        return Estimate(value=value, n=n, speakers=speakers, note=note)
    check_resampling(replicates=replicates, level=level)
    width = max(speakers, *(score.width for score in scores))
    found = []
    for weights in draws(speakers, rng=rng, replicates=replicates, width=width):
        values = [score(weights) for score in scores]
        found.append(values[-1] - values[0] if len(values) > 1 else values[0])
    return replace(percentiles(np.concatenate(found), level=level, value=value, speakers=speakers), n=n)


class WeightedScore(Protocol):
    """A score as a function of the speakers' weights."""

    width: int
    """Number of values that one draw needs in memory."""

    def __call__(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the scores [draws] for weights [draws, speakers]; NaN if one class was not drawn."""


def weighted_auroc(truth: Flags, scores: Numbers, codes: NDArray[np.intp]) -> WeightedScore:
    """Return AU-ROC(w); `truth` and `scores` are as in `auroc`, `codes` [n] the index of each entry's speaker."""
    flags, values = flags_and_scores(truth, scores)
    return (
        _PairCounts(flags, values, codes) if codes.max() < MAX_COUNTED_SPEAKERS else _SortedAuroc(flags, values, codes)
    )


def weighted_eer(truth: Flags, scores: Numbers, codes: NDArray[np.intp]) -> WeightedScore:
    """Return the equal error rate (w), as `equal_error_rate` defines it; arguments as of `weighted_auroc`."""
    flags, values = flags_and_scores(truth, scores)
    return (
        _BisectedEer(flags, values, codes) if codes.max() < MAX_COUNTED_SPEAKERS else _SortedEer(flags, values, codes)
    )


class _PairCounts:
    """AU-ROC from the counts U, P and N."""

    def __init__(self, flags: NDArray[np.bool_], values: NDArray[np.float64], codes: NDArray[np.intp]) -> None:
        self.width = int(codes.max()) + 1
        self._positives = np.bincount(codes[flags], minlength=self.width).astype(np.float64)
        self._negatives = np.bincount(codes[~flags], minlength=self.width).astype(np.float64)
        self._wins = _wins(flags, values, codes, self.width)

    def __call__(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        pairs = (weights @ self._positives) * (weights @ self._negatives)
        return _ratio(((weights @ self._wins) * weights).sum(axis=1), pairs)


class _BisectedEer:
    """Equal error rate by bisection over each speaker's counts at every threshold."""

    def __init__(self, flags: NDArray[np.bool_], values: NDArray[np.float64], codes: NDArray[np.intp]) -> None:
        different, place = np.unique(-values, return_inverse=True)
        self.width = int(codes.max()) + 1
        self._last = len(different)
        flat = (place.reshape(-1) + 1) * self.width + codes
        # [1 + scores, speakers]: positives and false alarms of each threshold, in decreasing order.
        self._found, self._alarms = (
            np.bincount(flat[of_class], minlength=(self._last + 1) * self.width)
            .reshape(-1, self.width)
            .cumsum(axis=0, dtype=np.int32)
            for of_class in (flags, ~flags)
        )

    def __call__(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        low = np.zeros(len(weights), dtype=np.intp)  # a point with a negative gap
        high = np.full(len(weights), self._last)  # a point with none
        while (high - low > 1).any():
            middle = (low + high) // 2
            false_positive, found = self._rates(weights, middle)
            after = false_positive >= 1 - found
            high, low = np.where(after, middle, high), np.where(after, low, middle)
        return _crossing(*self._rates(weights, low), *self._rates(weights, high))

    def _rates(
        self, weights: NDArray[np.float64], points: NDArray[np.intp]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the false and the true positive rate [draws] at one point of each draw's curve."""
        false_positive, found = (
            _ratio(np.einsum("ds,ds->d", weights, counts[points]), weights @ counts[-1].astype(np.float64))
            for counts in (self._alarms, self._found)
        )
        return false_positive, found


class _SortedAuroc:
    """AU-ROC from a running sum over the negatives, sorted by score."""

    def __init__(self, flags: NDArray[np.bool_], values: NDArray[np.float64], codes: NDArray[np.intp]) -> None:
        order = np.argsort(values[~flags])
        negative = values[~flags][order]
        self.width = len(flags)
        self._positives, self._negatives = codes[flags], codes[~flags][order]
        # For each positive: the number of negatives with a lower score, and with a score that is not higher.
        self._below = np.searchsorted(negative, values[flags], side="left")
        self._upto = np.searchsorted(negative, values[flags], side="right")

    def __call__(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        positives, sums = weights[:, self._positives], _running(weights[:, self._negatives])
        won = np.einsum("dp,dp->d", positives, sums[:, self._below] + sums[:, self._upto]) / 2
        return _ratio(won, positives.sum(axis=1) * sums[:, -1])


class _SortedEer:
    """Equal error rate from running sums over all rows in decreasing order of score."""

    def __init__(self, flags: NDArray[np.bool_], values: NDArray[np.float64], codes: NDArray[np.intp]) -> None:
        order = np.argsort(-values)
        self.width = 2 * len(flags)
        self._flags, self._codes = flags[order], codes[order]
        ends = np.flatnonzero(np.diff(values[order], append=-np.inf))  # the last row of each different score
        self._ends = np.concatenate([[0], ends + 1])

    def __call__(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        of_rows = weights[:, self._codes]
        found, false_positive = (
            _running(of_rows * of_class)[:, self._ends] for of_class in (self._flags, ~self._flags)
        )
        found, false_positive = (
            _ratio(sums, np.broadcast_to(sums[:, -1:], sums.shape)) for sums in (found, false_positive)
        )
        after = np.maximum(1, np.argmax(false_positive >= 1 - found, axis=1))  # 0 where undefined
        draw = np.arange(len(weights))
        return _crossing(
            false_positive[draw, after - 1], found[draw, after - 1], false_positive[draw, after], found[draw, after]
        )


def _crossing(
    start: NDArray[np.float64], found_before: NDArray[np.float64], end: NDArray[np.float64], found: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the equal error rate on the straight line between two points of a ROC curve."""
    before, after = start - (1 - found_before), end - (1 - found)
    return np.asarray(start + (end - start) * _ratio(-before, after - before))


def _running(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return sums [draws, 1 + n] of the first 0, 1 ... n values [draws, n]."""
    sums = np.zeros((len(values), values.shape[1] + 1))
    np.cumsum(values, axis=1, out=sums[:, 1:])
    return sums


def _wins(
    flags: NDArray[np.bool_], values: NDArray[np.float64], codes: NDArray[np.intp], size: int
) -> NDArray[np.float64]:
    """Return U [speakers, speakers]: row = speaker of the positive, column = speaker of the negative."""
    positive, owner = values[flags], codes[flags]
    wins = np.zeros((size, size))
    for speaker in range(size):
        negative = np.sort(values[~flags & (codes == speaker)])
        beaten = (np.searchsorted(negative, positive, "left") + np.searchsorted(negative, positive, "right")) / 2
        wins[:, speaker] = np.bincount(owner, weights=beaten, minlength=size)
    return wins


def _ratio(numerator: NDArray[np.float64], denominator: NDArray[np.float64]) -> NDArray[np.float64]:
    result = np.full(denominator.shape, np.nan)
    np.divide(numerator, denominator, out=result, where=denominator > 0)
    return result
