"""WAV files whose chunks or sample formats libsndfile refuses or misreads."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from emotone.audio.read import probe, read
from emotone.errors import AudioError, TruncatedError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.audio.conftest import Encode, Write

    from emotone.types import Array


def wav(
    content: bytes, *, bits: int, container: int, channels: int = 1, extensible: bool = False, big_endian: bool = False
) -> bytes:
    """Return a WAV file of 16 kHz with any block size."""
    order, head = (">", b"RIFX") if big_endian else ("<", b"RIFF")
    align = channels * container
    fields = struct.pack(f"{order}HHIIHH", 0xFFFE if extensible else 1, channels, 16000, 16000 * align, align, bits)
    if extensible:
        fields += struct.pack(f"{order}HHI", 22, bits, 4) + struct.pack(f"{order}H", 1)
        fields += bytes.fromhex("000000001000800000aa00389b71")
    chunk = b"fmt " + struct.pack(f"{order}I", len(fields)) + fields + b"data" + struct.pack(f"{order}I", len(content))
    return head + struct.pack(f"{order}I", 4 + len(chunk) + len(content)) + b"WAVE" + chunk + content


@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(
    ("bits", "container", "shift"),
    [(24, 4, 0), (24, 4, 8), (16, 4, 0), (16, 3, 8), (12, 4, 20), (64, 8, 0), (32, 8, 32), (40, 5, 0), (48, 6, 0)],
)
def test_integers_in_wider_containers(
    *, bits: int, container: int, shift: int, channels: int, big_endian: bool, second: Array, write: Write
) -> None:
    values = np.column_stack([second, -second][:channels]).astype(np.float64)
    integers = (values * 2.0 ** (bits - 1)).astype(np.int64) << shift
    octets = integers.astype(">i8").view(np.uint8).reshape(*integers.shape, 8)[:, :, 8 - container :]
    content = (octets if big_endian else octets[:, :, ::-1]).tobytes()
    path = write(
        wav(content, bits=bits, container=container, channels=channels, extensible=bits == 24, big_endian=big_endian)
    )

    signal = read(path, channel=0)

    np.testing.assert_allclose(signal.samples, second, atol=2.0 ** (2 - min(bits, 24)))
    assert probe(path).duration == 1.0
    part = read(path, channel=channels - 1, start=0.25, end=0.5).samples
    np.testing.assert_allclose(part, values[4000:8000, -1], atol=2.0 ** (2 - min(bits, 24)))


def test_a_block_size_that_contradicts_the_byte_rate_is_ignored(second: Array, encode: Encode, write: Write) -> None:
    content = bytearray(encode(second))
    content[32:34] = struct.pack("<H", 4)

    assert len(read(write(bytes(content))).samples) == 16000


@pytest.mark.parametrize("bits", [0, 16, 65])
def test_impossible_formats_are_sound_or_an_error(bits: int, write: Write) -> None:
    try:
        assert read(write(wav(bytes(8000), bits=bits, container=8))).samples.size
    except AudioError as error:
        assert "a.wav" in str(error)  # noqa: PT017


class FailingFile(io.FileIO):
    """A file on a disk with a bad sector."""

    def readinto(self, buffer: Any, /) -> int | None:
        if self.tell() > 100_000:
            raise OSError(5, "Input/output error")
        return super().readinto(buffer)


def test_a_disk_error_in_an_unusual_format(second: Array, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(wav((np.tile(second, 4) * 2**40).astype("<i8").tobytes(), bits=64, container=8))
    monkeypatch.setattr("io.FileIO", FailingFile)

    with pytest.raises(TruncatedError, match=r"reading stops after \d\.\d\d s \(.*Input/output error\)"):
        read(path)


@pytest.mark.parametrize("pad", [b"", b"\0"])
@pytest.mark.parametrize("after", [b"data", b"fact"])
def test_an_odd_chunk_with_and_without_its_pad_byte(
    pad: bytes, after: bytes, second: Array, encode: Encode, write: Write
) -> None:
    content = encode(second)
    chunk = b"LIST" + struct.pack("<I", 7) + b"INFOabc" + pad
    if after == b"fact":
        chunk += b"fact" + struct.pack("<II", 4, 16000)

    signal = read(write(content[:36] + chunk + content[36:]))

    assert np.array_equal(signal.samples, read(write(content, "whole.wav")).samples)


def test_a_file_without_a_data_chunk_says_so(second: Array, encode: Encode, write: Write) -> None:
    with pytest.raises(AudioError, match="no data chunk found"):
        read(write(encode(second).replace(b"data", b"dead")))


def test_a_file_without_a_format_chunk(second: Array, encode: Encode, write: Write) -> None:
    with pytest.raises(AudioError, match=r"a.wav"):
        read(write(encode(second).replace(b"fmt ", b"frmt")))


@pytest.mark.parametrize("size", [1 << 62, (1 << 64) - 1])
def test_an_rf64_from_a_pipe(size: int, second: Array, encode: Encode, write: Write) -> None:
    content = bytearray(encode(second, format="RF64"))
    at = content.find(b"ds64") + 8
    content[at + 8 : at + 16] = struct.pack("<Q", size)

    try:
        assert len(read(write(bytes(content))).samples) == 16000
    except AudioError as error:  # libsndfile refuses sizes that it can't represent
        assert "a.wav" in str(error)  # noqa: PT017


def test_wav_cases(shared: Path) -> None:
    cases = shared / "cases"
    for name in (
        "12_wav_extensible_24_bits_block_align_4.wav",
        "13_wav_64_bit_int_ends_the_batch.wav",
        "23_wav_odd_list_chunk_without_pad.wav",
    ):
        samples, rate = read(cases / name)
        assert len(samples) / rate == pytest.approx(2.378, abs=0.001)
        assert np.sqrt(np.mean(samples**2)) == pytest.approx(0.1131, abs=0.001)
