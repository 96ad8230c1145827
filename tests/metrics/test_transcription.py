"""Error rates of transcripts, against the textbook's recursion."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from emotone.errors import RunError
from emotone.metrics.transcription import character_error_rate, edit_distance, word_error_rate


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
