"""Sources: files that are read natively, and what is refused."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
from tests.audio.conftest import make

from emotone.audio.decoder import quiet_stderr
from emotone.audio.identify import GitLfsPointerError, HtmlPageError
from emotone.audio.layout import part_starts
from emotone.audio.read import probe, read, stream, stream_channels
from emotone.audio.source import ByteView, Source
from emotone.errors import AudioError, EmptyAudioError, NotAudioError, TruncatedError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.audio.conftest import Encode, Write

    from emotone.types import Array

pytest.importorskip("av")


# ----------------------------------------------------------------------------------------------------------------------
# Recordings given as paths, bytes and file objects; whole files one after another; files that are no recordings.


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, io.BytesIO])
@pytest.mark.parametrize("format_", ["WAV", "FLAC", "OGG"])
def test_the_bytes_of_a_whole_file(kind: type, format_: str, second: Array, encode: Encode, write: Write) -> None:
    content = encode(second, format=format_, subtype="VORBIS" if format_ == "OGG" else "PCM_16")
    expected = read(write(content)).samples

    assert np.array_equal(read(kind(content)).samples, expected)
    assert np.array_equal(np.concatenate(list(stream(kind(content), rate=16000))), expected)
    assert probe(kind(content)).duration == 1.0


def test_bytes_that_ffmpeg_decodes(tmp_path: Path) -> None:
    path = make(tmp_path / "a.m4a", "aac")

    assert np.array_equal(read(path.read_bytes()).samples, read(path).samples)


def test_an_open_file_is_read_from_its_position(second: Array, encode: Encode, write: Write) -> None:
    path = write(b"before" + encode(second))

    with path.open("rb") as file:
        file.seek(6)
        assert len(read(file).samples) == 16000


@pytest.mark.parametrize("name", [None, "call 7"])
def test_messages_name_what_was_given(name: str | None) -> None:
    with pytest.raises(NotAudioError, match=f"^{name or 'recording'}: is not a recording"):
        read(b"some text", name=name)
    with pytest.raises(EmptyAudioError, match=f"^{name or 'recording'}: has 0 bytes"):
        read(b"", name=name)


def test_objects_that_are_no_recording(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text")
    with (tmp_path / "a.txt").open(encoding="utf-8") as file, pytest.raises(UsageError, match="open it in binary mode"):
        read(file)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="a recording of type int was given; allowed: a path, the bytes"):
        read(3)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="a recording of type ndarray was given"):
        probe(np.zeros(16000))  # type: ignore[arg-type]


def test_a_stream_reports_what_it_reads(second: Array, encode: Encode, write: Write) -> None:
    pieces = stream(write(encode(np.column_stack([second] * 2), 48000, format="FLAC")), rate=16000)

    assert (pieces.rate, pieces.channels, pieces.tracks, pieces.format) == (48000, 2, 1, "flac/pcm_16")
    assert sum(len(piece) for piece in pieces) == 5333
    with pytest.raises(StopIteration):
        next(pieces)
    with stream_channels(write(encode(second)), rate=16000) as other:
        assert other.rate == 16000  # the rest is not read: the file is closed all the same


CONCATENATED = [
    ("WAV", "PCM_16"),
    ("WAV", "IMA_ADPCM"),
    ("RF64", "PCM_16"),
    ("AIFF", "PCM_16"),
    ("AU", "PCM_16"),
    ("CAF", "PCM_16"),
    ("W64", "PCM_16"),
    ("FLAC", "PCM_16"),
    ("NIST", "PCM_16"),
]


@pytest.mark.parametrize("padding", [0, 100])
@pytest.mark.parametrize(("container", "coding"), CONCATENATED)
def test_whole_files_one_after_another(
    *, container: str, coding: str, padding: int, second: Array, encode: Encode, write: Write
) -> None:
    content = encode(second, format=container, subtype=coding)
    expected = np.tile(read(write(content, "single")).samples, 3)

    signal = read(write(bytes(padding).join([content] * 3), "a"))

    if container in {"CAF", "NIST"} and padding:
        assert len(signal.samples) >= len(expected)
    else:
        assert np.array_equal(signal.samples, expected)
    assert signal.notes == ("the file consists of 3 streams, which were read one after another",)
    assert np.array_equal(read(bytes(padding).join([content] * 3)).samples, signal.samples)


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_wav_files_from_a_pipe_one_after_another(size: int, second: Array, encode: Encode) -> None:
    content = bytearray(encode(second))
    content[4:8] = content[40:44] = size.to_bytes(4, "little")

    signal = read(bytes(content) * 2)

    assert len(signal.samples) == 32000


@pytest.mark.parametrize(
    ("name", "codec"), [("a.m4a", "aac"), ("a.avi", "pcm_s16le"), ("a.tta", "tta"), ("a.flv", "aac")]
)
def test_media_files_one_after_another(name: str, codec: str, tmp_path: Path) -> None:
    path = make(tmp_path / name, codec, channels=1, rate=44100)
    single = read(path)

    signal = read(path.read_bytes() * 2)

    assert len(signal.samples) == pytest.approx(2 * len(single.samples), abs=2)
    assert len(read(path.read_bytes() + bytes(64), name="padded").samples) == len(single.samples)


def test_a_part_that_is_no_recording_fails_the_file(second: Array, encode: Encode) -> None:
    content = encode(second, format="FLAC")

    with pytest.raises(AudioError):
        read(content + content[:60])


@pytest.mark.parametrize(
    ("kind", "head"),
    [
        ("wav", b"RIFF"),
        ("au", b".snd\0\0"),
        ("w64", b"riff"),
        ("mp4", b"\0\0\0\x18ftyp"),
        ("aiff", b"FORM\x7f\xff\xff\xff"),
    ],
)
def test_incomplete_headers_have_one_part(kind: str, head: bytes) -> None:
    assert part_starts(io.BytesIO(head), kind=kind, size=len(head)) == [0]


def test_a_signature_at_the_edge_of_a_search_window(
    second: Array, encode: Encode, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = encode(second, format="FLAC")
    for window in (40, 41, 47, 64):
        monkeypatch.setattr("emotone.audio.layout.WINDOW", window)
        assert part_starts(io.BytesIO(content * 2), kind="flac", size=2 * len(content)) == [0, len(content)]


def test_views_behave_like_files() -> None:
    view = ByteView(Source("x", 6, content=b"abcdef"), (b"12", range(2, 4), b"3"))

    assert (view.readable(), view.seekable(), view.tell(), view.size) == (True, True, 0, 5)
    assert view.read() == b"12cd3"
    assert view.seek(-2, io.SEEK_END) == 3
    assert view.seek(1, io.SEEK_CUR) == 4
    assert view.read(10) == b"3"
    assert view.seek(-10, io.SEEK_CUR) == 0
    view.close()


def test_a_file_that_becomes_shorter(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(bytes(100))
    view = ByteView(Source("x", 200, path), None)

    assert len(view.read()) == 100
    view.close()


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 123456\n"


@pytest.mark.parametrize(
    ("content", "error", "code", "message"),
    [
        (LFS, GitLfsPointerError, "git_lfs_pointer", "is a Git LFS pointer, not the recording; run 'git lfs pull'"),
        (b"<!DOCTYPE html>\n<html>", HtmlPageError, "html_page", "is an HTML page, not a recording"),
        (b"\xef\xbb\xbf  <!-- x -->\n<HTML lang='en'>", HtmlPageError, "html_page", "is an HTML page"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied", HtmlPageError, "html_page", "is an XML document"),
        (b"PK\x03\x04" + bytes(99), NotAudioError, "not_audio", "is a ZIP archive; unpack it"),
        (b"\x00\x05\x16\x07" + bytes(99), NotAudioError, "not_audio", "is a macOS metadata file"),
        (b"MThd\0\0\0\x06" + bytes(99), NotAudioError, "not_audio", "is a MIDI file"),
    ],
)
def test_files_that_stand_in_for_a_recording(
    content: bytes, error: type[AudioError], code: str, message: str, write: Write
) -> None:
    path = write(content)
    for function in (read, probe):
        with pytest.raises(error, match=message) as caught:
            function(path)
        assert caught.value.code == code


def test_the_pointer_of_the_cases(shared: Path) -> None:
    with pytest.raises(GitLfsPointerError, match="24_git_lfs_pointer"):
        read(shared / "cases" / "24_git_lfs_pointer.wav")


# ----------------------------------------------------------------------------------------------------------------------
# libsndfile: behaviour that no file causes.


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
