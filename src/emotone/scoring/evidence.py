"""What a pair of runs says about one corpus: both scores, the interval of their difference, and paired tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emotone.metrics import base
from emotone.metrics.intervals import Interval, bootstrap_difference, matrices_by_speaker
from emotone.metrics.significance import corrected_t, mcnemar, paired_t, wilcoxon

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emotone.metrics.significance import Test
    from emotone.scoring.pairing import Pair, Side


@dataclass(frozen=True, eq=False)
class Folds:
    """Sets of utterances that both runs tested together.

    Attributes:
        first: for each set, the first run's cells that tested it: several where seeds share a division.
        second: for each set, the second run's.
        test_to_train: utterances in a test part over those left for training, on average; 0 where
            a fold leaves nothing, so that the table can't tell what was trained on.
        note: why there are no folds in common, or not all.

    """

    first: tuple[tuple[str, ...], ...]
    second: tuple[tuple[str, ...], ...]
    test_to_train: float
    note: str

    def __len__(self) -> int:
        return len(self.first)


def folds_of(pair: Pair) -> Folds:
    """Return the folds of a pair; tests over them need at least two."""
    first, second = _cells_by_set(pair.first), _cells_by_set(pair.second)
    shared = [tested for tested in first if tested in second]
    ones, others = tuple(tuple(first[tested]) for tested in shared), tuple(tuple(second[tested]) for tested in shared)
    note = ""
    if len(shared) < 2:
        one_fold = len(first) == len(second) == len(shared) == 1
        note = "no tests over folds: " + (
            "there is one fold only" if one_fold else "the runs divide the utterances in different ways"
        )
    elif len(shared) < max(len(first), len(second)):
        note = f"tests over the {len(shared)} folds that both runs have, of {len(first)} and {len(second)}"
    sizes = [np.count_nonzero(pair.first.cell == cells[0]) for cells in ones]
    left = [pair.first.left[cells[0]] for cells in ones] + [pair.second.left[cells[0]] for cells in others]
    ratio = float(np.mean(sizes) / np.mean(left)) if left and min(left) > 0 else 0.0
    return Folds(ones, others, ratio, note)


def values_of(pair: Pair, metric: base.MetricName) -> tuple[float, float]:
    """Return the scores of both runs, every utterance counting once."""
    score = base.statistic(metric)
    first, second = (float(score(_matrices(pair, side, np.zeros_like(side.utterance), 1)[0])) for side in _sides(pair))
    return first, second


def interval_of(pair: Pair, metric: base.MetricName, *, seed: int, replicates: int) -> Interval:
    """Return the interval of the difference, speakers being drawn for both runs at once."""
    of_both = []
    for side in _sides(pair):
        codes = _codes(pair, side)
        matrices, reason = matrices_by_speaker(
            *codes, pair.speaker[side.utterance], size=len(pair.labels), weights=side.weight
        )
        if matrices is None:
            return Interval(None, None, reason)
        of_both.append(matrices)
    return bootstrap_difference(
        of_both[0], of_both[1], base.statistic(metric), rng=np.random.default_rng(seed), replicates=replicates
    )


def tests_of(pair: Pair, metric: base.MetricName, folds: Folds) -> list[Test]:
    """Return the paired tests of one metric: over utterances (accuracy only), then over folds."""
    found = []
    if metric == "accuracy":
        found.append(mcnemar(pair.truth, *(side.prediction[side.first_row] for side in _sides(pair))))
    if len(folds) < 2:
        return found
    first = _fold_scores(pair, pair.first, folds.first, metric)
    second = _fold_scores(pair, pair.second, folds.second, metric)
    found += [paired_t(first, second), wilcoxon(first, second)]
    if folds.test_to_train > 0:
        found.append(corrected_t(first, second, test_to_train=folds.test_to_train))
    return found


def several_answers(pair: Pair) -> bool:
    """Return whether a run has judged an utterance more than once, as it does with several seeds."""
    return any(len(side.utterance) > len(pair.utterances) for side in _sides(pair))


def _sides(pair: Pair) -> tuple[Side, Side]:
    return pair.first, pair.second


def _codes(pair: Pair, side: Side) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    return base.paired_codes(pair.truth[side.utterance], side.prediction, labels=pair.labels)


def _matrices(pair: Pair, side: Side, group: NDArray[np.intp], groups: int) -> NDArray[np.float64]:
    """Return the confusion matrix of each group of rows [groups, labels, labels]."""
    truth, prediction = _codes(pair, side)
    size = len(pair.labels)
    flat = (group * size + truth) * size + prediction
    counts = np.bincount(flat, weights=side.weight, minlength=groups * size * size)
    return counts.reshape(groups, size, size).astype(np.float64)


def _cells_by_set(side: Side) -> dict[bytes, list[str]]:
    """Return the cells by the set of utterances that they test; equal sets are one fold, tested anew."""
    found: dict[bytes, list[str]] = {}
    for cell in np.unique(side.cell):
        tested = np.unique(side.utterance[side.cell == cell]).tobytes()
        found.setdefault(tested, []).append(str(cell))
    return found


def _fold_scores(
    pair: Pair, side: Side, cells: tuple[tuple[str, ...], ...], metric: base.MetricName
) -> NDArray[np.float64]:
    """Return the score of each fold, the mean over the cells that tested it."""
    names, codes = np.unique(side.cell, return_inverse=True)
    scores = base.statistic(metric)(_matrices(pair, side, codes.reshape(-1), len(names)))
    by_name = dict(zip(names.tolist(), scores.tolist(), strict=True))
    return np.array([np.mean([by_name[cell] for cell in of_fold]) for of_fold in cells])
