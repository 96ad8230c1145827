"""What samples must be like: limits, scaling to float32, mixing down, and the checks made once, at the border.

Conventions: a decoded block is [frames, channels]; a waveform given in Python is [channels, time]; a signal is [time].

    to_float32         any sample type to float32, full scale = 1
    pick_channel       a block to the signal of one channel, or of the mean of all
    check_rate         4 kHz to 192 kHz
    check_channels     1 to 64
    check_channel      one of those there are
    check_finite       no NaN, no infinity
    validate_samples   all of these, for arrays given in Python
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from emotone.errors import EmptyAudioError, NotFiniteError, RateError, UsageError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from emotone.types import Array, Hertz, Waveform

Channel: TypeAlias = int | Literal["mix"]
"""A channel, counted from 0, or "mix": the mean of all."""

LOWEST_RATE: Hertz = 4_000  # telephone speech halved: below, nothing of the voice's timbre is left
HIGHEST_RATE: Hertz = 192_000  # what studio converters reach
MOST_CHANNELS = 64
LARGEST_SAMPLE = 1e10  # full scale is 1, or 2**31 in float files that hold integers; more is damage, not sound


def to_float32(samples: NDArray[Any], *, name: str) -> Array:
    """Return samples of any supported type as float32 with full scale 1.

    Args:
        samples: of any shape; float16/32/64 are kept as they are, int16 is divided by 32768, int32 by 2**31,
            uint8 is centred at 128 and divided by 128.
        name: how a message names them.

    Raises:
        UsageError: another type.

    """
    kind = samples.dtype
    if kind == np.float32:
        return samples
    if kind == np.int16:
        return samples.astype(np.float32) * np.float32(2.0**-15)
    if kind == np.int32:
        return samples.astype(np.float32) * np.float32(2.0**-31)
    if kind == np.uint8:
        return (samples.astype(np.float32) - np.float32(128)) * np.float32(2.0**-7)
    if kind.kind == "f":
        with np.errstate(over="ignore"):  # what float32 can't hold becomes infinite, and is refused as such
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
        RateError: not a whole number from 4 000 to 192 000.

    """
    if not (LOWEST_RATE <= rate <= HIGHEST_RATE and rate == int(rate)):
        raise RateError(
            f"{name}: a sampling rate of {rate:g} Hz was given; "
            f"allowed: whole numbers from {LOWEST_RATE} to {HIGHEST_RATE}"
        )
    return int(rate)


def check_channels(channels: int, *, name: str) -> int:
    """Return the number of channels.

    Raises:
        RateError: none, or more than 64.

    """
    if not 1 <= channels <= MOST_CHANNELS:
        raise RateError(f"{name}: {channels} channels were given; allowed: 1 to {MOST_CHANNELS}")
    return channels


def check_channel(channel: Channel, *, channels: int, name: str) -> Channel:
    """Return the channel asked for.

    Raises:
        UsageError: neither "mix" nor a whole number.
        RateError: the recording has no such channel.

    """
    if channel == "mix":
        return channel
    try:
        index = operator.index(channel)
    except TypeError:
        raise UsageError(f"channel {channel!r} was given; allowed: 'mix' or a number from 0") from None
    if not 0 <= index < channels:
        allowed = "0" if channels == 1 else f"0 to {channels - 1}"
        raise RateError(
            f"{name}: channel {index} was asked for, but there {_are(channels)}; allowed: {allowed}, or 'mix'"
        )
    return index


def check_finite(signal: Array, *, rate: Hertz, name: str, offset: int = 0) -> Array:
    """Return the signal [time] itself.

    Args:
        signal: samples.
        rate: to say the time of the first bad one.
        name: how the message names the recording.
        offset: samples that came before.

    Raises:
        NotFiniteError: a sample is NaN, infinite, or beyond any sound (more than 1e10 times full scale).

    """
    # Two passes without a temporary array; a NaN makes both comparisons false.
    if signal.size == 0 or (signal.max() <= LARGEST_SAMPLE and signal.min() >= -LARGEST_SAMPLE):
        return signal
    bad = int(np.argmin(np.abs(signal) <= LARGEST_SAMPLE))
    raise NotFiniteError(
        f"{name}: the sample at {(offset + bad) / rate:.3f} s is {signal[bad]:g}; allowed: finite numbers, "
        "full scale 1; mend the program that wrote it"
    )


def validate_samples(samples: ArrayLike, rate: float, *, offset: int = 0) -> Waveform:
    """Return samples given in Python as a waveform [channels, time], float32, full scale 1.

    Args:
        samples: [time] or [channels, time]; float, int16, int32 or uint8 (see `to_float32`).
        rate: hertz, 4 000 to 192 000.
        offset: samples that came before, to say the time of one that is not finite.

    Raises:
        UsageError: a type or shape that is no waveform.
        RateError: a rate or number of channels outside what is allowed.
        EmptyAudioError: no samples.
        NotFiniteError: a sample is NaN or infinite.

    Example:
        >>> validate_samples(np.array([0, 16384], dtype=np.int16), 16000)
        array([[0. , 0.5]], dtype=float32)

    """
    name = "samples"
    given = np.asarray(samples)
    if given.ndim not in {1, 2}:
        raise UsageError(f"{name}: an array of shape {given.shape} was given; allowed: [time] or [channels, time]")
    whole_rate = check_rate(rate, name=name)
    if given.size == 0:
        raise EmptyAudioError(f"{name}: an array of shape {given.shape} holds nothing")
    waveform = np.atleast_2d(given)
    channels, length = waveform.shape
    if channels > MOST_CHANNELS and length <= MOST_CHANNELS:
        raise RateError(
            f"{name}: {channels} channels of {length} samples were given, which looks like [time, channels]; "
            f"allowed: [channels, time] with up to {MOST_CHANNELS} channels; transpose it"
        )
    check_channels(channels, name=name)
    floats = to_float32(waveform, name=name)
    for signal in floats:
        check_finite(signal, rate=whole_rate, name=name, offset=offset)
    return floats


def _are(channels: int) -> str:
    return "is 1 channel" if channels == 1 else f"are {channels} channels"
