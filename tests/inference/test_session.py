"""Live sound gives the numbers of the whole recording, in any pieces, and its utterances are those of its activity."""

from __future__ import annotations

import json
import threading
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.inference.conftest import FRONT_ENDS, told

from emotone.audio.activity import ActivityDetector, speech_activity
from emotone.audio.resample import resample
from emotone.errors import UsageError
from emotone.features.base import pads_end
from emotone.inference import session as sessions
from emotone.inference.engine import Engine
from emotone.inference.events import Measurement, UtteranceEnd, UtteranceStart
from emotone.inference.model import Model, load
from emotone.inference.utterances import SILENCE, SILENT_FRAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from emotone.inference.events import Event
    from emotone.inference.session import Session
    from emotone.types import Array

    Speech = Callable[..., Array]

RATES = (8000, 16000, 44100, 48000)
SECONDS = 4.1
STEP = 0.02


def cut(signal: NDArray[Any], size: int) -> list[NDArray[Any]]:
    return [signal[..., at : at + size] for at in range(0, signal.shape[-1], size)]


def measurements(events: Sequence[Event]) -> list[Measurement]:
    return [event for event in events if isinstance(event, Measurement)]


def assert_as_offline(events: Sequence[Event], model: Model, signal: NDArray[Any], rate: int) -> None:
    """Compare the measurements with the segments of the whole: as predicted, and with one window at a time too.

    What ONNX Runtime rounds differs between a batch of one and one of more: hence the promised 1e-5 for the former.
    """
    engine = Engine(model.bundle, batch=1)
    mono = signal if signal.dtype == np.float32 else signal.astype(np.float32) / np.float32(32768)
    _, alone = engine.finish(resample(mono, rate=rate, to=16000))
    live = measurements(events)
    for whole, tolerance in ((alone, 1e-6), (model.predict(signal, rate=rate).segments, 1e-5)):
        shown = [[(one.start, one.end, one.label, one.speech) for one in part] for part in (live, whole)]
        assert shown[0] == shown[1]
        numbers = [[list(one.probabilities.values()) for one in part] for part in (live, whole)]
        np.testing.assert_allclose(numbers[0], numbers[1], rtol=0, atol=tolerance)


def offline_utterances(model: Model, signal: Array) -> list[tuple[float, float, list[float]]]:
    """Return start, end and probabilities of every utterance of a whole signal at 16 kHz, straight from the rules."""
    bundle, windows = model.bundle, model.bundle.manifest.windows
    alone = Model(replace(bundle, manifest=replace(bundle.manifest, windows=replace(windows, context=1))))
    spans: list[tuple[int, int]] = []
    for frame in np.flatnonzero(speech_activity(signal)).tolist():
        if spans and frame - spans[-1][1] < SILENT_FRAMES:
            spans[-1] = (spans[-1][0], frame + 1)
        else:
            spans.append((frame, frame + 1))
    found = []
    for first, last in spans:
        start, end = first * 160, min(last * 160, len(signal))
        times = (round(start / 16000, 3), round(end / 16000, 3))
        inside = [
            one
            for one in alone.predict(signal, rate=16000).segments
            if one.speech and times[0] <= one.start and one.end <= times[1]
        ]
        rows = [list(one.probabilities.values()) for one in inside]
        if not inside or inside[-1].end != times[1]:
            start = max(start, end - round(windows.seconds * 16000))
            missing = max(0, round(windows.min_seconds * 16000) - (end - start))
            after = min(missing, len(signal) - end, round(SILENCE * 16000))
            heard = signal[max(0, start - (missing - after)) : end + after]
            rows.append(bundle.probabilities(bundle.feature.compute(heard)[None])[0].tolist())
        found.append((*times, np.mean(rows, axis=0).tolist()))
    return found


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(rate=st.sampled_from(RATES), seed=st.integers(0, 2), cuts=st.lists(st.floats(0, 1), max_size=12))
def test_any_pieces_give_the_numbers_of_the_whole(
    any_model: Model, speech: Speech, rate: int, seed: int, cuts: list[float]
) -> None:
    signal = speech(SECONDS, rate=rate, seed=seed)
    whole = told(any_model.session(rate=rate), [signal])
    pieces = np.split(signal, sorted(round(place * len(signal)) for place in cuts))
    assert told(any_model.session(rate=rate), pieces) == whole  # bit by bit, and in the same order
    assert_as_offline(whole, any_model, signal, rate)


@pytest.mark.parametrize("rate", [16000, 44100])
def test_single_samples_give_the_numbers_of_the_whole(any_model: Model, speech: Speech, rate: int) -> None:
    signal = speech(1.05, rate=rate)
    events = told(any_model.session(rate=rate), cut(signal, 1))
    assert events == told(any_model.session(rate=rate), [signal])
    assert_as_offline(events, any_model, signal, rate)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("rate", [16000, 44100])
def test_utterances_are_those_of_the_whole_recordings_activity(
    any_model: Model, speech: Speech, rate: int, seed: int
) -> None:
    signal = speech(12.3, rate=rate, seed=seed)
    signal[: rate // 2] *= 0.001
    events = told(any_model.session(rate=rate), cut(signal, rate // 50))
    expected = offline_utterances(any_model, resample(signal, rate=rate, to=16000))
    assert len(expected) > 1
    ends = [event for event in events if isinstance(event, UtteranceEnd)]
    assert [(event.start, event.time) for event in ends] == [(start, end) for start, end, _ in expected]
    given = [list(event.clip.probabilities.values()) for event in ends]
    np.testing.assert_allclose(given, [numbers for *_, numbers in expected], rtol=0, atol=1e-5)
    assert [event.time for event in events if isinstance(event, UtteranceStart)] == [event.start for event in ends]
    offline = any_model.predict(signal, rate=rate).utterances
    live = [part for event in ends for part in event.parts]
    shown = [[(one.start, one.end, one.label, one.changed) for one in parts] for parts in (live, offline)]
    assert shown[0] == shown[1]
    numbers = [[list(one.probabilities.values()) for one in parts] for parts in (live, offline)]
    np.testing.assert_allclose(numbers[0], numbers[1], rtol=0, atol=1e-5)
    for event in ends:
        assert (event.parts[0].start, event.parts[-1].end) == (event.start, event.time)
        assert [part.end for part in event.parts[:-1]] == [part.start for part in event.parts[1:]]
        assert len(event.parts) > 1 or event.parts[0].probabilities == event.clip.probabilities
    for event in ends:
        assert event.clip.speech
        assert event.clip.label == max(event.clip.probabilities, key=event.clip.probabilities.__getitem__)


def test_an_utterance_is_judged_as_a_recording_of_its_own(tiny_bundle: Path, speech: Speech) -> None:
    model = load(tiny_bundle)
    signal = np.zeros(8 * 16000, np.float32)
    signal[2 * 16000 : 4 * 16000] = speech(2.0)
    (end, *_) = [event for event in told(model.session(rate=16000), [signal]) if isinstance(event, UtteranceEnd)]
    alone = model.predict(signal[round(end.start * 16000) : round(end.time * 16000)], rate=16000)
    assert alone.clip.probabilities == pytest.approx(end.clip.probabilities, abs=1e-6)


def test_events_are_in_order(any_model: Model, speech: Speech) -> None:
    events = told(any_model.session(rate=16000), [speech(30.0)])
    for kind, time in (("measurement", "end"), ("utterance.start", "time"), ("utterance.end", "time")):
        times = [getattr(event, time) for event in events if event.type == kind]
        assert len(times) > 2
        assert times == sorted(times)
    speaking = False
    for place, event in enumerate(events):
        if isinstance(event, Measurement):
            continue
        assert speaking == isinstance(event, UtteranceEnd)
        speaking = not speaking
        later, earlier = measurements(events[place:]), measurements(events[:place])
        if isinstance(event, UtteranceEnd):
            assert all(one.end > event.time for one in later)
        elif any_model.bundle.manifest.windows.speech_only:  # else no measurement waits for the detector
            assert not any(one.speech and one.start <= event.time < one.end - 0.61 for one in earlier)
    assert not speaking


def test_a_window_with_speech_does_not_wait_for_the_detector(any_model: Model, speech: Speech) -> None:
    signal = speech(9.0)
    session = any_model.session(rate=16000)
    late: list[float] = []
    silent: list[float] = []
    for index, piece in enumerate(cut(signal, 320)):
        for one in measurements(session.push(piece)):
            (late if one.speech else silent).append((index + 1) * STEP - one.end)
    assert len(late) > 4
    # The last row of a padded front end's window hears 15 ms of what follows: less than a step.
    assert np.median(late) < (STEP if pads_end(any_model.bundle.feature) else 0.0) + 1e-9
    assert max(late + silent) <= ActivityDetector.lookahead + STEP


@pytest.mark.parametrize("channel", ["mix", 0, 1])
def test_channels(any_model: Model, speech: Speech, channel: Any) -> None:
    signal = np.stack([speech(4.0), speech(4.0, seed=1)])
    events = told(any_model.session(rate=16000, channel=channel), cut(signal, 777))
    chosen = signal.mean(axis=0, dtype=np.float32) if channel == "mix" else signal[channel]
    assert_as_offline(events, any_model, chosen, 16000)


def test_whole_numbers(any_model: Model, speech: Speech) -> None:
    signal = (speech(4.0) * 32767).astype(np.int16)
    assert_as_offline(told(any_model.session(rate=16000), cut(signal, 320)), any_model, signal, 16000)


def test_what_was_pushed_may_be_overwritten(any_model: Model, speech: Speech) -> None:
    signal = speech(SECONDS, rate=16000)
    expected = told(any_model.session(rate=16000), [piece[np.newaxis] for piece in cut(signal, 250)])
    buffer = np.zeros(250, np.float32)  # one, as a sound card has it
    with any_model.session(rate=16000) as session:
        events: list[Event] = []
        for piece in cut(signal, 250):
            buffer[: len(piece)] = piece
            events += session.push(buffer[: len(piece)])
            buffer[:] = 1.0
    assert [*events, *session.end()] == expected


def test_events_as_json(tiny_bundle: Path, speech: Speech) -> None:
    model = load(tiny_bundle)
    signal = speech(6.0)
    events = told(model.session(rate=16000), [signal])
    shown = [event.to_dict() for event in events]
    assert json.loads(json.dumps(shown)) == shown
    keys = {
        "measurement": ["type", *model.predict(signal, rate=16000).segments[0].to_dict()],
        "utterance.start": ["type", "time"],
        "utterance.end": ["type", "time", "start", "clip", "parts"],
    }
    (first, *_) = (event for event in events if isinstance(event, UtteranceEnd))
    assert list(first.parts[0].to_dict()) == ["start", "end", "label", "probabilities", "changed"]
    assert {one["type"] for one in shown} == set(keys)
    assert all(list(one) == keys[one["type"]] for one in shown)
    assert all(one["type"] == event.type for one, event in zip(shown, events, strict=True))
    with pytest.raises(AttributeError):
        events[0].time = 1.0  # type: ignore[misc, union-attr]


def test_nothing_is_lost_where_the_block_is_left_without_an_end(any_model: Model, speech: Speech) -> None:
    signal = speech(5.3)
    with any_model.session(rate=16000) as session:
        events = list(session.push(signal))
    with pytest.raises(UsageError, match=r"a session that has ended; start another: model\.session\(rate=...\)"):
        session.push(signal)
    last = session.end()
    assert [*events, *last] == told(any_model.session(rate=16000), [signal])
    assert last
    assert session.end() == ()


def test_an_error_of_the_callers_leaves_the_last_events_too(any_model: Model, speech: Speech) -> None:
    def broken(session: Session) -> None:
        with session:
            session.push(speech(5.3))
            raise KeyError

    session = any_model.session(rate=16000)
    with pytest.raises(KeyError):
        broken(session)
    assert session.end()


def test_silence_is_measured_and_not_guessed(any_model: Model) -> None:
    signal = np.zeros(5 * 16000, np.float32)
    events = told(any_model.session(rate=16000), cut(signal, 320))
    assert measurements(events) == events
    if any_model.bundle.manifest.windows.speech_only:
        assert {(event.label, event.speech) for event in measurements(events)} == {(None, False)}
    else:
        assert all(event.label is not None and event.speech for event in measurements(events))
    assert_as_offline(events, any_model, signal, 16000)


@pytest.mark.parametrize("rate", [8000, 16000])
def test_a_session_without_any_sound_has_no_events(any_model: Model, rate: int) -> None:
    with any_model.session(rate=rate) as session:
        assert session.push(np.zeros(0, np.float32)) == ()
        assert session.push(np.zeros((2, 0), np.int16)) == ()
    assert session.end() == ()


def test_sessions_share_a_model_from_several_threads(any_model: Model, speech: Speech) -> None:
    signals = [speech(4.0, seed=seed) for seed in range(4)]
    alone = [told(any_model.session(rate=16000), [signal]) for signal in signals]
    together: dict[int, list[Event]] = {}

    def work(index: int) -> None:
        together[index] = told(any_model.session(rate=16000), cut(signals[index], 640))

    threads = [threading.Thread(target=work, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [together[index] for index in range(4)] == alone


def test_sessions_in_turns_know_nothing_of_each_other(any_model: Model, speech: Speech) -> None:
    signals = [speech(3.0, seed=seed) for seed in range(3)]
    shared = [any_model.session(rate=16000) for _ in signals]
    events: list[list[Event]] = [[], [], []]
    for at in range(0, 48000, 800):
        for session, signal, found in zip(shared, signals, events, strict=True):
            found.extend(session.push(signal[at : at + 800]))
    for session, signal, found in zip(shared, signals, events, strict=True):
        assert [*found, *session.end()] == told(any_model.session(rate=16000), [signal])


def size(thing: object, seen: set[int], shared: object) -> int:
    """Return roughly how many bytes and entries hang on an object, the model left out."""
    if id(thing) in seen or thing is shared:
        return 0
    seen.add(id(thing))
    if isinstance(thing, np.ndarray):
        return thing.nbytes + size(thing.base, seen, shared)
    parts: list[object] = [getattr(thing, "__self__", None), *getattr(thing, "__dict__", {}).values()]
    if isinstance(thing, list | tuple | deque):
        parts += thing
    return 1 + sum(size(part, seen, shared) for part in parts if part is not None)


@pytest.mark.parametrize("spoken", [True, False], ids=["one utterance", "many"])
def test_an_hour_leaves_no_more_behind_than_a_minute(
    model: Model, make_bundle: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoken: bool
) -> None:
    monkeypatch.setattr(sessions, "STEPS_PER_SECOND", 1)  # an hour in 3600 steps, to be fast
    light = load(make_bundle(tmp_path / "m", **FRONT_ENDS["samples"]))
    assert model.labels == light.labels  # the fixture's detector, which is fast too, listens
    tone = np.full(16000, 0.1, np.float32)
    if not spoken:
        tone[5000:] = 0
    session = light.session(rate=16000)
    held = []
    for minute in range(60):
        for _ in range(60):
            session.push(tone)
        if minute in {0, 29, 59}:
            held.append(size(session, set(), light.bundle))
    assert max(held) < 1.1 * held[0] < 2_000_000
    ends = [event for event in session.end() if isinstance(event, UtteranceEnd)]
    assert [event.start for event in ends] == ([0.0] if spoken else [3599.0])
    assert [event.time for event in ends] == ([3600.0] if spoken else [3599.32])


@pytest.mark.shared
def test_real_calls_live_and_offline(tiny_bundle: Path, shared: Path) -> None:
    from emotone.audio.read import read

    model = load(tiny_bundle)
    for path in sorted((shared / "corpora" / "ami").glob("*.flac"))[:1]:
        signal, rate = read(path)
        events = told(model.session(rate=rate), cut(signal[: 20 * rate], rate // 50))
        assert_as_offline(events, model, signal[: 20 * rate], rate)
        expected = offline_utterances(model, resample(signal[: 20 * rate], rate=rate, to=16000))
        ends = [event for event in events if isinstance(event, UtteranceEnd)]
        assert [(event.start, event.time) for event in ends] == [one[:2] for one in expected]
