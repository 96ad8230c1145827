"""Whether a difference between two systems is more than chance.

Conventions:
    * truth comes before the first system, the first before the second; everything is paired, entry by entry or fold by
      fold, and differences are second minus first: a positive statistic speaks for the second system.
    * every p is two-sided. Where a test says nothing (no difference at all, too few folds) its statistic and p are
      None, and its note says why; what can't be compared at all (lengths that differ, NaN) is an error.
    * distributions are SciPy's, which is imported when a test is made (extra `train`).

What is here:
    over entries       mcnemar
    over folds         paired_t, wilcoxon, corrected_t
    of many at once    holm

Tests of AU-ROCs are in `emotone.metrics.significance_auroc`.

A p over entries takes them as independent. Clips of one speaker are not, so it comes out too small; read it together
with the interval of the difference clustered by speaker (`emotone.metrics.intervals`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emotone.errors import RunError, UsageError
from emotone.metrics.inputs import midranks
from emotone.metrics.test_result import Test, scipy_stats

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from emotone.metrics.inputs import Numbers

    Labels = Sequence[str] | NDArray[np.str_]

__all__ = ["Test", "corrected_t", "holm", "mcnemar", "paired_t", "wilcoxon"]

DECIMALS = 12  # of differences between scores: 0.3 - 0.2 and 0.2 - 0.1 are the same difference
EXACT = 50  # differences up to which every pattern of signs is counted, as SciPy does where none are equal


def mcnemar(truth: Labels, first: Labels, second: Labels) -> Test:
    """Return McNemar's exact test of whether two systems are right equally often.

    Let b be the entries that only the first system has right, c those that only the second has. Where both are equally
    good, b is binomial with b + c draws and probability 1/2; p is that distribution's two-sided tail. The statistic is
    c - b. Entries that both have right, or both wrong, say nothing.

    Args:
        truth: label names [n].
        first: predictions [n] of one system.
        second: predictions [n] of the other.

    Raises:
        RunError: nothing to compare, or lengths that differ.
        MissingExtraError: SciPy is not installed.

    Example:
        >>> mcnemar(["joy"] * 6, ["fear"] * 6, ["joy"] * 6)
        Test(statistic=6.0, p=0.03125, n=6, name='McNemar', note='only the first right: 0, only the second: 6')

    Reference:
        McNemar: Note on the sampling error of the difference between correlated proportions or percentages.
        Psychometrika 12(2), 1947, 153-157.

    """
    lengths = (len(truth), len(first), len(second))
    if len(set(lengths)) > 1 or lengths[0] == 0:
        raise RunError(f"truth and two predictions of one length were expected; theirs are {lengths}")
    true = np.asarray(truth, dtype=np.str_)
    right, right_too = np.asarray(first, dtype=np.str_) == true, np.asarray(second, dtype=np.str_) == true
    only_first, only_second = int((right & ~right_too).sum()), int((right_too & ~right).sum())
    note = f"only the first right: {only_first}, only the second: {only_second}"
    different = only_first + only_second
    p = float(scipy_stats().binomtest(only_first, different, 0.5).pvalue) if different else 1.0
    return Test(float(only_second - only_first), p, len(true), "McNemar", note)


def paired_t(first: Numbers, second: Numbers) -> Test:
    """Return Student's paired t-test over folds.

    With d_j = second_j - first_j over J folds, their mean m and sample deviation s:  t = m / (s / sqrt(J)), with J - 1
    degrees of freedom. The folds' training parts overlap, so their scores are not independent, and p comes out too
    small; `corrected_t` allows for that.

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


def corrected_t(first: Numbers, second: Numbers, *, test_to_train: float) -> Test:
    """Return the resampled t-test with Nadeau and Bengio's correction for training parts that overlap.

    As `paired_t`, with  t = m / (s * sqrt(1/J + n_test / n_train)),  J - 1 degrees of freedom: the variance between
    folds is taken to be that much too small. Meant for random subsampling, and used so for (repeated) cross-validation,
    where n_test / n_train = 1 / (K - 1) for K folds.

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
        raise UsageError(f"test_to_train is {test_to_train}; give entries tested over entries trained on, above 0")
    return _t(_differences(first, second), extra_variance=test_to_train, name="corrected t")


def wilcoxon(first: Numbers, second: Numbers) -> Test:
    """Return Wilcoxon's signed-rank test over folds.

    Differences of 0 are dropped; the absolute values of the others are ranked, equal ones sharing their mean rank. The
    statistic is W+ - W-, the ranks of the positive differences less those of the negative. p is exact up to 50
    differences, equal ones or not: the share of the 2^J patterns of signs that are at least as extreme. Above that it
    is the normal approximation with corrections for ties and continuity. The note tells which. With J folds p is at
    least 2^(1 - J).

    Args:
        first: scores [folds] of one system.
        second: scores [folds] of the other, in the same order.

    Raises:
        RunError: lengths that differ, or a score that is not finite.
        MissingExtraError: SciPy is not installed.

    Example:
        >>> wilcoxon([0.5, 0.6, 0.7, 0.4], [0.6, 0.8, 1.0, 0.8])
        Test(statistic=10.0, p=0.125, n=4, name='Wilcoxon', note='exact')

    Reference:
        Wilcoxon: Individual comparisons by ranking methods. Biometrics Bulletin 1(6), 1945, 80-83. For comparing
        systems: Demšar: Statistical comparisons of classifiers over multiple data sets. JMLR 7, 2006, 1-30.

    """
    differences = _differences(first, second)
    name, n = "Wilcoxon", len(differences)
    nonzero = differences[differences != 0]
    if len(nonzero) == 0:
        return Test(None, None, n, name, "no p: the scores are the same in every fold")
    ranks = midranks(np.abs(nonzero))
    signed = float((ranks * np.sign(nonzero)).sum())
    if len(nonzero) > EXACT:
        p, note = float(scipy_stats().wilcoxon(nonzero, method="asymptotic", correction=True).pvalue), "approximate"
    else:
        p, note = _share_of_signs(ranks, positive=float(ranks[nonzero > 0].sum())), "exact"
    zeros = n - len(nonzero)
    return Test(signed, p, n, name, f"{note}; {zeros} differences of 0 dropped" if zeros else note)


def holm(p: Sequence[float | None]) -> tuple[float | None, ...]:
    """Return p adjusted so that in a family of tests, one false alarm or more is no likelier than the level.

    With the m values sorted, p_(1) <= ... <= p_(m):  adjusted p_(i) = max over j <= i of min(1, (m - j + 1) p_(j)).
    A test without p (None) makes no claim: it stays None, and does not count in m.

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
    """Return second - first [folds], without the rounding errors that would tell equal differences apart."""
    one, other = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if one.ndim != 1 or one.shape != other.shape or len(one) == 0:
        raise RunError(f"scores of the same folds were expected; the shapes are {one.shape} and {other.shape}")
    if not (np.isfinite(one).all() and np.isfinite(other).all()):
        raise RunError("a fold's score is not finite")
    return np.round(other - one, DECIMALS)


def _share_of_signs(ranks: NDArray[np.float64], *, positive: float) -> float:
    """Return how often random signs give a sum of positive ranks as far from its mean as `positive`, or farther.

    Key idea: twice a midrank is a whole number, so the chances of every doubled sum fit in an array, and each rank,
    which is positive with chance 1/2, adds a copy of it, moved by that rank.
    """
    chances = np.ones(1)
    for step in np.rint(2 * ranks).astype(np.intp):
        without, moved = np.append(chances, np.zeros(step)), np.append(np.zeros(step), chances)
        chances = (without + moved) / 2
    doubled = round(2 * positive)
    tail = min(chances[: doubled + 1].sum(), chances[doubled:].sum())
    return float(min(1.0, 2 * tail))  # the distribution is symmetric


def _t(differences: NDArray[np.float64], *, extra_variance: float, name: str) -> Test:
    folds = len(differences)
    if folds < 2:
        return Test(None, None, folds, name, "no p: there is one fold only")
    if np.ptp(differences) == 0:
        return Test(None, None, folds, name, f"no p: the difference is {differences[0]:g} in every fold")
    t = float(differences.mean() / (differences.std(ddof=1) * np.sqrt(1 / folds + extra_variance)))
    p = float(2 * scipy_stats().t.sf(abs(t), folds - 1))
    note = f"n_test / n_train = {extra_variance:.4g}" if extra_variance else ""
    return Test(t, p, folds, name, note)
