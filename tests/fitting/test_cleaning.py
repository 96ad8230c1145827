"""Statistics of the input are those of the training part, reported and kept in the model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import torch
from tests.toy import emodb_utterances, write_emodb

from emotone.fitting.cleaning import CLEANING, fit_cleaning
from emotone.fitting.fit import fit
from emotone.fitting.resolve import resolve
from emotone.recipes.recipe import Recipe
from emotone.recipes.training import TrainingSettings
from emotone.training.batches import Examples, Task
from emotone.types import Fold

if TYPE_CHECKING:
    from pathlib import Path

NET = {"name": "spectrogram-cnn", "filters": (3,), "units": 4}


def task(rows: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> Task:
    part = Examples((rows,), np.zeros(1, np.int64), np.zeros(1, np.int64))
    return Task(part, part, hop_seconds=0.008, window=64, hop=64, signature="", seed=1)


def test_a_network_without_cleaning_has_nothing_to_fit() -> None:
    from emotone.nets.architectures.segment_mlp import SegmentMlp

    assert fit_cleaning(SegmentMlp().build(64, 4), task(np.zeros((64, 64), np.float32))) is None


def test_the_statistics_are_those_of_the_cleaned_rows(rng: np.random.Generator) -> None:
    from emotone.nets.architectures.spectrogram_cnn import SpectrogramCnn

    net = SpectrogramCnn(filters=(3,), anomalies=0.01).build(128, 7)
    rows = rng.normal(-5, 2, (1000, 128)).astype(np.float32)
    report = fit_cleaning(net, task(rows))
    assert report is not None
    assert report.values == rows.size
    assert 0.008 < report.replaced / rows.size <= 0.011
    x = torch.from_numpy(rows)
    for name in ("limits", "centre"):
        x, _ = net.blocks[name](x, None)
    np.testing.assert_allclose(x.mean(dim=0).numpy(), 0, atol=1e-4)


def test_a_training_fits_them_to_its_training_part_only(tmp_path: Path) -> None:
    utterances = emodb_utterances(write_emodb(tmp_path / "emodb"))
    recipe = Recipe(
        name="toy",
        labels="emodb",
        front_end={"name": "two-channel-spectrogram"},
        net=NET,
        training=TrainingSettings(epochs=1, batch_size=4, crop_seconds=0.512, ema_decay=0.0),
    )
    resolved = resolve(recipe)
    features = resolved.extract(utterances).features
    keys = [utterance.key for utterance in utterances]
    fold = Fold("a", train=tuple(keys[:20]), dev=(), test=tuple(keys[20:]))
    fitted = fit(resolved, utterances, features, fold, labels=("anger", "sadness"), folder=tmp_path)
    rows = np.concatenate([features[key] for key in keys[:20]])
    low = np.quantile(rows, 0.0025, axis=0)
    np.testing.assert_allclose(fitted.net.get_buffer("blocks.limits.low").numpy(), low, rtol=1e-5)
    written = json.loads((tmp_path / CLEANING).read_text(encoding="utf-8"))
    assert fitted.about()["cleaning"] == written
    assert written["recordings"] == 20
    assert written["values"] == rows.size
