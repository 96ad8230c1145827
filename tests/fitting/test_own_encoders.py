"""Encoders of the user's own: ONNX files, and the format of transformers."""

from __future__ import annotations

import json
import shutil
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from tests.toy import emodb_utterances, write_emodb

import emotone
from emotone.errors import ConfigError, MissingExtraError, SourceError
from emotone.fitting.embedding import resolve_embedding
from emotone.fitting.embedding_training import train_embedding, write_model
from emotone.fitting.encoder import build_encoder
from emotone.fitting.hub_source import HubSource
from emotone.recipes.embedding_recipe import EmbeddingRecipe, EncoderSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from emotone.types import Array


# ----------------------------------------------------------------------------------------------------------------------
# Encoders of the user's own as ONNX files: what is pooled, what is removed, and files that do not fit.

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


# ----------------------------------------------------------------------------------------------------------------------
# Encoders in the format of transformers: where they are found, how they are hashed, and what is refused.

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CONFIG = {"model_type": "hubert", "hidden_size": 16}
FRONT_END = {"sampling_rate": 16000, "do_normalize": False}


def write_files(folder: Path, **other: Any) -> Path:
    """Write the files of an encoder, whose weights are no real ones; a value of None leaves a file out."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {"config": CONFIG, "preprocessor_config": FRONT_END, **other}
    for name, value in files.items():
        if value is not None:
            (folder / f"{name}.json").write_text(json.dumps(value), encoding="utf-8")
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


def in_hub_cache(root: Path, *, revision: str = "main") -> Path:
    """Write the files of some/encoder as the hub's client stores them."""
    stored = root / "models--some--encoder"
    (stored / "refs").mkdir(parents=True, exist_ok=True)
    (stored / "refs" / revision).write_text(COMMIT, encoding="utf-8")
    return write_files(stored / "snapshots" / COMMIT)


def client() -> Any:
    """Return the hub's client, which reads the environment when it is imported, or skip the test."""
    pytest.importorskip("huggingface_hub.constants", reason="needs the extra transformers")
    return pytest.importorskip("huggingface_hub")


def files_of(source: str) -> Any:
    parsed = HubSource.parse(source)
    assert parsed is not None
    return parsed.files()


@pytest.mark.parametrize(
    ("text", "name", "revision"),
    [
        ("hf:facebook/wav2vec2-base", "facebook/wav2vec2-base", ""),
        ("hf:a/b@refs/pr/2", "a/b", "refs/pr/2"),
        ("hf:./mine", "./mine", ""),
        ("hf:/data/mine@home", "/data/mine@home", ""),
        ("hf:~/mine", "~/mine", ""),
    ],
)
def test_a_text_names_a_repository_or_a_folder(text: str, name: str, revision: str) -> None:
    assert HubSource.parse(text) == HubSource(name, revision)
    assert str(HubSource.parse(text)) == text


@pytest.mark.parametrize("text", ["hf:", "hf:hubert", "hf:a/b/c", "hf:a/b@"])
def test_a_text_without_an_organisation_is_refused(text: str) -> None:
    with pytest.raises(SourceError, match=rf"'{text}' names no encoder; write hf:ORGANISATION/NAME.*or hf:./FOLDER"):
        HubSource.parse(text)


def test_files_of_a_folder_are_hashed_by_content(tmp_path: Path) -> None:
    files = files_of(f"hf:{write_files(tmp_path / 'a')}")
    assert (files.family, files.rate, files.normalises) == ("hubert", 16000, False)
    assert files_of(f"hf:{shutil.copytree(tmp_path / 'a', tmp_path / 'b')}").sha256 == files.sha256
    changed = [
        write_files(tmp_path / "c", preprocessor_config={**FRONT_END, "do_normalize": True}),
        write_files(tmp_path / "d", config={**CONFIG, "hidden_size": 17}),
        write_files(tmp_path / "e"),
    ]
    (changed[2] / "model.safetensors").write_bytes(b"other weights")
    assert len({files.sha256, *(files_of(f"hf:{folder}").sha256 for folder in changed)}) == 4


def test_settings_of_the_front_end_may_be_those_of_a_processor(tmp_path: Path) -> None:
    processor = {"feature_extractor": {"sampling_rate": 8000}}
    files = files_of(f"hf:{write_files(tmp_path, preprocessor_config=None, processor_config=processor)}")
    assert (files.rate, files.normalises) == (8000, True)  # transformers' default


def test_weights_in_parts_are_found_by_their_index(tmp_path: Path) -> None:
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    folder = write_files(tmp_path, **{"model.safetensors.index": index})
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    with pytest.raises(SourceError, match=r"lacks model-00002-of-00002.safetensors of its weights"):
        files_of(f"hf:{folder}")
    (folder / "model-00002-of-00002.safetensors").write_bytes(b"more")
    assert [path.name for path in files_of(f"hf:{folder}").weights] == sorted(index["weight_map"].values())


def test_the_cache_of_the_hub_is_searched_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client()
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    folder = in_hub_cache(tmp_path)
    assert files_of("hf:some/encoder").folder == folder
    assert files_of(f"hf:some/encoder@{COMMIT}").folder == folder
    with pytest.raises(SourceError, match=r"some/encoder@v2 is not, or not completely, in the.*hf download some"):
        files_of("hf:some/encoder@v2")


def test_without_a_network_the_error_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = client()
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    elsewhere = r"run: hf download some/encoder --local-dir encoder; copy the folder here and name it: hf:./encoder"
    with pytest.raises(SourceError, match=rf"in the cache of the hub, {tmp_path}, and HF_HUB_OFFLINE.*{elsewhere}"):
        files_of("hf:some/encoder")
    monkeypatch.delenv("HF_HUB_OFFLINE")
    given = hub.snapshot_download

    def unreachable(*names: str, **options: Any) -> Any:
        return given(*names, **options, endpoint="http://127.0.0.1:9")

    monkeypatch.setattr(hub, "snapshot_download", unreachable)
    with pytest.raises(SourceError, match=rf"and the hub can't be reached \(.*refused.*\); on a machine.*{elsewhere}"):
        files_of("hf:some/encoder")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "preprocessor_config.json"])
def test_an_incomplete_folder_of_the_cache_is_completed(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client()
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("TRANSFORMERS_OFFLINE", "true")
    (in_hub_cache(tmp_path) / name).unlink()
    with pytest.raises(SourceError, match=r"TRANSFORMERS_OFFLINE forbids a download"):
        files_of("hf:some/encoder")


def _pickled(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_pickled, r"from model.safetensors only.*has pytorch_model.bin, which can contain code. Convert.*refs/pr/N"),
        (lambda folder: (folder / "model.safetensors").unlink(), r"contains no such file"),
        (lambda folder: (folder / "config.json").unlink(), r"has no config.json; needed are config.json, model.saf"),
        (lambda folder: (folder / "config.json").write_text("{"), r"config.json can't be read: Expecting property"),
        (lambda folder: (folder / "config.json").write_text("[]"), r"config.json must contain a JSON object"),
        (lambda folder: (folder / "preprocessor_config.json").unlink(), r"has no preprocessor_config.json with a sam"),
        (lambda folder: write_files(folder, preprocessor_config={}), r"with a sampling_rate, so how its input"),
        (
            lambda folder: write_files(folder, config={"model_type": "bert"}),
            r"of the type 'bert'; allowed: data2vec-audio, hubert.*onnx:FILE#TENSOR",
        ),
    ],
)
def test_folders_that_do_not_fit_are_refused(change: Callable[[Path], object], message: str, tmp_path: Path) -> None:
    change(write_files(tmp_path))
    with pytest.raises(SourceError, match=message):
        files_of(f"hf:{tmp_path}")


def test_a_name_needs_the_client_of_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingExtraError, match=r"hf:a/b needs the package 'huggingface_hub'.*emotone\[transformers\]"):
        files_of("hf:a/b")


def test_a_folder_that_does_not_exist_is_refused() -> None:
    with pytest.raises(SourceError, match=r"there is no folder missing; to download one: hf download ORG"):
        files_of("hf:./missing")
