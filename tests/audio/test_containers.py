"""What containers promise: unknown sizes, a missing last frame, and truncation, per container."""

from __future__ import annotations

import io
import itertools
import struct
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.audio.conftest import make, make_with_video, tone

from emotone.audio.headers import segment_end
from emotone.audio.identify import FFMPEG_ESTIMATES, SIGNATURES, identify, sniff
from emotone.audio.mpeg import aac_frame_length
from emotone.audio.read import probe, read
from emotone.errors import AudioError, EmptyAudioError, NotAudioError, TruncatedError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.audio.conftest import Encode, Write

    from emotone.types import Array

av = pytest.importorskip("av")


def test_every_kind_declares_whether_its_length_is_stored() -> None:
    estimated = {kind.name for kind, _ in SIGNATURES if kind.length == "estimated"}

    assert {"aac", "ac3", "mp3", "amr", "mpeg transport stream", "dts"} <= estimated
    assert {kind.name for kind, _ in SIGNATURES} > estimated
    assert {"wav", "flac", "mp4", "matroska or webm"}.isdisjoint(estimated)
    assert {"aac", "ac3", "mp3"} <= FFMPEG_ESTIMATES


@pytest.mark.parametrize("size", [-1, None])
def test_caf_sizes(size: int | None, second: Array, encode: Encode, write: Write) -> None:
    content = bytearray(encode(second, format="CAF"))
    at = content.find(b"data")
    if size is not None:
        content[at + 4 : at + 12] = struct.pack(">q", size)

    assert len(read(write(bytes(content))).samples) == 16000
    if size is None:
        with pytest.raises(TruncatedError, match=r"its caf header promises 1\.00 s, the file contains 0\.\d\d s"):
            read(write(bytes(content[:-3000])))


@pytest.mark.parametrize("lost", [b"data", b"desc"])
def test_damaged_caf_files(lost: bytes, second: Array, encode: Encode, write: Write) -> None:
    content = bytearray(encode(second, format="CAF"))
    at = content.find(lost)
    content[at : at + 12] = b"xxxx" + struct.pack(">q", -5)

    with pytest.raises(EmptyAudioError, match="no samples after it"):
        read(write(bytes(content)))


@pytest.mark.parametrize("size", [0, 1 << 62, (1 << 63) - 1, None])
def test_w64_sizes(size: int | None, second: Array, encode: Encode, write: Write) -> None:
    content = bytearray(encode(second, format="W64"))
    at = content.find(b"data\xf3\xac")
    if size is not None:
        content[at + 16 : at + 24] = struct.pack("<Q", size)
        try:
            assert len(read(write(bytes(content))).samples) == 16000
        except AudioError as error:  # libsndfile refuses a size of 0
            assert "a.wav" in str(error)  # noqa: PT017
    else:
        with pytest.raises(TruncatedError, match="its w64 header promises"):
            read(write(bytes(content[:-3000])))


@pytest.mark.parametrize("cut", [60, 100])
def test_a_w64_without_data(cut: int, second: Array, encode: Encode, write: Write) -> None:
    content = encode(second, format="W64")
    with pytest.raises(EmptyAudioError):
        read(write(content[:cut]))
    with pytest.raises(EmptyAudioError):
        read(write(content[:40] + bytes(100)))


@pytest.mark.parametrize("missing", [1, 44, 64])
def test_a_few_missing_bytes_are_noted(missing: int, second: Array, encode: Encode, write: Write) -> None:
    signal = read(write(encode(second)[:-missing]))

    assert len(signal.samples) == 16000 - -(-missing // 2)
    assert signal.notes == (f"the file ends {missing} bytes before the end that its wav header promises",)


def test_one_missing_block_of_a_block_coding_is_noted(second: Array, encode: Encode, write: Write) -> None:
    content = encode(second, subtype="IMA_ADPCM")
    align = struct.unpack("<H", content[32:34])[0]

    signal = read(write(content[: -align + 1]))

    assert len(signal.notes) == 1
    with pytest.raises(TruncatedError):
        read(write(content[: -align - 1]))


def test_a_flac_without_its_last_frame_is_noted(encode: Encode, write: Write, rng: np.random.Generator) -> None:
    content = encode(rng.uniform(-0.5, 0.5, 40_000).astype(np.float32), format="FLAC")

    signal = read(write(content[:-500]))

    assert 40_000 - 4096 <= len(signal.samples) < 40_000
    assert signal.notes == (f"the last {40_000 - len(signal.samples)} samples, less than one coded frame, are missing",)
    with pytest.raises(TruncatedError, match="decoding stops after"):
        read(write(content[:-30_000]))
    with pytest.raises(TruncatedError, match="decoding stops after"):
        read(write(content[:-30_000]), start=2.0)


def test_an_mp4_without_its_last_frame_is_noted(tmp_path: Path, write: Write) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        from tests.audio.conftest import encode_track

        encode_track(container, "aac", tone(2.0, 48000), 48000)
    content = path.read_bytes()
    assert content.find(b"moov") < content.find(b"mdat")

    signal = read(write(content[:-20], "b.mp4"))

    assert len(signal.samples) / 48000 == pytest.approx(2.0, abs=0.06)
    assert any("the file ends 20 bytes too early" in note for note in signal.notes)
    with pytest.raises(TruncatedError):
        read(write(content[:-4000], "c.mp4"))


def test_a_matroska_file_that_is_truncated(tmp_path: Path, write: Write) -> None:
    content = make(tmp_path / "a.mka", "pcm_s16le", channels=1, rate=16000).read_bytes()

    with pytest.raises(TruncatedError, match="its header promises"):
        read(write(content[:-20_000], "b.mka"))
    with pytest.raises(TruncatedError, match=r"decoding stops after|is truncated"):
        read(write(content[:-8000], "c.mka"))
    with_video = make_with_video(tmp_path / "v.mkv", tone(1.0), start=0.0).read_bytes()
    with pytest.raises(TruncatedError, match="the file ends within a coded frame"):
        read(write(with_video[:-30], "w.mkv"))


@pytest.mark.parametrize(
    "content",
    [b"\x1a\x45\xdf\xa3\x80" + b"\xec\x80" * 20, b"\x1a\x45\xdf\xa3\x10", b"\x1a\x45\xdf\xa3\x80\x18"],
)
def test_a_matroska_segment_that_is_missing(content: bytes) -> None:
    assert segment_end(io.BytesIO(content)) is None


@pytest.mark.parametrize(
    "head", [b"", b"\x1a\x45\xdf\xa3", b"\x1a\x45\xdf\xa3\x84" + bytes(4) + b"\x18\x53\x80\x67\x00"]
)
def test_damaged_matroska_headers(head: bytes, write: Write) -> None:
    with pytest.raises(AudioError):
        read(write((head or b"\x1a\x45\xdf\xa3\xff") + bytes(200), "a.mkv"))


def test_a_matroska_file_from_a_pipe(tmp_path: Path, write: Write) -> None:
    content = bytearray(make(tmp_path / "a.mka", "pcm_s16le", channels=1, rate=16000).read_bytes())
    at = content.find(b"\x18\x53\x80\x67")
    content[at + 4 : at + 12] = b"\x01" + b"\xff" * 7

    assert len(read(write(bytes(content), "b.mka")).samples) == 32000


@pytest.mark.parametrize(("missing", "error"), [(100_000, True), (20, False)])
def test_asf_files(missing: int, error: bool, tmp_path: Path, write: Write) -> None:
    content = make(tmp_path / "a.asf", "pcm_s16le", channels=1).read_bytes()
    properties = content.find(bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365"))
    live = bytearray(content)
    live[properties + 88] |= 1

    try:
        signal = read(write(content[:-missing], "b.asf"))
    except TruncatedError:
        pass
    else:
        assert not error
        assert signal.notes
    assert len(read(write(bytes(live[:-1000]), "c.asf")).samples) > 40_000
    assert len(read(tmp_path / "a.asf").samples) == pytest.approx(96_000, abs=100)
    with pytest.raises(AudioError):
        read(write(content[:60], "d.asf"))


def test_a_hole_between_the_boxes_of_an_mp4(tmp_path: Path, write: Write) -> None:
    content = make(tmp_path / "a.mp4", "aac").read_bytes()

    assert len(read(write(content + bytes(100), "b.mp4")).samples) == len(read(tmp_path / "a.mp4").samples)
    with pytest.raises(TruncatedError, match="is damaged: there is no box at byte"):
        read(write(content + bytes(100) + b"moof", "c.mp4"))


def test_avi_files(tmp_path: Path, write: Write) -> None:
    content = make(tmp_path / "a.avi", "pcm_s16le", channels=1).read_bytes()

    for missing, allowed in ((100_000, False), (20, True)):
        try:
            read(write(content[:-missing], "b.avi"))
            assert allowed
        except TruncatedError:
            assert not allowed
    piped = bytearray(content)
    piped[4:8] = bytes(4)
    assert len(read(write(bytes(piped), "c.avi")).samples) == 96000
    damaged = bytearray(content)
    damaged[12:16] = bytes(4)
    with pytest.raises(TruncatedError, match="is damaged: there is no chunk at byte"):
        read(write(bytes(damaged), "d.avi"))


def test_less_sound_than_promised_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make(tmp_path / "a.mka", "pcm_s16le", channels=1, rate=16000)
    monkeypatch.setattr("emotone.audio.media.MediaDecoder._promised", lambda _: 36_000)

    signal = read(path)

    assert signal.notes == ("the sound ends 0.25 s before the end that the container promises",)


def test_raw_aac_is_read_to_its_last_complete_frame(tmp_path: Path, write: Write) -> None:
    content = make(tmp_path / "a.aac", "aac").read_bytes()
    whole = read(tmp_path / "a.aac")
    assert whole.notes == ()
    assert probe(tmp_path / "a.aac").duration is None

    cut = read(write(content[:-10], "b.aac"))
    assert cut.notes == ("the last coded frame is incomplete and was left out",)
    assert len(cut.samples) == len(whole.samples) - 1024
    assert read(write(content + b"TAG" + bytes(125), "c.aac")).notes == ()
    assert read(write(content + b"abc", "d.aac")).notes == ()


def test_segments_of_a_live_stream_one_after_another(tmp_path: Path, write: Write) -> None:
    content = make(tmp_path / "a.aac", "aac").read_bytes()
    tag = b"ID3\x04\x00\x00\x00\x00\x00\x20" + bytes(32)

    signal = read(write((tag + content) * 3, "b.aac"))

    assert len(signal.samples) == 3 * len(read(tmp_path / "a.aac").samples)
    assert signal.notes == ()


def test_damaged_raw_aac_is_noted_or_refused(tmp_path: Path, write: Write) -> None:
    content = make(tmp_path / "a.aac", "aac").read_bytes()
    at = aac_frame_length(content[:7])
    assert at

    places = [at]
    for _ in range(20):
        places.append(places[-1] + (aac_frame_length(content[places[-1] : places[-1] + 7]) or 0))
    for place, damage in itertools.product((places[0], places[-1]), (bytes(50), b"\xff" * 900)):
        try:
            notes = read(write(content[:place] + damage + content[place:], "b.aac")).notes
        except TruncatedError:
            continue
        assert any("is not the start of a frame" in note or "not a complete AAC frame" in note for note in notes)


def test_raw_aac_that_begins_in_the_middle_of_a_frame(tmp_path: Path, write: Write) -> None:
    content = make(tmp_path / "a.aac", "aac").read_bytes()

    signal = read(write(content[100:], "b.aac"))

    assert signal.notes[0].startswith("the first ")
    assert len(signal.samples) == pytest.approx(len(read(tmp_path / "a.aac").samples), abs=1024)


def test_quiet_then_loud_raw_aac_is_read_in_full(tmp_path: Path) -> None:
    path = tmp_path / "a.aac"
    signal = np.concatenate([1e-4 * tone(10.0, 48000), np.random.default_rng(1).uniform(-0.5, 0.5, 480_000)])
    with av.open(str(path), "w") as container:
        from tests.audio.conftest import encode_track

        encode_track(container, "aac", signal.astype(np.float32), 48000)

    assert len(read(path).samples) / 48000 == pytest.approx(20.0, abs=0.1)


@pytest.mark.parametrize(("name", "codec"), [("a.aac", "aac"), ("a.flac", "flac"), ("a.mp3", "mp3"), ("a.mp2", "mp2")])
@pytest.mark.parametrize("tags", [1, 2])
def test_files_behind_id3_tags(name: str, codec: str, tags: int, tmp_path: Path, write: Write) -> None:
    path = make(tmp_path / name, codec, channels=1)
    tag = b"ID3\x04\x00\x00\x00\x00\x00\x20" + bytes(32)

    tagged = read(write(tag * tags + path.read_bytes(), "tagged" + name))

    np.testing.assert_allclose(tagged.samples, read(path).samples, atol=1e-4)


def test_a_tag_with_an_unknown_format_is_taken_for_mp3(write: Write) -> None:
    path = write(b"ID3\x04\x00\x00\x00\x00\x00\x20" + bytes(2000), "a.mp3")

    with path.open("rb") as file:
        kind, offset = identify(file)
    assert kind is not None
    assert (kind.name, offset) == ("mp3", 0)
    with pytest.raises(NotAudioError):
        read(path)


@pytest.mark.parametrize(("packet", "first"), [(188, 0), (192, 4), (204, 0)])
def test_transport_streams_of_every_packet_size(packet: int, first: int, tmp_path: Path, write: Write) -> None:
    content = make(tmp_path / "a.ts", "aac").read_bytes()
    packets = [content[at : at + 188] for at in range(0, len(content), 188)]
    path = write(b"".join(bytes(first) + one + bytes(packet - 188 - first) for one in packets), "b.ts")

    assert sniff(b"ID3\x04") == sniff(b"\xff\xfb\x90\x64")
    kind = sniff(path.read_bytes()[:4096])
    assert kind is not None
    assert kind.name == "mpeg transport stream"
    assert len(read(path).samples) / 48000 == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize(
    "content", [b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n"]
)
def test_session_descriptions_and_playlists_open_nothing(content: bytes, write: Write, tmp_path: Path) -> None:
    sound = make(tmp_path / "a.ts", "aac")
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{sound}\n#EXT-X-ENDLIST\n".encode()
    concat = f"ffconcat version 1.0\nfile {sound}\n".encode()

    for text in (content, playlist, concat):
        with pytest.raises(NotAudioError):
            read(write(text, "a.txt"))


def test_64_bit_integers_in_other_containers(tmp_path: Path) -> None:
    try:
        path = make(tmp_path / "a.nut", "pcm_s64le", channels=1)
    except (ValueError, KeyError):
        pytest.skip("this FFmpeg does not write 64-bit integers")

    samples, rate = read(path)

    assert rate == 48000
    assert np.std(samples) == pytest.approx(0.5 / np.sqrt(2), rel=0.05)


def test_container_cases(shared: Path) -> None:
    cases = shared / "cases"
    for name, seconds in [
        ("01_aac_adts_quiet_then_loud_refused_as_cut.aac", 29.63),
        ("02_aac_adts_behind_id3_hls_segment.aac", 2.44),
        ("06c_m2ts_192_byte_packets.m2ts", 2.38),
        ("08_caf_piped_by_ffmpeg_size_minus_1.caf", 2.38),
        ("09_aiff_piped_by_sox_size_7f000008.aiff", 2.38),
        ("03_mp3_two_files_concatenated_second_lost.mp3", 7.1),
        ("07_mp3_begins_mid_frame.mp3", 4.61),
        ("22_mp3_last_frame_cut.mp3", 4.75),
    ]:
        samples, rate = read(cases / name)
        assert len(samples) / rate == pytest.approx(seconds, abs=0.08), name
    assert read(cases / "22_mp3_last_frame_cut.mp3").notes
