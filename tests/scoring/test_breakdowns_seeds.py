"""The spread over seeds against scoring every seed by itself."""

from __future__ import annotations

import statistics

import numpy as np
import pytest
from tests.made_runs import LABELS, Made, made_segments

from emotone.errors import RunError
from emotone.metrics.classification import accuracy, macro_f1, unweighted_average_recall
from emotone.scoring.breakdowns import seeds_of
from emotone.scoring.predictions import PredictionRow, PredictionsTable
from emotone.scoring.segments import SEGMENT_TITLES, segment_values

SLOW = {"uar": unweighted_average_recall, "accuracy": accuracy, "macro-f1": macro_f1}


def test_every_seed_is_scored_by_itself() -> None:
    table = Made(corpora=("toy", "calls"), seeds=4).table()
    found = seeds_of(table)
    assert [(spread.corpus, spread.metric) for spread in found] == [
        (corpus, metric) for corpus in ("calls", "toy") for metric in SLOW
    ]
    for spread in found:
        values = []
        for seed in range(4):
            part = table.where((table.corpus == spread.corpus) & (table.seed == seed))
            values.append(SLOW[spread.metric](part.truth, part.prediction, labels=LABELS))
        assert spread.values == pytest.approx(dict(enumerate(values)))
        assert spread.mean == pytest.approx(statistics.mean(values))
        assert spread.deviation == pytest.approx(statistics.stdev(values))


def test_segments_are_scored_seed_by_seed() -> None:
    table = made_segments(seeds=3)
    found = [spread for spread in seeds_of(table) if spread.metric not in SLOW]
    assert [spread.metric for spread in found] == list(SEGMENT_TITLES)
    for seed in range(3):
        alone = segment_values(table.where(table.seed == seed).windows())
        assert {spread.metric: spread.values[seed] for spread in found} == alone
    pooled = segment_values(table.windows())  # every seed judges the same clips
    assert {spread.metric: spread.mean for spread in found} == pytest.approx(pooled)


def test_one_seed_has_no_deviation() -> None:
    spread = seeds_of(Made(skill=1.0).table())[0]
    assert spread.to_dict() == {"corpus": "toy", "metric": "uar", "values": {"0": 1.0}, "mean": 1.0, "deviation": None}


def test_nothing_to_score_is_an_error() -> None:
    table = Made().table()
    with pytest.raises(RunError, match="contains 0 systems; score one at a time"):
        seeds_of(table.where(np.zeros(len(table), dtype=np.bool_)))


def test_detectors_have_areas_by_seed_over_clips_and_windows() -> None:
    def row(clip: int, seed: int, segment: int | None, p: float) -> PredictionRow:
        truth = "anger" if clip else "other"
        return PredictionRow(
            f"toy/{clip}", "toy", "held-out", "all", seed, "s1", truth, [p, 1 - p], "f00d", segment=segment
        )

    right = [row(clip, 0, segment, 0.2 + 0.6 * clip) for clip in (0, 1) for segment in (None, 0)]
    wrong = [row(clip, 1, segment, 0.8 - 0.6 * clip) for clip in (0, 1) for segment in (None, 0)]
    table = PredictionsTable.from_rows([*right, *wrong], labels=["anger", "other"])
    areas = {spread.metric: spread.values for spread in seeds_of(table) if spread.metric.endswith("au-roc")}
    assert areas == {"au-roc": {0: 1.0, 1: 0.0}, "window-au-roc": {0: 1.0, 1: 0.0}}
    one_class = table.where(table.truth == "anger")
    assert not [spread for spread in seeds_of(one_class) if spread.metric.endswith("au-roc")]
