"""Utterances: where they begin and end, and one while it lasts: its rows of features, its windows, and their sums.

An utterance begins with the first active frame and ends with the last active frame before 0.5 s without speech. Pauses
within a sentence are usually shorter; pauses between the turns of a conversation usually last less than a second.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from emotone.audio.speech_network import PER_SECOND
from emotone.features.base import VisualFeature
from emotone.features.windows import window_starts
from emotone.inference.buffers import FrameStream, RollingBuffer
from emotone.inference.pooling import ChangePointSegmenter, ContextPooler, Section, WindowPooler
from emotone.inference.segments import TIME_DIGITS, Segments

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from emotone.bundles.bundle import Bundle
    from emotone.bundles.head import EmbeddingHead
    from emotone.features.base import FaceTrack
    from emotone.types import Array, Seconds

PAUSE: Seconds = 0.5  # of silence that ends an utterance
PAUSE_FRAMES = round(PAUSE * PER_SECOND)
SHORT_PAUSE: Seconds = 0.2  # after which the result so far is worth stating: closures of plosives are shorter
SHORT_PAUSE_FRAMES = round(SHORT_PAUSE * PER_SECOND)


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

    @property
    def paused(self) -> bool:
        """Whether an utterance is open, and speech has paused for 0.2 s."""
        return self.start is not None and self.frames - self.last >= SHORT_PAUSE_FRAMES

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


class OpenUtterance:
    """One utterance while it lasts. Built by the engine.

    Args:
        bundle: the model.
        start: first sample of the utterance in the recording.
        batch: number of windows per network call.
        head: classifier of the embeddings instead of the bundle's own.
        faces: of the recording, for a front end whose rows contain them.

    Attributes:
        start: first sample of the utterance in the recording.

    """

    def __init__(
        self,
        bundle: Bundle,
        *,
        start: int,
        batch: int,
        head: EmbeddingHead | None = None,
        faces: FaceTrack | None = None,
    ) -> None:
        windows = bundle.manifest.windows
        self._bundle = bundle
        self._batch = batch
        self._head = head
        self.start = start
        self._faces = faces
        self._span = round(windows.seconds * bundle.feature.rate)  # samples of a whole window
        self._frames = FrameStream(bundle.feature)
        self._rows = RollingBuffer(np.zeros((0, bundle.feature.dimension), np.float32))
        self._first_row = 0  # of `_rows`, on the utterance's grid
        self._analysed = 0  # windows
        self._context = ContextPooler(windows.context)
        self._pooler = WindowPooler(windows.combine, labels=len(bundle.labels))
        self._sections = ChangePointSegmenter(windows, labels=len(bundle.labels)) if windows.speech_only else None
        self._centre = 0.0  # seconds, of the last window
        self._outputs: NDArray[np.float64] | None = None  # sum over the windows [values]

    @property
    def start_seconds(self) -> Seconds:
        """Its beginning in the recording."""
        return round(self.start / self._bundle.feature.rate, TIME_DIGITS)

    @property
    def embedding(self) -> Array | None:
        """Mean of the network's outputs over the windows so far [values]; None before the first window."""
        return None if self._outputs is None else (self._outputs / self._analysed).astype(np.float32)

    @property
    def novelty(self) -> float | None:
        """How unlike the training data it is, in [0, 1]; None before the first window, and if it is not known."""
        head = self._head or self._bundle.head
        return None if head is None or self.embedding is None else head.novelty(self.embedding)

    @property
    def probabilities(self) -> NDArray[np.float64] | None:
        """Combined probabilities [labels] of the windows so far; None before the first window."""
        return self._pooler.probabilities() if self._pooler.count else None

    def probabilities_so_far(self) -> NDArray[np.float64] | None:
        """Return the combined probabilities [labels] of the complete windows, or those of the part of the first one.

        None before the first row.
        """
        if self._pooler.count or not len(self._rows):
            return self.probabilities
        outputs = self._bundle.outputs(self._rows[: self._bundle.window_frames][np.newaxis])
        result: NDArray[np.float64] = self._bundle.probabilities_of(outputs, head=self._head)[0]
        return result

    @property
    def read(self) -> int:
        """The first sample that was not read."""
        return self.start + self._frames.samples

    def read_until(self, end: int, samples: Array) -> Iterator[Segments]:
        """Read the samples up to `end`, which belong to the utterance; yield the windows that were analysed."""
        if end > self.read:
            self._append(self._frames.push(samples))
        hop, window = self._bundle.hop_frames, self._bundle.window_frames
        by_rows = (self._frames.rows - window) // hop + 1
        by_samples = (self._frames.samples - self._span) // (hop * self._bundle.feature.hop) + 1
        ready = max(0, min(by_rows, by_samples) - self._analysed)
        while ready >= self._batch:
            yield self._analyse([(self._analysed + index) * hop for index in range(self._batch)], end=None)
            ready -= self._batch
            row = max(0, (self._analysed - 1) * hop)  # a window aligned to the end may start after this row
            self._rows.drop(row - self._first_row)
            self._first_row = row

    def copy(self) -> OpenUtterance:
        """Return an independent utterance in the same state, which can be finished while this one goes on."""
        bundle = self._bundle
        shared = (bundle, bundle.feature, bundle.manifest.windows, self._head, self._faces)  # never change
        return copy.deepcopy(self, {id(one): one for one in shared})

    def finish(self, end: int) -> tuple[Segments, list[Section]]:
        """Return the remaining windows, and the sections of the whole utterance, which ends at this sample."""
        self._append(self._frames.finish())
        bundle, window = self._bundle, self._bundle.window_frames
        rows = self._frames.rows
        least = bundle.manifest.windows.min_frames(bundle.feature)
        starts = window_starts(rows, window=window, hop=bundle.hop_frames, min_frames=least)[self._analysed :].tolist()
        if not starts and not self._analysed:
            starts = [0]  # shorter than a window should be, and all there is
        whole = sum(start + window <= rows for start in starts)
        batches = [starts[first : min(first + self._batch, whole)] for first in range(0, whole, self._batch)]
        batches += [[start] for start in starts[whole:]]  # of different lengths: no batch contains two of them
        segments = Segments.joined([no_segments(bundle), *(self._analyse(batch, end=end) for batch in batches)])
        if self._sections is None:
            return segments, [Section(self._centre, self._centre, self._pooler)]
        return segments, self._sections.finish()

    def _append(self, rows: Array) -> None:
        feature = self._bundle.feature
        if self._faces is not None and isinstance(feature, VisualFeature):
            first = self._frames.rows - len(rows)
            rows = feature.with_faces(rows, self._faces, start=self.start / feature.rate, first=first)
        self._rows.append(rows)

    def _analyse(self, starts: list[int], *, end: int | None) -> Segments:
        """Return the windows that start at these rows, all of the same length, as one batch."""
        bundle, rate = self._bundle, self._bundle.feature.rate
        first = [start - self._first_row for start in starts]
        outputs = bundle.outputs(np.stack([self._rows[row : row + bundle.window_frames] for row in first]))
        probabilities = bundle.probabilities_of(outputs, head=self._head)
        total = outputs.sum(axis=0, dtype=np.float64)
        self._outputs = total if self._outputs is None else self._outputs + total
        begin = self.start / rate + np.array(starts, np.float64) * bundle.feature.hop_seconds
        until = begin + bundle.manifest.windows.seconds
        if end is not None:
            until = np.minimum(until, end / rate)
        self._pooler.add(probabilities)
        if self._sections is not None:
            for centre, window in zip(((begin + until) / 2).tolist(), probabilities, strict=True):
                self._sections.add(centre, window)
        self._centre = float((begin[-1] + until[-1]) / 2)
        self._analysed += len(starts)
        manifest = bundle.manifest
        combined = self._context.push(probabilities)
        return Segments(manifest.labels, manifest.thresholds, begin, until, combined, outputs)


def no_segments(bundle: Bundle) -> Segments:
    """Return an empty sequence of a bundle's segments."""
    manifest = bundle.manifest
    labels = len(manifest.labels)
    values = labels if bundle.head is None else bundle.head.values
    probabilities, outputs = np.zeros((0, labels)), np.zeros((0, values), np.float32)
    return Segments(manifest.labels, manifest.thresholds, np.zeros(0), np.zeros(0), probabilities, outputs)
