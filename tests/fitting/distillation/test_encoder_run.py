"""A small encoder from sound and a teacher to a source; teachers and their targets."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile
import torch
from tests.fitting.distillation.conftest import CLASSES
from tests.toy import write_small_encoder

from emotone.audio.samples import resample
from emotone.errors import RunError, SourceError
from emotone.features.front_ends.log_mel import MnLogMel, mn_tables
from emotone.fitting.distillation import encoder_data as module
from emotone.fitting.distillation.encoder_data import STEP
from emotone.fitting.distillation.encoder_run import load_encoder_run, prepare_encoder, train_encoder_source
from emotone.fitting.distillation.encoder_student import EncoderObjective, Sampler, StudentNetwork, held_out_scores
from emotone.fitting.distillation.excerpts import Excerpts, teacher_logits
from emotone.fitting.distillation.run import CARD, CHECKPOINT, WEIGHTS
from emotone.fitting.distillation.sound import load_sound
from emotone.fitting.distillation.source_run import RUN
from emotone.fitting.distillation.teachers import MobileNet, load_teacher
from emotone.fitting.encoder import build_encoder, encoder_network
from emotone.recipes.embedding_recipe import EncoderSettings
from emotone.recipes.encoder_recipe import EncoderRecipe, EncoderTrainingSettings, InputSettings, StudentSettings
from emotone.recipes.source_recipe import SoundFolder
from emotone.transfer.weights import read_weights

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from tests.fitting.distillation.conftest import World

    from emotone.fitting.distillation.encoder_run import PreparedEncoder


# ----------------------------------------------------------------------------------------------------------------------
# A small encoder from sound and a teacher to a source that a recipe with a frozen encoder reads.


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


# ----------------------------------------------------------------------------------------------------------------------
#

RATE = 32000
BINS = np.arange(513) * RATE / 1024  # hertz


@pytest.fixture
def net() -> MobileNet:
    torch.manual_seed(1)
    return MobileNet(width=0.1, classes=5).eval()


def test_parameters_are_those_of_the_published_net() -> None:
    assert sum(one.numel() for one in MobileNet(width=0.4, classes=527).parameters()) == 983_599


def test_a_batch_gives_what_single_sounds_give(net: MobileNet) -> None:
    sound = torch.randn(3, 8000, generator=torch.Generator().manual_seed(2)) * 0.1
    with torch.inference_mode():
        whole, single = net(sound), torch.cat([net(one[None]) for one in sound])
    assert torch.allclose(whole, single, atol=1e-5)


def test_whole_windows_give_the_rows_of_the_front_end(net: MobileNet, rng: np.random.Generator) -> None:
    """Its windows begin 400 samples before the multiples of the hop; behind 80 zeros, ours begin at the same places."""
    sound = rng.normal(0, 0.1, 8000).astype(np.float32)
    ours = MnLogMel().compute(np.concatenate([np.zeros(80, np.float32), sound]))
    np.testing.assert_allclose(net.log_mel(torch.from_numpy(sound)[None])[0, 2:24], ours[1:23], atol=1e-4)


def test_silence_lies_at_the_offset(net: MobileNet) -> None:
    rows = net.log_mel(torch.zeros(1, 32000))
    assert rows.shape == (1, 100, 128)  # of 31,999 samples after the emphasis
    assert torch.allclose(rows, torch.full_like(rows, np.log(1e-5)))


def test_a_tone_lies_in_the_band_around_it(net: MobileNet) -> None:
    time = torch.arange(RATE) / RATE
    rows = net.log_mel(torch.sin(2 * torch.pi * 1000 * time)[None])[0].mean(dim=0)
    _, bands = mn_tables()
    centres = BINS @ bands / bands.sum(axis=0)
    assert abs(float(centres[int(rows.argmax())]) - 1000) < 40


def test_mel_bands_equal_a_slow_reference() -> None:
    def mel(hertz: float) -> float:
        return 1127 * float(np.log(1 + hertz / 700))

    step = mel(15000) / 129
    twin = np.zeros((513, 128))
    for band in range(128):
        for index in range(512):
            place = mel(float(BINS[index])) / step - band  # 0 at the left edge, 1 at the centre, 2 at the right edge
            twin[index, band] = max(0.0, min(place, 2 - place))
    assert np.allclose(mn_tables()[1], twin, atol=1e-6)


@pytest.mark.shared
def test_the_published_net_gives_its_published_values(shared: Path) -> None:
    """Golden values were made by another program; they agree within their rounding to four digits."""
    reference = json.loads((shared / "sources/reference.json").read_text())
    net = load_teacher("mn04", shared / "sources/mn04_as_mAP_432.pt")
    for path, golden in reference.items():
        signal, rate = soundfile.read(shared / "corpora" / path, dtype="float32")
        sound = torch.from_numpy(resample(signal, rate=rate, to=RATE))[None]
        with torch.inference_mode():
            assert net.log_mel(sound).shape[1] == golden["mn04"]["mel_shape"][2]
            probabilities = net(sound).sigmoid()[0].numpy()
        for index, _, probability in golden["mn04"]["top"]:
            assert probabilities[index] == pytest.approx(probability, abs=2e-4)


# ----------------------------------------------------------------------------------------------------------------------
#


class Unused(torch.nn.Module):
    """A teacher whose logits are all cached."""

    def forward(self, signals: torch.Tensor) -> torch.Tensor:
        pytest.fail(f"the teacher processed {signals.shape} though the cache is complete")


def logits(
    world: World, *, train: int = 12, cached: bool = False, progress: list[int] | None = None
) -> NDArray[np.float16]:
    recipe = replace(world.recipe, excerpts=replace(world.recipe.excerpts, train=train))
    excerpts = Excerpts(load_sound(recipe, world.folders), recipe, "train")
    teacher: Any = Unused() if cached else load_teacher("tiny", world.teacher)
    seen = progress if progress is not None else []
    return teacher_logits(excerpts, recipe, teacher, progress=lambda done, _: seen.append(done))


def test_they_are_the_teachers_logits_of_each_excerpt(world: World) -> None:
    found = logits(world)
    assert found.shape == (12, CLASSES)
    assert found.dtype == np.float16
    excerpts = Excerpts(load_sound(world.recipe, world.folders), world.recipe, "train")
    net = load_teacher("tiny", world.teacher)
    for index in (0, 7, 11):
        heard = resample(excerpts.render(excerpts.draw(index)), rate=16000, to=32000)
        with torch.inference_mode():
            wanted = net(torch.from_numpy(heard)[None])[0].numpy()
        assert np.allclose(found[index], wanted, rtol=2e-3, atol=2e-3)  # half precision


def test_they_are_cached(world: World) -> None:
    assert np.array_equal(logits(world), logits(world, cached=True))


def test_more_excerpts_extend_the_cached_ones(world: World) -> None:
    few = logits(world, train=12)
    progress: list[int] = []
    many = logits(world, train=24, progress=progress)
    assert np.array_equal(many[:12], few)
    assert progress == [8, 16, 24]


def test_another_mixture_is_computed(world: World) -> None:
    first = logits(world)
    other = replace(world, recipe=replace(world.recipe, seed=4))
    assert not np.array_equal(logits(other), first)
