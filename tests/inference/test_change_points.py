"""Sections have the lowest cost of all divisions, and an utterance stays whole where it should."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotone.features.windows import Windows
from emotone.inference.pooling import ChangePointSegmenter, Section, minimal_cost_sections

WINDOWS = Windows(seconds=3.0, hop=1.0)  # a change needs two windows, each of which counts a third
SURE, HALF = [0.98, 0.01, 0.01], [0.34, 0.33, 0.33]


def divided(probabilities: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> list[Section]:
    segmenter = ChangePointSegmenter(WINDOWS, labels=probabilities.shape[1])
    for number, row in enumerate(probabilities):
        segmenter.add(number, row)
    return segmenter.finish()


def firsts(probabilities: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> list[int]:
    """Return the number of the first window of each section; sections follow each other."""
    sections = divided(probabilities)
    ends = [round(part.last) + 1 for part in sections]
    found = [round(part.first) for part in sections]
    assert found == [0, *ends[:-1]]
    assert ends[-1] == len(probabilities)
    for part, first, end in zip(sections, found, ends, strict=True):
        np.testing.assert_allclose(part.pooler.probabilities(), probabilities[first:end].mean(axis=0), atol=1e-12)
    return found


def total_cost(costs: np.ndarray[tuple[int, int], np.dtype[np.float64]], begins: list[int], penalty: float) -> float:
    ends = [*begins[1:], len(costs)]
    parts = [costs[first:end].sum(axis=0).min() for first, end in zip(begins, ends, strict=True)]
    return float(sum(parts)) + penalty * (len(begins) - 1)


@given(
    windows=st.integers(1, 9),
    labels=st.integers(2, 4),
    seed=st.integers(0, 999),
    penalty=st.floats(0, 4),
    min_windows=st.integers(1, 4),
)
def test_no_other_division_has_a_lower_cost(
    windows: int, labels: int, seed: int, penalty: float, min_windows: int
) -> None:
    costs = np.random.default_rng(seed).exponential(size=(windows, labels))
    found = minimal_cost_sections(costs, penalty=penalty, min_windows=min_windows)
    every = [
        [0, *cuts]
        for count in range(windows)
        for cuts in combinations(range(1, windows), count)
        if not cuts or min(np.diff([0, *cuts, windows])) >= min_windows
    ]
    assert found in every
    assert total_cost(costs, found, penalty) == pytest.approx(
        min(total_cost(costs, begins, penalty) for begins in every)
    )


def others(row: list[float], by: int) -> list[float]:
    return row[-by:] + row[:-by]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([SURE], [0]),
        ([SURE] * 10, [0]),
        ([HALF] * 10, [0]),
        ([SURE] * 5 + [others(SURE, 1)] + [SURE] * 5, [0]),  # a single deviating window
        ([SURE] * 5 + [others(HALF, 1)] * 5, [0]),  # another label, but hardly more probable
        ([SURE] * 5 + [others(SURE, 1)] * 5, [0, 5]),
        ([SURE] * 5 + [others(SURE, 1)] * 5 + [others(SURE, 2)] * 5, [0, 5, 10]),
        ([SURE] * 2 + [others(SURE, 1)] * 2, [0, 2]),
        ([SURE, others(SURE, 1)], [0]),
    ],
)
def test_a_change_needs_a_label_that_persists(rows: list[list[float]], expected: list[int]) -> None:
    assert firsts(np.array(rows)) == expected


def test_a_label_that_can_not_be_is_no_infinite_total_cost() -> None:
    assert firsts(np.array([[1.0, 0.0]] * 4 + [[0.0, 1.0]] * 4)) == [0, 4]


@pytest.mark.parametrize("lengths", [(1800, 1800), (3600,), (31, 33, 64), (9,) * 60, (63, 9, 64, 9, 300), (64, 64)])
def test_a_long_utterance_is_divided_as_its_windows_arrive(lengths: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    rows = [rng.dirichlet([90.0, 1.0, 1.0][:: 1 - 2 * (number % 2)], length) for number, length in enumerate(lengths)]
    expected = [0, *np.cumsum(lengths)[:-1].tolist()]
    assert firsts(np.concatenate(rows)) == expected


@given(windows=st.integers(0, 300), seed=st.integers(0, 99), sharpness=st.floats(0, 3))
def test_every_window_is_in_one_section_and_sections_have_a_minimum_length(
    windows: int, seed: int, sharpness: float
) -> None:
    rng = np.random.default_rng(seed)
    powers = np.exp(sharpness * np.cumsum(rng.normal(size=(windows + 1, 3)), axis=0) / 3)
    found = firsts(powers / powers.sum(axis=1, keepdims=True))
    assert min(np.diff([*found, windows + 1]), default=9) >= min(2, windows + 1)
