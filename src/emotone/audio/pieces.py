"""The samples of a recording in checked pieces: one channel, the mix, or all channels."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from emotone.audio.decoder import open_recording
from emotone.audio.mixdown import MixMeter, cancellation_note
from emotone.audio.resample import resampled, resampled_channels
from emotone.audio.samples import check_channel, check_channels, check_finite, check_rate, pick_channel
from emotone.audio.source import open_source
from emotone.errors import EmptyAudioError, TooShortError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from emotone.audio.base import Decoder
    from emotone.audio.samples import Channel
    from emotone.audio.source import Recording, Source
    from emotone.audio.streams import StreamInfo
    from emotone.audio.tracks import Track
    from emotone.types import Array, Hertz, Seconds, Waveform

END_ALLOWANCE: Seconds = 0.1  # tables of utterances round, and count what a codec later added or dropped
KEPT = 1 << 21  # samples, 8 MB: what is decoded to choose the mix is kept up to here, and decoded again beyond


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
