"""A recording as a stream of checked pieces: one channel, the mix, or all channels; and what is known about it.

The mean of several channels may cancel. The two channels of a recording with inverted phase are equal up to their sign:
their mean is silence, although each channel contains the speech. Where the mean has far less energy than that of
unrelated channels, the loudest channel is used instead.

Key idea: the mean of N unrelated channels with energies e_1 ... e_N has the energy (e_1 + ... + e_N) / N^2, however
the energy is distributed over the channels. The ratio to it is 1 for unrelated channels, N for equal ones, and 0 for
channels that cancel.

The choice is made once per recording (or per part that is read), from the first 30 seconds that contain sound.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from emotone.audio.decoder import open_recording
from emotone.audio.samples import (
    check_channel,
    check_channels,
    check_finite,
    check_rate,
    pick_channel,
    resampled,
    resampled_channels,
)
from emotone.audio.source import open_source
from emotone.errors import EmptyAudioError, TooShortError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable
    from types import TracebackType

    from emotone.audio.base import Decoder
    from emotone.audio.samples import Channel
    from emotone.audio.source import Recording, Source, Track
    from emotone.types import Array, Hertz, Seconds, Waveform

CANCELLED = 0.05  # 13 dB below unrelated channels; reached where two channels correlate with less than -0.95
SOUND = 1e-7  # mean square of -70 dBFS: quieter blocks are silence, and do not count as examined
EXAMINED: Seconds = 30.0

END_ALLOWANCE: Seconds = 0.1  # tables of utterances round, and count what a codec later added or dropped
KEPT = 1 << 21  # samples, 8 MB: what is decoded to choose the mix is kept up to here, and decoded again beyond


class MixMeter:
    """Measures whether the mean of the channels cancels.

    Args:
        rate: hertz.
        channels: number of channels.

    """

    def __init__(self, rate: Hertz, *, channels: int) -> None:
        self._rate = rate
        self._energies = np.zeros(channels)
        self._mix = 0.0
        self._examined = 0

    @property
    def decided(self) -> bool:
        """Whether enough sound was examined."""
        return self._examined >= EXAMINED * self._rate

    def add(self, block: Array) -> None:
        """Examine a block [frames, channels]."""
        energies = np.einsum("tc,tc->c", block, block, dtype=np.float64)
        if not energies.max(initial=0.0) > SOUND * len(block):
            return
        mean = pick_channel(block, "mix")
        self._energies += energies
        self._mix += float(np.einsum("t,t->", mean, mean, dtype=np.float64))
        self._examined += len(block)

    def channel(self) -> Channel:
        """Return "mix", or the loudest channel where the mean cancels."""
        unrelated = float(self._energies.sum()) / len(self._energies) ** 2
        if len(self._energies) > 1 and self._mix < CANCELLED * unrelated:
            return int(np.argmax(self._energies))
        return "mix"


def cancellation_note(channel: int) -> str:
    """Return the note for a recording whose channels cancel."""
    return f"the channels cancel each other (inverted phase); the loudest, channel {channel}, replaces the mix"


def mix_samples(waveform: Waveform, *, rate: Hertz) -> tuple[Array, tuple[str, ...]]:
    """Return the mix [time] of samples [channels, time], or their loudest channel where it cancels; and notes."""
    meter = MixMeter(rate, channels=len(waveform))
    for at in range(0, waveform.shape[1], rate):
        meter.add(waveform[:, at : at + rate].T)
        if meter.decided:
            break
    channel = meter.channel()
    notes = () if channel == "mix" else (cancellation_note(channel),)
    return pick_channel(waveform.T, channel), notes


@dataclass(slots=True)
class StreamInfo:
    """What is known about a recording so far; filled while it is read."""

    rate: Hertz = 0
    channels: int = 0
    tracks: int = 0
    format: str = ""
    notes: list[str] = field(default_factory=list)

    def update(self, decoder: Decoder) -> None:
        """Copy what the header contains."""
        self.rate, self.channels, self.tracks = decoder.rate, decoder.channels, decoder.tracks
        self.format = decoder.format
        self.add(decoder.notes)

    def add(self, notes: Iterable[str]) -> None:
        """Append the notes that are new."""
        self.notes += [note for note in notes if note not in self.notes]


class RecordingStream(Iterator["Array"]):
    """Pieces of a recording, in order. The file is opened by the first piece or property, and closed at the end.

    Close it, or use it in a `with` block, where the iteration may stop early.

    Args:
        pieces: the generator that reads the recording.
        info: filled by it.

    """

    def __init__(self, pieces: Generator[Array, None, None], info: StreamInfo) -> None:
        self._pieces = pieces
        self._info = info
        self._first: list[Array] = []

    def __next__(self) -> Array:
        if self._first:
            return self._first.pop()
        return next(self._pieces)

    def __enter__(self) -> RecordingStream:  # noqa: PYI034  (Self came with Python 3.11)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def rate(self) -> Hertz:
        """Hertz of the recording itself, not of the pieces."""
        return self._opened().rate

    @property
    def channels(self) -> int:
        """Number of channels of the recording."""
        return self._opened().channels

    @property
    def tracks(self) -> int:
        """Number of audio tracks of the file."""
        return self._opened().tracks

    @property
    def format(self) -> str:
        """Container and coding, e.g. "wav/pcm_16"."""
        return self._opened().format

    @property
    def notes(self) -> tuple[str, ...]:
        """What the caller should know, one sentence each; complete at the end of the iteration."""
        return tuple(self._info.notes)

    def close(self) -> None:
        """Close the file."""
        self._pieces.close()

    def _opened(self) -> StreamInfo:
        """Return the information after reading the first piece: a recording without any is an error."""
        if not self._info.rate:
            self._first = [next(self._pieces)]
        return self._info


def signal_pieces(
    recording: Recording,
    info: StreamInfo,
    *,
    rate: Hertz | None,
    channel: Channel,
    start: Seconds,
    end: Seconds | None,
    track: Track,
    name: str | None,
) -> Generator[Array, None, None]:
    """Yield one channel of the recording, or the mix, in pieces; `info` receives what is known about it."""
    if rate is not None:
        check_rate(rate, name="the requested rate")
    with open_source(recording, name=name) as source, open_recording(source, track=track) as decoder:
        check_decoder(decoder, name=source.name)
        info.update(decoder)
        chosen = check_channel(channel, channels=decoder.channels, name=source.name)
        part = _Part(decoder, start=start, end=end, name=source.name)
        if chosen == "mix" and decoder.channels > 1:
            chosen, blocks = _mix(source, part, info, track=track)
            if chosen != "mix":
                info.notes.append(cancellation_note(chosen))
        else:
            blocks = part.blocks()
        signal = _checked(blocks, part, channel=chosen)
        empty = True
        with contextlib.closing(signal), contextlib.closing(blocks):
            for piece in resampled(signal, rate=decoder.rate, to=rate or decoder.rate):
                empty = False
                yield piece
        info.add(decoder.notes)
        if empty:
            raise TooShortError(f"{source.name}: is too short to be resampled from {decoder.rate} to {rate} Hz")


def channel_pieces(
    recording: Recording, info: StreamInfo, *, rate: Hertz, track: Track, name: str | None
) -> Generator[Waveform, None, None]:
    """Yield all channels of the recording in pieces [channels, time]."""
    check_rate(rate, name="the requested rate")
    with open_source(recording, name=name) as source, open_recording(source, track=track) as decoder:
        check_decoder(decoder, name=source.name)
        info.update(decoder)
        part = _Part(decoder, start=0.0, end=None, name=source.name)
        empty = True
        with contextlib.closing(part.blocks()) as blocks:
            for piece in resampled_channels(_finite(blocks, part), rate=decoder.rate, to=rate):
                empty = False
                yield piece.T
        info.add(decoder.notes)
        if empty:
            raise TooShortError(f"{source.name}: is too short to be resampled from {decoder.rate} to {rate} Hz")


def check_decoder(decoder: Decoder, *, name: str) -> None:
    """Raise `AudioError` for a rate, a number of channels or a length that is not supported."""
    check_rate(decoder.rate, name=name)
    check_channels(decoder.channels, name=name)
    if decoder.frames == 0:
        raise EmptyAudioError(f"{name}: has a header, but no samples after it")


class _Part:
    """The stretch [start, end) of a recording, in blocks [frames, channels] at its own rate."""

    def __init__(self, decoder: Decoder, *, start: Seconds, end: Seconds | None, name: str) -> None:
        self.decoder = decoder
        self.name = name
        self.first = round(start * decoder.rate)
        self._end = end
        self._start = start
        self._last = None if end is None else max(round(end * decoder.rate), self.first + 1)

    def on(self, decoder: Decoder) -> _Part:
        """Return the same stretch of another decoder of the recording."""
        return _Part(decoder, start=self._start, end=self._end, name=self.name)

    def blocks(self) -> Generator[Array, None, None]:
        """Yield the blocks of the stretch, and raise where it is not there; a block is overwritten by the next one."""
        decoder, at, last = self.decoder, self.first, self._last
        if decoder.frames is None or at < decoder.frames:
            with contextlib.closing(decoder.blocks(at)) as blocks:
                for block in blocks:
                    yield block if last is None else block[: last - at]
                    at += len(block)
                    if last is not None and at >= last:
                        return
        if at == self.first == 0:
            raise EmptyAudioError(f"{self.name}: has a header, but no samples after it")
        if at == self.first or (last is not None and at < last - END_ALLOWANCE * decoder.rate):
            wanted = f"from {self._start:g} s" + ("" if self._end is None else f" to {self._end:g} s")
            lasts = "ends before" if decoder.frames is None else f"lasts {decoder.frames / decoder.rate:.2f} s"
            raise TooShortError(f"{self.name}: the part {wanted} was requested, but the recording {lasts}")


def _mix(
    source: Source, part: _Part, info: StreamInfo, *, track: Track
) -> tuple[Channel, Generator[Array, None, None]]:
    """Return "mix", or the channel that replaces it, and the blocks from the start of the part.

    The choice needs the first 30 s with sound. They are kept where they are small, and decoded again where not.
    """
    meter = MixMeter(part.decoder.rate, channels=part.decoder.channels)
    kept: list[Array] = []
    blocks = part.blocks()
    count = 0
    for block in blocks:
        meter.add(block)
        count += block.size
        if count <= KEPT:
            kept.append(block.copy())
        if meter.decided:
            break
    if count <= KEPT:
        return meter.channel(), _chained(kept, blocks)
    blocks.close()
    return meter.channel(), _reopened(source, part, info, track=track)


def _chained(kept: list[Array], rest: Generator[Array, None, None]) -> Generator[Array, None, None]:
    yield from kept
    yield from rest


def _reopened(source: Source, part: _Part, info: StreamInfo, *, track: Track) -> Generator[Array, None, None]:
    with open_recording(source, track=track) as decoder:
        yield from part.on(decoder).blocks()
        info.add(decoder.notes)


def _checked(blocks: Generator[Array, None, None], part: _Part, *, channel: Channel) -> Generator[Array, None, None]:
    """Yield one channel of the blocks, checked."""
    at = part.first
    for block in blocks:
        piece = pick_channel(block, channel)
        yield check_finite(piece, rate=part.decoder.rate, name=part.name, offset=at)
        at += len(piece)


def _finite(blocks: Generator[Array, None, None], part: _Part) -> Iterator[Array]:
    """Yield the blocks, checked, as arrays of their own."""
    at = part.first
    for block in blocks:
        for index in range(block.shape[1]):
            check_finite(block[:, index], rate=part.decoder.rate, name=part.name, offset=at)
        yield block.copy()
        at += len(block)
