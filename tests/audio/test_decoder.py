"""The decoder: codings of WAV, damaged lengths, and files that fail while they are read."""

from __future__ import annotations

import io
import os
import struct
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile
from tests.audio.conftest import encode_samples, encode_track, make, make_tracks, tone

from emotone.audio.base import Decoder
from emotone.audio.decoder import open_recording
from emotone.audio.read import probe, read, stream_with_rate
from emotone.audio.source import open_source
from emotone.errors import AudioError, MissingExtraError, NotAudioError, TruncatedError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.audio.conftest import Encode, Write

    from emotone.types import Array

av = pytest.importorskip("av")


# ----------------------------------------------------------------------------------------------------------------------
# WAV files whose chunks or sample formats libsndfile refuses or misreads.


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


# ----------------------------------------------------------------------------------------------------------------------
# Lengths in headers that are larger than any file: the recording is refused, without an error of a library.


def written(container: str) -> bytearray:
    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros(1600), 16000, format=container, subtype="PCM_16")
    return bytearray(buffer.getvalue())


@pytest.mark.parametrize(
    ("container", "place", "length"),
    [("W64", 40 + 16, struct.pack("<Q", 2**63 + 8)), ("CAF", 8 + 4, struct.pack(">q", 2**63 - 1))],
)
def test_a_length_above_what_a_file_can_have_is_no_foreign_error(container: str, place: int, length: bytes) -> None:
    content = written(container)
    content[place : place + 8] = length
    with pytest.raises(AudioError):
        probe(bytes(content), name="a")


# ----------------------------------------------------------------------------------------------------------------------
# All decoders have one interface, and the choice between them.


def recordings(folder: Path) -> dict[str, bytes]:
    """Return one recording of 2 s per decoder."""
    whole = encode_samples(tone(2.0))
    integers = (tone(2.0).astype(np.float64) * 2**62).astype("<i8").tobytes()
    return {
        "NativeDecoder": whole,
        "ChainedDecoder": encode_samples(tone(1.0)) * 2,
        "PcmDecoder": wav(integers, bits=64, container=8),
        "MediaDecoder": make(folder / "a.mka", "pcm_s16le", channels=1, rate=16000).read_bytes(),
        "StackedDecoder": make_tracks(folder / "b.mkv", [tone(2.0), tone(2.0)], default=0).read_bytes(),
    }


@pytest.mark.parametrize("name", ["NativeDecoder", "ChainedDecoder", "PcmDecoder", "MediaDecoder", "StackedDecoder"])
def test_every_decoder(name: str, tmp_path: Path) -> None:
    content = recordings(tmp_path)[name]
    track = "all" if name == "StackedDecoder" else "default"

    with open_source(content) as source, open_recording(source, track=track) as decoder:  # type: ignore[arg-type]
        assert type(decoder).__name__ == name
        assert isinstance(decoder, Decoder)
        assert decoder.rate == 16000
        assert decoder.frames in {32000, None}
        first = np.concatenate([block.copy() for block in decoder.blocks(0)])
        assert first.shape == (32000, decoder.channels)
        assert first.dtype == np.float32
        np.testing.assert_allclose(first[:16000, 0], (0.5 if name == "PcmDecoder" else 1) * tone(1.0), atol=1e-3)
    with open_source(content) as source, open_recording(source, track=track) as decoder:  # type: ignore[arg-type]
        part = np.concatenate([block.copy() for block in decoder.blocks(20_000)])
    np.testing.assert_allclose(part, first[20_000:], atol=1e-6)


@pytest.mark.parametrize("content", [b"some text " * 30, bytes(5000)])
def test_unknown_files_without_ffmpeg(content: bytes, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(content)
    with pytest.raises(NotAudioError, match=r"with the extra 'media' m4a"):
        read(path)
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(NotAudioError, match=r"with the extra 'media' m4a"):
        read(path)


def test_ffmpeg_reads_what_libsndfile_refuses(
    second: Array, encode: Encode, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise NotAudioError("a.flac: refused")

    path = write(encode(second, format="FLAC"), "a.flac")
    monkeypatch.setattr("emotone.audio.decoder.NativeDecoder", refuse)

    assert len(read(path).samples) == 16000
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtraError, match=r"decoding what is inside this flac file needs the package 'av'"):
        read(path)


def test_what_is_known_about_a_file_is_forgotten_when_it_changes(second: Array, encode: Encode, write: Write) -> None:
    content = encode(second, format="FLAC")
    path = write(content + content, "a.flac")
    os.utime(path, (1e9, 1e9))
    assert [len(read(path).samples) for _ in range(2)] == [32000, 32000]

    path = write(content + bytes(len(content)), "a.flac")
    assert len(read(path).samples) == 16000
    os.utime(path, (1e9 + 1, 1e9 + 1))
    assert len(read(path).samples) == 16000


def test_subtitles_have_no_audio_track(write: Write) -> None:
    with pytest.raises(NotAudioError, match="has no audio track; pass a recording with sound"):
        read(write(b"1\n00:00:01,000 --> 00:00:02,000\nhello\n\n2\n00:00:03,000 --> 00:00:04,000\nbye\n\n", "a.srt"))


def test_a_disk_error_while_ffmpeg_decodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make(tmp_path / "a.mka", "pcm_s16le", channels=2, seconds=4.0)
    monkeypatch.setattr("io.FileIO", FailingFile)

    with pytest.raises(TruncatedError, match="Input/output error"):
        read(path)


def test_the_rate_is_known_before_the_pieces(second: Array, encode: Encode, write: Write) -> None:
    rate, pieces = stream_with_rate(write(encode(second, 48000)), rate=8000)

    assert rate == 48000
    assert sum(len(piece) for piece in pieces) == pytest.approx(16000 / 6, abs=1)
    with pytest.raises(AudioError):
        stream_with_rate(write(b"text"), rate=8000)


def aac(path: Path, *, rate: int, layout: str) -> bytes:
    with av.open(str(path), "w", format="adts") as container:
        encode_track(container, "aac", tone(1.0, rate), rate, layout=layout)
    return path.read_bytes()


def test_a_format_that_changes_several_times(tmp_path: Path) -> None:
    parts = [aac(tmp_path / "a", rate=rate, layout="mono") for rate in (48000, 44100, 32000, 48000)]

    signal = read(b"".join(parts))

    assert signal.rate == 48000
    assert len(signal.samples) / 48000 == pytest.approx(4.0, abs=0.3)
    assert sum("the format changes" in note for note in signal.notes) == 2


def test_a_change_of_channels_that_can_not_be_converted(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with av.open(str(path), "w", format="adts") as container:
        track = container.add_stream("aac", rate=48000, layout="5.1")
        for at in range(0, 48000, 1024):
            frame = av.AudioFrame.from_ndarray(np.zeros((6, 1024), np.float32), format="fltp", layout="5.1")
            frame.sample_rate, frame.pts = 48000, at
            container.mux(track.encode(frame))
        container.mux(track.encode(None))

    with pytest.raises(NotAudioError, match="changes from 48000 Hz, 2 channels to 48000 Hz, 6 channels midway"):
        read(aac(tmp_path / "b", rate=48000, layout="stereo") + path.read_bytes())


def test_an_ogg_page_that_ends_within_its_header(write: Write) -> None:
    content = encode_samples(tone(1.0), format="OGG", subtype="VORBIS")

    with pytest.raises(TruncatedError, match="its last Ogg page is incomplete"):
        read(write(content + b"OggS\0"))
