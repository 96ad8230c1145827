"""Synthetic recordings in any format that libsndfile writes."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pytest
import soundfile

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.types import Array


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
