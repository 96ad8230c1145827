"""Tiny videos with drawn faces, which the face detector finds, and speech-like sound."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.types import Array

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
    av = pytest.importorskip("av")
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
