"""Which frames of a recording make a window: one rule for training, evaluation and prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST_SPEECH = 20  # frames of activity, 10 ms each, that make a window one with speech: 0.2 s
SHORT = 60  # frames: recordings below 0.6 s need a third of activity instead


def window_starts(frames: int, *, window: int, hop: int, least: int = 0) -> NDArray[np.int64]:
    """Return the first frame of each window.

    Windows lie at 0, hop, 2 hop ... while they fit. Frames left over after the last of them get one more full
    window, aligned to the end. A recording shorter than a window is one window, as long as the recording.

    With `least`, windows lie at 0, hop, 2 hop ... wherever so many frames of the recording are left; the last ones may
    end with the recording before they are full, and a recording shorter than `least` has none. Where a window lies
    does not depend on where the recording ends, so that live sound has the windows of its recording.

    Args:
        frames: of the whole recording, at least 1.
        window: frames of a window.
        hop: frames between windows, at most `window`, so that no frame is left out.
        least: frames of the recording that a window holds at least, at most `window`; 0 aligns the last window instead.

    Example:
        >>> window_starts(100, window=40, hop=25).tolist()
        [0, 25, 50, 60]
        >>> window_starts(100, window=40, hop=25, least=30).tolist()
        [0, 25, 50]

    Reference: ElShaer, Wisdom, Mishra, Transfer learning from sound representations for anger detection in speech,
    2019 (windows of 1.2 s every 0.6 s that hold 1 s of sound at least).

    """
    if not (0 < hop <= window and 0 <= least <= window):
        raise ValueError(f"0 < hop <= window and least <= window are needed; given {hop=}, {window=}, {least=}")
    if least:
        return np.arange(0, max(0, frames - least + 1), hop, dtype=np.int64)
    if frames <= window:
        return np.zeros(1, np.int64)
    starts = np.arange(0, frames - window + 1, hop, dtype=np.int64)
    if starts[-1] + window < frames:
        starts = np.append(starts, frames - window)
    return starts


def has_speech(active: NDArray[np.bool_], *, whole: int, first: bool) -> bool:
    """Return whether a window counts as one with speech: 0.2 s of it, or a third of a recording below 0.6 s.

    Args:
        active: what `emotone.audio.activity` decides about the window's frames, as many as the recording has of them.
        whole: frames of a whole window.
        first: whether it begins with the recording.

    Example:
        >>> has_speech(np.arange(100) < 20, whole=100, first=False)
        True
        >>> has_speech(np.arange(50) < 17, whole=100, first=True)
        True

    """
    heard = int(np.count_nonzero(active))
    if first and len(active) < min(SHORT, whole):
        return 3 * heard >= len(active)
    return heard >= LEAST_SPEECH
