"""The frames of each window: against a slow loop, and properties for any length."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotone.features.windows import has_speech, window_starts


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
def test_windows_agree_with_the_slow_twin_and_cover_every_frame(frames: int, window: int, share: float) -> None:
    hop = max(1, int(share * window))
    starts = window_starts(frames, window=window, hop=hop).tolist()
    assert starts == slow(frames, window, hop)
    assert len(set(starts)) == len(starts)
    covered = {frame for start in starts for frame in range(start, min(start + window, frames))}
    assert covered == set(range(frames))


@pytest.mark.parametrize(("window", "hop"), [(10, 0), (10, 11), (10, -1)])
def test_a_hop_that_skips_frames_is_refused(window: int, hop: int) -> None:
    with pytest.raises(ValueError, match=rf"0 < hop <= window .*given hop={hop}, window={window}, min_frames=0"):
        window_starts(100, window=window, hop=hop)


def slow_with_minimum(frames: int, window: int, hop: int, min_frames: int) -> list[int]:
    starts, start = [], 0
    while len(range(start, min(start + window, frames))) >= min_frames:
        starts.append(start)
        start += hop
    return starts


@given(frames=st.integers(1, 400), window=st.integers(1, 60), hop=st.floats(0.01, 1.0), share=st.floats(0.01, 1.0))
def test_windows_with_a_minimum_agree_with_the_slow_twin_and_do_not_depend_on_the_end(
    frames: int, window: int, hop: float, share: float
) -> None:
    given_hop, min_frames = max(1, int(hop * window)), max(1, int(share * window))
    starts = window_starts(frames, window=window, hop=given_hop, min_frames=min_frames).tolist()
    assert starts == slow_with_minimum(frames, window, given_hop, min_frames)
    longer = window_starts(frames + 37, window=window, hop=given_hop, min_frames=min_frames).tolist()
    assert longer[: len(starts)] == starts


@pytest.mark.parametrize(
    ("seconds", "starts"),
    [
        (0.1, []),
        (0.99, []),
        (1.0, [0.0]),
        (1.2, [0.0]),
        (1.59, [0.0]),
        (1.6, [0.0, 0.6]),
        (2.5, [0.0, 0.6, 1.2]),
        (3.0, [0.0, 0.6, 1.2, 1.8]),
    ],
)
def test_a_window_of_the_anger_paper_has_a_second_of_sound(seconds: float, starts: list[float]) -> None:
    found = window_starts(round(seconds * 16000), window=19200, hop=9600, min_frames=16000)
    assert found.tolist() == [round(start * 16000) for start in starts]


@pytest.mark.parametrize("min_frames", [-1, 19201])
def test_a_minimum_above_the_window_is_refused(min_frames: int) -> None:
    with pytest.raises(ValueError, match=rf"min_frames <= window; .*min_frames={min_frames}"):
        window_starts(48000, window=19200, hop=9600, min_frames=min_frames)


@pytest.mark.parametrize(
    ("active", "frames", "first", "expected"),
    [
        (20, 100, False, True),
        (19, 100, False, False),
        (19, 100, True, False),
        (20, 59, False, True),
        (19, 59, True, False),
        (20, 59, True, True),
        (1, 3, True, True),
        (1, 4, True, False),
        (1, 3, False, False),
    ],
)
def test_a_window_has_speech_from_0_2_s_of_activity(active: int, frames: int, first: bool, expected: bool) -> None:
    assert has_speech(np.arange(frames) < active, whole=100, first=first) is expected


def test_a_short_window_is_not_a_short_recording() -> None:
    assert not has_speech(np.arange(40) < 19, whole=40, first=True)
    assert has_speech(np.arange(39) < 13, whole=40, first=True)
