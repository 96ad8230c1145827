"""What is kept of a stream: the samples or rows that are still needed, rows of a front end, and the envelope.

Key idea of the envelope, the waveform in at most `LIMIT` points: a point covers `step` samples. When the recording
outgrows the points, pairs of them are merged and `step` doubles: the maximum of two maxima and the sum of two energies
are exact. Recordings of more than 16 s therefore have 2000 to 4000 points, and memory does not depend on the duration.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

from emotone.features.windows import pads_end

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emotone.features.base import Feature
    from emotone.types import Array, Hertz, Seconds

Value = TypeVar("Value", bound=np.generic)

LIMIT = 4000  # points: more than a picture has columns
FIRST_STEP: Seconds = 0.004  # per point, until the recording outgrows the limit


class RollingBuffer(Generic[Value]):
    """An array [time, ...] that grows at its end and shrinks at its start.

    Capacity is doubled when it runs out, so appending a piece copies the buffer only rarely: a live stream appends
    fifty pieces per second.

    Args:
        empty: array [0, ...] with the dtype and the trailing shape of the values.

    Example:
        >>> buffer = RollingBuffer(np.zeros(0, np.float32))
        >>> buffer.append(np.arange(5, dtype=np.float32))
        >>> buffer.drop(3)
        >>> len(buffer), buffer[0:2].tolist()
        (2, [3.0, 4.0])

    """

    def __init__(self, empty: NDArray[Value]) -> None:
        self._storage = empty
        self._first = 0
        self._end = 0

    def __len__(self) -> int:
        return self._end - self._first

    def __getitem__(self, part: slice) -> NDArray[Value]:
        """Return a view that is valid until the next `append`."""
        return self._storage[self._first : self._end][part]

    def append(self, values: NDArray[Value]) -> None:
        """Add values [new, ...] at the end."""
        if not len(values):
            return
        end = self._end + len(values)
        if end > len(self._storage):
            kept = self[:]
            shape: tuple[Any, ...] = (2 * (len(kept) + len(values)), *self._storage.shape[1:])
            self._storage = np.empty(shape, self._storage.dtype)
            self._storage[: len(kept)] = kept
            self._first, self._end, end = 0, len(kept), len(kept) + len(values)
        self._storage[self._end : end] = values
        self._end = end

    def drop(self, count: int) -> None:
        """Remove the first `count` values."""
        self._first += count


class FrameStream:
    """The rows of a front end, as soon as their samples have arrived; the same rows for any pieces.

    Row i depends on the samples [i * hop, i * hop + window), so only the samples from the start of the first
    incomplete row are kept: fewer than `window`. Where a front end pads the end, the rows after the last complete one
    wait for `finish`, because more samples may follow.

    Example:
        >>> import numpy as np
        >>> from emotone.features.front_ends.log_mel import LogMel
        >>> stream = FrameStream(LogMel())
        >>> len(stream.push(np.zeros(300, np.float32))), len(stream.push(np.zeros(300, np.float32)))
        (0, 2)

    """

    def __init__(self, feature: Feature) -> None:
        self._feature = feature
        self._kept: Array = np.zeros(0, np.float32)
        self.samples = 0
        self.rows = 0

    def push(self, samples: Array) -> Array:
        """Return the rows [new, dimension] that the samples [time] complete."""
        feature = self._feature
        self.samples += len(samples)
        signal = np.concatenate([self._kept, samples]) if len(self._kept) else samples
        if len(signal) < feature.window:
            self._kept = signal.copy()  # a view would keep the whole block in memory
            return np.zeros((0, feature.dimension), np.float32)
        rows = 1 + (len(signal) - feature.window) // feature.hop
        self._kept = signal[rows * feature.hop :].copy()
        self.rows += rows
        return feature.compute(signal[: (rows - 1) * feature.hop + feature.window])[:rows]

    def finish(self) -> Array:
        """Return the single row of a signal shorter than a window, or the padded rows; otherwise no rows."""
        feature = self._feature
        if self.rows and not (pads_end(feature) and len(self._kept)):
            return np.zeros((0, feature.dimension), np.float32)
        rows = feature.compute(self._kept)
        self.rows += len(rows)
        return rows


@dataclass(frozen=True, eq=False)
class Envelope:
    """The waveform of a recording, summarised.

    Attributes:
        step: seconds per point.
        peak: largest absolute sample of each point [points], full scale 1.
        rms: root mean square of each point [points].

    """

    step: Seconds
    peak: NDArray[np.float32]
    rms: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.peak)

    def __repr__(self) -> str:
        return f"<Envelope of {len(self)} points, {self.step:g} s each>"


class EnvelopeMeter:
    """Measures the envelope of samples that arrive in blocks of any size.

    Args:
        rate: hertz.

    Example:
        >>> meter = EnvelopeMeter(16000)
        >>> meter.add(np.full(8000, 0.5, np.float32))
        >>> meter.envelope()
        <Envelope of 125 points, 0.004 s each>

    """

    def __init__(self, rate: Hertz) -> None:
        self._rate = rate
        self._step = max(1, round(FIRST_STEP * rate))  # samples
        self._peak = np.zeros(LIMIT, np.float32)
        self._energy = np.zeros(LIMIT)
        self._total = 0

    @property
    def seconds(self) -> Seconds:
        """Seconds of audio so far."""
        return self._total / self._rate

    def add(self, samples: Array) -> None:
        """Add samples [time]."""
        if not len(samples):
            return
        end = self._total + len(samples)
        while end > LIMIT * self._step:
            self._merge()
        first = self._total // self._step
        starts = np.arange(first, -(-end // self._step)) * self._step - self._total
        starts[0] = 0
        points = slice(first, first + len(starts))
        self._peak[points] = np.maximum(self._peak[points], np.maximum.reduceat(np.abs(samples), starts))
        self._energy[points] += np.add.reduceat(np.square(samples, dtype=np.float64), starts)
        self._total = end

    def envelope(self) -> Envelope:
        """Return the envelope of all samples so far."""
        points = -(-self._total // self._step)
        counts = np.full(points, self._step)
        if points:
            counts[-1] = self._total - (points - 1) * self._step
        rms = np.sqrt(self._energy[:points] / counts).astype(np.float32)
        return Envelope(self._step / self._rate, self._peak[:points].copy(), rms)

    def _merge(self) -> None:
        half = LIMIT // 2
        self._peak[:half] = self._peak.reshape(half, 2).max(axis=1)
        self._energy[:half] = self._energy.reshape(half, 2).sum(axis=1)
        self._peak[half:] = 0
        self._energy[half:] = 0
        self._step *= 2
