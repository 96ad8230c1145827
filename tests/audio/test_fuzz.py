"""Damaged files give sound or one of our errors, and nothing else: no crash, no warning, no other exception."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.audio.conftest import encode_samples

from emotone.audio.read import probe, read
from emotone.errors import AudioError, MissingExtraError

if TYPE_CHECKING:
    from pathlib import Path

FORMATS = [
    ("WAV", "PCM_16"),
    ("WAV", "FLOAT"),
    ("WAV", "IMA_ADPCM"),
    ("RF64", "PCM_16"),
    ("FLAC", "PCM_16"),
    ("OGG", "VORBIS"),
    ("OGG", "OPUS"),
    ("MP3", "MPEG_LAYER_III"),
    ("AIFF", "PCM_16"),
    ("NIST", "PCM_16"),
    ("AU", "PCM_16"),
    ("CAF", "PCM_16"),
]
SIGNAL = np.random.default_rng(7).uniform(-0.5, 0.5, 3000).astype(np.float32)
WHOLE = {(container, coding): encode_samples(SIGNAL, format=container, subtype=coding) for container, coding in FORMATS}


def sound_or_error(path: Path) -> None:
    try:
        probe(path)
        samples, rate = read(path, rate=16000)
    except (AudioError, MissingExtraError) as error:
        message = str(error)
        assert "\n" not in message
        assert str(path) in message
    else:
        assert rate == 16000
        assert samples.ndim == 1
        assert samples.size
        assert np.isfinite(samples).all()


@pytest.mark.parametrize(("container", "coding"), FORMATS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_flipped_bits_and_cuts(container: str, coding: str, data: st.DataObject, tmp_path: Path) -> None:
    content = bytearray(WHOLE[container, coding])
    header = min(len(content), 256)
    for _ in range(data.draw(st.integers(0, 4))):
        place = data.draw(st.integers(0, header - 1) | st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255) | st.sampled_from([0, 0x7F, 0x80, 0xFF]))
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content))) :]
    path = tmp_path / "a.wav"
    path.write_bytes(content)

    sound_or_error(path)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    start=st.sampled_from(sorted({content[:size] for content in WHOLE.values() for size in (4, 12, 40)})),
    rest=st.binary(max_size=300),
)
def test_noise_after_a_beginning(start: bytes, rest: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(start + rest)

    sound_or_error(path)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=600))
def test_noise(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    path.write_bytes(content)

    sound_or_error(path)
