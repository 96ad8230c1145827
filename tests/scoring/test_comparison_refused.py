"""Comparisons by window, and those that are refused."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.made_runs import LABELS, STRONG, WEAK, Made, compare, find, made_detector, without, write_run

from emotone.errors import ConfigError, RunError, UsageError
from emotone.metrics.detection import auroc
from emotone.metrics.intervals_detection import DetectorScores, auroc_difference_estimate
from emotone.metrics.significance_auroc import delong, unpaired_z
from emotone.scoring.comparison import compare_runs, comparison_tables
from emotone.scoring.predictions import PredictionRow, PredictionsTable

if TYPE_CHECKING:
    from pathlib import Path


# ----------------------------------------------------------------------------------------------------------------------
# What can't be compared, or only in part: other truths, speakers, utterances, protocols; and what is said then.

ROW: PredictionRow = WEAK.rows()[0]


def test_other_truth_is_refused_with_words(tmp_path: Path) -> None:
    rows = [replace(row, truth="joy") if row.utterance == "toy/s3-00" else row for row in STRONG.rows()]
    other = PredictionsTable.from_rows(rows, labels=LABELS)
    with pytest.raises(
        RunError,
        match=r"the truth of 1 of 216 utterances differs \(first: toy/s3-00 is 'fear' in R1 and 'joy' in R2\); "
        "the runs used different label sets: evaluate both with the same one",
    ):
        compare(tmp_path, WEAK, other)


def test_other_speakers_are_refused(tmp_path: Path) -> None:
    rows = [replace(row, speaker="x") for row in STRONG.rows()]
    with pytest.raises(RunError, match=r"the speaker of 216 of 216 .*'s0' in R1 and 'x' in R2\)$"):
        compare(tmp_path, WEAK, PredictionsTable.from_rows(rows, labels=LABELS))


def test_utterances_that_only_one_has_are_named_with_the_reason(tmp_path: Path) -> None:
    first, second = without(WEAK.table(), "toy/s1-00"), without(STRONG.table(), "toy/s0-00", "toy/s0-01")
    problem = {"key": "toy/s0-00", "code": "empty", "message": "s0-00.wav is empty"}
    folders = [
        write_run(tmp_path / "first", first),
        write_run(tmp_path / "second", second, problems=[problem]),
    ]
    with pytest.raises(
        RunError,
        match=r"R1 and R2 do not share all utterances of toy: 2 are in R1 only \(first: toy/s0-00: s0-00.wav is empty"
        r"\); 1 is in R2 only \(first: toy/s1-00\); add --common to compare the shared ones",
    ):
        compare_runs(folders)
    found = find(compare_runs(folders, common=True, replicates=20), "accuracy")
    assert (found.n, found.folds) == (213, 24)
    assert found.notes[0].startswith("excluded: 2 are in R1 only")
    assert found.first_value == pytest.approx(np.mean(both(first, second).truth == both(first, second).prediction))


def both(table: PredictionsTable, other: PredictionsTable) -> PredictionsTable:
    return table.where(np.isin(table.utterance, other.utterance))


def test_nothing_shared_is_refused_even_then(tmp_path: Path) -> None:
    table = WEAK.table()
    halves = [table.where(np.arange(len(table)) % 2 == half) for half in (0, 1)]
    with pytest.raises(RunError, match=r"108 are in R1 only .*; 108 are in R2 only .*; they share no utterance$"):
        compare(tmp_path, *halves, common=True)


def test_corpora_that_only_one_has_are_named(tmp_path: Path) -> None:
    first, second = replace(WEAK, corpora=("toy", "calls")), replace(STRONG, corpora=("toy",))
    with pytest.raises(
        RunError, match=r"R1 and R2 were not evaluated on the same corpora: calls is in R1 and not in R2; .* --common"
    ):
        compare(tmp_path, first, second)
    comparison = compare(tmp_path, first, second, common=True)
    assert {difference.corpus for difference in comparison.differences} == {"toy"}
    assert comparison.notes == ("excluded: calls is in R1 and not in R2",)
    with pytest.raises(RunError, match="R1 and R2 share no corpus: toy is in R1 and not in R2; calls is in R2 and not"):
        compare(tmp_path, second, replace(STRONG, corpora=("calls",)), common=True)


def test_segments_are_not_compared(tmp_path: Path) -> None:
    rows = WEAK.rows()
    with_segments = PredictionsTable.from_rows([*rows, replace(rows[0], segment=0)], labels=LABELS)
    assert find(compare(tmp_path, with_segments, STRONG), "uar").n == 216


def test_a_run_is_not_compared_with_itself_or_alone(tmp_path: Path) -> None:
    folder = WEAK.write(tmp_path / "run")
    with pytest.raises(UsageError, match="at least 2 runs; given 1"):
        compare_runs([folder])
    with pytest.raises(UsageError, match="run was given twice"):
        compare_runs([folder, tmp_path / "other" / ".." / "run"])


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "nothing to read in .*: its predictions table has no row of a whole utterance"),
        ([ROW, replace(ROW, system="other")], "contains the systems f00d, other; read one at a time"),
        ([ROW, replace(ROW, protocol="random-2")], "contains the protocols leave-one-speaker-out, random-2; read one"),
    ],
)
def test_a_table_that_is_no_single_system_is_refused(rows: list[PredictionRow], words: str, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=words):
        compare(tmp_path, WEAK, PredictionsTable.from_rows(rows, labels=LABELS))


@pytest.mark.parametrize("missing", ["run.json", "predictions.parquet"])
def test_an_unfinished_evaluation_is_refused(missing: str, tmp_path: Path) -> None:
    folders = [made.write(tmp_path / name) for name, made in (("a", WEAK), ("b", STRONG))]
    (folders[1] / missing).unlink()
    with pytest.raises(
        RunError, match="b contains no finished evaluation; pass the folder that `emotone evaluate` print"
    ):
        compare_runs(folders)


@pytest.mark.parametrize(
    ("text", "words"),
    [("{", "run.json is not valid JSON: "), ("[]", "it is not a JSON object")],
)
def test_a_damaged_description_is_refused(text: str, words: str, tmp_path: Path) -> None:
    folders = [made.write(tmp_path / name) for name, made in (("a", WEAK), ("b", STRONG))]
    (folders[0] / "run.json").write_text(text)
    with pytest.raises(ConfigError, match=words):
        compare_runs(folders)


# ----------------------------------------------------------------------------------------------------------------------
# Comparison of detectors: AU-ROC of clips and of windows, and what has none.

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
