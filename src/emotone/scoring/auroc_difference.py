"""How far two detectors are apart at all thresholds at once: AU-ROC over clips and over windows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emotone.metrics.detection import auroc
from emotone.metrics.intervals_detection import Judged, auroc_difference_interval
from emotone.metrics.significance_auroc import delong, unpaired_z
from emotone.scoring.detection import positive_of
from emotone.scoring.detection_scores import AUROC, WINDOW_AUROC

if TYPE_CHECKING:
    from emotone.metrics.intervals import Interval
    from emotone.metrics.significance import Test
    from emotone.scoring.pairing import Pair, Side, Windows

UNPAIRED = (
    "the unpaired Mann-Whitney z-test over windows is the one that the paper of SoundNet for anger made: it takes "
    "windows as independent, which those of one speaker are not, and the runs as judged on different recordings"
)
OTHER_WINDOWS = "no DeLong over windows: the runs cut the utterances into different ones"


@dataclass(frozen=True)
class Areas:
    """The AU-ROCs of two runs about the same utterances.

    Attributes:
        metric: "au-roc" or "window-au-roc".
        values: of the first and of the second run.
        interval: of second minus first, clustered by speaker.
        tests: DeLong (paired) where both judged the same rows, and for windows the unpaired z-test.
        n: clips or windows; of the first run, where windows differ.
        notes: what else one must know.

    """

    metric: str
    values: tuple[float, float]
    interval: Interval
    tests: tuple[Test, ...]
    n: int
    notes: tuple[str, ...]


def areas_of(pair: Pair, *, seed: int, replicates: int) -> tuple[list[Areas], list[str]]:
    """Return the AU-ROCs where there are two labels, of the first answer to each utterance, and why some are missing.

    Over clips it is the same number for either label, for their probabilities sum to 1; windows are compared where one
    label is what a detector looks for.
    """
    if len(pair.labels) != 2:
        return [], []
    if len(np.unique(pair.truth)) < 2:
        return [], [f"AU-ROC is undefined: every utterance is '{pair.truth[0]}'"]
    positive = positive_of(pair.labels) or pair.labels[1]
    found = [_of_clips(pair, positive, seed=seed, replicates=replicates)]
    if positive_of(pair.labels) is None:
        return found, []
    judged = [len(np.unique(side.windows.utterance)) for side in (pair.first, pair.second)]
    if min(judged) == len(pair.utterances):
        return [*found, _of_windows(pair, positive, seed=seed, replicates=replicates)], []
    if max(judged) == 0:  # baselines judge whole utterances: nobody misses their windows
        return found, []
    counts = " and ".join(f"{count} of {len(pair.utterances)}" for count in judged)
    return found, [f"no AU-ROC of windows: the runs have judged windows of {counts} utterances"]


def _of_clips(pair: Pair, positive: str, *, seed: int, replicates: int) -> Areas:
    column = pair.labels.index(positive)

    def judged(side: Side) -> Judged:
        return Judged(pair.truth == positive, side.probabilities[side.first_row, column], pair.speaker)

    return _areas(AUROC, judged(pair.first), judged(pair.second), same=True, seed=seed, replicates=replicates)


def _of_windows(pair: Pair, positive: str, *, seed: int, replicates: int) -> Areas:
    column = pair.labels.index(positive)

    def judged(windows: Windows) -> Judged:
        truth = (pair.truth == positive)[windows.utterance]
        return Judged(truth, windows.probabilities[:, column], pair.speaker[windows.utterance], "windows")

    first, second = pair.first.windows, pair.second.windows
    return _areas(
        WINDOW_AUROC, judged(first), judged(second), same=first.same_as(second), seed=seed, replicates=replicates
    )


def _areas(metric: str, first: Judged, second: Judged, *, same: bool, seed: int, replicates: int) -> Areas:
    interval = auroc_difference_interval(first, second, rng=np.random.default_rng(seed), replicates=replicates)
    tests = [delong(first.truth, first.scores, second.scores)] if same else []
    notes = [] if same else [OTHER_WINDOWS, f"AU-ROC over {len(first.truth)} and {len(second.truth)} windows"]
    if metric == WINDOW_AUROC:
        tests.append(unpaired_z(first.truth, first.scores, second.truth, second.scores))
        notes.append(UNPAIRED)
    values = auroc(first.truth, first.scores), auroc(second.truth, second.scores)
    return Areas(metric, values, interval, tuple(tests), len(first.truth), tuple(notes))
