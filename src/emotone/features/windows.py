"""Which frames of a recording make a window: one rule for training, evaluation and prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def window_starts(frames: int, *, window: int, hop: int) -> NDArray[np.int64]:
    """Return the first frame of each window.

    Windows lie at 0, hop, 2 hop ... while they fit. Frames left over after the last of them get one more full
    window, aligned to the end. A recording shorter than a window is one window, as long as the recording.

    Args:
        frames: of the whole recording, at least 1.
        window: frames of a window.
        hop: frames between windows, at most `window`, so that no frame is left out.

    Example:
        >>> window_starts(100, window=40, hop=25).tolist()
        [0, 25, 50, 60]

    """
    if not 0 < hop <= window:
        raise ValueError(f"0 < hop <= window is needed; given hop={hop}, window={window}")
    if frames <= window:
        return np.zeros(1, np.int64)
    starts = np.arange(0, frames - window + 1, hop, dtype=np.int64)
    if starts[-1] + window < frames:
        starts = np.append(starts, frames - window)
    return starts
