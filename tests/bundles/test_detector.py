"""The label that a detector detects, and its decision on either side of its threshold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotone.inference.segments import decide_label, positive_of


@pytest.mark.parametrize(
    ("labels", "positive"),
    [
        (("anger", "other"), "anger"),
        (("other", "anger-frustration"), "anger-frustration"),
        (("anger", "joy"), None),
        (("anger", "joy", "other"), None),
        (("other",), None),
    ],
)
def test_the_positive_label(labels: tuple[str, ...], positive: str | None) -> None:
    assert positive_of(labels) == positive


@given(st.floats(0, 1), st.floats(0, 1), st.booleans())
def test_the_threshold_of_a_detector_decides(probability: float, threshold: float, first: bool) -> None:
    probabilities = {"anger": probability, "other": 1 - probability}
    in_order = probabilities if first else dict(reversed(probabilities.items()))
    label, unsure = decide_label(in_order, {"anger": threshold})
    assert (label, unsure) == ("anger" if probability >= threshold else "other", False)


@pytest.mark.parametrize(
    ("probabilities", "thresholds", "expected"),
    [
        ({"anger": 0.6, "other": 0.4}, {}, ("anger", False)),
        ({"anger": 0.5, "other": 0.5}, {}, ("anger", False)),  # the first of equals
        ({"anger": 0.4, "other": 0.6}, {"other": 0.7}, ("other", True)),
        ({"anger": 0.3, "other": 0.7}, {"anger": 0.4, "other": 0.8}, ("other", True)),
        ({"anger": 0.3, "joy": 0.7}, {"anger": 0.2}, ("joy", False)),  # not a detector
        ({"anger": 0.6, "joy": 0.4}, {"anger": 0.7}, ("anger", True)),
    ],
)
def test_a_label_below_its_threshold_is_unsure(
    probabilities: dict[str, float], thresholds: dict[str, float], expected: tuple[str, bool]
) -> None:
    assert decide_label(probabilities, thresholds) == expected
