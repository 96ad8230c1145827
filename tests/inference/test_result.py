"""Probabilities sum to one in the order of the labels, and results are read back unchanged."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotone.errors import MissingExtraError
from emotone.inference.display import printable
from emotone.inference.result import Failure, columns, from_dict
from emotone.inference.segments import Segments, decide

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
    ("probabilities", "thresholds", "label", "unsure"),
    [
        ([0.2, 0.7, 0.1], {}, "anger", False),
        ([0.4, 0.4, 0.2], {}, "sadness", False),  # the first of equals
        ([0.2, 0.7, 0.1], {"anger": 0.7}, "anger", False),
        ([0.2, 0.7, 0.1], {"anger": 0.71}, "anger", True),
        ([0.2, 0.7, 0.1], {"fear": 0.9}, "anger", False),
    ],
)
def test_decisions(probabilities: list[float], thresholds: dict[str, float], label: str, unsure: bool) -> None:
    clip = decide(np.array(probabilities), labels=LABELS, thresholds=thresholds, speech=True)
    assert (clip.label, clip.unsure, clip.confidence) == (label, unsure, max(probabilities))
    silent = decide(np.array(probabilities), labels=LABELS, thresholds=thresholds, speech=False)
    assert (silent.label, silent.confidence, silent.speech) == (None, None, False)
    assert list(clip.probabilities.items()) == list(zip(LABELS, probabilities, strict=True))


def test_segments_are_a_sequence() -> None:
    count = 5
    starts = np.arange(count, dtype=np.float64)
    probabilities = np.tile([0.5, 0.3, 0.2], (count, 1))
    outputs = np.zeros((count, 2), np.float32)
    segments = Segments(LABELS, {}, starts, starts + 3, probabilities, outputs)
    assert len(segments) == count
    assert [one.start for one in segments] == [0, 1, 2, 3, 4]
    assert segments[-1] == segments[4]
    assert [one.start for one in segments[1:4:2]] == [1, 3]
    assert segments[0].label == "sadness"
    assert segments == list(segments)
    assert segments != list(segments)[1:]
    assert repr(segments) == "<5 segments>"
    with pytest.raises(IndexError):
        segments[5]


def test_a_prediction_is_read_back_unchanged(model: Model, noise: NDArray[np.float32]) -> None:
    prediction = model.predict(noise, rate=16000, name="a.wav")
    values = json.loads(json.dumps(prediction.to_dict(), allow_nan=False))
    again = from_dict(values)
    assert again == prediction
    assert json.loads(prediction.to_json()) == values
    head = ["schema", "file", "duration", "rate", "model", "labels", "channel", "adapted", "clip"]
    assert list(values) == [*head, "utterances", "segments"]
    assert list(values["clip"]) == ["label", "confidence", "unsure", "probabilities", "speech", "derived"]
    assert list(values["utterances"][0]) == ["start", "end", "label", "unsure", "probabilities", "changed", "derived"]
    assert list(values["segments"][0]) == ["start", "end", "label", "probabilities", "speech", "derived"]
    assert values["model"]["sha256"] == model.bundle.sha256
    assert prediction.clip.probabilities["anger"] == values["clip"]["probabilities"]["anger"]


def test_a_failure_is_read_back_unchanged() -> None:
    failure = Failure("a.wav", "not_audio", "a.wav: no")
    assert from_dict(failure.to_dict()) == failure
    assert failure.to_dict() == {
        "schema": "emotone.prediction/1",
        "file": "a.wav",
        "error": {"code": "not_audio", "message": "a.wav: no"},
    }


def test_predictions_of_the_same_samples_are_equal_and_short_to_print(model: Model, noise: NDArray[np.float32]) -> None:
    one, other = (model.predict(noise, rate=16000, name="a.wav") for _ in range(2))
    assert one == other
    assert repr(one).startswith(f"<Prediction of a.wav, {one.duration:g} s: {one.clip.label} ")
    assert len(repr(one)) < 100


def test_a_frame_has_the_rows_of_the_table(model: Model, noise: NDArray[np.float32]) -> None:
    pytest.importorskip("pandas")
    prediction = model.predict(noise, rate=16000, name="a.wav")
    frame = prediction.to_frame()
    assert frame["label"].tolist() == [one.label for one in prediction.utterances]
    assert list(frame.columns) == [one for one in columns(prediction.labels) if one not in {"error", "message"}]
    assert len(prediction.to_frame("segments")) == len(prediction.segments)
    clips = prediction.to_frame("clips")
    assert clips[["start", "end", "label"]].to_numpy().tolist() == [[0.0, prediction.duration, prediction.clip.label]]


def test_a_recording_without_speech_has_one_row(model: Model) -> None:
    silent = model.predict(np.zeros(16000, np.float32), rate=16000)
    for by in ("utterances", "segments", "clips"):
        (row,) = silent.rows(by)
        assert row[2:5] == [0.0, 1.0, None]


def test_a_frame_needs_pandas(model: Model, noise: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError, match="pandas"):
        model.predict(noise, rate=16000).to_frame()


@pytest.mark.parametrize(
    ("text", "shown"), [("żółć.wav", "żółć.wav"), ("a\x1b[31m\n\udcff", "a?[31m??"), ("a b", "a b")]
)
def test_names_cannot_move_the_cursor(text: str, shown: str) -> None:
    assert printable(text) == shown
