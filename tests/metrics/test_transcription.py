"""Measures of transcripts, and the CTC loss that recognisers are trained with."""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from itertools import groupby, product

import numpy as np
import pytest

from emotone.errors import RunError, UsageError
from emotone.metrics.transcription import beam_text, character_error_rate, edit_distance, greedy_text, word_error_rate

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
