"""Encoders of the user's own as ONNX files: what is pooled, what is removed, and files that do not fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from tests.toy import emodb_utterances, write_emodb

import emotone
from emotone.errors import ConfigError, SourceError
from emotone.fitting.embedding import resolve_embedding
from emotone.fitting.embedding_training import train_embedding, write_model
from emotone.fitting.encoder import build_encoder
from emotone.recipes.embedding_recipe import EmbeddingRecipe, EncoderSettings

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.types import Array

FLOAT = onnx.TensorProto.FLOAT
CHANNELS, KERNEL, STRIDE = 4, 10, 5
Shape = list[Any]


def made(
    *,
    samples: Shape | None = None,
    second_input: bool = False,
    outputs: tuple[str, ...] = ("out",),
    metadata: dict[str, str] | None = None,
) -> onnx.ModelProto:
    """Return a model of samples: a convolution, `frames` [batch, time, 4], and `out` [batch, time, 3]."""
    rng = np.random.default_rng(0)
    weights = {
        "kernel": rng.normal(0, 1, (CHANNELS, 1, KERNEL)),
        "matrix": rng.normal(0, 1, (CHANNELS, 3)),
    }
    constants = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()]
    constants.append(numpy_helper.from_array(np.array([1], np.int64), "axis"))
    samples = samples or ["batch", "samples"]
    first = helper.make_node("Unsqueeze", ["wave", "axis"], ["image"])
    if len(samples) == 3:
        first = helper.make_node("Transpose", ["wave"], ["image"], perm=[0, 2, 1])
    nodes = [
        first,
        helper.make_node("Conv", ["image", "kernel"], ["hidden"], kernel_shape=[KERNEL], strides=[STRIDE]),
        helper.make_node("Transpose", ["hidden"], ["frames"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["frames", "matrix"], ["out"]),
        helper.make_node("Unsqueeze", ["out", "axis"], ["deep"]),
    ]
    inputs = [helper.make_tensor_value_info("wave", FLOAT, samples)]
    if second_input:
        inputs.append(helper.make_tensor_value_info("mask", FLOAT, ["batch", "samples"]))
    graph = helper.make_graph(
        nodes, "made", inputs, [helper.make_tensor_value_info(name, FLOAT, None) for name in outputs], constants
    )
    model = onnx.shape_inference.infer_shapes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    )
    helper.set_model_props(model, metadata or {})
    return model


def written(folder: Path, **options: Any) -> Path:
    path = folder / "own.onnx"
    onnx.save(made(**options), path)
    return path


def frames(signal: Array) -> Array:
    """Return the frames [time, 4] of a signal, product by product."""
    kernel = np.random.default_rng(0).normal(0, 1, (CHANNELS, 1, KERNEL)).astype(np.float32)[:, 0]
    starts = range(0, len(signal) - KERNEL + 1, STRIDE)
    return np.stack([kernel @ signal[first : first + KERNEL] for first in starts])


def embedded(path: Path, signal: Array, *, tensor: str = "", **settings: Any) -> Array:
    import onnxruntime

    encoder = build_encoder(EncoderSettings(f"onnx:{path}#{tensor}", quantised=False, **settings))
    session = onnxruntime.InferenceSession(encoder.model())
    (found,) = session.run(None, {"features": signal[None, :, None]})
    assert found.shape == (1, encoder.values)
    return np.asarray(found[0])


@pytest.mark.parametrize("samples", [["batch", "samples"], ["batch", "samples", 1]])
def test_an_embedding_is_the_mean_of_a_tensor_over_time(
    samples: Shape, tmp_path: Path, rng: np.random.Generator
) -> None:
    path, signal = written(tmp_path, samples=samples), rng.normal(0, 1, 3000).astype(np.float32)
    expected = frames(signal)
    np.testing.assert_allclose(embedded(path, signal, tensor="frames"), expected.mean(axis=0), atol=1e-4)
    assert embedded(path, signal).shape == (3,)  # the only output
    both = embedded(path, signal, tensor="frames", statistics="mean-deviation")
    np.testing.assert_allclose(both, [*expected.mean(axis=0), *expected.std(axis=0)], atol=1e-3)


def test_what_the_tensor_does_not_need_is_removed(tmp_path: Path) -> None:
    path = written(tmp_path)
    encoder = build_encoder(EncoderSettings(f"onnx:{path}#frames", quantised=False))
    graph = onnx.load_from_string(encoder.model()).graph
    assert "MatMul" not in {node.op_type for node in graph.node}
    assert "matrix" not in {constant.name for constant in graph.initializer}
    small = build_encoder(EncoderSettings(f"onnx:{path}#out"))
    assert small.name != encoder.name
    assert small.rate == 16000
    assert build_encoder(EncoderSettings(f"onnx:{path}#out")) == small


def test_a_short_signal_is_filled_up_with_zeros(tmp_path: Path, rng: np.random.Generator) -> None:
    signal = rng.normal(0, 1, 5).astype(np.float32)  # shorter than the kernel
    found = embedded(written(tmp_path), signal, tensor="frames")
    np.testing.assert_allclose(found, frames(np.pad(signal, (0, 1595))).mean(axis=0), atol=1e-5)


def test_a_model_with_an_encoder_of_ones_own_predicts(tmp_path: Path) -> None:
    utterances = emodb_utterances(write_emodb(tmp_path / "emodb"))
    settings = EncoderSettings(f"onnx:{written(tmp_path)}#frames", statistics="mean-deviation", rate=8000)
    resolved = resolve_embedding(EmbeddingRecipe("own", "emodb", encoder=settings, licence="CC0-1.0"))
    labels = tuple(sorted({one.label for one in utterances}))
    training = train_embedding(resolved, utterances, labels=labels)
    write_model(training, tmp_path / "model")
    model = emotone.load(tmp_path / "model")
    model.bundle.check()
    assert model.bundle.feature.rate == 8000
    embedding = training.embeddings[utterances[0].key]
    assert model.bundle.probabilities_of(embedding[None]).shape == (1, len(labels))
    assert not model.predict(np.zeros(8000, np.float32), rate=16000).utterances


@pytest.mark.parametrize(
    ("options", "tensor", "message"),
    [
        ({}, "frame", "unknown tensor 'frame'; did you mean 'frames'"),
        ({"outputs": ("out", "frames")}, "", r"has 2 outputs, out, frames; name one: onnx:.*own.onnx#out"),
        ({}, "deep", r"'deep' has 4 axes; needed: \[batch, time, values\]"),
        ({"samples": ["batch", "time", 80]}, "", "reads rows of 80 values, not samples"),
        ({"second_input": True}, "", "must have one float32 input.*it has 'wave' of rank 2, 'mask' of rank 2"),
        (
            {"metadata": {"sampling_rate": "8000"}},
            "",
            "states sampling_rate 8000, and the recipe reads samples at 16000",
        ),
    ],
)
def test_files_that_do_not_fit_are_refused(options: dict[str, Any], tensor: str, message: str, tmp_path: Path) -> None:
    source = f"onnx:{written(tmp_path, **options)}#{tensor}"
    with pytest.raises(SourceError, match=message):
        build_encoder(EncoderSettings(source))


def test_a_truncated_or_missing_file_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SourceError, match="is no valid ONNX model, or was truncated or altered"):
        build_encoder(EncoderSettings(f"onnx:{path}"))
    with pytest.raises(SourceError, match=r"missing.onnx: can't be read: No such file"):
        build_encoder(EncoderSettings(f"onnx:{tmp_path / 'missing.onnx'}"))
    with pytest.raises(SourceError, match=r"names no file; write onnx:FILE.onnx#TENSOR"):
        build_encoder(EncoderSettings("onnx:"))


@pytest.mark.parametrize(
    ("source", "rate", "message"),
    [
        ("whisper-base", 8000, "rate is for onnx:FILE; whisper-base has its own"),
        ("onnx:a.onnx", 100, "rate must be from 4000 to 192000 Hz; given 100"),
    ],
)
def test_a_rate_is_for_files_of_ones_own(source: str, rate: int, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        EncoderSettings(source, rate=rate)
