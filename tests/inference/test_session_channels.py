"""Sessions with several channels, interim results, and sessions that are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.inference.conftest import told

from emotone.bundles.bundle import Bundle, load_bundle
from emotone.errors import BundleError, NotFiniteError, RateError, TooShortError, UsageError
from emotone.inference.events import Measurement, UtteranceEnd, UtteranceInterim
from emotone.inference.model import Model, load
from emotone.inference.pooling import pool_windows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from emotone.inference.events import Event
    from emotone.types import Array

    Speech = Callable[..., Array]


# ----------------------------------------------------------------------------------------------------------------------
# Sessions with several channels, and those that are refused.

# ----------------------------------------------------------------------------------------------------------------------
# A session that analyses each channel by itself gives the events of one session per channel.

RATE = 44100


def of_channel(events: Sequence[Event], channel: int) -> list[Event]:
    return [event for event in events if event.channel == channel]


@pytest.fixture(scope="module")
def call(speech: Callable[..., Array]) -> NDArray[np.float32]:
    """Two speakers who take turns, one per channel [2, time]."""
    pause = np.zeros(2 * RATE, np.float32)
    one = np.concatenate([speech(2.5, rate=RATE, seed=1), pause, speech(2.0, rate=RATE, seed=2)])
    other = np.concatenate([pause, speech(2.2, rate=RATE, seed=3), pause])
    return np.stack([one[: len(other)], other[: len(one)]])


def test_each_channel_has_the_events_of_a_session_of_its_own(any_model: Model, call: NDArray[np.float32]) -> None:
    events = told(any_model.session(rate=RATE, channels=2, channel="each"), [call])
    for channel in (0, 1):
        alone = told(any_model.session(rate=RATE, channels=2, channel=channel), [call])
        assert alone
        assert of_channel(events, channel) == alone
    assert {event.channel for event in events} == {0, 1}


@pytest.mark.parametrize("size", [1, 441, 882, 12345])
def test_the_order_of_events_does_not_depend_on_the_pieces(
    any_model: Model, call: NDArray[np.float32], size: int
) -> None:
    part = call[:, : RATE // 2] if size == 1 else call
    whole = told(any_model.session(rate=RATE, channels=2, channel="each"), [part])
    pieces = [part[:, at : at + size] for at in range(0, part.shape[1], size)]
    assert told(any_model.session(rate=RATE, channels=2, channel="each"), pieces) == whole
    if size > 1:
        blocks = [piece.T for piece in pieces]
        assert told(any_model.session(rate=RATE, channels=2, channel="each"), blocks) == whole


def test_interleaved_bytes(any_model: Model, call: NDArray[np.float32]) -> None:
    session = any_model.session(rate=RATE, channels=2, channel="each", encoding="f32le")
    with session:
        events = [*session.push(call.T.astype("<f4").tobytes()), *session.end()]
    assert events == told(any_model.session(rate=RATE, channels=2, channel="each"), [call])


def test_one_channel_of_one(any_model: Model, call: NDArray[np.float32]) -> None:
    events = told(any_model.session(rate=RATE, channels=1, channel="each"), [call[0]])
    assert events == told(any_model.session(rate=RATE, channel=0), [call[0]])


def test_the_number_of_channels_is_required_and_kept(any_model: Model, call: NDArray[np.float32]) -> None:
    with pytest.raises(UsageError, match="channel='each' needs the number of channels"):
        any_model.session(rate=RATE, channel="each")
    session = any_model.session(rate=RATE, channel="each", channels=3)
    with pytest.raises(UsageError, match=r"a block of shape \(2, 1001\) was given with channels=3"):
        session.push(call[:, :1001])
    assert session.push(np.zeros((3, 1001), np.float32)) == ()


# ----------------------------------------------------------------------------------------------------------------------
# What a session refuses, and that what was heard before stays right.


def test_too_little_sound_is_said(any_model: Model) -> None:
    session = any_model.session(rate=48000)
    session.push(np.zeros(1000))
    with pytest.raises(
        TooShortError, match=r"session: too short to analyse: 0\.021 s; at least (0\.1|1) s are required"
    ):
        session.end()
    assert session.end() == ()


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"rate": 0}, RateError, "session: a sampling rate of 0 Hz was given; allowed: whole numbers from 4000"),
        ({"rate": 16000.5}, RateError, "16000.5 Hz was given"),
        ({"rate": 16000, "channel": "left"}, UsageError, "allowed: 'mix' or a number from 0"),
        ({"rate": 16000, "channel": 99}, RateError, "channel 99"),
        ({"rate": "16000"}, UsageError, "the rate '16000' was given; allowed: a number of hertz"),
        ({"rate": 16000, "channel": 2, "channels": 2}, RateError, "channel 2 was requested, but there are 2 channels"),
        ({"rate": 16000, "channels": "2"}, UsageError, "channels='2' was given; allowed: a whole number from 1 to 64"),
        ({"rate": 16000, "channels": 0}, RateError, "0 channels were given; allowed: 1 to 64"),
        ({"rate": 16000, "encoding": "s16"}, UsageError, "unknown encoding 's16'; did you mean 's16le'"),
    ],
)
def test_bad_sessions(any_model: Model, options: dict[str, Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        any_model.session(**options)


@pytest.mark.parametrize(
    ("piece", "kind", "message"),
    [
        (np.array([0.1, np.nan]), NotFiniteError, r"the sample at 0\.500 s is nan"),
        (np.array([np.inf]), NotFiniteError, r"0\.500 s is inf"),
        (np.zeros((2, 80)), RateError, "2 channels were given after pieces of 1; allowed: the same number in every"),
        (np.zeros((2, 2, 2)), UsageError, r"allowed: \[time\] or \[channels, time\]"),
        (np.zeros(80, np.int64), UsageError, "samples of type int64 were given; allowed: float16"),
        (np.array(["a"]), UsageError, "samples of type <U1"),
        (np.zeros((80, 1)), RateError, "transpose it"),
        (np.zeros((16, 2)), RateError, "transpose it, or pass channels=2"),
        (b"\0\0", UsageError, r"a bytes was given, .*model\.session\(rate=16000, encoding='s16le'\), or use numpy"),
        (bytearray(b"\0\0"), UsageError, "a bytearray was given, whose sample format is unknown"),
        (memoryview(b"\0\0"), UsageError, "a memoryview was given, whose sample format is unknown"),
        ([[0.0, 1.0], [0.0]], UsageError, "can't be converted to a NumPy array"),
        ("abc", UsageError, r"allowed: \[time\] or \[channels, time\]"),
    ],
)
def test_a_bad_piece_is_refused_whole_and_the_session_goes_on(
    any_model: Model, speech: Speech, piece: Any, kind: type[Exception], message: str
) -> None:
    signal = speech(3.5)
    with any_model.session(rate=16000) as session:
        events = list(session.push(signal[:8000]))
        with pytest.raises(kind, match=message):
            session.push(piece)
        events += session.push(signal[8000:])
        events += session.end()
    assert events == told(any_model.session(rate=16000), [signal])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_session_with_an_encoding_takes_bytes_only(any_model: Model, dtype: type) -> None:
    with (
        any_model.session(rate=16000, encoding="s16le") as session,
        pytest.raises(UsageError, match="an encoding was given with samples of type ndarray; it is for bytes"),
    ):
        session.push(np.zeros(4, dtype))


def test_a_channel_that_is_not_there(any_model: Model) -> None:
    with pytest.raises(RateError, match="channel 1 was requested, but there is 1 channel"):
        any_model.session(rate=16000, channel=1).push(np.zeros(80))


def test_a_net_that_fails_ends_the_session(model: Model, noise: NDArray[np.float32]) -> None:
    bundle = load_bundle(model.bundle.directory)
    session = Model(bundle).session(rate=16000)

    class Failing:
        def run(self, *_: object) -> object:
            return (np.full((1, 4), np.nan, np.float32),)

    bundle.__dict__["_session"] = Failing()
    with pytest.raises(BundleError, match="not finite"):
        session.push(noise)
    with pytest.raises(UsageError, match="an earlier call failed"):
        session.push(noise)
    with pytest.raises(UsageError, match="an earlier call failed"):
        session.end()


def test_a_broken_net_is_said_before_the_first_sound(tiny_bundle: Path) -> None:
    broken = load_bundle(tiny_bundle)
    object.__setattr__(broken, "_model", b"nothing")
    with pytest.raises(BundleError, match="can't be opened"):
        Model(broken).session(rate=16000)


# ----------------------------------------------------------------------------------------------------------------------
# Interim results: every second of an utterance, for any pieces, from the complete windows or the first one.

TOY_RATE = 16000


@pytest.fixture
def utterances(noise: NDArray[np.float32]) -> NDArray[np.float32]:
    """Utterances of 1.5 s, 4.2 s and 3.5 s after pauses of 1 s; the second begins at 3.5 s."""
    pause = np.zeros(TOY_RATE, np.float32)
    lengths = (1.5, 4.2, 3.5)
    return np.concatenate([part for seconds in lengths for part in (pause, noise[: round(seconds * TOY_RATE)])])


def events_of(model: Model, samples: NDArray[np.float32], *, size: int, **options: Any) -> list[Event]:
    pieces = [samples[at : at + size] for at in range(0, len(samples), size)]
    return told(model.session(rate=TOY_RATE, **options), pieces)


def interim_results(events: list[Event], *, paused: bool = False) -> list[UtteranceInterim]:
    return [event for event in events if isinstance(event, UtteranceInterim) and event.paused == paused]


def test_there_is_one_after_every_second(model: Model, utterances: NDArray[np.float32]) -> None:
    found = interim_results(events_of(model, utterances, size=320, interim=True))
    later = [(3.5, 4.5), (3.5, 5.5), (3.5, 6.5), (3.5, 7.5), (8.7, 9.7), (8.7, 10.7), (8.7, 11.7)]
    assert [(one.start, one.time) for one in found] == [(1.0, 2.0), *later]


@pytest.mark.parametrize("size", [320, 48_000])
def test_before_the_first_window_is_complete_it_is_of_what_there_is(
    model: Model, utterances: NDArray[np.float32], size: int
) -> None:
    bundle = model.bundle
    early = [one for one in interim_results(events_of(model, utterances, size=size, interim=True)) if one.time < 6]
    assert len(early) == 3
    for one in early:
        spoken = utterances[round(one.start * TOY_RATE) : round(one.time * TOY_RATE) + 3200]
        rows = bundle.feature.compute(spoken)
        found = list(one.clip.probabilities.values())
        counts = range(round(100 * (one.time - one.start)) - 3, len(rows))
        possible = [bundle.probabilities(rows[np.newaxis, :count])[0] for count in counts]
        assert min(np.abs(found - each).max() for each in possible) < 1e-5


def test_it_combines_the_windows_before_it(model: Model, utterances: NDArray[np.float32]) -> None:
    method = model.bundle.manifest.windows.combine
    windows: list[list[float]] = []
    compared = 0
    for event in events_of(model, utterances, size=1000, interim=True):
        if isinstance(event, Measurement):
            windows.append(list(event.probabilities.values()))
        elif isinstance(event, UtteranceInterim) and windows and not event.paused:
            expected = pool_windows(np.array(windows), method)
            np.testing.assert_allclose(list(event.clip.probabilities.values()), expected, atol=1e-5)
            assert event.clip.label == max(event.clip.probabilities, key=event.clip.probabilities.__getitem__)
            compared += 1
        elif not isinstance(event, UtteranceInterim):
            windows.clear()
    assert compared == 3


@pytest.mark.parametrize("size", [97, 5000, 1_000_000])
def test_pieces_do_not_matter(model: Model, utterances: NDArray[np.float32], size: int) -> None:
    expected = events_of(model, utterances, size=320, interim=True)
    assert events_of(model, utterances, size=size, interim=True) == expected


def test_the_other_events_are_the_same(model: Model, utterances: NDArray[np.float32]) -> None:
    events = events_of(model, utterances, size=320, interim=True)
    others = [event for event in events if not isinstance(event, UtteranceInterim)]
    assert others == events_of(model, utterances, size=320)


def test_every_channel_has_its_own(model: Model, utterances: NDArray[np.float32]) -> None:
    both = np.stack([utterances, np.zeros_like(utterances)])
    events = told(model.session(rate=TOY_RATE, channels=2, channel="each", interim=True), [both])
    assert {one.channel for one in interim_results(events)} == {0}


def test_a_model_of_all_windows_reports_every_second(make_bundle: Callable[..., Path], tmp_path: Path) -> None:
    from emotone.features.windows import Windows

    windows = Windows(seconds=1.0, hop=0.5, min_seconds=0.01, speech_only=False)
    model = load(make_bundle(tmp_path / "whole", windows=windows))
    found = interim_results(events_of(model, np.zeros(4 * TOY_RATE, np.float32), size=999, interim=True))
    assert [one.time for one in found] == [1.0, 2.0, 3.0, 4.0]


def test_json(model: Model, utterances: NDArray[np.float32]) -> None:
    [first, *_] = interim_results(events_of(model, utterances, size=320, interim=True))
    assert first.to_dict() == {
        "type": "utterance.interim",
        "time": 2.0,
        "start": 1.0,
        "clip": first.clip.to_dict(),
        "paused": False,
        "channel": "mix",
        "adapted": False,
    }


# ----------------------------------------------------------------------------------------------------------------------
# Interim results in pauses: what the end of the utterance will state if no more speech follows.


def paused_speech(noise: NDArray[np.float32], *, pause: float = 0.35) -> NDArray[np.float32]:
    """Return an utterance of 2.5 s, the pause, and 1.5 s; between silences of 1 s."""
    silence, gap = np.zeros(TOY_RATE, np.float32), np.zeros(round(pause * TOY_RATE), np.float32)
    first, rest = noise[: round(2.5 * TOY_RATE)], noise[4 * TOY_RATE : round(5.5 * TOY_RATE)]
    return np.concatenate([silence, first, gap, rest, silence])


@pytest.mark.parametrize("adapt", [False, True])
def test_a_pause_has_the_result_of_the_end(
    model: Model, make_bundle: Callable[..., Path], tmp_path: Path, utterances: NDArray[np.float32], adapt: bool
) -> None:
    if adapt:
        model = load(make_bundle(tmp_path / "adaptable", head=True))
    ended = np.concatenate([utterances, np.zeros(TOY_RATE, np.float32)])
    events = events_of(model, ended, size=320, interim=True, adapt=adapt)
    ends = [event for event in events if isinstance(event, UtteranceEnd)]
    found = interim_results(events, paused=True)
    assert len(ends) == 3
    assert [(one.start, one.time, one.clip) for one in found] == [(one.start, one.time, one.clip) for one in ends]
    others = [event for event in events if not isinstance(event, UtteranceInterim)]
    assert others == events_of(model, ended, size=320, adapt=adapt)


@pytest.mark.parametrize("size", [97, 1600, 1_000_000])
def test_it_is_replaced_when_the_utterance_continues(model: Model, noise: NDArray[np.float32], size: int) -> None:
    samples = paused_speech(noise)
    events = events_of(model, samples, size=size, interim=True)
    middle, last = interim_results(events, paused=True)
    [end] = [event for event in events if isinstance(event, UtteranceEnd)]
    stopped = np.where(np.arange(len(samples)) < 3.5 * TOY_RATE, samples, np.float32(0))
    alone = [event for event in events_of(model, stopped, size=320) if isinstance(event, UtteranceEnd)]
    assert [(one.time, one.clip) for one in alone] == [(middle.time, middle.clip)]
    assert (last.time, last.clip) == (end.time, end.clip) == (5.35, end.clip)
    assert [event for event in events if not isinstance(event, UtteranceInterim)] == events_of(model, samples, size=320)


def test_shorter_pauses_have_none(model: Model, noise: NDArray[np.float32]) -> None:
    events = events_of(model, paused_speech(noise, pause=0.19), size=320, interim=True)
    assert [one.time for one in interim_results(events, paused=True)] == [5.19]


def test_it_arrives_when_the_pause_is_known(model: Model, noise: NDArray[np.float32]) -> None:
    with model.session(rate=TOY_RATE, interim=True) as session:
        samples = paused_speech(noise)
        arrived = [
            (round((at + 160) / TOY_RATE, 2), event.time)
            for at in range(0, len(samples), 160)
            for event in session.push(samples[at : at + 160])
            if isinstance(event, UtteranceInterim) and event.paused
        ]
    assert arrived == [(4.0, 3.5), (5.86, 5.35)]  # 0.2 s, the detector's lag of 0.3 s, and steps of 20 ms


def test_the_end_costs_no_further_run_of_the_network(
    model: Model, noise: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[int] = []
    analyse = Bundle.outputs

    def counted(bundle: Bundle, features: Array) -> Array:
        runs.append(len(features))
        return analyse(bundle, features)

    monkeypatch.setattr(Bundle, "outputs", counted)
    samples = np.concatenate([noise[: 4 * TOY_RATE // 5], np.zeros(TOY_RATE, np.float32)])
    for interim in (False, True):
        runs.clear()
        events = events_of(model, samples, size=320, interim=interim)
        assert len(interim_results(events, paused=True)) == interim
        assert runs == [1]


def test_real_speech_with_the_real_detector(any_model: Model, speech: Speech) -> None:
    pause = np.zeros(TOY_RATE, np.float32)
    samples = np.concatenate([speech(2.0), pause, speech(1.5, seed=3), pause])
    events = events_of(any_model, samples, size=800, interim=True)
    assert events == events_of(any_model, samples, size=7777, interim=True)
    found = {one.time: one.clip for one in interim_results(events, paused=True)}
    ends = [event for event in events if isinstance(event, UtteranceEnd)]
    if any_model.bundle.manifest.windows.speech_only:
        assert len(ends) >= 2
        assert [found[end.time] for end in ends] == [end.clip for end in ends]
    else:  # the whole recording is one utterance, and there is no detector
        assert found == {}
