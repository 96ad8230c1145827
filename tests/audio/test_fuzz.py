"""Damaged files return sound or one of emotone's errors: no crash, no warning, no other exception."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.audio.av_files import make, make_tracks
from tests.audio.conftest import encode_samples, tone

from emotone.audio.read import probe, read
from emotone.audio.samples import as_samples
from emotone.errors import AudioError, MissingExtraError, UsageError

FORMATS = [
    ("WAV", "PCM_16"),
    ("WAV", "FLOAT"),
    ("WAV", "IMA_ADPCM"),
    ("RF64", "PCM_16"),
    ("W64", "PCM_16"),
    ("FLAC", "PCM_16"),
    ("OGG", "VORBIS"),
    ("OGG", "OPUS"),
    ("MP3", "MPEG_LAYER_III"),
    ("AIFF", "PCM_16"),
    ("NIST", "PCM_16"),
    ("AU", "PCM_16"),
    ("CAF", "PCM_16"),
]
MEDIA = [("a.m4a", "aac"), ("a.mkv", "pcm_s16le"), ("a.aac", "aac"), ("a.ts", "mp2"), ("a.avi", "pcm_s16le")]
SIGNAL = np.random.default_rng(7).uniform(-0.5, 0.5, 3000).astype(np.float32)
WHOLE = {(container, coding): encode_samples(SIGNAL, format=container, subtype=coding) for container, coding in FORMATS}
SETTINGS = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("media")
    return {name: make(folder / name, codec, seconds=0.3, channels=1).read_bytes() for name, codec in MEDIA}


def sound_or_error(content: bytes) -> None:
    try:
        probe(content, name="a.wav")
        samples, rate = read(content, rate=16000, name="a.wav")
    except (AudioError, MissingExtraError) as error:
        message = str(error)
        assert "\n" not in message
        assert message.startswith("a.wav: ")
    else:
        assert rate == 16000
        assert samples.ndim == 1
        assert samples.size
        assert np.isfinite(samples).all()


def mutated(content: bytes, data: st.DataObject) -> bytes:
    """Return the content with bytes changed, a range removed or doubled, or the end removed."""
    changed = bytearray(content)
    header = min(len(changed), 256)
    for _ in range(data.draw(st.integers(0, 4))):
        place = data.draw(st.integers(0, header - 1) | st.integers(0, len(changed) - 1))
        changed[place] = data.draw(st.integers(0, 255) | st.sampled_from([0, 0x7F, 0x80, 0xFF]))
    at = data.draw(st.integers(0, len(changed) - 1))
    match data.draw(st.sampled_from(["keep", "keep", "remove", "double", "cut", "prefix"])):
        case "remove":
            del changed[at : at + data.draw(st.integers(1, 500))]
        case "double":
            changed += changed[at:]
        case "cut":
            del changed[at:]
        case "prefix":
            changed[:0] = b"ID3\x04\x00\x00\x00\x00\x00\x20" + bytes(32)
    return bytes(changed) or b"\0"


@pytest.mark.parametrize(("container", "coding"), FORMATS)
@settings(SETTINGS, max_examples=40)
@given(data=st.data())
def test_mutated_files(container: str, coding: str, data: st.DataObject) -> None:
    sound_or_error(mutated(WHOLE[container, coding], data))


@pytest.mark.parametrize("name", [name for name, _ in MEDIA])
@settings(SETTINGS, max_examples=25)
@given(data=st.data())
def test_mutated_media_files(name: str, media: dict[str, bytes], data: st.DataObject) -> None:
    sound_or_error(mutated(media[name], data))


@settings(SETTINGS, max_examples=100)
@given(
    start=st.sampled_from(sorted({content[:size] for content in WHOLE.values() for size in (4, 12, 40)})),
    rest=st.binary(max_size=300),
)
def test_noise_after_a_header(start: bytes, rest: bytes) -> None:
    sound_or_error(start + rest)


@settings(SETTINGS, max_examples=100)
@given(content=st.binary(min_size=1, max_size=600))
def test_noise(content: bytes) -> None:
    sound_or_error(content)


@settings(SETTINGS, max_examples=60)
@given(count=st.integers(1, 3), which=st.sampled_from(sorted(WHOLE)), padding=st.sampled_from([0, 1, 7, 100]))
def test_whole_files_one_after_another_are_read_in_full_or_refused(
    count: int, which: tuple[str, str], padding: int
) -> None:
    content = bytes(padding).join([WHOLE[which]] * count)
    single = len(read(WHOLE[which]).samples)
    try:
        samples = read(content).samples
    except AudioError:
        return
    assert len(samples) >= count * single - 1200  # an MP3 frame


@settings(SETTINGS, max_examples=100)
@given(
    raw=st.binary(max_size=64),
    encoding=st.sampled_from([None, "s16le", "f32le"]),
    channels=st.sampled_from([None, 1, 2, 3]),
)
def test_raw_bytes_are_a_waveform_or_an_error(raw: bytes, encoding: str | None, channels: int | None) -> None:
    try:
        waveform = as_samples(raw, 16000, encoding=encoding, channels=channels)  # type: ignore[arg-type]
    except (AudioError, UsageError):
        return
    assert waveform.ndim == 2
    assert channels is None or len(waveform) == channels


@settings(SETTINGS, max_examples=10)
@given(track=st.sampled_from(["default", "all", 0, 1, 2]))
def test_tracks(track: int | str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = make_tracks(tmp_path_factory.mktemp("tracks") / "a.mkv", [tone(0.1), tone(0.2)], default=1)
    try:
        samples = read(path, track=track).samples  # type: ignore[arg-type]
    except AudioError:
        assert track == 2
    else:
        assert samples.any()
