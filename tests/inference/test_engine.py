"""The engine finds the same utterances and windows with the same results, whatever pieces a recording comes in."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.inference.conftest import PaddedLogMel

from emotone.audio.samples import resample
from emotone.config import to_mapping
from emotone.errors import TooShortError
from emotone.features.front_ends.log_mel import LogMel
from emotone.features.windows import Windows, window_starts
from emotone.inference.engine import Engine, analyse
from emotone.inference.events import UtteranceEnd, UtteranceStart
from emotone.inference.model import load
from emotone.inference.segments import Segments
from emotone.inference.utterances import PAUSE_FRAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from emotone.bundles.bundle import Bundle
    from emotone.inference.engine import EngineEvent
    from emotone.inference.model import Model

RATE = 16000


def events_of(
    bundle: Bundle, parts: Sequence[NDArray[np.float32]], *, batch: int = 16
) -> tuple[Engine, list[EngineEvent]]:
    engine = Engine(bundle, batch=batch)
    events = [event for part in parts for event in engine.push(part)]
    return engine, [*events, *engine.finish()]


def windows_of(events: Sequence[EngineEvent]) -> Segments:
    return Segments.joined([event for event in events if isinstance(event, Segments)])


def spans_of(signal: NDArray[np.float32]) -> list[tuple[int, int]]:
    """Return the first sample and the end of each utterance: loud frames, with pauses below 0.5 s closed."""
    frames = -(-len(signal) // 160)
    active = np.abs(np.pad(signal, (0, frames * 160 - len(signal)))).reshape(frames, 160).max(axis=1) > 0.01
    found: list[tuple[int, int]] = []
    for frame in np.flatnonzero(active).tolist():
        if found and frame - found[-1][1] < PAUSE_FRAMES:
            found[-1] = (found[-1][0], frame + 1)
        else:
            found.append((frame, frame + 1))
    return [(first * 160, min(last * 160, len(signal))) for first, last in found]


def slow_twin(bundle: Bundle, signal: NDArray[np.float32]) -> list[tuple[float, float, NDArray[np.float64]]]:
    """Return start, end and probabilities of every window of every utterance, computed one at a time."""
    windows = bundle.manifest.windows
    size, hop = windows.frames(bundle.feature)
    found = []
    for first, end in spans_of(signal):
        rows = bundle.feature.compute(signal[first:end])
        starts = window_starts(len(rows), window=size, hop=hop, min_frames=windows.min_frames(bundle.feature)).tolist()
        for row in starts or [0]:
            start = first / RATE + row * bundle.feature.hop_seconds
            until = round(min(start + windows.seconds, end / RATE), 3)
            found.append((round(start, 3), until, bundle.probabilities(rows[None, row : row + size])[0]))
    return found


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    length=st.integers(RATE // 10, 11 * RATE),
    cuts=st.lists(st.integers(0, 11 * RATE), max_size=8),
    batch=st.sampled_from([1, 2, 16]),
    quiet=st.lists(st.tuples(st.integers(0, 11 * RATE), st.integers(0, 2 * RATE)), max_size=3),
)
def test_windows_and_utterances_equal_the_slow_twin_for_any_pieces(  # noqa: PLR0917
    model: Model,
    noise: NDArray[np.float32],
    length: int,
    cuts: list[int],
    batch: int,
    quiet: list[tuple[int, int]],
) -> None:
    signal = noise[:length].copy()
    for start, size in quiet:
        signal[start : start + size] = 0
    expected = slow_twin(model.bundle, signal)
    pieces = np.split(signal, sorted(min(cut, length) for cut in cuts))
    engine, events = events_of(model.bundle, pieces, batch=batch)
    windows = windows_of(events) if expected else []
    assert [(one.start, one.end) for one in windows] == [(start, end) for start, end, _ in expected]
    for one, (_, _, probabilities) in zip(windows, expected, strict=True):
        np.testing.assert_allclose(list(one.probabilities.values()), probabilities, atol=1e-5)
    spans = [(round(first / RATE, 3), round(end / RATE, 3)) for first, end in spans_of(signal)]
    assert [event.time for event in events if isinstance(event, UtteranceStart)] == [start for start, _ in spans]
    ends = [event for event in events if isinstance(event, UtteranceEnd)]
    assert [(event.start, event.time) for event in ends] == spans
    clip = engine.clip()
    assert clip.speech == bool(spans)
    if not spans:
        assert (clip.label, clip.confidence, set(clip.probabilities.values())) == (None, None, {0.25})
        return
    parts = [part for event in ends for part in event.parts]
    seconds = [part.end - part.start for part in parts]
    mean = np.average([list(part.probabilities.values()) for part in parts], axis=0, weights=seconds)
    np.testing.assert_allclose(list(clip.probabilities.values()), mean, atol=1e-7)
    assert clip.label == max(clip.probabilities, key=clip.probabilities.__getitem__)


def test_one_utterance_has_exactly_the_probabilities_of_the_clip(model: Model, noise: NDArray[np.float32]) -> None:
    analysis = analyse(model.bundle, [noise[: 2 * RATE]])
    (utterance,) = analysis.utterances
    assert utterance.probabilities == analysis.clip.probabilities
    assert (utterance.label, utterance.confidence) == (analysis.clip.label, analysis.clip.confidence)


def test_many_utterances_are_averaged_for_the_clip(model: Model, noise: NDArray[np.float32]) -> None:
    pause = np.zeros(RATE, np.float32)
    analysis = analyse(model.bundle, [noise[: 2 * RATE], pause, noise[2 * RATE : 10 * RATE + 1600]])
    parts = [list(one.probabilities.values()) for one in analysis.utterances]
    seconds = [one.end - one.start for one in analysis.utterances]
    mean = np.average(parts, axis=0, weights=seconds)
    np.testing.assert_allclose(list(analysis.clip.probabilities.values()), mean, atol=1e-6)


@pytest.mark.parametrize("before", [0, 160, 16000, 80000])
@pytest.mark.parametrize("after", [0, 16000, 80000])
def test_silence_before_and_after_changes_nothing_but_the_times(
    model: Model, noise: NDArray[np.float32], before: int, after: int
) -> None:
    signal = noise[: 4 * RATE]
    plain = analyse(model.bundle, [signal])
    padded = analyse(model.bundle, [np.pad(signal, (before, after))])
    assert padded.clip == plain.clip
    np.testing.assert_array_equal(padded.segments.probabilities, plain.segments.probabilities)
    shift = before / RATE
    assert [(round(one.start + shift, 3), round(one.end + shift, 3)) for one in plain.utterances] == [
        (one.start, one.end) for one in padded.utterances
    ]


def test_longer_silence_between_utterances_changes_nothing(model: Model, noise: NDArray[np.float32]) -> None:
    first, second = noise[: 3 * RATE], noise[5 * RATE : 7 * RATE]
    results = [
        analyse(model.bundle, [np.concatenate([first, np.zeros(round(pause * RATE), np.float32), second])])
        for pause in (0.6, 1.0, 7.0)
    ]
    assert results[0].clip == results[1].clip == results[2].clip
    assert all(len(one.utterances) == 2 for one in results)


@pytest.mark.parametrize("size", [1, 20, 160, 401, 16000, 10**9])
def test_any_size_of_pieces_gives_the_same(model: Model, noise: NDArray[np.float32], size: int) -> None:
    signal = noise[: 4 * RATE] if size == 1 else noise
    _, whole = events_of(model.bundle, [signal])
    _, events = events_of(model.bundle, [signal[at : at + size] for at in range(0, len(signal), size)], batch=1)
    np.testing.assert_allclose(windows_of(events).probabilities, windows_of(whole).probabilities, atol=1e-5)
    np.testing.assert_array_equal(windows_of(events).starts, windows_of(whole).starts)


def test_windows_are_analysed_while_the_utterance_lasts(model: Model, noise: NDArray[np.float32]) -> None:
    engine = Engine(model.bundle, batch=1)
    counts = [
        sum(len(event) for event in engine.push(noise[at : at + RATE]) if isinstance(event, Segments))
        for at in range(0, 10 * RATE, RATE)
    ]
    # Window i ends at i + 3 s, and the detector of these tests decides 0.3 s later.
    assert np.cumsum(counts).tolist() == [0, 0, 0, 1, 2, 3, 4, 5, 6, 7]


def test_memory_does_not_grow_with_the_length_of_an_utterance(model: Model, noise: NDArray[np.float32]) -> None:
    import tracemalloc

    engine = Engine(model.bundle)
    sizes = []
    tracemalloc.start()
    for _ in range(40):
        engine.push(noise)
        sizes.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert sizes[-1] < 1.2 * max(sizes[:10])


def test_a_batch_changes_no_result_of_an_8_bit_network(model: Model, rng: np.random.Generator) -> None:
    signal = (0.1 * rng.standard_normal(21 * RATE) * np.linspace(0.2, 1, 21 * RATE)).astype(np.float32)
    batches = [events_of(load("default").bundle, [signal], batch=batch)[0].clip() for batch in (1, 8)]
    assert batches[0] == batches[1]


def test_too_large_a_batch_is_refused(model: Model) -> None:
    with pytest.raises(ValueError, match="batch must be from 1 to 16; given 17"):
        Engine(model.bundle, batch=17)


@pytest.mark.parametrize("samples", [0, 1, 320, 1599])
def test_too_short(model: Model, samples: int) -> None:
    engine = Engine(model.bundle)
    engine.push(np.ones(samples, np.float32))
    with pytest.raises(
        TooShortError, match=rf"too short to analyse: {samples / RATE:.3f} s; at least 0.1 s are required"
    ):
        engine.finish()


def test_silence_has_no_label(model: Model) -> None:
    analysis = analyse(model.bundle, [np.zeros(5 * RATE, np.float32)])
    clip = analysis.clip
    assert (clip.label, clip.speech, clip.unsure, set(clip.probabilities.values())) == (None, False, True, {0.25})
    assert (len(analysis.segments), analysis.utterances, analysis.duration) == (0, (), 5.0)


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
    segments = analyse(model.bundle, [np.full(samples, 0.1, np.float32)]).segments
    assert [one.start for one in segments] == starts
    assert segments[-1].end == last_end


SHORT = Windows(seconds=1.2, hop=0.6, min_seconds=1.0)


@pytest.mark.parametrize(
    ("seconds", "spans"),
    [
        (0.4, [(0.0, 0.4)]),  # an utterance shorter than a window should be is one window all the same
        (1.2, [(0.0, 1.2)]),
        (1.6, [(0.0, 1.2), (0.6, 1.6)]),
        (1.7, [(0.0, 1.2), (0.6, 1.7)]),
    ],
)
def test_windows_with_a_minimum_may_end_with_the_utterance(  # noqa: PLR0917
    model: Model,
    make_bundle: Callable[..., Path],
    tmp_path: Path,
    noise: NDArray[np.float32],
    seconds: float,
    spans: list[tuple[float, float]],
) -> None:
    for name, front_end in (("raw", {"name": "waveform", "rate": RATE}), ("mel", {"name": "log-mel"})):
        bundle = load(make_bundle(tmp_path / name, front_end=front_end, windows=SHORT)).bundle
        signal = np.pad(noise[: round(seconds * RATE)], (0, RATE))
        assert [(one.start, one.end) for one in analyse(bundle, [signal]).segments] == spans


WHOLE = Windows(seconds=1.0, hop=0.5, min_seconds=0.01, speech_only=False)


@pytest.fixture
def whole_recordings(model: Model, make_bundle: Callable[..., Path], tmp_path: Path) -> Bundle:
    """A model that analyses every window of 1 s that begins in the recording, the last ones padded."""
    return replace(load(make_bundle(tmp_path / "every", windows=WHOLE)).bundle, feature=PaddedLogMel())


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    length=st.integers(RATE // 10, 5 * RATE),
    cuts=st.lists(st.integers(0, 5 * RATE), max_size=8),
    batch=st.sampled_from([1, 2, 16]),
)
def test_a_model_of_all_windows_treats_the_recording_as_one_utterance(
    whole_recordings: Bundle, noise: NDArray[np.float32], length: int, cuts: list[int], batch: int
) -> None:
    signal = noise[:length].copy()
    signal[length // 2 :] = 0
    engine, events = events_of(
        whole_recordings, np.split(signal, sorted(min(cut, length) for cut in cuts)), batch=batch
    )
    segments = windows_of(events)
    rows = whole_recordings.feature.compute(signal)
    starts = range(0, length, RATE // 2)
    assert [one.start for one in segments] == [start / RATE for start in starts]
    assert [one.end for one in segments] == [round(min(start + RATE, length) / RATE, 3) for start in starts]
    expected = [whole_recordings.probabilities(rows[None, row // 160 : row // 160 + 100])[0] for row in starts]
    np.testing.assert_allclose(segments.probabilities, expected, atol=1e-5)
    np.testing.assert_allclose(list(engine.clip().probabilities.values()), np.mean(expected, axis=0), atol=1e-5)
    (end,) = (event for event in events if isinstance(event, UtteranceEnd))
    assert (end.start, end.time, len(end.parts)) == (0.0, round(length / RATE, 3), 1)


@pytest.mark.parametrize("samples", [1600, 7999, 8000, 8001, 16000, 16001, 23999, 24000, 24001, 40160])
def test_every_multiple_of_the_hop_inside_the_recording_begins_a_window(whole_recordings: Bundle, samples: int) -> None:
    segments = analyse(whole_recordings, [np.full(samples, 0.1, np.float32)]).segments
    assert len(segments) == math.ceil(samples / 8000)
    assert [one.start for one in segments] == [0.5 * number for number in range(len(segments))]


def test_a_model_of_all_windows_refuses_recordings_below_its_minimum(
    make_bundle: Callable[..., Path], tmp_path: Path
) -> None:
    windows = replace(WHOLE, min_seconds=0.5)
    bundle = load(make_bundle(tmp_path / "half", windows=windows)).bundle
    with pytest.raises(TooShortError, match=r"too short to analyse: 0\.400 s; at least 0\.5 s are required"):
        analyse(bundle, [np.zeros(6400, np.float32)])


def test_a_model_of_all_windows_does_not_wait_for_the_activity_detector(whole_recordings: Bundle) -> None:
    engine = Engine(whole_recordings, batch=1)
    counts = [
        sum(len(event) for event in engine.push(np.zeros(RATE // 2, np.float32)) if isinstance(event, Segments))
        for _ in range(5)
    ]
    assert np.cumsum(counts).tolist() == [0, 0, 1, 2, 3]  # the last row of a window depends on the next 15 ms


@pytest.mark.parametrize("feature", [LogMel(), PaddedLogMel()])
@pytest.mark.parametrize("samples", [0, 1, 1600, 8000, 8160, 16000, 40160])
def test_training_finds_the_windows_of_prediction(feature: LogMel, samples: int) -> None:
    window, hop = WHOLE.frames(feature)
    starts = window_starts(feature.frames(samples), window=window, hop=hop, min_frames=WHOLE.min_frames(feature))
    last = feature.frames(samples) - 1
    assert starts.tolist() == list(range(0, last + 1, 50))


@pytest.mark.parametrize("rate", [8000, 32000])
def test_a_front_end_of_another_rate_has_the_same_utterances(
    model: Model, make_bundle: Callable[..., Path], tmp_path: Path, rate: int
) -> None:
    front_end = to_mapping(LogMel(rate=rate, window=rate // 40, hop=rate // 100, fft=1024, high=3800.0))
    windows = Windows(seconds=1.0, hop=0.5)
    of_rate = load(make_bundle(tmp_path / "other", front_end={"name": "log-mel", **front_end}, windows=windows)).bundle
    usual = load(make_bundle(tmp_path / "usual", windows=windows)).bundle
    time = np.arange(6 * 32000) / 32000  # a tone of 200 Hz with pauses, which every rate can represent
    sound = (0.3 * np.sin(2 * np.pi * 200 * time) * (np.floor(time / 1.5) % 2)).astype(np.float32)
    other, plain = (resample(sound, rate=32000, to=to) for to in (rate, RATE))
    whole, expected = analyse(of_rate, [other]), analyse(usual, [plain])
    assert [(one.start, one.end) for one in whole.utterances] == [(one.start, one.end) for one in expected.utterances]
    assert len(whole.utterances) == 2
    pieces = analyse(of_rate, np.split(other, [700, 5000, 5001, 40000]))
    np.testing.assert_allclose(pieces.segments.probabilities, whole.segments.probabilities, atol=1e-6)
