"""Any recording as a signal [time], float32, full scale 1: at once, or streamed so that memory does not grow.

    probe    what a file is, from its header
    read     a recording, or a part of it
    stream   the same samples in pieces
    validate_samples, spool     the other two ways in: arrays given in Python, and pipes

The bytes decide how a file is decoded, not its suffix. libsndfile reads wav, flac, ogg, opus, mp3, aiff, NIST sphere
and more; FFmpeg, with the extra `media`, reads m4a, mp4, avi, webm and the rest. Everything that can be wrong with a
recording is said here, once, as an `AudioError` of one line.
"""

from __future__ import annotations

import contextlib
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emotone.audio.decoder import open_recording
from emotone.audio.resample import resampled
from emotone.audio.samples import (
    Channel,
    check_channel,
    check_channels,
    check_finite,
    check_rate,
    pick_channel,
    validate_samples,
)
from emotone.audio.spool import spool
from emotone.errors import EmptyAudioError, TooShortError, UsageError

if TYPE_CHECKING:
    import os
    from collections.abc import Generator, Iterator

    from emotone.audio.decoder import Decoder
    from emotone.types import Array, Hertz, Seconds

__all__ = ["AudioInfo", "Channel", "probe", "read", "spool", "stream", "validate_samples"]

END_FORGIVEN: Seconds = 0.1  # tables of utterances round, and count what a codec later added or dropped


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """What the header of a recording says.

    Attributes:
        rate: hertz.
        channels: how many.
        duration: seconds, or None where only decoding would tell.
        format: container and coding, e.g. "wav/pcm_16", "ogg/opus", "mov/aac".

    """

    rate: Hertz
    channels: int
    duration: Seconds | None
    format: str


def probe(path: str | os.PathLike[str]) -> AudioInfo:
    """Return what the header of a recording says; nothing is decoded.

    Raises:
        AudioError: as `read`, as far as the header shows it.
        MissingExtraError: the extra `media` is needed.

    Example:
        >>> probe("call.wav")  # doctest: +SKIP
        AudioInfo(rate=8000, channels=2, duration=61.3, format='wav/ulaw')

    """
    with open_recording(path) as decoder:
        _check(decoder, name=str(path))
        duration = None if decoder.frames is None else decoder.frames / decoder.rate
        return AudioInfo(decoder.rate, decoder.channels, duration, decoder.format)


def read(
    path: str | os.PathLike[str],
    *,
    rate: Hertz | None = None,
    channel: Channel = "mix",
    start: Seconds = 0.0,
    end: Seconds | None = None,
) -> tuple[Array, Hertz]:
    """Return a recording, or a part of it, as a signal [time] and its rate.

    Args:
        path: the recording.
        rate: hertz to resample to (a part is cut before it is resampled); None keeps the recording's own.
        channel: from 0, or "mix" for the mean of all.
        start: seconds.
        end: seconds; None for the end. Up to 0.1 s past the end of the recording is taken as its end.

    Raises:
        MissingFileError: nothing there, a folder, or not readable.
        NotAudioError: nothing can decode it.
        EmptyAudioError: no bytes, or no samples.
        TruncatedError: the header promises more than the file holds, or decoding stops midway.
        NotFiniteError: a sample is NaN or infinite.
        RateError: a rate or number of channels outside what is allowed, or a channel that is not there.
        TooShortError: it ends before `end`.
        UsageError: `start` and `end` are no stretch of time.
        MissingExtraError: the extra `media` is needed.

    Example:
        >>> signal, rate = read("call.wav", rate=16000)  # doctest: +SKIP

    """
    if not 0 <= start < np.inf or not (end is None or end > start):
        raise UsageError(f"{path}: the part from {start} s to {end} s was asked for; allowed: 0 <= start < end")
    own: list[Hertz] = []
    pieces = list(_pieces(path, rate=rate, channel=channel, start=start, end=end, own=own))
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces), rate or own[0]


def stream(path: str | os.PathLike[str], *, rate: Hertz, channel: Channel = "mix") -> Iterator[Array]:
    """Yield a recording in pieces [time] of a few seconds, at `rate`; memory does not grow with its length.

    Put together, the pieces are exactly what `read` returns. An error may come after the first pieces: what was
    yielded before it is sound that the file does hold.

    Raises:
        AudioError: as `read`, once the iteration gets there.

    Example:
        >>> for piece in stream("day.flac", rate=16000):  # doctest: +SKIP
        ...     detector.push(piece)

    """
    return _pieces(path, rate=rate, channel=channel, start=0.0, end=None, own=[])


def stream_with_rate(
    path: str | os.PathLike[str], *, rate: Hertz, channel: Channel = "mix"
) -> tuple[Hertz, Iterator[Array]]:
    """Return the recording's own rate, and its pieces as `stream` yields them; the file is opened once.

    Raises:
        AudioError: as `read`: at once as far as the header and the first piece show it, later for the rest.

    """
    own: list[Hertz] = []
    pieces = _pieces(path, rate=rate, channel=channel, start=0.0, end=None, own=own)
    first = next(pieces)  # there is one: a recording without any is an error
    return own[0], itertools.chain([first], pieces)


def _pieces(
    path: str | os.PathLike[str],
    *,
    rate: Hertz | None,
    channel: Channel,
    start: Seconds,
    end: Seconds | None,
    own: list[Hertz],
) -> Generator[Array, None, None]:
    """Yield the recording in pieces; `own` receives its rate."""
    if rate is not None:
        check_rate(rate, name="the rate asked for")
    with open_recording(path) as decoder:
        _check(decoder, name=str(path))
        own.append(decoder.rate)
        channel = check_channel(channel, channels=decoder.channels, name=str(path))
        signal = _signal(decoder, channel=channel, start=start, end=end, name=str(path))
        empty = True
        with contextlib.closing(signal):
            for piece in resampled(signal, rate=decoder.rate, to=rate or decoder.rate):
                empty = False
                yield piece
        if empty:
            raise TooShortError(f"{path}: is too short to be resampled from {decoder.rate} to {rate} Hz")


def _check(decoder: Decoder, *, name: str) -> None:
    check_rate(decoder.rate, name=name)
    check_channels(decoder.channels, name=name)
    if decoder.frames == 0:
        raise EmptyAudioError(f"{name}: has a header, but no samples after it")


def _signal(
    decoder: Decoder, *, channel: Channel, start: Seconds, end: Seconds | None, name: str
) -> Generator[Array, None, None]:
    """Yield one channel of [start, end) at the recording's own rate, checked."""
    first = round(start * decoder.rate)
    last = None if end is None else max(round(end * decoder.rate), first + 1)
    at = first
    if decoder.frames is None or first < decoder.frames:
        with contextlib.closing(decoder.blocks(first)) as blocks:
            for block in blocks:
                piece = pick_channel(block if last is None else block[: last - at], channel)
                yield check_finite(piece, rate=decoder.rate, name=name, offset=at)
                at += len(piece)
                if last is not None and at >= last:
                    return
    if at == first == 0:
        raise EmptyAudioError(f"{name}: has a header, but no samples after it")
    if at == first or (last is not None and at < last - END_FORGIVEN * decoder.rate):
        wanted = f"from {start:g} s" + ("" if end is None else f" to {end:g} s")
        lasts = "ends before" if decoder.frames is None else f"lasts {decoder.frames / decoder.rate:.2f} s"
        raise TooShortError(f"{name}: the part {wanted} was asked for, but the recording {lasts}")
