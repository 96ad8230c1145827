"""Measures of a detector, and their intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from emotone.errors import RunError, UnknownNameError, UsageError
from emotone.metrics import intervals_detection
from emotone.metrics.classification import midranks
from emotone.metrics.detection import (
    alarm_threshold,
    auroc,
    auroc_by_label,
    equal_error_rate,
    roc_curve,
    threshold_at,
)
from emotone.metrics.intervals import Estimate
from emotone.metrics.intervals_detection import (
    DetectorScores,
    auroc_difference_estimate,
    auroc_estimate,
    eer_estimate,
    weighted_auroc,
    weighted_eer,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


# ----------------------------------------------------------------------------------------------------------------------
# Detection against counting pairs and thresholds by hand, against scikit-learn, and where the answer is known.

FUNCTIONS = [auroc, roc_curve, equal_error_rate, lambda *given: threshold_at(*given, false_positive_rate=0.1)]

# Few different scores, so that most samples have ties.
samples = st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=2, max_size=30).filter(
    lambda rows: len({flag for flag, _ in rows}) == 2
)


def columns(rows: list[tuple[bool, int]]) -> tuple[list[bool], list[float]]:
    return [flag for flag, _ in rows], [score / 4 for _, score in rows]


def slow_auroc(truth: list[bool], scores: list[float]) -> float:
    positives = [score for flag, score in zip(truth, scores, strict=True) if flag]
    negatives = [score for flag, score in zip(truth, scores, strict=True) if not flag]
    wins = sum((one > other) + 0.5 * (one == other) for one in positives for other in negatives)
    return wins / (len(positives) * len(negatives))


def slow_rates(truth: list[bool], scores: list[float], threshold: float) -> tuple[float, float]:
    called = [score >= threshold for score in scores]
    false = sum(call and not flag for flag, call in zip(truth, called, strict=True)) / truth.count(False)
    true = sum(call and flag for flag, call in zip(truth, called, strict=True)) / truth.count(True)
    return false, true


@settings(max_examples=40, deadline=None)
@given(samples)
def test_slow_twins(rows: list[tuple[bool, int]]) -> None:
    truth, scores = columns(rows)
    assert auroc(truth, scores) == pytest.approx(slow_auroc(truth, scores))
    curve = roc_curve(truth, scores)
    assert curve.thresholds.tolist() == [np.inf, *sorted(set(scores), reverse=True)]
    for point, threshold in enumerate(curve.thresholds):
        rates = curve.false_positive_rate[point], curve.true_positive_rate[point]
        assert rates == pytest.approx(slow_rates(truth, scores, threshold))


@settings(max_examples=40, deadline=None)
@given(samples, st.floats(0, 1))
def test_the_threshold_is_the_lowest_that_is_allowed(rows: list[tuple[bool, int]], allowed: float) -> None:
    truth, scores = columns(rows)
    found = threshold_at(truth, scores, false_positive_rate=allowed)
    fitting = [value for value in (np.inf, *scores) if slow_rates(truth, scores, value)[0] <= allowed]
    assert found.threshold == min(fitting)
    assert (found.false_positive_rate, found.true_positive_rate) == slow_rates(truth, scores, found.threshold)


@settings(max_examples=40, deadline=None)
@given(samples)
def test_the_equal_error_rate_is_the_root_on_the_curve(rows: list[tuple[bool, int]]) -> None:
    truth, scores = columns(rows)
    found = equal_error_rate(truth, scores)
    curve = roc_curve(truth, scores)
    # Another way to the same point: along the curve by the number of the point, not by the rate.
    along = np.arange(len(curve.thresholds), dtype=np.float64)

    def gap(position: float) -> float:
        false = np.interp(position, along, curve.false_positive_rate)
        return float(false - 1 + np.interp(position, along, curve.true_positive_rate))

    root = brentq(gap, 0.0, along[-1])
    assert found.rate == pytest.approx(float(np.interp(root, along, curve.false_positive_rate)), abs=1e-9)
    false, true = slow_rates(truth, scores, found.threshold)
    assert false >= 1 - true - 1e-12


@pytest.mark.parametrize("digits", [1, 12], ids=["many ties", "no ties"])
def test_the_same_as_scikit_learn(digits: int, rng: np.random.Generator) -> None:
    truth = rng.random(400) < 0.3
    scores = np.round(rng.normal(truth * 1.0, 1.0), digits)
    assert auroc(truth, scores) == pytest.approx(sklearn.metrics.roc_auc_score(truth, scores), abs=1e-12)
    false, true, thresholds = sklearn.metrics.roc_curve(truth, scores, drop_intermediate=False)
    curve = roc_curve(truth, scores)
    np.testing.assert_allclose(curve.false_positive_rate, false)
    np.testing.assert_allclose(curve.true_positive_rate, true)
    np.testing.assert_array_equal(curve.thresholds, thresholds)
    assert np.trapezoid(curve.true_positive_rate, curve.false_positive_rate) == pytest.approx(auroc(truth, scores))


def test_one_label_against_the_rest_is_the_same_as_scikit_learn(rng: np.random.Generator) -> None:
    labels = ("anger", "fear", "joy")
    truth = rng.choice(labels, 100)
    probabilities = rng.dirichlet(np.ones(3), 100)
    found = auroc_by_label(truth, probabilities, labels=labels)
    reference = sklearn.metrics.roc_auc_score(truth, probabilities, multi_class="ovr", labels=list(labels))
    assert list(found) == list(labels)
    assert np.mean(list(found.values())) == pytest.approx(reference)


def test_labels_that_are_never_true_or_always_are_left_out() -> None:
    rows = [[0.7, 0.2, 0.1], [0.1, 0.8, 0.1]]
    assert auroc_by_label(["joy", "anger"], rows, labels=["anger", "fear", "joy"]) == {"anger": 0.0, "joy": 0.5}
    assert auroc_by_label(["fear", "fear"], rows, labels=["anger", "fear", "joy"]) == {}


@pytest.mark.parametrize(
    ("scores", "area", "rate"),
    [([0.1, 0.2, 0.8, 0.9], 1.0, 0.0), ([0.9, 0.8, 0.2, 0.1], 0.0, 1.0), ([0.5] * 4, 0.5, 0.5)],
    ids=["perfect", "reversed", "constant"],
)
def test_known_answers(scores: list[float], area: float, rate: float) -> None:
    truth = [False, False, True, True]
    assert auroc(truth, scores) == area
    assert equal_error_rate(truth, scores).rate == rate


def test_two_normal_distributions_have_the_area_of_theory(rng: np.random.Generator) -> None:
    # AU-ROC of N(1, 1) over N(0, 1) is Phi(1 / sqrt(2)), and the equal error rate Phi(-1/2).
    truth = np.repeat([True, False], 20_000)
    scores = rng.normal(truth * 1.0, 1.0)
    assert auroc(truth, scores) == pytest.approx(0.7602, abs=0.01)
    assert equal_error_rate(truth, scores).rate == pytest.approx(0.3085, abs=0.01)


def test_any_rising_function_of_the_scores_gives_the_same(rng: np.random.Generator) -> None:
    truth, scores = rng.random(60) < 0.5, rng.normal(size=60)
    assert auroc(truth, np.exp(scores)) == auroc(truth, scores)
    assert auroc(truth, -scores) == pytest.approx(1 - auroc(truth, scores))


def test_nothing_may_be_called_where_the_highest_score_is_a_negative() -> None:
    found = threshold_at([True, False], [0.1, 0.9], false_positive_rate=0.5)
    assert (found.threshold, found.false_positive_rate, found.true_positive_rate) == (np.inf, 0.0, 0.0)


def test_minus_infinity_is_the_lowest_score_and_numbers_may_stand_for_flags() -> None:
    assert auroc([0, 1, 1], [-np.inf, -3.0, 0.0]) == 1.0  # type: ignore[list-item]


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(("truth", "there"), [([True, True], "positive"), ([False, False], "negative")])
def test_one_class_is_undefined_and_never_a_half(function: Any, truth: list[bool], there: str) -> None:
    with pytest.raises(RunError, match=f"undefined with one class: all 2 entries are {there}"):
        function(truth, [0.1, 0.2])


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(
    ("truth", "scores", "words"),
    [
        ([], [], "nothing to score"),
        ([True, False], [0.5], r"truth has the shape \(2,\) and scores \(1,\); they must have equal lengths"),
        ([True, False], [0.5, float("nan")], "1 of 2 scores are NaN or infinite"),
        ([True, False], [0.5, float("inf")], "1 of 2 scores are NaN or infinite"),
        ([1, 2], [0.5, 0.6], "must be true or false for every entry; .*2.* is not"),
    ],
)
def test_what_cannot_be_scored_is_refused(function: Any, truth: Any, scores: Any, words: str) -> None:
    with pytest.raises(RunError, match=words):
        function(truth, scores)


@pytest.mark.parametrize("rate", [-0.1, 1.1, float("nan")])
def test_an_impossible_rate_is_refused(rate: float) -> None:
    with pytest.raises(UsageError, match="false positive rate is"):
        threshold_at([True, False], [0.1, 0.9], false_positive_rate=rate)


def test_an_unknown_label_is_said() -> None:
    with pytest.raises(UnknownNameError, match="unknown label in truth 'jo'; did you mean 'joy'"):
        auroc_by_label(["jo"], [[1.0]], labels=["joy"])


def test_midranks_are_those_of_scipy(rng: np.random.Generator) -> None:
    from scipy.stats import rankdata

    values = rng.integers(0, 20, 100).astype(np.float64)
    np.testing.assert_array_equal(midranks(values), rankdata(values))


def test_the_threshold_limits_the_mean_of_the_false_alarm_rates_of_corpora(rng: np.random.Generator) -> None:
    scores = np.concatenate([rng.random(1000), 0.5 * rng.random(10)])
    corpora = np.repeat(np.array(["large", "small"]), [1000, 10])
    threshold = alarm_threshold(scores, corpora, rate=0.05)

    def rate(at: float) -> float:
        return float(np.mean([(scores[corpora == corpus] >= at).mean() for corpus in ("large", "small")]))

    assert rate(threshold) <= 0.05 < rate(threshold - 0.002)
    assert 0.89 < threshold < 0.91  # a tenth of the large corpus's, none of the small one's


def test_a_threshold_that_no_score_reaches_is_one_at_most() -> None:
    assert alarm_threshold(np.ones(4), np.full(4, "one"), rate=0.0) == 1.0
    assert alarm_threshold(np.zeros(4), np.full(4, "one"), rate=0.0) == pytest.approx(1e-4)
    assert alarm_threshold(np.full(4, 0.3), np.full(4, "one"), rate=1.0) == 0.0


# ----------------------------------------------------------------------------------------------------------------------
# Estimates of detectors: against slow twins that copy the rows of drawn speakers, and without intervals.

DRAWS = 60


def random_entries(
    rng: np.random.Generator, *, rows: int = 90, speakers: int = 7, skill: float = 1.0
) -> DetectorScores:
    """Return scores with ties, of speakers with different numbers of rows and shares of positives."""
    owner = np.minimum(rng.integers(0, speakers, rows), rng.integers(0, speakers, rows))
    truth = rng.random(rows) < 0.2 + 0.08 * owner
    scores = np.round(rng.normal(size=rows) + skill * truth + 0.3 * owner, 1)
    return DetectorScores(truth, scores, np.char.add("s", owner.astype(np.str_)))


def copied(entries: DetectorScores, draw: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.float64]] | None:
    """Return truth and scores with every speaker's rows as often as drawn, or None if one class remains."""
    owner = np.unique(np.asarray(entries.speakers), return_inverse=True)[1]
    index = np.repeat(np.arange(len(owner)), draw[owner])
    truth, scores = np.asarray(entries.truth)[index], np.asarray(entries.scores)[index]
    return None if truth.all() or not truth.any() else (truth, scores)


def slow_interval(
    score: Callable[[NDArray[np.bool_], NDArray[np.float64]], float], entries: DetectorScores, *, seed: int
) -> tuple[float, float]:
    speakers = len(np.unique(np.asarray(entries.speakers)))
    draws = np.random.default_rng(seed).multinomial(speakers, np.full(speakers, 1 / speakers), size=DRAWS)
    found = [score(*rows) for draw in draws if (rows := copied(entries, draw)) is not None]
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


def slow_eer(truth: NDArray[np.bool_], scores: NDArray[np.float64]) -> float:
    return equal_error_rate(truth, scores).rate


@pytest.fixture(params=[500, 0], ids=["few speakers", "many speakers"])
def _counting(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intervals_detection, "MAX_COUNTED_SPEAKERS", request.param)


@pytest.mark.usefixtures("_counting")
@pytest.mark.parametrize("speakers", [3, 12])
def test_the_slow_twin_copies_rows(speakers: int, rng: np.random.Generator) -> None:
    entries = random_entries(rng, speakers=speakers)
    found = auroc_estimate(entries, rng=np.random.default_rng(5), replicates=DRAWS)
    assert (found.low, found.high) == pytest.approx(slow_interval(sklearn.metrics.roc_auc_score, entries, seed=5))
    found = eer_estimate(entries, rng=np.random.default_rng(5), replicates=DRAWS)
    assert (found.low, found.high) == pytest.approx(slow_interval(slow_eer, entries, seed=5))


@pytest.mark.usefixtures("_counting")
def test_weights_of_one_are_the_metrics(rng: np.random.Generator) -> None:
    for _ in range(20):
        entries = random_entries(rng)
        codes = np.unique(np.asarray(entries.speakers), return_inverse=True)[1]
        once = np.ones((2, codes.max() + 1))
        area = weighted_auroc(entries.truth, entries.scores, codes)(once)
        assert area == pytest.approx(auroc(entries.truth, entries.scores))
        assert area == pytest.approx(sklearn.metrics.roc_auc_score(entries.truth, entries.scores))
        rate = weighted_eer(entries.truth, entries.scores, codes)(once)
        assert rate == pytest.approx(equal_error_rate(entries.truth, entries.scores).rate)


@pytest.mark.usefixtures("_counting")
@pytest.mark.parametrize(
    ("scores", "area", "rate"), [([0.0, 1.0], 1.0, 0.0), ([1.0, 0.0], 0.0, 1.0), ([1, 1], 0.5, 0.5)]
)
def test_perfect_inverted_and_constant_scores_do_not_vary(scores: list[float], area: float, rate: float) -> None:
    entries = DetectorScores([False, True] * 4, scores * 4, list("aabbccdd"))
    rng = np.random.default_rng(0)
    for found, value in (
        (auroc_estimate(entries, rng=rng, replicates=DRAWS), area),
        (eer_estimate(entries, rng=rng, replicates=DRAWS), rate),
    ):
        assert found == Estimate(value=value, low=value, high=value, n=8, speakers=4)


@pytest.mark.usefixtures("_counting")
def test_a_difference_is_of_the_same_draws(rng: np.random.Generator) -> None:
    weak, strong = (
        random_entries(rng, rows=80, skill=0.5),
        random_entries(rng, rows=120, skill=2.0),
    )  # other rows, the same speakers
    found = auroc_difference_estimate(weak, strong, rng=np.random.default_rng(3), replicates=DRAWS)
    draws = np.random.default_rng(3).multinomial(7, np.full(7, 1 / 7), size=DRAWS)
    both = [(copied(weak, draw), copied(strong, draw)) for draw in draws]
    slow = [auroc(*two) - auroc(*one) for one, two in both if one is not None and two is not None]
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(slow, [0.025, 0.975])))
    same = auroc_difference_estimate(weak, weak, rng=np.random.default_rng(3), replicates=DRAWS)
    assert (same.value, same.low, same.high) == (0.0, 0.0, 0.0)


@pytest.mark.usefixtures("_counting")
def test_draws_with_one_class_are_excluded_and_counted() -> None:
    # Two of four speakers have the positives: both are missing in one draw of sixteen.
    entries = DetectorScores([True, False, True, False, False, False], [3, 1, 2, 2, 1, 3], list("aabbcd"))
    for estimate in (auroc_estimate, eer_estimate):
        found = estimate(entries, rng=np.random.default_rng(0), replicates=400)
        assert found.low is not None
        words = "% of the draws of speakers, in which it is undefined"
        assert found.note.startswith("the interval excludes ")
        assert found.note.endswith(words)
        assert float(found.note.split()[3]) == pytest.approx(100 / 16, abs=3)


def test_an_interval_that_no_draw_defines() -> None:
    entries = DetectorScores([True, False, True, False], [1, 2, 3, 4], list("abcd"))
    seed = next(s for s in range(999) if max(np.random.default_rng(s).multinomial(4, [0.25] * 4)) == 4)
    found = auroc_estimate(entries, rng=np.random.default_rng(seed), replicates=1)
    assert (found.value, found.low, found.high) == (auroc(entries.truth, entries.scores), None, None)
    assert found.note == "no interval: undefined in every draw of speakers"


@pytest.mark.parametrize(
    ("truth", "speakers", "note"),
    [
        ([True, False, True], ["a", "a", "a"], "no interval: there is only one speaker"),
        ([True, False, True], ["a", "", "b"], "no interval: the speaker of 1 of 3 windows is unknown"),
        ([True, False, True, False], ["a", "b", "a", "c"], "no interval: all positive windows are of one speaker"),
        ([False, True, False, True], ["a", "b", "a", "c"], "no interval: all negative windows are of one speaker"),
    ],
)
def test_speakers_that_can_not_be_resampled_give_a_note(truth: list[bool], speakers: list[str], note: str) -> None:
    entries, rng = DetectorScores(truth, np.arange(len(truth)) / 4, speakers, "windows"), np.random.default_rng(0)
    for found, value in (
        (auroc_estimate(entries, rng=rng), auroc(truth, entries.scores)),
        (eer_estimate(entries, rng=rng), equal_error_rate(truth, entries.scores).rate),
        (auroc_difference_estimate(entries, entries, rng=rng), 0.0),
    ):
        assert (found.value, found.low, found.high, found.note) == (value, None, None, note)


def test_refusals(rng: np.random.Generator) -> None:
    entries = random_entries(rng)
    with pytest.raises(RunError, match="undefined with one class: all 2 entries are positive"):
        auroc_estimate(DetectorScores([True, True], [1, 2], ["a", "b"]), rng=rng)
    with pytest.raises(RunError, match="1 speakers were given for 2 entries"):
        eer_estimate(DetectorScores([True, False], [1, 2], ["a"]), rng=rng)
    other = DetectorScores(
        entries.truth, entries.scores, np.where(np.asarray(entries.speakers) == "s0", "x", entries.speakers)
    )
    with pytest.raises(RunError, match="must have the same speakers; only one of them has 's0'"):
        auroc_difference_estimate(entries, other, rng=rng)
    with pytest.raises(UsageError, match="replicates is 0"):
        auroc_estimate(entries, rng=rng, replicates=0)
    with pytest.raises(UsageError, match="level is 1"):
        eer_estimate(entries, rng=rng, level=1.0)


def test_correlated_clips_of_a_speaker_make_the_interval_wider(rng: np.random.Generator) -> None:
    # Each speaker's scores are shifted as a whole: clips taken as independent would give a much narrower interval.
    owner = np.repeat(np.arange(20), 40)
    truth = (owner % 2 == 0) ^ (rng.random(800) < 0.2)
    scores = truth + 2 * rng.normal(size=20)[owner] + 0.3 * rng.normal(size=800)
    by_speaker = auroc_estimate(DetectorScores(truth, scores, owner.astype(np.str_)), rng=rng, replicates=500)
    by_clip = auroc_estimate(DetectorScores(truth, scores, np.arange(800).astype(np.str_)), rng=rng, replicates=500)
    assert None not in (by_speaker.low, by_speaker.high, by_clip.low, by_clip.high)
    widths = [(found.high or 0) - (found.low or 0) for found in (by_speaker, by_clip)]
    assert widths[0] > 2 * widths[1]
