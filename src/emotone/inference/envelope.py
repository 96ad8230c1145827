"""The envelope of a recording: its waveform in at most 4000 points, computed while it is read.

Key idea: a point covers `step` samples, and there is room for `LIMIT` points. When the recording outgrows them, pairs
of points are merged and `step` doubles: the maximum of two maxima and the sum of two energies are exact. Recordings of
more than 16 s therefore have 2000 to 4000 points, and memory does not depend on the duration.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emotone.types import Array, Hertz, Seconds

LIMIT = 4000  # points: more than a picture has columns
FIRST_STEP: Seconds = 0.004  # per point, until the recording outgrows the limit


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
