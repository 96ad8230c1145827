"""Pictures: both kinds of files, the same bytes each time, the words in the picture, and clear refusals."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from emotone.errors import MissingExtraError, OutputError, UnknownNameError
from emotone.inference.result import Prediction, from_dict
from emotone.inference.segments import UtteranceSegment

mpl = pytest.importorskip("matplotlib")

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from emotone.inference.model import Model


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
