"""The interface of all decoders, and several as one: streams that follow each other, and tracks in parallel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from emotone.errors import NotAudioError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from emotone.types import Array, Hertz


@runtime_checkable
class Decoder(Protocol):
    """One open recording."""

    @property
    def rate(self) -> Hertz:
        """Hertz."""
        ...

    @property
    def channels(self) -> int:
        """Number of channels."""
        ...

    @property
    def tracks(self) -> int:
        """Number of audio tracks of the file."""
        ...

    @property
    def frames(self) -> int | None:
        """Samples per channel, or None where the container does not store its length."""
        ...

    @property
    def format(self) -> str:
        """Container and coding, e.g. "wav/pcm_16"."""
        ...

    @property
    def notes(self) -> list[str]:
        """What callers should know; complete when all blocks were read."""
        ...

    def blocks(self, start: int) -> Generator[Array, None, None]:
        """Yield [frames, channels] from the frame `start` on; a block is overwritten by the next one.

        Raises:
            TruncatedError: decoding stops before the end, by more than one coded frame.

        """
        ...

    def close(self) -> None:
        """Close the file."""
        ...


MAX_MEASURED = 64  # streams whose lengths are read before decoding; more have an unknown length


class ChainedDecoder:
    """Several logical streams, one after another (see `decoder.Decoder`).

    The rate and the number of channels are those of the first; the others are converted.

    Args:
        openers: functions that open the streams, at least two; one is open at a time.
        name: how messages name the recording.

    Raises:
        NotAudioError: a stream can't be opened, or its channels can't be converted.

    """

    def __init__(self, openers: Sequence[Callable[[], Decoder]], *, name: str) -> None:
        self._openers = openers
        self._name = name
        measured = openers if len(openers) <= MAX_MEASURED else openers[:1]
        first, *others = [_Measured(opener) for opener in measured]
        self.rate = first.rate
        self.channels = first.channels
        self.tracks = first.tracks
        self.format = first.format
        lengths = [one.length_at(self.rate) for one in (first, *others)]
        self._lengths: list[int | None] = [*lengths, *([None] * (len(openers) - len(lengths)))]
        known = [length for length in self._lengths if length is not None]
        self.frames = sum(known) if len(known) == len(openers) else None
        self.notes = [f"the file consists of {len(openers)} streams, which were read one after another"]

    def blocks(self, start: int) -> Generator[Array, None, None]:
        """Yield [frames, channels] from the frame `start` on; a block is overwritten by the next one."""
        skipped = start
        for opener, length in zip(self._openers, self._lengths, strict=True):
            if length is not None and skipped >= length:
                skipped -= length
                continue
            decoder = opener()
            try:
                self._check(decoder)
                for block in matched(decoder, 0 if length is None else skipped, rate=self.rate, channels=self.channels):
                    drop = min(skipped, len(block)) if length is None else 0
                    skipped -= drop
                    if drop < len(block):
                        yield block[drop:]
                if length is not None:
                    skipped = 0
            finally:
                self.notes += [note for note in decoder.notes if note not in self.notes]
                decoder.close()

    def _check(self, decoder: Decoder) -> None:
        """Refuse channels that can't be converted; note those that are."""
        given, wanted = (decoder.rate, decoder.channels), (self.rate, self.channels)
        if given == wanted:
            return
        words = f"changes from {wanted[0]} Hz, {wanted[1]} channels to {given[0]} Hz, {given[1]} channels midway"
        if given[1] != wanted[1] and 1 not in {given[1], wanted[1]}:
            raise NotAudioError(f"{self._name}: {words}; convert it to wav or flac")
        note = f"the file {words}; converted to {wanted[0]} Hz, {wanted[1]} channels"
        if note not in self.notes:
            self.notes.append(note)

    def close(self) -> None:
        """Do nothing: a stream is open only while it is decoded."""


class _Measured:
    """What the header of one stream contains; it is closed again."""

    def __init__(self, opener: Callable[[], Decoder]) -> None:
        decoder = opener()
        self.rate, self.channels, self.tracks = decoder.rate, decoder.channels, decoder.tracks
        self.format, self.frames = decoder.format, decoder.frames
        decoder.close()

    def length_at(self, rate: Hertz) -> int | None:
        return None if self.frames is None else round(self.frames * rate / self.rate)


def matched(decoder: Decoder, start: int, *, rate: Hertz, channels: int) -> Generator[Array, None, None]:
    """Yield the blocks of a decoder from the frame `start` on, at another rate and number of channels.

    Args:
        decoder: the recording.
        start: counted at `rate`.
        rate: hertz.
        channels: the decoder's; or one becomes several equal ones, or several become their mean.

    """
    if decoder.rate == rate:
        for block in decoder.blocks(start):
            yield with_channels(block, channels)
        return
    import soxr

    stream = soxr.ResampleStream(decoder.rate, rate, decoder.channels, dtype="float32", quality="HQ")
    skipped = start
    for block in _resampled(decoder, stream):
        drop = min(skipped, len(block))
        skipped -= drop
        if drop < len(block):
            yield with_channels(block[drop:], channels)


def _resampled(decoder: Decoder, stream: object) -> Generator[Array, None, None]:
    convert = stream.resample_chunk  # type: ignore[attr-defined]
    for block in decoder.blocks(0):
        yield convert(np.ascontiguousarray(block)).reshape(-1, decoder.channels)
    yield convert(np.zeros((0, decoder.channels), np.float32), last=True).reshape(-1, decoder.channels)


def with_channels(block: Array, channels: int) -> Array:
    """Return a block with another number of channels: one becomes several equal ones, several become their mean."""
    if block.shape[1] == channels:
        return block
    if block.shape[1] == 1:
        return np.repeat(block, channels, axis=1)
    mean: Array = block.mean(axis=1, keepdims=True, dtype=np.float32)
    return mean


class StackedDecoder:
    """Several tracks as one recording (see `decoder.Decoder`): their channels next to each other, on one clock.

    The rate is that of the first track. Shorter tracks are followed by silence.

    Args:
        decoders: one per track, at least one; closed with this one.

    """

    def __init__(self, decoders: Sequence[Decoder]) -> None:
        self._decoders = decoders
        first = decoders[0]
        self.rate = first.rate
        self.channels = sum(one.channels for one in decoders)
        self.tracks = len(decoders)
        lengths = [None if one.frames is None else round(one.frames * self.rate / one.rate) for one in decoders]
        known = [length for length in lengths if length is not None]
        self.frames = max(known) if len(known) == len(lengths) else None
        self.format = first.format
        self._own = [f"the {self.tracks} audio tracks were read together"]

    @property
    def notes(self) -> list[str]:
        """Notes of all tracks, each once."""
        return list(dict.fromkeys([*self._own, *(note for one in self._decoders for note in one.notes)]))

    def blocks(self, start: int) -> Generator[Array, None, None]:
        """Yield [frames, channels of all tracks] from the frame `start` on."""
        sources = [matched(one, start, rate=self.rate, channels=one.channels) for one in self._decoders]
        waiting: list[Array] = [np.zeros((0, one.channels), np.float32) for one in self._decoders]
        ended = [False] * len(sources)
        while True:
            for index, source in enumerate(sources):
                if not len(waiting[index]) and not ended[index]:
                    block = next(source, None)
                    ended[index] = block is None
                    waiting[index] = waiting[index] if block is None else block.copy()
            lengths = [len(block) for block in waiting if len(block)]
            if not lengths:
                return
            count = min(lengths)
            yield np.concatenate([_padded(block[:count], count) for block in waiting], axis=1)
            waiting = [block[count:] for block in waiting]

    def close(self) -> None:
        """Close all tracks."""
        for one in self._decoders:
            one.close()


def _padded(block: Array, count: int) -> Array:
    """Return the block [frames, channels], followed by silence where it is shorter."""
    return np.concatenate([block, np.zeros((count - len(block), block.shape[1]), np.float32)])
