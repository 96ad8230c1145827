"""Streams are stored in temporary files of limited size."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from emotone.audio.read import read, spool
from emotone.errors import AudioError, EmptyAudioError

if TYPE_CHECKING:
    from tests.audio.conftest import Encode

    from emotone.types import Array


class Pipe(io.RawIOBase):
    """Returns a few bytes at a time, and is not seekable."""

    def __init__(self, content: bytes) -> None:
        self._content = io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        return self._content.read(min(size, 777))


def test_a_pipe_can_be_read(second: Array, encode: Encode) -> None:
    with spool(Pipe(encode(second))) as path:  # type: ignore[arg-type]
        assert len(read(path)[0]) == 16000
    assert not path.exists()
    assert not path.parent.exists()


def test_an_empty_stream() -> None:
    with pytest.raises(EmptyAudioError, match="standard input: ended without a byte"), spool(io.BytesIO()):
        pass


def test_a_stream_over_the_limit() -> None:
    class Endless(io.RawIOBase):
        def read(self, size: int = -1, /) -> bytes:
            return bytes(size)

    with (
        pytest.raises(AudioError, match=r"phone: contains more than 1,000,000 bytes, the maximum"),
        spool(Endless(), limit_bytes=1_000_000, name="phone"),  # type: ignore[arg-type]
    ):
        pass


def test_a_stream_of_exactly_the_limit() -> None:
    with spool(io.BytesIO(bytes(1000)), limit_bytes=1000) as path:
        assert path.stat().st_size == 1000


def test_a_pipe_that_breaks() -> None:
    class Broken(io.RawIOBase):
        def read(self, _: int = -1, /) -> bytes:
            raise OSError(5, "Input/output error")

    with pytest.raises(AudioError, match="can't be stored for decoding: Input/output error"), spool(Broken()):  # type: ignore[arg-type]
        pass


def test_an_error_inside_the_block_is_not_changed() -> None:
    def use() -> None:
        with spool(io.BytesIO(b"x")):
            raise FileNotFoundError(2, "mine")

    with pytest.raises(FileNotFoundError, match="mine"):
        use()
