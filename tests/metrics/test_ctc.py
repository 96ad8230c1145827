"""Decoding of CTC outputs, against the sum over all paths."""

from __future__ import annotations

from collections import defaultdict
from itertools import groupby, product

import numpy as np
import pytest

from emotone.errors import UsageError
from emotone.metrics.ctc import beam_text, greedy_text


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
