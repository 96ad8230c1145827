from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from tests.fitting.distillation.conftest import CLASSES

from emotone.errors import RunError
from emotone.fitting.distillation.probe import (
    LAYERS,
    chance,
    compare_folder,
    compare_signals,
    pooled_layers,
    probe,
    untrained_student,
)
from emotone.fitting.distillation.student import student_spec

if TYPE_CHECKING:
    from tests.fitting.distillation.conftest import World

    from emotone.fitting.distillation.run import PreparedSource


def test_layers_are_pooled_over_time(world: World, rng: np.random.Generator) -> None:
    torch.manual_seed(0)
    net = student_spec(world.recipe, 3).build().eval()
    signals = [rng.normal(0, 0.1, samples).astype(np.float32) for samples in (16000, 30000)]
    pooled = pooled_layers(net, signals)
    assert {name: rows.shape for name, rows in pooled.items()} == {
        "conv1": (2, 64),
        "conv2": (2, 128),
        "conv3": (2, 256),
        "conv4": (2, 512),
    }
    blocks = net.blocks
    x, _ = blocks["conv1"](blocks["samples"](torch.from_numpy(signals[1])[None, :, None], None)[0], None)
    values = x[0].detach().numpy()
    assert np.allclose(pooled["conv1"][1], np.concatenate([values.mean(axis=1), values.std(axis=1)]), atol=1e-3)


def test_the_probe_finds_what_is_there_and_nothing_else(rng: np.random.Generator) -> None:
    labels = ["dog", "rain"] * 40
    folds = [str(index // 20) for index in range(80)]
    telling = rng.normal(size=(80, 4)).astype(np.float32)
    telling[:, 0] += np.array([3.0, -3.0] * 40)
    silent = rng.normal(size=(80, 4)).astype(np.float32)
    found = probe({"a": telling, "b": silent}, labels, folds, layers=("a", "b"), strength=1.0)
    assert found.accuracy > 0.95
    assert list(found.folds) == ["0", "1", "2", "3"]
    assert np.mean(list(found.folds.values())) == pytest.approx(found.accuracy)
    assert probe({"b": silent}, labels, folds, layers=("b",)).accuracy < 0.75


def test_the_untrained_student_is_settled_on_the_sound(world: World, ready: PreparedSource) -> None:
    data = ready.data
    net = untrained_student(world.recipe, data, seed=1)
    assert not net.training
    norms = [module for module in net.modules() if isinstance(module, torch.nn.BatchNorm1d)]
    assert len(norms) == len(LAYERS)
    for norm in norms:
        assert norm.momentum == 0.1  # as torch makes them
        assert norm.running_mean is not None
        assert norm.running_mean.abs().sum() > 0
    again = untrained_student(world.recipe, data, seed=1)
    name = "blocks.conv1.convolution.weight"
    assert torch.equal(net.get_parameter(name), again.get_parameter(name))


def test_chance_is_the_most_frequent_label() -> None:
    assert chance(["a", "b", "a", "c"]) == 0.5


def test_a_student_is_compared_with_its_untrained_students(world: World, ready: PreparedSource) -> None:
    torch.manual_seed(0)
    net = student_spec(world.recipe, CLASSES).build().eval()
    found = compare_folder(ready, net, folder="tones", label=r"/(\d)", seeds=(1,))
    assert set(found.probes) == {"student", "untrained-1"}
    assert [one.layers for one in found.probes["student"]] == [*((layer,) for layer in LAYERS), LAYERS]
    assert (found.classes, found.chance, found.unheard) == (2, 0.5, ("c",))
    assert set(found.probes["student"][0].folds) == {"a", "b", "c"}


def test_sounds_from_elsewhere_are_all_unheard(world: World, ready: PreparedSource, rng: np.random.Generator) -> None:
    net = student_spec(world.recipe, CLASSES).build().eval()
    signals = [rng.normal(0, 0.1, 16000).astype(np.float32) for _ in range(6)]
    labels, speakers = ["anger", "neutral"] * 3, ["m", "m", "f", "f", "d", "d"]
    found = compare_signals(ready, net, signals, labels=labels, folds=speakers, folder="calls", seeds=(1, 2))
    assert (found.folder, found.classes, found.unheard) == ("calls", 2, ("d", "f", "m"))
    assert list(found.probes) == ["student", "untrained-1", "untrained-2"]


def test_a_path_without_a_label_is_an_error(world: World, ready: PreparedSource) -> None:
    net = student_spec(world.recipe, CLASSES).build()
    with pytest.raises(RunError, match=r"the label '/\(z\)' is not found in a/0.wav"):
        compare_folder(ready, net, folder="tones", label="/(z)")
