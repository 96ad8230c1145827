"""Segment and clip accuracies of systems that predict the segments of a clip, from the predictions table.

A table has segments if it has rows of windows and is not a detector's, whose windows are scored at all thresholds
instead. The accuracies are defined in `emotone.metrics.segments`.

Contents:
    has_segments            whether a table has segments
    segment_values          the five accuracies of one corpus
    segment_estimates       the same with intervals clustered by speaker
    majority_accuracies     the same for always predicting the most frequent label
    clip_confusion_of       the confusion matrix of clips by the largest mean logit
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from emotone.errors import RunError
from emotone.inference.segments import positive_of
from emotone.metrics.intervals import Estimate, bootstraps, speaker_codes
from emotone.metrics.segments import ClipOutcomes, clip_outcomes
from emotone.scoring.predictions import WHOLE, check_single

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emotone.scoring.predictions import PredictionsTable

SEGMENT, ABSOLUTE, STANDARD, AVERAGE, BEST = (
    "segment-accuracy",
    "absolute-clip-accuracy",
    "standard-clip-accuracy",
    "average-logits-clip-accuracy",
    "best-clip-accuracy",
)
SEGMENT_TITLES = {
    SEGMENT: "SA (segments)",
    ABSOLUTE: "ACA (all segments of a clip)",
    STANDARD: "SCA (most segments of a clip)",
    AVERAGE: "ALCA (mean logits of a clip)",
    BEST: "BCA (most segments, ties are correct)",
}


def has_segments(table: PredictionsTable) -> bool:
    """Return whether a table has segments; always false for a detector's."""
    return positive_of(table.labels) is None and bool((table.segment != WHOLE).any())


def segment_values(segments: PredictionsTable) -> dict[str, float]:
    """Return the five accuracies in [0, 1] of some segments, pooled over seeds.

    Args:
        segments: rows of windows of one system, at least one.

    Example:
        >>> from emotone.scoring.predictions import PredictionRow, PredictionsTable
        >>> rows = [PredictionRow("toy/a", "toy", "random-5", "fold-1", 0, "s1", "joy", [1 - p, p], "f00d", segment=n)
        ...         for n, p in enumerate([0.7, 0.6, 0.4])]
        >>> values = segment_values(PredictionsTable.from_rows(rows, labels=["fear", "joy"]))
        >>> round(values["segment-accuracy"], 4), values["standard-clip-accuracy"]
        (0.6667, 1.0)

    """
    return {metric: float(correct.mean()) for metric, (correct, _) in _outcomes(segments).items()}


def segment_estimates(
    segments: PredictionsTable, whole: PredictionsTable, *, seed: int, replicates: int
) -> dict[str, Estimate]:
    """Return the five accuracies of one corpus with their intervals, by metric.

    Args:
        segments: its rows of windows.
        whole: its rows of whole utterances. Utterances without windows are excluded; the note reports how many.
        seed: of the intervals.
        replicates: of the intervals.

    """
    clips = np.unique(segments.utterance)
    excluded = len(np.setdiff1d(whole.utterance, clips))
    note = f"{excluded} of {len(np.unique(whole.utterance))} clips have no segment and are excluded" if excluded else ""
    outcomes = _outcomes(segments)
    windows = len(np.unique(_keys(segments.utterance, segments.segment)))
    return {
        metric: replace(
            estimate,
            n=windows if metric == SEGMENT else len(clips),
            note="; ".join(filter(None, [note, estimate.note])),
        )
        for metric, estimate in _shares(outcomes, segments.speaker, seed=seed, replicates=replicates).items()
    }


def majority_accuracies(segments: PredictionsTable) -> dict[str, float]:
    """Return the five accuracies of always predicting the most frequent label of the corpus."""
    found = {}
    for metric, (_, rows) in _outcomes(segments).items():
        counts = np.unique(segments.truth[rows], return_counts=True)[1]
        found[metric] = float(counts.max() / counts.sum())
    return found


def clip_confusion_of(table: PredictionsTable, corpus: str) -> NDArray[np.int64]:
    """Return the counts [labels, labels] of the clips of one corpus, row = truth, column = largest mean logit.

    "average-logits-clip-accuracy" is computed from this matrix, which is pooled over folds and seeds.

    Raises:
        RunError: no segments, or several systems or protocols.
        UnknownNameError: the table has no such corpus.

    """
    part = table.of_corpus(corpus)
    if not has_segments(part):
        raise RunError(f"{corpus} has no segments in the predictions table")
    check_single(part, holder="the predictions table", verb="score")
    outcomes = _clip_outcomes(part.windows())
    size = len(part.labels)
    counts = np.bincount(outcomes.truth * size + outcomes.average, minlength=size * size)
    return counts.reshape(size, size).astype(np.int64)


def _outcomes(segments: PredictionsTable) -> dict[str, tuple[NDArray[np.bool_], NDArray[np.intp]]]:
    """Return by metric which items are correct, and the row of each item that has its truth and speaker."""
    outcomes = _clip_outcomes(segments)
    return {
        SEGMENT: (outcomes.right, np.arange(len(segments))),
        ABSOLUTE: (outcomes.absolute, outcomes.entry),
        STANDARD: (outcomes.standard, outcomes.entry),
        AVERAGE: (outcomes.average_logits, outcomes.entry),
        BEST: (outcomes.best, outcomes.entry),
    }


def _clip_outcomes(segments: PredictionsTable) -> ClipOutcomes:
    """Return the outcome of every clip for every seed."""
    clips = _keys(segments.utterance, segments.seed)
    return clip_outcomes(clips, segments.truth, segments.probabilities, labels=segments.labels)


def _keys(names: NDArray[np.str_], numbers: NDArray[np.int64]) -> NDArray[np.str_]:
    return np.char.add(np.char.add(names, "#"), numbers.astype(np.str_)).astype(np.str_)


def _shares(
    outcomes: dict[str, tuple[NDArray[np.bool_], NDArray[np.intp]]],
    speakers: NDArray[np.str_],
    *,
    seed: int,
    replicates: int,
) -> dict[str, Estimate]:
    """Return the share of correct items by metric, with intervals over the same draws of speakers for all."""
    found: dict[str, Estimate] = {}
    sums: dict[str, NDArray[np.float64]] = {}
    for metric, (correct, rows) in outcomes.items():
        what = "segments" if metric == SEGMENT else "clips"
        codes, note = speaker_codes(speakers[rows], entries=len(correct), what=what)
        if codes is None:
            found[metric] = Estimate(value=float(correct.mean()), note=note)
        else:
            sums[metric] = np.stack([np.bincount(codes, weights=correct), np.bincount(codes)], axis=1)
    if not sums:
        return found
    scores = {metric: partial(_ratio, place=place) for place, metric in enumerate(sums)}
    clusters = np.stack([*sums.values()], axis=1).astype(np.float64)  # every speaker of a segment has a clip
    return found | bootstraps(clusters, scores, rng=np.random.default_rng(seed), replicates=replicates)


def _ratio(sums: NDArray[np.float64], *, place: int) -> NDArray[np.float64]:
    """Return correct / all of one metric, from the sums [..., metrics, 2] of all."""
    return np.asarray(sums[..., place, 0] / sums[..., place, 1], dtype=np.float64)
