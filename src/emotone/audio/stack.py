"""Several audio tracks of a recording as one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emotone.audio.chain import matched

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from emotone.audio.base import Decoder
    from emotone.types import Array


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
