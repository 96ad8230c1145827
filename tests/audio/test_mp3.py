"""MP3 frames are counted, and concatenated files are read in full."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from emotone.audio.mpeg import parse_frame
from emotone.audio.read import probe, read
from emotone.errors import AudioError, NotAudioError, TruncatedError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.audio.conftest import Write

ID3 = b"ID3\x03\x00\x00\x00\x00\x07\x76" + bytes(1014)


APE = b"APETAGEX" + struct.pack("<4I", 2000, 32, 0, 0xA0000000) + bytes(8) + b"APETAGEX" + bytes(24)


@pytest.fixture(scope="module")
def content() -> bytes:
    """20 s at a variable bit rate, loud at first: a guess from the first frame is far off."""
    rng = np.random.default_rng(1)
    times = np.arange(48000 * 20) / 48000
    signal = 0.2 * np.sin(800 * times) * (times % 1 < 0.2) + 0.01 * rng.standard_normal(len(times))
    stream = io.BytesIO()
    with soundfile.SoundFile(
        stream, "w", 48000, 1, format="MP3", bitrate_mode="VARIABLE", compression_level=0.3
    ) as file:
        file.write(signal.astype(np.float32))
    return stream.getvalue()


@pytest.fixture
def bare(content: bytes) -> bytes:
    """The same without the frame that counts the others."""
    first = parse_frame(content[:4])
    assert first is not None
    assert b"Info" in content[: first.length] or b"Xing" in content[: first.length]
    return content[first.length :]


@pytest.mark.parametrize(
    ("head", "length", "samples", "rate"),
    [
        ("fffb9064", 417, 1152, 44100),  # MPEG-1 layer 3, 128 kbit/s
        ("fffb9264", 418, 1152, 44100),  # padded
        ("fff38064", 208 * 64 // 64 + 0, 576, 22050),  # MPEG-2 layer 3, 64 kbit/s
        ("ffe38064", 417, 576, 11025),  # MPEG-2.5
        ("fffd8064", 52 * 8, 1152, 44100),  # layer 2, 128 kbit/s: 417
        ("ffff1064", 32, 384, 44100),  # layer 1, 32 kbit/s
    ],
)
def test_frame_headers(head: str, length: int, samples: int, rate: int) -> None:
    frame = parse_frame(bytes.fromhex(head))

    assert frame is not None
    assert (frame.samples, frame.rate) == (samples, rate)
    assert abs(frame.length - length) <= 1


@pytest.mark.parametrize(
    "head", ["", "fffb", "00000000", "fffb0064", "fffbf064", "fffb9c64", "ffeb9064", "fff99064", "7ffb9064"]
)
def test_no_frame_headers(head: str) -> None:
    assert parse_frame(bytes.fromhex(head)) is None


def test_with_a_counting_frame(content: bytes, write: Write) -> None:
    path = write(content, "a.mp3")

    assert probe(path).duration == 20
    assert len(read(path)[0]) == 48000 * 20


@pytest.mark.parametrize("after", [b"", b"TAG" + bytes(125), bytes(20000), b"APETAGEX" + bytes(4000), b"\xff"])
@pytest.mark.parametrize("before", [b"", ID3, ID3 + ID3])
def test_without_a_counting_frame_the_file_is_read_in_full(
    before: bytes, after: bytes, bare: bytes, content: bytes, write: Write
) -> None:
    path = write(before + bare + after, "a.mp3")

    samples, rate = read(path)
    assert probe(path).duration == pytest.approx(20, abs=0.05)
    assert len(samples) == pytest.approx(20 * rate, abs=3 * 1152)
    part, _ = read(path, start=15.0, end=16.0)
    np.testing.assert_allclose(part, samples[15 * 48000 : 16 * 48000], atol=1e-5)
    reference, _ = read(write(content, "counted.mp3"))
    spectra = [np.abs(np.fft.rfft(one[: 15 * 48000])) for one in (samples, reference)]
    assert np.corrcoef(spectra[0], spectra[1])[0, 1] > 0.999


def test_truncated_files(content: bytes, bare: bytes, write: Write) -> None:
    with pytest.raises(TruncatedError, match=r"its first frame promises [\d,]+ MP3 frames, the file contains"):
        read(write(content[: len(content) // 2], "a.mp3"))
    signal = read(write(bare[: len(bare) // 2 + 11], "b.mp3"))
    assert signal.notes == ("the last MP3 frame is incomplete and was left out",)
    assert 4 < len(signal.samples) / 48000 < 16


def test_small_damage_is_noted_and_large_damage_refused(bare: bytes, write: Write) -> None:
    small, large = bytearray(bare), bytearray(bare)
    small[100_000:100_400] = bytes(400)
    large[100_000:110_000] = bytes(10_000)

    signal = read(write(bytes(small), "a.mp3"))
    assert len(signal.samples) == pytest.approx(48000 * 20, abs=6 * 1152)
    assert any(note.endswith("is not an MP3 frame; the damaged part was left out") for note in signal.notes)
    with pytest.raises(TruncatedError, match=r"is damaged: [\d,]+ bytes from byte [\d,]+ on are not MP3 frames"):
        read(write(bytes(large), "b.mp3"))


@pytest.mark.parametrize("tag", ["VBRI", "flagless"])
def test_a_counting_frame_without_a_usable_number_is_left_out(tag: str, content: bytes, write: Write) -> None:
    at = max(content.find(b"Info"), content.find(b"Xing"))
    changed = bytearray(content)
    if tag == "VBRI":
        changed[36:58] = b"VBRI" + bytes(10) + bytes(4) + bytes(4)
    else:
        changed[at + 7] = 0

    signal = read(write(bytes(changed), "a.mp3"))

    assert len(signal.samples) == pytest.approx(20 * 48000, abs=3 * 1152)


@pytest.mark.parametrize("between", [b"", ID3, b"TAG" + bytes(125), APE], ids=["", "id3", "v1", "ape"])
@pytest.mark.parametrize(("first", "second"), [(True, True), (True, False), (False, True), (False, False)])
def test_concatenated_files_are_read_in_full(
    *, first: bool, second: bool, between: bytes, content: bytes, bare: bytes, write: Write
) -> None:
    path = write((content if first else bare) + between + (content if second else bare), "a.mp3")

    signal = read(path)

    assert len(signal.samples) == pytest.approx(40 * 48000, abs=6 * 1152)
    assert probe(path).duration == pytest.approx(len(signal.samples) / 48000, abs=0.05)
    part = read(path, start=30.0, end=31.0).samples
    np.testing.assert_allclose(part, signal.samples[30 * 48000 : 31 * 48000], atol=1e-4)


def test_concatenated_files_of_different_rates_are_converted(content: bytes, write: Write) -> None:
    stream = io.BytesIO()
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(24000 * 5) / 24000)
    soundfile.write(stream, np.column_stack([tone, tone]), 24000, format="MP3")

    signal = read(write(content + stream.getvalue(), "a.mp3"))

    assert signal.rate == 48000
    assert len(signal.samples) == pytest.approx(25 * 48000, abs=4 * 1152)
    assert any("changes from 48000 Hz, 1 channels to 24000 Hz, 2 channels" in note for note in signal.notes)
    spectrum = np.abs(np.fft.rfft(signal.samples[21 * 48000 : 22 * 48000]))
    assert abs(int(np.argmax(spectrum)) - 440) <= 1


@pytest.mark.parametrize("skipped", [1, 100, 1000])
def test_a_file_that_begins_in_the_middle_of_a_frame(skipped: int, bare: bytes, write: Write) -> None:
    signal = read(write(bare[skipped:], "a.mp3"))

    assert len(signal.samples) == pytest.approx(20 * 48000, abs=5 * 1152)
    assert any("are not a complete MP3 frame" in note for note in signal.notes)


def test_trailing_bytes_that_are_neither_frames_nor_a_tag(bare: bytes, write: Write) -> None:
    assert len(read(write(bare + b"\x01" * 1000, "a.mp3")).samples) == pytest.approx(20 * 48000, abs=3 * 1152)
    with pytest.raises(TruncatedError, match="100,000 bytes from byte"):
        read(write(bare + bytes(100_000), "b.mp3"))


def test_a_single_frame(bare: bytes, write: Write) -> None:
    frame = parse_frame(bare[:4])
    assert frame is not None
    try:
        samples, _ = read(write(bare[: frame.length], "a.mp3"))
    except AudioError as error:
        assert "a.mp3" in str(error)  # noqa: PT017
    else:
        assert len(samples) <= 1152


def test_the_decoder_prints_nothing(content: bytes, tmp_path: Path) -> None:
    damaged = bytearray(content)
    damaged[50_000:53_000] = bytes(3000)
    (tmp_path / "damaged.mp3").write_bytes(damaged)
    (tmp_path / "odd.mp3").write_bytes(content[:-3000])
    (tmp_path / "short.mp3").write_bytes(content[:60])
    code = (
        "import sys, os\nfrom emotone.audio.read import read\nfrom emotone.errors import AudioError\n"
        "for name in sys.argv[1:]:\n    try: read(name)\n    except AudioError: pass\n"
        "os.write(2, b'still here')"
    )
    names = [str(tmp_path / name) for name in ("damaged.mp3", "odd.mp3", "short.mp3")]

    done = subprocess.run([sys.executable, "-c", code, *names], capture_output=True, text=True, check=True)

    assert done.stderr == "still here"


@pytest.mark.skipif(os.name != "posix", reason="needs a shell that can close a descriptor")
def test_without_a_standard_error(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.mp3").write_bytes(content)
    code = "import sys; from emotone.audio.read import read; print(len(read(sys.argv[1])[0]))"
    command = ["sh", "-c", 'exec "$0" -c "$1" "$2" 2>&-', sys.executable, code, str(tmp_path / "a.mp3")]

    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)

    assert done.stdout.strip() == str(48000 * 20)


def test_a_tag_without_frames(write: Write) -> None:
    with pytest.raises(NotAudioError, match=r"a.mp3: is not a recording"):
        read(write(ID3 + b"no frames follow" * 20, "a.mp3"))
