"""Times on the recording's clock: late starts and gaps in the timestamps become silence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.audio.av_files import make, make_with_gap, make_with_video
from tests.audio.conftest import tone

from emotone.audio.media import Timeline
from emotone.audio.read import probe, read, stream

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_a_track_that_starts_late(name: str, tmp_path: Path) -> None:
    path = make_with_video(tmp_path / name, tone(1.0), start=1.5)

    signal = read(path)

    assert len(signal.samples) / signal.rate == pytest.approx(2.5, abs=0.15)
    assert not signal.samples[: round(1.3 * signal.rate)].any()
    assert np.std(signal.samples[round(1.8 * signal.rate) : round(2.2 * signal.rate)]) > 0.3
    assert any(note.startswith("the sound starts at 1.") for note in signal.notes)
    assert np.array_equal(read(path, start=1.0, end=2.0).samples, signal.samples[signal.rate : 2 * signal.rate])


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_a_file_of_its_own_starts_with_its_silence(name: str, tmp_path: Path) -> None:
    path = make(tmp_path / name, "aac", start=5.0)

    assert len(read(path).samples) / 48000 == pytest.approx(7.0, abs=0.1)


def test_timestamps_far_from_zero_count_from_the_first(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mkv", "aac", start=3600.0)

    assert len(read(path).samples) / 48000 == pytest.approx(2.0, abs=0.1)


def test_a_gap_becomes_silence(tmp_path: Path) -> None:
    path = make_with_gap(tmp_path / "a.mka", tone(1.0), gap=10.0)

    signal = read(path)

    assert len(signal.samples) == pytest.approx(12 * 16000, abs=100)
    assert not signal.samples[round(1.1 * 16000) : round(10.9 * 16000)].any()
    assert signal.notes == ("gaps in the timestamps were filled with 10.00 s of silence",)
    assert probe(path).duration == pytest.approx(12.0, abs=0.01)
    pieces = stream(path, rate=16000)
    assert np.array_equal(np.concatenate(list(pieces)), signal.samples)
    assert pieces.notes == signal.notes


def test_transport_streams_start_at_their_first_timestamp(tmp_path: Path) -> None:
    samples, rate = read(make(tmp_path / "a.ts", "aac"))

    assert len(samples) / rate == pytest.approx(2.0, abs=0.1)


def fed(timeline: Timeline, timestamps: list[float | None], *, block: int = 100) -> list[int]:
    silences = []
    for timestamp in timestamps:
        silences.append(timeline.silence_before(timestamp))
        timeline.at += silences[-1] + block
    return silences


@pytest.mark.parametrize(
    ("origin", "timestamps", "silences", "notes"),
    [
        (0.0, [0.0, 0.1, 0.2], [0, 0, 0], 0),
        (None, [7.0, 7.1], [0, 0], 0),
        (0.0, [None, None], [0, 0], 0),
        (0.0, [0.0, 0.15, 0.25], [0, 0, 0], 0),  # rounding
        (0.0, [2.0, 2.1], [2000, 0], 1),
        (0.0, [0.0, 1.1, 1.2], [0, 1000, 0], 1),
        (0.0, [0.0, 90_000.0, 90_000.1], [0, 0, 0], 1),  # a clock that was set
        (0.0, [5.0, 1.0, 1.1], [5000, 0, 0], 2),  # two streams with their own clocks
        (0.0, [0.0, -0.2], [0, 0], 0),  # an overlap is read in full
        (0.0, [0.0, 1300.0, 2600.0, 3900.0, 5200.0], [0, 1_299_900, 1_299_900, 0, 0], 2),  # a wrong unit
    ],
)
def test_timelines(origin: float | None, timestamps: list[float | None], silences: list[int], notes: int) -> None:
    timeline = Timeline(1000, origin=origin)

    assert fed(timeline, timestamps) == silences
    assert len(timeline.notes()) == notes


def test_long_gaps_between_long_parts_are_filled() -> None:
    timeline = Timeline(1000, origin=0.0)

    assert fed(timeline, [0.0, 2000.0, 4000.0], block=50_000) == [0, 1_950_000, 1_950_000]


def test_clock_cases(shared: Path) -> None:
    cases = shared / "cases"
    for name, start, seconds in [
        ("10a_video_sound_starts_at_5s.mp4", 4.9, 9.7),
        ("10b_video_sound_starts_at_5s.mkv", 4.9, 9.7),
        ("10c_gap_of_10s_in_timestamps.mka", 0.0, 14.76),
    ]:
        samples, rate = read(cases / name)
        assert len(samples) / rate == pytest.approx(seconds, abs=0.1)
        assert not samples[: round(start * rate)].any()
