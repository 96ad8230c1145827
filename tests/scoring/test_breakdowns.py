"""Scores by speaker, by seed, by label and by segment: tables, and the summary of a run."""

from __future__ import annotations

import json
import statistics
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.made_runs import LABELS, Made, made_detector, made_segments, write_run

from emotone.errors import RunError, UnknownNameError
from emotone.metrics import segments as metrics
from emotone.metrics.classification import accuracy, macro_f1, per_class_recall, unweighted_average_recall
from emotone.scoring.breakdowns import seeds_of, speakers_of, speakers_table
from emotone.scoring.finished_run import RUN, read_run
from emotone.scoring.predictions import PredictionRow, PredictionsTable
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
    segment_values,
)
from emotone.scoring.summary import summary_markdown

if TYPE_CHECKING:
    from pathlib import Path


# ----------------------------------------------------------------------------------------------------------------------
# Scores by speaker, by seed, and by label: tables, and the summary of a run.

# ----------------------------------------------------------------------------------------------------------------------
# The spread over seeds against scoring every seed by itself.

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


# ----------------------------------------------------------------------------------------------------------------------
# Scores of speakers, in ascending order of UAR.


def test_every_speaker_is_scored_like_a_table_of_its_own() -> None:
    made = Made(corpora=("toy", "calls"), seeds=2)
    table = made.table()
    found = speakers_of(table)
    assert len(found) == 48
    for score in found:
        part = table.where((table.corpus == score.corpus) & (table.speaker == score.speaker))
        assert score.n == 9
        assert score.uar == pytest.approx(unweighted_average_recall(part.truth, part.prediction, labels=LABELS))
        assert score.accuracy == pytest.approx(accuracy(part.truth, part.prediction, labels=LABELS))
        assert score.recalls == pytest.approx(per_class_recall(part.truth, part.prediction, labels=LABELS))


def test_speakers_are_in_ascending_order_within_a_corpus() -> None:
    found = speakers_of(Made(corpora=("toy", "calls")).table())
    assert [score.corpus for score in found] == ["calls"] * 24 + ["toy"] * 24
    uars = [score.uar for score in found[:24]]
    assert uars == sorted(uars)


def test_unknown_speakers_are_one_row() -> None:
    rows = [replace(row, speaker="") for row in Made().rows()]
    (found,) = speakers_of(PredictionsTable.from_rows(rows, labels=LABELS))
    assert (found.speaker, found.n, found.to_dict()["speaker"]) == ("", 216, None)
    assert speakers_table([found], labels=LABELS).rows[0][:3] == ("toy", "unknown", "216")


def test_as_table_and_json() -> None:
    rows = [row for row in Made(speakers=2, skill=1.0).rows() if row.speaker == "s0" or row.truth == "joy"]
    found = speakers_of(PredictionsTable.from_rows(rows, labels=LABELS))
    table = speakers_table(found, labels=(*LABELS, "calm"))
    assert table.columns == ("corpus", "speaker", "n", "UAR", "accuracy", "fear", "joy", "sadness")
    assert table.rows == (
        ("toy", "s0", "9", "100.0", "100.0", "100.0", "100.0", "100.0"),
        ("toy", "s1", "3", "100.0", "100.0", "-", "100.0", "-"),
    )
    assert found[1].to_dict() == {
        "corpus": "toy",
        "speaker": "s1",
        "n": 3,
        "uar": 1.0,
        "accuracy": 1.0,
        "recalls": {"joy": 1.0},
    }


def test_one_system_at_a_time() -> None:
    table = Made().table()
    other = PredictionsTable(labels=LABELS, **{**table.columns(), "system": np.full(len(table), "beef")})
    with pytest.raises(RunError, match="contains 2 systems; score one at a time"):
        speakers_of(PredictionsTable.concat([table, other]))
    with pytest.raises(RunError, match="contains 0 systems"):
        speakers_of(table.where(np.zeros(len(table), dtype=np.bool_)))


# ----------------------------------------------------------------------------------------------------------------------
# The summary of an evaluation in Markdown, from stored predictions.

MADE = Made(corpora=("emodb",), speakers=4, clips=6)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return MADE.write(tmp_path / "one")


def describe(folder: Path, **about: object) -> None:
    path = folder / RUN
    path.write_text(json.dumps({**json.loads(path.read_text()), **about}))


def test_it_contains_scores_references_and_confusion_matrices(folder: Path) -> None:
    text = summary_markdown(folder)
    assert "Protocol `leave-one-speaker-out`" in text
    assert "without the tested speakers" in text
    assert "| 24 | 4 |" in text
    assert "| IS10 | 72.9 |" in text
    assert "| 7, here 3 |" in text
    assert "### Confusion matrix of Berlin Database of Emotional Speech (Emo-DB)" in text
    assert f"Predictions: `results/{folder.name}`." in text


def test_accuracies_of_segments_have_columns_where_there_are_segments(folder: Path, tmp_path: Path) -> None:
    text = summary_markdown(write_run(tmp_path / "segments", made_segments(), recipe={"name": "toy"}))
    assert "| SA (segments) | ACA (all segments of a clip) | SCA (most segments of a clip) |" in text
    assert "SA (segments)" not in summary_markdown(folder)


def test_a_speaker_dependent_protocol_is_reported(folder: Path) -> None:
    describe(folder, protocol={"name": "random-5", "folds": 5})
    assert "in every fold, **including the tested speakers**." in summary_markdown(folder)


@pytest.mark.parametrize(
    ("seen", "text"),
    [
        ([], "The model was evaluated without further training."),
        (["emodb"], "trained on emodb: its scores there do not generalise"),
    ],
)
def test_a_finished_model_reports_its_training_data(folder: Path, seen: list[str], text: str) -> None:
    describe(folder, model={"name": "toy", "version": "1.0.0"}, protocol={"name": "held-out", "trained_on": seen})
    assert text in summary_markdown(folder)


def test_another_system_is_added(folder: Path, tmp_path: Path) -> None:
    other = replace(MADE, skill=0.9, draw=1).write(tmp_path / "two")
    describe(other, recipe={"name": "better"})
    text = summary_markdown(folder, others=[other])
    assert f"better, on the same clips and folds (`results/{other.name}`):" in text
    assert text.count("| 24 | 4 |") == 2


def test_other_clips_can_t_be_added(folder: Path, tmp_path: Path) -> None:
    other = replace(MADE, clips=5).write(tmp_path / "two")
    with pytest.raises(RunError, match="does not have the same clips and folds"):
        summary_markdown(folder, others=[other])


def test_a_detector_has_scores_of_windows_and_a_baseline_does_not(tmp_path: Path) -> None:
    table = made_detector(1.0)
    runs = [write_run(tmp_path / name, part) for name, part in (("one", table), ("two", table.whole_utterances()))]
    for run in runs:
        describe(run, recipe={"name": run.name}, protocol={"name": "leave-one-speaker-out", "folds": 12})
    text = summary_markdown(runs[0], others=[runs[1]])
    header = "| macro-F1 | AU-ROC | AU-ROC of windows | EER (lower is better) | chance UAR |"
    assert text.count(header) == 1
    assert text.count("| macro-F1 | AU-ROC | EER (lower is better) | chance UAR |") == 1


def test_a_folder_without_an_evaluation_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="contains no finished evaluation"):
        summary_markdown(tmp_path)


def test_corpora_with_a_single_label_are_named_and_not_scored(folder: Path, tmp_path: Path) -> None:
    table = read_run(folder).predictions
    first = table.truth[0]
    readings = table.where(table.truth == first)
    readings = replace(
        readings,
        corpus=np.full(len(readings), "readings"),
        utterance=np.char.replace(readings.utterance, "emodb/", "readings/"),
    )
    both = PredictionsTable.concat([table, readings])
    text = summary_markdown(write_run(tmp_path / "both", both, recipe={"name": "toy"}))
    assert "Not in this table, because they have a single label: readings." in text
    assert "Confusion matrix of readings" not in text
    alone = summary_markdown(write_run(tmp_path / "alone", readings, recipe={"name": "toy"}))
    assert "Confusion matrix of readings" in alone


# ----------------------------------------------------------------------------------------------------------------------
# Segments scored from a predictions table: against the metrics, and against counting speakers again.

SEGMENT_SCORES = {
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
    return SEGMENT_SCORES[metric](clips, truth, rows, labels=table.labels)


def found_in(scores: list[Score], setting: str = "system") -> dict[str, Score]:
    return {score.metric: score for score in scores if score.setting == setting and score.metric in SEGMENT_TITLES}


def test_scores_are_those_of_the_metrics() -> None:
    table = made_segments(0.4, seeds=2)
    found = found_in(scores_of(table, replicates=50))
    assert list(found) == list(SEGMENT_SCORES)
    for metric, score in found.items():
        assert score.value == pytest.approx(slow(table, metric))
        assert (score.n, score.speakers, score.seeds, score.folds) == (96 if metric == SEGMENT else 36, 6, 2, 6)
        assert (score.protocol, score.speaker_independent) == ("leave-one-speaker-out", True)
    assert found[ABSOLUTE].number <= found[STANDARD].number <= found[BEST].number
    assert len({score.value for score in found.values()}) == 5


@pytest.mark.parametrize("metric", SEGMENT_SCORES)
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
        metric: 7 / 16 if metric == SEGMENT else 1 / 3 for metric in SEGMENT_SCORES
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
