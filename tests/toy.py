"""What the tests of training share: a net of a few weights, problems that can be learned, and a corpus of buzzes."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile

from emotone.corpora.datasets.emodb import CORPUS
from emotone.corpora.scan import scan
from emotone.transfer.sources.whisper import encoder_shapes
from emotone.transfer.weights import SourceWeights, write_weights

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from emotone.bundles.contents import TrainingData
    from emotone.nets.blocks.base import Network
    from emotone.recipes.library import AnyRecipe
    from emotone.recipes.recipe import Recipe
    from emotone.training.batches import Examples, Task
    from emotone.types import Array, Utterance

TINY_NET: dict[str, Any] = {
    "channels": (4, 4, 4, 4, 4),
    "embedding": 8,
    "hidden": 8,
    "dropout": 0.1,
    "centre_bands": False,
}
RATE = 16000
LABELS = ("anger", "sadness")
SPEAKERS = ("03", "08", "09", "10")
SENTENCES = ("a01", "a02", "a04", "a05", "a07")
# Two kinds of voice that are plainly speech: (pitch in hertz, overtones, pulses per second).
VOICES = {"W": (220.0, 4, 6.0), "T": (110.0, 12, 3.0)}


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> tuple[Utterance, ...]:
    """Four speakers of Emo-DB, ten buzzes of each, two emotions."""
    return emodb_utterances(write_emodb(tmp_path_factory.mktemp("corpus") / "emodb"))


@pytest.fixture(scope="session")
def recipe() -> Recipe:
    return tiny_recipe()


@pytest.fixture(scope="session")
def trained(recipe: Recipe, corpus: tuple[Utterance, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished training."""
    import torch

    from emotone.fitting.resolve import resolve
    from emotone.fitting.train import prepare, train_run

    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("runs")
    with private_cache(folder / "cache"):
        job = prepare(resolve(recipe), corpus, labels=LABELS)
        train_run(job, folder / job.name)
    return folder / job.name


@pytest.fixture(scope="session")
def exported(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of its bundle."""
    from emotone.fitting.export import export_run

    return export_run(trained, tmp_path_factory.mktemp("bundles") / "toy", version="2.1.0", evaluation="UAR: tested.")


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Torch on one thread: sums come in one order, and the other cores stay free."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@contextlib.contextmanager
def private_cache(folder: Path) -> Iterator[None]:
    """Keep the cache of a module's fixture, which the fixture for single tests does not reach, in `folder`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMOTONE_CACHE", str(folder))
        yield


def placing(task: Task) -> dict[str, int]:
    """Return how the windows of a task lie, for `window_probabilities`."""
    return {"window": task.window, "hop": task.hop, "min_frames": task.min_frames}


def tiny_training(folder: Path, utterances: Sequence[Utterance], *, labels: tuple[str, ...], epochs: int) -> Path:
    """Return the folder of a finished training of `tiny_recipe`, made below `folder`, where its cache lies too."""
    from emotone.fitting.resolve import resolve
    from emotone.fitting.train import prepare, train_run

    with private_cache(folder / "cache"):
        job = prepare(resolve(tiny_recipe(training={"epochs": epochs})), utterances, labels=labels)
        train_run(job, folder / job.name)
    return folder / job.name


def signature_of(recipe: AnyRecipe) -> str:
    """Return the signature of a recipe whose weights, if it loads some, are there."""
    from emotone.fitting.resolve import resolve_any

    return resolve_any(recipe).signature


def tiny_recipe(**changes: Any) -> Recipe:
    """Return a recipe that is learned in a second."""
    from emotone.recipes.recipe import Recipe
    from emotone.recipes.training import TrainingSettings

    training = {"epochs": 8, "batch_size": 4, "learning_rate": 0.01, "crop_seconds": 0.5, "ema_decay": 0.5}
    fields: dict[str, Any] = {
        "name": "toy",
        "labels": "emodb",
        "description": "Two kinds of buzzes.",
        "net": {"name": "log-mel-cnn", **TINY_NET},
        "augment": {"spec-mask": {}},
        "training": TrainingSettings(**{**training, **changes.pop("training", {})}),
        "licence": "CC0-1.0",
    }
    return Recipe(**{**fields, **changes})


RECIPE_TOML = """\
name = "toy"
description = "Two kinds of buzzes."
labels = "emodb"
licence = "CC0-1.0"

[net]
name = "log-mel-cnn"
channels = [4, 4, 4, 4, 4]
embedding = 8
hidden = 8
dropout = 0.1
centre_bands = false

[training]
epochs = 8
batch_size = 4
learning_rate = 0.01
crop_seconds = 0.5
ema_decay = 0.5

[augment.spec-mask]
"""
"""`tiny_recipe()` as a file."""


def buzz(letter: str, *, seed: int, seconds: float) -> Array:
    """Return a signal [time] of a voice-like buzz, for the Emo-DB letter of an emotion."""
    pitch, overtones, pulses = VOICES[letter]
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    pitch *= rng.uniform(0.9, 1.1)
    phase = 2 * np.pi * np.cumsum(pitch * (1 + 0.15 * np.sin(2 * np.pi * 1.3 * time + rng.uniform(0, 6)))) / RATE
    tone = np.sum([np.sin(order * phase) / order for order in range(1, overtones)], axis=0)
    loudness = 0.1 * (1 + np.sin(2 * np.pi * pulses * time))
    signal: Array = (loudness * tone + 0.001 * rng.standard_normal(len(time))).astype(np.float32)
    return signal


def write_emodb(folder: Path, *, speakers: tuple[str, ...] = SPEAKERS, sentences: tuple[str, ...] = SENTENCES) -> Path:
    """Write a tree in Emo-DB's layout, one clip of 0.7 to 1 s per speaker, sentence and emotion; return `folder`."""
    (folder / "wav").mkdir(parents=True)
    number = 0
    for speaker in speakers:
        for sentence in sentences:
            for letter in VOICES:
                number += 1
                signal = buzz(letter, seed=number, seconds=0.7 + 0.05 * (number % 7))
                soundfile.write(folder / "wav" / f"{speaker}{sentence}{letter}a.wav", signal, RATE, subtype="PCM_16")
    return folder


def emodb_utterances(folder: Path) -> tuple[Utterance, ...]:
    """Return the utterances of a tree that `write_emodb` made."""
    return scan(CORPUS, folder).utterances


ENCODER_WIDTH = 64


def write_small_encoder(path: Path, *, layers: int) -> Path:
    """Write random weights of an encoder that is built like Whisper's; return `path`."""
    rng = np.random.default_rng(3)
    tensors = {
        name: (rng.normal(size=shape) / np.sqrt(max(1, shape[-1]))).astype(np.float32)
        for name, shape in encoder_shapes(width=ENCODER_WIDTH, layers=layers).items()
    }
    write_weights(path, SourceWeights("small", tensors, licence="MIT"))
    return path


@pytest.fixture
def torch_bundles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nets are judged as they were trained, without the seconds that each export to ONNX takes."""
    monkeypatch.setattr("emotone.fitting.export.write_net", write_torch_net)


def write_torch_net(out: Path, recipe: Recipe, net: Network, *, labels: tuple[str, ...], data: TrainingData) -> Any:
    """Stand in for `emotone.fitting.export.write_net`: a bundle that runs torch, in an empty folder."""
    import torch

    from emotone.bundles.bundle import Bundle
    from emotone.bundles.contents import SCHEMA, BundleManifest, Calibration

    class TorchBundle(Bundle):
        """A bundle that runs the PyTorch network."""

        def outputs(self, features: Array) -> Array:
            """Return the logits [batch, labels]."""
            with torch.inference_mode():
                logits: Array = net(torch.from_numpy(np.ascontiguousarray(features)), None).numpy()
            return logits

    out.mkdir(parents=True)
    manifest = BundleManifest(
        schema=SCHEMA,
        name=recipe.name,
        version="0.0.0",
        description="",
        labels=labels,
        licence="CC0-1.0",
        front_end={"name": recipe.feature_name},
        windows=recipe.windows,
        calibration=Calibration(),
        training=data,
    )
    return TorchBundle(out, manifest, "0" * 64, recipe.feature, 1, head=None, _model=b"", _test_vector=b"")


def separable(count: int, *, seed: int = 0, bands: int = 64, corpora: int = 1) -> Examples:
    """Return examples of two labels, told apart by which half of the bands pulses."""
    from emotone.training.batches import Examples

    rng = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.int64) % 2
    features = []
    for label in labels:
        rows = rng.normal(-9.0, 1.0, (int(rng.integers(30, 80)), bands)).astype(np.float32)
        half = slice(0, bands // 2) if label else slice(bands // 2, bands)
        rows[:, half] += 3.0 * np.sign(np.sin(2 * np.pi * np.arange(len(rows)) / 12 + rng.uniform(0, 6)))[:, None]
        features.append(rows)
    return Examples(tuple(features), labels, np.arange(count, dtype=np.int64) // 2 % corpora)
