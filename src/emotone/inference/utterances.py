"""Where utterances begin and end, from the decisions of a speech activity detector.

An utterance begins with the first active frame and ends with the last active frame before 0.5 s without speech. Pauses
within a sentence are usually shorter; pauses between the turns of a conversation usually last less than a second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from emotone.audio.speech_network import PER_SECOND

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from emotone.types import Seconds

PAUSE: Seconds = 0.5  # of silence that ends an utterance
PAUSE_FRAMES = round(PAUSE * PER_SECOND)


class Boundary(NamedTuple):
    """The beginning or the end of an utterance, in frames of the activity detector.

    Attributes:
        start: first frame of the utterance.
        end: the frame after its last active frame; None where the utterance only begins.

    """

    start: int
    end: int | None


class UtteranceDetector:
    """Turns frame decisions, in pieces of any size, into the boundaries of utterances.

    Attributes:
        frames: number of decisions so far.
        start: first frame of the open utterance; None outside utterances.
        last: the frame after the last active frame.

    Example:
        >>> import numpy as np
        >>> detector = UtteranceDetector()
        >>> detector.push(np.array([False, True, True]))
        [Boundary(start=1, end=None)]
        >>> detector.finish()
        [Boundary(start=1, end=3)]

    """

    def __init__(self) -> None:
        self.frames = 0
        self.start: int | None = None
        self.last = 0

    def push(self, active: NDArray[np.bool_]) -> list[Boundary]:
        """Return the boundaries that the decisions [frames] complete."""
        found = []
        for speech in active.tolist():
            if speech and self.start is None:
                self.start = self.frames
                found.append(Boundary(self.start, None))
            self.frames += 1
            if speech:
                self.last = self.frames
            elif self.start is not None and self.frames - self.last >= PAUSE_FRAMES:
                found.append(Boundary(self.start, self.last))
                self.start = None
        return found

    def finish(self) -> list[Boundary]:
        """Return the end of the open utterance, if there is one: no audio follows."""
        found = [] if self.start is None else [Boundary(self.start, self.last)]
        self.start = None
        return found
