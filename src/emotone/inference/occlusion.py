"""Parts of a recording, in time and in frequency, and the recording without them.

Contents:
    Moment, Band        parts with their importance
    moments_in          equal parts of utterances
    bands_below         parts of the spectrum
    muted, without_band a signal without parts
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from emotone.types import Array, Hertz, Seconds

FADE: Seconds = 0.01  # of muted parts: steps in the waveform would be clicks
# Hertz: the voice's fundamental, the first formant (two bands), the second (two bands), the third, and fricatives.
EDGES = (0, 250, 500, 1000, 2000, 3000, 4000, 8000)
TIME_DIGITS = 3


@dataclass(frozen=True, slots=True)
class Moment:
    """A stretch of speech.

    Attributes:
        start: seconds.
        end: seconds.
        importance: probability of the label with the whole recording minus that without this moment, in [-1, 1].

    """

    start: Seconds
    end: Seconds
    importance: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Band:
    """A band of frequencies, over the whole recording.

    Attributes:
        low: hertz.
        high: hertz.
        importance: probability of the label with all frequencies minus that without this band, in [-1, 1].

    """

    low: Hertz
    high: Hertz
    importance: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        return asdict(self)


def moments_in(spans: Iterable[tuple[Seconds, Seconds]], *, seconds: Seconds) -> tuple[Moment, ...]:
    """Return utterances (start, end), each divided into equal moments of about `seconds`.

    Example:
        >>> [(one.start, one.end) for one in moments_in([(0.0, 0.7), (1.0, 1.1)], seconds=0.3)]
        [(0.0, 0.35), (0.35, 0.7), (1.0, 1.1)]

    """
    found = []
    for start, end in spans:
        count = max(1, round((end - start) / seconds))
        edges = np.linspace(start, end, count + 1).round(TIME_DIGITS).tolist()
        found += [Moment(first, last) for first, last in pairwise(edges)]
    return tuple(found)


def bands_below(limit: float) -> tuple[Band, ...]:
    """Return the bands below a frequency in hertz; the last one ends there or at 8 kHz."""
    edges = [edge for edge in EDGES if edge < limit]
    return tuple(
        Band(low, high) for low, high in zip(edges, [*edges[1:], min(EDGES[-1], int(limit))], strict=True) if low < high
    )


def muted(signal: Array, moments: Iterable[Moment], *, rate: Hertz) -> Array:
    """Return a copy of a signal [time] in which moments are digital silence, with fades inside them."""
    silenced = signal.copy()
    for start, end in _merged(moments):
        first, last = (min(len(signal), round(edge * rate)) for edge in (start, end))
        fade = min(round(FADE * rate), (last - first) // 2)
        ramp = np.linspace(1, 0, fade, endpoint=False, dtype=np.float32)
        silenced[first : first + fade] *= ramp
        silenced[first + fade : last - fade] = 0
        silenced[last - fade : last] *= ramp[::-1]
    return silenced


def _merged(moments: Iterable[Moment]) -> list[tuple[Seconds, Seconds]]:
    """Return start and end of moments in order; those that follow each other without a gap are one."""
    spans: list[tuple[Seconds, Seconds]] = []
    for moment in sorted(moments, key=lambda moment: moment.start):
        if spans and spans[-1][1] == moment.start:
            spans[-1] = (spans[-1][0], moment.end)
        else:
            spans.append((moment.start, moment.end))
    return spans


def without_band(signal: Array, band: Band, *, rate: Hertz) -> Array:
    """Return a copy of a signal [time] without the frequencies from `band.low` to below `band.high`."""
    spectrum = np.fft.rfft(signal)
    frequencies = np.fft.rfftfreq(len(signal), 1 / rate)
    spectrum[(frequencies >= band.low) & (frequencies < band.high)] = 0
    return np.fft.irfft(spectrum, len(signal)).astype(np.float32)
