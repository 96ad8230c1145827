"""What a detector scores on one corpus at all thresholds at once, over clips and over windows, with intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emotone.metrics.detection import auroc, equal_error_rate
from emotone.metrics.intervals import Interval
from emotone.metrics.intervals_detection import Judged, auroc_interval, eer_interval

if TYPE_CHECKING:
    from emotone.scoring.table import PredictionsTable

AUROC, WINDOW_AUROC, EER = "au-roc", "window-au-roc", "eer"
GUESSING = 0.5  # what each of them is where scores know nothing


@dataclass(frozen=True, slots=True)
class Measured:
    """One score.

    Attributes:
        metric: name.
        value: None where it is undefined; the interval's reason then says why.
        interval: clustered by speaker.
        n: different clips, or windows.

    """

    metric: str
    value: float | None
    interval: Interval
    n: int


def detection_scores(
    whole: PredictionsTable, windows: PredictionsTable, *, positive: str, seed: int, replicates: int
) -> list[Measured]:
    """Return the AU-ROC of clips, and of windows where there are any, and the equal error rate of clips.

    All rows are ranked together, whatever fold or seed they are of: one threshold must do for all.

    Args:
        whole: rows of one corpus that are whole utterances.
        windows: those that are windows; there may be none.
        positive: the label that is looked for.
        seed: of the intervals' draws.
        replicates: of the intervals.

    """
    clips = judged_of(whole, positive, what="clips")
    found = [_area(AUROC, whole, clips, seed=seed, replicates=replicates)]
    if len(windows):
        judged = judged_of(windows, positive, what="windows")
        found.append(_area(WINDOW_AUROC, windows, judged, seed=seed, replicates=replicates))
    lacking = one_class(whole, what="clip")
    if lacking:
        return [*found, Measured(EER, None, Interval(None, None, lacking), _different(whole))]
    rate = equal_error_rate(clips.truth, clips.scores).rate
    interval = eer_interval(clips, rng=np.random.default_rng(seed), replicates=replicates)
    return [*found, Measured(EER, rate, interval, _different(whole))]


def judged_of(part: PredictionsTable, positive: str, *, what: str) -> Judged:
    """Return truth, probabilities of the positive, and speakers of some rows."""
    column = part.labels.index(positive)
    return Judged(part.truth == positive, part.probabilities[:, column], part.speaker, what)


def one_class(part: PredictionsTable, *, what: str) -> str:
    """Return why nothing can be told apart, or "" where both labels are true somewhere."""
    labels = np.unique(part.truth)
    return f"undefined: every {what} is '{labels[0]}'" if len(labels) == 1 else ""


def _area(metric: str, part: PredictionsTable, judged: Judged, *, seed: int, replicates: int) -> Measured:
    lacking = one_class(part, what=judged.what[:-1])
    if lacking:
        return Measured(metric, None, Interval(None, None, lacking), _different(part))
    interval = auroc_interval(judged, rng=np.random.default_rng(seed), replicates=replicates)
    return Measured(metric, auroc(judged.truth, judged.scores), interval, _different(part))


def _different(part: PredictionsTable) -> int:
    """Return how many clips or windows there are, each counted once, however many seeds have judged it."""
    utterance = np.unique(part.utterance, return_inverse=True)[1].reshape(-1)
    return len(np.unique(np.stack([utterance, part.segment]), axis=1).T)
