"""Statistics of one recording: duration, level, clipping, and a hash of its samples."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emotone.audio.read import probe, stream

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.types import Array, Hertz, Seconds

FULL_SCALE = 0.999  # 32735 of 32768: converters and codecs leave clipped samples a little below full scale


@dataclass(frozen=True, slots=True)
class SoundStatistics:
    """Statistics of one recording, all channels mixed.

    Attributes:
        rate: hertz.
        channels: their number.
        seconds: duration.
        peak: largest absolute sample; 1 is full scale.
        clipped: share of samples at full scale with a neighbour at full scale, 0 to 1. A single one is a peak.
        sha256: of the decoded samples, so that copies in other lossless formats are equal.

    """

    rate: Hertz
    channels: int
    seconds: Seconds
    peak: float
    clipped: float
    sha256: str


def measure(path: Path) -> SoundStatistics:
    """Return the statistics of a recording; memory does not grow with its duration.

    Raises:
        AudioError: it can't be read to its end.

    """
    info = probe(path)
    digest = hashlib.sha256()
    length = clipped = 0
    peak = 0.0
    for piece in stream(path, rate=info.rate):
        digest.update(np.ascontiguousarray(piece, dtype="<f4").data)
        level = np.abs(piece)
        length += len(piece)
        peak = max(peak, float(level.max(initial=0.0)))
        clipped += _clipped(level)
    return SoundStatistics(info.rate, info.channels, length / info.rate, peak, clipped / length, digest.hexdigest())


def _clipped(level: Array) -> int:
    """Return how many samples of `level` [time] are at full scale with a neighbour there."""
    if level.max(initial=0.0) < FULL_SCALE:
        return 0
    full = np.concatenate(([False], level >= FULL_SCALE, [False]))
    return int(np.count_nonzero(full[1:-1] & (full[:-2] | full[2:])))
