"""Formats that libsndfile reads, parts, channels, and error messages."""

from __future__ import annotations

import os
import subprocess
import sys
import tracemalloc
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from emotone.audio.read import AudioInfo, probe, read, stream
from emotone.errors import (
    AudioError,
    EmptyAudioError,
    MissingFileError,
    NotAudioError,
    NotFiniteError,
    RateError,
    TooShortError,
    UsageError,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.audio.conftest import Encode, Write

    from emotone.types import Array

LOSSLESS = [
    *[("WAV", subtype) for subtype in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")],
    *[("WAVEX", subtype) for subtype in ("PCM_16", "FLOAT")],
    *[("RF64", subtype) for subtype in ("PCM_16", "PCM_24")],
    *[("FLAC", subtype) for subtype in ("PCM_S8", "PCM_16", "PCM_24")],
    *[("AIFF", subtype) for subtype in ("PCM_S8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")],
    *[("NIST", subtype) for subtype in ("PCM_S8", "PCM_16", "PCM_24", "PCM_32")],
    *[("AU", subtype) for subtype in ("PCM_16", "FLOAT")],
    *[("CAF", subtype) for subtype in ("PCM_16", "ALAC_16")],
    ("W64", "PCM_16"),
]
LOSSY = [
    ("WAV", "ULAW"),
    ("NIST", "ULAW"),
    ("WAV", "IMA_ADPCM"),
    ("OGG", "VORBIS"),
    ("OGG", "OPUS"),
    ("MP3", "MPEG_LAYER_III"),
]
BITS = {"PCM_U8": 8, "PCM_S8": 8, "PCM_16": 16, "ALAC_16": 16, "PCM_24": 24, "PCM_32": 24, "FLOAT": 24, "DOUBLE": 24}


@pytest.mark.parametrize("rate", [4000, 8000, 11025, 44100, 192000])
@pytest.mark.parametrize(("container", "coding"), LOSSLESS)
def test_lossless_formats_return_the_samples(
    *, container: str, coding: str, rate: int, encode: Encode, write: Write, rng: np.random.Generator
) -> None:
    signal = rng.uniform(-0.9, 0.9, 1234).astype(np.float32)

    path = write(encode(signal, rate, format=container, subtype=coding))

    samples, own = read(path)
    assert own == rate
    assert samples.dtype == np.float32
    np.testing.assert_allclose(samples, signal, rtol=0, atol=2.0 ** (1 - BITS[coding]))
    assert probe(path) == AudioInfo(rate, 1, 1234 / rate, f"{container}/{coding}".lower())


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(("container", "coding"), LOSSY)
def test_lossy_formats_keep_length_and_tone(
    *, container: str, coding: str, channels: int, second: Array, encode: Encode, write: Write
) -> None:
    signal = np.column_stack([second] * channels)

    samples, rate = read(write(encode(signal, format=container, subtype=coding)))

    assert rate == 16000
    assert abs(len(samples) - 16000) < 1100  # block codings fill their last block
    spectrum = np.abs(np.fft.rfft(samples[:16000]))
    assert abs(int(np.argmax(spectrum)) - 440) <= 1
    assert np.std(samples[4000:12000]) == pytest.approx(0.5 / np.sqrt(2), rel=0.05)


@pytest.mark.parametrize("suffix", [".mp3", ".raw", ".vox", ".mp4", ".txt", ""])
def test_the_suffix_is_ignored(suffix: str, second: Array, encode: Encode, write: Write) -> None:
    path = write(encode(second), "call" + suffix)

    assert probe(path).format == "wav/pcm_16"
    assert len(read(path)[0]) == 16000


def test_channels_are_selected_or_averaged(encode: Encode, write: Write) -> None:
    levels = np.array([0.5, -0.25, 0.125], np.float32)
    path = write(encode(np.tile(levels, (100, 1)), subtype="FLOAT"))

    for index, level in enumerate(levels):
        assert (read(path, channel=index)[0] == level).all()
    np.testing.assert_allclose(read(path)[0], levels.mean(), rtol=1e-6)
    assert probe(path).channels == 3


def test_more_than_64_channels_are_refused(encode: Encode, write: Write) -> None:
    assert len(read(write(encode(np.zeros((40, 64), np.float32))))[0]) == 40
    with pytest.raises(RateError, match="65 channels were given; allowed: 1 to 64"):
        read(write(encode(np.zeros((40, 65), np.float32))))


@pytest.mark.parametrize(
    ("channel", "message"), [(1, "channel 1 was requested, but there is 1 channel; allowed: 0"), (-1, "channel -1")]
)
def test_a_channel_that_does_not_exist(channel: int, message: str, second: Array, encode: Encode, write: Write) -> None:
    with pytest.raises(RateError, match=message):
        read(write(encode(second)), channel=channel)


def test_a_channel_that_is_not_a_number(second: Array, encode: Encode, write: Write) -> None:
    with pytest.raises(UsageError, match="channel 'left' was given; allowed: 'mix' or a number"):
        read(write(encode(second)), channel="left")  # type: ignore[arg-type]


@pytest.mark.parametrize("rate", [1, 3999, 192001, 400000])
def test_rates_outside_the_range(rate: int, second: Array, encode: Encode, write: Write) -> None:
    path = write(encode(second, rate))

    with pytest.raises(RateError, match=r"allowed: whole numbers from 4000 to 192000"):
        probe(path)
    with pytest.raises(RateError, match=r"the requested rate: .* allowed: whole numbers from 4000"):
        read(write(encode(second)), rate=rate)


def test_float_samples_beyond_full_scale_keep_their_values(encode: Encode, write: Write) -> None:
    loud = np.array([0.0, 3.5, -40000.0, 2.0**31], np.float32)

    assert (read(write(encode(loud, subtype="FLOAT")))[0] == loud).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30])
@pytest.mark.parametrize("at", [0, 40000, 79999])
def test_samples_that_are_not_finite(bad: float, at: int, encode: Encode, write: Write) -> None:
    signal = np.zeros(80000, np.float32)
    signal[at] = bad
    path = write(encode(signal, subtype="FLOAT"))

    with pytest.raises(NotFiniteError, match=f"the sample at {at / 16000:.3f} s is"):
        read(path, rate=8000)


def test_doubles_beyond_float32_are_refused(encode: Encode, write: Write) -> None:
    with pytest.raises(NotFiniteError):
        read(write(encode(np.array([0, 1e300]), subtype="DOUBLE")))


def test_infinities_of_opposite_sign_do_not_cancel_silently(encode: Encode, write: Write) -> None:
    with pytest.raises(NotFiniteError):
        read(write(encode(np.array([[np.inf, -np.inf]] * 10, np.float32), subtype="FLOAT")))


def test_a_part_is_a_slice(encode: Encode, write: Write, rng: np.random.Generator) -> None:
    signal = rng.uniform(-0.5, 0.5, 100_000).astype(np.float32)
    path = write(encode(signal, subtype="FLOAT"))

    part, _ = read(path, start=1.25, end=4.5)
    assert (part == signal[20000:72000]).all()
    assert (read(path, start=6.0)[0] == signal[96000:]).all()


@pytest.mark.parametrize(
    ("container", "coding"), [("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")]
)
def test_a_part_of_a_compressed_file(
    container: str, coding: str, encode: Encode, write: Write, rng: np.random.Generator
) -> None:
    path = write(encode(rng.uniform(-0.3, 0.3, 80_000).astype(np.float32), format=container, subtype=coding))

    whole, _ = read(path)
    part, _ = read(path, start=1.5, end=3.0)
    np.testing.assert_allclose(part, whole[24000:48000], atol=1e-5)


def test_an_end_up_to_100_ms_late_is_the_end(second: Array, encode: Encode, write: Write) -> None:
    path = write(encode(second))

    assert len(read(path, end=1.05)[0]) == 16000
    with pytest.raises(TooShortError, match=r"from 0 s to 1.5 s was requested, but the recording lasts 1.00 s"):
        read(path, end=1.5)
    with pytest.raises(TooShortError, match=r"from 3 s was requested"):
        read(path, start=3.0)


@pytest.mark.parametrize(
    ("start", "end"), [(-1.0, None), (1.0, 1.0), (1.0, 0.5), (float("nan"), None), (float("inf"), None)]
)
def test_invalid_start_and_end(start: float, end: float | None, second: Array, encode: Encode, write: Write) -> None:
    with pytest.raises(UsageError, match="allowed: 0 <= start < end"):
        read(write(encode(second)), start=start, end=end)


@settings(max_examples=40, deadline=None)
@given(
    frames=st.integers(2, 90_000),
    rate=st.sampled_from([4000, 8000, 11025, 16000, 22050, 44100, 48000, 96000, 192000]),
    to=st.sampled_from([8000, 16000, 44100]),
    channels=st.integers(1, 3),
)
def test_stream_equals_read(
    frames: int, rate: int, to: int, channels: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("streamed") / "a.wav"
    soundfile.write(path, np.random.default_rng(frames).uniform(-1, 1, (frames, channels)), rate)
    if frames * to < 10 * rate:
        return  # too short for the new rate

    pieces = list(stream(path, rate=to))
    samples, _ = read(path, rate=to)
    assert np.array_equal(np.concatenate(pieces), samples)
    assert abs(len(samples) - frames * to / rate) <= 1


def test_one_sample_is_too_short_to_resample(encode: Encode, write: Write) -> None:
    path = write(encode(np.ones(1, np.float32), 192000, subtype="FLOAT"))

    assert read(path)[0] == 1
    with pytest.raises(TooShortError, match="too short to be resampled from 192000 to 4000"):
        read(path, rate=4000)


def test_the_size_of_blocks_does_not_change_the_samples(
    encode: Encode, write: Write, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for container, coding in [("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III")]:
        path = write(
            encode(rng.uniform(-0.3, 0.3, 100_000).astype(np.float32), 44100, format=container, subtype=coding)
        )
        whole, _ = read(path, rate=16000)
        with monkeypatch.context() as patch:
            patch.setattr("emotone.audio.decoder.BLOCK", 1000)
            assert np.array_equal(read(path, rate=16000)[0], whole), container


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"nothing.wav: there is no such file; check the path"):
        read(tmp_path / "nothing.wav")
    with pytest.raises(MissingFileError, match=r"is a folder, not a recording"):
        read(tmp_path)
    with pytest.raises(MissingFileError, match="is not a valid file name"):
        read("a\0b.wav")
    with pytest.raises(MissingFileError, match=r"can't be read: Not a directory|can't be read"):
        read(__file__ + "/a.wav")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_named_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(MissingFileError, match="not a regular file; send pipes through standard input"):
        read(tmp_path / "pipe")


def test_a_file_without_read_permission(
    second: Array, encode: Encode, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(encode(second))

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", refuse)
    with pytest.raises(MissingFileError, match=r"can't be read: Permission denied"):
        read(path)


@pytest.mark.parametrize(
    "content", [b"hello, this is text\n" * 40, b"x", b"\xff\xfe" + "Wörter".encode("utf-16-le") * 99, bytes(9999)]
)
def test_files_that_are_not_audio(content: bytes, write: Write) -> None:
    with pytest.raises(NotAudioError, match=r"a.wav: is not a recording that can be decoded"):
        read(write(content))


def test_random_bytes_are_not_audio(write: Write, rng: np.random.Generator) -> None:
    with pytest.raises(NotAudioError):
        read(write(b"\x01" + rng.bytes(5000)))


def test_a_file_of_zero_bytes(write: Write) -> None:
    with pytest.raises(EmptyAudioError, match=r"is empty \(0 bytes\)"):
        read(write(b""))


@pytest.mark.parametrize(
    ("container", "coding"),
    [("WAV", "PCM_16"), ("AIFF", "PCM_16"), ("NIST", "PCM_16"), ("AU", "PCM_16"), ("OGG", "VORBIS"), ("CAF", "PCM_16")],
)
def test_a_header_without_data(container: str, coding: str, encode: Encode, write: Write) -> None:
    path = write(encode(np.zeros(0, np.float32), format=container, subtype=coding))

    with pytest.raises(EmptyAudioError, match="but no samples after it"):
        read(path)
    with pytest.raises(EmptyAudioError):
        probe(path)


def test_every_message_is_one_line(write: Write, encode: Encode, second: Array) -> None:
    for content in (b"", b"text", encode(second)[:5000], encode(second)[:44], encode(second, 3000)):
        with pytest.raises(AudioError) as caught:
            read(write(content))
        assert "\n" not in str(caught.value)
        assert "a.wav" in str(caught.value)


def test_streaming_ten_minutes_uses_bounded_memory(write: Write, encode: Encode) -> None:
    block = np.random.default_rng(1).integers(-9999, 9999, 22050 * 600, np.int16)
    path = write(encode(block, 22050))
    del block
    list(stream(write(encode(np.zeros(100, np.float32)), "warm.wav"), rate=8000))

    tracemalloc.start()
    total = sum(len(piece) for piece in stream(path, rate=16000))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert total == 16000 * 600
    assert peak < 20e6


def test_a_stream_closed_early_closes_its_file(second: Array, encode: Encode, write: Write) -> None:
    pieces = stream(write(encode(np.tile(second, 10))), rate=16000)
    next(pieces)
    pieces.close()  # an open file would be a ResourceWarning, an error in this suite


def test_the_import_is_light() -> None:
    code = "import emotone.audio.read, sys; print(sorted({'soxr', 'av', 'scipy', 'torch'} & set(sys.modules)))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_real_files(shared: Path) -> None:
    files = sorted((shared / "corpora" / "formats").iterdir())
    assert files
    for path in files:
        info = probe(path)
        samples, rate = read(path, rate=16000)
        assert rate == 16000
        assert info.duration == pytest.approx(len(samples) / 16000, abs=1e-3)
        assert 0.1 < np.abs(samples).max() < 1.5
        assert np.array_equal(np.concatenate(list(stream(path, rate=16000))), samples)
