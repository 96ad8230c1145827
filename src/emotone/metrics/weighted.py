"""AU-ROC and equal error rate of many weightings of the same speakers at once: what resampling speakers needs.

Speaker s is drawn w_s times. Its scores never change, so what can be counted is counted before the draws:

    AU-ROC  Let U[s, t] be the pairs of a positive of s and a negative of t in which the positive scores higher, equal
            scores counting half, P[s] and N[s] the speaker's positives and negatives. Then
                AU-ROC(w) = sum over s, t of w_s w_t U[s, t]  /  (sum_s w_s P[s] * sum_t w_t N[t]),
            so that a draw costs speakers^2, however many rows there are.
    EER     The gap  g = false positive rate - miss rate  rises from -1 to 1 as the threshold falls from score to score.
            The first score where it is not negative is found by halving, each step asking for the speakers' counts at
            one score only.

With more than `MANY` speakers neither pays: the rows are sorted once, and a draw costs running sums over them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from emotone.metrics.inputs import flags_and_scores

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emotone.metrics.inputs import Flags, Numbers

MANY = 500  # speakers: with more, the counts before the draws would fill the memory


class Weighted(Protocol):
    """A score of every weighting of speakers."""

    width: int
    """Numbers that one weighting needs in memory."""

    def __call__(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the scores [draws] for weights [draws, speakers]; NaN where one class was not drawn."""


def weighted_auroc(truth: Flags, scores: Numbers, codes: NDArray[np.intp]) -> Weighted:
    """Return AU-ROC(w); `truth` and `scores` are as in `auroc`, `codes` [n] each entry's speaker as a number from 0."""
    flags, values = flags_and_scores(truth, scores)
    return _Pairs(flags, values, codes) if codes.max() < MANY else _SortedAuroc(flags, values, codes)


def weighted_eer(truth: Flags, scores: Numbers, codes: NDArray[np.intp]) -> Weighted:
    """Return the equal error rate (w), as `equal_error_rate` defines it; arguments as of `weighted_auroc`."""
    flags, values = flags_and_scores(truth, scores)
    return _Halving(flags, values, codes) if codes.max() < MANY else _SortedEer(flags, values, codes)


class _Pairs:
    """AU-ROC from U, P and N."""

    def __init__(self, flags: NDArray[np.bool_], values: NDArray[np.float64], codes: NDArray[np.intp]) -> None:
        self.width = int(codes.max()) + 1
        self._positives = np.bincount(codes[flags], minlength=self.width).astype(np.float64)
        self._negatives = np.bincount(codes[~flags], minlength=self.width).astype(np.float64)
        self._wins = _wins(flags, values, codes, self.width)

    def __call__(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        pairs = (weights @ self._positives) * (weights @ self._negatives)
        return _ratio(((weights @ self._wins) * weights).sum(axis=1), pairs)


class _Halving:
    """Equal error rate from each speaker's counts at every threshold."""

    def __init__(self, flags: NDArray[np.bool_], values: NDArray[np.float64], codes: NDArray[np.intp]) -> None:
        different, place = np.unique(-values, return_inverse=True)
        self.width = int(codes.max()) + 1
        self._last = len(different)
        flat = (place.reshape(-1) + 1) * self.width + codes
        # [1 + scores, speakers]: what each threshold calls, from the one that calls nothing.
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
        # Of each positive: how many of the sorted negatives are below it, and how many are not above it.
        self._below = np.searchsorted(negative, values[flags], side="left")
        self._upto = np.searchsorted(negative, values[flags], side="right")

    def __call__(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        positives, sums = weights[:, self._positives], _running(weights[:, self._negatives])
        won = np.einsum("dp,dp->d", positives, sums[:, self._below] + sums[:, self._upto]) / 2
        return _ratio(won, positives.sum(axis=1) * sums[:, -1])


class _SortedEer:
    """Equal error rate from running sums over all rows, the highest score first."""

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
    """Return where the straight line between two points of a ROC curve has as many misses as false alarms."""
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
    """Return U [speakers, speakers]: row = who the positive is of, column = who the negative is of."""
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
