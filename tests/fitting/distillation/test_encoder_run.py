"""A small encoder from sound and a teacher to a source that a recipe with a frozen encoder reads."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from tests.toy import write_small_encoder

from emotone.errors import RunError, SourceError
from emotone.fitting.distillation import encoder_data as module
from emotone.fitting.distillation.encoder_data import STEP
from emotone.fitting.distillation.encoder_run import load_encoder_run, prepare_encoder, train_encoder_source
from emotone.fitting.distillation.encoder_student import EncoderObjective, Sampler, StudentNetwork, held_out_scores
from emotone.fitting.distillation.run import CARD, CHECKPOINT, WEIGHTS
from emotone.fitting.distillation.source_run import RUN
from emotone.fitting.encoder import build_encoder, encoder_network
from emotone.recipes.embedding_recipe import EncoderSettings
from emotone.recipes.encoder_recipe import EncoderRecipe, EncoderTrainingSettings, InputSettings, StudentSettings
from emotone.recipes.source_recipe import SoundFolder
from emotone.transfer.weights import read_weights

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from emotone.fitting.distillation.encoder_run import PreparedEncoder


@dataclass(frozen=True)
class EncoderWorld:
    """Folders by name, a recipe that uses them, what is prepared for it, and the cache that it is in."""

    folders: dict[str, Path]
    recipe: EncoderRecipe
    ready: PreparedEncoder
    cache: Path


@pytest.fixture(scope="module")
def encoder_world(
    made: tuple[dict[str, Path], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EncoderWorld]:
    root = tmp_path_factory.mktemp("encoder-world")
    teacher = write_small_encoder(root / "teacher.safetensors", layers=2)
    recipe = EncoderRecipe(
        name="tiny-student",
        sound={
            "tones": SoundFolder(group=r"^(\w)/", licence="CC0-1.0", held_out=("c",), attribution="nobody"),
            "noises": SoundFolder(group=r"-(\w)\.", licence="CC0-1.0", held_out_share=0.3),
        },
        noise=("noises",),
        teacher=EncoderSettings(str(teacher), layers=(1, 2)),
        licence="CC0-1.0",
        student=StudentSettings(layers=2, width=8, kernel=3, expansion=2, read=(1, 2)),
        inputs=InputSettings(copies=("reverberation/0.3s",), background=0.8),
        training=EncoderTrainingSettings(
            steps=4, batch_size=4, seconds=1.0, warmup=1, evaluate_every=2, checkpoint_every=1, ema_decay=0.5
        ),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMOTONE_CACHE", str(root / "cache"))
        patch.setattr(module, "CHUNK", 3)
        yield EncoderWorld(made[0], recipe, prepare_encoder(recipe, made[0]), root / "cache")


@pytest.fixture(scope="module")
def trained(encoder_world: EncoderWorld, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / encoder_world.ready.name
    train_encoder_source(encoder_world.ready, folder)
    return folder


def test_targets_are_the_teachers_outputs_of_the_plain_rows(encoder_world: EncoderWorld) -> None:
    data, recipe = encoder_world.ready.data, encoder_world.recipe
    net = encoder_network(recipe.teacher, read_weights(Path(recipe.teacher.source)))
    speech = [piece for piece in data.pieces if piece.folder == "tones"]
    assert [piece.is_held_out for piece in speech].count(True) == 2
    assert len(speech) == 2 * 4 + 2  # training recordings have a second version at another speed
    for piece in speech[::3]:
        x, lengths = torch.from_numpy(data.rows_of(piece, start=0, count=piece.rows, copy=0))[None], None
        with torch.inference_mode():
            for block in list(net.blocks.values())[:-1]:
                x, lengths = block(x, lengths)
        expected = x[0].numpy().transpose(1, 0, 2).reshape(piece.rows // STEP, STEP // 2, -1).mean(axis=1)
        found = data.targets_of(piece, start=0, count=piece.rows).astype(np.float32)
        np.testing.assert_allclose(found, expected, rtol=2e-3, atol=0.02)


def test_rows_and_targets_come_from_the_cache(encoder_world: EncoderWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMOTONE_CACHE", str(encoder_world.cache))
    monkeypatch.setattr(module, "encoder_network", lambda *_: pytest.fail("computed again"))
    told: list[tuple[str, int, int]] = []
    again = prepare_encoder(encoder_world.recipe, encoder_world.folders, progress=lambda *now: told.append(now))
    assert again.name == encoder_world.ready.name
    assert told[-1] == ("teacher", 9, 9)


def test_batches_are_functions_of_the_step(encoder_world: EncoderWorld) -> None:
    recipe, data = encoder_world.recipe, encoder_world.ready.data
    first, again, other = (Sampler(recipe, data).batch(step) for step in (0, 0, 1))
    np.testing.assert_array_equal(first.inputs, again.inputs)
    np.testing.assert_array_equal(first.targets, again.targets)
    assert first.inputs.shape != other.inputs.shape or np.abs(first.inputs - other.inputs).max() > 0
    assert (first.lengths % STEP == 0).all()
    assert first.targets.shape[1] * STEP == first.inputs.shape[1]
    assert np.isfinite(first.inputs).all()


def test_without_changes_the_student_hears_the_plain_rows(encoder_world: EncoderWorld) -> None:
    recipe, data = encoder_world.recipe, encoder_world.ready.data
    plain = replace(recipe, inputs=InputSettings(copies=(), background=0.0, noise=0.0, equaliser=0.0))
    batch = Sampler(plain, data).batch(0)
    rows = [data.rows_of(one, start=0, count=one.rows, copy=0) for one in data.pieces]
    for inputs, length in zip(batch.inputs, batch.lengths, strict=True):
        heard = inputs[:length]
        starts = [(whole, at) for whole in rows for at in range(0, len(whole) - length + 1, STEP)]
        assert min(np.abs(whole[at : at + length] - heard).max() for whole, at in starts) < 1e-5


def test_the_loss_decreases(encoder_world: EncoderWorld, tmp_path: Path) -> None:
    ready, recipe = encoder_world.ready, encoder_world.recipe
    longer = replace(recipe.training, steps=60, evaluate_every=60, checkpoint_every=60, learning_rate=0.01)
    prepared = replace(ready, recipe=replace(recipe, training=longer))
    run = train_encoder_source(prepared, tmp_path / "longer")
    torch.manual_seed(0)
    start = StudentNetwork(recipe, values=len(ready.data.statistics.mean))
    assert run.history[-1].shares["steps"] > held_out_scores(start, ready.data, recipe)["steps"] + 0.05


def test_the_loss_is_one_where_nothing_is_predicted(encoder_world: EncoderWorld) -> None:
    recipe, data = encoder_world.recipe, encoder_world.ready.data
    objective = EncoderObjective(replace(recipe, training=replace(recipe.training, pooled=0.0)), data)
    losses = []
    for step in range(4):
        batch = Sampler(recipe, data).batch(step)
        losses.append(float(objective.loss(torch.zeros(batch.targets.shape), batch).mean))
    assert np.mean(losses) == pytest.approx(1.0, abs=0.3)


def test_a_run_is_read_back(encoder_world: EncoderWorld, trained: Path) -> None:
    run = load_encoder_run(trained)
    assert run.recipe == encoder_world.recipe
    assert trained.name == f"tiny-student-{run.signature}"
    assert [score.step for score in run.history] == [2, 4]
    assert {"mean", "steps", "mean/tones", "mean/reverberation/0.3s"} == set(run.history[-1].shares)
    assert not (trained / CHECKPOINT).exists()
    card = (trained / CARD).read_text()
    for said in ("CC0-1.0", "nobody", run.weights_sha256, "layers 1, 2", f"{run.history[-1].shares['mean']:.3f}"):
        assert said in card


def test_an_interrupted_training_resumes(encoder_world: EncoderWorld, trained: Path, tmp_path: Path) -> None:

    def cut(done: int, _: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_encoder_source(encoder_world.ready, tmp_path / "other", on_step=cut)
    steps: list[int] = []
    run = train_encoder_source(encoder_world.ready, tmp_path / "other", on_step=lambda done, _: steps.append(done))
    assert steps == [3, 4]
    assert run.weights_sha256 == load_encoder_run(trained).weights_sha256


@pytest.mark.parametrize("quantised", [False, True])
def test_the_weights_are_an_encoder_of_recipes(
    encoder_world: EncoderWorld, trained: Path, rng: np.random.Generator, quantised: bool
) -> None:
    import onnxruntime

    settings = EncoderSettings(str(trained / WEIGHTS), layers=(0, 2), quantised=quantised)
    encoder = build_encoder(settings)
    assert encoder.values == 2 * 8
    x = rng.normal(-3, 1, (2, 121, 80)).astype(np.float32)
    (found,) = onnxruntime.InferenceSession(encoder.model()).run(None, {"features": x})
    with torch.inference_mode():
        expected = encoder_network(settings, read_weights(trained / WEIGHTS))(torch.from_numpy(x), None).numpy()
    assert np.abs(found - expected).max() / np.abs(expected).max() < (0.1 if quantised else 1e-4)


def test_layers_that_the_student_lacks_are_refused(trained: Path) -> None:
    with pytest.raises(SourceError, match="lacks"):
        build_encoder(EncoderSettings(str(trained / WEIGHTS), layers=(3,)))


def test_recordings_that_are_all_too_short_are_an_error(encoder_world: EncoderWorld, tmp_path: Path) -> None:
    import soundfile

    for name in ("a1.wav", "b1.wav"):
        soundfile.write(tmp_path / name, rng_noise(), 16000)
    recipe = replace(encoder_world.recipe, sound={"tones": SoundFolder(group=r"^(\w)", licence="CC0-1.0")}, noise=())
    with pytest.raises(RunError, match=r"every training recording is shorter than 0\.4 s"):
        prepare_encoder(recipe, {"tones": tmp_path})


def rng_noise() -> NDArray[np.float64]:
    return np.random.default_rng(1).normal(0, 0.1, 3200)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": "emotone.encoder/9"}, "was not written by this version"),
        ({"sound": 3}, "can't be read as the training of an encoder"),
    ],
)
def test_a_malformed_run_is_an_error(trained: Path, tmp_path: Path, change: dict[str, object], message: str) -> None:
    text = json.loads((trained / RUN).read_text()) | change
    (tmp_path / RUN).write_text(json.dumps(text))
    with pytest.raises(RunError, match=message):
        load_encoder_run(tmp_path)


def test_a_folder_without_a_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="contains no finished training of an encoder"):
        load_encoder_run(tmp_path)
