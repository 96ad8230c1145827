"""What all classifiers share: scores at every label's place, and candidates that are checked."""

from __future__ import annotations

import numpy as np
import pytest

from emotone.classical.base import at_all_labels, check_candidates
from emotone.errors import ConfigError


def test_scores_come_to_the_places_of_their_labels() -> None:
    found = at_all_labels([[1.0, 2.0], [3.0, 4.0]], seen=[3, 1], labels=4)
    nothing = -np.inf
    np.testing.assert_array_equal(found, [[nothing, 2.0, nothing, 1.0], [nothing, 4.0, nothing, 3.0]])
    assert found.dtype == np.float64


def test_no_vectors_have_no_scores() -> None:
    assert at_all_labels(np.zeros((0, 2)), seen=[0, 1], labels=3).shape == (0, 3)


@pytest.mark.parametrize("values", [(1.0,), (0.1, 1.0, 10.0)])
def test_rising_numbers_are_candidates(values: tuple[float, ...]) -> None:
    check_candidates("cost", values)


@pytest.mark.parametrize("values", [(), (0.0, 1.0), (-1.0,), (1.0, 0.1), (1.0, 1.0)])
def test_anything_else_is_rejected_with_what_was_given(values: tuple[float, ...]) -> None:
    with pytest.raises(ConfigError, match=r"cost must be one or more positive numbers in increasing order; given \["):
        check_candidates("cost", values)
