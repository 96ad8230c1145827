"""Containers that FFmpeg reads, and the clock of their tracks."""

from __future__ import annotations

import struct
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.audio.conftest import make, make_with_gap, make_with_video, tone

from emotone.audio.identify import sniff
from emotone.audio.media import Timeline
from emotone.audio.read import probe, read, stream
from emotone.errors import AudioError, MissingExtraError, NotAudioError, TruncatedError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.audio.conftest import Encode, Write


# ----------------------------------------------------------------------------------------------------------------------
# Containers that only FFmpeg reads, and the error where PyAV is not installed.

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


def make_container(
    path: Path, codec: str, kind: str, *, seconds: float = 2.0, rate: int = 48000, channels: int = 2
) -> Path:
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
    path = make_container(tmp_path / name, codec, kind)

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
    path = make_container(tmp_path / "a.m4a", "aac", "fltp").rename(tmp_path / "a.wav")

    assert probe(path).format == "mov/aac"


def test_a_part(tmp_path: Path) -> None:
    path = make_container(tmp_path / "a.m4a", "aac", "fltp")

    whole, part = read(path)[0], read(path, start=0.5, end=1.5)[0]
    assert np.array_equal(part, whole[24000:72000])


def test_a_truncated_file_is_refused(tmp_path: Path, write: Write) -> None:
    content = make_container(tmp_path / "a.m4a", "aac", "fltp").read_bytes()

    with pytest.raises(TruncatedError, match=r"is truncated: its header promises [\d,]+ bytes, the file contains"):
        read(write(content[: len(content) // 2], "b.m4a"))


def test_a_damaged_file(tmp_path: Path, write: Write) -> None:
    content = bytearray(make_container(tmp_path / "a.m4a", "aac", "fltp").read_bytes())
    content[100:-3000] = bytes(len(content) - 3100)

    with pytest.raises(AudioError, match=r"b.m4a"):
        read(write(bytes(content), "b.m4a"))


def test_less_sound_than_the_container_promises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_container(tmp_path / "a.m4a", "aac", "fltp")
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
    path = make_container(tmp_path / "a.m4a", "aac", "fltp")
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
    first = make_container(tmp_path / "a.aac", "aac", "fltp").read_bytes()
    second = make_container(tmp_path / "b.aac", "aac", "fltp", rate=44100, channels=1).read_bytes()

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
    path = make_container(tmp_path / "a.mp4", "aac", "fltp")
    disposition = av.stream.Disposition(0)
    track = SimpleNamespace(codec_context=context, disposition=disposition)
    opened = SimpleNamespace(streams=SimpleNamespace(audio=[track]), close=lambda: None)
    monkeypatch.setattr(av, "open", lambda *_, **__: opened)
    with pytest.raises(NotAudioError, match="FFmpeg has no decoder for its audio track"):
        read(path)


# ----------------------------------------------------------------------------------------------------------------------
# Times on the recording's clock: late starts and gaps in the timestamps become silence.


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_a_track_that_starts_late(name: str, tmp_path: Path) -> None:
    path = make_with_video(tmp_path / name, tone(1.0), start=1.5)

    signal = read(path)

    assert len(signal.samples) / signal.rate == pytest.approx(2.5, abs=0.15)
    assert not signal.samples[: round(1.3 * signal.rate)].any()
    assert np.std(signal.samples[round(1.8 * signal.rate) : round(2.2 * signal.rate)]) > 0.3
    assert any(note.startswith("the sound starts at 1.") for note in signal.notes)
    assert np.array_equal(read(path, start=1.0, end=2.0).samples, signal.samples[signal.rate : 2 * signal.rate])


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_a_file_of_its_own_starts_with_its_silence(name: str, tmp_path: Path) -> None:
    path = make(tmp_path / name, "aac", start=5.0)

    assert len(read(path).samples) / 48000 == pytest.approx(7.0, abs=0.1)


def test_timestamps_far_from_zero_count_from_the_first(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mkv", "aac", start=3600.0)

    assert len(read(path).samples) / 48000 == pytest.approx(2.0, abs=0.1)


def test_a_gap_becomes_silence(tmp_path: Path) -> None:
    path = make_with_gap(tmp_path / "a.mka", tone(1.0), gap=10.0)

    signal = read(path)

    assert len(signal.samples) == pytest.approx(12 * 16000, abs=100)
    assert not signal.samples[round(1.1 * 16000) : round(10.9 * 16000)].any()
    assert signal.notes == ("gaps in the timestamps were filled with 10.00 s of silence",)
    assert probe(path).duration == pytest.approx(12.0, abs=0.01)
    pieces = stream(path, rate=16000)
    assert np.array_equal(np.concatenate(list(pieces)), signal.samples)
    assert pieces.notes == signal.notes


def test_transport_streams_start_at_their_first_timestamp(tmp_path: Path) -> None:
    samples, rate = read(make(tmp_path / "a.ts", "aac"))

    assert len(samples) / rate == pytest.approx(2.0, abs=0.1)


def fed(timeline: Timeline, timestamps: list[float | None], *, block: int = 100) -> list[int]:
    silences = []
    for timestamp in timestamps:
        silences.append(timeline.silence_before(timestamp))
        timeline.at += silences[-1] + block
    return silences


@pytest.mark.parametrize(
    ("origin", "timestamps", "silences", "notes"),
    [
        (0.0, [0.0, 0.1, 0.2], [0, 0, 0], 0),
        (None, [7.0, 7.1], [0, 0], 0),
        (0.0, [None, None], [0, 0], 0),
        (0.0, [0.0, 0.15, 0.25], [0, 0, 0], 0),  # rounding
        (0.0, [2.0, 2.1], [2000, 0], 1),
        (0.0, [0.0, 1.1, 1.2], [0, 1000, 0], 1),
        (0.0, [0.0, 90_000.0, 90_000.1], [0, 0, 0], 1),  # a clock that was set
        (0.0, [5.0, 1.0, 1.1], [5000, 0, 0], 2),  # two streams with their own clocks
        (0.0, [0.0, -0.2], [0, 0], 0),  # an overlap is read in full
        (0.0, [0.0, 1300.0, 2600.0, 3900.0, 5200.0], [0, 1_299_900, 1_299_900, 0, 0], 2),  # a wrong unit
    ],
)
def test_timelines(origin: float | None, timestamps: list[float | None], silences: list[int], notes: int) -> None:
    timeline = Timeline(1000, origin=origin)

    assert fed(timeline, timestamps) == silences
    assert len(timeline.notes()) == notes


def test_long_gaps_between_long_parts_are_filled() -> None:
    timeline = Timeline(1000, origin=0.0)

    assert fed(timeline, [0.0, 2000.0, 4000.0], block=50_000) == [0, 1_950_000, 1_950_000]


def test_clock_cases(shared: Path) -> None:
    cases = shared / "cases"
    for name, start, seconds in [
        ("10a_video_sound_starts_at_5s.mp4", 4.9, 9.7),
        ("10b_video_sound_starts_at_5s.mkv", 4.9, 9.7),
        ("10c_gap_of_10s_in_timestamps.mka", 0.0, 14.76),
    ]:
        samples, rate = read(cases / name)
        assert len(samples) / rate == pytest.approx(seconds, abs=0.1)
        assert not samples[: round(start * rate)].any()
