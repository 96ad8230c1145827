"""Speech activity: weights, decisions, and the edges of speech."""

from __future__ import annotations

import itertools
import time
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotone.audio import activity
from emotone.audio.activity import ActivityDetector, smooth, speech_activity
from emotone.audio.read import read
from emotone.audio.speech_network import DELAY, EDGE_RANGE, FIRST, INWARDS, LAST, OUTWARDS, EdgeRefiner
from emotone.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from emotone.types import Array


# ----------------------------------------------------------------------------------------------------------------------
# Speech activity: independent of piece sizes, correct on synthetic sounds and on real recordings.

RATE = 16000
LENGTH = 4 * RATE
TIMES = np.arange(LENGTH) / RATE


def coloured(slope: float, seed: int = 0) -> Array:
    """Noise whose power falls with frequency to the power `slope`, mean square 1."""
    rng = np.random.default_rng(seed)
    frequencies = np.fft.rfftfreq(LENGTH, 1 / RATE)
    spectrum = rng.standard_normal(len(frequencies)) + 1j * rng.standard_normal(len(frequencies))
    noise = np.fft.irfft(spectrum / np.maximum(frequencies, 20) ** (slope / 2), LENGTH)
    out: Array = (noise / noise.std()).astype(np.float32)
    return out


def hum(hertz: float) -> Array:
    return sum((np.sin(2 * np.pi * hertz * k * TIMES + k) / k for k in range(1, 12)), np.zeros(LENGTH)).astype(
        np.float32
    )


def clicks(period: int) -> Array:
    signal = np.zeros(LENGTH, np.float32)
    signal[100::period] = 0.9
    return signal


def babble(seconds: float = 3.0, seed: int = 0, pitch: float = 130.0) -> Array:
    """Speech-like sound: a gliding voice through two moving resonances, in syllables, with breath between them."""
    rng = np.random.default_rng(seed)
    count = round(seconds * RATE)
    times = np.arange(count) / RATE
    glide = np.interp(
        times,
        np.arange(0, seconds + 0.3, 0.3),
        pitch * np.exp(rng.normal(0, 0.12, len(np.arange(0, seconds + 0.3, 0.3)))),
    )
    phase = 2 * np.pi * np.cumsum(glide) / RATE
    knots = np.arange(0, seconds + 0.12, 0.12)
    first = np.interp(times, knots, rng.uniform(300, 800, len(knots)))
    second = np.interp(times, knots, rng.uniform(900, 2200, len(knots)))
    voice = np.zeros(count)
    for harmonic in range(1, 30):
        place = harmonic * glide
        gain = np.exp(-(((place - first) / 150) ** 2)) + 0.5 * np.exp(-(((place - second) / 200) ** 2)) + 0.02
        voice += gain * np.sin(harmonic * phase)
    syllables = np.clip(np.sin(2 * np.pi * 3.5 * times) + 0.4, 0, 1)
    signal = voice * syllables + 0.01 * rng.standard_normal(count)
    out: Array = (0.3 * signal / np.abs(signal).max()).astype(np.float32)
    return out


NOT_SPEECH = {
    "digital silence": np.zeros(LENGTH, np.float32),
    "DC": np.full(LENGTH, 0.5, np.float32),
    "a step": np.repeat(np.array([0, 0.5], np.float32), LENGTH // 2),
    "one click": clicks(LENGTH),
    **{
        f"{name} noise at {level} dB": coloured(slope) * np.float32(10 ** (level / 20))
        for slope, name in enumerate(("white", "pink", "brown"))
        for level in (-60, -30, -10)
    },
    **{
        f"a tone of {hertz} Hz": (0.3 * np.sin(2 * np.pi * hertz * TIMES)).astype(np.float32)
        for hertz in (50, 100, 220, 440, 1000, 3000)
    },
    **{f"hum of {hertz} Hz": 0.1 * hum(hertz) for hertz in (50, 60)},
    **{f"hum of {hertz} Hz in noise": 0.1 * hum(hertz) + 0.02 * coloured(1) for hertz in (50, 60, 200)},
    **{f"clicks every {period / 16:.0f} ms": clicks(period) for period in (800, 3333, 8000, 16000)},
    "speech below the floor": babble(4.0) * np.float32(1e-4),
    "faint noise": coloured(0) * np.float32(1e-5),
}


@pytest.mark.parametrize("name", NOT_SPEECH)
def test_sounds_that_are_not_speech(name: str) -> None:
    assert speech_activity(NOT_SPEECH[name].astype(np.float32)).sum() < 20


@pytest.mark.parametrize("level", [-50, -35, -20, -5])
@pytest.mark.parametrize("pitch", [90.0, 130.0, 220.0])
def test_a_voice_at_any_level(pitch: float, level: float) -> None:
    voice = babble(pitch=pitch)
    scaled = voice * np.float32(10 ** (level / 20) / voice.std())

    assert speech_activity(scaled).mean() > 0.5


def test_a_voice_in_noise() -> None:
    voice = babble(4.0)
    noise = coloured(0) * np.float32(voice.std() * 10**-0.5)  # 10 dB below

    assert speech_activity(voice + noise).mean() > 0.4


def test_the_times_of_speech() -> None:
    silence = np.zeros(2 * RATE, np.float32)
    signal = np.concatenate([silence, babble(2.0), silence])

    decided = speech_activity(signal)

    assert not decided[:180].any()
    assert decided[200:400].mean() > 0.6
    assert not decided[420:].any()


@pytest.mark.parametrize("length", [0, 1, 159, 160, 161, 320, 1279, 1280, 1281, 5000, 16000])
def test_the_number_of_frames(length: int) -> None:
    decided = speech_activity(np.zeros(length, np.float32))

    assert decided.dtype == np.bool_
    assert len(decided) == -(-length // 160)


SIGNAL = np.concatenate(
    [babble(2.0), np.zeros(4000, np.float32), coloured(1)[:16001] * np.float32(0.1), babble(1.5, 3, 220.0)]
)


def decide_in_pieces(signal: Array, cuts: list[int]) -> NDArray[np.bool_]:
    detector = ActivityDetector(rate=16000)
    decided = [detector.push(piece) for piece in np.split(signal, cuts)]
    return np.concatenate([*decided, detector.finish()])


@settings(max_examples=40, deadline=None)
@given(cuts=st.lists(st.integers(0, len(SIGNAL)), max_size=40).map(sorted), length=st.integers(0, len(SIGNAL)))
def test_any_pieces_give_the_same_decisions(cuts: list[int], length: int) -> None:
    signal = SIGNAL[:length]

    assert np.array_equal(decide_in_pieces(signal, [cut for cut in cuts if cut <= length]), speech_activity(signal))


@pytest.mark.parametrize("size", [1, 7, 160, 333, 1280, 16000])
def test_any_pieces_give_bit_identical_features(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    signal = SIGNAL[: 3000 if size == 1 else None]
    seen: list[NDArray[np.float32]] = []
    original = activity.behaviour

    def spy(measured: Array) -> Array:
        numbers = original(measured)
        seen.append(numbers)
        return numbers

    monkeypatch.setattr(activity, "behaviour", spy)
    speech_activity(signal)
    whole = np.concatenate(seen, axis=1)
    seen.clear()
    decide_in_pieces(signal, list(range(size, len(signal), size)))

    assert np.array_equal(np.concatenate(seen, axis=1), whole)


def test_a_long_piece_is_processed_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = speech_activity(SIGNAL)
    monkeypatch.setattr(activity, "SLICE", 3000)

    assert np.array_equal(speech_activity(SIGNAL), whole)


def test_decisions_come_within_the_lookahead() -> None:
    detector = ActivityDetector()

    decided = 0
    for at in range(0, len(SIGNAL), 160):
        decided += len(detector.push(SIGNAL[at : at + 160]))
        assert decided * 0.01 >= (at + 160) / RATE - ActivityDetector.lookahead


def test_other_rates() -> None:
    with pytest.raises(UsageError, match="a rate of 8000 Hz was given; allowed: 16000; resample first"):
        ActivityDetector(rate=8000)


def slow_smooth(speech: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Close gaps, drop short runs and extend the others, run by run."""
    out = speech.copy()

    def runs(value: bool) -> list[tuple[int, int]]:
        edges = np.flatnonzero(np.diff(np.concatenate([[not value], out, [not value]]).astype(int)))
        return [(int(a), int(b)) for a, b in itertools.pairwise(edges) if out[a] == value]

    for start, end in runs(False):
        if start > 0 and end < len(out) and end - start <= activity.MAX_GAP:
            out[start:end] = True
    for start, end in runs(True):
        if end - start < activity.MIN_RUN:
            out[start:end] = False
    for start, end in runs(True):
        out[max(0, start - activity.BEFORE) : end + activity.AFTER] = True
    return out


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 40)), min_size=1, max_size=12))
def test_smoothing_equals_its_slow_twin(runs: list[tuple[bool, int]]) -> None:
    speech = np.concatenate([np.full(length, value) for value, length in runs])
    before, after = (
        activity.MAX_GAP + activity.MIN_RUN - 1 + activity.AFTER,
        activity.MAX_GAP + activity.MIN_RUN - 1 + activity.BEFORE,
    )

    assert np.array_equal(smooth(np.pad(speech, (before, after))), slow_smooth(speech))


def test_the_windowed_sums_are_sums() -> None:
    rows = np.random.default_rng(0).uniform(0, 1, (3, 200)).astype(np.float32)

    expected = [[row[at : at + 49].sum() for at in range(152)] for row in rows]
    np.testing.assert_allclose(activity._around(rows), expected, rtol=1e-5)


def test_the_energy_is_the_mean_square() -> None:
    signal = (0.1 * np.sin(2 * np.pi * 1000 * np.arange(16000) / RATE)).astype(np.float32)
    samples = np.concatenate([np.zeros(activity.LEFT, np.float32), signal, np.zeros(activity.RIGHT, np.float32)])

    measured = activity.measure(samples, groups=12)

    rows = dict(zip(activity.MEASURED, measured, strict=True))
    np.testing.assert_allclose(rows["energy"][3:90], 0.005, rtol=0.2)  # the decimation attenuates by 0.6 dB here
    assert rows["energy3"][50] > 0.99 * rows["energy"][50]
    assert (rows["tone"][3:90] > 0.5).all()


def test_the_time_for_three_seconds() -> None:
    signal = np.resize(SIGNAL, 3 * RATE)

    def once() -> float:
        start = time.process_time()  # not wall-clock time, which other processes increase
        speech_activity(signal)
        return time.process_time() - start

    assert min(once() for _ in range(50)) < 0.005  # 1 ms on a quiet machine; the bound is for busy ones


@pytest.mark.parametrize("corpus", ["emodb", "ravdess", "nemo", "savee", "emovo"])
def test_recordings_of_speech(corpus: str, shared: Path) -> None:
    files = sorted(path for path in (shared / "corpora" / corpus).rglob("*") if path.suffix in {".flac", ".ogg"})
    chosen = files[:: max(1, len(files) // 60)]

    active = [speech_activity(read(path, rate=RATE)[0]).sum() * 0.01 for path in chosen]

    assert np.mean(np.array(active) >= 0.2) >= 0.98


@pytest.mark.parametrize(
    ("name", "maximum"),
    [
        ("Rain", 0.01),
        ("Sea waves", 0.02),
        ("Helicopter", 0.02),
        ("Chainsaw", 0.1),
        ("Clock tick", 0.2),
        ("Fire crackling", 0.1),
    ],
)
def test_recordings_of_other_sounds(name: str, maximum: float, shared: Path) -> None:
    files = sorted((shared / "corpora" / "esc10").glob(f"*{name}/*.ogg"))
    assert files

    active = np.concatenate([speech_activity(read(path, rate=RATE)[0]) for path in files])

    assert active.mean() <= maximum


def test_meetings(shared: Path) -> None:
    folder = shared / "corpora" / "ami"
    spoken: list[NDArray[np.bool_]] = []
    found: list[NDArray[np.bool_]] = []
    turns = [line.split() for path in folder.glob("*.rttm") for line in path.read_text().splitlines()]
    for path in sorted(folder.glob("*.flac")):
        decided = speech_activity(read(path, rate=RATE)[0])
        truth = np.zeros(len(decided), np.bool_)
        for turn in turns:
            if turn[1] == path.stem:
                truth[round(float(turn[3]) * 100) : round((float(turn[3]) + float(turn[4])) * 100)] = True
        spoken.append(truth)
        found.append(decided)
    truth, decided = np.concatenate(spoken), np.concatenate(found)

    assert (truth & decided).sum() / truth.sum() > 0.75
    assert (truth & decided).sum() / decided.sum() > 0.9


# ----------------------------------------------------------------------------------------------------------------------
# The ends of speech follow the level, not the grid of the coarse decisions, and do not depend on the pieces.

SPEECH, SILENCE = -20.0, -80.0  # dB


def refine_slowly(speech: NDArray[np.bool_], levels: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return the refined decisions [frames], stretch by stretch and frame by frame."""
    count = len(speech)
    refined = np.zeros(count, np.bool_)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], speech, [False]]))).tolist()
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        threshold = levels[start : min(end, start + FIRST)].max() - EDGE_RANGE
        first = start
        if levels[start] > threshold:
            while first > max(0, start - OUTWARDS) and levels[first - 1] > threshold:
                first -= 1
        else:
            while first < start + INWARDS and levels[first] <= threshold:
                first += 1
        threshold = levels[max(start, end - LAST) : end].max() - EDGE_RANGE
        until = end
        if levels[end - 1] > threshold:
            while until < min(count, end + OUTWARDS) and levels[until] > threshold:
                until += 1
        else:
            while until > end - INWARDS and levels[until - 1] <= threshold:
                until -= 1
        refined[first:until] = True
    return refined


def frames(*runs: tuple[float, int]) -> NDArray[np.float64]:
    """Return runs of values, each with its length, one after the other."""
    return np.concatenate([np.full(count, value) for value, count in runs])


@pytest.mark.parametrize("early", range(-INWARDS + 1, OUTWARDS))
@pytest.mark.parametrize("late", [-OUTWARDS + 1, -1, 0, 1, INWARDS - 1])
def test_the_ends_are_where_the_level_changes(early: int, late: int) -> None:
    levels = frames((SILENCE, 60), (SPEECH, 80), (SILENCE, 60))
    coarse = frames((0, 60 + early), (1, 80 - early + late), (0, 60 - late)).astype(np.bool_)

    refined = EdgeRefiner().push(coarse, levels, last=True)

    np.testing.assert_array_equal(refined, levels == SPEECH)


def test_an_end_moves_by_a_limited_number_of_frames() -> None:
    coarse = frames((0, 100), (1, 100), (0, 100)).astype(np.bool_)
    refined = EdgeRefiner().push(coarse, np.full(300, SPEECH), last=True)
    assert np.flatnonzero(refined)[[0, -1]].tolist() == [100 - OUTWARDS, 199 + OUTWARDS]


def test_only_the_loudest_frames_near_an_end_count() -> None:
    """A quiet word after a loud one keeps its end."""
    levels = frames((0.0, 200), (-40.0, LAST + 20), (-90.0, 50))
    coarse = frames((1, 200 + LAST + 20), (0, 50)).astype(np.bool_)
    assert EdgeRefiner().push(coarse, levels, last=True).sum() == 200 + LAST + 20


@pytest.mark.parametrize("seed", range(40))
def test_any_division_gives_the_same_as_the_slow_rules(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(20):
        count = int(rng.integers(1, 500))
        speech = np.repeat(rng.random(count) < 0.5, rng.integers(1, rng.choice([4, 30, 200]), count))[:count]
        steps = np.repeat(rng.normal(-40, 25, count), rng.integers(1, 8, count))[:count]
        levels = steps + rng.normal(0, 2, count)
        cuts = np.sort(rng.integers(0, count + 1, int(rng.choice([1, 5, 100]))))
        refiner = EdgeRefiner()

        pieces = [refiner.push(speech[start:end], levels[start:end]) for start, end in pairwise([0, *cuts.tolist()])]
        assert sum(len(piece) for piece in pieces) >= cuts[-1] - DELAY
        pieces.append(refiner.push(speech[cuts[-1] :], levels[cuts[-1] :], last=True))

        np.testing.assert_array_equal(np.concatenate(pieces), refine_slowly(speech, levels))


def test_memory_does_not_grow_with_silence_or_speech() -> None:
    for value in (False, True):
        refiner = EdgeRefiner()
        refiner.push(np.full(10_000, value), np.full(10_000, SPEECH))
        assert len(refiner.push(np.full(1000, value), np.full(1000, SPEECH))) == 1000
