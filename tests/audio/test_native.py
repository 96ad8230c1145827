"""libsndfile: behaviour that no file causes."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest
import soundfile

from emotone.audio.decoder import quiet_stderr
from emotone.audio.read import read
from emotone.errors import EmptyAudioError, TruncatedError

if TYPE_CHECKING:
    from tests.audio.conftest import Encode, Write

    from emotone.types import Array


def test_a_position_that_the_library_does_not_return(
    second: Array, encode: Encode, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forget(_: object) -> int:
        raise soundfile.LibsndfileError(2)

    content = encode(second, format="FLAC")
    monkeypatch.setattr("emotone.audio.decoder._Sequential.tell", forget)

    with pytest.raises(TruncatedError, match=r"decoding stops after 0\.00 s of 1\.00 s"):
        read(write(content[: len(content) // 2]))


def test_standard_error_is_silent_inside_the_block_only(capfd: pytest.CaptureFixture[str]) -> None:
    os.write(2, b"before ")
    with quiet_stderr():
        os.write(2, b"inside ")
        with quiet_stderr():
            os.write(2, b"deep inside ")
        os.write(2, b"still inside ")
    os.write(2, b"after")

    assert capfd.readouterr().err == "before after"


def test_standard_error_may_be_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(_: int) -> int:
        raise OSError(9, "Bad file descriptor")

    with monkeypatch.context() as patch:
        patch.setattr("os.dup", closed)
        with quiet_stderr():
            pass
    with monkeypatch.context() as patch:
        patch.setattr(sys, "__stderr__", None)
        with quiet_stderr():
            pass


def test_a_stream_of_unknown_length_without_a_sample(
    second: Array, encode: Encode, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emotone.audio.decoder.UNKNOWN_FRAMES", 0)  # the length of every file counts as unknown
    monkeypatch.setattr("emotone.audio.decoder._Sequential.read", lambda _, out: out[:0])

    with pytest.raises(EmptyAudioError, match="has a header, but no samples after it"):
        read(write(encode(second)))
