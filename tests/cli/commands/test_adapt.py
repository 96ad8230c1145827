"""`emotone adapt` and `emotone predict --adapt` give the same results."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile

from emotone.inference.model import load

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import MakeBundle

    from emotone.inference.model import Model

RATE = 16000


@pytest.fixture
def model(make_bundle: MakeBundle, tmp_path: Path) -> Model:
    return load(make_bundle(tmp_path / "model", head=True))


@pytest.fixture
def recordings(tmp_path: Path, speech: Callable[..., Any]) -> list[Path]:
    paths = [tmp_path / f"{number}.wav" for number in range(3)]
    for number, path in enumerate(paths):
        soundfile.write(path, speech(2.0, seed=number) * (0.2 + 0.2 * number), RATE, subtype="FLOAT")
    return paths


def test_the_command_writes_a_model_that_predicts_like_predict_with_adapt(
    emotone: Callable[..., Any], model: Model, recordings: list[Path], tmp_path: Path
) -> None:
    given = [argument for path in recordings for argument in ("--recordings", path)]
    missing = tmp_path / "missing.wav"
    result = emotone("adapt", model.bundle.directory, *given, "--recordings", missing, "--out", tmp_path / "mine")
    assert result.status == 1
    assert "missing.wav" in result.err
    assert result.out.strip() == str(tmp_path / "mine")
    by_model = emotone("predict", *recordings, "--model", tmp_path / "mine", "--format", "json")
    in_one_go = emotone("predict", *recordings, "--model", model.bundle.directory, "--adapt", "--format", "json")
    assert json.loads(by_model.out) == json.loads(in_one_go.out)
    assert all(one["adapted"] for one in json.loads(by_model.out))


def test_adapting_needs_files(emotone: Callable[..., Any], model: Model) -> None:
    result = emotone("predict", "-", "--model", model.bundle.directory, "--adapt")
    assert result.status == 2
    assert "--adapt reads every recording twice" in result.err


def test_channels_and_tracks_are_chosen(
    emotone: Callable[..., Any], model: Model, recordings: list[Path], tmp_path: Path, speech: Callable[..., Any]
) -> None:
    stereo = np.stack([speech(2.0, seed=7), speech(2.0, seed=8)], axis=1)
    soundfile.write(tmp_path / "stereo.wav", stereo, RATE, subtype="FLOAT")
    given = ("adapt", model.bundle.directory, "--recordings", tmp_path / "stereo.wav", "--out", tmp_path / "mine")
    assert emotone(*given, "--channel", "0").status == 2  # one recording has no deviation
    assert emotone(*given, "--channel", "each", "--track", "all", "--quiet").status == 0
    adaptation = load(tmp_path / "mine").bundle.manifest.adaptation
    assert adaptation is not None
    assert adaptation.recordings == 2
    wrong = emotone(*given, "--track", "first")
    assert (wrong.status, "allowed: a number from 0, default, or all" in wrong.err) == (2, True)
