"""The results of a report equal those of the metrics; undefined results are explained."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.made_runs import Made, made_detector, made_segments, write_run

from emotone.errors import RunError, UsageError
from emotone.evaluation.report.document import render
from emotone.evaluation.report.figures import roc_pictures
from emotone.evaluation.report.overview import document_of, group_runs
from emotone.evaluation.report.run_report import report_of, reports_of
from emotone.metrics.calibration import brier_score, expected_calibration_error, log_loss, reliability
from emotone.metrics.detection import auroc, equal_error_rate, roc_curve, threshold_at
from emotone.scoring.breakdowns import seeds_of, speakers_of
from emotone.scoring.detection import RATES, operating_points
from emotone.scoring.operating_points import OperatingPoints, add_operating_points
from emotone.scoring.predictions import PredictionRow, PredictionsTable
from emotone.scoring.result_table import format_estimate
from emotone.scoring.scores import confusion_of, scores_of
from emotone.scoring.segments import SEGMENT_TITLES, clip_confusion_of

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.evaluation.report.run_report import CorpusReport


def one_corpus(folder: Path, table: PredictionsTable, **about: Any) -> CorpusReport:
    (corpus,) = report_of(write_run(folder, table, **about), name="R1").corpora
    return corpus


def rows(*answers: tuple[str, str, float], labels: tuple[str, ...] = ("fear", "joy")) -> PredictionsTable:
    """Return a table of (speaker, truth, probability of the first label)."""
    return PredictionsTable.from_rows(
        [
            PredictionRow(f"toy/{n}", "toy", "held-out", "all", 0, speaker, truth, [p, 1 - p], "f00d")
            for n, (speaker, truth, p) in enumerate(answers)
        ],
        labels=labels,
    )


def test_results_equal_those_of_the_metrics(tmp_path: Path) -> None:
    table = Made(skill=0.6, corpora=("one", "two"), seeds=2).table()
    report = report_of(write_run(tmp_path / "run", table), name="R1")
    assert [score for corpus in report.corpora for score in corpus.scores] == scores_of(table)
    assert [found for corpus in report.corpora for found in corpus.speakers] == speakers_of(table)
    assert [found for corpus in report.corpora for found in corpus.seeds] == seeds_of(table)
    for corpus in report.corpora:
        part, labels = table.of_corpus(corpus.corpus), table.labels
        assert np.array_equal(corpus.confusion, confusion_of(table, corpus.corpus))
        for index, label in enumerate(labels):
            flags, chances = part.truth == label, part.probabilities[:, index]
            assert corpus.auroc[label] == auroc(flags, chances)
            assert np.array_equal(corpus.curves[label].thresholds, roc_curve(flags, chances).thresholds)
        calibration = corpus.calibration
        assert calibration.bins == reliability(part.truth, part.probabilities, labels=labels)
        assert calibration.ece == expected_calibration_error(part.truth, part.probabilities, labels=labels)
        assert calibration.brier == brier_score(part.truth, part.probabilities, labels=labels)
        assert calibration.log_loss == log_loss(part.truth, part.probabilities, labels=labels)
        assert corpus.detector is None
        assert corpus.notes == ()


def test_two_labels_are_a_detector_of_the_rarer(tmp_path: Path) -> None:
    table = Made(labels=("calm", "anger"), clips=9).table()  # 5 of 9 are anger
    corpus = one_corpus(tmp_path / "run", table)
    detector = corpus.detector
    assert detector is not None
    assert detector.positive == "calm"
    flags, chances = table.truth == "calm", table.probabilities[:, 0]
    assert detector.eer == equal_error_rate(flags, chances)
    assert detector.points == {rate: threshold_at(flags, chances, false_positive_rate=rate) for rate in RATES}


def test_a_detector_has_the_curve_of_its_windows(tmp_path: Path) -> None:
    table = made_detector(1.0)
    table = table.where(
        (table.truth == "anger") | (np.char.endswith(table.utterance, "1"))
    )  # anger is not the rarer label
    corpus = one_corpus(tmp_path / "run", table)
    detector, windows = corpus.detector, table.windows()
    assert detector is not None
    assert detector.positive == "anger"
    assert detector.windows is not None
    expected = roc_curve(windows.truth == "anger", windows.probabilities[:, 0])
    assert np.array_equal(detector.windows.true_positive_rate, expected.true_positive_rate)
    assert len(roc_pictures(corpus)) == 2
    whole = one_corpus(tmp_path / "whole", table.whole_utterances())
    assert whole.detector is not None
    assert whole.detector.windows is None
    assert len(roc_pictures(whole)) == 1


@pytest.mark.parametrize("suffix", [".md", ".html", ".tex"])
def test_segments_are_reported_with_the_confusion_of_their_mean_logits(tmp_path: Path, suffix: str) -> None:
    table = made_segments(seeds=2, draw=2)
    (report,) = reports_of([write_run(tmp_path / "run", table)])
    (corpus,) = report.corpora
    assert corpus.clip_confusion is not None
    assert np.array_equal(corpus.clip_confusion, clip_confusion_of(table, "toy"))
    assert {spread.metric for spread in corpus.seeds} >= set(SEGMENT_TITLES)
    text = render(document_of([report], group_runs([report]), pictures=suffix == ".html"), suffix=suffix)
    for title in SEGMENT_TITLES.values():
        assert text.count(title) >= 2  # the score, and its mean and deviation over seeds
    words = "Confusion matrix by the mean logits of segments"
    assert words in text
    plain = reports_of([write_run(tmp_path / "plain", table.whole_utterances())])
    assert words not in render(document_of(plain, group_runs(plain), pictures=False), suffix=".md")


def test_detectors_of_several_runs_share_one_figure(tmp_path: Path) -> None:
    reports = reports_of([write_run(tmp_path / f"run-{n}", made_detector(n + 0.5, draw=n)) for n in range(2)])
    groups = group_runs(reports)
    page = render(document_of(reports, groups, pictures=True), suffix=".html")
    for what, metric in (("recordings", "au-roc"), ("windows", "window-au-roc")):
        scores = [report.corpora[0].score(metric) for report in reports]
        areas = ", ".join(f"R{n} {score.number:.3f}" for n, score in enumerate(scores, start=1) if score is not None)
        assert f"ROC curves of anger in toy, {what}; AU-ROC {areas}, chance 0.5" in page
    assert "AU-ROC of windows" in page
    assert "ROC curves of anger" not in render(document_of(reports, groups, pictures=False), suffix=".md")


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (rows(("a", "joy", 0.2), ("b", "joy", 0.7)), "Every recording has the label 'joy'"),
        (rows(("a", "joy", 0.2), ("b", "joy", 0.7)), "No recording of this corpus has the label fear"),
        (rows(("a", "joy", 0.2), ("b", "fear", 0.2)), "All recordings have the same predicted probabilities"),
        (rows(("a", "joy", 0.0), ("b", "fear", 1.0)), "Every probability is 0 or 1"),
        (rows(("", "joy", 0.1), ("b", "fear", 0.8)), "The speaker of 1 of 2 predictions is unknown"),
    ],
)
def test_undefined_results_are_explained(tmp_path: Path, table: PredictionsTable, words: str) -> None:
    assert any(words in note for note in one_corpus(tmp_path / "run", table).notes)


@pytest.mark.parametrize(
    ("protocol", "about", "independent"),
    [
        ("leave-one-speaker-out", {}, True),
        ("random-5", {}, False),
        ("somebody-elses", {}, None),
        ("somebody-elses", {"scores": [{"speaker_independent": True}]}, True),
        ("held-out", {"protocol": {"name": "held-out", "trained_on": ["toy"]}}, False),
        ("held-out", {"protocol": {}}, None),
    ],
)
def test_whether_speakers_were_kept_apart(
    tmp_path: Path, protocol: str, about: dict[str, Any], independent: bool | None
) -> None:
    table = Made(speakers=3, protocol=protocol).table()
    report = report_of(write_run(tmp_path / "run", table, **about), name="R1")
    assert report.speaker_independent is independent
    assert {score.speaker_independent for score in report.corpora[0].scores} == {independent}


def test_refusals(tmp_path: Path) -> None:
    run = Made(speakers=2).write(tmp_path / "run")
    with pytest.raises(UsageError, match="at least 1 run"):
        reports_of([])
    with pytest.raises(UsageError, match="was given twice"):
        reports_of([run, tmp_path / "." / "run"])
    table = Made(speakers=2).table()
    mixed = PredictionsTable.concat([table, replace(Made(speakers=2, system="beef")).table()])
    with pytest.raises(RunError, match="contains the systems beef, f00d; read one at a time"):
        report_of(write_run(tmp_path / "mixed", mixed), name="R1")
    segment = replace(Made(speakers=1).rows()[0], segment=0)
    parts = PredictionsTable.from_rows([segment], labels=Made().labels)
    with pytest.raises(RunError, match="no row of a whole utterance"):
        report_of(write_run(tmp_path / "parts", parts), name="R1")


@pytest.mark.parametrize("suffix", [".md", ".html", ".tex"])
def test_recorded_operating_points_are_marked_on_the_curve(tmp_path: Path, suffix: str) -> None:
    before, run = made_detector(2.0, draw=1, corpus="before"), write_run(tmp_path / "run", made_detector(1.0))
    points = OperatingPoints("before", operating_points(before, made_detector(1.0)))
    plain = reports_of([run])
    add_operating_points(run, points)
    (report,) = reports_of([run])
    assert (plain[0].operating, report.operating) == (None, points)
    assert report.to_dict()["operating_points"] == points.to_dict()
    text = render(document_of([report], group_runs([report]), pictures=suffix == ".html"), suffix=suffix)
    without = render(document_of(plain, group_runs(plain), pictures=suffix == ".html"), suffix=suffix)
    assert "Operating points with thresholds chosen on before, per window, with 95" in text
    assert "thresholds chosen on before" not in without
    found = points.points[1]
    assert f"{found.threshold:.4g}" in text
    assert format_estimate(found.alarms_per_hour, scale=1).split(" ")[0] in text
    marked = len(roc_pictures(report.corpora[0], points=points.points)[1][1])
    assert marked > len(roc_pictures(report.corpora[0])[1][1])  # the curve of windows has them
    assert roc_pictures(report.corpora[0], points=points.points)[0] == roc_pictures(report.corpora[0])[0]


def test_a_threshold_that_no_score_reaches(tmp_path: Path) -> None:
    (point, *_) = operating_points(made_detector(2.0, draw=1, corpus="before"), made_detector(1.0))
    run = write_run(tmp_path / "run", made_detector(1.0))
    add_operating_points(run, OperatingPoints("before", (replace(point, threshold=None),)))
    reports = reports_of([run])
    text = render(document_of(reports, group_runs(reports), pictures=False), suffix=".md")
    assert "| false alarms at most 1 % | none |" in text
