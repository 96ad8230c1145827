"""Containers that only FFmpeg reads, and the error where PyAV is not installed."""

from __future__ import annotations

import struct
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.audio.conftest import tone

from emotone.audio.identify import sniff
from emotone.audio.read import probe, read, stream
from emotone.errors import AudioError, MissingExtraError, NotAudioError, TruncatedError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.audio.conftest import Encode, Write

av = pytest.importorskip("av")

CONTAINERS = [
    ("a.m4a", "aac", "fltp"),
    ("a.mp4", "aac", "fltp"),
    ("a.webm", "libopus", "flt"),
    ("a.mkv", "flac", "s16"),
    ("a.avi", "pcm_s16le", "s16"),
    ("a.mov", "pcm_s24le", "s32"),
    ("a.ts", "aac", "fltp"),
    ("a.aac", "aac", "fltp"),
    ("a.wma", "wmav2", "fltp"),
    ("a.wv", "wavpack", "s16p"),
    ("a.avi", "pcm_u8", "u8"),
]


def make(path: Path, codec: str, kind: str, *, seconds: float = 2.0, rate: int = 48000, channels: int = 2) -> Path:
    """Write a tone through FFmpeg."""
    layout = "stereo" if channels == 2 else "mono"
    try:
        with av.open(str(path), "w") as container:
            track = container.add_stream(codec, rate=rate, layout=layout)
            signal = tone(seconds, rate)
            resampler = av.AudioResampler(format=kind, layout=layout, rate=rate)
            for at in range(0, len(signal), 960):
                block = np.tile(signal[at : at + 960], (channels, 1))
                frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block), format="fltp", layout=layout)
                frame.sample_rate, frame.pts = rate, at
                for out in resampler.resample(frame):
                    container.mux(track.encode(out))
            container.mux(track.encode(None))
    except (ValueError, av.FFmpegError) as error:
        pytest.skip(f"this FFmpeg does not write {codec}: {error}")
    return path


@pytest.mark.parametrize(("name", "codec", "kind"), CONTAINERS)
def test_a_tone_comes_back(name: str, codec: str, kind: str, tmp_path: Path) -> None:
    path = make(tmp_path / name, codec, kind)

    samples, rate = read(path)

    assert rate == 48000
    assert len(samples) == pytest.approx(96000, abs=4096)
    assert abs(int(np.argmax(np.abs(np.fft.rfft(samples[:48000])))) - 440) <= 1
    assert np.std(samples[8000:40000]) == pytest.approx(0.5 / np.sqrt(2), rel=0.05)
    info = probe(path)
    assert (info.rate, info.channels) == (48000, 2)
    assert np.array_equal(
        np.concatenate(list(stream(path, rate=16000, channel=1))), read(path, rate=16000, channel=1)[0]
    )


def test_the_suffix_is_ignored(tmp_path: Path) -> None:
    path = make(tmp_path / "a.m4a", "aac", "fltp").rename(tmp_path / "a.wav")

    assert probe(path).format == "mov/aac"


def test_a_part(tmp_path: Path) -> None:
    path = make(tmp_path / "a.m4a", "aac", "fltp")

    whole, part = read(path)[0], read(path, start=0.5, end=1.5)[0]
    assert np.array_equal(part, whole[24000:72000])


def test_a_truncated_file_is_refused(tmp_path: Path, write: Write) -> None:
    content = make(tmp_path / "a.m4a", "aac", "fltp").read_bytes()

    with pytest.raises(TruncatedError, match=r"is truncated: its header promises [\d,]+ bytes, the file contains"):
        read(write(content[: len(content) // 2], "b.m4a"))


def test_a_damaged_file(tmp_path: Path, write: Write) -> None:
    content = bytearray(make(tmp_path / "a.m4a", "aac", "fltp").read_bytes())
    content[100:-3000] = bytes(len(content) - 3100)

    with pytest.raises(AudioError, match=r"b.m4a"):
        read(write(bytes(content), "b.m4a"))


def test_less_sound_than_the_container_promises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make(tmp_path / "a.m4a", "aac", "fltp")
    monkeypatch.setattr("emotone.audio.media.MediaDecoder._promised", lambda _: 480_000)

    with pytest.raises(TruncatedError, match=r"decoding stops after 2\.\d\d s of 10\.00 s \(no more samples\)"):
        read(path)


def test_64_bit_box_sizes_are_checked(write: Write) -> None:
    long_box = struct.pack(">I4sQ", 1, b"mdat", 1 << 40)
    with pytest.raises(TruncatedError):
        read(write(struct.pack(">I4s8s", 16, b"ftyp", b"isom0000") + long_box, "a.mp4"))


@pytest.mark.parametrize("rest", [b"", b"odd", bytes(100), struct.pack(">II", 0, 0), b"\x00\x00\x00\x00mdat"])
def test_an_empty_container(rest: bytes, write: Write) -> None:
    with pytest.raises(NotAudioError, match=r"is not a recording that FFmpeg can open|no audio track"):
        read(write(struct.pack(">I4s8s", 16, b"ftyp", b"isom0000") + rest, "a.mp4"))


def test_a_video_without_sound(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        track = container.add_stream("mpeg4", rate=10)
        track.width = track.height = 32
        for _ in range(5):
            container.mux(track.encode(av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")))
        container.mux(track.encode())

    with pytest.raises(NotAudioError, match=r"has no audio track; pass a recording with sound"):
        read(path)


def test_text_is_refused(write: Write) -> None:
    with pytest.raises(NotAudioError):
        read(write(b"The free software ...\n" * 50, "a.mp4"))


def test_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make(tmp_path / "a.m4a", "aac", "fltp")
    monkeypatch.setitem(sys.modules, "av", None)

    with pytest.raises(
        MissingExtraError,
        match=r"a.m4a: decoding \.m4a files needs the package 'av'; install it with: pip install 'emotone\[media\]'",
    ):
        read(path)


def test_a_coding_that_libsndfile_does_not_support(
    encode: Encode, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = bytearray(encode(tone()))
    content[20:22] = struct.pack("<H", 0x2000)  # AC-3 in a wav
    monkeypatch.setitem(sys.modules, "av", None)

    with pytest.raises(MissingExtraError, match="decoding what is inside this wav file needs the package 'av'"):
        read(write(bytes(content)))


def test_a_format_that_changes_midway_is_converted(tmp_path: Path, write: Write) -> None:
    first = make(tmp_path / "a.aac", "aac", "fltp").read_bytes()
    second = make(tmp_path / "b.aac", "aac", "fltp", rate=44100, channels=1).read_bytes()

    signal = read(write(first + second, "c.aac"))

    assert signal.rate == 48000
    assert len(signal.samples) / 48000 == pytest.approx(4.0, abs=0.15)
    assert np.std(signal.samples[-90_000:-10_000]) == pytest.approx(0.5 / np.sqrt(2), rel=0.05)
    assert any("changes from 48000 Hz, 2 channels to 44100 Hz, 1 channels" in note for note in signal.notes)


def test_a_video_gives_its_sound(shared: Path) -> None:
    path = shared / "corpora" / "video" / "01-01-01-01-01-01-01.mp4"

    samples, rate = read(path, rate=16000)
    assert rate == 16000
    assert len(samples) / 16000 == pytest.approx(3.3, abs=0.05)
    assert probe(path).format == "mov/aac"


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"OggS" + bytes(30), "ogg"),
        (b"RIFF\x00\x00\x00\x00AVI LIST", "avi"),
        (b"\x1a\x45\xdf\xa3", "matroska or webm"),
        (bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"), "asf"),
        ((b"G" + bytes(187)) * 5, "mpeg transport stream"),
        (b"\xff\xf1\x50\x80\x01\x1f\xfc\x00\xff\xf1", "aac"),
        (b"\xff\xfb\x90\x64", "mp3"),
        (b"caff\x00\x01", "caf"),
    ],
)
def test_signatures(head: bytes, name: str) -> None:
    kind = sniff(head)
    assert kind is not None
    assert kind.name == name


@pytest.mark.parametrize(
    "head", [b"", b"hello", b"The free lunch", b"\xff", b"MAC address", b"RIFF\x00\x00\x00\x00ACON"]
)
def test_no_signature(head: bytes) -> None:
    assert sniff(head) is None


@pytest.mark.parametrize("context", [None, SimpleNamespace(sample_rate=0)])
def test_a_track_without_a_decoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, context: object) -> None:
    """No file causes this: FFmpeg builds without a decoder differ."""
    path = make(tmp_path / "a.mp4", "aac", "fltp")
    disposition = av.stream.Disposition(0)
    track = SimpleNamespace(codec_context=context, disposition=disposition)
    opened = SimpleNamespace(streams=SimpleNamespace(audio=[track]), close=lambda: None)
    monkeypatch.setattr(av, "open", lambda *_, **__: opened)
    with pytest.raises(NotAudioError, match="FFmpeg has no decoder for its audio track"):
        read(path)
