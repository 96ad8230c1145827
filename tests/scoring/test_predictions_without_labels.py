"""Labels that a target lacks: nothing is given to them, and the rest keeps its proportions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotone.scoring.predictions import PredictionRow, PredictionsTable

LABELS = ("anger", "fear", "joy", "surprise")


def table(*probabilities: list[float]) -> PredictionsTable:
    rows = [
        PredictionRow(f"toy/{number}", "toy", "random-5", "fold-1", 0, "s1", "joy", given, "f00d")
        for number, given in enumerate(probabilities)
    ]
    return PredictionsTable.from_rows(rows, labels=LABELS)


def test_the_best_of_the_labels_that_there_are_is_named() -> None:
    found = table([0.1, 0.6, 0.2, 0.1], [0.7, 0.1, 0.1, 0.1]).without_labels(("fear", "surprise"))
    np.testing.assert_allclose(found.probabilities, [[1 / 3, 0, 2 / 3, 0], [0.875, 0, 0.125, 0]])
    assert found.prediction.tolist() == ["joy", "anger"]
    assert found.truth.tolist() == ["joy", "joy"]


def test_where_nothing_is_left_all_are_equal() -> None:
    found = table([0.0, 1.0, 0.0, 0.0]).without_labels(("fear",))
    np.testing.assert_allclose(found.probabilities, [[1 / 3, 0, 1 / 3, 1 / 3]])
    assert found.prediction.tolist() == ["anger"]


@pytest.mark.parametrize("absent", [(), ("fear",)])
def test_a_table_without_rows_or_absent_labels_stays(absent: tuple[str, ...]) -> None:
    empty = table()
    assert empty.without_labels(absent) is empty
    full = table([0.25, 0.25, 0.25, 0.25])
    assert full.without_labels(()) is full


@given(
    values=st.lists(st.lists(st.floats(0.0, 1.0), min_size=4, max_size=4).filter(sum), min_size=1, max_size=5),
    absent=st.sets(st.sampled_from(LABELS), max_size=3),
)
def test_rows_sum_to_one_and_proportions_stay(values: Any, absent: set[str]) -> None:
    rows = [[value / sum(row) for value in row] for row in values]
    found = table(*rows).without_labels(sorted(absent))
    assert found.probabilities.sum(axis=1) == pytest.approx(1.0)
    for given_row, row in zip(rows, found.probabilities, strict=True):
        assert [row[LABELS.index(label)] for label in absent] == [0.0] * len(absent)
        left = [value for label, value in zip(LABELS, given_row, strict=True) if label not in absent]
        if sum(left) > 0:
            expected = [value / sum(left) for value in left]
            assert [row[LABELS.index(label)] for label in LABELS if label not in absent] == pytest.approx(expected)
