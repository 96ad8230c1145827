"""Utterances begin and end where the activity says, whatever the pieces; sums are kept, not sounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotone.inference.utterances import SILENT_FRAMES, Boundaries, Boundary


def spoken(text: str) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return decisions from e.g. "3. 2x": three silent frames and two with speech."""
    parts = [np.full(int(part[:-1]), part[-1] == "x") for part in text.split()]
    return np.concatenate(parts)


def slow_twin(active: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> list[tuple[int, int]]:
    """Return (first frame, frame after the last) of each utterance: frames with speech, gaps below 0.5 s closed."""
    found: list[tuple[int, int]] = []
    for frame in np.flatnonzero(active).tolist():
        if found and frame - found[-1][1] < SILENT_FRAMES:
            found[-1] = (found[-1][0], frame + 1)
        else:
            found.append((frame, frame + 1))
    return found


@given(
    runs=st.lists(st.tuples(st.integers(1, 120), st.booleans()), max_size=12),
    cuts=st.lists(st.integers(0, 1400), max_size=8),
)
def test_the_boundaries_do_not_depend_on_the_pieces(runs: list[tuple[int, bool]], cuts: list[int]) -> None:
    active = np.concatenate([np.zeros(0, np.bool_), *(np.full(*run) for run in runs)])
    boundaries = Boundaries()
    found = [one for piece in np.split(active, sorted(cuts)) for one in boundaries.push(piece)]
    found += boundaries.finish()
    assert [(one.start, one.end) for one in found if one.end is not None] == slow_twin(active)
    assert [one.start for one in found if one.end is None] == [start for start, _ in slow_twin(active)]
    assert [one.known for one in found] == sorted(one.known for one in found)


@pytest.mark.parametrize(
    ("decisions", "expected"),
    [
        ("9.", []),
        ("5. 3x 49.", [Boundary(5, 5, None)]),
        ("5. 3x 50.", [Boundary(5, 5, None), Boundary(58, 5, 8)]),
        ("5. 3x 49. 1x 50.", [Boundary(5, 5, None), Boundary(108, 5, 58)]),
        ("1x 50. 1x", [Boundary(0, 0, None), Boundary(51, 0, 1), Boundary(51, 51, None)]),
    ],
)
def test_half_a_second_of_silence_ends_an_utterance(decisions: str, expected: list[Boundary]) -> None:
    assert Boundaries().push(spoken(decisions)) == expected


def test_the_end_of_the_sound_ends_an_utterance_once() -> None:
    boundaries = Boundaries()
    boundaries.push(spoken("5. 3x 10."))
    assert boundaries.finish() == [Boundary(18, 5, 8)]
    assert boundaries.finish() == []
