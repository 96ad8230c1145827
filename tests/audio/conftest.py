"""Synthetic recordings in any format that libsndfile writes, files that FFmpeg writes, and videos with drawn faces."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pytest
import soundfile

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.types import Array


# ----------------------------------------------------------------------------------------------------------------------
# Synthetic recordings in any format that libsndfile writes.


class Encode(Protocol):
    """Bytes of a file with the samples [time] or [time, channels]."""

    def __call__(
        self,
        samples: Array,
        rate: int = 16000,
        *,
        format: str = "WAV",  # noqa: A002
        subtype: str = "PCM_16",
    ) -> bytes: ...


class Write(Protocol):
    """Write bytes to a temporary file and return its path."""

    def __call__(self, content: bytes, name: str = "a.wav") -> Path: ...


def encode_samples(samples: Array, rate: int = 16000, *, format: str = "WAV", subtype: str = "PCM_16") -> bytes:  # noqa: A002
    stream = io.BytesIO()
    soundfile.write(stream, samples, rate, format=format, subtype=subtype)
    return stream.getvalue()


def tone(seconds: float = 1.0, rate: int = 16000, hertz: float = 440.0) -> Array:
    times = np.arange(round(seconds * rate)) / rate
    return (0.5 * np.sin(2 * np.pi * hertz * times)).astype(np.float32)


@pytest.fixture
def encode() -> Encode:
    return encode_samples


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def to_file(content: bytes, name: str = "a.wav") -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return to_file


@pytest.fixture
def second() -> Array:
    """One second of 440 Hz at 16 kHz, half of full scale."""
    return tone()


# ----------------------------------------------------------------------------------------------------------------------
# Files that FFmpeg writes: several tracks, late starts, gaps, and other containers.


def encode_track(container: Any, codec: str, signal: Array, rate: int, *, layout: str = "mono", start: int = 0) -> Any:
    """Add one track with the signal [time], whose first sample has the timestamp `start` (in samples)."""
    track = container.add_stream(codec, rate=rate, layout=layout)
    write_samples(container, track, signal, rate, layout=layout, start=start)
    return track


def write_samples(
    container: Any, track: Any, signal: Array, rate: int, *, layout: str, start: int = 0, last: bool = True
) -> None:
    """Encode the signal into a track, from a timestamp on; `last` flushes the encoder."""
    import av

    channels = {"mono": 1, "stereo": 2}[layout]
    resampler = av.AudioResampler(format=track.codec_context.format, layout=layout, rate=rate)
    for at in range(0, len(signal), 960):
        block = np.ascontiguousarray(np.tile(signal[at : at + 960], (channels, 1)))
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=layout)
        frame.sample_rate, frame.pts = rate, start + at
        for out in resampler.resample(frame):
            container.mux(track.encode(out))
    if last:
        container.mux(track.encode(None))


def make(
    path: Path, codec: str, *, seconds: float = 2.0, rate: int = 48000, channels: int = 2, start: float = 0
) -> Path:
    """Write a tone, whose track starts at `start` seconds."""
    import av

    try:
        with av.open(str(path), "w") as container:
            layout = "stereo" if channels == 2 else "mono"
            encode_track(container, codec, tone(seconds, rate), rate, layout=layout, start=round(start * rate))
    except (ValueError, av.FFmpegError) as error:
        pytest.skip(f"this FFmpeg does not write {codec}: {error}")
    return path


def make_tracks(
    path: Path, signals: list[Array], *, codec: str = "pcm_s16le", rate: int = 16000, default: int | None
) -> Path:
    """Write several mono tracks; `default` is the one marked as default."""
    import av

    with av.open(str(path), "w") as container:
        tracks = [container.add_stream(codec, rate=rate, layout="mono") for _ in signals]
        for index, track in enumerate(tracks):
            flags = av.stream.Disposition.default
            track.disposition = flags if index == default else av.stream.Disposition(0)
        for track, signal in zip(tracks, signals, strict=True):
            write_samples(container, track, signal, rate, layout="mono")
    return path


def make_with_video(path: Path, signal: Array, *, rate: int = 16000, codec: str = "aac", start: float) -> Path:
    """Write a video of 2 seconds, whose sound starts at `start` seconds."""
    import av

    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=10)
        video.width = video.height = 32
        sound = container.add_stream(codec, rate=rate, layout="mono")
        for index in range(20):
            frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
            frame.pts = index
            container.mux(video.encode(frame))
        container.mux(video.encode())
        write_samples(container, sound, signal, rate, layout="mono", start=round(start * rate))
    return path


def make_with_gap(path: Path, signal: Array, *, gap: float, rate: int = 16000, codec: str = "pcm_s16le") -> Path:
    """Write the signal twice, the second one `gap` seconds after the end of the first."""
    import av

    with av.open(str(path), "w") as container:
        track = container.add_stream(codec, rate=rate, layout="mono")
        write_samples(container, track, signal, rate, layout="mono", last=False)
        write_samples(container, track, signal, rate, layout="mono", start=len(signal) + round(gap * rate))
    return path


# ----------------------------------------------------------------------------------------------------------------------
# Tiny videos with drawn faces, which the face detector finds, and speech-like sound.

HEIGHT, WIDTH = 240, 320
RATE = 16000


def drawn_face(*, column: int = 160, size: float = 1.2, mouth: float = 6.0) -> Any:
    """Return an image [240, 320, 3] of a face in the middle row: skin, eyes, brows, nose and mouth are ellipses."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    image = np.full((HEIGHT, WIDTH), 200.0)

    def inside(down: float, right: float, high: float, wide: float) -> Any:
        distance = ((rows - 120 - down * size) / (high * size)) ** 2
        return distance + ((columns - column - right * size) / (wide * size)) ** 2 <= 1

    head = inside(0, 0, 80, 60)
    image[head] = 150
    for side in (-25, 25):
        image[inside(-20, side, 14, 20) & head] = 105
        image[inside(-20, side, 6, 9)] = 40
        image[inside(-38, side, 4, 18)] = 60
    image[inside(5, 0, 25, 8)] = 170
    image[inside(24, 0, 5, 12)] = 110
    image[inside(45, 0, 6 + mouth, 25)] = 70
    image[inside(-65, 0, 20, 60)] = 60
    return np.repeat(image.astype(np.uint8)[:, :, None], 3, axis=2)


def write_video(path: Path, images: list[Any], times: list[float], *, sound: Array | None = None) -> Path:
    """Write images that start at these times in seconds, and samples at 16 kHz; some rate of frames is nominal."""
    import av

    with av.open(str(path), "w") as container:
        track: Any = None
        if images:
            track = container.add_stream("mpeg4", rate=25)
            track.height, track.width = images[0].shape[:2]
            track.bit_rate = 2_000_000
            track.codec_context.time_base = Fraction(1, 1000)
        audio = None if sound is None else container.add_stream("pcm_s16le", rate=RATE, layout="mono")
        for image, time in zip(images, times, strict=True):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = round(1000 * time), Fraction(1, 1000)
            container.mux(track.encode(frame))
        if track is not None:
            container.mux(track.encode(None))
        if audio is not None and sound is not None:
            samples = np.round(32767 * np.clip(sound, -1, 1)).astype(np.int16)[None]
            frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
            frame.sample_rate, frame.pts = RATE, 0
            container.mux(audio.encode(frame))
            container.mux(audio.encode(None))
    return path
