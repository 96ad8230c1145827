"""Streamed change of the sampling rate: the same samples, whatever the sizes of the pieces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from emotone.types import Array, Hertz


class Resampler:
    """Resamples a signal [time], or blocks [time, channels]; nothing is changed where the rates agree.

    Output comes later than its input (the filter looks ahead). In total there are round(length * to / rate) samples,
    aligned with the input: the delay of the filter is compensated.

    Args:
        rate: hertz of the input.
        to: hertz of the output.
        channels: None for signals [time], else the number of columns.

    Reference:
        R. Sykes, "The SoX Resampler library", high quality (HQ): linear phase, pass band to 91 % of the lower Nyquist.

    Example:
        >>> resampler = Resampler(48000, to=16000)
        >>> pieces = [resampler.push(np.zeros(4800, np.float32)), resampler.finish()]
        >>> len(np.concatenate(pieces))
        1600

    """

    def __init__(self, rate: Hertz, *, to: Hertz, channels: int | None = None) -> None:
        self._stream = None
        self._shape = () if channels is None else (channels,)
        if rate != to:
            import soxr  # only where it is needed: most corpora have the rate of the model

            self._stream = soxr.ResampleStream(rate, to, channels or 1, dtype="float32", quality="HQ")

    def push(self, samples: Array) -> Array:
        """Return what is ready after these samples; possibly nothing."""
        if self._stream is None:
            return samples
        return self._shaped(self._stream.resample_chunk(np.ascontiguousarray(samples)))

    def finish(self) -> Array:
        """Return the rest; nothing may be pushed afterwards."""
        rest = np.zeros((0, *self._shape), np.float32)
        if self._stream is not None:
            rest = self._shaped(self._stream.resample_chunk(rest, last=True))
        return rest

    def _shaped(self, samples: Array) -> Array:
        # soxr returns [time, 1] or [time] for one channel, depending on its input
        return samples.reshape(-1, *self._shape)


def resampled(pieces: Iterable[Array], *, rate: Hertz, to: Hertz) -> Iterator[Array]:
    """Yield pieces [time] at the rate `to` from pieces at `rate`; empty pieces are left out."""
    return _nonempty(Resampler(rate, to=to), pieces)


def resampled_channels(blocks: Iterable[Array], *, rate: Hertz, to: Hertz) -> Iterator[Array]:
    """Yield blocks [time, channels] at the rate `to` from blocks at `rate`; empty blocks are left out."""
    resampler: Resampler | None = None
    for block in blocks:
        resampler = resampler or Resampler(rate, to=to, channels=block.shape[1])
        out = resampler.push(block)
        if out.size:
            yield out
    if resampler is not None:
        out = resampler.finish()
        if out.size:
            yield out


def _nonempty(resampler: Resampler, pieces: Iterable[Array]) -> Iterator[Array]:
    for piece in pieces:
        out = resampler.push(piece)
        if out.size:
            yield out
    out = resampler.finish()
    if out.size:
        yield out


def resample(signal: Array, *, rate: Hertz, to: Hertz) -> Array:
    """Return the whole signal [time] at the rate `to`: the samples that `Resampler` returns in pieces.

    Example:
        >>> resample(np.ones(8, np.float32), rate=16000, to=16000)
        array([1., 1., 1., 1., 1., 1., 1., 1.], dtype=float32)

    """
    if rate == to:
        return signal
    pieces = list(resampled([signal], rate=rate, to=to))
    return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
