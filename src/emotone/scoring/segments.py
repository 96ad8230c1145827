"""From segments to clips: what a system that judges clips in pieces scores, piece by piece and clip by clip.

A table has segments where it has window rows and is no detector's; a detector's windows are judged at all thresholds
instead. `emotone.metrics.segments` says what each accuracy is.

What is here:
    has_segments            whether a table has them
    segment_values          the five accuracies of one corpus
    segment_scores          the same with intervals clustered by speaker, and what "always one label" would have
    clip_confusion_of       what is taken for what when a clip's label is that of the largest mean logit
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emotone.errors import RunError
from emotone.metrics.intervals import Interval, bootstrap, speaker_codes
from emotone.metrics.segments import ClipVerdicts, judge_clips
from emotone.scoring.detection import positive_of
from emotone.scoring.detection_scores import Measured
from emotone.scoring.table_checks import WHOLE, check_single

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emotone.scoring.table import PredictionsTable

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
    BEST: "BCA (most segments, ties are right)",
}


def has_segments(table: PredictionsTable) -> bool:
    """Return whether clips were judged in segments, whose accuracies can be told; never of a detector's table."""
    return positive_of(table.labels) is None and bool((table.segment != WHOLE).any())


def segment_values(segments: PredictionsTable) -> dict[str, float]:
    """Return the five accuracies in [0, 1] of some segments, pooled over seeds.

    Args:
        segments: window rows of one system, one at least.

    Example:
        >>> from emotone.scoring.table import PredictionRow, PredictionsTable
        >>> rows = [PredictionRow("toy/a", "toy", "random-5", "fold-1", 0, "s1", "joy", [1 - p, p], "f00d", segment=n)
        ...         for n, p in enumerate([0.7, 0.6, 0.4])]
        >>> values = segment_values(PredictionsTable.from_rows(rows, labels=["fear", "joy"]))
        >>> round(values["segment-accuracy"], 4), values["standard-clip-accuracy"]
        (0.6667, 1.0)

    """
    return {metric: float(right.mean()) for metric, (right, _) in _outcomes(segments).items()}


def segment_scores(
    segments: PredictionsTable, whole: PredictionsTable, *, seed: int, replicates: int
) -> tuple[list[Measured], dict[str, float]]:
    """Return the five accuracies of one corpus, and what always answering its most frequent label would have.

    Args:
        segments: its window rows.
        whole: its whole-utterance rows. One without any window has no segments to be right or wrong: it is left out,
            and the interval's reason says how many are.
        seed: of the intervals' draws.
        replicates: of the intervals.

    """
    judged = np.unique(segments.utterance)
    lost = len(np.setdiff1d(whole.utterance, judged))
    note = f"{lost} of {len(np.unique(whole.utterance))} clips have no segment and are left out" if lost else ""
    found, majority = [], {}
    for metric, (right, rows) in _outcomes(segments).items():
        interval = _interval(right, segments.speaker[rows], metric, seed=seed, replicates=replicates)
        reason = "; ".join(part for part in (note, interval.reason) if part)
        n = len(judged)
        if metric == SEGMENT:
            n = len(np.unique(_keys(segments.utterance, segments.segment)))
        found.append(Measured(metric, float(right.mean()), Interval(interval.low, interval.high, reason), n))
        counts = np.unique(segments.truth[rows], return_counts=True)[1]
        majority[metric] = float(counts.max() / counts.sum())
    return found, majority


def clip_confusion_of(table: PredictionsTable, corpus: str) -> NDArray[np.int64]:
    """Return the counts [labels, labels] of one corpus's clips, row = truth, column = the largest mean logit.

    It is the matrix behind "average-logits-clip-accuracy", pooled over folds and seeds.

    Raises:
        RunError: no segments, or several systems or protocols.
        UnknownNameError: the table has no such corpus.

    """
    part = table.of_corpus(corpus)
    if not has_segments(part):
        raise RunError(f"{corpus} has no segments in the predictions table, or is a detector's")
    check_single(part, holder="the predictions table", verb="score")
    verdicts = _verdicts(part.windows())
    size = len(part.labels)
    counts = np.bincount(verdicts.truth * size + verdicts.average, minlength=size * size)
    return counts.reshape(size, size).astype(np.int64)


def _outcomes(segments: PredictionsTable) -> dict[str, tuple[NDArray[np.bool_], NDArray[np.intp]]]:
    """Return what is right, and the rows whose truth and speaker each stands for, by metric."""
    verdicts = _verdicts(segments)
    return {
        SEGMENT: (verdicts.right, np.arange(len(segments))),
        ABSOLUTE: (verdicts.absolute, verdicts.entry),
        STANDARD: (verdicts.standard, verdicts.entry),
        AVERAGE: (verdicts.average_logits, verdicts.entry),
        BEST: (verdicts.best, verdicts.entry),
    }


def _verdicts(segments: PredictionsTable) -> ClipVerdicts:
    """Judge every clip as often as there are seeds: each is one more answer about it."""
    clips = _keys(segments.utterance, segments.seed)
    return judge_clips(clips, segments.truth, segments.probabilities, labels=segments.labels)


def _keys(names: NDArray[np.str_], numbers: NDArray[np.int64]) -> NDArray[np.str_]:
    return np.char.add(np.char.add(names, "#"), numbers.astype(np.str_)).astype(np.str_)


def _interval(
    right: NDArray[np.bool_], speakers: NDArray[np.str_], metric: str, *, seed: int, replicates: int
) -> Interval:
    """Return the interval of a share when speakers are drawn anew: each adds what is right of theirs, and how many."""
    codes, reason = speaker_codes(speakers, entries=len(right), what="segments" if metric == SEGMENT else "clips")
    if codes is None:
        return Interval(None, None, reason)
    sums = np.stack([np.bincount(codes, weights=right), np.bincount(codes)], axis=1).astype(np.float64)
    rng = np.random.default_rng(seed)  # the same draws of speakers for every metric
    return bootstrap(sums, _share, rng=rng, replicates=replicates)


def _share(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(sums[..., 0] / sums[..., 1], dtype=np.float64)
