"""How sure a score is: bootstrap intervals clustered by speaker.

Clips of one speaker are not independent: a system that fails on a voice fails on all its clips. So what is drawn with
replacement are speakers, not clips; with clips drawn, intervals come out several times too narrow.

The key idea that makes it fast: let C_s be the confusion matrix of speaker s alone. A replicate that draws speaker s
w_s times has the confusion matrix  C = sum over s of w_s C_s, so 10,000 replicates are one product of the weights
[replicates, speakers] with the speakers' matrices [speakers, labels^2], and the rows are never touched again.
A difference between two systems is resampled the same way, with both systems' matrices beside each other: a speaker is
drawn for both at once, so that what is hard for both cancels.

What is here:
    speaker_interval, paired_interval       from label names
    bootstrap, bootstrap_difference         from speakers' matrices, which `matrices_by_speaker` gives, or whatever
                                            else adds up over the speakers that `speaker_codes` gives
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emotone.errors import RunError
from emotone.metrics import base
from emotone.metrics.resampling import (
    LEVEL,
    REPLICATES,
    Interval,
    check_resampling,
    draws,
    percentiles,
    speaker_codes,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Labels = Sequence[str] | NDArray[np.str_]

__all__ = [
    "LEVEL",
    "REPLICATES",
    "Interval",
    "bootstrap",
    "bootstrap_difference",
    "matrices_by_speaker",
    "paired_interval",
    "speaker_codes",
    "speaker_interval",
]


def speaker_interval(
    truth: Labels,
    prediction: Labels,
    speakers: Labels,
    *,
    labels: Sequence[str],
    metric: base.MetricName,
    rng: np.random.Generator,
    replicates: int = REPLICATES,
    level: float = LEVEL,
) -> Interval:
    """Return the percentile interval of a metric when speakers are drawn with replacement.

    With few speakers such intervals are too narrow (of 95 %, about 90 % hold with ten speakers, 93 % with thirty); read
    them together with the number of speakers.

    Args:
        truth: label names [n].
        prediction: label names [n].
        speakers: one name per entry [n], unique over corpora; "" where not known.
        labels: every label that may occur.
        metric: "uar", "accuracy" or "macro-f1".
        rng: draws the speakers.
        replicates: number of resampled tables.
        level: share of replicates inside, in (0, 1).

    Returns:
        The interval; without ends, and with a reason, where a speaker is not known or there is only one.

    Raises:
        RunError: nothing to score, or lengths that differ.
        UnknownNameError: a label that is not in `labels`, or another metric.
        UsageError: replicates below 1, or a level outside (0, 1).

    Example:
        >>> truth, speakers = ["joy", "fear"] * 4, ["a", "a", "b", "b", "c", "c", "d", "d"]
        >>> prediction = ["joy", "fear", "joy", "joy", "joy", "fear", "fear", "fear"]
        >>> interval = speaker_interval(truth, prediction, speakers, labels=["fear", "joy"], metric="accuracy",
        ...                             rng=np.random.default_rng(0))
        >>> interval.low, interval.high
        (0.5, 1.0)

    Reference:
        Efron, Tibshirani: An Introduction to the Bootstrap. Chapman & Hall, 1993, chapters 8 (clusters) and 13
        (percentile intervals).

    """
    truth_codes, prediction_codes = base.paired_codes(truth, prediction, labels=labels)
    score = base.statistic(metric)
    matrices, reason = matrices_by_speaker(truth_codes, prediction_codes, speakers, size=len(labels))
    if matrices is None:
        return Interval(None, None, reason)
    return bootstrap(matrices, score, rng=rng, replicates=replicates, level=level)


def paired_interval(
    truth: Labels,
    first: Labels,
    second: Labels,
    speakers: Labels,
    *,
    labels: Sequence[str],
    metric: base.MetricName,
    rng: np.random.Generator,
    replicates: int = REPLICATES,
    level: float = LEVEL,
) -> Interval:
    """Return the percentile interval of score(second) - score(first) when speakers are drawn with replacement.

    An interval that leaves out 0 says that the difference would hold for other speakers of the same kind. With few
    speakers such intervals are too narrow (of 95 %, about 90 % hold with ten speakers, 93 % with thirty).

    Args:
        truth: label names [n].
        first: predictions [n] of one system.
        second: predictions [n] of the other, for the same entries.
        speakers: one name per entry [n], unique over corpora; "" where not known.
        labels: every label that may occur.
        metric: "uar", "accuracy" or "macro-f1".
        rng: draws the speakers.
        replicates: number of resampled tables.
        level: share of replicates inside, in (0, 1).

    Returns:
        The interval; without ends, and with a reason, where a speaker is not known or there is only one.

    Raises:
        RunError: nothing to score, or lengths that differ.
        UnknownNameError: a label that is not in `labels`, or another metric.
        UsageError: replicates below 1, or a level outside (0, 1).

    Example:
        >>> truth, speakers = ["joy", "fear"] * 4, ["a", "a", "b", "b", "c", "c", "d", "d"]
        >>> first = ["joy", "fear", "joy", "joy", "joy", "joy", "fear", "fear"]
        >>> second = ["joy", "fear", "joy", "joy", "joy", "fear", "joy", "fear"]
        >>> interval = paired_interval(truth, first, second, speakers, labels=["fear", "joy"], metric="accuracy",
        ...                            rng=np.random.default_rng(0))
        >>> interval.low, interval.high
        (0.0, 0.5)

    Reference:
        Efron, Tibshirani: An Introduction to the Bootstrap. Chapman & Hall, 1993, chapters 8 and 13; for paired
        systems: Bisani, Ney: Bootstrap estimates for confidence intervals in ASR performance evaluation. Proc. ICASSP
        2004, 409-412.

    """
    score = base.statistic(metric)
    of_both = []
    for prediction in (first, second):
        codes = base.paired_codes(truth, prediction, labels=labels)
        matrices, reason = matrices_by_speaker(*codes, speakers, size=len(labels))
        if matrices is None:
            return Interval(None, None, reason)
        of_both.append(matrices)
    return bootstrap_difference(of_both[0], of_both[1], score, rng=rng, replicates=replicates, level=level)


def matrices_by_speaker(
    truth_codes: NDArray[np.intp],
    prediction_codes: NDArray[np.intp],
    speakers: Labels,
    *,
    size: int,
    weights: NDArray[np.float64] | None = None,
) -> tuple[NDArray[np.float64] | None, str]:
    """Return each speaker's confusion matrix [speakers, size, size], or None and why speakers can't be resampled.

    Speakers are sorted by name. `weights` [n] say how much each entry counts; None counts each as 1.

    Raises:
        RunError: the number of speakers' names differs from the number of entries.

    """
    codes, reason = speaker_codes(speakers, entries=len(truth_codes))
    if codes is None:
        return None, reason
    clusters = int(codes.max()) + 1
    flat = (codes * size + truth_codes) * size + prediction_codes
    counts = np.bincount(flat, weights=weights, minlength=clusters * size * size)
    return counts.reshape(clusters, size, size).astype(np.float64), ""


def bootstrap(
    clusters: NDArray[np.float64],
    score: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    *,
    rng: np.random.Generator,
    replicates: int = REPLICATES,
    level: float = LEVEL,
) -> Interval:
    """Return the percentile interval of `score` over weighted sums of clusters.

    Args:
        clusters: what each cluster adds to the sum, [clusters, ...], at least one cluster.
        score: takes sums [block, ...] and returns scores [block]; NaN where a draw has none.
        rng: draws how often each cluster comes, multinomially.
        replicates: number of draws.
        level: share of replicates inside, in (0, 1).

    Raises:
        UsageError: replicates below 1, or a level outside (0, 1).

    """
    check_resampling(replicates=replicates, level=level)
    flat = clusters.reshape(len(clusters), -1)
    scores = [
        score((weights @ flat).reshape(len(weights), *clusters.shape[1:]))
        for weights in draws(len(clusters), rng=rng, replicates=replicates, width=max(flat.shape))
    ]
    return percentiles(np.concatenate(scores), level=level)


def bootstrap_difference(
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    score: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    *,
    rng: np.random.Generator,
    replicates: int = REPLICATES,
    level: float = LEVEL,
) -> Interval:
    """Return the percentile interval of score(second) - score(first), both over the same draws of clusters.

    Args:
        first: what each cluster adds to one system's sum, [clusters, ...].
        second: the same clusters' of the other system, of the same shape; its counts may be larger throughout (more
            seeds), for scores do not depend on the scale.
        score: takes sums [block, ...] and returns scores [block].
        rng: draws how often each cluster comes, multinomially.
        replicates: number of draws.
        level: share of replicates inside, in (0, 1).

    Raises:
        RunError: shapes that differ.
        UsageError: replicates below 1, or a level outside (0, 1).

    """
    if first.shape != second.shape:
        raise RunError(f"both systems must have the same clusters; the shapes are {first.shape} and {second.shape}")

    def difference(sums: NDArray[np.float64]) -> NDArray[np.float64]:
        return score(sums[:, 1]) - score(sums[:, 0])

    pairs = np.stack([first, second], axis=1)
    return bootstrap(pairs, difference, rng=rng, replicates=replicates, level=level)
