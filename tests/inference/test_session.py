"""A session in any pieces gives the results of the whole recording."""

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

from emotone.audio.speech_network import NetworkDetector
from emotone.errors import UsageError
from emotone.inference import channel_stream
from emotone.inference.events import Measurement, UtteranceEnd, UtteranceStart
from emotone.inference.model import load

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from emotone.inference.events import Event
    from emotone.inference.model import Model
    from emotone.inference.segments import UtteranceSegment
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


def parts(events: Sequence[Event]) -> list[UtteranceSegment]:
    return [part for event in events if isinstance(event, UtteranceEnd) for part in event.parts]


def assert_equals_offline(events: Sequence[Event], model: Model, signal: NDArray[Any], rate: int) -> None:
    """Compare measurements and utterances with the prediction of the whole signal.

    ONNX Runtime rounds differently in a batch of one and in larger batches, hence the promised tolerance of 1e-5.
    """
    whole = model.predict(signal, rate=rate)
    for live, offline in ((measurements(events), whole.segments), (parts(events), whole.utterances)):
        assert [(one.start, one.end, one.label) for one in live] == [(one.start, one.end, one.label) for one in offline]
        numbers = [[list(one.probabilities.values()) for one in found] for found in (live, offline)]
        np.testing.assert_allclose(numbers[0], numbers[1], rtol=0, atol=1e-5)
    assert [one.changed for one in parts(events)] == [one.changed for one in whole.utterances]


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(rate=st.sampled_from(RATES), seed=st.integers(0, 2), cuts=st.lists(st.floats(0, 1), max_size=12))
def test_any_pieces_give_the_results_of_the_whole(
    any_model: Model, speech: Speech, rate: int, seed: int, cuts: list[float]
) -> None:
    signal = speech(SECONDS, rate=rate, seed=seed)
    whole = told(any_model.session(rate=rate), [signal])
    pieces = np.split(signal, sorted(round(place * len(signal)) for place in cuts))
    assert told(any_model.session(rate=rate), pieces) == whole  # bit by bit, and in the same order
    assert_equals_offline(whole, any_model, signal, rate)


@pytest.mark.parametrize("rate", [16000, 44100])
def test_single_samples_give_the_results_of_the_whole(any_model: Model, speech: Speech, rate: int) -> None:
    signal = speech(1.05, rate=rate)
    events = told(any_model.session(rate=rate), cut(signal, 1))
    assert events == told(any_model.session(rate=rate), [signal])
    assert_equals_offline(events, any_model, signal, rate)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("rate", [16000, 44100])
def test_utterances_equal_those_of_the_whole_recording(any_model: Model, speech: Speech, rate: int, seed: int) -> None:
    signal = speech(12.3, rate=rate, seed=seed)
    signal[: rate // 2] *= 0.001
    events = told(any_model.session(rate=rate), cut(signal, rate // 50))
    assert_equals_offline(events, any_model, signal, rate)
    ends = [event for event in events if isinstance(event, UtteranceEnd)]
    assert ends
    assert [event.time for event in events if isinstance(event, UtteranceStart)] == [event.start for event in ends]
    for event in ends:
        assert (event.parts[0].start, event.parts[-1].end) == (event.start, event.time)
        assert [part.end for part in event.parts[:-1]] == [part.start for part in event.parts[1:]]
        assert len(event.parts) > 1 or event.parts[0].probabilities == event.clip.probabilities
        assert event.clip.speech
        assert event.clip.label == max(event.clip.probabilities, key=event.clip.probabilities.__getitem__)


def test_an_utterance_equals_a_recording_of_its_own(tiny_bundle: Path, speech: Speech) -> None:
    model = load(tiny_bundle)
    signal = np.zeros(8 * 16000, np.float32)
    signal[2 * 16000 : 4 * 16000] = speech(2.0)
    (end, *_) = [event for event in told(model.session(rate=16000), [signal]) if isinstance(event, UtteranceEnd)]
    alone = model.predict(signal[round(end.start * 16000) : round(end.time * 16000)], rate=16000)
    assert max(alone.clip.probabilities, key=alone.clip.probabilities.__getitem__) == end.clip.label


def test_events_are_in_order(any_model: Model, speech: Speech) -> None:
    events = told(any_model.session(rate=16000), [speech(30.0)])
    open_since: float | None = None
    last = 0.0
    for event in events:
        if isinstance(event, UtteranceStart):
            assert open_since is None
            assert event.time >= last
            open_since = event.time
        elif isinstance(event, UtteranceEnd):
            assert event.start == open_since
            assert event.time >= last
            open_since, last = None, event.time
        else:
            assert isinstance(event, Measurement)
            assert open_since is not None
            assert event.start >= open_since
            assert event.end >= last
            last = event.end
    assert open_since is None
    assert len(measurements(events)) > 2


def test_a_measurement_comes_as_soon_as_its_window_is_inside_the_utterance(any_model: Model) -> None:
    rate = 16000
    time = np.arange(9 * rate) / rate
    voice = np.sin(2 * np.pi * 150 * time + 3 * np.sin(2 * np.pi * 3 * time)) * (
        0.6 + 0.4 * np.sin(2 * np.pi * 4 * time)
    )
    signal = (0.3 * sum(voice**power for power in (1, 2, 3))).astype(np.float32)
    session = any_model.session(rate=rate)
    delays = [
        (index + 1) * STEP - one.end
        for index, piece in enumerate(cut(signal, 320))
        for one in measurements(session.push(piece))
    ]
    assert all(delay <= NetworkDetector.lookahead + 0.3 + STEP for delay in delays)


@pytest.mark.parametrize("rate", [8000, 16000, 48000])
def test_most_short_pieces_are_only_stored(any_model: Model, speech: Speech, rate: int) -> None:
    session = any_model.session(rate=rate)
    pieces = cut(speech(SECONDS, rate=rate), rate // 50)
    stored = 0
    for piece in pieces:
        expected = session.only_stores(len(piece))
        events = session.push(piece)
        assert not (expected and events)
        stored += expected
    speech_only = any_model.bundle.manifest.windows.speech_only
    assert stored > 0.5 * len(pieces) if speech_only else stored < 0.5 * len(pieces)


@pytest.mark.parametrize("channel", ["mix", 0, 1])
def test_one_channel_or_the_mix(any_model: Model, speech: Speech, channel: Any) -> None:
    signal = np.stack([speech(4.0), speech(4.0, seed=1)])
    events = told(any_model.session(rate=16000, channel=channel), cut(signal, 777))
    chosen = signal.mean(axis=0, dtype=np.float32) if channel == "mix" else signal[channel]
    assert_equals_offline(events, any_model, chosen, 16000)


def test_whole_numbers(any_model: Model, speech: Speech) -> None:
    signal = (speech(4.0) * 32767).astype(np.int16)
    assert_equals_offline(told(any_model.session(rate=16000), cut(signal, 320)), any_model, signal, 16000)


def test_a_pushed_buffer_may_be_overwritten(any_model: Model, speech: Speech) -> None:
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
        "measurement": ["type", *model.predict(signal, rate=16000).segments[0].to_dict(), "channel", "adapted"],
        "utterance.start": ["type", "time", "channel", "adapted"],
        "utterance.end": ["type", "time", "start", "clip", "parts", "channel", "adapted"],
    }
    (first, *_) = (event for event in events if isinstance(event, UtteranceEnd))
    assert list(first.parts[0].to_dict()) == ["start", "end", "label", "unsure", "probabilities", "changed", "derived"]
    assert {one["type"] for one in shown} == set(keys)
    assert all(list(one) == keys[one["type"]] for one in shown)
    assert all(one["type"] == event.type for one, event in zip(shown, events, strict=True))
    with pytest.raises(AttributeError):
        events[0].time = 1.0  # type: ignore[misc, union-attr]


def test_end_after_the_block_returns_the_last_events(any_model: Model, speech: Speech) -> None:
    signal = speech(5.3)
    with any_model.session(rate=16000) as session:
        events = list(session.push(signal))
    with pytest.raises(
        UsageError,
        match=r"the session has ended, so it takes no more samples; start a new one: model\.session\(rate=...\)",
    ):
        session.push(signal)
    last = session.end()
    assert [*events, *last] == told(any_model.session(rate=16000), [signal])
    assert last
    assert session.end() == ()


def test_an_exception_in_the_block_keeps_the_last_events(any_model: Model, speech: Speech) -> None:
    def broken(session: Session) -> None:
        with session:
            session.push(speech(5.3))
            raise KeyError

    session = any_model.session(rate=16000)
    with pytest.raises(KeyError):
        broken(session)
    assert session.end()


def test_silence_has_no_events(any_model: Model) -> None:
    signal = np.zeros(5 * 16000, np.float32)
    events = told(any_model.session(rate=16000), cut(signal, 320))
    assert bool(events) == (not any_model.bundle.manifest.windows.speech_only)
    assert_equals_offline(events, any_model, signal, 16000)


@pytest.mark.parametrize("rate", [8000, 16000])
def test_a_session_without_samples_has_no_events(any_model: Model, rate: int) -> None:
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


def test_interleaved_sessions_are_independent(any_model: Model, speech: Speech) -> None:
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
    monkeypatch.setattr(channel_stream, "STEP", 16000)  # an hour in 3600 steps, to be fast
    light = load(make_bundle(tmp_path / "m", **FRONT_ENDS["samples"]))
    assert model.labels == light.labels  # the fixture installs a fast detector
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
        assert_equals_offline(events, model, signal[: 20 * rate], rate)


def test_pieces_of_any_type_and_layout_give_the_same_events(model: Model, noise: NDArray[np.float32]) -> None:
    signal = noise[:48000]
    whole = (np.clip(signal, -1, 1) * 32767).astype("<i2")
    expected = told(model.session(rate=16000), [whole])
    pieces = [whole[start : start + 160] for start in range(0, len(whole), 160)]
    twice = [np.stack([piece, piece], axis=1) for piece in pieces]
    assert told(model.session(rate=16000), [piece.astype(">i2") for piece in pieces]) == expected
    as_bytes = model.session(rate=16000, encoding="s16le")
    with as_bytes:
        events = [event for piece in pieces for event in as_bytes.push(bytearray(piece.tobytes()))]
        assert [*events, *as_bytes.end()] == expected
    assert told(model.session(rate=16000, channels=2), twice) == expected
    assert told(model.session(rate=16000), [block.T for block in twice]) == expected


@pytest.mark.parametrize("time_first", [True, False])
def test_a_square_block_has_the_axes_of_the_blocks_before_it(
    model: Model, noise: NDArray[np.float32], time_first: bool
) -> None:
    left, right = noise[:32000], noise[32000:64000]
    block = np.stack([left, right])
    ends = [100, *range(102, 202, 2), 32000]
    pieces = [block[:, start:end] for start, end in zip([0, *ends], ends, strict=False)]
    session = model.session(rate=16000, channels=2, channel=1)
    events = told(session, [piece.T if time_first else piece for piece in pieces])
    assert [replace(event, channel="mix") for event in events] == told(model.session(rate=16000), [right])


def test_the_mix_of_a_session_is_the_mean_also_where_it_cancels(model: Model, noise: NDArray[np.float32]) -> None:
    inverted = np.stack([noise, -noise])
    assert told(model.session(rate=16000), [inverted]) == []
    first = told(model.session(rate=16000, channel=0), [inverted])
    assert {event.channel for event in first} == {0}
    assert [replace(event, channel="mix") for event in first] == told(model.session(rate=16000), [noise])
