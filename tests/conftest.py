"""Fixtures for the whole suite: seeds, private user directories, and real recordings where there are any."""

from __future__ import annotations

import functools
import itertools
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import hypothesis
import numpy as np
import pytest
import soundfile
import soxr
from tests.toy import corpus, exported, one_thread, recipe, torch_bundles, trained

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

__all__ = ["corpus", "exported", "one_thread", "recipe", "torch_bundles", "trained"]
ROOT = Path(__file__).resolve().parent.parent
hypothesis.settings.register_profile("emotone", deadline=None)  # of the wall time: a busy machine exceeds any
hypothesis.settings.load_profile("emotone")


def shared_dir() -> Path | None:
    """Return the folder of real recordings: `$EMOTONE_SHARED`, or `../shared` beside the repository."""
    given = Path(os.environ.get("EMOTONE_SHARED", ROOT.parent / "shared"))
    return given if (given / "corpora").is_dir() else None


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real recordings; a test that asks for them is skipped where there are none."""
    found = shared_dir()
    if found is None:
        pytest.skip("no real recordings: set EMOTONE_SHARED, or put them in ../shared")
    return found


@pytest.fixture
def rng() -> np.random.Generator:
    """A seeded generator: the same draws in every run."""
    return np.random.default_rng(20260101)


@pytest.fixture(scope="session")
def private_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Names of new folders, one for every test: `mktemp` lists all earlier ones each time, which takes milliseconds."""
    root = tmp_path_factory.mktemp("private")
    return (root / str(number) for number in itertools.count())


@pytest.fixture(autouse=True)
def private_directories(private_folders: Iterator[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Point every user directory at a temporary one, and forget corpora named by the environment."""
    folder = next(private_folders)
    for variable, name in (("EMOTONE_CACHE", "cache"), ("EMOTONE_DATA", "data")):
        (folder / name).mkdir(parents=True)
        monkeypatch.setenv(variable, str(folder / name))
    monkeypatch.delenv("EMOTONE_CORPORA", raising=False)


@pytest.fixture(scope="session", autouse=True)
def export_at_full_speed() -> Iterator[None]:
    """Measure no coverage and write no trace while torch exports a network, which takes twice as long otherwise.

    What it runs of ours is the networks, whose lines are measured in other tests. pytest collects the messages of every
    logger that does not propagate, and torch composes those of its trace, with stacks and graphs, once anyone does.
    """
    torch = sys.modules.get("torch")  # the tests that export import it
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logging.getLogger("torch.__trace"), "propagate", True)
        if torch is not None:
            patch.setattr(torch.onnx, "export", unmeasured(torch.onnx.export))
        yield


def unmeasured(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that does the same without the trace function, which coverage measures with."""

    @functools.wraps(function)
    def run(*args: Any, **options: Any) -> Any:
        trace = sys.gettrace()
        sys.settrace(None)
        try:
            return function(*args, **options)
        finally:
            sys.settrace(trace)

    return run


class MakeBundle(Protocol):
    """Writes a tiny bundle; see `make_bundle`."""

    def __call__(self, directory: Path, *, head: bool = False, **changes: Any) -> Path: ...


@pytest.fixture(scope="session")
def make_bundle() -> MakeBundle:
    """Write a tiny bundle into a folder: scores are linear in the mean of the log-mel rows.

    `changes` replace fields of its manifest; `labels` also changes the network. With `head=True`, the network returns
    embeddings, the means of the rows, and the bundle has a head.
    """
    from emotone.bundles.bundle import write_bundle
    from emotone.bundles.contents import SCHEMA, BundleManifest, Calibration, TrainingData
    from emotone.bundles.head import EmbeddingHead
    from emotone.config import to_mapping
    from emotone.features.front_ends.log_mel import LogMel
    from emotone.features.windows import Windows

    def make(directory: Path, *, head: bool = False, **changes: Any) -> Path:
        fields: dict[str, Any] = {
            "schema": SCHEMA,
            "name": "tiny",
            "version": "0.1.0",
            "description": "A linear net for tests.",
            "labels": ("anger", "happiness", "neutral", "sadness"),
            "licence": "CC0-1.0",
            "front_end": {"name": "log-mel", **to_mapping(LogMel())},
            "windows": Windows(seconds=3.0, hop=1.0),
            "calibration": Calibration(temperature=1.5),
            "training": TrainingData(corpora=("none",), protocol="none", recipe="none", signature="0" * 12),
            **changes,
        }
        manifest = BundleManifest(**fields)
        feature = manifest.feature()
        rng = np.random.default_rng(7)
        weights = (rng.normal(size=(feature.dimension, len(manifest.labels))) / 8).astype(np.float32)
        signal = rng.normal(0, 0.1, feature.rate).astype(np.float32)
        embedding = feature.compute(signal).astype(np.float64).mean(axis=0)
        logits = embedding @ weights / manifest.calibration.temperature
        powers = np.exp(logits - logits.max())
        model, classifier = linear_model(weights), None
        if head:
            deviation = rng.uniform(1, 2, feature.dimension).astype(np.float32)
            zeros, bias = np.zeros_like(deviation), np.zeros(len(manifest.labels), np.float32)
            classifier = EmbeddingHead(zeros, deviation, deviation, weights * deviation[:, None], bias, 10.0)
            model = linear_model(np.eye(feature.dimension, dtype=np.float32), outputs="embedding")
        write_bundle(
            directory,
            manifest,
            model=model,
            head=classifier,
            card="# tiny\n",
            licence="CC0\n",
            signal=signal,
            probabilities=powers / powers.sum(),
        )
        return directory

    return make


@pytest.fixture(scope="session")
def tiny_bundle(make_bundle: MakeBundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One tiny bundle for all tests; whoever changes it works on a copy."""
    return make_bundle(tmp_path_factory.mktemp("models") / "tiny")


def linear_model(weights: NDArray[np.float32], *, inputs: str = "features", outputs: str = "logits") -> bytes:
    """Return an ONNX file: the mean of [batch, time, dimension] over time, times weights [dimension, labels]."""
    from onnx import TensorProto, helper, numpy_helper

    dimension, labels = weights.shape
    nodes = [
        helper.make_node("ReduceMean", [inputs, "axes"], ["mean"], keepdims=0),
        helper.make_node("MatMul", ["mean", "weights"], [outputs]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(inputs, TensorProto.FLOAT, ["batch", "time", dimension])],
        [helper.make_tensor_value_info(outputs, TensorProto.FLOAT, ["batch", labels])],
        [numpy_helper.from_array(np.array([1], np.int64), "axes"), numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    serialised: bytes = model.SerializeToString(deterministic=True)
    return serialised


def speechlike(seconds: float, *, rate: int = 16000, seed: int = 0) -> NDArray[np.float32]:
    """Return synthetic speech [time] of any length: the example recordings, one after another, from a seeded place."""
    names = ("loud-fast-high", "even", "conversation")
    spoken = np.concatenate([soundfile.read(ROOT / f"examples/{name}.flac", dtype="float32")[0] for name in names])
    first = int(np.random.default_rng(seed).integers(0, 3 * 16000))
    signal = np.resize(spoken[first:], round(seconds * 16000))
    if rate != 16000:
        signal = soxr.resample(signal, 16000, rate)[: round(seconds * rate)]
    return signal.astype(np.float32)


@pytest.fixture(scope="session")
def speech() -> Callable[..., NDArray[np.float32]]:
    """Return the function that makes speech-like signals: `speech(seconds, rate=16000, seed=0)`."""
    return speechlike


@pytest.fixture(scope="session")
def onnx_model() -> Callable[..., bytes]:
    """Return the function that makes linear ONNX files: `onnx_model(weights, inputs=..., outputs=...)`."""
    return linear_model
