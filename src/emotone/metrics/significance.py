"""Significance tests of the difference between two systems.

Conventions:
    * truth comes before the first system, the first before the second. All tests are paired, by entry or by fold, and
      differences are second minus first: a positive statistic favours the second system.
    * every p is two-sided. If a test is undefined (no difference at all, too few folds), its statistic and p are None
      and its note gives the reason. Input that can't be compared (lengths that differ, NaN) is an error.
    * distributions are SciPy's (extra `train`), which is imported on the first test.

Contents:
    over entries       mcnemar
    over folds         paired_t, wilcoxon, corrected_t
    multiple tests     holm

Tests of AU-ROCs are in `emotone.metrics.significance_auroc`.

Tests over entries assume independent entries. Clips of one speaker are not independent, so their p is too small; read
it together with the interval of the difference clustered by speaker (`emotone.metrics.intervals`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.errors import RunError, UsageError, missing_extra
from emotone.metrics.classification import midranks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from emotone.metrics.classification import Numbers

    Labels = Sequence[str] | NDArray[np.str_]

DECIMALS = 12  # of differences between scores, so that 0.3 - 0.2 equals 0.2 - 0.1
EXACT = 50  # largest number of differences for the exact distribution, as in SciPy


@dataclass(frozen=True, slots=True)
class SignificanceTest:
    """The result of a significance test.

    Attributes:
        statistic: see the function of the test; None if undefined.
        p: two-sided, in [0, 1]; None if undefined.
        n: number of entries or folds.
        name: of the test, e.g. "McNemar".
        note: details of the computation, or the reason for a missing p.

    """

    statistic: float | None
    p: float | None
    n: int
    name: str
    note: str = ""


def mcnemar(truth: Labels, first: Labels, second: Labels) -> SignificanceTest:
    """Return McNemar's exact test of equal accuracy of two systems.

    Let b be the number of entries that only the first system predicts correctly, c those that only the second does.
    Under the null hypothesis b is binomial with b + c draws and probability 1/2; p is the two-sided tail. The statistic
    is c - b. Entries that both systems predict correctly, or both wrongly, have no influence.

    Args:
        truth: label names [n].
        first: predictions [n] of one system.
        second: predictions [n] of the other.

    Raises:
        RunError: empty input, or lengths that differ.
        MissingExtraError: SciPy is not installed.

    Example:
        >>> mcnemar(["joy"] * 6, ["fear"] * 6, ["joy"] * 6)
        SignificanceTest(statistic=6.0, p=0.03125, n=6, name='McNemar', note='only first correct: 0, only second: 6')

    Reference:
        McNemar: Note on the sampling error of the difference between correlated proportions or percentages.
        Psychometrika 12(2), 1947, 153-157.

    """
    lengths = (len(truth), len(first), len(second))
    if len(set(lengths)) > 1 or lengths[0] == 0:
        raise RunError(f"truth and both predictions must have the same length; given {lengths}")
    true = np.asarray(truth, dtype=np.str_)
    right, right_too = np.asarray(first, dtype=np.str_) == true, np.asarray(second, dtype=np.str_) == true
    only_first, only_second = int((right & ~right_too).sum()), int((right_too & ~right).sum())
    note = f"only first correct: {only_first}, only second: {only_second}"
    different = only_first + only_second
    p = float(scipy_stats().binomtest(only_first, different, 0.5).pvalue) if different else 1.0
    return SignificanceTest(float(only_second - only_first), p, len(true), "McNemar", note)


def paired_t(first: Numbers, second: Numbers) -> SignificanceTest:
    """Return Student's paired t-test over folds.

    With d_j = second_j - first_j over J folds, their mean m and sample deviation s:  t = m / (s / sqrt(J)), with J - 1
    degrees of freedom. The training parts of the folds overlap, so their scores are not independent and p is too small;
    `corrected_t` corrects for this.

    Args:
        first: scores [folds] of one system.
        second: scores [folds] of the other, in the same order.

    Raises:
        RunError: lengths that differ, or a score that is not finite.
        MissingExtraError: SciPy is not installed.

    Example:
        >>> test = paired_t([0.5, 0.6, 0.7], [0.6, 0.8, 0.8])
        >>> round(test.statistic, 4), round(test.p, 4), test.n
        (4.0, 0.0572, 3)

    Reference:
        Student: The probable error of a mean. Biometrika 6(1), 1908, 1-25.

    """
    return _t(_differences(first, second), extra_variance=0.0, name="paired t")


def corrected_t(first: Numbers, second: Numbers, *, test_to_train: float) -> SignificanceTest:
    """Return the corrected resampled t-test of Nadeau and Bengio, for training parts that overlap.

    As `paired_t`, with  t = m / (s * sqrt(1/J + n_test / n_train)),  J - 1 degrees of freedom: the second term
    corrects the variance between folds, which overlap makes too small. It is derived for random subsampling and also
    used for (repeated) cross-validation, where n_test / n_train = 1 / (K - 1) for K folds.

    Args:
        first: scores [folds] of one system; with repeats, of every fold of every repeat.
        second: scores [folds] of the other, in the same order.
        test_to_train: entries in a test part over entries in its training part, above 0.

    Raises:
        UsageError: `test_to_train` is not above 0.
        RunError: lengths that differ, or a score that is not finite.
        MissingExtraError: SciPy is not installed.

    Example:
        >>> test = corrected_t([0.5, 0.6, 0.7], [0.6, 0.8, 0.8], test_to_train=1 / 2)
        >>> round(test.statistic, 4), round(test.p, 4)
        (2.5298, 0.1271)

    Reference:
        Nadeau, Bengio: Inference for the generalization error. Machine Learning 52, 2003, 239-281; for repeated
        cross-validation: Bouckaert, Frank: Evaluating the replicability of significance tests for comparing learning
        algorithms. Proc. PAKDD 2004, 3-12.

    """
    if not test_to_train > 0 or not np.isfinite(test_to_train):
        raise UsageError(f"test_to_train is {test_to_train}; it must be a finite ratio above 0")
    return _t(_differences(first, second), extra_variance=test_to_train, name="corrected t")


def wilcoxon(first: Numbers, second: Numbers) -> SignificanceTest:
    """Return Wilcoxon's signed-rank test over folds.

    Differences of 0 are dropped; the absolute values of the others are ranked (ties: mean rank). The statistic is
    W+ - W-, the sum of the ranks of positive differences minus that of negative ones. p is exact up to 50 differences,
    including ties: the share of the 2^J sign patterns that are at least as extreme. Above 50 it is the normal
    approximation with corrections for ties and continuity. The note records which. The smallest p for J folds is
    2^(1 - J).

    Args:
        first: scores [folds] of one system.
        second: scores [folds] of the other, in the same order.

    Raises:
        RunError: lengths that differ, or a score that is not finite.
        MissingExtraError: SciPy is not installed.

    Example:
        >>> wilcoxon([0.5, 0.6, 0.7, 0.4], [0.6, 0.8, 1.0, 0.8])
        SignificanceTest(statistic=10.0, p=0.125, n=4, name='Wilcoxon', note='exact')

    Reference:
        Wilcoxon: Individual comparisons by ranking methods. Biometrics Bulletin 1(6), 1945, 80-83. For comparing
        systems: Demšar: Statistical comparisons of classifiers over multiple data sets. JMLR 7, 2006, 1-30.

    """
    differences = _differences(first, second)
    name, n = "Wilcoxon", len(differences)
    nonzero = differences[differences != 0]
    if len(nonzero) == 0:
        return SignificanceTest(None, None, n, name, "no p: the scores are equal in every fold")
    ranks = midranks(np.abs(nonzero))
    signed = float((ranks * np.sign(nonzero)).sum())
    if len(nonzero) > EXACT:
        p, note = float(scipy_stats().wilcoxon(nonzero, method="asymptotic", correction=True).pvalue), "approximate"
    else:
        p, note = _share_of_signs(ranks, positive=float(ranks[nonzero > 0].sum())), "exact"
    zeros = n - len(nonzero)
    return SignificanceTest(signed, p, n, name, f"{note}; {zeros} differences of 0 dropped" if zeros else note)


def holm(p: Sequence[float | None]) -> tuple[float | None, ...]:
    """Return p adjusted by Holm's procedure, which controls the family-wise error rate.

    With the m values sorted, p_(1) <= ... <= p_(m):  adjusted p_(i) = max over j <= i of min(1, (m - j + 1) p_(j)).
    A test without p (None) stays None and does not count in m.

    Raises:
        UsageError: a p outside [0, 1].

    Example:
        >>> holm([0.01, 0.04, None, 0.03])
        (0.03, 0.06, None, 0.06)

    Reference:
        Holm: A simple sequentially rejective multiple test procedure. Scandinavian Journal of Statistics 6(2), 1979,
        65-70.

    """
    given = sorted((value, index) for index, value in enumerate(p) if value is not None)
    for value, _ in given:
        if not 0 <= value <= 1:
            raise UsageError(f"p is {value}; it must lie between 0 and 1")
    adjusted: list[float | None] = [None] * len(p)
    largest = 0.0
    for rank, (value, index) in enumerate(given):
        largest = max(largest, min(1.0, (len(given) - rank) * value))
        adjusted[index] = largest
    return tuple(adjusted)


def _differences(first: Numbers, second: Numbers) -> NDArray[np.float64]:
    """Return second - first [folds], rounded so that equal differences compare equal."""
    one, other = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if one.ndim != 1 or one.shape != other.shape or len(one) == 0:
        raise RunError(f"both systems need the scores of the same folds; the shapes are {one.shape} and {other.shape}")
    if not (np.isfinite(one).all() and np.isfinite(other).all()):
        raise RunError("a fold's score is not finite")
    return np.round(other - one, DECIMALS)


def _share_of_signs(ranks: NDArray[np.float64], *, positive: float) -> float:
    """Return the two-sided p of the sum of positive ranks `positive` under random signs.

    Key idea: twice a midrank is an integer, so the probabilities of all doubled sums fit in an array. Each rank, which
    is positive with probability 1/2, averages the array with a copy shifted by that rank.
    """
    probabilities = np.ones(1)
    for step in np.rint(2 * ranks).astype(np.intp):
        unshifted, shifted = np.append(probabilities, np.zeros(step)), np.append(np.zeros(step), probabilities)
        probabilities = (unshifted + shifted) / 2
    doubled = round(2 * positive)
    tail = min(probabilities[: doubled + 1].sum(), probabilities[doubled:].sum())
    return float(min(1.0, 2 * tail))  # the distribution is symmetric


def _t(differences: NDArray[np.float64], *, extra_variance: float, name: str) -> SignificanceTest:
    folds = len(differences)
    if folds < 2:
        return SignificanceTest(None, None, folds, name, "no p: there is only one fold")
    if np.ptp(differences) == 0:
        return SignificanceTest(None, None, folds, name, f"no p: the difference is {differences[0]:g} in every fold")
    t = float(differences.mean() / (differences.std(ddof=1) * np.sqrt(1 / folds + extra_variance)))
    p = float(2 * scipy_stats().t.sf(abs(t), folds - 1))
    note = f"n_test / n_train = {extra_variance:.4g}" if extra_variance else ""
    return SignificanceTest(t, p, folds, name, note)


def two_sided(z: float) -> float:
    """Return the two-sided p of a standard normal statistic `z`.

    Raises:
        MissingExtraError: SciPy is not installed.

    """
    return float(2 * scipy_stats().norm.sf(abs(z)))


def scipy_stats() -> Any:
    """Return `scipy.stats`, imported on first use because it takes a second to load.

    Raises:
        MissingExtraError: SciPy is not installed.

    """
    try:
        from scipy import stats
    except ImportError as error:
        raise missing_extra("scipy", "train", "a test of significance") from error
    return stats
