"""Valence and arousal: the positions themselves, their weighted mean, and the same values in every format."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotone.corpora.labels import EMOTIONS
from emotone.inference.events import Measurement, UtteranceEnd, UtteranceInterim
from emotone.inference.result import ModelInfo, Prediction, columns, from_dict
from emotone.inference.saving import FORMATS, Page, text_stream
from emotone.inference.segments import POSITIONS, Affect, Clip, Segment, UtteranceSegment, derive_affect

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emotone.inference.result import Rows

LABELS = ("anger", "calm", "sadness")
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
        labels=LABELS,
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
    clip = Clip(None, None, True, dict.fromkeys(LABELS, 1 / 3), speech=False)
    silent = replace(prediction, clip=clip, utterances=(), segments=())
    assert silent.to_dict()["clip"]["derived"] is None
    for by in ROWS:
        [row] = silent.rows(by)
        assert dict(zip(columns(LABELS), row, strict=True))["derived_valence"] is None


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
    writer = chosen.open(stream, Page(labels=LABELS, single=True, **page))
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
