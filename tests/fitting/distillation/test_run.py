"""Runs of a student: what is stored, probes of its layers, and its card."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from tests.fitting.distillation.conftest import CLASSES, made_run

from emotone.errors import RunError, SourceError
from emotone.fitting.distillation.probe import (
    LAYERS,
    chance,
    compare_folder,
    compare_signals,
    pooled_layers,
    probe,
    untrained_student,
)
from emotone.fitting.distillation.run import CARD, CHECKPOINT, WEIGHTS, load_student, prepare, train_source
from emotone.fitting.distillation.source_run import (
    RUN,
    HeldOutScore,
    LayerProbe,
    ProbeComparison,
    load_source_run,
    source_card,
)
from emotone.fitting.distillation.student import student_spec
from emotone.transfer.weights import read_weights

if TYPE_CHECKING:
    from tests.fitting.distillation.conftest import World

    from emotone.fitting.distillation.run import PreparedSource


# ----------------------------------------------------------------------------------------------------------------------
#


@pytest.fixture(scope="module")
def trained(ready: PreparedSource, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / ready.name
    train_source(ready, folder)
    return folder


@pytest.fixture
def folder(trained: Path, tmp_path: Path) -> Path:
    """Return a copy of the run, to be changed."""
    return Path(shutil.copytree(trained, tmp_path / trained.name))


def test_a_run_is_read_back(world: World, folder: Path) -> None:
    run = load_source_run(folder)
    assert run.recipe == world.recipe
    assert folder.name == f"tiny-source-{run.signature}"
    assert [one.step for one in run.history] == [2, 4]
    used = run.sound["tones"]
    assert (used.recordings, used.held_out_recordings, used.held_out_groups) == (4, 2, 1)
    assert used.minutes == pytest.approx(4 / 60, abs=0.01)
    assert run.baseline.folders.keys() == run.history[-1].folders.keys()
    assert not (folder / CHECKPOINT).exists()


def test_a_transfer_can_read_the_weights(folder: Path) -> None:
    weights = read_weights(folder / WEIGHTS)
    assert (weights.source, weights.licence) == ("tiny-source", "CC0-1.0")
    assert weights.tensors["blocks.conv1.convolution.weight"].shape == (32, 1, 64)
    net = load_student(folder, load_source_run(folder))
    assert not net.training
    assert torch.equal(
        net.state_dict()["blocks.conv4.norm.running_var"],
        torch.from_numpy(weights.tensors["blocks.conv4.norm.running_var"]),
    )


def test_an_interrupted_training_resumes(ready: PreparedSource, folder: Path, tmp_path: Path) -> None:

    def cut(done: int, _: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_source(ready, tmp_path / "other", on_step=cut)
    steps: list[int] = []
    run = train_source(ready, tmp_path / "other", on_step=lambda done, _: steps.append(done))
    assert steps == [3, 4]
    assert run.weights_sha256 == load_source_run(folder).weights_sha256


def test_a_fresh_training_starts_from_scratch(ready: PreparedSource, folder: Path) -> None:
    steps: list[int] = []
    train_source(ready, folder, fresh=True, on_step=lambda done, _: steps.append(done))
    assert steps == [1, 2, 3, 4]


def test_another_recipe_is_another_folder(world: World, folder: Path) -> None:
    recipe = replace(world.recipe, training=replace(world.recipe.training, steps=5))
    assert world.ready(recipe).name != folder.name


def test_progress_is_reported_by_stage(world: World) -> None:
    told: list[tuple[str, int, int]] = []
    prepare(world.recipe, world.folders, teacher=world.teacher, progress=lambda *now: told.append(now))
    assert {what for what, _, _ in told} == {"sound", "teacher", "teacher, held out"}
    assert told[-1] == ("teacher, held out", 6, 6)


def test_the_card_has_licence_hashes_and_scores(folder: Path) -> None:
    card, run = (folder / CARD).read_text(), load_source_run(folder)
    for said in (
        "CC0-1.0",
        "nobody",
        "mAP 43.2",
        run.weights_sha256,
        run.signature,
        f"{run.history[-1].divergence:.3f}",
    ):
        assert said in card
    assert "| noises |" in card


def test_a_folder_without_a_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="contains no finished source"):
        load_source_run(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": "emotone.source/9"}, "was not written by this version"),
        ({"sound": 3}, "can't be read as finished source"),
        ({"baseline": [1.7, 0.5]}, "can't be read as finished source"),
    ],
)
def test_a_malformed_run_is_an_error(folder: Path, change: dict[str, object], message: str) -> None:
    text = json.loads((folder / RUN).read_text()) | change
    (folder / RUN).write_text(json.dumps(text))
    with pytest.raises(RunError, match=message):
        load_source_run(folder)


def test_changed_weights_are_rejected(folder: Path) -> None:
    run = load_source_run(folder)
    with pytest.raises(RunError, match="has changed since the training"):
        load_student(folder, replace(run, weights_sha256="0" * 64))
    (folder / WEIGHTS).write_bytes(b"nothing of the kind")
    with pytest.raises(SourceError, match="contains no weights that emotone wrote"):
        load_student(folder, run)


# ----------------------------------------------------------------------------------------------------------------------
#


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


# ----------------------------------------------------------------------------------------------------------------------
# Every number of a card comes with the number to compare it with.


def probes(*accuracies: float) -> tuple[LayerProbe, ...]:
    """Return probes of layers whose fold 5 is ten points worse than all folds."""
    return tuple(
        LayerProbe((f"conv{number}",), {"1": accuracy, "5": accuracy - 0.1}, accuracy, 400)
        for number, accuracy in enumerate(accuracies, start=1)
    )


SOUNDS = ProbeComparison(
    "rain",
    10,
    0.1,
    ("5",),
    {"student": probes(0.5, 0.9), "untrained-1": probes(0.4, 0.7), "untrained-2": probes(0.3, 0.75)},
)


def test_every_score_has_its_baseline() -> None:
    card = source_card(made_run())
    assert "| all | 0.500 (1.800) | 0.800 (0.500) |" in card
    assert "| noises | 0.900 (2.500) | 0.600 (0.100) |" in card
    assert "| tones | 0.100 (1.100) | 1.000 (1.000) |" in card


def test_an_agreement_equal_to_the_baseline_is_flagged() -> None:
    said = "the student's agreement equals that of the constant prediction"
    assert f"On tones {said}" in source_card(made_run())
    run = made_run()
    better = replace(run.baseline, folders={**run.baseline.folders, "tones": (1.1, 0.9)})
    assert said not in source_card(replace(run, baseline=better))


def test_layers_are_compared_with_untrained_networks_and_new_folds_have_columns() -> None:
    card = source_card(made_run(), [SOUNDS])
    assert "| layers | student | 2 untrained | student, fold 5 only | untrained, fold 5 only |" in card
    assert "| conv2 | 90.0 | 70.0 to 75.0 | 80.0 | 60.0 to 65.0 |" in card
    assert "All folds except 5 were part of the student's training sound (without labels)" in card
    assert "400 clips, 10 classes, 2 folds (1, 5); most frequent label: 10.0." in card


@pytest.mark.parametrize(
    ("unheard", "said"),
    [(("1", "5"), "None of it was part"), ((), "All of it was part of the student's training sound")],
)
def test_without_a_mixture_of_folds_there_are_no_extra_columns(unheard: tuple[str, ...], said: str) -> None:
    card = source_card(made_run(), [replace(SOUNDS, unheard=unheard)])
    assert said in card
    assert "| layers | student | 2 untrained |\n" in card


def test_without_untrained_networks_the_column_is_none() -> None:
    assert "| conv1 | 50.0 | none |" in source_card(
        made_run(), [replace(SOUNDS, probes={"student": probes(0.5)}, unheard=("1", "5"))]
    )


def test_a_temperature_other_than_one_is_shown() -> None:
    run = made_run()
    hot = replace(run.recipe, training=replace(run.recipe.training, temperature=2.0))
    assert "logits / 2." in source_card(replace(run, recipe=hot))
    assert " / 1" not in source_card(run)


def test_notes_end_the_card() -> None:
    assert source_card(made_run(), [SOUNDS], notes="## Limits\n\nMany.\n\n").endswith("|\n\n## Limits\n\nMany.\n")
    assert source_card(made_run()).endswith(".\n")


def test_the_last_score_is_shown() -> None:
    run = made_run()
    early = HeldOutScore(1, None, 9.0, 0.0, {"tones": (9.0, 0.0), "noises": (9.0, 0.0)}, 0.0)
    assert source_card(replace(run, history=(early, *run.history))) == source_card(run)
