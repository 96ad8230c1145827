"""Which frames make a window: against a loop that says it in words, and what must hold for any length."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotone.features.windows import window_starts


def slow(frames: int, window: int, hop: int) -> list[int]:
    if frames <= window:
        return [0]
    starts = [0]
    while starts[-1] + hop + window <= frames:
        starts.append(starts[-1] + hop)
    if starts[-1] + window != frames:
        starts.append(frames - window)
    return starts


@pytest.mark.parametrize(
    ("frames", "expected"),
    [(1, [0]), (297, [0]), (298, [0]), (299, [0, 1]), (398, [0, 100]), (399, [0, 100, 101]), (498, [0, 100, 200])],
)
def test_windows_of_three_seconds_every_second(frames: int, expected: list[int]) -> None:
    assert window_starts(frames, window=298, hop=100).tolist() == expected


@given(frames=st.integers(1, 400), window=st.integers(1, 60), share=st.floats(0.01, 1.0))
def test_it_agrees_with_the_slow_twin_and_leaves_no_frame_out(frames: int, window: int, share: float) -> None:
    hop = max(1, int(share * window))
    starts = window_starts(frames, window=window, hop=hop).tolist()
    assert starts == slow(frames, window, hop)
    assert len(set(starts)) == len(starts)
    covered = {frame for start in starts for frame in range(start, min(start + window, frames))}
    assert covered == set(range(frames))


@pytest.mark.parametrize(("window", "hop"), [(10, 0), (10, 11), (10, -1)])
def test_a_hop_that_leaves_frames_out_is_refused(window: int, hop: int) -> None:
    with pytest.raises(ValueError, match=f"0 < hop <= window is needed; given hop={hop}, window={window}"):
        window_starts(100, window=window, hop=hop)
