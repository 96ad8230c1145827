"""The frames of a recording that make a window: one rule for training, evaluation and prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MIN_SPEECH_FRAMES = 20  # of 10 ms each: a window with 0.2 s of speech activity has speech
SHORT_RECORDING = 60  # frames: recordings below 0.6 s need activity in a third of their frames instead


def window_starts(frames: int, *, window: int, hop: int, min_frames: int = 0) -> NDArray[np.int64]:
    """Return the first frame of each window.

    Windows start at 0, hop, 2 hop ... while they fit. Frames that remain after the last window get one more complete
    window, aligned to the end. A recording shorter than a window is one window of its own length.

    With `min_frames`, windows start at 0, hop, 2 hop ... wherever at least that many frames remain; the last ones may
    end with the recording before they are complete, and a shorter recording has none. The start of a window then does
    not depend on the end of the recording, so live audio has the same windows as its recording.

    Args:
        frames: of the whole recording, at least 1.
        window: frames of a window.
        hop: frames between windows, at most `window`, so that no frame is skipped.
        min_frames: minimum number of the recording's frames in a window, at most `window`; 0 aligns the last window to
            the end instead.

    Example:
        >>> window_starts(100, window=40, hop=25).tolist()
        [0, 25, 50, 60]
        >>> window_starts(100, window=40, hop=25, min_frames=30).tolist()
        [0, 25, 50]

    Reference: ElShaer, Wisdom, Mishra, Transfer learning from sound representations for anger detection in speech,
    2019 (windows of 1.2 s every 0.6 s with at least 1 s of sound).

    """
    if not (0 < hop <= window and 0 <= min_frames <= window):
        given = f"{hop=}, {window=}, {min_frames=}"
        raise ValueError(f"windows need 0 < hop <= window and min_frames <= window; given {given}")
    if min_frames:
        return np.arange(0, max(0, frames - min_frames + 1), hop, dtype=np.int64)
    if frames <= window:
        return np.zeros(1, np.int64)
    starts = np.arange(0, frames - window + 1, hop, dtype=np.int64)
    if starts[-1] + window < frames:
        starts = np.append(starts, frames - window)
    return starts


def has_speech(active: NDArray[np.bool_], *, whole: int, first: bool) -> bool:
    """Return whether a window has speech: 0.2 s of activity, or in a third of the frames of a recording below 0.6 s.

    Args:
        active: the decisions of `emotone.audio.activity` for the window's frames, as many as the recording has.
        whole: frames of a complete window.
        first: whether the window starts with the recording.

    Example:
        >>> has_speech(np.arange(100) < 20, whole=100, first=False)
        True
        >>> has_speech(np.arange(50) < 17, whole=100, first=True)
        True

    """
    count = int(np.count_nonzero(active))
    if first and len(active) < min(SHORT_RECORDING, whole):
        return 3 * count >= len(active)
    return count >= MIN_SPEECH_FRAMES
