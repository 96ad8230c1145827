"""Utterances in live sound: where they begin and end, and what each sounds like as a whole.

Boundaries. Speech activity is that of files: one decision per 10 ms by `emotone.audio.activity`. An utterance begins
with the first active frame and ends with the last one before 0.5 s without any: pauses within a sentence are mostly
shorter, and those between people's turns mostly last less than a second.

Clip. An utterance is judged as a recording of its own would be: the mean over the windows that lie wholly inside it,
and over one more that is aligned to its end; an utterance shorter than a window is one window, as long as the
utterance. So what was said before it does not count, and a short one is not lost between two windows. The windows are
those of the measurements, and one is judged in addition. Of an utterance's windows only a running sum is kept.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from emotone.audio.activity import ActivityDetector
from emotone.inference.engine import ACTIVITY_RATE
from emotone.inference.events import UtteranceEnd, UtteranceStart
from emotone.inference.result import TIME_DIGITS, decide

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from emotone.inference.result import Clip, Segment
    from emotone.systems.bundle import Bundle
    from emotone.types import Array, Seconds

SILENCE: Seconds = 0.5  # this long without speech ends an utterance
SILENT_FRAMES = round(SILENCE * ACTIVITY_RATE)


class Boundary(NamedTuple):
    """An utterance begins or ends; all in frames of activity.

    Attributes:
        known: frames that had to be decided to know.
        start: first frame of the utterance.
        end: the frame after its last one; None where it only begins.

    """

    known: int
    start: int
    end: int | None


class Boundaries:
    """From decisions, in pieces of any size, to where utterances begin and end.

    Example:
        >>> boundaries = Boundaries()
        >>> boundaries.push(np.array([False, True, True]))
        [Boundary(known=1, start=1, end=None)]
        >>> boundaries.finish()
        [Boundary(known=3, start=1, end=3)]

    """

    def __init__(self) -> None:
        self.frames = 0  # decided
        self.start: int | None = None  # of the utterance that goes on
        self.last = 0  # frame after the last active one

    def push(self, active: NDArray[np.bool_]) -> list[Boundary]:
        """Return the boundaries that these decisions [frames] make known."""
        found = []
        for spoken in active.tolist():
            if spoken and self.start is None:
                self.start = self.frames
                found.append(Boundary(self.frames, self.start, None))
            self.frames += 1
            if spoken:
                self.last = self.frames
            elif self.start is not None and self.frames - self.last >= SILENT_FRAMES:
                found.append(Boundary(self.frames, self.start, self.last))
                self.start = None
        return found

    def finish(self) -> list[Boundary]:
        """Return the end of the utterance that still goes on, if there is one: no sound follows."""
        found = [] if self.start is None else [Boundary(self.frames, self.start, self.last)]
        self.start = None
        return found


class Known(NamedTuple):
    """An event of an utterance, and the moment in the sound up to which it had to be heard to know."""

    moment: Seconds
    event: UtteranceStart | UtteranceEnd


class Utterances:
    """Follows the utterances of one session. Keeps the last few seconds of sound, and sums.

    Args:
        bundle: the model.

    """

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        rate = bundle.feature.rate
        self._rate = rate
        self._window = round(bundle.manifest.windows.seconds * rate)
        self._least = round(bundle.manifest.windows.least * rate)
        self._needed = self._window + round((SILENCE + ActivityDetector.lookahead) * rate)
        self._boundaries = Boundaries()
        self._active: list[NDArray[np.bool_]] = []
        self._pieces: deque[Array] = deque()  # of the last sound; put together only where an utterance ends
        self._first = self._total = 0  # samples from the session's start to those of the pieces, and to their end
        self._pending: list[Segment] = []  # windows with speech that may yet turn out to lie in an utterance
        self._aligned: Seconds | None = None  # where the last window of the sum ends
        self._forget_windows()

    def hear(self, samples: Array) -> None:
        """Take sound [time] at the front end's rate: before its activity."""
        self._pieces.append(samples.copy())  # a view would keep all that was pushed with it alive
        self._total += len(samples)
        while self._total - self._first - len(self._pieces[0]) >= self._needed:
            self._first += len(self._pieces.popleft())

    def decide(self, active: NDArray[np.bool_]) -> None:
        """Take decisions [frames] about speech, in order."""
        if len(active):
            self._active.append(active)

    def events(self, judged: Iterable[Segment]) -> list[Known]:
        """Return what is known now, in order.

        Args:
            judged: the measurements made since the last time.

        Raises:
            BundleError: the net fails.

        """
        self._pending += [segment for segment in judged if segment.speech]
        found: list[Known] = []
        for active in self._active:
            found += map(self._known, self._boundaries.push(active))
            self._settle()
        self._active = []
        return found

    def finish(self, judged: Iterable[Segment]) -> list[Known]:
        """Return the last ones; arguments and errors as of `events`."""
        return self.events(judged) + list(map(self._known, self._boundaries.finish()))

    def _known(self, boundary: Boundary) -> Known:
        start, total = boundary.start / ACTIVITY_RATE, self._total
        moment = min(boundary.known / ACTIVITY_RATE, round(total / self._rate, TIME_DIGITS))
        if boundary.end is None:
            self._forget_windows()
            return Known(moment, UtteranceStart(start))
        last = min(boundary.end * self._rate // ACTIVITY_RATE, total)  # a recording may end within a frame
        end = round(last / self._rate, TIME_DIGITS)
        return Known(moment, UtteranceEnd(end, start, self._clip(start, end, last)))

    def _settle(self) -> None:
        """Add what lies in the utterance that goes on to its sum, and forget windows that can't lie in any."""
        start, known = self._boundaries.start, self._boundaries.frames / ACTIVITY_RATE
        if start is not None:
            known = start / ACTIVITY_RATE
            self._add(known, self._boundaries.last / ACTIVITY_RATE)
        self._pending = [one for one in self._pending if one.start >= known]

    def _add(self, start: Seconds, end: Seconds) -> None:
        """Move the windows that lie in [start, end] from the pending ones to the sum."""
        inside = [one for one in self._pending if start <= one.start and one.end <= end]
        for one in inside:
            self._sum += np.array(list(one.probabilities.values()))
            self._count += 1
            self._aligned = one.end
            self._pending.remove(one)

    def _clip(self, start: Seconds, end: Seconds, last: int) -> Clip:
        """Return the clip of the utterance [start, end), which ends before the sample `last`."""
        self._add(start, end)
        if self._aligned != end:
            rows = self._bundle.feature.compute(self._stretch(round(start * self._rate), last))
            self._sum += self._bundle.probabilities(rows[np.newaxis])[0]
            self._count += 1
        manifest = self._bundle.manifest
        return decide(self._sum / self._count, labels=manifest.labels, thresholds=manifest.thresholds, speech=True)

    def _stretch(self, first: int, last: int) -> Array:
        """Return the last window of an utterance that lies in samples [first, last).

        Where the model's windows hold more sound at least, the silence after it is heard too, then what was before.
        """
        first = max(first, last - self._window)
        after = min(self._total - last, SILENT_FRAMES * self._rate // ACTIVITY_RATE)
        last += max(0, min(self._least - (last - first), after))
        first = max(0, min(first, last - self._least))
        return np.concatenate(self._pieces)[first - self._first : last - self._first]

    def _forget_windows(self) -> None:
        self._sum = np.zeros(len(self._bundle.labels))
        self._count = 0
        self._aligned = None
