"""Several audio tracks: the default one, one by number, and all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.audio.av_files import av, make_tracks, write_samples
from tests.audio.conftest import tone

from emotone.audio.read import probe, read, stream_channels
from emotone.errors import RateError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.audio.conftest import Encode, Write

    from emotone.types import Array

SILENT = np.zeros(16000, np.float32)
LOUD = tone(2.0)


def test_the_default_track_is_read_and_noted(tmp_path: Path) -> None:
    path = make_tracks(tmp_path / "a.mkv", [SILENT, LOUD], default=1)

    signal = read(path)

    assert len(signal.samples) == 32000
    assert signal.samples.std() > 0.3
    assert signal.notes == (
        "the recording has 2 audio tracks; track 1 was read (the default); choose with track=N or 'all' (--track)",
    )
    assert probe(path).tracks == 2


def test_without_a_default_track_the_first_is_read(tmp_path: Path) -> None:
    path = make_tracks(tmp_path / "a.mkv", [LOUD, SILENT], default=None)

    signal = read(path)

    assert signal.samples.std() > 0.3
    assert "track 0 was read (the first; none is marked as default)" in signal.notes[0]


def test_a_track_by_number(tmp_path: Path) -> None:
    path = make_tracks(tmp_path / "a.mkv", [SILENT, LOUD], default=1)

    signal = read(path, track=0)

    assert not signal.samples.any()
    assert signal.notes == ()


@pytest.mark.parametrize("track", [2, -1])
def test_a_track_that_does_not_exist(track: int, tmp_path: Path) -> None:
    path = make_tracks(tmp_path / "a.mkv", [SILENT, LOUD], default=1)

    with pytest.raises(RateError, match=f"track {track} was requested; allowed: "):
        read(path, track=track)


@pytest.mark.parametrize("format_", ["WAV", "FLAC"])
def test_a_file_with_one_track(format_: str, second: Array, encode: Encode, write: Write) -> None:
    path = write(encode(second, format=format_))

    assert len(read(path, track=0).samples) == len(read(path, track="all").samples) == 16000
    with pytest.raises(RateError, match="track 1 was requested; allowed: 0, 'default' or 'all'"):
        read(path, track=1)
    with pytest.raises(UsageError, match="track 'first' was given; allowed: 'default', 'all' or a number"):
        read(path, track="first")  # type: ignore[arg-type]


def test_all_tracks_are_read_as_channels(tmp_path: Path) -> None:
    path = make_tracks(tmp_path / "a.mkv", [0.5 * tone(1.0), LOUD], default=0)

    with stream_channels(path, rate=16000, track="all") as pieces:
        assert (pieces.channels, pieces.tracks) == (2, 2)
        waveform = np.concatenate(list(pieces), axis=1)

    assert waveform.shape == (2, 32000)
    np.testing.assert_allclose(waveform[0, :16000], 0.5 * tone(1.0), atol=1e-4)
    assert not waveform[0, 16000:].any()  # the shorter track is followed by silence
    np.testing.assert_allclose(waveform[1], LOUD, atol=1e-4)
    assert any("the 2 audio tracks were read together" in note for note in pieces.notes)
    mix = read(path, track="all", start=0.5, end=1.5).samples
    np.testing.assert_allclose(mix, waveform.mean(axis=0)[8000:24000], atol=1e-6)
    assert probe(path, track="all").channels == 2


def test_tracks_of_different_rates_get_the_rate_of_the_first(tmp_path: Path) -> None:
    path = tmp_path / "a.mov"
    with av.open(str(path), "w", format="mov") as container:
        tracks = [container.add_stream("pcm_s16le", rate=rate, layout="mono") for rate in (16000, 48000)]
        for track, rate in zip(tracks, (16000, 48000), strict=True):
            write_samples(container, track, tone(1.0, rate), rate, layout="mono")

    with stream_channels(path, rate=16000, track="all") as pieces:
        waveform = np.concatenate(list(pieces), axis=1)

    assert waveform.shape[0] == 2
    assert waveform.shape[1] == pytest.approx(16000, abs=2)
    np.testing.assert_allclose(waveform[1, 1000:15000], waveform[0, 1000:15000], atol=1e-3)
    part = read(path, track="all", start=0.25, end=0.5).samples
    np.testing.assert_allclose(part, waveform.mean(axis=0)[4000:8000], atol=1e-5)


def test_the_default_track_of_the_case(shared: Path) -> None:
    signal = read(shared / "cases" / "11_two_tracks_first_silent_second_default.mkv")

    assert 2.3 < len(signal.samples) / signal.rate < 2.6
    assert signal.samples.std() > 0.05
    assert "2 audio tracks" in signal.notes[0]
