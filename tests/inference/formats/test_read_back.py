"""Timelines, read by the packages that other programs read them with."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.inference.result import Prediction

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # in what is imported

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


def test_praat(prediction: Prediction, tmp_path: Path) -> None:
    textgrid = pytest.importorskip("praatio.textgrid")
    grid = textgrid.openTextgrid(saved(prediction, tmp_path / "a.TextGrid"), includeEmptyIntervals=False)
    intervals, points = (grid.getTier(name) for name in grid.tierNames)
    assert [(one.start, one.end) for one in intervals.entries] == SPANS
    assert [one.label for one in intervals.entries] == NAMES
    assert (grid.minTimestamp, grid.maxTimestamp) == (0.0, prediction.duration)
    assert [(one.time, one.label) for one in points.entries] == [(2.48, "neutral"), (4.02, "anger")]


def test_praat_reads_quotes(prediction: Prediction, tmp_path: Path) -> None:
    textgrid = pytest.importorskip("praatio.textgrid")
    path = saved(renamed(prediction, 'so-called "anger"'), tmp_path / "a.TextGrid")
    grid = textgrid.openTextgrid(path, includeEmptyIntervals=False)
    labels = [one.label for one in grid.getTier(grid.tierNames[0]).entries]
    assert [label.replace('""', '"') for label in labels] == ['so-called "anger"', "neutral", 'so-called "anger"']


@pytest.mark.parametrize("name", ["anger", ODD])
def test_elan(prediction: Prediction, tmp_path: Path, name: str) -> None:
    elan = pytest.importorskip("pympi.Elan")
    document = elan.Eaf(saved(renamed(prediction, name), tmp_path / "a.eaf"))
    found = sorted(document.get_annotation_data_for_tier("emotion"))
    assert [(start / 1000, end / 1000) for start, end, *_ in found] == SPANS
    assert [one[2] for one in found] == [name, "neutral", name]
    assert [medium["MEDIA_URL"] for medium in document.media_descriptors] == [prediction.file]


@pytest.mark.parametrize("suffix", [".srt", ".vtt"])
def test_captions(prediction: Prediction, tmp_path: Path, suffix: str) -> None:
    pysubs2 = pytest.importorskip("pysubs2")
    captions = pysubs2.load(saved(prediction, tmp_path / f"a{suffix}"))
    assert [(one.start / 1000, one.end / 1000) for one in captions] == SPANS
    assert [one.plaintext.split()[0] for one in captions] == NAMES


def test_captions_of_browsers(prediction: Prediction, tmp_path: Path) -> None:
    webvtt = pytest.importorskip("webvtt")
    captions = webvtt.read(saved(renamed(prediction, ODD), tmp_path / "a.vtt"))
    assert [(one.start, one.end) for one in captions] == [
        ("00:00:00.100", "00:00:02.480"),
        ("00:00:02.480", "00:00:03.500"),
        ("00:00:04.020", "00:00:04.500"),
    ]
    assert [one.identifier for one in captions] == ["1", "2", "3"]


def test_speaker_diarisation(prediction: Prediction, tmp_path: Path) -> None:
    database = pytest.importorskip("pyannote.database.util", reason="pyannote.database needs Python 3.11 or later")
    named = dataclasses.replace(prediction, file="call.wav")
    [(recording, annotation)] = database.load_rttm(saved(named, tmp_path / "a.rttm")).items()
    found = [(round(span.start, 3), round(span.end, 3), label) for span, _, label in annotation.itertracks(True)]
    assert recording == "call"
    assert found == [(*span, name) for span, name in zip(SPANS, NAMES, strict=True)]
