from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from emotone.errors import RunError, SourceError
from emotone.fitting.distillation.run import CARD, CHECKPOINT, WEIGHTS, load_student, prepare, train_source
from emotone.fitting.distillation.source_run import RUN, load_source_run
from emotone.transfer.weights import read_weights

if TYPE_CHECKING:
    from tests.fitting.distillation.conftest import World

    from emotone.fitting.distillation.run import PreparedSource


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
