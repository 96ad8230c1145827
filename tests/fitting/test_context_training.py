"""An LSTM on the features of a trained network on single chunks, whose layers are loaded and frozen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors.numpy import load_file
from tests.toy import LABELS, emodb_utterances, write_emodb

from emotone.fitting.resolve import resolve
from emotone.fitting.train import prepare, train_run
from emotone.fitting.training_run import WEIGHTS
from emotone.recipes.library import load_net_recipe
from emotone.reproductions.recipe_changes import changed

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.types import Utterance

SMALL: tuple[tuple[str, Any], ...] = (
    ("net.filters", [3]),
    ("net.units", 4),
    ("labels", "emodb"),
    ("training.epochs", 1),
)


def trained(name: str, utterances: tuple[Utterance, ...], folder: Path, *changes: tuple[str, Any]) -> Path:
    recipe = changed(load_net_recipe(name), (*SMALL, *changes))
    job = prepare(resolve(recipe), utterances, labels=LABELS)  # type: ignore[arg-type]
    train_run(job, folder / name)
    return folder / name


def test_an_lstm_is_trained_on_the_frozen_features_of_a_run(tmp_path: Path) -> None:
    utterances = emodb_utterances(write_emodb(tmp_path / "emodb", speakers=("03", "08"), sentences=("a01", "a02")))
    run = trained("spectrogram-r1", utterances, tmp_path)
    on_it = trained(
        "spectrogram-lstm-r1", utterances, tmp_path, ("net.context_units", 3), ("transfer.source", str(run))
    )
    before, after = load_file(run / WEIGHTS), load_file(on_it / WEIGHTS)
    shared = [name for name in before if ".classifier." not in name]
    assert len(shared) == 8  # limits and median, mean, convolution, hidden layer
    for name in shared:
        np.testing.assert_array_equal(after[name], before[name])
    assert after["blocks.context.ahead.weight_ih_l0"].shape == (12, 4)
