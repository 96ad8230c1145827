"""What a test of significance returns, and where its distributions come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from emotone.errors import missing_extra


@dataclass(frozen=True, slots=True)
class Test:
    """What one test found.

    Attributes:
        statistic: see the test's function; None where there is none.
        p: two-sided, in [0, 1]; None where the test says nothing.
        n: what it rests on: entries, or folds.
        name: of the test, e.g. "McNemar".
        note: how it was computed, or why there is no p.

    """

    statistic: float | None
    p: float | None
    n: int
    name: str
    note: str = ""


def two_sided(z: float) -> float:
    """Return the probability that a standard normal number is at least as far from 0 as `z`.

    Raises:
        MissingExtraError: SciPy is not installed.

    """
    return float(2 * scipy_stats().norm.sf(abs(z)))


def scipy_stats() -> Any:
    """Return `scipy.stats`, which takes a second to load and is in the extra `train`.

    Raises:
        MissingExtraError: SciPy is not installed.

    """
    try:
        from scipy import stats
    except ImportError as error:
        raise missing_extra("scipy", "train", "a test of significance") from error
    return stats
