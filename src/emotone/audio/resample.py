"""Change of the sampling rate, streamed: the same samples come out whatever pieces they go in by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from emotone.types import Array, Hertz


class Resampler:
    """One channel's signal from one rate to another; nothing is changed where the rates agree.

    Pieces come out later than they went in (the filter looks ahead), and all of them together hold
    round(length * to / rate) samples, aligned with the input: the delay of the filter is taken out.

    Args:
        rate: of what is pushed.
        to: of what comes out.

    Reference:
        R. Sykes, "The SoX Resampler library", high quality (HQ): linear phase, pass band to 91 % of the lower Nyquist.

    Example:
        >>> resampler = Resampler(48000, to=16000)
        >>> pieces = [resampler.push(np.zeros(4800, np.float32)), resampler.finish()]
        >>> len(np.concatenate(pieces))
        1600

    """

    def __init__(self, rate: Hertz, *, to: Hertz) -> None:
        self._stream = None
        if rate != to:
            import soxr  # only where it is needed: most corpora already have the rate of the model

            self._stream = soxr.ResampleStream(rate, to, 1, dtype="float32", quality="HQ")

    def push(self, samples: Array) -> Array:
        """Return what is ready after these samples [time]; perhaps nothing yet."""
        if self._stream is None:
            return samples
        out: Array = self._stream.resample_chunk(np.ascontiguousarray(samples))
        return out

    def finish(self) -> Array:
        """Return the rest; nothing may be pushed afterwards."""
        rest = np.zeros(0, np.float32)
        if self._stream is not None:
            rest = self._stream.resample_chunk(rest, last=True)
        return rest


def resampled(pieces: Iterable[Array], *, rate: Hertz, to: Hertz) -> Iterator[Array]:
    """Yield pieces [time] at the rate `to` from pieces at `rate`; pieces with nothing in them are left out."""
    resampler = Resampler(rate, to=to)
    for piece in pieces:
        out = resampler.push(piece)
        if out.size:
            yield out
    out = resampler.finish()
    if out.size:
        yield out


def resample(signal: Array, *, rate: Hertz, to: Hertz) -> Array:
    """Return the whole signal [time] at the rate `to`: the same samples as `Resampler` gives in pieces.

    Example:
        >>> resample(np.ones(8, np.float32), rate=16000, to=16000)
        array([1., 1., 1., 1., 1., 1., 1., 1.], dtype=float32)

    """
    if rate == to:
        return signal
    pieces = list(resampled([signal], rate=rate, to=to))
    return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
