"""Ogg: chained streams, pages without the end-of-stream flag, and damage."""

from __future__ import annotations

import itertools
import struct
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.audio.conftest import encode_samples, make, tone

from emotone.audio.ogg import checksum
from emotone.audio.read import probe, read, stream
from emotone.errors import AudioError, MissingExtraError, NotAudioError, TruncatedError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.audio.conftest import Write

pytest.importorskip("av")

CODINGS = ("VORBIS", "OPUS")


def ogg(coding: str, seconds: float = 2.0, *, rate: int = 16000, channels: int = 1, serial: int = 1) -> bytes:
    """Return an Ogg file whose stream has a serial number of its own."""
    signal = np.column_stack([tone(seconds, rate)] * channels)
    return relabelled(encode_samples(signal, rate, format="OGG", subtype=coding), serial=serial)


def page_starts(content: bytes) -> list[int]:
    starts, at = [], 0
    while at < len(content):
        starts.append(at)
        lacing = content[at + 27 : at + 27 + content[at + 26]]
        at += 27 + len(lacing) + sum(lacing)
    return starts


def relabelled(content: bytes, *, serial: int) -> bytes:
    """Return the pages with another serial number."""
    pages = []
    starts = [*page_starts(content), len(content)]
    for start, stop in itertools.pairwise(starts):
        page = bytearray(content[start:stop])
        page[14:18] = struct.pack("<I", serial)
        page[22:26] = checksum(page)
        pages.append(bytes(page))
    return b"".join(pages)


def without_end_flag(content: bytes) -> bytes:
    at = page_starts(content)[-1]
    page = bytearray(content[at:])
    page[5] &= 0xFB
    page[22:26] = checksum(page)
    return content[:at] + bytes(page)


def test_the_checksum_is_that_of_ogg() -> None:
    content = encode_samples(tone(0.5), format="OGG", subtype="VORBIS")
    first, second = page_starts(content)[:2]

    assert checksum(content[first:second]) == content[22:26]


@pytest.mark.parametrize("serials", [(1, 1, 1), (1, 2, 3)])
@pytest.mark.parametrize("coding", CODINGS)
def test_chained_streams_are_read_in_full(coding: str, serials: tuple[int, ...], write: Write) -> None:
    path = write(b"".join(ogg(coding, serial=serial) for serial in serials), "a.ogg")
    single = read(write(ogg(coding), "single.ogg")).samples

    signal = read(path)

    assert np.array_equal(signal.samples, np.tile(single, 3))
    assert probe(path).duration == len(signal.samples) / 16000
    assert signal.notes == ("the file consists of 3 streams, which were read one after another",)
    part = read(path, start=3.5, end=5.0).samples
    np.testing.assert_allclose(part, signal.samples[56000:80000], atol=1e-4)


def test_more_streams_than_are_measured_before_decoding(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emotone.audio.base.MAX_MEASURED", 2)
    path = write(ogg("VORBIS") * 3, "a.ogg")

    signal = read(path)

    assert probe(path).duration is None
    assert len(signal.samples) == 96000
    assert np.array_equal(read(path, start=1.0, end=5.0).samples, signal.samples[16000:80000])


def test_links_of_another_rate_and_number_of_channels_are_converted(write: Write) -> None:
    signal = read(write(ogg("VORBIS") + ogg("VORBIS", rate=48000, channels=2, serial=2), "a.ogg"))

    assert signal.rate == 16000
    assert len(signal.samples) == pytest.approx(64000, abs=10)
    assert np.std(signal.samples[40000:60000]) == pytest.approx(0.5 / np.sqrt(2), rel=0.05)
    assert any("changes from 16000 Hz, 1 channels to 48000 Hz, 2 channels" in note for note in signal.notes)
    stereo_first = read(write(ogg("VORBIS", channels=2) + ogg("VORBIS", serial=2), "b.ogg"), channel=1)
    assert np.std(stereo_first.samples[40000:60000]) == pytest.approx(0.5 / np.sqrt(2), rel=0.05)


def test_links_that_can_not_be_converted_are_refused(write: Write) -> None:
    path = write(ogg("VORBIS", channels=3) + ogg("VORBIS", channels=2, serial=2), "a.ogg")

    with pytest.raises(NotAudioError, match="changes from 16000 Hz, 3 channels to 16000 Hz, 2 channels midway"):
        read(path)


@pytest.mark.parametrize("coding", CODINGS)
def test_a_complete_last_page_without_the_end_flag_is_complete(coding: str, write: Write) -> None:
    whole = ogg(coding)
    expected = read(write(whole, "whole.ogg")).samples

    signal = read(write(without_end_flag(whole), "a.ogg"))

    assert np.array_equal(signal.samples, expected)
    assert signal.notes == ()
    chained = read(write(without_end_flag(whole) + whole, "b.ogg"))
    assert np.array_equal(chained.samples, np.tile(expected, 2))


def test_a_file_without_its_first_page(write: Write) -> None:
    content = ogg("VORBIS")

    with pytest.raises(TruncatedError, match="the Ogg page at byte 0 does not continue the pages before it"):
        read(write(content[page_starts(content)[1] :], "a.ogg"))


def test_pages_of_an_unknown_stream(write: Write) -> None:
    content = ogg("OPUS", 4.0)
    starts = page_starts(content)

    with pytest.raises(TruncatedError, match="does not continue the pages before it"):
        read(write(content[: starts[3]] + relabelled(content[starts[3] :], serial=9), "a.ogg"))
    with pytest.raises(TruncatedError, match="does not continue the pages before it"):
        read(write(content[: starts[4]] + content[starts[2] :], "b.ogg"))  # time goes back
    with pytest.raises(TruncatedError, match="does not continue the pages before it"):
        read(write(content + content[starts[2] :], "c.ogg"))  # after the last page


def test_a_missing_page_is_noticed(write: Write) -> None:
    content = ogg("OPUS", 4.0)
    starts = page_starts(content)

    with pytest.raises(TruncatedError, match="decoding stops after"):
        read(write(content[: starts[3]] + content[starts[4] :], "a.ogg"))


def test_bytes_between_pages_are_skipped(write: Write) -> None:
    content = ogg("VORBIS")
    at = page_starts(content)[-1]

    assert len(read(write(content[:at] + b"?" * 70_000 + content[at:], "a.ogg")).samples) == 32000


@pytest.mark.parametrize("tail", [b"", bytes(500), b"TAG" + bytes(125)])
def test_padding_after_the_last_page(tail: bytes, write: Write) -> None:
    content = without_end_flag(ogg("VORBIS"))

    assert len(read(write(content + tail, "a.ogg")).samples) == 32000
    with pytest.raises(TruncatedError, match=r"is damaged: 700 bytes after the Ogg page"):
        read(write(content + b"x" * 700, "b.ogg"))


def one_packet_per_page(path: Path) -> bytes:
    """Return an Opus file with pages of one packet, as gateways write them."""
    av = pytest.importorskip("av")
    with av.open(str(path), "w", format="ogg", options={"page_duration": "1"}) as container:
        from tests.audio.conftest import encode_track

        encode_track(container, "libopus", tone(1.0, 48000), 48000)
    return path.read_bytes()


def test_an_incomplete_page_with_one_packet_is_noted(tmp_path: Path, write: Write) -> None:
    content = one_packet_per_page(tmp_path / "a.ogg")
    whole = len(read(write(content, "whole.ogg")).samples)
    assert len(page_starts(content)) > 40

    signal = read(write(content[:-10], "b.ogg"))

    assert signal.notes == ("the last Ogg page, with one coded frame, is incomplete and was left out",)
    assert whole - 2 * 960 <= len(signal.samples) < whole


def test_flac_in_ogg(tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    content = make(tmp_path / "a.ogg", "flac", channels=1).read_bytes()
    single = read(tmp_path / "a.ogg").samples

    assert len(single) == 96000
    chained = read(write(content + relabelled(content, serial=77), "b.ogg"))
    assert len(chained.samples) == 2 * 96000
    monkeypatch.setitem(sys.modules, "av", None)
    try:
        read(tmp_path / "a.ogg")
    except MissingExtraError as error:
        assert "pip install 'emotone[media]'" in str(error)  # noqa: PT017


def test_a_coding_that_libsndfile_does_not_know_names_the_extra(
    write: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    content = bytearray(ogg("VORBIS"))
    content[28:35] = b"Speex  "
    path = write(bytes(content), "a.ogg")

    with pytest.raises(AudioError, match=r"a.ogg"):
        read(path)
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtraError, match=r"decoding what is inside this ogg file needs the package 'av'"):
        read(path)


def test_streaming_a_chain(write: Write) -> None:
    path = write(ogg("OPUS") + ogg("OPUS", serial=2), "a.ogg")

    pieces = stream(path, rate=16000)

    assert np.array_equal(np.concatenate(list(pieces)), read(path).samples)
    assert pieces.notes == ("the file consists of 2 streams, which were read one after another",)


def test_ogg_cases(shared: Path) -> None:
    cases = shared / "cases"
    for name, seconds in [
        ("04a_opus_chained_second_link_lost.opus", 7.06),
        ("04b_vorbis_chained_second_link_lost.ogg", 4.77),
        ("05a_opus_no_eos_flag_telegram_android.ogg", 2.38),
        ("05b_vorbis_no_eos_flag.ogg", 2.38),
        ("06a_flac_in_ogg.ogg", 2.38),
        ("06b_speex_in_ogg.ogg", 2.38),
    ]:
        samples, rate = read(cases / name)
        assert len(samples) / rate == pytest.approx(seconds, abs=0.02)
