"""The border to libsndfile, where its behaviour can't be brought about by a file."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest
import soundfile

from emotone.audio.native import NativeDecoder, UnsupportedError, quiet_stderr
from emotone.audio.read import read
from emotone.errors import EmptyAudioError, NotAudioError, TruncatedError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.audio.conftest import Encode, Write

    from emotone.types import Array


def test_a_place_that_the_library_has_forgotten(
    second: Array, encode: Encode, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forget(_: object) -> int:
        raise soundfile.LibsndfileError(2)

    content = encode(second, format="FLAC")
    monkeypatch.setattr("emotone.audio.native._Sequential.tell", forget)

    with pytest.raises(TruncatedError, match=r"decoding stops after 0\.00 s of 1\.00 s"):
        read(write(content[: len(content) // 2]))


def test_a_coding_unknown_to_all_without_a_signature(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, **_: object) -> None:
        raise UnsupportedError(f"{path}: unsupported")

    monkeypatch.setattr("emotone.audio.decoder.NativeDecoder", refuse)
    with pytest.raises(NotAudioError, match="unsupported"):
        read(write(b"no signature"))


def test_bytes_are_given_without_a_name(second: Array, encode: Encode, write: Write) -> None:
    decoder = NativeDecoder(write(encode(second)))
    try:
        assert not hasattr(decoder._bytes, "name")
    finally:
        decoder.close()


def test_standard_error_is_silent_inside_only(capfd: pytest.CaptureFixture[str]) -> None:
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
    monkeypatch.setattr("emotone.audio.native.NO_LENGTH", 0)  # the length of every file counts as unknown
    monkeypatch.setattr("emotone.audio.native._Sequential.read", lambda _, out: out[:0])

    with pytest.raises(EmptyAudioError, match="has a header, but no samples after it"):
        read(write(encode(second)))
