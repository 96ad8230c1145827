"""Utterances: where they begin and end, and what each sounds like; one way for live sound and whole recordings.

Boundaries. Speech activity is that of files: one decision per 10 ms by `emotone.audio.activity`. An utterance begins
with the first active frame and ends with the last one before 0.5 s without any: pauses within a sentence are mostly
shorter, and those between people's turns mostly last less than a second.

Clip. An utterance is judged as a recording of its own would be: by the windows that lie wholly inside it, and by one
more that is aligned to its end; an utterance shorter than a window is one window, as long as the utterance. So what
was said before it does not count, and a short one is not lost between two windows. The windows are those of the
measurements, and one is judged in addition. Kept are a few seconds of sound, about a minute of an utterance's
windows, and sums.

Parts. Where the emotion changes within an utterance (`emotone.inference.changes`), it is divided halfway between the
centres of the windows on both sides of the change. Neighbours that end up with the same label are one part.
"""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from emotone.audio.activity import PER_SECOND, ActivityDetector
from emotone.features.base import pads_end
from emotone.inference.changes import Division
from emotone.inference.events import UtteranceEnd, UtteranceStart
from emotone.inference.pooling import Together
from emotone.inference.result import TIME_DIGITS, Spoken, decide
from emotone.inference.rolling import Rolling

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from emotone.bundles.bundle import Bundle
    from emotone.inference.changes import Part
    from emotone.inference.result import Clip, Segments
    from emotone.types import Array, Seconds

SILENCE: Seconds = 0.5  # this long without speech ends an utterance
SILENT_FRAMES = round(SILENCE * PER_SECOND)
RESAMPLING: Seconds = 0.3  # at most this much later, where the detector hears a resampled copy


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


class Window(NamedTuple):
    """A window that counts in an utterance; seconds, and probabilities [labels]."""

    start: Seconds
    end: Seconds
    probabilities: NDArray[np.float64]


class Found(NamedTuple):
    """A boundary whose event waits until all windows before it are judged.

    Attributes:
        moment: as of `Known`.
        start: seconds.
        end: seconds; None where an utterance only begins.
        rows: of features of the window that is aligned to its end [time, dimension]; none where it only begins.

    """

    moment: Seconds
    start: Seconds
    end: Seconds | None
    rows: Array


class Utterances:
    """Follows the utterances of one session or recording. Keeps the last few seconds of sound.

    An engine tells it what it hears and finds (`hear`, `decide`, `judge`); `events` is asked after each push.

    Args:
        bundle: the model.

    """

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._windows = bundle.manifest.windows
        rate = bundle.feature.rate
        self._rate = rate
        self._window = round(self._windows.seconds * rate)
        self._least = round(self._windows.min_seconds * rate)
        self._needed = self._window + round((SILENCE + ActivityDetector.lookahead + RESAMPLING) * rate)
        self._boundaries = Boundaries()
        self._active: list[NDArray[np.bool_]] = []
        self._sound = Rolling(np.zeros(0, np.float32))  # the last of it
        self._total = 0  # samples
        self._rows = Rolling(np.zeros((0, bundle.feature.dimension), np.float32))
        self._first_row = 0  # on the grid of the whole sound, of `_rows`
        # Rows of single samples are the sound; and those that hear zeros behind an end depend on where it ends.
        self._reuses_rows = bundle.feature.window > bundle.feature.hop and not pads_end(bundle.feature)
        self._judged: deque[Window] = deque()  # with speech, that lie or may yet lie in an utterance
        self._next_end = self._windows.seconds  # of the first window that is not judged yet
        self._found: deque[Found] = deque()
        self._label: str | None = None  # of the last part that has one
        self._begin()

    def hear(self, samples: Array, rows: Array) -> None:
        """Take sound [time] at the front end's rate and the rows that it completes: before its activity."""
        self._sound.push(samples)
        self._total += len(samples)
        if self._reuses_rows:
            self._rows.push(rows)

    def decide(self, active: NDArray[np.bool_]) -> None:
        """Take decisions [frames] about speech, in order."""
        if len(active):
            self._active.append(active)

    def judge(self, segments: Segments) -> None:
        """Take windows that were judged, in order."""
        for index in np.flatnonzero(segments.speech).tolist():
            # To the millisecond, as measurements and the ends of utterances are told.
            start, end = (round(float(times[index]), TIME_DIGITS) for times in (segments.starts, segments.ends))
            self._judged.append(Window(start, end, segments.probabilities[index]))
        hop = self._bundle.hop_frames * self._bundle.feature.hop_seconds
        self._next_end = round(float(segments.starts[-1]) + hop + self._windows.seconds, TIME_DIGITS)

    def events(self) -> list[Known]:
        """Return what is known now, in order; without new decisions nothing is.

        Raises:
            BundleError: the net fails.

        """
        if not (self._active or self._found):
            return []  # most pieces of live sound decide nothing; windows may wait for the next that does
        for active in self._active:
            self._found += map(self._bounded, self._boundaries.push(active))
        self._active = []
        known = list(self._ready(everything=False))
        if not self._found:
            start, decided = self._boundaries.start, self._boundaries.frames
            self._settle((decided if start is None else start) / PER_SECOND, self._boundaries.last / PER_SECOND)
        self._sound.drop(max(0, len(self._sound) - self._needed))
        old = max(0, len(self._rows) - self._needed // self._bundle.feature.hop - 1)
        self._rows.drop(old)
        self._first_row += old
        return known

    def finish(self) -> list[Known]:
        """Return the last ones; errors as of `events`."""
        known = self.events()
        self._found += map(self._bounded, self._boundaries.finish())
        return known + list(self._ready(everything=True))

    def _bounded(self, boundary: Boundary) -> Found:
        start, total = boundary.start / PER_SECOND, self._total
        moment = min(boundary.known / PER_SECOND, round(total / self._rate, TIME_DIGITS))
        if boundary.end is None:
            return Found(moment, start, None, np.zeros((0, 0), np.float32))
        last = min(boundary.end * self._rate // PER_SECOND, total)  # a recording may end within a frame
        return Found(
            moment, start, round(last / self._rate, TIME_DIGITS), self._last_window(round(start * self._rate), last)
        )

    def _ready(self, *, everything: bool) -> Iterator[Known]:
        while self._found and (everything or self._found[0].end is None or self._found[0].end < self._next_end):
            one = self._found.popleft()
            if one.end is None:
                self._begin()
                yield Known(one.moment, UtteranceStart(one.start))
            else:
                yield Known(one.moment, self._ended(one.start, one.end, one.rows))

    def _begin(self) -> None:
        manifest = self._bundle.manifest
        self._whole = Together(manifest.windows.combine, labels=len(manifest.labels))
        self._division = Division(manifest.windows, labels=len(manifest.labels))
        self._aligned: Seconds | None = None  # where the last window of the utterance ends

    def _settle(self, start: Seconds, end: Seconds) -> None:
        """Add the windows that lie in [start, end] to the utterance, and forget earlier ones: they lie in none."""
        while self._judged and (self._judged[0].start < start or self._judged[0].end <= end):
            one = self._judged.popleft()
            if one.start >= start:
                self._add(one)

    def _add(self, window: Window) -> None:
        self._whole.add(window.probabilities[np.newaxis])
        self._division.add((window.start + window.end) / 2, window.probabilities)
        self._aligned = window.end

    def _ended(self, start: Seconds, end: Seconds, rows: Array) -> UtteranceEnd:
        """Return what the utterance [start, end) sounds like."""
        self._settle(start, end)
        if self._aligned != end:
            probabilities = self._bundle.probabilities(rows[np.newaxis])[0]
            self._add(Window(max(start, end - self._windows.seconds), end, probabilities))
        parts = self._parts(start, end, self._division.finish())
        return UtteranceEnd(end, start, self._clip(self._whole), tuple(parts))

    def _parts(self, start: Seconds, end: Seconds, parts: list[Part]) -> Iterator[Spoken]:
        """Yield the parts of an utterance, one label each, which follow each other without gap or overlap."""
        merged = parts[:1]
        for part in parts[1:]:
            if self._clip(merged[-1].together).label == self._clip(part.together).label:
                merged[-1].together.join(part.together)
                merged[-1].last = part.last
            else:
                merged.append(part)
        cuts = [round((one.last + other.first) / 2, TIME_DIGITS) for one, other in pairwise(merged)]
        for first, last, part in zip([start, *cuts], [*cuts, end], merged, strict=True):
            clip = self._clip(part.together)
            changed = clip.label is not None and self._label not in {None, clip.label}
            self._label = clip.label or self._label
            yield Spoken(first, last, clip.label, clip.probabilities, changed)

    def _clip(self, together: Together) -> Clip:
        manifest = self._bundle.manifest
        return decide(together.probabilities(), labels=manifest.labels, thresholds=manifest.thresholds, speech=True)

    def _last_window(self, first: int, last: int) -> Array:
        """Return the rows of the last window of an utterance that lies in samples [first, last).

        Where the model's windows hold more sound at least, the silence after it is heard too, then what was before.
        """
        first = max(first, last - self._window)
        after = min(self._total - last, SILENT_FRAMES * self._rate // PER_SECOND)
        last += max(0, min(self._least - (last - first), after))
        first = max(0, min(first, last - self._least))
        feature = self._bundle.feature
        if self._reuses_rows and first % feature.hop == 0 and last - first >= feature.window:
            row = first // feature.hop - self._first_row
            return self._rows[row : row + feature.frames(last - first)].copy()
        gone = self._total - len(self._sound)
        return feature.compute(self._sound[first - gone : last - gone])
