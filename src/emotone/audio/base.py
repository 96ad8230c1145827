"""The interface of all decoders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Generator

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
