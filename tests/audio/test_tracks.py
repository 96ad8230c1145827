"""Tracks of containers, videos, and recordings that are spooled."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.audio.conftest import make_tracks, tone, write_samples, write_video

from emotone.audio.read import probe, read, spool, stream_channels
from emotone.audio.video import read_images
from emotone.errors import (
    AudioError,
    EmptyAudioError,
    MissingExtraError,
    NotAudioError,
    RateError,
    TruncatedError,
    UsageError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.audio.conftest import Encode, Write

    from emotone.types import Array

av = pytest.importorskip("av")


# ----------------------------------------------------------------------------------------------------------------------
# Several audio tracks: the default one, one by number, and all of them.

SILENT = np.zeros(16000, np.float32)
LOUD = tone(2.0)


def test_the_default_track_is_read_and_noted(tmp_path: Path) -> None:
    path = make_tracks(tmp_path / "a.mkv", [SILENT, LOUD], default=1)

    signal = read(path)

    assert len(signal.samples) == 32000
    assert signal.samples.std() > 0.3
    assert signal.notes == (
        "the recording has 2 audio tracks; track 1 was read (the default); choose with track=N or 'all' (--track)",
    )
    assert probe(path).tracks == 2


def test_without_a_default_track_the_first_is_read(tmp_path: Path) -> None:
    path = make_tracks(tmp_path / "a.mkv", [LOUD, SILENT], default=None)

    signal = read(path)

    assert signal.samples.std() > 0.3
    assert "track 0 was read (the first; none is marked as default)" in signal.notes[0]


def test_a_track_by_number(tmp_path: Path) -> None:
    path = make_tracks(tmp_path / "a.mkv", [SILENT, LOUD], default=1)

    signal = read(path, track=0)

    assert not signal.samples.any()
    assert signal.notes == ()


@pytest.mark.parametrize("track", [2, -1])
def test_a_track_that_does_not_exist(track: int, tmp_path: Path) -> None:
    path = make_tracks(tmp_path / "a.mkv", [SILENT, LOUD], default=1)

    with pytest.raises(RateError, match=f"track {track} was requested; allowed: "):
        read(path, track=track)


@pytest.mark.parametrize("format_", ["WAV", "FLAC"])
def test_a_file_with_one_track(format_: str, second: Array, encode: Encode, write: Write) -> None:
    path = write(encode(second, format=format_))

    assert len(read(path, track=0).samples) == len(read(path, track="all").samples) == 16000
    with pytest.raises(RateError, match="track 1 was requested; allowed: 0, 'default' or 'all'"):
        read(path, track=1)
    with pytest.raises(UsageError, match="track 'first' was given; allowed: 'default', 'all' or a number"):
        read(path, track="first")  # type: ignore[arg-type]


def test_all_tracks_are_read_as_channels(tmp_path: Path) -> None:
    path = make_tracks(tmp_path / "a.mkv", [0.5 * tone(1.0), LOUD], default=0)

    with stream_channels(path, rate=16000, track="all") as pieces:
        assert (pieces.channels, pieces.tracks) == (2, 2)
        waveform = np.concatenate(list(pieces), axis=1)

    assert waveform.shape == (2, 32000)
    np.testing.assert_allclose(waveform[0, :16000], 0.5 * tone(1.0), atol=1e-4)
    assert not waveform[0, 16000:].any()  # the shorter track is followed by silence
    np.testing.assert_allclose(waveform[1], LOUD, atol=1e-4)
    assert any("the 2 audio tracks were read together" in note for note in pieces.notes)
    mix = read(path, track="all", start=0.5, end=1.5).samples
    np.testing.assert_allclose(mix, waveform.mean(axis=0)[8000:24000], atol=1e-6)
    assert probe(path, track="all").channels == 2


def test_tracks_of_different_rates_get_the_rate_of_the_first(tmp_path: Path) -> None:
    path = tmp_path / "a.mov"
    with av.open(str(path), "w", format="mov") as container:
        tracks = [container.add_stream("pcm_s16le", rate=rate, layout="mono") for rate in (16000, 48000)]
        for track, rate in zip(tracks, (16000, 48000), strict=True):
            write_samples(container, track, tone(1.0, rate), rate, layout="mono")

    with stream_channels(path, rate=16000, track="all") as pieces:
        waveform = np.concatenate(list(pieces), axis=1)

    assert waveform.shape[0] == 2
    assert waveform.shape[1] == pytest.approx(16000, abs=2)
    np.testing.assert_allclose(waveform[1, 1000:15000], waveform[0, 1000:15000], atol=1e-3)
    part = read(path, track="all", start=0.25, end=0.5).samples
    np.testing.assert_allclose(part, waveform.mean(axis=0)[4000:8000], atol=1e-5)


def test_the_default_track_of_the_case(shared: Path) -> None:
    signal = read(shared / "cases" / "11_two_tracks_first_silent_second_default.mkv")

    assert 2.3 < len(signal.samples) / signal.rate < 2.6
    assert signal.samples.std() > 0.05
    assert "2 audio tracks" in signal.notes[0]


# ----------------------------------------------------------------------------------------------------------------------
# Images of videos: those shown at equal distances in time, upright, whatever the rate of frames.

SILENCE = np.zeros(16000, np.float32)


def grey(level: int) -> Any:
    return np.full((48, 64, 3), level, np.uint8)


def levels(images: tuple[Any, ...]) -> list[int]:
    """Return the mean of each image, rounded to tens: the codec changes values a little."""
    return [round(float(image.mean()), -1) for image in images]  # type: ignore[misc]


def test_an_image_is_that_of_the_last_frame_before_its_time(tmp_path: Path) -> None:
    # Frames at irregular times; images are wanted at 0.25, 0.75 and 1.25 s.
    path = write_video(
        tmp_path / "a.mkv", [grey(40), grey(80), grey(120), grey(160), grey(200)], [0.0, 0.2, 0.9, 1.2, 1.3]
    )
    found = read_images(path, every=0.5)
    assert levels(found.images)[:3] == [80, 80, 160]
    assert found.images[0].shape == (48, 64, 3)
    assert found.notes == ()


def test_the_first_image_is_shown_before_its_time_too(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", [grey(40), grey(80)], [0.6, 0.8], sound=SILENCE)
    assert levels(read_images(path, every=0.4).images)[:2] == [40, 40]


def test_sound_alone_has_no_images(tmp_path: Path) -> None:
    assert read_images(write_video(tmp_path / "a.mkv", [], [], sound=SILENCE), every=0.5).images == ()


def test_a_stated_rotation_is_applied(tmp_path: Path) -> None:
    image = grey(40)
    image[:24] = 200  # bright at the top
    path = write_video(tmp_path / "a.mp4", [image], [0.0])
    content = bytearray(path.read_bytes())
    matrix = content.find(b"tkhd") + 44  # three rows of fixed-point numbers: a turn by 90 degrees
    turn = (0, 1, 0, -1, 0, 0, 0, 0, 0x4000)
    content[matrix : matrix + 36] = b"".join(int(value * 65536).to_bytes(4, "big", signed=True) for value in turn)
    (tmp_path / "turned.mp4").write_bytes(content)
    (turned,) = read_images(tmp_path / "turned.mp4", every=1.0).images[:1]
    assert turned.shape == (64, 48, 3)
    assert turned[:, 30:].mean() > turned[:, :18].mean() + 100  # the top is at the right after a clockwise turn


def test_a_video_that_breaks_off_keeps_its_first_images(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 255, (48, 64, 3), np.uint8) for _ in range(20)]
    path = write_video(tmp_path / "a.mkv", noise, [0.1 * number for number in range(20)])
    content = path.read_bytes()
    (tmp_path / "cut.mkv").write_bytes(content[: len(content) // 2])
    assert 0 < len(read_images(tmp_path / "cut.mkv", every=0.2).images) < 10


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"no video" * 100)
    with pytest.raises((NotAudioError, TruncatedError), match=r"a\.mp4"):
        read_images(tmp_path / "a.mp4", every=0.5)


def test_errors_of_the_decoder_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_video(tmp_path / "a.mkv", [grey(40), grey(80)], [0.0, 0.5])

    def breaks(*_: Any, **__: Any) -> Iterator[Any]:
        yield grey(40)
        raise ValueError("damaged")

    monkeypatch.setattr("emotone.audio.video._shown", breaks)
    found = read_images(path, every=0.5)
    assert len(found.images) == 1
    assert found.notes == ("the video is damaged after 0.50 s; later images are missing",)

    def fails(*_: Any, **__: Any) -> Iterator[Any]:
        raise ValueError("damaged")

    monkeypatch.setattr("emotone.audio.video._shown", fails)
    with pytest.raises(TruncatedError, match=r"a\.mkv: no image of the video can be decoded \(damaged\)"):
        read_images(path, every=0.5)


def test_without_pyav_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtraError, match="emotone\\[media\\]"):
        read_images(tmp_path / "a.mkv", every=0.5)


# ----------------------------------------------------------------------------------------------------------------------
# Streams are stored in temporary files of limited size.


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
