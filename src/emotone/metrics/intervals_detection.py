"""How sure a detector's AU-ROC or equal error rate is: bootstrap intervals clustered by speaker.

Conventions:
    truth, scores and thresholds are as in `emotone.metrics.detection`. Speakers are drawn with replacement, as in
    `emotone.metrics.intervals`, and a drawn speaker brings all of its entries. A draw without a positive or without a
    negative has no score: it is left out, and the interval says how many were. Where all positives, or all negatives,
    are one speaker's, other speakers can't be told anything about: there is no interval, and the reason says so.

What is here:
    Judged                      truth, scores and speakers of the same entries
    auroc_interval              of one system
    auroc_difference_interval   of two systems, paired by speaker; their entries need not be the same
    eer_interval                of one system
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emotone.errors import RunError
from emotone.metrics.inputs import flags_and_scores
from emotone.metrics.resampling import (
    LEVEL,
    REPLICATES,
    Interval,
    check_resampling,
    draws,
    percentiles,
    speaker_codes,
)
from emotone.metrics.weighted import Weighted, weighted_auroc, weighted_eer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from emotone.metrics.inputs import Flags, Numbers


@dataclass(frozen=True, eq=False)
class Judged:
    """What a detector said about some entries.

    Attributes:
        truth: whether each entry is positive, [n].
        scores: [n].
        speakers: one name per entry [n], unique over corpora; "" where not known.
        what: what the entries are, for messages.

    """

    truth: Flags
    scores: Numbers
    speakers: Sequence[str] | NDArray[np.str_]
    what: str = "clips"


def auroc_interval(
    judged: Judged, *, rng: np.random.Generator, replicates: int = REPLICATES, level: float = LEVEL
) -> Interval:
    """Return the percentile interval of the AU-ROC when speakers are drawn with replacement.

    With few speakers such intervals are too narrow (of 95 %, about 90 % hold with ten speakers).

    Args:
        judged: truth, scores and speakers.
        rng: draws the speakers.
        replicates: number of draws.
        level: share of replicates inside, in (0, 1).

    Returns:
        The interval; without ends, and with a reason, where speakers can't be resampled.

    Raises:
        RunError: nothing to score, lengths that differ, a score that is NaN or infinite, or one class only.
        UsageError: replicates below 1, or a level outside (0, 1).

    Example:
        >>> judged = Judged([False, True] * 3, [0.1, 0.8, 0.3, 0.2, 0.4, 0.9], ["a", "a", "b", "b", "c", "c"])
        >>> interval = auroc_interval(judged, rng=np.random.default_rng(0))
        >>> interval.low, interval.high
        (0.0, 1.0)

    Reference:
        Efron, Tibshirani: An Introduction to the Bootstrap. Chapman & Hall, 1993, chapters 8 and 13.

    """
    codes, reason = _resampled(judged)
    if codes is None:
        return Interval(None, None, reason)
    area = weighted_auroc(judged.truth, judged.scores, codes)
    return _interval((area,), speakers=int(codes.max()) + 1, rng=rng, replicates=replicates, level=level)


def auroc_difference_interval(
    first: Judged,
    second: Judged,
    *,
    rng: np.random.Generator,
    replicates: int = REPLICATES,
    level: float = LEVEL,
) -> Interval:
    """Return the percentile interval of AU-ROC(second) - AU-ROC(first), a speaker being drawn for both at once.

    The two need not have judged the same entries (windows of other lengths, say), but the same speakers.

    Args:
        first: truth, scores and speakers of one system.
        second: of the other.
        rng: draws the speakers.
        replicates: number of draws.
        level: share of replicates inside, in (0, 1).

    Returns:
        The interval; without ends, and with a reason, where speakers can't be resampled.

    Raises:
        RunError: speakers that only one has, and as `auroc_interval`.
        UsageError: as `auroc_interval`.

    Example:
        >>> truth, speakers = [False, True] * 3, ["a", "a", "b", "b", "c", "c"]
        >>> weak = Judged(truth, [0.1, 0.8, 0.3, 0.2, 0.4, 0.9], speakers)
        >>> strong = Judged(truth, [0.1, 0.8, 0.3, 0.7, 0.4, 0.9], speakers)
        >>> interval = auroc_difference_interval(weak, strong, rng=np.random.default_rng(0))
        >>> interval.low, interval.high
        (0.0, 1.0)

    """
    of_both: list[Weighted] = []
    for judged in (first, second):
        codes, reason = _resampled(judged)
        if codes is None:
            return Interval(None, None, reason)
        of_both.append(weighted_auroc(judged.truth, judged.scores, codes))
    names = np.unique(np.asarray(first.speakers, dtype=np.str_))
    alone = np.setxor1d(names, np.asarray(second.speakers, dtype=np.str_))
    if len(alone):
        raise RunError(f"both systems must have judged the same speakers; '{alone[0]}' is of one of them only")
    return _interval(tuple(of_both), speakers=len(names), rng=rng, replicates=replicates, level=level)


def eer_interval(
    judged: Judged, *, rng: np.random.Generator, replicates: int = REPLICATES, level: float = LEVEL
) -> Interval:
    """Return the percentile interval of the equal error rate when speakers are drawn with replacement.

    The threshold is chosen anew in every draw, as the rate is defined. Arguments, result and errors are those of
    `auroc_interval`.

    Example:
        >>> judged = Judged([False, True] * 3, [0.1, 0.8, 0.3, 0.2, 0.4, 0.9], ["a", "a", "b", "b", "c", "c"])
        >>> interval = eer_interval(judged, rng=np.random.default_rng(0))
        >>> interval.low, interval.high
        (0.0, 1.0)

    """
    codes, reason = _resampled(judged)
    if codes is None:
        return Interval(None, None, reason)
    rate = weighted_eer(judged.truth, judged.scores, codes)
    return _interval((rate,), speakers=int(codes.max()) + 1, rng=rng, replicates=replicates, level=level)


def _resampled(judged: Judged) -> tuple[NDArray[np.intp] | None, str]:
    """Return the entries' speakers as numbers, or None and why drawing speakers would say nothing."""
    flags, _ = flags_and_scores(judged.truth, judged.scores)
    codes, reason = speaker_codes(judged.speakers, entries=len(flags), what=judged.what)
    if codes is None:
        return None, reason
    for of_class, name in ((flags, "positive"), (~flags, "negative")):
        if len(np.unique(codes[of_class])) < 2:
            return None, f"no interval: all {name} {judged.what} are of one speaker"
    return codes, ""


def _interval(
    scores: tuple[Weighted, ...], *, speakers: int, rng: np.random.Generator, replicates: int, level: float
) -> Interval:
    """Return the interval of one score, or of the second minus the first."""
    check_resampling(replicates=replicates, level=level)
    width = max(speakers, *(score.width for score in scores))
    found = []
    for weights in draws(speakers, rng=rng, replicates=replicates, width=width):
        values = [score(weights) for score in scores]
        found.append(values[-1] - values[0] if len(values) > 1 else values[0])
    return percentiles(np.concatenate(found), level=level)
