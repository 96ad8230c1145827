"""Scores from a table whose numbers can be counted on fingers, and against slow twins."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import sklearn.metrics
from tests.made_runs import made_detector

from emotone.errors import RunError, UnknownNameError
from emotone.metrics.classification import accuracy, macro_f1, unweighted_average_recall
from emotone.metrics.detection import equal_error_rate
from emotone.metrics.intervals_detection import DetectorScores, auroc_estimate
from emotone.scoring.confidence import (
    confidence_table,
    false_alarm_table,
    ordinary_speech_shares,
    ordinary_speech_table,
)
from emotone.scoring.predictions import PredictionRow, PredictionsTable
from emotone.scoring.scores import Score, confusion_of, confusion_table, scores_of, scores_table
from emotone.scoring.segments import SEGMENT_TITLES

# ----------------------------------------------------------------------------------------------------------------------
# Scores from a table whose numbers can be counted on fingers, and against slow twins.

LABELS = ("fear", "joy", "sadness")


def row(
    name: str, truth: str, prediction: str, *, speaker: str = "s1", fold: str = "f1", seed: int = 0
) -> PredictionRow:
    probabilities = [0.8 if label == prediction else 0.1 for label in LABELS]
    return PredictionRow(f"toy/{name}", "toy", "speaker-folds-2", fold, seed, speaker, truth, probabilities, "f00d")


def table_of(*rows: PredictionRow) -> PredictionsTable:
    return PredictionsTable.from_rows(rows, labels=LABELS)


FOUR = (
    row("a", "fear", "fear"),
    row("b", "joy", "fear"),
    row("c", "fear", "fear", speaker="s2", fold="f2"),
    row("d", "fear", "joy", speaker="s2", fold="f2"),
)


def random_rows(rng: np.random.Generator, *, clips: int = 60, seeds: int = 2, speakers: int = 5) -> list[PredictionRow]:
    rows = []
    for seed in range(seeds):
        for clip in range(clips):
            speaker = clip % speakers
            truth = LABELS[clip % 7 % 3]
            prediction = truth if rng.random() < 0.3 + 0.1 * speaker else LABELS[rng.integers(3)]
            rows.append(row(str(clip), truth, prediction, speaker=f"s{speaker}", fold=f"f{speaker % 3}", seed=seed))
    return rows


def find(scores: list[Score], metric: str, *, setting: str = "system") -> Score:
    (found,) = [score for score in scores if score.metric == metric and score.setting == setting]
    return found


@pytest.mark.parametrize("metrics", [("macro-f1", "uar-fold-mean"), ("accuracy",), ("average-logits-clip-accuracy",)])
def test_wanted_metrics_are_those_of_the_system_among_all(metrics: tuple[str, ...], rng: np.random.Generator) -> None:
    whole = random_rows(rng)
    windows = [replace(each, segment=number) for each in whole for number in range(2)]
    table = table_of(*whole, *windows)
    everything = scores_of(table, replicates=200)
    expected = [each for each in everything if each.setting == "system" and each.metric in metrics]
    assert len(expected) == len(metrics)
    assert scores_of(table, replicates=200, metrics=metrics) == expected


def test_four_clips() -> None:
    scores = scores_of(table_of(*FOUR))
    assert find(scores, "accuracy").value == 0.5
    assert find(scores, "uar").value == pytest.approx((2 / 3 + 0) / 2)
    assert find(scores, "uar-fold-mean").value == pytest.approx((0.5 + 0.5) / 2)
    uar = find(scores, "uar")
    assert (uar.n, uar.speakers, uar.folds, uar.seeds) == (4, 2, 2, 1)
    assert (uar.protocol, uar.speaker_independent, uar.note) == ("speaker-folds-2", True, "")


def test_chance_and_majority_baselines() -> None:
    scores = scores_of(table_of(*FOUR))
    assert find(scores, "uar", setting="chance").value == 0.5  # two of the three labels occur
    assert find(scores, "accuracy", setting="chance").value == 0.5
    assert find(scores, "uar", setting="majority").value == 0.5
    assert find(scores, "accuracy", setting="majority").value == 0.75
    assert find(scores, "macro-f1", setting="majority").value == pytest.approx((6 / 7 + 0) / 2)
    assert find(scores, "uar", setting="majority").low is None


def test_pooled_values_are_the_metrics_of_all_rows(rng: np.random.Generator) -> None:
    table = table_of(*random_rows(rng))
    scores = scores_of(table, replicates=20)
    for name, metric in {"uar": unweighted_average_recall, "accuracy": accuracy, "macro-f1": macro_f1}.items():
        assert find(scores, name).value == pytest.approx(metric(table.truth, table.prediction, labels=LABELS))
    assert find(scores, "uar").n == 60
    assert find(scores, "uar").seeds == 2


def slow_fold_mean(table: PredictionsTable, weights: dict[str, int]) -> float:
    """Copy every speaker's rows as often as drawn, and average the folds by how much of each was drawn."""
    total, scores = 0.0, 0.0
    for fold in np.unique(table.fold):
        for seed in np.unique(table.seed):
            cell = table.where((table.fold == fold) & (table.seed == seed))
            speakers = np.unique(cell.speaker)
            weight = sum(weights[speaker] for speaker in speakers) / len(speakers)
            copies = np.repeat(np.arange(len(cell)), [weights[speaker] for speaker in cell.speaker])
            if len(copies):
                uar = unweighted_average_recall(cell.truth[copies], cell.prediction[copies], labels=LABELS)
                scores += weight * uar
                total += weight
    return scores / total


def test_the_fold_mean_and_its_interval_have_a_slow_twin(rng: np.random.Generator) -> None:
    table = table_of(*random_rows(rng))
    found = find(scores_of(table, seed=4, replicates=100), "uar-fold-mean")
    names = [str(name) for name in np.unique(table.speaker)]
    assert found.value == pytest.approx(slow_fold_mean(table, dict.fromkeys(names, 1)))
    draws = np.random.default_rng(4).multinomial(5, np.full(5, 1 / 5), size=100)
    twins = [slow_fold_mean(table, dict(zip(names, map(int, draw), strict=True))) for draw in draws]
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(twins, [0.025, 0.975])))


def test_the_fold_mean_of_the_table_as_it_is_weighs_folds_equally() -> None:
    # Fold f1: 1 of 1 right. Fold f2: 0 of 3. The mean over folds is 1/2, whatever their sizes.
    rows = [
        row("a", "fear", "fear"),
        *(row(name, "fear", "joy", speaker="s2", fold="f2") for name in "bcd"),
    ]
    scores = scores_of(table_of(*rows))
    assert find(scores, "uar-fold-mean").value == 0.5
    assert find(scores, "uar").value == 0.25


def test_one_fold_has_no_mean_over_folds() -> None:
    scores = scores_of(table_of(*(replace(item, fold="all") for item in FOUR)))
    assert "uar-fold-mean" not in {score.metric for score in scores}


def test_intervals_hold_the_value_and_are_the_same_twice(rng: np.random.Generator) -> None:
    table = table_of(*random_rows(rng))
    scores = scores_of(table, replicates=500)
    for metric in ("uar", "accuracy", "macro-f1", "uar-fold-mean"):
        score = find(scores, metric)
        assert score.low is not None
        assert score.high is not None
        assert score.low < score.number < score.high
    assert scores_of(table, replicates=500) == scores
    assert scores_of(table, replicates=500, seed=1) != scores


@pytest.mark.parametrize(
    ("speaker", "known", "note"),
    [
        ("", 0, "no interval: the speaker of 4 of 4 clips is unknown"),
        ("s", 1, "no interval: there is only one speaker"),
    ],
)
def test_without_speakers_there_is_a_reason_and_no_interval(speaker: str, known: int, note: str) -> None:
    for score in scores_of(table_of(*(replace(item, speaker=speaker) for item in FOUR))):
        assert (score.low, score.high, score.speakers) == (None, None, known)
        assert score.note == (note if score.setting == "system" else "")


def test_corpora_are_scored_apart() -> None:
    other = [replace(item, corpus="calls", utterance=f"calls/{item.utterance}", truth="fear") for item in FOUR]
    scores = scores_of(table_of(*FOUR, *other))
    values = {score.corpus: score.value for score in scores if (score.metric, score.setting) == ("accuracy", "system")}
    assert values == {"calls": 0.75, "toy": 0.5}
    assert scores_of(table_of(*FOUR)) == [score for score in scores if score.corpus == "toy"]


def test_segments_leave_the_scores_of_clips_as_they_are() -> None:
    segments = [replace(item, segment=0, probabilities=[0.1, 0.1, 0.8]) for item in FOUR]
    scores = scores_of(table_of(*FOUR, *segments))
    assert [score for score in scores if score.metric not in SEGMENT_TITLES] == scores_of(table_of(*FOUR))
    assert {score.metric for score in scores} >= set(SEGMENT_TITLES)


def test_a_detector_is_scored_over_clips_and_windows() -> None:
    table = made_detector(1.0, seeds=2)
    scores = scores_of(table, seed=4, replicates=100)
    for metric, part in (("au-roc", table.whole_utterances()), ("window-au-roc", table.windows())):
        truth, chances = part.truth == "anger", part.probabilities[:, 0]
        found = find(scores, metric)
        assert found.value == pytest.approx(sklearn.metrics.roc_auc_score(truth, chances))
        estimate = auroc_estimate(
            DetectorScores(truth, chances, part.speaker), rng=np.random.default_rng(4), replicates=100
        )
        assert (found.low, found.high) == (estimate.low, estimate.high)
        assert (found.n, found.speakers, found.seeds) == (72 if metric == "au-roc" else 216, 12, 2)
        assert find(scores, metric, setting="chance").value == 0.5
    whole = table.whole_utterances()
    eer = find(scores, "eer")
    assert eer.value == equal_error_rate(whole.truth == "anger", whole.probabilities[:, 0]).rate
    assert eer.low is not None
    assert eer.low < eer.number


def test_only_a_detector_has_these_scores() -> None:
    plain = {score.metric for score in scores_of(table_of(*FOUR), replicates=10)}
    assert plain == {"uar", "accuracy", "macro-f1", "uar-fold-mean"}
    whole = {score.metric for score in scores_of(made_detector(1.0).whole_utterances(), replicates=10)}
    assert whole - plain == {"au-roc", "eer"}


def test_windows_of_another_system_are_not_mixed_in() -> None:
    table = made_detector(1.0)
    changed = np.where(table.segment == 0, "other", table.system)
    with pytest.raises(RunError, match="contains the systems f00d, other; score one at a time"):
        scores_of(PredictionsTable(labels=table.labels, **{**table.columns(), "system": changed}))


def test_auroc_of_one_class_is_undefined_with_a_note() -> None:
    table = made_detector(1.0)
    scores = scores_of(table.where(table.truth == "anger"), replicates=10)
    for metric, what in (("au-roc", "clip"), ("window-au-roc", "window"), ("eer", "clip")):
        found = find(scores, metric)
        assert (found.value, found.low, found.high) == (None, None, None)
        assert (found.text, found.note) == ("undefined", f"undefined: every {what} is 'anger'")
        assert metric not in {score.metric for score in scores if score.setting == "chance"}
        with pytest.raises(RunError, match=f"{metric} of toy has no value: undefined: every {what} is 'anger'"):
            _ = found.number
    rows = [score.to_dict() for score in scores]
    assert json.loads(json.dumps(rows, allow_nan=False)) == rows
    assert "| toy | system | AU-ROC | undefined | 36 | 12 |" in scores_table(scores).markdown()


@pytest.mark.parametrize(
    ("name", "expected"), [("leave-one-speaker-out", True), ("random-2", False), ("held-out", None)]
)
def test_speaker_independence_is_looked_up_by_name(name: str, expected: bool | None) -> None:
    (first, *_) = scores_of(table_of(*(replace(item, protocol=name) for item in FOUR)), replicates=10)
    assert first.speaker_independent is expected
    (first, *_) = scores_of(table_of(*FOUR), speaker_independent=False, replicates=10)
    assert first.speaker_independent is False


def test_nothing_to_score_is_an_error() -> None:
    with pytest.raises(RunError, match="no row of a whole utterance"):
        scores_of(table_of(replace(FOUR[0], segment=0)))


@pytest.mark.parametrize("change", [{"system": "other"}, {"protocol": "other"}], ids=["system", "protocol"])
def test_two_systems_are_not_mixed(change: dict[str, Any]) -> None:
    (field,) = change
    with pytest.raises(RunError, match=rf"contains the {field}s .*other.*; score one at a time"):
        scores_of(table_of(*FOUR, *(replace(item, **change) for item in FOUR)))


def test_the_row_form_of_the_interface() -> None:
    found = find(scores_of(table_of(*FOUR)), "accuracy").to_dict()
    assert json.loads(json.dumps(found)) == found
    promised = ["setting", "corpus", "metric", "published", "ours", "protocol", "speaker_independent", "status"]
    assert list(found)[:8] == promised
    assert list(found["ours"]) == ["value", "low", "high", "n", "speakers", "seeds"]
    assert found["ours"]["value"] == 0.5
    assert found["published"] is None


SCORE = Score(
    metric="uar",
    corpus="toy",
    value=0.7654,
    low=0.7,
    high=0.81239,
    n=535,
    speakers=10,
    protocol="leave-one-speaker-out",
    speaker_independent=True,
    folds=10,
)


def test_scores_as_a_table() -> None:
    chance = replace(SCORE, value=1 / 7, low=None, high=None, setting="chance", speaker_independent=False)
    unknown = replace(chance, setting="system", speakers=0, speaker_independent=None, note="no interval: why")
    table = scores_table([SCORE, chance, unknown, unknown])
    protocol = "leave-one-speaker-out"
    assert table.rows[:3] == (
        ("toy", "system", "UAR", "76.5 [70.0, 81.2]", "535", "10", protocol, "10", "1", "yes"),
        ("toy", "chance", "UAR", "14.3", "535", "10", protocol, "10", "1", "NO"),
        ("toy", "system", "UAR", "14.3", "535", "unknown", protocol, "10", "1", "unknown"),
    )
    assert table.notes == ("toy: no interval: why",)


def test_confusion_of_a_corpus() -> None:
    matrix = confusion_of(table_of(*FOUR), "toy")
    assert matrix.tolist() == [[2, 1, 0], [1, 0, 0], [0, 0, 0]]
    with pytest.raises(UnknownNameError, match="unknown corpus"):
        confusion_of(table_of(*FOUR), "calls")


def test_the_table_of_a_confusion_matrix_omits_unused_labels() -> None:
    table = confusion_table(confusion_of(table_of(*FOUR), "toy"), labels=LABELS)
    assert table.columns == ("truth \\ prediction", "fear", "joy", "recall x 100")
    assert table.rows == (("fear", "2", "1", "66.7"), ("joy", "1", "0", "0.0"))


def test_a_label_that_is_never_true_has_no_recall() -> None:
    table = confusion_table(np.array([[1, 1], [0, 0]]), labels=["fear", "joy"])
    assert table.rows[-1] == ("joy", "0", "0", "-")


# ----------------------------------------------------------------------------------------------------------------------
# Shares of results on ordinary speech, and accuracy by confidence: counted by hand on a few rows.

WITH_NEUTRAL = ("anger", "happiness", "neutral")
ROWS = (  # probabilities, and the true label
    ((0.1, 0.2, 0.7), "neutral"),
    ((0.7, 0.2, 0.1), "neutral"),  # negative and sure
    ((0.45, 0.35, 0.2), "neutral"),  # negative and unsure
    ((0.1, 0.8, 0.1), "neutral"),  # sure, but not negative
)


def table(*rows: tuple[tuple[float, ...], str]) -> PredictionsTable:
    return PredictionsTable.from_rows(
        [
            PredictionRow(f"read/{number}", "read", "held-out", "all", 0, f"s{number}", truth, list(row), "f00d")
            for number, (row, truth) in enumerate(rows)
        ],
        labels=WITH_NEUTRAL,
    )


def test_shares_are_counted_by_result() -> None:
    (shares,) = ordinary_speech_shares(table(*ROWS), dict.fromkeys(WITH_NEUTRAL, 0.5))
    assert shares.corpus == "read"
    assert [one.value for one in (shares.neutral, shares.neutral_or_unsure, shares.sure_negative)] == [0.25, 0.5, 0.25]
    assert (shares.neutral.n, shares.neutral.speakers) == (4, 4)
    assert shares.sure_negative.low == 0.0
    (row,) = ordinary_speech_table((shares,)).rows
    assert (row[0], row[1].split()[0], row[-2:]) == ("read", "25.0", ("4", "4"))


def test_without_thresholds_nothing_is_unsure() -> None:
    (shares,) = ordinary_speech_shares(table(*ROWS), {})
    assert shares.neutral_or_unsure.value == shares.neutral.value


def test_the_alarms_of_a_detector_are_counted_by_its_threshold() -> None:
    rows = [
        PredictionRow(f"read/{number}", "read", "held-out", "all", 0, f"s{number}", "other", [value, 1 - value], "f00d")
        for number, value in enumerate((0.1, 0.5, 0.7, 0.9))
    ]
    found = false_alarm_table(PredictionsTable.from_rows(rows, labels=("anger", "other")), {"anger": 0.8})
    assert found.columns[:2] == ("corpus", "anger")
    ((corpus, share, *counts),) = found.rows
    assert (corpus, share.split()[0], counts) == ("read", "25.0", ["4", "4"])


def test_the_surer_half_has_its_own_accuracy() -> None:
    rows = (
        ((0.9, 0.05, 0.05), "anger"),
        ((0.05, 0.85, 0.1), "happiness"),
        ((0.4, 0.3, 0.3), "neutral"),
        ((0.3, 0.5, 0.2), "anger"),
    )
    (row,) = confidence_table(table(*rows)).rows
    assert (row[1].split()[0], row[2].split()[0]) == ("50.0", "100.0")
    assert float(row[3]) == pytest.approx((0.1 + 0.15 + 0.4 + 0.5) / 4, abs=1e-3)
