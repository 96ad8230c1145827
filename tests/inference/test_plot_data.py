"""What a picture draws: step functions that are exact while they fit, and means by duration where they do not."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pytest

from emotone.inference.buffers import EnvelopeMeter
from emotone.inference.plot_data import COLUMNS, MAX_TICKS, probability_runs, ticks, waveform_runs
from emotone.inference.result import ModelInfo, Prediction
from emotone.inference.segments import Clip, Segment, UtteranceSegment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

LABELS = ("anger", "neutral")


def shares(anger: float) -> dict[str, float]:
    return {"anger": anger, "neutral": 1 - anger}


def utterance(start: float, end: float, anger: float) -> UtteranceSegment:
    label = "anger" if anger > 0.5 else "neutral"
    return UtteranceSegment(start, end, label, False, shares(anger), changed=False)


def prediction(duration: float, utterances: list[UtteranceSegment], segments: list[Segment]) -> Prediction:
    clip = Clip("anger", 0.6, False, shares(0.6), speech=bool(utterances))
    model = ModelInfo("tiny", "0.1.0", "ab", "CC0-1.0")
    return Prediction("a.wav", duration, 16000, model, LABELS, clip, segments, tuple(utterances))


def test_steps_of_windows_meet_between_their_centres_and_fill_the_utterance() -> None:
    windows = [Segment(start, start + 2, "anger", shares(anger)) for start, anger in ((1, 0.8), (2, 0.4), (3, 0.6))]
    (run,) = probability_runs(prediction(6, [utterance(1, 5, 0.6)], windows))
    assert run.edges.tolist() == [1, 2.5, 3.5, 5]
    assert run.inner[:, 0].tolist() == [0.8, 0.4, 0.6]
    assert run.outer[:, 0].tolist() == [0.6] * 3


def test_an_utterance_without_windows_of_its_own_is_one_step() -> None:
    (run,) = probability_runs(prediction(6, [utterance(1, 1.5, 0.7)], []))
    assert run.edges.tolist() == [1, 1.5]
    assert run.inner.tolist() == run.outer.tolist() == [[0.7, pytest.approx(0.3)]]


def test_no_speech_is_no_run() -> None:
    assert list(probability_runs(prediction(6, [], []))) == []
    assert list(waveform_runs(prediction(6, [], []))) == []


def long_prediction(rng: np.random.Generator) -> Prediction:
    """An hour with 600 utterances of 1 to 4 s and pauses between them; every window is an utterance."""
    starts = np.arange(600) * 6.0
    parts = [
        utterance(float(start), float(start + length), float(anger))
        for start, length, anger in zip(starts, rng.uniform(1, 4, 600), rng.uniform(0, 1, 600), strict=True)
    ]
    return prediction(3600, parts, [Segment(one.start, one.end, one.label, one.probabilities) for one in parts])


def slow_mean(parts: Sequence[UtteranceSegment], first: float, last: float) -> float | None:
    overlaps = [(max(0.0, min(one.end, last) - max(one.start, first)), one) for one in parts]
    total = sum(seconds for seconds, _ in overlaps)
    if total <= 0.02 * (last - first):
        return None
    return sum(seconds * one.probabilities["anger"] for seconds, one in overlaps) / total


def test_a_long_recording_has_the_mean_over_the_speech_of_each_column(rng: np.random.Generator) -> None:
    whole = long_prediction(rng)
    runs = list(probability_runs(whole))
    assert sum(len(run.inner) for run in runs) <= COLUMNS
    drawn: dict[float, float] = {}
    for run in runs:
        drawn |= dict(zip(run.edges[:-1].tolist(), run.inner[:, 0].tolist(), strict=True))
        np.testing.assert_allclose(run.inner.sum(axis=1), 1)
    grid = np.linspace(0, 3600, COLUMNS + 1)
    for first, last in zip(grid[:-1].tolist(), grid[1:].tolist(), strict=True):
        expected = slow_mean(whole.utterances, first, last)
        assert drawn.get(first) == (None if expected is None else pytest.approx(expected)), first


def test_the_waveform_is_divided_at_utterances_and_bounded(rng: np.random.Generator) -> None:
    samples: NDArray[np.float32] = rng.normal(0, 0.1, 100 * 1000).astype(np.float32)
    meter = EnvelopeMeter(1000)
    meter.add(samples)
    whole = dataclasses.replace(
        prediction(100, [utterance(10, 20, 0.9), utterance(20, 30, 0.1)], []), envelope=meter.envelope()
    )
    runs = list(waveform_runs(whole))
    assert [run.label for run in runs] == [None, "anger", "neutral", None]
    assert [run.edges[0] for run in runs][1:] == pytest.approx([10, 20, 30], abs=100 / COLUMNS)
    assert runs[-1].edges[-1] == 100
    assert sum(len(run.outer) for run in runs) <= COLUMNS
    for run in runs:
        assert (run.inner <= run.outer).all()
        assert (run.outer <= 1).all()


@pytest.mark.parametrize("duration", [0.1, 0.75, 4.2, 61, 999, 4000, 86_400])
def test_ticks_are_few_and_inside(duration: float) -> None:
    places, names = ticks(duration)
    assert 1 <= len(places) <= MAX_TICKS + 1
    assert places[0] == 0
    assert places[-1] <= duration
    assert len(set(names)) == len(names) == len(places)
