"""The inference engine: audio in, utterances with their windows out. Files, arrays and sessions all use it.

The activity detector finds utterances, and only their audio reaches the model. Windows are placed on the utterance's
own grid: at 0, hop, 2 hop ... from its first sample while they fit, plus one that is aligned to its end (see
`emotone.features.windows`); an utterance shorter than a window is one window. Silence before, after and between
utterances therefore changes no result. The windows of an utterance are divided into sections where the emotion changes
(`emotone.inference.pooling`), and the clip is the mean of all sections, weighted by duration.

A bundle may also analyse windows without speech (`windows.speech_only = false`, as some publications do). The whole
recording then counts as one utterance, which is not divided.

A window is analysed as soon as it is certain to lie inside an utterance, whatever the sizes of the pieces in which the
audio arrives. A few seconds of audio are kept, and about a minute of an utterance's probabilities.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from emotone.audio.samples import Resampler
from emotone.audio.speech_network import PER_SECOND, RATE, NetworkDetector
from emotone.errors import TooShortError
from emotone.inference.buffers import RollingBuffer
from emotone.inference.events import UtteranceEnd, UtteranceInterim, UtteranceStart
from emotone.inference.pooling import DurationPooler
from emotone.inference.segments import TIME_DIGITS, Segments, UtteranceSegment, decide, decide_label, rounded
from emotone.inference.utterances import PAUSE, Boundary, OpenUtterance, UtteranceDetector, no_segments

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from emotone.bundles.bundle import Bundle
    from emotone.features.base import FaceTrack
    from emotone.inference.pooling import Section
    from emotone.inference.running_adaptation import RunningAdaptation
    from emotone.inference.segments import Clip
    from emotone.types import Array, Seconds

# Seconds of samples, and windows, processed at a time. Twice as many are no faster, and the larger temporary arrays
# fragment memory: a two-hour recording then needs a tenth more than one of ten minutes, instead of a hundredth.
BLOCK_SECONDS = 10
BATCH = 8
MAX_BATCH = 16
MIN_SECONDS = 0.1  # shorter recordings are refused
RESAMPLING: Seconds = 0.3  # upper bound of the delay of the detector's resampled copy
INTERIM_SECONDS = 1  # of an utterance between two interim results

EngineEvent: TypeAlias = UtteranceStart | Segments | UtteranceInterim | UtteranceEnd


@dataclass(frozen=True, eq=False)
class _Ending:
    """The result of an utterance if it ends at a sample.

    Attributes:
        sample: its end.
        segments: its last windows.
        event: what is reported.
        parts: unrounded probabilities [labels] of the parts of the event.
        novelty: of the utterance, unrounded; None if it is not known.
        embedding: of the utterance [values]; None without windows.

    """

    sample: int
    segments: Segments
    event: UtteranceEnd
    parts: list[NDArray[np.float64]]
    novelty: float | None
    embedding: Array | None


@dataclass(frozen=True, eq=False)
class Analysis:
    """The result of one recording.

    Attributes:
        duration: seconds.
        clip: the whole recording.
        segments: all windows, in order.
        utterances: all sections, in order.

    """

    duration: Seconds
    clip: Clip
    segments: Segments
    utterances: tuple[UtteranceSegment, ...]


class Engine:
    """Analyses one recording, pushed in blocks of any size. Make a new engine for the next recording.

    Args:
        bundle: the model.
        batch: number of windows per network call, at most 16. Windows wait until a batch is full or their utterance
            ends; 1 waits for none. A model with a head is always called with one window: its 8-bit network scales all
            activations of a call alike, so that a window's result would depend on the others.
        adaptation: replaces the statistics of each utterance's head by those of the utterances before it.
        interim: return an interim result after every second of an utterance, and when speech has paused for 0.2 s.
            Before the first window of the utterance is complete, the former is one more run of the network. The latter
            is one more only if the utterance continues.
        faces: of the recording, for a front end whose rows contain them.

    Example:
        >>> engine = Engine(bundle)  # doctest: +SKIP
        >>> for block in blocks: events = engine.push(block)  # doctest: +SKIP
        >>> events = engine.finish()  # doctest: +SKIP
        >>> engine.clip()  # doctest: +SKIP

    """

    def __init__(
        self,
        bundle: Bundle,
        *,
        batch: int = BATCH,
        adaptation: RunningAdaptation | None = None,
        interim: bool = False,
        faces: FaceTrack | None = None,
    ) -> None:
        if not 1 <= batch <= MAX_BATCH:
            raise ValueError(f"batch must be from 1 to {MAX_BATCH}; given {batch}")
        self._bundle = bundle
        self._batch = batch if bundle.head is None else 1
        self._adaptation = adaptation
        self._interim = interim
        self._reported = 0  # interim results that the open utterance is old enough for
        self._faces = faces
        self._rate = bundle.feature.rate
        self._speech_only = bundle.manifest.windows.speech_only
        self._activity = NetworkDetector()
        self._for_activity = Resampler(self._rate, to=RATE)  # some front ends have another rate
        self._detector = UtteranceDetector()
        self._sound = RollingBuffer(np.zeros(0, np.float32))
        self._kept = round((PAUSE + NetworkDetector.lookahead + RESAMPLING) * self._rate)
        self._total = 0  # samples pushed
        self._utterance: OpenUtterance | None = None
        self._ending: _Ending | None = None  # of the open utterance, at its last pause
        self._label: str | None = None  # of the last section
        self._clip = DurationPooler(labels=len(bundle.labels))
        self._novelty = DurationPooler(labels=1)

    @property
    def duration(self) -> Seconds:
        """Seconds of audio so far."""
        return round(self._total / self._rate, TIME_DIGITS)

    @property
    def missing(self) -> int:
        """Number of samples without which `push` returns nothing; 1 where it is not known."""
        return self._activity.missing if self._speech_only and self._rate == RATE else 1

    def push(self, samples: Array) -> list[EngineEvent]:
        """Return what the samples [time], float32 at the front end's rate, complete.

        Raises:
            BundleError: the network fails.

        """
        block = BLOCK_SECONDS * self._rate
        events: list[EngineEvent] = []
        for start in range(0, len(samples), block):
            part = samples[start : start + block]
            self._append(part)
            active = self._activity.push(self._for_activity.push(part)) if self._speech_only else None
            events += self._follow(self._boundaries(active))
            self._sound.drop(max(0, len(self._sound) - max(self._kept, self._unread())))
        return events

    def finish(self, samples: Array | None = None) -> list[EngineEvent]:
        """Return what the end of the recording completes.

        Args:
            samples: the last samples [time], if there are any left. A short recording costs less if it is passed here
                at once.

        Raises:
            TooShortError: the recording is shorter than 0.1 s, or than the bundle's windows require where the whole
                recording counts as one utterance.
            BundleError: the network fails.

        """
        rest = np.zeros(0, np.float32) if samples is None else samples
        events: list[EngineEvent] = []
        block = BLOCK_SECONDS * self._rate
        if len(rest) > block:
            whole = (len(rest) - 1) // block * block
            events += self.push(rest[:whole])
            rest = rest[whole:]
        self._append(rest)
        self._check_length()
        boundaries: list[Boundary] = []
        if self._speech_only:
            last = np.concatenate([self._for_activity.push(rest), self._for_activity.finish()])
            boundaries = self._boundaries(self._activity.finish(last))
            boundaries += self._detector.finish()
        else:
            boundaries = [*self._boundaries(None), Boundary(0, -(-self._total * PER_SECOND // self._rate))]
        return events + self._follow(boundaries)

    def clip(self) -> Clip:
        """Return the result of all utterances that have ended."""
        known = self._novelty.seconds > 0
        novelty = float(self._novelty.probabilities()[0]) if known else None
        return self._decide(self._clip.probabilities(), speech=self._clip.seconds > 0, novelty=novelty)

    def _append(self, samples: Array) -> None:
        self._sound.append(samples)
        self._total += len(samples)

    def _check_length(self) -> None:
        required = MIN_SECONDS if self._speech_only else max(MIN_SECONDS, self._bundle.manifest.windows.min_seconds)
        if self._total < round(required * self._rate):
            raise TooShortError(
                f"too short to analyse: {self._total / self._rate:.3f} s; at least {required:g} s are required"
            )

    def _boundaries(self, active: NDArray[np.bool_] | None) -> list[Boundary]:
        if active is not None:
            return self._detector.push(active)
        return [Boundary(0, None)] if self._utterance is None and self._total else []

    def _unread(self) -> int:
        """Return how many of the latest samples the open utterance has not read."""
        return 0 if self._utterance is None else self._total - self._utterance.read

    def _sample(self, frame: int) -> int:
        return min(frame * self._rate // PER_SECOND, self._total)

    def _follow(self, boundaries: Sequence[Boundary]) -> list[EngineEvent]:
        events: list[EngineEvent] = []
        for boundary in boundaries:
            if boundary.end is None:
                self._utterance = self._opened(self._sample(boundary.start))
                events.append(UtteranceStart(self._utterance.start_seconds))
            elif self._utterance is not None:
                events += self._closed(self._utterance, self._sample(boundary.end))
                self._utterance = None
        if self._utterance is not None:
            certain = self._sample(self._detector.last) if self._speech_only else self._total
            events += self._read(self._utterance, certain)
            if self._interim:
                events += self._interim_results(self._utterance, certain)
        return events

    def _interim_results(self, utterance: OpenUtterance, certain: int) -> list[EngineEvent]:
        """Return the result so far if another second of the utterance, or its speech before a pause, is complete.

        Both end at or before the sample `certain`, where the last speech ended.
        """
        found: list[EngineEvent] = []
        start = utterance.start_seconds
        count = (certain - utterance.start) // (INTERIM_SECONDS * self._rate)
        if count > self._reported:
            self._reported = count
            probabilities = utterance.probabilities_so_far()
            if probabilities is not None:
                time = round(start + count * INTERIM_SECONDS, TIME_DIGITS)
                found.append(UtteranceInterim(time, start, self._decide(probabilities, speech=True)))
        if self._detector.paused and (self._ending is None or self._ending.sample < certain):
            self._ending = self._ended(utterance.copy(), certain)
            found.append(UtteranceInterim(self._ending.event.time, start, self._ending.event.clip, paused=True))
        return found

    def _opened(self, start: int) -> OpenUtterance:
        self._reported = 0
        self._ending = None
        head = None if self._adaptation is None else self._adaptation.head
        return OpenUtterance(self._bundle, start=start, batch=self._batch, head=head, faces=self._faces)

    def _read(self, utterance: OpenUtterance, end: int) -> Iterable[Segments]:
        """Return the windows that the samples of the utterance up to `end` complete."""
        dropped = self._total - len(self._sound)
        samples = self._sound[utterance.read - dropped : max(end, utterance.read) - dropped]
        return utterance.read_until(end, samples)

    def _ended(self, utterance: OpenUtterance, end: int) -> _Ending:
        """Finish an utterance that ends at this sample; its parts follow each other without gap or overlap."""
        manifest = self._bundle.manifest
        segments, sections = utterance.finish(end)
        start, until = utterance.start_seconds, round(end / self._rate, TIME_DIGITS)
        merged = sections[:1]
        for section in sections[1:]:
            if self._label_of(merged[-1]) == self._label_of(section):
                merged[-1].pooler.merge(section.pooler)
                merged[-1].last = section.last
            else:
                merged.append(section)
        cuts = [round((one.last + other.first) / 2, TIME_DIGITS) for one, other in pairwise(merged)]
        probabilities = [section.pooler.probabilities() for section in merged]
        whole, before = DurationPooler(labels=len(manifest.labels)), self._label
        parts = []
        for first, last, found in zip([start, *cuts], [*cuts, until], probabilities, strict=True):
            whole.add(found, seconds=last - first)
            by_label = rounded(found, labels=manifest.labels)
            label, unsure = decide_label(by_label, manifest.thresholds)
            parts.append(UtteranceSegment(first, last, label, unsure, by_label, before not in {None, label}))
            before = label
        novelty = utterance.novelty
        clip = self._decide(whole.probabilities(), speech=whole.seconds > 0, novelty=novelty)
        event = UtteranceEnd(until, start, clip, tuple(parts))
        return _Ending(end, segments, event, probabilities, novelty, utterance.embedding)

    def _closed(self, utterance: OpenUtterance, end: int) -> list[EngineEvent]:
        """Return the last events of an utterance that ends at this sample, and add its result to that of the clip."""
        events: list[EngineEvent] = [*self._read(utterance, end)]
        ending = self._ending
        if ending is None or ending.sample != end:
            ending = self._ended(utterance, end)
        event = ending.event
        for part, probabilities in zip(event.parts, ending.parts, strict=True):
            self._clip.add(probabilities, seconds=part.end - part.start)
            self._label = part.label
        if ending.novelty is not None and event.time > event.start:
            self._novelty.add(np.array([ending.novelty]), seconds=event.time - event.start)
        if self._adaptation is not None and ending.embedding is not None:
            self._adaptation.add(ending.embedding)
        return [*events, *([ending.segments] if len(ending.segments) else []), event]

    def _label_of(self, section: Section) -> str:
        manifest = self._bundle.manifest
        by_label = rounded(section.pooler.probabilities(), labels=manifest.labels)
        return decide_label(by_label, manifest.thresholds)[0]

    def _decide(self, probabilities: NDArray[np.float64], *, speech: bool, novelty: float | None = None) -> Clip:
        labels, thresholds = self._bundle.labels, self._bundle.manifest.thresholds
        return decide(probabilities, labels=labels, thresholds=thresholds, speech=speech, novelty=novelty)


class Analyser:
    """Collects the analysis of one recording that is pushed in blocks.

    Args:
        bundle: the model.
        faces: as in `Engine`.

    """

    def __init__(self, bundle: Bundle, *, faces: FaceTrack | None = None) -> None:
        self._engine = Engine(bundle, faces=faces)
        self._windows = [no_segments(bundle)]
        self._utterances: list[UtteranceSegment] = []
        self._waiting: Array | None = None

    def push(self, samples: Array) -> None:
        """Add samples [time], float32 at the front end's rate.

        Raises:
            BundleError: the network fails.

        """
        if self._waiting is not None:
            self._collect(self._engine.push(self._waiting))
        self._waiting = samples  # the last block costs less if it is analysed together with the end

    def finish(self) -> Analysis:
        """Return the analysis of all samples.

        Raises:
            TooShortError: see `Engine.finish`.
            BundleError: the network fails.

        """
        self._collect(self._engine.finish(self._waiting))
        segments = Segments.joined(self._windows)
        return Analysis(self._engine.duration, self._engine.clip(), segments, tuple(self._utterances))

    def _collect(self, events: list[EngineEvent]) -> None:
        for event in events:
            if isinstance(event, Segments):
                self._windows.append(event)
            elif isinstance(event, UtteranceEnd):
                self._utterances.extend(event.parts)


def analyse(bundle: Bundle, blocks: Iterable[Array], *, faces: FaceTrack | None = None) -> Analysis:
    """Return the analysis of a whole recording.

    Args:
        bundle: the model.
        blocks: of samples [time], float32 at the front end's rate.
        faces: as in `Engine`.

    Raises:
        TooShortError: see `Engine.finish`.
        BundleError: the network fails.

    """
    analyser = Analyser(bundle, faces=faces)
    for block in blocks:
        analyser.push(block)
    return analyser.finish()
