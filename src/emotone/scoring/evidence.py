"""Differences between two runs on one corpus: estimates with intervals, and paired tests.

Contents:
    folds_of            the folds that both runs have
    values_of, difference_of, tests_of      UAR and accuracy
    auroc_differences   AU-ROC over clips and windows, of systems with two labels
    gain                the tests over folds alone: hundreds of pairs take seconds
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from emotone.inference.segments import positive_of
from emotone.metrics.classification import paired_codes, statistic
from emotone.metrics.detection import auroc
from emotone.metrics.intervals import Estimate, bootstrap_difference, count_speakers, matrices_by_speaker
from emotone.metrics.intervals_detection import DetectorScores, auroc_difference_estimate
from emotone.metrics.significance import corrected_t, mcnemar, paired_t, wilcoxon
from emotone.metrics.significance_auroc import delong, unpaired_z
from emotone.scoring.finished_run import read_run
from emotone.scoring.pairing import pair_up
from emotone.scoring.scores import AUROC, WINDOW_AUROC

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from emotone.metrics.classification import MetricName
    from emotone.metrics.significance import SignificanceTest
    from emotone.scoring.pairing import PairedPredictions, RunPair

Change: TypeAlias = Literal["up", "down", "same", "unknown"]
LEVEL = 0.05  # two-sided
PAIRED, CORRECTED = "paired t", "corrected t"
UNPAIRED = (
    "the unpaired Mann-Whitney z-test over windows, used in the paper on anger detection with SoundNet, assumes "
    "independent windows, which those of one speaker are not, and different recordings for the two runs"
)
OTHER_WINDOWS = "no DeLong test over windows: the runs have different windows"


@dataclass(frozen=True, eq=False)
class SharedFolds:
    """Test parts that both runs have.

    Attributes:
        first: for each test part, the cells (fold and seed) of the first run that tested it; several for seeds with the
            same folds.
        second: the same for the second run.
        test_to_train: mean number of utterances in a test part over those left for training; 0 if a fold leaves none,
            so that the table does not determine the training part.
        note: why no folds, or not all, are shared.

    """

    first: tuple[tuple[str, ...], ...]
    second: tuple[tuple[str, ...], ...]
    test_to_train: float
    note: str

    def __len__(self) -> int:
        return len(self.first)


def folds_of(pair: RunPair) -> SharedFolds:
    """Return the folds that both runs of a pair have; tests over folds need at least two."""
    first, second = _cells_by_set(pair.first), _cells_by_set(pair.second)
    shared = [tested for tested in first if tested in second]
    ones, others = tuple(tuple(first[tested]) for tested in shared), tuple(tuple(second[tested]) for tested in shared)
    note = ""
    if len(shared) < 2:
        one_fold = len(first) == len(second) == len(shared) == 1
        note = "no tests over folds: " + (
            "there is only one fold" if one_fold else "the runs have different test parts"
        )
    elif len(shared) < max(len(first), len(second)):
        note = f"tests over the {len(shared)} folds that both runs have, of {len(first)} and {len(second)}"
    sizes = [np.count_nonzero(pair.first.cell == cells[0]) for cells in ones]
    left = [pair.first.untested[cells[0]] for cells in ones] + [pair.second.untested[cells[0]] for cells in others]
    ratio = float(np.mean(sizes) / np.mean(left)) if left and min(left) > 0 else 0.0
    return SharedFolds(ones, others, ratio, note)


def values_of(pair: RunPair, metric: MetricName) -> tuple[float, float]:
    """Return the scores of both runs, every utterance counting once."""
    score = statistic(metric)
    first, second = (float(score(_matrices(pair, side, np.zeros_like(side.utterance), 1)[0])) for side in _sides(pair))
    return first, second


def difference_of(pair: RunPair, metric: MetricName, *, seed: int, replicates: int) -> Estimate:
    """Return the difference of the scores, with its interval over the same draws of speakers for both runs."""
    first, second = values_of(pair, metric)
    found = Estimate(value=second - first, n=len(pair.utterances), speakers=count_speakers(pair.speaker))
    both = []
    for side in _sides(pair):
        codes = _codes(pair, side)
        matrices, note = matrices_by_speaker(
            *codes, pair.speaker[side.utterance], size=len(pair.labels), weights=side.weight
        )
        if matrices is None:
            return replace(found, note=note)
        both.append(matrices)
    rng = np.random.default_rng(seed)
    interval = bootstrap_difference(both[0], both[1], statistic(metric), rng=rng, replicates=replicates)
    return replace(found, low=interval.low, high=interval.high, note=interval.note)


def tests_of(pair: RunPair, metric: MetricName, folds: SharedFolds) -> list[SignificanceTest]:
    """Return the paired tests of one metric: over utterances (accuracy only) and over folds."""
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


def has_several_seeds(pair: RunPair) -> bool:
    """Return whether a run has several predictions for an utterance."""
    return any(len(side.utterance) > len(pair.utterances) for side in _sides(pair))


@dataclass(frozen=True)
class AurocDifference:
    """The AU-ROCs of two runs for the same utterances.

    Attributes:
        metric: "au-roc" or "window-au-roc".
        values: of the first and of the second run.
        difference: second minus first, with its interval. `n` counts the clips or windows of the first run.
        tests: DeLong (paired) if both runs have the same rows, and for windows the unpaired z-test.
        notes: caveats.

    """

    metric: str
    values: tuple[float, float]
    difference: Estimate
    tests: tuple[SignificanceTest, ...]
    notes: tuple[str, ...]


def auroc_differences(pair: RunPair, *, seed: int, replicates: int) -> tuple[list[AurocDifference], list[str]]:
    """Return the differences of AU-ROC of systems with two labels, for the lowest seed, and notes on missing ones.

    Over clips the AU-ROC is the same for either label, as their probabilities sum to 1. Windows are compared for
    detectors only.
    """
    if len(pair.labels) != 2:
        return [], []
    if len(np.unique(pair.truth)) < 2:
        return [], [f"AU-ROC is undefined: every utterance is '{pair.truth[0]}'"]
    positive = positive_of(pair.labels) or pair.labels[1]
    found = [_over_clips(pair, positive, seed=seed, replicates=replicates)]
    if positive_of(pair.labels) is None:
        return found, []
    covered = [len(np.unique(side.windows.utterance)) for side in _sides(pair)]
    if min(covered) == len(pair.utterances):
        return [*found, _over_windows(pair, positive, seed=seed, replicates=replicates)], []
    if max(covered) == 0:  # two baselines, which predict whole utterances only
        return found, []
    counts = " and ".join(f"{count} of {len(pair.utterances)}" for count in covered)
    return found, [f"no AU-ROC of windows: the runs have windows of {counts} utterances"]


@dataclass(frozen=True)
class FoldGain:
    """Paired tests of the UAR over the folds that two runs share.

    Attributes:
        paired: Student's t-test, whose p is too small because training parts overlap; None if undefined.
        corrected: with the correction of Nadeau and Bengio for this overlap; None if undefined.

    """

    paired: SignificanceTest | None
    corrected: SignificanceTest | None

    def change(self, *, corrected: bool) -> Change:
        """Return the direction of the change of UAR by one of the tests at a level of .05.

        "unknown" without a test; "same" if the difference is not significant, or equal in every fold, where the test
        has no p.
        """
        test = self.corrected if corrected else self.paired
        if test is None:
            return "unknown"
        if test.statistic is None or test.p is None or test.p > LEVEL:
            return "same"
        return "up" if test.statistic > 0 else "down"


def gain(first: Path, second: Path, corpus: str) -> FoldGain:
    """Return the paired tests of the UAR of the second run against the first on a corpus, without any interval.

    Args:
        first: folder of a finished evaluation.
        second: folder of another with the same utterances of the corpus.
        corpus: registry name.

    Raises:
        RunError: no finished evaluation, or utterances that only one run has.
        MissingExtraError: SciPy is not installed.

    """
    pair = pair_up(read_run(first, name="R1"), read_run(second, name="R2"), corpus, common=False)
    tests = {test.name: test for test in tests_of(pair, "uar", folds_of(pair))}
    return FoldGain(tests.get(PAIRED), tests.get(CORRECTED))


def _over_clips(pair: RunPair, positive: str, *, seed: int, replicates: int) -> AurocDifference:
    column = pair.labels.index(positive)
    first, second = (
        DetectorScores(pair.truth == positive, side.probabilities[side.first_row, column], pair.speaker)
        for side in _sides(pair)
    )
    return _auroc_difference(AUROC, first, second, same=True, seed=seed, replicates=replicates)


def _over_windows(pair: RunPair, positive: str, *, seed: int, replicates: int) -> AurocDifference:
    column = pair.labels.index(positive)
    first, second = (
        DetectorScores(
            (pair.truth == positive)[side.windows.utterance],
            side.windows.probabilities[:, column],
            pair.speaker[side.windows.utterance],
            "windows",
        )
        for side in _sides(pair)
    )
    same = pair.first.windows.same_as(pair.second.windows)
    return _auroc_difference(WINDOW_AUROC, first, second, same=same, seed=seed, replicates=replicates)


def _auroc_difference(
    metric: str, first: DetectorScores, second: DetectorScores, *, same: bool, seed: int, replicates: int
) -> AurocDifference:
    difference = auroc_difference_estimate(first, second, rng=np.random.default_rng(seed), replicates=replicates)
    tests = [delong(first.truth, first.scores, second.scores)] if same else []
    notes = [] if same else [OTHER_WINDOWS, f"AU-ROC over {len(first.truth)} and {len(second.truth)} windows"]
    if metric == WINDOW_AUROC:
        tests.append(unpaired_z(first.truth, first.scores, second.truth, second.scores))
        notes.append(UNPAIRED)
    values = auroc(first.truth, first.scores), auroc(second.truth, second.scores)
    return AurocDifference(metric, values, difference, tuple(tests), tuple(notes))


def _sides(pair: RunPair) -> tuple[PairedPredictions, PairedPredictions]:
    return pair.first, pair.second


def _codes(pair: RunPair, side: PairedPredictions) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    return paired_codes(pair.truth[side.utterance], side.prediction, labels=pair.labels)


def _matrices(pair: RunPair, side: PairedPredictions, group: NDArray[np.intp], groups: int) -> NDArray[np.float64]:
    """Return the confusion matrix of each group of rows [groups, labels, labels]."""
    truth, prediction = _codes(pair, side)
    size = len(pair.labels)
    flat = (group * size + truth) * size + prediction
    counts = np.bincount(flat, weights=side.weight, minlength=groups * size * size)
    return counts.reshape(groups, size, size).astype(np.float64)


def _cells_by_set(side: PairedPredictions) -> dict[bytes, list[str]]:
    """Return the cells by the set of utterances that they test."""
    found: dict[bytes, list[str]] = {}
    for cell in np.unique(side.cell):
        tested = np.unique(side.utterance[side.cell == cell]).tobytes()
        found.setdefault(tested, []).append(str(cell))
    return found


def _fold_scores(
    pair: RunPair, side: PairedPredictions, cells: tuple[tuple[str, ...], ...], metric: MetricName
) -> NDArray[np.float64]:
    """Return the score of each fold, averaged over the cells that tested it."""
    names, codes = np.unique(side.cell, return_inverse=True)
    scores = statistic(metric)(_matrices(pair, side, codes.reshape(-1), len(names)))
    by_name = dict(zip(names.tolist(), scores.tolist(), strict=True))
    return np.array([np.mean([by_name[cell] for cell in of_fold]) for of_fold in cells])
