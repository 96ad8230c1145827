"""Predictions sum to one, keep the order of labels, and read back as they were."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotone.inference.filenames import printable
from emotone.inference.result import Failure, Segments, decide, from_dict

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emotone.inference.model import Model

LABELS = ("sadness", "anger", "fear")


@given(st.lists(st.floats(1e-30, 1), min_size=2, max_size=100))
def test_probabilities_sum_to_one_after_rounding(values: list[float]) -> None:
    probabilities = np.array(values) / np.sum(values)
    labels = tuple(f"label{index}" for index in range(len(values)))
    clip = decide(probabilities, labels=labels, thresholds={}, speech=True)
    read = json.loads(json.dumps(clip.to_dict()))["probabilities"]
    assert abs(sum(read.values()) - 1) < 1e-6
    assert tuple(read) == labels
    assert clip.label is not None
    assert read[clip.label] == max(read.values())


@pytest.mark.parametrize(
    ("probabilities", "thresholds", "speech", "label"),
    [
        ([0.2, 0.7, 0.1], {}, True, "anger"),
        ([0.4, 0.4, 0.2], {}, True, "sadness"),  # the first of equals
        ([0.2, 0.7, 0.1], {}, False, None),
        ([0.2, 0.7, 0.1], {"anger": 0.7}, True, "anger"),
        ([0.2, 0.7, 0.1], {"anger": 0.71}, True, None),
        ([0.2, 0.7, 0.1], {"fear": 0.9}, True, "anger"),
    ],
)
def test_decisions(probabilities: list[float], thresholds: dict[str, float], speech: bool, label: str | None) -> None:
    clip = decide(np.array(probabilities), labels=LABELS, thresholds=thresholds, speech=speech)
    assert (clip.label, clip.speech) == (label, speech)
    assert list(clip.probabilities.items()) == list(zip(LABELS, probabilities, strict=True))


def test_segments_are_a_sequence() -> None:
    count = 5
    starts = np.arange(count, dtype=np.float64)
    probabilities = np.tile([0.5, 0.3, 0.2], (count, 1))
    segments = Segments(LABELS, {}, starts, starts + 3, np.ones(count, np.bool_), probabilities)
    assert len(segments) == count
    assert [one.start for one in segments] == [0, 1, 2, 3, 4]
    assert segments[-1] == segments[4]
    assert [one.start for one in segments[1:4:2]] == [1, 3]
    assert segments[0].label == "sadness"
    with pytest.raises(IndexError):
        segments[5]


def test_a_prediction_reads_back(model: Model, noise: NDArray[np.float32]) -> None:
    prediction = model.predict(noise, rate=16000, name="a.wav")
    values = json.loads(json.dumps(prediction.to_dict(), allow_nan=False))
    again = from_dict(values)
    assert again.to_dict() == prediction.to_dict()
    assert list(values) == ["schema", "file", "duration", "rate", "model", "labels", "clip", "segments", "utterances"]
    assert list(values["segments"][0]) == ["start", "end", "label", "probabilities", "speech"]
    assert values["model"]["sha256"] == model.bundle.sha256
    assert prediction.clip.probabilities["anger"] == values["clip"]["probabilities"]["anger"]


def test_a_failure_reads_back() -> None:
    failure = Failure("a.wav", "not_audio", "a.wav: no")
    assert from_dict(failure.to_dict()) == failure
    assert failure.to_dict() == {
        "schema": "emotone.prediction/1",
        "file": "a.wav",
        "error": {"code": "not_audio", "message": "a.wav: no"},
    }


@pytest.mark.parametrize(
    ("text", "shown"), [("żółć.wav", "żółć.wav"), ("a\x1b[31m\n\udcff", "a?[31m??"), ("a b", "a b")]
)
def test_names_can_not_move_the_cursor(text: str, shown: str) -> None:
    assert printable(text) == shown
