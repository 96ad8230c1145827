"""Results that other libraries read back, audformat among them."""

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


# ----------------------------------------------------------------------------------------------------------------------
# Timelines, read by the packages that other programs read them with.

SPANS = [(0.1, 2.48), (2.48, 3.5), (4.02, 4.5)]
NAMES = ["anger", "neutral", "anger"]
ODD = 'a <b>&amp; "c"\n--> d'  # a label of a custom model may contain what formats use for other things


def saved(prediction: Prediction, path: Path) -> str:
    prediction.save(path)
    return str(path)


def renamed(prediction: Prediction, name: str) -> Prediction:
    """Return the prediction with another name for anger."""

    def of(one: Any) -> Any:
        probabilities = {name if label == "anger" else label: value for label, value in one.probabilities.items()}
        return dataclasses.replace(one, label=name if one.label == "anger" else one.label, probabilities=probabilities)

    return dataclasses.replace(
        prediction,
        labels=(name, *prediction.labels[1:]),
        clip=of(prediction.clip),
        utterances=tuple(map(of, prediction.utterances)),
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_praat(prediction: Prediction, tmp_path: Path) -> None:
    textgrid = pytest.importorskip("praatio.textgrid")
    grid = textgrid.openTextgrid(saved(prediction, tmp_path / "a.TextGrid"), includeEmptyIntervals=False)
    intervals, points = (grid.getTier(name) for name in grid.tierNames)
    assert [(one.start, one.end) for one in intervals.entries] == SPANS
    assert [one.label for one in intervals.entries] == NAMES
    assert (grid.minTimestamp, grid.maxTimestamp) == (0.0, prediction.duration)
    assert [(one.time, one.label) for one in points.entries] == [(2.48, "neutral"), (4.02, "anger")]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_praat_reads_quotes(prediction: Prediction, tmp_path: Path) -> None:
    textgrid = pytest.importorskip("praatio.textgrid")
    path = saved(renamed(prediction, 'so-called "anger"'), tmp_path / "a.TextGrid")
    grid = textgrid.openTextgrid(path, includeEmptyIntervals=False)
    labels = [one.label for one in grid.getTier(grid.tierNames[0]).entries]
    assert [label.replace('""', '"') for label in labels] == ['so-called "anger"', "neutral", 'so-called "anger"']


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", ["anger", ODD])
def test_elan(prediction: Prediction, tmp_path: Path, name: str) -> None:
    elan = pytest.importorskip("pympi.Elan")
    document = elan.Eaf(saved(renamed(prediction, name), tmp_path / "a.eaf"))
    found = sorted(document.get_annotation_data_for_tier("emotion"))
    assert [(start / 1000, end / 1000) for start, end, *_ in found] == SPANS
    assert [one[2] for one in found] == [name, "neutral", name]
    assert [medium["MEDIA_URL"] for medium in document.media_descriptors] == [prediction.file]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("suffix", [".srt", ".vtt"])
def test_captions(prediction: Prediction, tmp_path: Path, suffix: str) -> None:
    pysubs2 = pytest.importorskip("pysubs2")
    captions = pysubs2.load(saved(prediction, tmp_path / f"a{suffix}"))
    assert [(one.start / 1000, one.end / 1000) for one in captions] == SPANS
    assert [one.plaintext.split()[0] for one in captions] == NAMES


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_captions_of_browsers(prediction: Prediction, tmp_path: Path) -> None:
    webvtt = pytest.importorskip("webvtt")
    captions = webvtt.read(saved(renamed(prediction, ODD), tmp_path / "a.vtt"))
    assert [(one.start, one.end) for one in captions] == [
        ("00:00:00.100", "00:00:02.480"),
        ("00:00:02.480", "00:00:03.500"),
        ("00:00:04.020", "00:00:04.500"),
    ]
    assert [one.identifier for one in captions] == ["1", "2", "3"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_speaker_diarisation(prediction: Prediction, tmp_path: Path) -> None:
    database = pytest.importorskip("pyannote.database.util", reason="pyannote.database needs Python 3.11 or later")
    named = dataclasses.replace(prediction, file="call.wav")
    [(recording, annotation)] = database.load_rttm(saved(named, tmp_path / "a.rttm")).items()
    found = [(round(span.start, 3), round(span.end, 3), label) for span, _, label in annotation.itertracks(True)]
    assert recording == "call"
    assert found == [(*span, name) for span, name in zip(SPANS, NAMES, strict=True)]


# ----------------------------------------------------------------------------------------------------------------------
# What `audformat` unpacks and loads is what was predicted.

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


@pytest.fixture
def _needs_audformat() -> None:
    pytest.importorskip("audformat")


@pytest.mark.filterwarnings("ignore::DeprecationWarning:audformat.*")
@pytest.mark.usefixtures("_needs_audformat")
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


@pytest.mark.filterwarnings("ignore::DeprecationWarning:audformat.*")
@pytest.mark.usefixtures("_needs_audformat")
def test_equal_predictions_give_equal_bytes(prediction: Prediction) -> None:
    assert packed([prediction]) == packed([prediction])


@pytest.mark.filterwarnings("ignore::DeprecationWarning:audformat.*")
@pytest.mark.usefixtures("_needs_audformat")
def test_a_recording_given_twice_is_there_once(prediction: Prediction, tmp_path: Path) -> None:
    assert len(loaded(packed([prediction, prediction]), tmp_path)["clips"]) == 1


@pytest.mark.filterwarnings("ignore::DeprecationWarning:audformat.*")
@pytest.mark.usefixtures("_needs_audformat")
def test_a_second_channel_of_a_file_is_refused(prediction: Prediction, tmp_path: Path) -> None:
    channels = [dataclasses.replace(prediction, channel=channel) for channel in (0, 1)]
    assert set(loaded(packed(channels[1:]), tmp_path)["utterances"].df["channel"]) == {"1"}
    with pytest.raises(UsageError, match="has results of the channels 0 and 1; write a database for each channel"):
        packed(channels)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:audformat.*")
@pytest.mark.usefixtures("_needs_audformat")
@pytest.mark.parametrize("labels", [(), LABELS])
def test_without_results_the_tables_are_empty(tmp_path: Path, labels: tuple[str, ...]) -> None:
    database = loaded(packed([], labels), tmp_path)
    assert [len(database[name]) for name in ("clips", "segments", "utterances")] == [0, 0, 0]
    assert "failures" not in database.tables


@pytest.mark.filterwarnings("ignore::DeprecationWarning:audformat.*")
@pytest.mark.usefixtures("_needs_audformat")
def test_silence_samples_and_odd_names_are_kept(prediction: Prediction, tmp_path: Path) -> None:
    odd = dataclasses.replace(prediction, file="a\udcff.wav", utterances=[])
    database = loaded(packed([odd, dataclasses.replace(prediction, file=None)]), tmp_path)
    assert database["clips"].df.index.tolist() == [r"a\udcff.wav", "samples"]
    assert set(database["utterances"].df.index.get_level_values("file")) == {"samples"}


@pytest.mark.filterwarnings("ignore::DeprecationWarning:audformat.*")
@pytest.mark.usefixtures("_needs_audformat")
def test_save_goes_by_the_suffix(prediction: Prediction, tmp_path: Path) -> None:
    prediction.save(tmp_path / "a.audformat.zip")
    assert (tmp_path / "a.audformat.zip").read_bytes() == packed([prediction])


@pytest.mark.filterwarnings("ignore::DeprecationWarning:audformat.*")
@pytest.mark.usefixtures("_needs_audformat")
def test_the_extra_is_named(prediction: Prediction, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "audformat", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'emotone\[audformat\]'"):
        prediction.save(tmp_path / "a.audformat.zip")
    assert not list(tmp_path.iterdir())
