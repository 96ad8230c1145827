"""Speakers drawn anew, and what of all the draws is kept: the interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emotone.errors import RunError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

REPLICATES = 10_000  # the 2.5 % point of a percentile interval then rests on 250 draws
LEVEL = 0.95
BLOCK = 1 << 22  # numbers held at a time while resampling: 32 MiB of float64


@dataclass(frozen=True, slots=True)
class Interval:
    """A score's interval, or why there is none.

    Attributes:
        low: lower end, or None.
        high: upper end, or None.
        reason: why `low` and `high` are None, or what else one must know of them; mostly empty.

    """

    low: float | None
    high: float | None
    reason: str = ""


def speaker_codes(
    speakers: Sequence[str] | NDArray[np.str_], *, entries: int, what: str = "clips"
) -> tuple[NDArray[np.intp] | None, str]:
    """Return each entry's speaker as a position in the sorted names [n], or None and why they can't be resampled.

    Raises:
        RunError: the number of names differs from the number of entries.

    """
    names = np.asarray(speakers, dtype=np.str_)
    if len(names) != entries:
        raise RunError(f"{len(names)} speakers were given for {entries} entries; there must be one for each")
    nameless = int(np.count_nonzero(names == ""))
    if nameless:
        return None, f"no interval: the speaker of {nameless} of {len(names)} {what} is not known"
    unique, codes = np.unique(names, return_inverse=True)
    if len(unique) < 2:
        return None, "no interval: there is one speaker only"
    return codes.reshape(-1), ""


def check_resampling(*, replicates: int, level: float) -> None:
    """Raise `UsageError` for replicates below 1, or a level outside (0, 1)."""
    if replicates < 1:
        raise UsageError(f"replicates is {replicates}; give 1 or more")
    if not 0 < level < 1:
        raise UsageError(f"level is {level}; give a share between 0 and 1, such as 0.95")


def draws(clusters: int, *, rng: np.random.Generator, replicates: int, width: int) -> Iterator[NDArray[np.float64]]:
    """Give weights [block, clusters], block by block, so that memory does not grow with the replicates.

    The draws are the same whatever `width`, the numbers that one replicate needs, makes of the blocks.
    """
    block = max(1, BLOCK // width)
    for start in range(0, replicates, block):
        size = min(block, replicates - start)
        yield rng.multinomial(clusters, np.full(clusters, 1 / clusters), size=size).astype(np.float64)


def percentiles(scores: NDArray[np.float64], *, level: float) -> Interval:
    """Return the interval that holds the middle `level` of replicates' scores.

    A replicate that has no score (NaN) is left out, which the interval's `reason` says.
    """
    defined = scores[~np.isnan(scores)]
    if not len(defined):
        return Interval(None, None, "no interval: undefined in every draw of speakers")
    tail = (1 - level) / 2
    low, high = np.quantile(defined, [tail, 1 - tail])
    lost = 1 - len(defined) / len(scores)
    reason = f"the interval leaves out {100 * lost:.2g} % of the draws of speakers, in which it is undefined"
    return Interval(float(low), float(high), reason if lost else "")
