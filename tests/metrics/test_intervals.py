"""Estimates and their intervals: against slow twins that resample rows, against theory, and without intervals."""

from __future__ import annotations

import time

import numpy as np
import pytest
from numpy.typing import NDArray

from emotone.errors import RunError, UnknownNameError, UsageError
from emotone.metrics import intervals
from emotone.metrics.classification import (
    METRIC_NAMES,
    MetricName,
    accuracy,
    macro_f1,
    statistic,
    uar,
    unweighted_average_recall,
)
from emotone.metrics.intervals import (
    Estimate,
    bootstrap,
    bootstrap_difference,
    bootstraps,
    difference_estimate,
    matrices_by_speaker,
    score_estimate,
)

LABELS = ("anger", "fear", "joy")
SLOW = {"uar": unweighted_average_recall, "accuracy": accuracy, "macro-f1": macro_f1}

Names = NDArray[np.str_]


def some_rows(rng: np.random.Generator, *, rows: int, speakers: int) -> tuple[Names, Names, Names]:
    """Return truth, prediction and speakers; recognition differs between speakers."""
    speaker = rng.integers(speakers, size=rows)
    truth = rng.integers(len(LABELS), size=rows)
    recognised = rng.random(rows) < np.linspace(0.3, 0.9, speakers)[speaker]
    prediction = np.where(recognised, truth, rng.integers(len(LABELS), size=rows))
    names = np.array(LABELS)
    return names[truth], names[prediction], np.array([f"toy/s{index}" for index in speaker])


@pytest.mark.parametrize("metric", METRIC_NAMES)
def test_slow_twin_that_copies_the_rows_of_drawn_speakers(metric: MetricName, rng: np.random.Generator) -> None:
    truth, prediction, speakers = some_rows(rng, rows=60, speakers=5)
    names = np.unique(speakers)
    draws = np.random.default_rng(1).multinomial(5, np.full(5, 1 / 5), size=200)
    scores = []
    for weights in draws:
        index = np.concatenate(
            [np.flatnonzero(speakers == name) for name, times in zip(names, weights, strict=True) for _ in range(times)]
        )
        scores.append(SLOW[metric](truth[index], prediction[index], labels=LABELS))
    found = score_estimate(
        truth, prediction, speakers, labels=LABELS, metric=metric, rng=np.random.default_rng(1), replicates=200
    )
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(scores, [0.025, 0.975])))
    assert found.value == pytest.approx(SLOW[metric](truth, prediction, labels=LABELS))
    assert (found.n, found.speakers) == (60, 5)


def test_blocks_do_not_change_the_draws(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    truth, prediction, speakers = some_rows(rng, rows=60, speakers=5)

    def interval() -> Estimate:
        return score_estimate(
            truth, prediction, speakers, labels=LABELS, metric="uar", rng=np.random.default_rng(2), replicates=500
        )

    whole = interval()
    monkeypatch.setattr(intervals, "BLOCK", 70)
    assert interval() == whole


def test_several_scores_of_the_same_draws_are_those_of_each(rng: np.random.Generator) -> None:
    clusters = rng.integers(0, 9, (6, 3, 3)).astype(np.float64)
    scores = {metric: statistic(metric) for metric in METRIC_NAMES}
    found = bootstraps(clusters, scores, rng=np.random.default_rng(1), replicates=100)
    for metric, score in scores.items():
        assert found[metric] == bootstrap(clusters, score, rng=np.random.default_rng(1), replicates=100)


def test_the_mean_of_many_speakers_has_the_interval_of_theory() -> None:
    # 400 speakers with one clip each, 30 % correct: accuracy is a binomial mean with standard error sqrt(.21 / 400).
    truth = ["anger"] * 400
    prediction = ["anger"] * 120 + ["fear"] * 280
    speakers = [f"s{index}" for index in range(400)]
    found = score_estimate(truth, prediction, speakers, labels=LABELS, metric="accuracy", rng=np.random.default_rng(0))
    error = np.sqrt(0.3 * 0.7 / 400)
    assert (found.low, found.high) == pytest.approx((0.3 - 1.96 * error, 0.3 + 1.96 * error), abs=0.004)


def test_clips_of_one_speaker_do_not_make_an_interval_narrower() -> None:
    # Copying every clip ten times adds no speaker, so the interval must not change.
    truth, prediction = ["anger", "anger", "fear", "joy"], ["anger", "fear", "fear", "anger"]
    speakers = ["a", "b", "c", "d"]
    once = score_estimate(truth, prediction, speakers, labels=LABELS, metric="accuracy", rng=np.random.default_rng(0))
    ten_times = score_estimate(
        truth * 10, prediction * 10, speakers * 10, labels=LABELS, metric="accuracy", rng=np.random.default_rng(0)
    )
    assert (once.value, once.low, once.high) == (ten_times.value, ten_times.low, ten_times.high)
    assert (once.n, ten_times.n) == (4, 40)


def test_the_interval_of_a_perfect_system_is_a_point() -> None:
    found = score_estimate(
        LABELS, LABELS, ["a", "b", "c"], labels=LABELS, metric="uar", rng=np.random.default_rng(0), replicates=50
    )
    assert (found.low, found.high, found.note) == (1.0, 1.0, "")


def test_a_wider_level_gives_a_wider_interval(rng: np.random.Generator) -> None:
    truth, prediction, speakers = some_rows(rng, rows=200, speakers=8)
    narrow, wide = (
        score_estimate(
            truth, prediction, speakers, labels=LABELS, metric="uar", rng=np.random.default_rng(0), level=level
        )
        for level in (0.5, 0.99)
    )
    assert narrow.low is not None
    assert narrow.high is not None
    assert wide.low is not None
    assert wide.high is not None
    assert wide.low < narrow.low < narrow.high < wide.high


def test_one_speaker_gives_a_note_instead_of_an_interval() -> None:
    found = score_estimate(
        ["anger", "fear"], ["anger", "fear"], ["a", "a"], labels=LABELS, metric="uar", rng=np.random.default_rng(0)
    )
    assert (found.low, found.high) == (None, None)
    assert found.note == "no interval: there is only one speaker"


def test_unknown_speakers_give_a_note_instead_of_an_interval() -> None:
    found = score_estimate(
        ["anger", "fear"], ["anger", "fear"], ["a", ""], labels=LABELS, metric="uar", rng=np.random.default_rng(0)
    )
    assert (found.low, found.high) == (None, None)
    assert found.note == "no interval: the speaker of 1 of 2 clips is unknown"


def test_speakers_must_be_as_many_as_entries() -> None:
    with pytest.raises(RunError, match="1 speakers were given for 2 entries"):
        score_estimate(
            ["anger", "fear"], ["anger", "fear"], ["a"], labels=LABELS, metric="uar", rng=np.random.default_rng(0)
        )


def test_an_unknown_metric_is_refused_even_without_speakers() -> None:
    with pytest.raises(UnknownNameError, match="unknown metric 'wa'"):
        score_estimate(
            ["anger"],
            ["anger"],
            [""],
            labels=LABELS,
            metric="wa",  # type: ignore[arg-type]
            rng=np.random.default_rng(0),
        )


@pytest.mark.parametrize(
    ("replicates", "level", "words"),
    [(0, 0.95, "replicates is 0"), (10, 0.0, "level is 0.0"), (10, 1.0, "level is 1.0"), (10, 95.0, "level is 95.0")],
)
def test_impossible_settings_are_refused(replicates: int, level: float, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        bootstrap(np.ones((2, 3, 3)), uar, rng=np.random.default_rng(0), replicates=replicates, level=level)


def test_ten_thousand_replicates_of_ten_thousand_rows_take_less_than_two_seconds(rng: np.random.Generator) -> None:
    truth, prediction, speakers = some_rows(rng, rows=10_000, speakers=100)
    started = time.process_time()
    found = score_estimate(
        truth, prediction, speakers, labels=LABELS, metric="uar", rng=np.random.default_rng(0), replicates=10_000
    )
    assert time.process_time() - started < 2.0
    assert found.low is not None


def two_systems(rng: np.random.Generator, *, rows: int, speakers: int) -> tuple[Names, Names, Names, Names]:
    truth, first, speaker = some_rows(rng, rows=rows, speakers=speakers)
    second = np.where(rng.random(rows) < 0.3, truth, first)  # as the first, with some errors corrected
    return truth, first, second, speaker


@pytest.mark.parametrize("metric", METRIC_NAMES)
def test_the_difference_has_a_slow_twin_that_copies_rows(metric: MetricName, rng: np.random.Generator) -> None:
    truth, first, second, speakers = two_systems(rng, rows=60, speakers=5)
    names = np.unique(speakers)
    draws = np.random.default_rng(1).multinomial(5, np.full(5, 1 / 5), size=200)
    scores = []
    for weights in draws:
        index = np.concatenate(
            [np.flatnonzero(speakers == name) for name, times in zip(names, weights, strict=True) for _ in range(times)]
        )
        of_second, of_first = (SLOW[metric](truth[index], made[index], labels=LABELS) for made in (second, first))
        scores.append(of_second - of_first)
    generator = np.random.default_rng(1)
    found = difference_estimate(
        truth, first, second, speakers, labels=LABELS, metric=metric, rng=generator, replicates=200
    )
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(scores, [0.025, 0.975])))


def test_the_interval_of_a_paired_difference_is_narrower_than_that_of_a_score(rng: np.random.Generator) -> None:
    truth, first, second, speakers = two_systems(rng, rows=400, speakers=20)
    widths = [
        (found.high or 0.0) - (found.low or 0.0)
        for found in (
            difference_estimate(
                truth, first, second, speakers, labels=LABELS, metric="accuracy", rng=np.random.default_rng(0)
            ),
            score_estimate(truth, first, speakers, labels=LABELS, metric="accuracy", rng=np.random.default_rng(0)),
        )
    ]
    assert widths[0] < widths[1]


def test_a_system_does_not_differ_from_itself(rng: np.random.Generator) -> None:
    truth, first, _, speakers = two_systems(rng, rows=60, speakers=5)
    found = difference_estimate(truth, first, first, speakers, labels=LABELS, metric="uar", rng=rng, replicates=50)
    assert (found.low, found.high) == (0.0, 0.0)


def test_more_seeds_of_one_system_do_not_change_the_difference(rng: np.random.Generator) -> None:
    one, other = rng.integers(1, 9, (2, 6, 3, 3)).astype(np.float64)

    def interval(times: int) -> Estimate:
        return bootstrap_difference(times * one, other, uar, rng=np.random.default_rng(0), replicates=100)

    assert (interval(3).low, interval(3).high) == pytest.approx((interval(1).low, interval(1).high))


def test_a_difference_without_speakers_has_a_value_and_a_note() -> None:
    found = difference_estimate(
        ["joy"], ["joy"], ["fear"], [""], labels=LABELS, metric="uar", rng=np.random.default_rng(0)
    )
    assert found == Estimate(value=-1.0, n=1, note="no interval: the speaker of 1 of 1 clips is unknown")


def test_systems_must_have_the_same_clusters() -> None:
    with pytest.raises(RunError, match=r"the same clusters; the shapes are \(2, 3, 3\) and \(3, 3, 3\)"):
        bootstrap_difference(np.ones((2, 3, 3)), np.ones((3, 3, 3)), uar, rng=np.random.default_rng(0))


def test_a_paired_bootstrap_of_ten_thousand_rows_takes_less_than_two_seconds(rng: np.random.Generator) -> None:
    truth, first, second, speakers = two_systems(rng, rows=10_000, speakers=100)
    started = time.process_time()
    found = difference_estimate(
        truth, first, second, speakers, labels=LABELS, metric="uar", rng=np.random.default_rng(0), replicates=10_000
    )
    assert time.process_time() - started < 2.0
    assert found.low is not None


def test_entries_are_weighted() -> None:
    codes = np.array([0, 0, 1])
    matrices, _ = matrices_by_speaker(codes, codes[::-1], ["b", "a", "b"], size=2, weights=np.array([0.5, 1.0, 2.0]))
    assert matrices is not None
    assert matrices.tolist() == [[[1.0, 0.0], [0.0, 0.0]], [[0.0, 0.5], [2.0, 0.0]]]
