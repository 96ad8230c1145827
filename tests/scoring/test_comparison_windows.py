"""Comparison of detectors: AU-ROC of clips and of windows, and what has none."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.made_runs import Made, made_detector

from emotone.metrics.detection import auroc
from emotone.metrics.intervals_detection import DetectorScores, auroc_difference_estimate
from emotone.metrics.significance_auroc import delong, unpaired_z
from emotone.scoring.comparison import comparison_tables

if TYPE_CHECKING:
    from pathlib import Path
from tests.scoring.comparing import compare, find

WEAK_DETECTOR, STRONG_DETECTOR = made_detector(0.5, draw=1), made_detector(1.5, draw=2)


def test_two_labels_have_an_auroc_which_is_the_same_for_both(tmp_path: Path) -> None:
    runs = [Made(skill=skill, draw=draw, labels=("anger", "other")) for draw, skill in enumerate((0.4, 0.7))]
    found = find(compare(tmp_path, *runs), "au-roc")
    for value, run in zip((found.first_value, found.second_value), runs, strict=True):
        table = run.table()
        for column, label in enumerate(table.labels):
            assert value == pytest.approx(auroc(table.truth == label, table.probabilities[:, column]))
    (delong,) = found.tests
    assert (delong.test.name, delong.test.n) == ("DeLong", 216)
    assert found.low is not None
    assert found.low < found.number


@pytest.mark.parametrize(("metric", "n"), [("au-roc", 72), ("window-au-roc", 216)])
def test_detectors_are_compared_over_clips_and_windows(metric: str, n: int, tmp_path: Path) -> None:
    found = find(compare(tmp_path, WEAK_DETECTOR, STRONG_DETECTOR, seed=3, replicates=100), metric)
    parts = [
        table.windows() if metric == "window-au-roc" else table.whole_utterances()
        for table in (WEAK_DETECTOR, STRONG_DETECTOR)
    ]
    truth, (first, second) = parts[0].truth == "anger", (part.probabilities[:, 0] for part in parts)
    assert (found.first_value, found.second_value) == pytest.approx((auroc(truth, first), auroc(truth, second)))
    entries = [DetectorScores(truth, scores, parts[0].speaker) for scores in (first, second)]
    estimate = auroc_difference_estimate(*entries, rng=np.random.default_rng(3), replicates=100)
    assert (found.low, found.high) == pytest.approx((estimate.low, estimate.high))
    tests = {test.test.name: test.test for test in found.tests}
    assert tests["DeLong"].p == pytest.approx(delong(truth, first, second).p)
    assert (found.n, found.speakers) == (n, 12)
    if metric == "window-au-roc":
        assert tests["Mann-Whitney z, unpaired"].p == pytest.approx(unpaired_z(truth, first, truth, second).p)
        assert any("unpaired Mann-Whitney z-test" in note for note in found.notes)
    else:
        assert list(tests) == ["DeLong"]


def test_windows_are_those_of_the_first_seed(tmp_path: Path) -> None:
    many = made_detector(1.5, draw=2, seeds=2)
    found = find(compare(tmp_path, WEAK_DETECTOR, many), "window-au-roc")
    first = many.where((many.seed == 0) & (many.segment >= 0))
    assert found.n == 216
    assert found.second_value == pytest.approx(auroc(first.truth == "anger", first.probabilities[:, 0]))


def test_other_windows_have_an_interval_and_no_paired_test(tmp_path: Path) -> None:
    finer = made_detector(1.5, draw=2, windows=5, hop=0.3)
    found = find(compare(tmp_path, WEAK_DETECTOR, finer), "window-au-roc")
    assert [test.test.name for test in found.tests] == ["Mann-Whitney z, unpaired"]
    assert [test.test.n for test in found.tests] == [216 + 360]
    assert found.low is not None
    assert "no DeLong test over windows: the runs have different windows" in found.notes
    assert "AU-ROC over 216 and 360 windows" in found.notes


def test_windows_that_only_some_utterances_have_are_not_compared(tmp_path: Path) -> None:
    baseline = STRONG_DETECTOR.whole_utterances()
    comparison = compare(tmp_path / "one", WEAK_DETECTOR, baseline)
    assert [found.metric for found in comparison.differences] == ["uar", "accuracy", "au-roc"]
    note = "no AU-ROC of windows: the runs have windows of 72 of 72 and 0 of 72 utterances"
    assert note in comparison.differences[0].notes
    both_whole = compare(tmp_path / "none", WEAK_DETECTOR.whole_utterances(), baseline)
    assert not any("windows" in note for found in both_whole.differences for note in found.notes)


def test_one_class_has_no_auroc_and_it_is_said(tmp_path: Path) -> None:
    angry = [table.where(table.truth == "anger") for table in (WEAK_DETECTOR, STRONG_DETECTOR)]
    comparison = compare(tmp_path, *angry)
    assert [found.metric for found in comparison.differences] == ["uar", "accuracy"]
    assert "AU-ROC is undefined: every utterance is 'anger'" in comparison.differences[0].notes
    assert "AU-ROC is undefined: every utterance is 'anger' (toy: R1, R2)" in comparison_tables(comparison)[-1].notes


def test_windows_are_shown(tmp_path: Path) -> None:
    comparison = compare(tmp_path, WEAK_DETECTOR, STRONG_DETECTOR)
    text = "\n".join(table.markdown() for table in comparison_tables(comparison))
    assert "| AU-ROC of windows | R1, R2 |" in text
    assert "| Mann-Whitney z, unpaired |" in text
    assert "independent windows, which those of one speaker are not" in text
    assert json.loads(json.dumps(comparison.to_dict(), allow_nan=False)) == comparison.to_dict()
