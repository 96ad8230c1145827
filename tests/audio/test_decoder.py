"""All decoders have one interface, and the choice between them."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.audio.av_files import av, encode_track, make, make_tracks
from tests.audio.conftest import encode_samples, tone
from tests.audio.test_wav_codings import FailingFile, wav

from emotone.audio.base import Decoder
from emotone.audio.decoder import open_recording
from emotone.audio.read import read, stream_with_rate
from emotone.audio.source import open_source
from emotone.errors import AudioError, MissingExtraError, NotAudioError, TruncatedError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.audio.conftest import Encode, Write

    from emotone.types import Array


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
