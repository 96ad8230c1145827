"""Results: their parts, valence and arousal, and summaries."""

from __future__ import annotations

import csv
import io
import json
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotone.corpora.labels import EMOTIONS
from emotone.errors import MissingExtraError
from emotone.inference.display import printable
from emotone.inference.events import Measurement, UtteranceEnd, UtteranceInterim
from emotone.inference.formats.text import MAX_LINES, speech_shares, timeline_lines, timeline_step
from emotone.inference.result import Failure, ModelInfo, Prediction, columns, from_dict
from emotone.inference.saving import FORMATS, Page, text_stream
from emotone.inference.segments import (
    POSITIONS,
    Affect,
    Clip,
    Segment,
    Segments,
    UtteranceSegment,
    decide,
    derive_affect,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from emotone.inference.model import Model
    from emotone.inference.result import Rows


# ----------------------------------------------------------------------------------------------------------------------
# Probabilities sum to one in the order of the labels, and results are read back unchanged.

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
    assert list(values["clip"]) == ["label", "confidence", "unsure", "probabilities", "speech", "novelty", "derived"]
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


# ----------------------------------------------------------------------------------------------------------------------
# Valence and arousal: the positions themselves, their weighted mean, and the same values in every format.

WITH_CALM = ("anger", "calm", "sadness")
FIRST, SECOND = {"anger": 0.5, "calm": 0.3, "sadness": 0.2}, {"anger": 0.1, "calm": 0.2, "sadness": 0.7}
ROWS: tuple[Rows, ...] = ("utterances", "segments", "clips")


def clip_of(probabilities: Mapping[str, float]) -> Clip:
    label = max(probabilities, key=lambda one: probabilities[one])
    return Clip(label, probabilities[label], False, probabilities, speech=True)


@pytest.fixture
def prediction() -> Prediction:
    return Prediction(
        file="a.wav",
        duration=4.0,
        rate=16000,
        model=ModelInfo("tiny", "0.1.0", "ab" * 32, "CC0-1.0"),
        labels=WITH_CALM,
        clip=clip_of(FIRST),
        segments=[Segment(0.0, 2.0, "anger", FIRST), Segment(2.0, 4.0, "sadness", SECOND)],
        utterances=(
            UtteranceSegment(0.0, 2.0, "anger", False, FIRST, changed=False),
            UtteranceSegment(2.0, 4.0, "sadness", False, SECOND, changed=True),
        ),
    )


def test_every_canonical_emotion_but_other_has_a_position() -> None:
    assert {*POSITIONS, "other"} == set(EMOTIONS)


@pytest.mark.parametrize("label", POSITIONS)
def test_a_certain_clip_has_exactly_the_position_of_its_category(label: str) -> None:
    assert clip_of({**dict.fromkeys(POSITIONS, 0.0), label: 1.0}).derived == POSITIONS[label]


def test_the_mean_is_weighted_by_the_probabilities() -> None:
    expected = Affect(
        valence=pytest.approx(0.5 * -0.51 + 0.3 * 0.68 + 0.2 * -0.63),  # type: ignore[arg-type]
        arousal=pytest.approx(0.5 * 0.59 + 0.3 * -0.46 + 0.2 * -0.27),  # type: ignore[arg-type]
    )
    assert clip_of(FIRST).derived == expected
    assert clip_of(dict(reversed(FIRST.items()))).derived == clip_of(FIRST).derived


@settings(deadline=None, max_examples=20)  # a busy machine is slow
@given(st.lists(st.floats(1e-6, 1), min_size=len(POSITIONS), max_size=len(POSITIONS)))
def test_values_stay_within_the_positions(weights: list[float]) -> None:
    found = derive_affect({label: weight / sum(weights) for label, weight in zip(POSITIONS, weights, strict=True)})
    assert found is not None
    assert -0.65 <= found.valence <= 0.81
    assert -0.62 <= found.arousal <= 0.75


def test_a_zero_has_no_sign() -> None:
    found = derive_affect({"neutral": 1 - 1e-8, "sadness": 1e-8})
    assert found is not None
    assert json.dumps([found.valence, found.arousal]) == "[0.0, 0.0]"


@pytest.mark.parametrize("label", ["other", "ANGER", "laughter"])
def test_a_label_without_a_position_has_no_values(label: str) -> None:
    assert clip_of({"anger": 0.9, label: 0.1}).derived is None
    assert clip_of({"anger": 0.9, label: 0.1}).to_dict()["derived"] is None


def test_no_speech_has_no_values(prediction: Prediction) -> None:
    clip = Clip(None, None, True, dict.fromkeys(WITH_CALM, 1 / 3), speech=False)
    silent = replace(prediction, clip=clip, utterances=(), segments=())
    assert silent.to_dict()["clip"]["derived"] is None
    for by in ROWS:
        [row] = silent.rows(by)
        assert dict(zip(columns(WITH_CALM), row, strict=True))["derived_valence"] is None


def test_events_have_the_values_of_their_results() -> None:
    clip, position = clip_of(FIRST), derive_affect(FIRST)
    part = UtteranceSegment(0.0, 2.0, "anger", False, FIRST, changed=False)
    measured = Measurement(0.0, 2.0, "anger", FIRST, channel=1)
    assert position is not None
    shown = {"valence": position.valence, "arousal": position.arousal}
    end = UtteranceEnd(2.0, 0.0, clip, (part,)).to_dict()
    assert measured.derived == position
    assert measured.to_dict()["derived"] == shown
    assert UtteranceInterim(1.0, 0.0, clip).to_dict()["clip"]["derived"] == shown
    assert end["clip"]["derived"] == end["parts"][0]["derived"] == shown


def written(name: str, prediction: Prediction, **page: Any) -> bytes:
    raw = io.BytesIO()
    chosen = FORMATS.get(name)
    stream: Any = raw if chosen.binary else text_stream(raw)
    writer = chosen.open(stream, Page(labels=WITH_CALM, single=True, **page))
    writer.write(prediction)
    writer.finish()
    stream.flush()
    return raw.getvalue()


def expected_of(prediction: Prediction, by: Rows) -> list[tuple[float, float]]:
    parts: Any = [prediction.clip] if by == "clips" else getattr(prediction, by)
    found = [derive_affect(part.probabilities) for part in parts]
    return [(one.valence, one.arousal) for one in found if one is not None]


@pytest.mark.parametrize("name", ["json", "jsonl"])
def test_json_states_the_values_of_every_object(prediction: Prediction, name: str) -> None:
    found = json.loads(written(name, prediction))
    assert found == prediction.to_dict()
    for by in ROWS:
        parts = [found["clip"]] if by == "clips" else found[by]
        assert [(one["derived"]["valence"], one["derived"]["arousal"]) for one in parts] == expected_of(prediction, by)
    assert from_dict(found) == prediction


def test_objects_of_earlier_versions_are_read(prediction: Prediction) -> None:
    found = prediction.to_dict()
    for one in (found["clip"], *found["utterances"], *found["segments"]):
        del one["derived"]
    assert from_dict(found) == prediction


@pytest.mark.parametrize("by", ROWS)
def test_csv_has_the_values_in_its_last_columns(prediction: Prediction, by: Rows) -> None:
    rows = list(csv.reader(io.StringIO(written("csv", prediction, rows=by).decode())))
    assert rows[0][-4:] == ["error", "message", "derived_valence", "derived_arousal"]
    assert [(float(row[-2]), float(row[-1])) for row in rows[1:]] == expected_of(prediction, by)


def test_parquet_has_the_values(prediction: Prediction) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = parquet.read_table(io.BytesIO(written("parquet", prediction))).to_pylist()
    found = [(row["derived_valence"], row["derived_arousal"]) for row in rows]
    assert found == expected_of(prediction, "utterances")


def test_the_schema_of_the_server_describes_the_values(prediction: Prediction) -> None:
    pytest.importorskip("pydantic")
    from emotone.serve.schemas import PredictionObject

    found = PredictionObject.model_validate(prediction.to_dict())
    assert found.clip.derived is not None
    values = [(found.clip.derived.valence, found.clip.derived.arousal)]
    assert values == expected_of(prediction, "clips")


# ----------------------------------------------------------------------------------------------------------------------
# The summary of a long recording: shares, and a timeline that covers it in few lines.

SUMMARISED = ("anger", "neutral")


def summarised(duration: float, *parts: tuple[float, float, str]) -> Prediction:
    shares = dict.fromkeys(SUMMARISED, 0.5)
    utterances = tuple(UtteranceSegment(start, end, label, False, shares, changed=False) for start, end, label in parts)
    clip = Clip("anger", 0.5, False, shares, speech=bool(parts))
    return Prediction("a", duration, 16000, ModelInfo("m", "1", "0", "CC0"), SUMMARISED, clip, [], utterances)


def test_shares_are_of_the_speech() -> None:
    shares = speech_shares(summarised(100, (0, 10, "neutral"), (20, 50, "anger")))
    assert [(one.label, one.seconds, one.share) for one in shares] == [("anger", 30, 0.75), ("neutral", 10, 0.25)]
    assert speech_shares(summarised(100)) == ()


@pytest.mark.parametrize("duration", [0.3, 5, 80, 120.01, 4000, 86_400, 1e6])
def test_a_timeline_covers_the_recording_in_few_lines(duration: float) -> None:
    lines = timeline_lines(summarised(duration, (0, duration, "anger")), cells=7)
    assert len(lines) <= MAX_LINES
    step = timeline_step(duration)
    assert [line.start for line in lines] == [index * step for index in range(len(lines))]
    assert lines[-1].start < duration <= lines[-1].start + step
    assert all(cell == "anger" for line in lines for cell in line.cells)
    assert all(len(line.cells) == 7 for line in lines[:-1])
    assert sum(share.seconds for line in lines for share in line.shares) == pytest.approx(duration)


def test_a_cell_has_the_emotion_with_the_most_speech() -> None:
    (line,) = timeline_lines(summarised(5, (0, 0.4, "neutral"), (0.4, 1, "anger"), (3.2, 4.1, "neutral")), cells=5)
    assert line.cells == ("anger", None, None, "neutral", "neutral")
    assert [share.label for share in line.shares] == ["neutral", "anger"]
    assert [share.share for share in line.shares] == pytest.approx([1.3 / 1.9, 0.6 / 1.9])
