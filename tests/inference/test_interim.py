"""Interim results: every second of an utterance, for any pieces, from the complete windows or the first one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.inference.conftest import told

from emotone.inference.events import Measurement, UtteranceInterim
from emotone.inference.model import load
from emotone.inference.pooling import pool_windows

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from emotone.inference.events import Event
    from emotone.inference.model import Model

RATE = 16000


@pytest.fixture
def utterances(noise: NDArray[np.float32]) -> NDArray[np.float32]:
    """Utterances of 1.5 s, 4.2 s and 3.5 s after pauses of 1 s; the second begins at 3.5 s."""
    pause = np.zeros(RATE, np.float32)
    lengths = (1.5, 4.2, 3.5)
    return np.concatenate([part for seconds in lengths for part in (pause, noise[: round(seconds * RATE)])])


def events_of(model: Model, samples: NDArray[np.float32], *, size: int, **options: Any) -> list[Event]:
    pieces = [samples[at : at + size] for at in range(0, len(samples), size)]
    return told(model.session(rate=RATE, **options), pieces)


def interim_results(events: list[Event]) -> list[UtteranceInterim]:
    return [event for event in events if isinstance(event, UtteranceInterim)]


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
        spoken = utterances[round(one.start * RATE) : round(one.time * RATE) + 3200]
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
        elif isinstance(event, UtteranceInterim) and windows:
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
    events = told(model.session(rate=RATE, channels=2, channel="each", interim=True), [both])
    assert {one.channel for one in interim_results(events)} == {0}


def test_a_model_of_all_windows_reports_every_second(make_bundle: Callable[..., Path], tmp_path: Path) -> None:
    from emotone.features.windows import Windows

    windows = Windows(seconds=1.0, hop=0.5, min_seconds=0.01, speech_only=False)
    model = load(make_bundle(tmp_path / "whole", windows=windows))
    found = interim_results(events_of(model, np.zeros(4 * RATE, np.float32), size=999, interim=True))
    assert [one.time for one in found] == [1.0, 2.0, 3.0, 4.0]


def test_json(model: Model, utterances: NDArray[np.float32]) -> None:
    [first, *_] = interim_results(events_of(model, utterances, size=320, interim=True))
    assert first.to_dict() == {
        "type": "utterance.interim",
        "time": 2.0,
        "start": 1.0,
        "clip": first.clip.to_dict(),
        "channel": "mix",
        "adapted": False,
    }
