"""Damaged audio files: truncated ones, and random changes."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.audio.conftest import encode_samples, make, make_tracks, tone

from emotone.audio.read import probe, read
from emotone.audio.samples import as_samples
from emotone.errors import AudioError, EmptyAudioError, MissingExtraError, NotAudioError, TruncatedError, UsageError

if TYPE_CHECKING:
    from tests.audio.conftest import Encode, Write

    from emotone.types import Array

pytest.importorskip("av")


# ----------------------------------------------------------------------------------------------------------------------
# Truncated files are refused, and files of unknown length are read in full.

HEADED = [
    ("WAV", "PCM_16"),
    ("WAV", "PCM_24"),
    ("WAV", "FLOAT"),
    ("WAV", "ULAW"),
    ("WAV", "IMA_ADPCM"),
    ("RF64", "PCM_16"),
    ("AIFF", "PCM_16"),
    ("AIFF", "FLOAT"),
    ("NIST", "PCM_16"),
    ("AU", "PCM_16"),
]


@pytest.fixture
def signal(rng: np.random.Generator) -> Array:
    return rng.uniform(-0.5, 0.5, 32000).astype(np.float32)


@pytest.mark.parametrize(("container", "coding"), HEADED)
def test_a_header_that_promises_more_than_the_file_contains(
    container: str, coding: str, signal: Array, encode: Encode, write: Write
) -> None:
    content = encode(signal, format=container, subtype=coding)
    path = write(content[: len(content) * 3 // 4])

    with pytest.raises(
        TruncatedError, match=r"is truncated: its \w+ header promises 2\.0\d s, the file contains 1\.[45]\d s; copy"
    ):
        read(path)
    with pytest.raises(TruncatedError):
        probe(path)


@pytest.mark.parametrize(("container", "coding"), [("OGG", "VORBIS"), ("OGG", "OPUS")])
@pytest.mark.parametrize("kept", [0.05, 0.3, 0.75, 0.99])
def test_an_ogg_without_its_last_page(
    *, container: str, coding: str, kept: float, signal: Array, encode: Encode, write: Write
) -> None:
    content = encode(signal, format=container, subtype=coding)

    with pytest.raises(TruncatedError, match="its last Ogg page is incomplete after"):
        read(write(content[: round(len(content) * kept)]))


@pytest.mark.parametrize("kept", [0.3, 0.75])
def test_a_truncated_flac_reports_where_it_stops(kept: float, signal: Array, encode: Encode, write: Write) -> None:
    content = encode(signal, format="FLAC")

    with pytest.raises(
        TruncatedError, match=r"decoding stops after [01]\.\d\d s of 2.00 s \(flac decoder lost sync\); copy"
    ):
        read(write(content[: round(len(content) * kept)]))


def test_a_flac_damaged_in_the_middle(encode: Encode, write: Write, rng: np.random.Generator) -> None:
    content = bytearray(encode(rng.uniform(-0.5, 0.5, 100_000).astype(np.float32), format="FLAC"))
    content[150_000] ^= 0x40

    with pytest.raises(TruncatedError, match=r"truncated or damaged: decoding stops after 4\.\d\d s of 6.25 s"):
        read(write(bytes(content)))


def test_a_flac_cut_within_its_header(signal: Array, encode: Encode, write: Write) -> None:
    with pytest.raises(NotAudioError):
        read(write(encode(signal, format="FLAC")[:60]))


def test_a_flac_of_unknown_length(signal: Array, encode: Encode, write: Write) -> None:
    content = bytearray(encode(signal, format="FLAC"))
    content[21] &= 0xF0
    content[22:26] = bytes(4)  # 36 bits of length in the first block
    path = write(bytes(content))

    assert probe(path).duration is None
    assert len(read(path)[0]) == 32000
    assert np.array_equal(read(path, start=1.0, end=1.5)[0], read(path)[0][16000:24000])
    with pytest.raises(AudioError, match="the recording ends before"):
        read(path, start=5.0)


@pytest.mark.parametrize("riff", [0, 8, 36, 0x7FFFFFFF, 0x80000024, 0xFFFFFFFF])
@pytest.mark.parametrize("data", [0, 0x7FFFFFDB, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_a_wav_from_a_pipe_is_read_to_its_end(
    riff: int, data: int, signal: Array, encode: Encode, write: Write
) -> None:
    content = bytearray(encode(signal))
    whole = read(write(bytes(content), "whole.wav"))[0]
    content[4:8], content[40:44] = struct.pack("<I", riff), struct.pack("<I", data)

    assert np.array_equal(read(write(bytes(content)))[0], whole)


def test_a_big_endian_wav(signal: Array, write: Write) -> None:
    samples = (signal * 32767).astype(">i2")
    head = (
        b"RIFX"
        + struct.pack(">I", 36 + 2 * len(samples))
        + b"WAVEfmt "
        + struct.pack(">IHHIIHH", 16, 1, 1, 16000, 32000, 2, 16)
    )
    content = head + b"data" + struct.pack(">I", 2 * len(samples)) + samples.tobytes()

    assert len(read(write(content))[0]) == 32000
    with pytest.raises(TruncatedError, match=r"promises 2\.00 s, the file contains 1\.00 s"):
        read(write(content[: 44 + 32000]))


def test_an_empty_data_chunk_before_another_one(encode: Encode, write: Write) -> None:
    content = encode(np.zeros(0, np.float32)) + b"LIST" + struct.pack("<I", 4) + b"INFO"

    with pytest.raises(EmptyAudioError):
        read(write(content))


def test_bytes_after_an_empty_data_chunk_are_samples(encode: Encode, write: Write) -> None:
    assert len(read(write(encode(np.zeros(0, np.float32)) + bytes(6)))[0]) == 3


@pytest.mark.parametrize("length", [12, 20, 30, 36, 43, 44])
def test_a_wav_that_ends_before_its_samples(length: int, signal: Array, encode: Encode, write: Write) -> None:
    with pytest.raises(EmptyAudioError, match="has a wav header, but no samples after it"):
        read(write(encode(signal)[:length]))


def test_a_wav_whose_size_counts_its_own_header(signal: Array, encode: Encode, write: Write) -> None:
    content = bytearray(encode(signal))
    content[40:44] = struct.pack("<I", 64000 + 44)

    assert len(read(write(bytes(content)))[0]) == 32000


def test_the_number_of_chunks_is_limited(
    write: Write, encode: Encode, signal: Array, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emotone.audio.wav.MAX_CHUNKS", 50)
    content = encode(signal)

    with pytest.raises(EmptyAudioError):
        read(write(content[:12] + b"junk\0\0\0\0" * 100 + content[12:]))


def test_an_rf64_with_its_size_in_ds64(signal: Array, encode: Encode, write: Write) -> None:
    content = encode(signal, format="RF64")
    assert b"ds64" in content

    assert len(read(write(content))[0]) == 32000


@pytest.mark.parametrize("size", [0, 0x7F000008, 0x7FFFFFFF, 0xFFFFFFFF])
def test_an_aiff_of_unknown_length(size: int, signal: Array, encode: Encode, write: Write) -> None:
    content = bytearray(encode(signal, format="AIFF"))
    at = content.find(b"SSND")
    content[at + 4 : at + 8] = struct.pack(">I", size)

    assert len(read(write(bytes(content)))[0]) == 32000


@pytest.mark.parametrize("lost", [b"COMM", b"SSND"])
def test_an_aiff_without_a_chunk(lost: bytes, signal: Array, encode: Encode, write: Write) -> None:
    with pytest.raises(AudioError):
        read(write(encode(signal, format="AIFF").replace(lost, b"XXXX")))


def test_a_sphere_header_without_a_count(signal: Array, encode: Encode, write: Write) -> None:
    content = encode(signal, format="NIST").replace(b"sample_count", b"sample_kount")

    assert len(read(write(content))[0]) == 32000


def test_a_sphere_header_with_a_count_of_zero(signal: Array, encode: Encode, write: Write) -> None:
    with pytest.raises(EmptyAudioError):
        read(write(encode(signal, format="NIST").replace(b"sample_count -i 32000", b"sample_count -i 0    ")))


@pytest.mark.parametrize(
    "content", [b"NIST_1A", b"NIST_1A\n   xyz\nchannel_count -i 1\n", b"NIST_1A\n   1024\n" + b"\n" * 1100]
)
def test_broken_sphere_headers(content: bytes, write: Write) -> None:
    with pytest.raises(AudioError):
        read(write(content))


@pytest.mark.parametrize("rest", [b"", b"desc\0\0"])
def test_a_caf_that_ends_before_its_data(rest: bytes, write: Write) -> None:
    with pytest.raises(EmptyAudioError, match="caf header, but no samples after it"):
        read(write(b"caff\0\1\0\0" + rest))


def test_an_au_of_unknown_length_and_a_truncated_header(signal: Array, encode: Encode, write: Write) -> None:
    content = bytearray(encode(signal, format="AU"))
    content[8:12] = b"\xff" * 4

    assert len(read(write(bytes(content)))[0]) == 32000
    with pytest.raises(EmptyAudioError):
        read(write(bytes(content[:20])))


class FailingFile(io.FileIO):
    """A file on a disk with a bad sector."""

    def readinto(self, buffer: Any, /) -> int | None:
        if self.tell() > 100_000:
            raise OSError(5, "Input/output error")
        return super().readinto(buffer)


def test_a_disk_error_midway(signal: Array, encode: Encode, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(encode(np.tile(signal, 4)))
    monkeypatch.setattr("io.FileIO", FailingFile)

    with pytest.raises(TruncatedError, match=r"Input/output error"):
        read(path)


# ----------------------------------------------------------------------------------------------------------------------
# Damaged files return sound or one of emotone's errors: no crash, no warning, no other exception.

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
