"""Scores of clips from segments, and of transcripts."""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import cache
from itertools import groupby, product
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from emotone.errors import RunError, UnknownNameError, UsageError
from emotone.metrics.segments import (
    FLOOR,
    absolute_clip_accuracy,
    average_logits_clip_accuracy,
    best_clip_accuracy,
    clip_outcomes,
    segment_accuracy,
    standard_clip_accuracy,
)
from emotone.metrics.transcription import beam_text, character_error_rate, edit_distance, greedy_text, word_error_rate

# ----------------------------------------------------------------------------------------------------------------------
# From segments to clips: against counting by hand, and what must hold for all systems.

LABELS = ("anger", "happiness", "neutral", "sadness")
FUNCTIONS = {
    "SA": segment_accuracy,
    "ACA": absolute_clip_accuracy,
    "SCA": standard_clip_accuracy,
    "ALCA": average_logits_clip_accuracy,
    "BCA": best_clip_accuracy,
}

# A clip is its truth and its segments' logits; few different ones, so that most clips have ties.
clips_of: st.SearchStrategy[Any] = st.lists(
    st.tuples(st.integers(0, 3), st.lists(st.tuples(*[st.integers(-2, 2)] * 4), min_size=1, max_size=6).map(np.array)),
    min_size=1,
    max_size=6,
)


def softmax(logits: Any, *, temperature: float = 1.0) -> Any:
    powers = np.exp(np.asarray(logits, np.float64) / temperature)
    return powers / powers.sum(axis=-1, keepdims=True)


def entries(clips: Any, **how: Any) -> tuple[list[str], list[str], Any]:
    """Return the columns that the metrics take, a row for each segment."""
    names = [f"clip-{number}" for number, (_, logits) in enumerate(clips) for _ in logits]
    truth = [LABELS[label] for label, logits in clips for _ in logits]
    return names, truth, np.concatenate([softmax(logits, **how) for _, logits in clips])


def scores(clips: list[str], truth: list[str], probabilities: Any) -> dict[str, float]:
    return {name: score(clips, truth, probabilities, labels=LABELS) for name, score in FUNCTIONS.items()}


def slow(clips: Any) -> dict[str, float]:
    """Count as the paper says it, clip by clip."""
    right: dict[str, list[bool]] = {name: [] for name in FUNCTIONS}
    for truth, logits in clips:
        predicted = [max(range(4), key=list(one).__getitem__) for one in logits]
        counts = Counter(predicted)
        most = {label for label, count in counts.items() if count == max(counts.values())}
        sums = [sum(int(one[label]) for one in logits) for label in range(4)]
        right["SA"] += [label == truth for label in predicted]
        right["ACA"].append(all(label == truth for label in predicted))
        right["SCA"].append(len(most) == 1 and truth in most)
        right["ALCA"].append(sums.index(max(sums)) == truth)
        right["BCA"].append(truth in most)
    return {name: sum(of) / len(of) for name, of in right.items()}


@settings(max_examples=100, deadline=None)
@given(clips_of)
def test_slow_twins(clips: Any) -> None:
    found, counted = scores(*entries(clips)), slow(clips)
    for name in ("SA", "ACA", "SCA", "BCA"):
        assert found[name] == pytest.approx(counted[name])


@settings(max_examples=100, deadline=None)
@given(clips_of, st.floats(0.3, 4.0))
def test_mean_logits_and_mean_log_probabilities_choose_alike(clips: Any, temperature: float) -> None:
    # Whole numbers that are equal in sum are equal in exact arithmetic only, so clips with two best labels are left to
    # the tests of ties.
    best = [np.sort(logits.sum(axis=0)) for _, logits in clips]
    assume(all(sums[-1] > sums[-2] for sums in best))
    found = scores(*entries(clips, temperature=temperature))
    assert found["ALCA"] == pytest.approx(slow(clips)["ALCA"])


@settings(max_examples=60, deadline=None)
@given(clips_of)
def test_absolute_is_at_most_standard_which_is_at_most_best(clips: Any) -> None:
    found = scores(*entries(clips))
    assert found["ACA"] <= found["SCA"] <= found["BCA"]


@settings(max_examples=60, deadline=None)
@given(clips_of)
def test_of_one_segment_all_are_one_number(clips: Any) -> None:
    assert len(set(scores(*entries([(truth, logits[:1]) for truth, logits in clips])).values())) == 1


@settings(max_examples=60, deadline=None)
@given(clips_of, st.randoms(use_true_random=False))
def test_the_order_of_segments_changes_nothing(clips: Any, random: Any) -> None:
    names, truth, probabilities = entries(clips)
    order = list(range(len(names)))
    random.shuffle(order)
    shuffled = ([names[n] for n in order], [truth[n] for n in order], probabilities[order])
    assert scores(*shuffled) == scores(names, truth, probabilities)


@settings(max_examples=60, deadline=None)
@given(clips_of)
def test_a_clip_that_comes_twice_under_two_names_changes_nothing(clips: Any) -> None:
    names, truth, probabilities = entries(clips)
    twice = ([*names, *(f"{name} again" for name in names)], truth * 2, np.concatenate([probabilities] * 2))
    assert scores(*twice) == pytest.approx(scores(names, truth, probabilities))


def test_what_each_of_them_asks_for() -> None:
    clips = [
        (0, [(2, 0, 0, 0), (2, 0, 0, 0), (2, 0, 0, 0)]),  # right in every sense
        (0, [(2, 0, 0, 0), (2, 0, 0, 0), (0, 1, 0, 0)]),  # one segment wrong: not absolute
        (0, [(2, 0, 0, 0), (0, 1, 0, 0)]),  # a tie: best, not standard; the mean knows which is surer
        (0, [(0, 2, 0, 0), (1, 0, 0, 0)]),  # a tie that the mean decides wrongly
        (0, [(9, 0, 0, 0), (0, 1, 0, 0), (0, 1, 0, 0)]),  # outvoted, and right by its mean
        (0, [(0, 2, 0, 0)]),  # wrong
    ]
    found = clip_outcomes(*entries(clips), labels=LABELS)
    assert found.absolute.tolist() == [True, False, False, False, False, False]
    assert found.standard.tolist() == [True, True, False, False, False, False]
    assert found.average_logits.tolist() == [True, True, True, False, True, False]
    assert found.best.tolist() == [True, True, True, True, False, False]
    assert found.right.tolist() == [*[True] * 5, False, True, False, False, True, True, False, False, False]
    assert found.segments.tolist() == [3, 3, 2, 2, 3, 1]
    assert found.entry.tolist() == [0, 3, 6, 8, 10, 13]
    assert found.clips.tolist() == [f"clip-{number}" for number in range(6)]
    assert found.average.tolist() == [0, 0, 0, 1, 0, 1]
    assert found.truth.tolist() == [0] * 6


def test_of_labels_that_tie_the_first_is_predicted() -> None:
    # Three segments whose logits change places: their means are equal, in whatever order they are added.
    clips = [(label, [(1, 2, 3, 0), (3, 1, 2, 0), (2, 3, 1, 0)]) for label in range(4)]
    found = clip_outcomes(*entries(clips), labels=LABELS)
    assert found.average.tolist() == [0, 0, 0, 0]
    assert found.best.tolist() == [True, True, True, False]
    assert not found.standard.any()
    even = clip_outcomes(["a"], ["anger"], [[0.25] * 4], labels=LABELS)
    assert (even.right.tolist(), even.standard.tolist()) == ([True], [True])


def test_certainty_in_one_segment_does_not_outvote_all_others() -> None:
    # Rounded to eight digits, the truth is impossible in the first segment; log 0 would be minus infinity.
    rows = [[0.0, 1.0, 0.0, 0.0], *[[1.0 - 3e-8, 1e-8, 1e-8, 1e-8]] * 3]
    assert average_logits_clip_accuracy(["a"] * 4, ["anger"] * 4, rows, labels=LABELS) == 1.0
    assert np.log(FLOOR) == pytest.approx(-19.1, abs=0.05)


def test_no_digit_of_a_small_probability_is_lost() -> None:
    # Logits (0, 30) and twice (14, 0): the sums are 28 and 30.
    rows = [*softmax([(0.0, 30.0), (14.0, 0.0), (14.0, 0.0)])]
    assert average_logits_clip_accuracy(["a"] * 3, ["fear"] * 3, rows, labels=["anger", "fear"]) == 1.0
    assert rows[0][0] < 1e-12


def test_an_excluded_label_never_wins() -> None:
    rows = [[0.0, 1e-20, 1.0 - 1e-20, 0.0], [0.0, 1.0, 0.0, 0.0]]
    found = clip_outcomes(["a", "a"], ["anger"] * 2, rows, labels=LABELS)
    # log 1 + log 5e-9 lies above log 1e-20 + log 1, and both above what is never told.
    assert found.average.tolist() == [2]


def test_segments_of_clips_may_be_mixed() -> None:
    rows = softmax([(2, 0, 0, 0), (0, 2, 0, 0), (0, 2, 0, 0), (2, 0, 0, 0)])
    names, truth = ["b", "a", "b", "a"], ["anger", "happiness", "anger", "happiness"]
    assert scores(names, truth, rows) == {"SA": 0.5, "ACA": 0.0, "SCA": 0.0, "ALCA": 0.5, "BCA": 1.0}


@pytest.mark.parametrize("score", FUNCTIONS.values(), ids=FUNCTIONS)
@pytest.mark.parametrize(
    ("clips", "truth", "rows", "words"),
    [
        ([], [], np.zeros((0, 4)), "nothing to score"),
        (["a"], ["anger", "anger"], [[0.25] * 4] * 2, "1 clips were given for 2 segments"),
        (["a"], ["anger"], [[0.5, 0.5]], r"probabilities have the shape \(1, 2\)"),
        (["a"], ["anger"], [[0.5, 0.6, 0.0, 0.0]], "1 of 1 rows are not probabilities"),
        (["a", "a"], ["anger", "sadness"], [[0.25] * 4] * 2, "a has segments of 'anger' and of 'sadness'"),
    ],
)
def test_what_cannot_be_scored_is_refused(score: Any, clips: Any, truth: Any, rows: Any, words: str) -> None:
    with pytest.raises(RunError, match=words):
        score(clips, truth, rows, labels=LABELS)


def test_an_unknown_label_is_said() -> None:
    with pytest.raises(UnknownNameError, match="unknown label in truth 'angr'; did you mean 'anger'"):
        segment_accuracy(["a"], ["angr"], [[0.25] * 4], labels=LABELS)


# ----------------------------------------------------------------------------------------------------------------------
# Error rates of transcripts, against the textbook's recursion.


def slow_distance(first: str, second: str) -> int:
    @cache
    def distance(m: int, n: int) -> int:
        if not m or not n:
            return m + n
        changed = distance(m - 1, n - 1) + (first[m - 1] != second[n - 1])
        return min(changed, distance(m - 1, n) + 1, distance(m, n - 1) + 1)

    return distance(len(first), len(second))


def test_the_edit_distance_is_that_of_the_recursion() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        first, second = ("".join(rng.choice(list("abc"), rng.integers(0, 9))) for _ in range(2))
        assert edit_distance(first, second) == slow_distance(first, second) == edit_distance(second, first)


@pytest.mark.parametrize(
    ("truth", "prediction", "expected"),
    [("a b c", "a b c", 0.0), ("a b c", "", 1.0), ("a b", "a x b", 0.5), ("a b", "b a", 1.0), ("a", "b c d", 3.0)],
)
def test_the_word_error_rate_counts_edits_of_words(truth: str, prediction: str, expected: float) -> None:
    assert word_error_rate([truth], [prediction]) == expected


def test_edits_are_summed_over_transcripts_before_the_division() -> None:
    assert word_error_rate(["a", "b c d"], ["x", "b c d"]) == 0.25
    assert character_error_rate(["a", "bcd"], ["x", "bcd"]) == 0.25


def test_characters_include_single_spaces_between_words() -> None:
    assert character_error_rate(["ab cd"], ["abcd"]) == 0.2
    assert character_error_rate(["ab cd"], ["  ab   cd "]) == 0.0


def test_transcripts_must_match_and_the_truth_must_not_be_empty() -> None:
    with pytest.raises(RunError, match="2 of the truth, 1 predicted"):
        word_error_rate(["a", "b"], ["a"])
    with pytest.raises(RunError, match="have no word"):
        word_error_rate([" "], ["a"])
    with pytest.raises(RunError, match="have no character"):
        character_error_rate([], [])


# ----------------------------------------------------------------------------------------------------------------------
# Decoding of CTC outputs, against the sum over all paths.


def every_text(probabilities: np.ndarray, characters: str, blank: int) -> dict[str, float]:
    """Return the probability of each text: of all its paths, one by one."""
    symbols = [*characters[:blank], "", *characters[blank:]]
    texts: dict[str, float] = defaultdict(float)
    for path in product(range(len(symbols)), repeat=len(probabilities)):
        text = "".join(symbols[code] for code, _ in groupby(path))
        texts[text] += float(np.prod([step[code] for step, code in zip(probabilities, path, strict=True)]))
    return texts


@pytest.mark.parametrize("blank", [0, 1, 2])
def test_a_wide_beam_finds_the_most_probable_text(blank: int, rng: np.random.Generator) -> None:
    for _ in range(20):
        probabilities = rng.dirichlet(np.full(3, 0.5), 6) + 1e-4
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        texts = every_text(probabilities, "ab", blank)
        found = beam_text(np.log(probabilities), "ab", blank=blank, width=200)
        assert texts[found] == pytest.approx(max(texts.values()))


def test_greedy_decoding_is_the_most_probable_path(rng: np.random.Generator) -> None:
    for _ in range(20):
        scores = rng.normal(size=(12, 4))
        path = [int(np.argmax(step)) for step in scores]
        expected = "".join(" xyz"[code] for code, _ in groupby(path) if code != 0)
        assert greedy_text(scores, "xyz", blank=0) == expected


def test_the_beam_prefers_a_text_of_many_paths_to_the_best_path() -> None:
    probabilities = np.array([[0.4, 0.6], [0.4, 0.6]])[:, ::-1]  # "a" 0.4, blank 0.6 at each of two steps
    scores = np.log(probabilities)
    assert greedy_text(scores, "a", blank=0) == ""  # probability 0.36
    assert beam_text(scores, "a", blank=0) == "a"  # 0.64


def test_no_steps_are_an_empty_text() -> None:
    empty = np.zeros((0, 3))
    assert greedy_text(empty, "ab", blank=2) == beam_text(empty, "ab", blank=2) == ""


def test_shapes_must_match_the_characters() -> None:
    with pytest.raises(UsageError, match=r"\[steps, 3\]; given \[2, 4\]"):
        greedy_text(np.zeros((2, 4)), "ab", blank=0)
    with pytest.raises(UsageError, match="1 text or more; given 0"):
        beam_text(np.zeros((2, 3)), "ab", blank=0, width=0)
