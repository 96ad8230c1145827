"""Segments scored from a predictions table: against the metrics, and against counting speakers again."""

from __future__ import annotations

import numpy as np
import pytest
from tests.made_runs import LABELS, Made, made_detector, made_segments

from emotone.errors import RunError, UnknownNameError
from emotone.metrics import segments as metrics
from emotone.scoring.predictions import PredictionsTable
from emotone.scoring.scores import Score, confusion_of, scores_of
from emotone.scoring.segments import (
    ABSOLUTE,
    AVERAGE,
    BEST,
    SEGMENT,
    SEGMENT_TITLES,
    STANDARD,
    clip_confusion_of,
    has_segments,
)

SLOW = {
    "segment-accuracy": metrics.segment_accuracy,
    "absolute-clip-accuracy": metrics.absolute_clip_accuracy,
    "standard-clip-accuracy": metrics.standard_clip_accuracy,
    "average-logits-clip-accuracy": metrics.average_logits_clip_accuracy,
    "best-clip-accuracy": metrics.best_clip_accuracy,
}


def slow(table: PredictionsTable, metric: str, *, copies: dict[str, int] | None = None) -> float:
    """Score the segments of speakers, each copied as often as drawn, from lists."""
    windows = table.windows()
    clips, truth, rows = [], [], []
    for n in range(len(windows)):
        for copy in range(1 if copies is None else copies[str(windows.speaker[n])]):
            clips.append(f"{windows.utterance[n]} {windows.seed[n]} {copy}")
            truth.append(str(windows.truth[n]))
            rows.append(windows.probabilities[n].tolist())
    return SLOW[metric](clips, truth, rows, labels=table.labels)


def found_in(scores: list[Score], setting: str = "system") -> dict[str, Score]:
    return {score.metric: score for score in scores if score.setting == setting and score.metric in SEGMENT_TITLES}


def test_scores_are_those_of_the_metrics() -> None:
    table = made_segments(0.4, seeds=2)
    found = found_in(scores_of(table, replicates=50))
    assert list(found) == list(SLOW)
    for metric, score in found.items():
        assert score.value == pytest.approx(slow(table, metric))
        assert (score.n, score.speakers, score.seeds, score.folds) == (96 if metric == SEGMENT else 36, 6, 2, 6)
        assert (score.protocol, score.speaker_independent) == ("leave-one-speaker-out", True)
    assert found[ABSOLUTE].number <= found[STANDARD].number <= found[BEST].number
    assert len({score.value for score in found.values()}) == 5


@pytest.mark.parametrize("metric", SLOW)
def test_intervals_draw_speakers_with_all_of_their_clips(metric: str) -> None:
    table = made_segments(draw=3)
    score = found_in(scores_of(table, seed=4, replicates=60))[metric]
    draws = np.random.default_rng(4).multinomial(6, np.full(6, 1 / 6), size=60)
    twins = [
        slow(table, metric, copies={f"s{speaker}": int(count) for speaker, count in enumerate(draw)}) for draw in draws
    ]
    assert (score.low, score.high) == pytest.approx(tuple(np.quantile(twins, [0.025, 0.975])))


def test_the_majority_baseline() -> None:
    found = found_in(scores_of(made_segments(), replicates=10), "majority")
    # Clips of 1, 2, 3, 4, 5 and 1 segments go round three labels: 1 + 4, 2 + 5, 3 + 1 of 16 segments are of each.
    assert {metric: score.value for metric, score in found.items()} == {
        metric: 7 / 16 if metric == SEGMENT else 1 / 3 for metric in SLOW
    }
    assert found[SEGMENT].low is None
    assert found_in(scores_of(made_segments(), replicates=10), "chance") == {}


def test_only_segments_of_no_detector_are_scored_so() -> None:
    assert has_segments(made_segments())
    assert not has_segments(made_segments().whole_utterances())
    assert not has_segments(Made().table())
    assert not has_segments(made_detector(1.0))
    assert found_in(scores_of(made_detector(1.0), replicates=10)) == {}


def test_corpora_are_scored_apart() -> None:
    first, second = made_segments(), made_segments(draw=1, corpus="calls")
    both = scores_of(PredictionsTable.concat([first, second]), replicates=20)
    assert [score for score in both if score.corpus == "toy"] == scores_of(first, replicates=20)


def test_a_clip_without_segments_is_excluded_with_a_note() -> None:
    table = made_segments()
    without = table.where((table.segment < 0) | (table.utterance != "toy/s0-00"))
    score = found_in(scores_of(without, replicates=10))[AVERAGE]
    assert (score.n, score.note) == (35, "1 of 36 clips have no segment and are excluded")
    assert score.value == pytest.approx(slow(without, AVERAGE))
    nameless = PredictionsTable(labels=LABELS, **{**without.columns(), "speaker": np.full(len(without), "")})
    score = found_in(scores_of(nameless, replicates=10))[SEGMENT]
    assert (score.low, score.speakers) == (None, 0)
    assert score.note == (
        "1 of 36 clips have no segment and are excluded; no interval: the speaker of 95 of 95 segments is unknown"
    )


def test_the_confusion_of_clips_is_by_mean_logits() -> None:
    table = made_segments(seeds=2, draw=2)
    matrix = clip_confusion_of(table, "toy")
    assert matrix.sum() == 72
    assert matrix.trace() / matrix.sum() == pytest.approx(slow(table, AVERAGE))
    assert matrix.tolist() != confusion_of(table, "toy").tolist()  # which is by the mean probabilities
    assert matrix.sum(axis=1).tolist() == [24, 24, 24]


def test_no_confusion_of_clips_without_segments() -> None:
    with pytest.raises(RunError, match="toy has no segments in the predictions table"):
        clip_confusion_of(Made().table(), "toy")
    with pytest.raises(UnknownNameError, match="unknown corpus"):
        clip_confusion_of(made_segments(), "calls")
