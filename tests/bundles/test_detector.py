"""What a detector looks for, and what it names on either side of its threshold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotone.bundles.detector import decided, positive_of


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
def test_what_is_looked_for(labels: tuple[str, ...], positive: str | None) -> None:
    assert positive_of(labels) == positive


@given(st.floats(0, 1), st.floats(0, 1), st.booleans())
def test_a_detector_hangs_on_its_threshold_wherever_it_lies(chance: float, threshold: float, first: bool) -> None:
    chances = {"anger": chance, "other": 1 - chance}
    given_in_order = chances if first else dict(reversed(chances.items()))
    assert decided(given_in_order, {"anger": threshold}) == ("anger" if chance >= threshold else "other")


@pytest.mark.parametrize(
    ("chance", "label"), [(0.29, "other"), (0.3, "other"), (0.31, None), (0.39, None), (0.4, "anger"), (0.9, "anger")]
)
def test_between_two_thresholds_nothing_is_named(chance: float, label: str | None) -> None:
    assert decided({"anger": chance, "other": round(1 - chance, 2)}, {"anger": 0.4, "other": 0.7}) == label


@pytest.mark.parametrize(
    ("chances", "thresholds", "label"),
    [
        ({"anger": 0.6, "other": 0.4}, {}, "anger"),
        ({"anger": 0.5, "other": 0.5}, {}, "anger"),  # the first of equals
        ({"anger": 0.4, "other": 0.6}, {"other": 0.7}, None),  # no threshold for what is looked for
        ({"anger": 0.3, "joy": 0.7}, {"anger": 0.2}, "joy"),  # no detector
        ({"anger": 0.6, "joy": 0.4}, {"anger": 0.7}, None),
        ({"anger": 0.3, "joy": 0.3, "other": 0.4}, {"anger": 0.2}, "other"),
    ],
)
def test_others_name_the_most_probable(
    chances: dict[str, float], thresholds: dict[str, float], label: str | None
) -> None:
    assert decided(chances, thresholds) == label
