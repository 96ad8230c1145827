"""Where stretches of speech begin and end, to a frame of 10 ms, from coarse decisions and the level of the sound.

A detector that decides about longer chunks places the ends of speech on its own grid, which depends on how much
silence is before the speech. Here each end is moved to where the level crosses a threshold, `RANGE` below the loudest
frame near it: outwards while the next frame is above the threshold, or inwards to the first frame that is. Both stop
after a fixed number of frames. The ends of speech between silences then depend on the sound alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

RANGE = 35.0  # dB
FIRST, LAST = 31, 100  # frames at the beginning and at the end of the stretch, of which the loudest counts
OUT = 15  # frames by which an end may move outwards
IN = 30  # frames by which it may move inwards: fewer than FIRST and LAST
DELAY = OUT + FIRST  # frames, at most, between a frame and its decision


class EdgeRefiner:
    """Moves the ends of speech in decisions that arrive in pieces of any size.

    All results of a recording, joined, are the same however it is divided.

    Example:
        >>> levels = np.array([-90.0, -90.0, -30.0, -20.0, -30.0, -90.0, -90.0, -90.0])
        >>> coarse = np.array([0, 1, 1, 1, 0, 0, 0, 0], np.bool_)
        >>> EdgeRefiner().push(coarse, levels, last=True).astype(int)
        array([0, 0, 1, 1, 1, 0, 0, 0])

    """

    def __init__(self) -> None:
        self._speech: NDArray[np.bool_] = np.zeros(0, np.bool_)  # coarse decisions, without those of complete stretches
        self._levels: NDArray[np.float64] = np.zeros(0)
        self._refined: NDArray[np.bool_] = np.zeros(0, np.bool_)
        self._returned = 0  # how many of these frames; they are kept if they belong to a stretch that is not complete
        self._has_begun = False  # where the first of these stretches begins is decided

    def push(self, speech: NDArray[np.bool_], levels: NDArray[np.float64], *, last: bool = False) -> NDArray[np.bool_]:
        """Return the decisions [frames] that no later frame can change; at the end, all that are left.

        Args:
            speech: coarse decisions about the next frames [frames].
            levels: of these frames, in decibels [frames].
            last: no frame follows.

        """
        self._speech = np.concatenate([self._speech, speech])
        self._levels = np.concatenate([self._levels, levels])
        self._refined = np.concatenate([self._refined, np.zeros(len(speech), np.bool_)])
        count, returned = len(self._speech), self._returned
        certain, kept, has_begun = count if last else max(returned, count - OUT), 0, False
        for start, end in _stretches(self._speech):
            is_known = self._has_begun and start == 0
            if not is_known and end == count < start + FIRST and not last:  # its loudest frame may follow
                certain = max(returned, start - OUT)
                kept = max(0, certain - start)
                break
            first = returned if is_known else self._beginning(start, end)
            if end + OUT > count and not last:  # it may go on, or end later
                certain = max(returned, end - IN, min(first, end - OUT))
                self._refined[first:certain] = True
                has_begun = certain > max(start, first - 1)
                kept = min(LAST, max(0, certain - start))
                break
            self._refined[first : self._end(start, end)] = True
            self._speech[start:end] = False
        result = self._refined[returned:certain]
        held = slice(certain - kept, None)
        self._speech, self._levels, self._refined = self._speech[held], self._levels[held], self._refined[held]
        self._returned, self._has_begun = kept, has_begun
        return result

    def _beginning(self, start: int, end: int) -> int:
        """Return the first frame of the stretch `start` to `end`."""
        levels = self._levels
        threshold = levels[start : min(end, start + FIRST)].max() - RANGE
        if levels[start] <= threshold:
            inside = levels[start : start + IN] > threshold
            return start + (int(inside.argmax()) if inside.any() else IN)
        outside = levels[max(self._returned, start - OUT) : start][::-1] > threshold
        return start - (len(outside) if outside.all() else int(outside.argmin()))

    def _end(self, start: int, end: int) -> int:
        """Return the frame after the last one of the stretch `start` to `end`."""
        levels = self._levels
        threshold = levels[max(start, end - LAST) : end].max() - RANGE
        if levels[end - 1] <= threshold:
            inside = levels[max(0, end - IN) : end][::-1] > threshold
            return end - (int(inside.argmax()) if inside.any() else IN)
        outside = levels[end : end + OUT] > threshold
        return end + (len(outside) if outside.all() else int(outside.argmin()))


def _stretches(speech: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the first frame, and the frame after the last one, of each stretch of true decisions [frames]."""
    edges = np.diff(np.concatenate([[False], speech, [False]]).astype(np.int8))
    return list(zip(np.flatnonzero(edges == 1).tolist(), np.flatnonzero(edges == -1).tolist(), strict=True))
