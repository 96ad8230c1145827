"""Limits, scaling to float32, mixing down, resampling, and the checks that samples pass once, where they enter.

Conventions: a decoded block is [frames, channels]; a waveform given in Python is [channels, time]; a signal is [time].

    to_float32         any sample type to float32, full scale = 1
    pick_channel       a block to the signal of one channel, or of the mean of all
    check_rate         4 kHz to 192 kHz
    check_channels     1 to 64
    check_channel      an existing one
    check_finite       no NaN, no infinity
    decoded            bytes of a known encoding to an array
    as_samples         all of these, for samples given in Python
    resample           another sampling rate; `Resampler` in pieces: the same samples, whatever their sizes
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from emotone.errors import ChannelError, EmptyAudioError, NotFiniteError, RateError, UsageError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import ArrayLike, NDArray

    from emotone.types import Array, Hertz, Waveform


Channel: TypeAlias = int | Literal["mix"]
"""A channel, counted from 0, or "mix": the mean of all (see `emotone.audio.streams` for channels that cancel)."""

Encoding: TypeAlias = Literal["s16le", "f32le"]
ENCODINGS: dict[str, str] = {"s16le": "<i2", "f32le": "<f4"}
"""Encodings of raw bytes, with their NumPy types."""

MIN_RATE: Hertz = 4_000  # half the rate of telephone speech: below, the timbre of a voice is lost
MAX_RATE: Hertz = 192_000  # of studio converters
MAX_CHANNELS = 64
MAX_SAMPLE = 1e10  # full scale is 1, or 2**31 in float files that contain integers; more is damage


def to_float32(samples: NDArray[Any], *, name: str) -> Array:
    """Return samples of any supported type as float32 with full scale 1.

    Args:
        samples: of any shape and byte order; float16/32/64 keep their values, int16 is divided by 32768, int32 by
            2**31, uint8 is centred at 128 and divided by 128.
        name: how a message names them.

    Raises:
        UsageError: another type.

    """
    kind = samples.dtype
    if kind == np.float32:
        return samples
    if kind.newbyteorder("=") == np.int16:
        return samples.astype(np.float32) * np.float32(2.0**-15)
    if kind.newbyteorder("=") == np.int32:
        return samples.astype(np.float32) * np.float32(2.0**-31)
    if kind == np.uint8:
        return (samples.astype(np.float32) - np.float32(128)) * np.float32(2.0**-7)
    if kind.kind == "f":
        with np.errstate(over="ignore"):  # what float32 can't represent becomes infinite, and is refused as such
            return samples.astype(np.float32)
    raise UsageError(f"{name}: samples of type {kind} were given; allowed: float16/32/64, int16, int32, uint8")


def pick_channel(block: Array, channel: Channel) -> Array:
    """Return a new signal [time] from a block [frames, channels]: one channel, or the mean of all.

    The mean adds channel by channel, in order, so that it does not depend on how long the block is.
    """
    if channel != "mix":
        return block[:, channel].copy()
    signal = block[:, 0].copy()
    if block.shape[1] > 1:
        with np.errstate(over="ignore", invalid="ignore"):  # infinities are found by `check_finite`
            for index in range(1, block.shape[1]):
                signal += block[:, index]
            signal *= np.float32(1 / block.shape[1])
    return signal


def check_rate(rate: float, *, name: str) -> Hertz:
    """Return the rate as a whole number of hertz.

    Raises:
        UsageError: not a number.
        RateError: not a whole number from 4 000 to 192 000.

    """
    if isinstance(rate, bool) or not isinstance(rate, int | float | np.integer | np.floating):
        raise UsageError(f"{name}: the rate {rate!r} was given; allowed: a number of hertz, e.g. rate=16000")
    if not (MIN_RATE <= rate <= MAX_RATE and rate == int(rate)):
        raise RateError(
            f"{name}: a sampling rate of {rate:g} Hz was given; allowed: whole numbers from {MIN_RATE} to {MAX_RATE}"
        )
    return int(rate)


def check_channels(channels: int, *, name: str) -> int:
    """Return the number of channels.

    Raises:
        RateError: none, or more than 64.

    """
    if not 1 <= channels <= MAX_CHANNELS:
        raise RateError(f"{name}: {channels} channels were given; allowed: 1 to {MAX_CHANNELS}")
    return channels


def check_channel(channel: Channel, *, channels: int, name: str) -> Channel:
    """Return the requested channel.

    Raises:
        UsageError: neither "mix" nor a whole number.
        ChannelError: the recording has no such channel.

    """
    if channel == "mix":
        return channel
    try:
        index = operator.index(channel)
    except TypeError:
        raise UsageError(f"channel {channel!r} was given; allowed: 'mix' or a number from 0") from None
    if not 0 <= index < channels:
        allowed = "0" if channels == 1 else f"0 to {channels - 1}"
        raise ChannelError(
            f"{name}: channel {index} was requested, but there {_are(channels)}; allowed: {allowed}, or 'mix'"
        )
    return index


def check_finite(signal: Array, *, rate: Hertz, name: str, offset: int = 0) -> Array:
    """Return the signal [time] itself.

    Args:
        signal: samples.
        rate: hertz, to report the time of the first bad one.
        name: how the message names the recording.
        offset: samples that came before.

    Raises:
        NotFiniteError: a sample is NaN, infinite, or more than 1e10 times full scale.

    """
    # Without a temporary array, and a quarter of the time of max and min in a piece of 20 ms. The position of the
    # maximum is that of a NaN if there is one, which makes the comparison false.
    if signal.size == 0 or (signal[signal.argmax()] <= MAX_SAMPLE and signal[signal.argmin()] >= -MAX_SAMPLE):
        return signal
    bad = int(np.argmin(np.abs(signal) <= MAX_SAMPLE))
    raise NotFiniteError(
        f"{name}: the sample at {(offset + bad) / rate:.3f} s is {signal[bad]:g}; allowed: finite numbers, "
        "full scale 1; fix the program that wrote it"
    )


def as_samples(
    samples: ArrayLike,
    rate: float,
    *,
    channels: int | None = None,
    encoding: Encoding | None = None,
    offset: int = 0,
) -> Waveform:
    """Return samples given in Python as a waveform [channels, time], float32, full scale 1.

    Args:
        samples: [time] or [channels, time]; float, int16, int32 or uint8 in any byte order (see `to_float32`). With
            `encoding`, the bytes of interleaved samples.
        rate: hertz, 4 000 to 192 000.
        channels: number of channels, which makes other shapes unambiguous: [time, channels], and [time * channels] of
            interleaved samples. Without it, a block with at least as many rows as columns is refused.
        encoding: of bytes: "s16le" or "f32le".
        offset: samples that came before, to report the time of one that is not finite.

    Raises:
        UsageError: bytes without an encoding, or a type, shape or rate that is no waveform.
        RateError: a rate or number of channels outside what is allowed, or a shape that looks like [time, channels].
        EmptyAudioError: no samples.
        NotFiniteError: a sample is NaN or infinite.

    Example:
        >>> as_samples(np.array([0, 16384], dtype=np.int16), 16000)
        array([[0. , 0.5]], dtype=float32)
        >>> as_samples(b"\\0\\0\\0\\x40", 16000, encoding="s16le")
        array([[0. , 0.5]], dtype=float32)

    """
    name = "samples"
    given = decoded(samples, encoding=encoding)
    if given.ndim not in {1, 2}:
        raise UsageError(f"{name}: an array of shape {given.shape} was given; allowed: [time] or [channels, time]")
    whole_rate = check_rate(rate, name=name)
    if given.size == 0:
        raise EmptyAudioError(f"{name}: an array of shape {given.shape} is empty")
    waveform = _channels_first(given, channels=channels)
    check_channels(len(waveform), name=name)
    floats = to_float32(waveform, name=name)
    for signal in floats:
        check_finite(signal, rate=whole_rate, name=name, offset=offset)
    return floats


def decoded(samples: ArrayLike, *, encoding: Encoding | None) -> NDArray[Any]:
    """Return an array of samples that are an array already, convert to one, or are bytes of a known encoding.

    Raises:
        UsageError: bytes without an encoding, an encoding without bytes, a part of a sample, or no array.

    """
    if encoding is not None:
        if encoding not in ENCODINGS:
            raise unknown_name("encoding", str(encoding), ENCODINGS)
        kind = np.dtype(ENCODINGS[encoding])
        if not isinstance(samples, bytes | bytearray | memoryview):
            raise UsageError(f"an encoding was given with samples of type {type(samples).__name__}; it is for bytes")
        content = bytes(samples)
        if len(content) % kind.itemsize:
            raise UsageError(
                f"samples: {len(content)} bytes were given; allowed in {encoding}: multiples of {kind.itemsize}"
            )
        return np.frombuffer(content, kind)
    if isinstance(samples, bytes | bytearray | memoryview):
        raise UsageError(
            f"samples: a {type(samples).__name__} was given, whose sample format is unknown; "
            "convert it first, e.g. numpy.frombuffer(data, '<i2') for 16-bit PCM"
        )
    try:
        return np.asarray(samples)
    except (TypeError, ValueError, RuntimeError) as error:  # ragged lists, tensors that need a gradient
        raise UsageError(f"samples: can't be converted to a NumPy array ({error}); pass one") from error


def _channels_first(given: NDArray[Any], *, channels: int | None) -> NDArray[Any]:
    """Return samples as [channels, time], after refusing shapes that could be read in two ways."""
    if channels is None:
        waveform = np.atleast_2d(given)
        rows, columns = waveform.shape
        if rows > 1 and rows >= columns:
            raise RateError(
                f"samples: a block of shape ({rows}, {columns}) was given, which looks like [time, channels]; "
                f"allowed: [channels, time]; transpose it, or pass channels={columns}"
            )
        return waveform
    if given.ndim == 1:
        if channels < 1 or len(given) % channels:
            raise UsageError(
                f"samples: {len(given)} were given; allowed: multiples of channels={channels}, interleaved"
            )
        return given.reshape(-1, channels).T
    if given.shape[0] == channels:
        return given
    if given.shape[1] == channels:
        return given.T
    raise UsageError(
        f"samples: a block of shape {given.shape} was given with channels={channels}; "
        f"allowed: ({channels}, time) or (time, {channels})"
    )


def _are(channels: int) -> str:
    return "is 1 channel" if channels == 1 else f"are {channels} channels"


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
