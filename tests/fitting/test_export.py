"""From a training to a bundle: ONNX gives what torch gives, and the folder checks itself."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from tests.toy import LABELS, one_thread, tiny_recipe

from emotone.bundles.bundle import load_bundle
from emotone.errors import OutputError, RunError
from emotone.fitting.export import LICENCES, example_signal, export_run, licence_text
from emotone.fitting.training_run import RUN, WEIGHTS, load_net, load_run

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["one_thread"]
pytestmark = pytest.mark.usefixtures("one_thread")


def test_the_bundle_loads_and_checks_itself(exported: Path, trained: Path) -> None:
    bundle = load_bundle(exported)
    assert bundle.check() < 1e-5
    manifest, run = bundle.manifest, load_run(trained)
    assert (manifest.name, manifest.version, manifest.labels) == ("toy", "2.1.0", LABELS)
    assert manifest.licence == "CC0-1.0"
    assert manifest.training.corpora == ("emodb",)
    assert manifest.training.signature == run.signature
    assert manifest.windows == run.recipe.windows
    assert bundle.feature == run.recipe.feature
    assert set(manifest.front_end) == {"name", "rate", "window", "hop", "fft", "bands", "low", "high", "offset"}


@pytest.mark.parametrize(("batch", "time"), [(1, 1), (1, 298), (4, 30), (16, 151)])
def test_onnx_gives_what_torch_gives(exported: Path, trained: Path, batch: int, time: int) -> None:
    net = load_net(trained, load_run(trained))
    rows = np.random.default_rng(0).normal(-8, 3, (batch, time, 64)).astype(np.float32)
    with torch.inference_mode():
        expected = torch.softmax(net(torch.from_numpy(rows), None), dim=1).numpy()
    np.testing.assert_allclose(load_bundle(exported).probabilities(rows), expected, atol=1e-5)


def test_exported_again_it_is_the_same_to_the_byte(exported: Path, trained: Path, tmp_path: Path) -> None:
    again = shutil.copytree(exported, tmp_path / "again")
    (again / "CARD.md").write_text("changed by hand")
    export_run(trained, again, version="2.1.0", evaluation="UAR: tested.")
    for entry in exported.iterdir():
        assert (again / entry.name).read_bytes() == entry.read_bytes(), entry.name


def test_its_weights_are_those_of_the_training(exported: Path, trained: Path) -> None:
    """ONNX melts normalisations into what they follow, so that its tensors can't be trained on."""
    for name in (RUN, WEIGHTS):
        assert (exported / name).read_bytes() == (trained / name).read_bytes()
        assert name in load_bundle(exported).manifest.files


def test_the_card_and_the_licence_are_in_it(exported: Path) -> None:
    assert "UAR: tested." in (exported / "CARD.md").read_text()
    assert "Creative Commons Zero" in (exported / "LICENSE").read_text()


def test_no_path_of_this_machine_is_in_it(exported: Path, trained: Path) -> None:
    for entry in exported.iterdir():
        data = entry.read_bytes()
        assert b"site-packages" not in data, entry.name
        assert str(trained.parent).encode() not in data, entry.name
        assert b".py" not in data, entry.name


def test_what_is_no_training_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is no folder of a finished training"):
        export_run(tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_with_other_things_is_left_alone(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emotone.fitting.onnx_export.onnx_bytes", lambda *_, **__: b"not looked at")
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(OutputError, match="contains other files than a bundle"):
        export_run(trained, tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("rate", [8000, 16000])
def test_the_test_signal_is_loud_varied_and_always_the_same(rate: int) -> None:
    signal = example_signal(rate)
    np.testing.assert_array_equal(signal, example_signal(rate))
    assert signal.shape == (round(2.5 * rate),)
    assert signal.dtype == np.float32
    assert 0.1 < np.abs(signal).max() < 1.0


@pytest.mark.parametrize("licence", [*LICENCES, "Apache-2.0"])
def test_the_licence_text_names_the_licence(licence: str) -> None:
    text = licence_text(replace(tiny_recipe(), licence=licence))
    assert f"The model 'toy' ({licence}) may be used under {LICENCES.get(licence, licence)}." in text
    assert ("https://creativecommons.org/" in text) == licence.startswith("CC")
