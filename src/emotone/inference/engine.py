"""The one engine: samples in, judged windows out. Files, arrays and live sound all go through it.

Conventions: windows lie on the recording's grid of feature rows, as `emotone.features.windows` says: at 0, hop, 2 hop
... while they fit, and one more aligned to the end where rows are left over; or, where the bundle says how much sound a
window holds at least, at multiples of the hop only, the last ones as short as what is left. A net is given the rows
that are there; the zeros that it may need behind them are its own. A window is judged once its rows and its speech
activity are known, whatever the sizes of the blocks that came. Where the bundle judges windows without speech too,
all count as spoken, and none waits for its activity.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from emotone.audio import activity
from emotone.audio.activity import PER_SECOND, ActivityDetector
from emotone.audio.resample import Resampler
from emotone.errors import TooShortError
from emotone.features.windows import MIN_SPEECH_FRAMES, has_speech, window_starts
from emotone.inference.context import Context
from emotone.inference.frames import FrameStream
from emotone.inference.pooling import Together
from emotone.inference.result import TIME_DIGITS, Clip, Segments, decide
from emotone.inference.rolling import Rolling

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emotone.bundles.bundle import Bundle
    from emotone.types import Array, Seconds

# Seconds of samples, and windows, worked on at a time. Twice as much is no faster, and the larger temporary arrays
# fragment memory: a two-hour recording then needs a tenth more than one of ten minutes, instead of a hundredth.
BLOCK_SECONDS = 10
BATCH = 8
LARGEST_BATCH = 16
LEAST_SECONDS = 0.1  # shorter recordings are refused


class Listener(Protocol):
    """Is told what an engine hears and finds, in the order of the sound."""

    def hear(self, samples: Array, rows: Array) -> None:
        """Take sound [time] and the rows of features [rows, dimension] that it completes: before its activity."""
        ...

    def decide(self, active: NDArray[np.bool_]) -> None:
        """Take decisions [frames] about speech."""
        ...

    def judge(self, segments: Segments) -> None:
        """Take windows that were judged, each alone."""
        ...


class Engine:
    """Judges one recording, pushed in blocks of any size. For the next recording, make the next engine.

    Args:
        bundle: the model.
        batch: windows given to the net at once, at most 16. Windows wait until so many are ready; 1 waits for none.
        listener: is told what is heard and found.

    Example:
        >>> engine = Engine(bundle)  # doctest: +SKIP
        >>> for block in blocks: engine.push(block)  # doctest: +SKIP
        >>> clip, segments = engine.finish()  # doctest: +SKIP

    """

    def __init__(self, bundle: Bundle, *, batch: int = BATCH, listener: Listener | None = None) -> None:
        if not 1 <= batch <= LARGEST_BATCH:
            raise ValueError(f"batch must be from 1 to {LARGEST_BATCH}; given {batch}")
        self._bundle = bundle
        self._batch = batch
        self._listener = listener
        self._frames = FrameStream(bundle.feature)
        self._detector = ActivityDetector()
        self._for_activity = Resampler(bundle.feature.rate, to=activity.RATE)  # some front ends have another rate
        self._window = bundle.window_frames
        self._hop = bundle.hop_frames
        self._speech_only = bundle.manifest.windows.speech_only
        self._least = bundle.manifest.windows.min_frames(bundle.feature)
        self._span = round(bundle.manifest.windows.seconds * PER_SECOND)
        self._rows = Rolling(np.zeros((0, bundle.feature.dimension), np.float32))
        self._first_row = 0  # on the grid, of `_rows`
        self._active = Rolling(np.zeros(0, np.bool_))
        self._first_active = 0
        self._next = 0  # first row of the next window
        self._judged = 0  # windows, those that were taken too
        self._segments: list[Segments] = []
        self._together = Together(bundle.manifest.windows.combine, labels=len(bundle.labels))
        self._context = Context(bundle.manifest.windows.context)

    @property
    def duration(self) -> Seconds:
        """Seconds pushed so far."""
        return round(self._frames.samples / self._bundle.feature.rate, TIME_DIGITS)

    def push(self, samples: Array) -> int:
        """Take samples [time] float32 at the front end's rate; return how many windows were judged by now.

        Raises:
            BundleError: the net fails.

        """
        block = BLOCK_SECONDS * self._bundle.feature.rate
        for start in range(0, len(samples), block):
            part = samples[start : start + block]
            self._take(part, self._frames.push(part), self._detector.push(self._for_activity.push(part)))
            while self._ready() >= self._batch:
                self._judge([self._next + index * self._hop for index in range(self._batch)])
                self._forget()
        return self._judged

    def take(self) -> Segments:
        """Return the windows judged since the last time, and forget them: hours of live sound leave nothing behind."""
        found, self._segments = self._segments, []
        return Segments.joined(
            found or [self._as_segments([], np.zeros(0, np.bool_), np.zeros((0, len(self._bundle.labels))))]
        )

    def finish(self, samples: Array | None = None) -> tuple[Clip, Segments]:
        """Return the clip, and all segments or those that were not taken.

        Args:
            samples: the last ones [time], if any are left; short recordings cost less when they come here at once.

        Raises:
            TooShortError: less than 0.1 s was pushed, or less than the bundle's windows hold at least.
            BundleError: the net fails.

        """
        rate = self._bundle.feature.rate
        rest = np.zeros(0, np.float32) if samples is None else samples
        while len(rest) > BLOCK_SECONDS * rate:
            self.push(rest[: BLOCK_SECONDS * rate])
            rest = rest[BLOCK_SECONDS * rate :]
        rows = self._frames.push(rest)
        least = self._bundle.manifest.windows.min_seconds
        if self._frames.samples < LEAST_SECONDS * rate or self._frames.samples < round(least * rate):
            raise TooShortError(
                f"too short to judge: {self._frames.samples / rate:.3f} s; "
                f"at least {max(LEAST_SECONDS, least):g} s are needed"
            )
        last = np.concatenate([self._for_activity.push(rest), self._for_activity.finish()])
        self._take(rest, rows, self._detector.finish(last))
        self._take(np.zeros(0, np.float32), self._frames.finish(), np.zeros(0, np.bool_))
        every = window_starts(self._frames.rows, window=self._window, hop=self._hop, min_frames=self._least)
        starts = every[self._judged :].tolist()  # those judged so far are the first of them
        whole = sum(start + self._window <= self._frames.rows for start in starts)
        for first in range(0, whole, self._batch):
            self._judge(starts[first : min(first + self._batch, whole)])
        for start in starts[whole:]:  # of different lengths: no batch holds two of them
            self._judge([start])
        return self._collect()

    def _take(self, samples: Array, rows: Array, active: NDArray[np.bool_]) -> None:
        self._rows.push(rows)
        self._active.push(active)
        if self._listener is not None:
            self._listener.hear(samples, rows)
            self._listener.decide(active)

    def _ready(self) -> int:
        """Return how many whole windows from `_next` on have all of their rows, and activity enough to tell."""
        by_rows = self._first_row + len(self._rows) - self._window - self._next
        if by_rows < 0:
            return 0  # after most pieces of live sound
        if not self._speech_only:
            feature = self._bundle.feature
            unheard = round(self._bundle.manifest.windows.seconds * feature.rate) - self._frames.samples
            return max(0, 1 + min(by_rows, -unheard // feature.hop - self._next) // self._hop)
        known = (self._first_active + len(self._active) - self._span) / PER_SECOND  # the last start that is known
        by_activity = int(known / self._bundle.feature.hop_seconds) - self._next
        ready = max(0, 1 + min(by_rows, by_activity) // self._hop)
        # Activity is decided late. Where enough speech is known already, what is still to come can't change that.
        while ready * self._hop <= by_rows and self._surely_spoken(self._next + ready * self._hop):
            ready += 1
        return ready

    def _surely_spoken(self, start: int) -> bool:
        """Return whether the window at this row has all of its sound, and enough speech whatever follows."""
        feature = self._bundle.feature
        if start * feature.hop + round(self._bundle.manifest.windows.seconds * feature.rate) > self._frames.samples:
            return False
        first = self._activity_index(start) - self._first_active
        return int(np.count_nonzero(self._active[first : first + self._span])) >= MIN_SPEECH_FRAMES

    def _judge(self, starts: list[int]) -> None:
        """Judge the windows at these rows as one batch; those without speech never reach the net."""
        count = len(self._bundle.labels)
        speech = np.array([self._has_speech(start) for start in starts])
        probabilities = np.full((len(starts), count), 1.0 / count)
        heard = [start - self._first_row for start, spoken in zip(starts, speech, strict=True) if spoken]
        if heard:
            batch = np.stack([self._rows[start : start + self._window] for start in heard])
            probabilities[speech] = self._bundle.probabilities(batch)
            self._together.add(probabilities[speech])
        self._judged += len(starts)
        alone = self._as_segments(starts, speech, probabilities)
        if self._listener is not None:
            self._listener.judge(alone)
        self._segments.append(replace(alone, probabilities=self._context.push(probabilities, speech)))
        self._next = starts[-1] + self._hop

    def _as_segments(self, rows: list[int], speech: NDArray[np.bool_], probabilities: NDArray[np.float64]) -> Segments:
        """Return the windows that start at these rows; all but a recording's last ones have all of their sound."""
        manifest = self._bundle.manifest
        starts = np.array(rows, np.float64) * self._bundle.feature.hop_seconds
        ends = np.minimum(starts + manifest.windows.seconds, self.duration)
        return Segments(manifest.labels, manifest.thresholds, starts, ends, speech, probabilities)

    def _has_speech(self, start: int) -> bool:
        if not self._speech_only:
            return True
        first = self._activity_index(start)
        active = self._active[first - self._first_active : first - self._first_active + self._span]
        return has_speech(active, whole=self._span, first=first == 0)

    def _activity_index(self, row: int) -> int:
        return round(row * self._bundle.feature.hop_seconds * PER_SECOND)

    def _forget(self) -> None:
        """Drop what no later window needs; the last window, aligned to the end, starts after `_next - hop`."""
        row = max(self._first_row, self._next - self._hop)
        self._rows.drop(row - self._first_row)
        self._first_row = row
        index = max(self._first_active, self._activity_index(row))
        self._active.drop(min(index - self._first_active, len(self._active)))
        self._first_active = index

    def _collect(self) -> tuple[Clip, Segments]:
        segments = self.take()
        count = len(segments.labels)
        spoken = self._together.count > 0
        whole = self._together.probabilities() if spoken else np.full(count, 1.0 / count)
        return decide(whole, labels=segments.labels, thresholds=segments.thresholds, speech=spoken), segments
