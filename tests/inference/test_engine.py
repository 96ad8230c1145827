"""The engine judges the same windows with the same result, whatever pieces a recording comes in."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.inference.conftest import PaddedLogMel

from emotone.audio.resample import resample
from emotone.config import to_mapping
from emotone.errors import TooShortError
from emotone.features.front_ends.log_mel import LogMel
from emotone.features.window_spec import Windows
from emotone.features.windows import window_starts
from emotone.inference.engine import Engine
from emotone.inference.model import load

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from emotone.bundles.bundle import Bundle
    from emotone.inference.model import Model
    from emotone.inference.result import Clip, Segments

RATE = 16000


def judged(bundle: Bundle, parts: Sequence[NDArray[np.float32]], *, batch: int = 16) -> tuple[Clip, Segments]:
    engine = Engine(bundle, batch=batch)
    for part in parts:
        engine.push(part)
    return engine.finish()


def slow_twin(
    bundle: Bundle, signal: NDArray[np.float32]
) -> tuple[list[tuple[float, float, bool]], NDArray[np.float64]]:
    """Judge a whole signal window by window, straight from the rules."""
    rows = bundle.feature.compute(signal)
    frames = -(-len(signal) // 160)
    padded = np.pad(signal, (0, frames * 160 - len(signal)))
    active = np.abs(padded).reshape(frames, 160).max(axis=1) > 0.01
    spans, probabilities = [], []
    for start in window_starts(len(rows), window=298, hop=100).tolist():
        heard, there = int(active[start : start + 300].sum()), len(active[start : start + 300])
        speech = heard >= there / 3 if len(signal) < 0.6 * RATE else heard >= 20
        spans.append((round(start * 0.01, 3), round(min(start * 0.01 + 3.0, len(signal) / RATE), 3), speech))
        window = rows[None, start : start + 298]
        probabilities.append(bundle.probabilities(window)[0] if speech else np.full(4, 0.25))
    return spans, np.array(probabilities)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    length=st.integers(RATE // 10, 11 * RATE),
    cuts=st.lists(st.integers(0, 11 * RATE), max_size=8),
    batch=st.sampled_from([1, 2, 16]),
    quiet_from=st.integers(0, 11 * RATE),
)
def test_the_rules_hold_in_any_pieces(  # noqa: PLR0917
    model: Model, noise: NDArray[np.float32], length: int, cuts: list[int], batch: int, quiet_from: int
) -> None:
    signal = noise[:length].copy()
    signal[quiet_from : quiet_from + 4 * RATE] = 0
    spans, expected = slow_twin(model.bundle, signal)
    clip, segments = judged(model.bundle, np.split(signal, sorted(min(cut, length) for cut in cuts)), batch=batch)
    assert [(one.start, one.end, one.speech) for one in segments] == spans
    np.testing.assert_allclose(segments.probabilities, expected, atol=1e-5)
    spoken = [row for row, (_, _, speech) in zip(expected, spans, strict=True) if speech]
    mean = np.mean(spoken, axis=0) if spoken else np.full(4, 0.25)
    np.testing.assert_allclose(list(clip.probabilities.values()), mean, atol=1e-5)
    assert clip.speech == bool(spoken)
    assert (clip.label is None) == (not spoken)


@pytest.mark.parametrize("size", [1, 20, 160, 401, 16000, 10**9])
def test_any_size_of_pieces_gives_the_same(model: Model, noise: NDArray[np.float32], size: int) -> None:
    signal = noise[: 4 * RATE] if size == 1 else noise
    whole_clip, whole = judged(model.bundle, [signal])
    clip, segments = judged(model.bundle, [signal[at : at + size] for at in range(0, len(signal), size)], batch=1)
    np.testing.assert_allclose(segments.probabilities, whole.probabilities, atol=1e-5)
    np.testing.assert_array_equal(segments.starts, whole.starts)
    assert clip.label == whole_clip.label


def test_windows_are_judged_while_sound_comes_in(model: Model, noise: NDArray[np.float32]) -> None:
    engine = Engine(model.bundle, batch=1)
    counts = [engine.push(noise[at : at + RATE]) for at in range(0, 10 * RATE, RATE)]
    # Window i ends at i + 3 s. The detector of these tests decides 0.3 s late, but enough speech is known before.
    assert counts == [0, 0, 1, 2, 3, 4, 5, 6, 7, 8]


def test_a_long_recording_leaves_little_behind(model: Model, noise: NDArray[np.float32]) -> None:
    engine = Engine(model.bundle)
    for _ in range(30):
        engine.push(noise)
    assert len(engine._rows) < 298 + 17 * 100 + 2000
    assert len(engine._active) < 298 + 17 * 100 + 2000


def test_a_net_that_hears_too_much_at_once_can_not_be_asked_for(model: Model) -> None:
    with pytest.raises(ValueError, match="batch must be from 1 to 16; given 17"):
        Engine(model.bundle, batch=17)


@pytest.mark.parametrize("samples", [0, 1, 320, 1599])
def test_too_short(model: Model, samples: int) -> None:
    engine = Engine(model.bundle)
    engine.push(np.ones(samples, np.float32))
    with pytest.raises(TooShortError, match=rf"too short to judge: {samples / RATE:.3f} s; at least 0.1 s are needed"):
        engine.finish()


@pytest.mark.parametrize(
    ("seconds", "loud", "speech"),
    [
        (0.1, 0.03, False),
        (0.1, 0.04, True),  # four frames of ten: more than a third
        (0.5, 0.16, False),
        (0.5, 0.17, True),
        (0.6, 0.19, False),
        (0.6, 0.20, True),
        (3.0, 0.19, False),
        (3.0, 0.20, True),
    ],
)
def test_how_much_speech_is_enough(model: Model, seconds: float, loud: float, speech: bool) -> None:
    signal = np.zeros(round(seconds * RATE), np.float32)
    signal[: round(loud * RATE)] = 0.5
    clip, segments = judged(model.bundle, [signal])
    assert (clip.speech, segments[0].speech) == (speech, speech)


def test_silence_is_said_and_not_guessed(model: Model) -> None:
    clip, segments = judged(model.bundle, [np.zeros(5 * RATE, np.float32)])
    assert (clip.label, clip.speech, set(clip.probabilities.values())) == (None, False, {0.25})
    assert [(one.label, one.speech) for one in segments] == [(None, False)] * 3


@pytest.mark.parametrize(
    ("samples", "starts", "last_end"),
    [
        (8000, [0.0], 0.5),
        (48000, [0.0], 3.0),
        (48079, [0.0], 3.0),
        (48080, [0.0, 0.01], 3.005),
        (64000, [0.0, 1.0], 4.0),
        (64000 + 8000, [0.0, 1.0, 1.5], 4.5),
    ],
)
def test_windows_of_known_lengths(model: Model, samples: int, starts: list[float], last_end: float) -> None:
    _, segments = judged(model.bundle, [np.full(samples, 0.1, np.float32)])
    assert [one.start for one in segments] == starts
    assert segments[-1].end == last_end


RAW = {"name": "waveform", "rate": RATE}
ANGER = Windows(seconds=1.2, hop=0.6, min_seconds=1.0)


@pytest.fixture
def short_windows(model: Model, make_bundle: Callable[..., Path], tmp_path: Path) -> Bundle:
    """A net that hears the mean of the samples, in windows of 1.2 s that hold 1 s at least."""
    return load(make_bundle(tmp_path / "raw", front_end=RAW, windows=ANGER)).bundle


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    length=st.integers(RATE, 6 * RATE),
    cuts=st.lists(st.integers(0, 6 * RATE), max_size=8),
    batch=st.sampled_from([1, 2, 16]),
    quiet_from=st.integers(0, 6 * RATE),
)
def test_windows_that_hold_enough_are_the_same_in_any_pieces(  # noqa: PLR0917
    short_windows: Bundle, noise: NDArray[np.float32], length: int, cuts: list[int], batch: int, quiet_from: int
) -> None:
    signal = noise[:length].copy()
    signal[quiet_from : quiet_from + 2 * RATE] = 0
    clip, segments = judged(short_windows, np.split(signal, sorted(min(cut, length) for cut in cuts)), batch=batch)
    _, whole = judged(short_windows, [signal])
    starts = [start for start in range(0, length, 9600) if length - start >= RATE]
    assert [one.start for one in segments] == [round(start / RATE, 3) for start in starts]
    assert [one.end for one in segments] == [round(min(start + 19200, length) / RATE, 3) for start in starts]
    np.testing.assert_allclose(segments.probabilities, whole.probabilities, atol=1e-6)
    np.testing.assert_array_equal(segments.speech, whole.speech)
    for start, one, given_ in zip(starts, segments, segments.probabilities, strict=True):
        window = signal[None, start : start + 19200, None]  # the last one is as short as what is left
        expected = short_windows.probabilities(window)[0] if one.speech else np.full(4, 0.25)
        np.testing.assert_allclose(given_, expected, atol=1e-6)
    assert clip.speech == bool(segments.speech.any())


def test_what_is_judged_live_does_not_depend_on_what_comes_after(
    short_windows: Bundle, noise: NDArray[np.float32]
) -> None:
    short = judged(short_windows, [noise[: 4 * RATE]])[1]
    long = judged(short_windows, [noise])[1]
    whole = int(np.sum(short.ends - short.starts > 1.2 - 1e-9))
    assert whole == 5
    np.testing.assert_array_equal(long.starts[:whole], short.starts[:whole])
    np.testing.assert_allclose(long.probabilities[:whole], short.probabilities[:whole], atol=1e-6)


@pytest.mark.parametrize("samples", [0, 1600, RATE - 1])
def test_less_than_a_window_must_hold_is_too_short(
    short_windows: Bundle, noise: NDArray[np.float32], samples: int
) -> None:
    with pytest.raises(TooShortError, match=rf"too short to judge: {samples / RATE:.3f} s; at least 1 s are needed"):
        judged(short_windows, [noise[:samples]])
    assert len(judged(short_windows, [noise[:RATE]])[1]) == 1


def test_the_least_holds_for_rows_of_several_samples_too(
    model: Model, make_bundle: Callable[..., Path], tmp_path: Path, noise: NDArray[np.float32]
) -> None:
    bundle = load(make_bundle(tmp_path / "mel", windows=ANGER)).bundle
    _, segments = judged(bundle, [noise[: round(1.6 * RATE)]])
    assert [(one.start, one.end) for one in segments] == [(0.0, 1.2), (0.6, 1.6)]
    assert len(judged(bundle, [noise[:RATE]])[1]) == 1


SEGMENTS = Windows(seconds=1.0, hop=0.5, min_seconds=0.01, speech_only=False)


@pytest.fixture
def every_window(model: Model, make_bundle: Callable[..., Path], tmp_path: Path) -> Bundle:
    """A net that hears every window of 1 s that begins in the recording, spoken or not, the last ones padded."""
    return replace(load(make_bundle(tmp_path / "every", windows=SEGMENTS)).bundle, feature=PaddedLogMel())


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    length=st.integers(RATE // 10, 5 * RATE),
    cuts=st.lists(st.integers(0, 5 * RATE), max_size=8),
    batch=st.sampled_from([1, 2, 16]),
)
def test_padded_windows_are_the_same_in_any_pieces(
    every_window: Bundle, noise: NDArray[np.float32], length: int, cuts: list[int], batch: int
) -> None:
    signal = noise[:length].copy()
    signal[length // 2 :] = 0  # what nobody speaks in is judged too
    clip, segments = judged(every_window, np.split(signal, sorted(min(cut, length) for cut in cuts)), batch=batch)
    rows = every_window.feature.compute(signal)
    starts = range(0, length, RATE // 2)
    assert [one.start for one in segments] == [start / RATE for start in starts]
    assert [one.end for one in segments] == [round(min(start + RATE, length) / RATE, 3) for start in starts]
    expected = [every_window.probabilities(rows[None, row // 160 : row // 160 + 100])[0] for row in starts]
    np.testing.assert_allclose(segments.probabilities, expected, atol=1e-5)
    assert segments.speech.all()
    np.testing.assert_allclose(list(clip.probabilities.values()), np.mean(expected, axis=0), atol=1e-5)


@pytest.mark.parametrize("samples", [1600, 7999, 8000, 8001, 16000, 16001, 23999, 24000, 24001, 40160])
def test_every_multiple_of_the_hop_inside_the_recording_begins_a_window(every_window: Bundle, samples: int) -> None:
    _, segments = judged(every_window, [np.full(samples, 0.1, np.float32)])
    assert len(segments) == math.ceil(samples / 8000)
    assert [one.start for one in segments] == [0.5 * number for number in range(len(segments))]


@pytest.mark.parametrize("feature", [LogMel(), PaddedLogMel()])
@pytest.mark.parametrize("samples", [0, 1, 1600, 8000, 8160, 16000, 40160])
def test_training_finds_the_windows_of_prediction(feature: LogMel, samples: int) -> None:
    window, hop = SEGMENTS.frames(feature)
    starts = window_starts(feature.frames(samples), window=window, hop=hop, min_frames=SEGMENTS.min_frames(feature))
    last = feature.frames(samples) - 1
    assert starts.tolist() == list(range(0, last + 1, 50))


def test_silence_is_judged_where_the_windows_say_so(every_window: Bundle) -> None:
    silence = np.zeros(2 * RATE, np.float32)
    clip, segments = judged(every_window, [silence])
    rows = every_window.feature.compute(silence)
    np.testing.assert_allclose(segments.probabilities[0], every_window.probabilities(rows[None, :100])[0], atol=1e-5)
    assert (clip.speech, clip.label) == (True, segments[0].label)
    assert clip.label is not None
    spoken_only = replace(
        every_window, manifest=replace(every_window.manifest, windows=replace(SEGMENTS, speech_only=True))
    )
    assert judged(spoken_only, [silence])[0].label is None


def test_where_all_is_judged_no_window_waits_for_its_activity(every_window: Bundle) -> None:
    engine = Engine(every_window, batch=1)
    counts = [engine.push(np.zeros(RATE // 2, np.float32)) for _ in range(5)]
    assert counts == [0, 0, 1, 2, 3]  # the last row of a window hears 15 ms of what follows


@pytest.mark.parametrize("rate", [8000, 32000])
def test_a_front_end_of_another_rate_has_the_same_speech(
    model: Model, make_bundle: Callable[..., Path], tmp_path: Path, rate: int
) -> None:
    front_end = to_mapping(LogMel(rate=rate, window=rate // 40, hop=rate // 100, fft=1024, high=3800.0))
    windows = Windows(seconds=1.0, hop=0.5)
    of_rate = load(make_bundle(tmp_path / "other", front_end={"name": "log-mel", **front_end}, windows=windows)).bundle
    usual = load(make_bundle(tmp_path / "usual", windows=windows)).bundle
    time = np.arange(6 * 32000) / 32000  # a tone of 200 Hz that comes and goes, which every rate holds
    sound = (0.3 * np.sin(2 * np.pi * 200 * time) * (np.floor(time / 1.5) % 2)).astype(np.float32)
    other, plain = (resample(sound, rate=32000, to=to) for to in (rate, RATE))
    _, whole = judged(of_rate, [other])
    _, expected = judged(usual, [plain])
    assert whole.speech.tolist() == expected.speech.tolist()
    assert {True, False} == set(whole.speech.tolist())
    assert whole.starts.tolist()[:-1] == expected.starts.tolist()[:-1]
    _, pieces = judged(of_rate, np.split(other, [700, 5000, 5001, 40000]))
    assert pieces.speech.tolist() == whole.speech.tolist()
    np.testing.assert_allclose(pieces.probabilities, whole.probabilities, atol=1e-6)
