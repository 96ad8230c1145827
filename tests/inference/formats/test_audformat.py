"""What `audformat` unpacks and loads is what was predicted."""

from __future__ import annotations

import dataclasses
import io
import sys
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from emotone.errors import MissingExtraError, UsageError
from emotone.inference.saving import FORMATS, Page

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from emotone.inference.result import Failure, Prediction
    from emotone.inference.segments import Segment, UtteranceSegment

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:audformat.*")
LABELS = ("anger", "neutral", "sadness")


def packed(results: Sequence[Prediction | Failure], labels: tuple[str, ...] = LABELS) -> bytes:
    stream = io.BytesIO()
    writer = FORMATS.get("audformat").open(stream, Page(labels=labels))
    for result in results:
        writer.write(result)
    writer.finish()
    return stream.getvalue()


def loaded(data: bytes, folder: Path) -> Any:
    audformat = pytest.importorskip("audformat")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        archive.extractall(folder)
    return audformat.Database.load(str(folder))


@pytest.fixture(autouse=True)
def _needs_audformat() -> None:
    pytest.importorskip("audformat")


def test_every_part_of_a_prediction_is_there(prediction: Prediction, failure: Failure, tmp_path: Path) -> None:
    database = loaded(packed([prediction, failure]), tmp_path)
    assert sorted(database.tables) == ["clips", "failures", "segments", "utterances"]
    assert "of the model tiny 0.1.0, SHA-256 abab" in database.description
    assert database.schemes["emotion"].labels == list(LABELS)
    parts: dict[str, Sequence[Segment | UtteranceSegment]] = {
        "segments": prediction.segments,
        "utterances": prediction.utterances,
    }
    for name, expected in parts.items():
        rows = database[name].df.reset_index()
        for edge in ("start", "end"):
            assert (rows[edge].dt.total_seconds() == [getattr(one, edge) for one in expected]).all()
        emotions = rows["emotion"].astype(object).where(rows["emotion"].notna(), None)
        assert emotions.tolist() == [one.label for one in expected]
        assert rows["p_neutral"].tolist() == [one.probabilities["neutral"] for one in expected]
        assert set(rows["file"]) == {prediction.file}
        derived = [one.derived for one in expected]
        assert rows["derived_valence"].tolist() == [one.valence for one in derived if one is not None]
        assert rows["derived_arousal"].tolist() == [one.arousal for one in derived if one is not None]
    assert database["utterances"].df["changed"].tolist() == [one.changed for one in prediction.utterances]
    assert database["utterances"].df["unsure"].tolist() == [one.unsure for one in prediction.utterances]
    assert set(database["segments"].df["channel"]) == {"mix"}
    assert database["segments"].df["speech"].tolist() == [one.speech for one in prediction.segments]
    clip = database["clips"].df.loc[prediction.file]
    assert (clip["emotion"], clip["speech"], clip["unsure"], clip["p_anger"]) == ("anger", True, False, 0.61)
    failed = database["failures"].df.loc[failure.file]
    assert (failed["error"], failed["message"]) == (failure.code, failure.message)


def test_equal_predictions_give_equal_bytes(prediction: Prediction) -> None:
    assert packed([prediction]) == packed([prediction])


def test_a_recording_given_twice_is_there_once(prediction: Prediction, tmp_path: Path) -> None:
    assert len(loaded(packed([prediction, prediction]), tmp_path)["clips"]) == 1


def test_a_second_channel_of_a_file_is_refused(prediction: Prediction, tmp_path: Path) -> None:
    channels = [dataclasses.replace(prediction, channel=channel) for channel in (0, 1)]
    assert set(loaded(packed(channels[1:]), tmp_path)["utterances"].df["channel"]) == {"1"}
    with pytest.raises(UsageError, match="has results of the channels 0 and 1; write a database for each channel"):
        packed(channels)


@pytest.mark.parametrize("labels", [(), LABELS])
def test_without_results_the_tables_are_empty(tmp_path: Path, labels: tuple[str, ...]) -> None:
    database = loaded(packed([], labels), tmp_path)
    assert [len(database[name]) for name in ("clips", "segments", "utterances")] == [0, 0, 0]
    assert "failures" not in database.tables


def test_silence_samples_and_odd_names_are_kept(prediction: Prediction, tmp_path: Path) -> None:
    odd = dataclasses.replace(prediction, file="a\udcff.wav", utterances=[])
    database = loaded(packed([odd, dataclasses.replace(prediction, file=None)]), tmp_path)
    assert database["clips"].df.index.tolist() == [r"a\udcff.wav", "samples"]
    assert set(database["utterances"].df.index.get_level_values("file")) == {"samples"}


def test_save_goes_by_the_suffix(prediction: Prediction, tmp_path: Path) -> None:
    prediction.save(tmp_path / "a.audformat.zip")
    assert (tmp_path / "a.audformat.zip").read_bytes() == packed([prediction])


def test_the_extra_is_named(prediction: Prediction, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "audformat", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'emotone\[audformat\]'"):
        prediction.save(tmp_path / "a.audformat.zip")
    assert not list(tmp_path.iterdir())
