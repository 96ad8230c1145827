"""Significance tests of an AU-ROC, and of the difference between two AU-ROCs.

Conventions:
    truth comes before the first system, the first before the second; differences are second minus first. Every p is
    two-sided, and None with a note if undefined. All tests assume independent entries, which clips of one speaker are
    not: p is then too small. SciPy (extra `train`) is imported on the first test.

Contents:
    delong          two systems on the same entries
    hanley_mcneil   two systems on the same entries, with an assumed correlation
    mann_whitney    one system against chance
    unpaired_z      two systems on different entries: the z-test of two Mann-Whitney statistics
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emotone.errors import UsageError
from emotone.metrics.classification import flags_and_scores, midranks
from emotone.metrics.significance import SignificanceTest, two_sided

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emotone.metrics.classification import Flags, Numbers

DECIMALS = 12  # of shares, whose steps are 1 / (2 n): smaller differences are rounding errors


def delong(truth: Flags, first: Numbers, second: Numbers) -> SignificanceTest:
    """Return DeLong's test of two AU-ROCs on the same entries.

    For system k, let V_k(i) be the share of negatives that positive i scores above (equal scores count half), and
    W_k(j) the share of positives that score above negative j; the mean of either is the AU-ROC A_k. Their covariances
    over the P positives (S_V) and N negatives (S_W) give  cov(A) = S_V / P + S_W / N,  and
    z = (A_2 - A_1) / sqrt(var A_1 + var A_2 - 2 cov(A_1, A_2)). The statistic is z.
    V and W come from ranks (Sun and Xu): V(i) = (rank among all - rank among the positives) / N.

    Args:
        truth: whether each entry is positive, [n].
        first: scores [n] of one system.
        second: scores [n] of the other.

    Raises:
        RunError: empty input, lengths that differ, a score that is NaN or infinite, or one class only.
        MissingExtraError: SciPy is not installed.

    Example:
        >>> truth = [True, True, True, False, False, False]
        >>> test = delong(truth, [0.9, 0.3, 0.4, 0.5, 0.2, 0.6], [0.9, 0.8, 0.4, 0.5, 0.2, 0.3])
        >>> round(test.statistic, 4), round(test.p, 4)
        (1.2247, 0.2207)

    Reference:
        DeLong, DeLong, Clarke-Pearson: Comparing the areas under two or more correlated receiver operating
        characteristic curves: a nonparametric approach. Biometrics 44(3), 1988, 837-845; Sun, Xu: Fast implementation
        of DeLong's algorithm. IEEE Signal Processing Letters 21(11), 2014, 1389-1393.

    """
    flags, one = flags_and_scores(truth, first)
    other = flags_and_scores(truth, second)[1]
    note = f"AU-ROC {_auroc(flags, one):.4f} and {_auroc(flags, other):.4f}"
    if min(flags.sum(), (~flags).sum()) < 2:
        return SignificanceTest(
            None, None, len(flags), "DeLong", "no p: at least 2 positives and 2 negatives are needed"
        )
    (above, below), (above_too, below_too) = _placements(flags, one), _placements(flags, other)
    gains = np.round(above_too - above, DECIMALS), np.round(below_too - below, DECIMALS)
    variance = sum(float(gain.var(ddof=1)) / len(gain) for gain in gains)
    if variance == 0:
        return SignificanceTest(None, None, len(flags), "DeLong", f"no p: the difference does not vary; {note}")
    difference = _auroc(flags, other) - _auroc(flags, one)
    z = float(difference / np.sqrt(variance))
    return SignificanceTest(z, two_sided(z), len(flags), "DeLong", note)


def hanley_mcneil(truth: Flags, first: Numbers, second: Numbers, *, correlation: float = 0.0) -> SignificanceTest:
    """Return the z-test of two AU-ROCs (Mann-Whitney statistics) with Hanley and McNeil's standard errors.

    z = (A_2 - A_1) / sqrt(SE_1^2 + SE_2^2 - 2 r SE_1 SE_2),
    SE^2 = (A (1 - A) + (P - 1) (Q1 - A^2) + (N - 1) (Q2 - A^2)) / (P N),  Q1 = A / (2 - A),  Q2 = 2 A^2 / (1 + A),
    where P positives and N negatives were scored. The statistic is z. r = 0 assumes
    different recordings; on the same recordings p is then too large if the systems agree. `delong` estimates the
    correlation instead of assuming it.

    Args:
        truth: whether each entry is positive, [n].
        first: scores [n] of one system.
        second: scores [n] of the other.
        correlation: r of the two areas, in [0, 1).

    Raises:
        UsageError: a correlation outside [0, 1).
        RunError: empty input, lengths that differ, a score that is NaN or infinite, or one class only.
        MissingExtraError: SciPy is not installed.

    Example:
        >>> truth = [True, True, True, False, False, False]
        >>> test = hanley_mcneil(truth, [0.9, 0.3, 0.4, 0.5, 0.2, 0.6], [0.9, 0.8, 0.4, 0.5, 0.2, 0.3])
        >>> round(test.statistic, 4), test.note
        (1.1274, 'AU-ROC 0.5556 and 0.8889, r = 0')

    Reference:
        Hanley, McNeil: The meaning and use of the area under a receiver operating characteristic (ROC) curve.
        Radiology 143(1), 1982, 29-36; with r: A method of comparing the areas under receiver operating characteristic
        curves derived from the same cases. Radiology 148(3), 1983, 839-843.

    """
    if not 0 <= correlation < 1:
        raise UsageError(f"correlation is {correlation}; it must be at least 0 and less than 1")
    flags, one = flags_and_scores(truth, first)
    other = flags_and_scores(truth, second)[1]
    areas = (_auroc(flags, one), _auroc(flags, other))
    note = f"AU-ROC {areas[0]:.4f} and {areas[1]:.4f}, r = {correlation:g}"
    errors = (_hanley_mcneil_error(areas[0], flags), _hanley_mcneil_error(areas[1], flags))
    return _z_test(areas, errors, correlation=correlation, n=len(flags), name="Hanley-McNeil", note=note)


def unpaired_z(first_truth: Flags, first: Numbers, second_truth: Flags, second: Numbers) -> SignificanceTest:
    """Return the unpaired z-test of two Mann-Whitney statistics (AU-ROCs).

    This is `hanley_mcneil` with r = 0 over two sets of entries, which may differ in size and are assumed independent.
    The statistic is z. On the same recordings, p is too large if the systems agree, and too small if entries of one
    speaker are correlated.

    Args:
        first_truth: whether each entry of the first system is positive, [n].
        first: scores [n] of the first system.
        second_truth: whether each entry of the second system is positive, [m].
        second: scores [m] of the second system.

    Raises:
        RunError: empty input, lengths that differ, a score that is NaN or infinite, or one class only.
        MissingExtraError: SciPy is not installed.

    Example:
        >>> truth = [True, True, True, False, False, False]
        >>> test = unpaired_z(truth, [0.9, 0.3, 0.4, 0.5, 0.2, 0.6], [True, False, False], [0.8, 0.9, 0.1])
        >>> round(test.statistic, 4), test.n, test.note
        (-0.1157, 9, 'AU-ROC 0.5556 of 6 and 0.5000 of 3')

    Reference:
        Hanley, McNeil: The meaning and use of the area under a receiver operating characteristic (ROC) curve.
        Radiology 143(1), 1982, 29-36.

    """
    flags, one = flags_and_scores(first_truth, first)
    other_flags, other = flags_and_scores(second_truth, second)
    areas = (_auroc(flags, one), _auroc(other_flags, other))
    errors = (_hanley_mcneil_error(areas[0], flags), _hanley_mcneil_error(areas[1], other_flags))
    note = f"AU-ROC {areas[0]:.4f} of {len(flags)} and {areas[1]:.4f} of {len(other_flags)}"
    n = len(flags) + len(other_flags)
    return _z_test(areas, errors, correlation=0.0, n=n, name="Mann-Whitney z, unpaired", note=note)


def mann_whitney(truth: Flags, scores: Numbers) -> SignificanceTest:
    """Return the Mann-Whitney z-test of one AU-ROC against chance (0.5).

    With U = A P N over P positives and N negatives, n = P + N, and t entries sharing each score:
    z = (U - P N / 2) / sqrt(P N / 12 * (n + 1 - sum(t^3 - t) / (n (n - 1)))). The statistic is z, without a correction
    for continuity.

    Raises:
        RunError: empty input, lengths that differ, a score that is NaN or infinite, or one class only.
        MissingExtraError: SciPy is not installed.

    Example:
        >>> test = mann_whitney([False, False, False, True, True, True], [0.1, 0.2, 0.4, 0.3, 0.5, 0.6])
        >>> round(test.statistic, 4), round(test.p, 4), test.note
        (1.5275, 0.1266, 'AU-ROC 0.8889')

    Reference:
        Mann, Whitney: On a test of whether one of two random variables is stochastically larger than the other. Annals
        of Mathematical Statistics 18(1), 1947, 50-60.

    """
    flags, values = flags_and_scores(truth, scores)
    n, pairs = len(flags), int(flags.sum()) * int((~flags).sum())
    area = _auroc(flags, values)
    ties = np.unique(values, return_counts=True)[1].astype(np.float64)
    variance = pairs / 12 * (n + 1 - float((ties**3 - ties).sum()) / (n * (n - 1)))
    if len(ties) == 1:
        return SignificanceTest(None, None, n, "Mann-Whitney", "no p: all scores are equal")
    z = float(pairs * (area - 0.5) / np.sqrt(variance))
    return SignificanceTest(z, two_sided(z), n, "Mann-Whitney", f"AU-ROC {area:.4f}")


def _auroc(flags: NDArray[np.bool_], scores: NDArray[np.float64]) -> float:
    return float(_placements(flags, scores)[0].mean())


def _placements(
    flags: NDArray[np.bool_], scores: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return V [positives] and W [negatives] as `delong` names them."""
    among_all = midranks(scores)
    above = (among_all[flags] - midranks(scores[flags])) / (~flags).sum()
    below = 1 - (among_all[~flags] - midranks(scores[~flags])) / flags.sum()
    return above, below


def _z_test(
    areas: tuple[float, float], errors: tuple[float, float], *, correlation: float, n: int, name: str, note: str
) -> SignificanceTest:
    variance = errors[0] ** 2 + errors[1] ** 2 - 2 * correlation * errors[0] * errors[1]
    if variance <= 0:
        return SignificanceTest(None, None, n, name, f"no p: areas of 0 or 1 have no standard error; {note}")
    z = float((areas[1] - areas[0]) / np.sqrt(variance))
    return SignificanceTest(z, two_sided(z), n, name, note)


def _hanley_mcneil_error(area: float, flags: NDArray[np.bool_]) -> float:
    positives, negatives = int(flags.sum()), int((~flags).sum())
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (positives - 1) * (q1 - area**2) + (negatives - 1) * (q2 - area**2)
    return float(np.sqrt(max(variance, 0.0) / (positives * negatives)))
