"""Pictures of predictions: their data, and the drawing."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import matplotlib as mpl
import numpy as np
import pytest

from emotone.errors import MissingExtraError, OutputError, UnknownNameError
from emotone.inference.buffers import EnvelopeMeter
from emotone.inference.display import COLOURS, OTHERS, colour
from emotone.inference.plot_data import COLUMNS, MAX_TICKS, probability_runs, ticks, waveform_runs
from emotone.inference.result import ModelInfo, Prediction, from_dict
from emotone.inference.segments import Clip, Segment, UtteranceSegment

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from emotone.inference.model import Model


# ----------------------------------------------------------------------------------------------------------------------
# The colours of emotions: they differ for readers with and without colour blindness.

SHIPPED = ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")
VISION = {  # Machado, Oliveira & Fernandes (2009), severity 1, in linear RGB
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
WHITE = np.array([0.9505, 1.0, 1.089])


def linear(shade: str) -> NDArray[np.float64]:
    values = np.array([int(shade[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def lab(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    relative = XYZ @ np.clip(rgb, 0, 1) / WHITE
    f = np.where(relative > 0.008856, np.cbrt(relative), 7.787 * relative + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize(("one", "other"), list(combinations(SHIPPED, 2)))
def test_the_colours_of_the_shipped_models_differ(one: str, other: str, vision: str) -> None:
    seen = [lab(np.array(VISION[vision]) @ linear(COLOURS[label])) for label in (one, other)]
    assert np.linalg.norm(seen[0] - seen[1]) >= 25


@pytest.mark.parametrize("label", SHIPPED)
def test_colours_are_visible_on_white_and_on_black(label: str) -> None:
    luminance = float(XYZ[1] @ linear(COLOURS[label]))
    assert 1.05 / (luminance + 0.05) > 1.7
    assert (luminance + 0.05) / 0.05 > 2.5


def test_labels_that_are_no_emotion_have_colours_of_their_own() -> None:
    labels = ("anger", "other", "laughter")
    assert colour("anger", labels=labels) == COLOURS["anger"]
    assert [colour(label, labels=labels) for label in labels[1:]] == list(OTHERS[:2])


# ----------------------------------------------------------------------------------------------------------------------
# What a picture draws: step functions that are exact while they fit, and means by duration where they do not.

LABELS = ("anger", "neutral")


def shares(anger: float) -> dict[str, float]:
    return {"anger": anger, "neutral": 1 - anger}


def utterance(start: float, end: float, anger: float) -> UtteranceSegment:
    label = "anger" if anger > 0.5 else "neutral"
    return UtteranceSegment(start, end, label, False, shares(anger), changed=False)


def made_prediction(duration: float, utterances: list[UtteranceSegment], segments: list[Segment]) -> Prediction:
    clip = Clip("anger", 0.6, False, shares(0.6), speech=bool(utterances))
    model = ModelInfo("tiny", "0.1.0", "ab", "CC0-1.0")
    return Prediction("a.wav", duration, 16000, model, LABELS, clip, segments, tuple(utterances))


def test_steps_of_windows_meet_between_their_centres_and_fill_the_utterance() -> None:
    windows = [Segment(start, start + 2, "anger", shares(anger)) for start, anger in ((1, 0.8), (2, 0.4), (3, 0.6))]
    (run,) = probability_runs(made_prediction(6, [utterance(1, 5, 0.6)], windows))
    assert run.edges.tolist() == [1, 2.5, 3.5, 5]
    assert run.inner[:, 0].tolist() == [0.8, 0.4, 0.6]
    assert run.outer[:, 0].tolist() == [0.6] * 3


def test_an_utterance_without_windows_of_its_own_is_one_step() -> None:
    (run,) = probability_runs(made_prediction(6, [utterance(1, 1.5, 0.7)], []))
    assert run.edges.tolist() == [1, 1.5]
    assert run.inner.tolist() == run.outer.tolist() == [[0.7, pytest.approx(0.3)]]


def test_no_speech_is_no_run() -> None:
    assert list(probability_runs(made_prediction(6, [], []))) == []
    assert list(waveform_runs(made_prediction(6, [], []))) == []


def long_prediction(rng: np.random.Generator) -> Prediction:
    """An hour with 600 utterances of 1 to 4 s and pauses between them; every window is an utterance."""
    starts = np.arange(600) * 6.0
    parts = [
        utterance(float(start), float(start + length), float(anger))
        for start, length, anger in zip(starts, rng.uniform(1, 4, 600), rng.uniform(0, 1, 600), strict=True)
    ]
    return made_prediction(3600, parts, [Segment(one.start, one.end, one.label, one.probabilities) for one in parts])


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
        made_prediction(100, [utterance(10, 20, 0.9), utterance(20, 30, 0.1)], []), envelope=meter.envelope()
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


# ----------------------------------------------------------------------------------------------------------------------
# Pictures: both kinds of files, the same bytes each time, the words in the picture, and clear refusals.


@pytest.fixture
def prediction(model: Model, noise: NDArray[np.float32]) -> Prediction:
    return model.predict(noise, rate=16000, name="calls/a.wav")


def words(path: Path) -> str:
    """Return the text elements of an SVG."""
    tree = ET.fromstring(path.read_text(encoding="utf-8"))  # noqa: S314  (our own file)
    return "\n".join("".join(element.itertext()) for element in tree.iter() if element.tag.endswith("}text"))


def test_png_and_svg(prediction: Prediction, tmp_path: Path) -> None:
    figure = prediction.plot(tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert figure.get_size_inches()[0] == 12
    prediction.plot(tmp_path / "A.SVG")
    text = words(tmp_path / "A.SVG")
    assert "calls/a.wav" in text
    assert f"whole recording: {prediction.clip.label}" in text
    for label in prediction.labels:
        assert re.search(rf"^{label}$", text, re.MULTILINE)


def test_no_path_returns_the_figure_and_writes_nothing(prediction: Prediction) -> None:
    assert len(prediction.plot().axes) == 3


def test_the_same_prediction_gives_the_same_bytes_whatever_the_settings_of_the_user(
    prediction: Prediction, tmp_path: Path
) -> None:
    prediction.plot(tmp_path / "a.svg")
    prediction.plot(tmp_path / "a.png")
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red", "svg.fonttype": "path", "savefig.bbox": "tight"}):
        prediction.plot(tmp_path / "b.svg")
        prediction.plot(tmp_path / "b.png")
    for suffix in (".svg", ".png"):
        assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


def test_a_prediction_from_json_has_no_waveform_and_is_drawn(prediction: Prediction, tmp_path: Path) -> None:
    copy = from_dict(prediction.to_dict())
    assert copy == prediction
    assert isinstance(copy, Prediction)
    copy.plot(tmp_path / "a.svg")
    assert "envelope" not in prediction.to_json()


@pytest.mark.parametrize("name", ["a$b$c_{2}.wav", "zażółć ☃.wav", 300 * "long" + ".wav", "<&>\x1b.wav"])
def test_names_of_any_kind(prediction: Prediction, tmp_path: Path, name: str) -> None:
    for suffix in ("png", "svg"):
        replace(prediction, file=name).plot(tmp_path / f"a.{suffix}")
    assert name.replace("\x1b", "?")[-6:] in words(tmp_path / "a.svg")


def test_silence_is_stated(model: Model, tmp_path: Path) -> None:
    model.predict(np.zeros(16000), rate=16000).plot(tmp_path / "a.svg")
    assert words(tmp_path / "a.svg").count("no speech") == 2


def test_the_size_does_not_depend_on_the_duration(prediction: Prediction, tmp_path: Path) -> None:
    utterances = tuple(
        UtteranceSegment(5.0 * index, 5.0 * index + 4, *label(index), changed=True) for index in range(800)
    )
    replace(prediction, duration=4000.0, utterances=utterances).plot(tmp_path / "a.svg")
    assert (tmp_path / "a.svg").stat().st_size < 1_000_000


def label(index: int) -> tuple[str, bool, dict[str, float]]:
    rest = dict.fromkeys(("anger", "happiness", "neutral", "sadness"), 0.1)
    name = list(rest)[index % 4]
    return name, index % 5 == 0, {**rest, name: 0.7}


def test_refusals(prediction: Prediction, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown suffix of a picture '\.pgn'; did you mean '\.png'\?"):
        prediction.plot(tmp_path / "a.pgn")
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="file"):
        prediction.plot(tmp_path / "file" / "a.png")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"a picture needs the package 'matplotlib'.*emotone\[plot\]"):
        prediction.plot(tmp_path / "a.png")


def test_prediction_does_not_import_matplotlib() -> None:
    code = "import emotone.inference.model, sys; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False"
