"""Whisper's encoder: the same tensors from every form in which it is published; damaged files are refused."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.transfer.ctranslate2_writer import (
    LAYERS,
    WIDTH,
    ctranslate2,
    ctranslate2_bytes,
    hugging_face,
    random_encoder,
)

from emotone.errors import SourceError
from emotone.transfer.ctranslate2 import read_ctranslate2
from emotone.transfer.whisper_tensors import encoder_shapes, from_checkpoint, from_ctranslate2

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


@pytest.fixture
def encoder(rng: np.random.Generator) -> dict[str, NDArray[Any]]:
    return random_encoder(rng)


@pytest.fixture
def model_bin(encoder: dict[str, NDArray[Any]], tmp_path: Path) -> Path:
    path = tmp_path / "model.bin"
    path.write_bytes(ctranslate2_bytes(ctranslate2(encoder)))
    return path


def test_every_form_gives_the_same_tensors(encoder: dict[str, NDArray[Any]], model_bin: Path) -> None:
    found = from_ctranslate2(model_bin)
    assert {name: values.shape for name, values in found.items()} == encoder_shapes(width=WIDTH, layers=LAYERS)
    openai = from_checkpoint({f"encoder.{name}": values for name, values in encoder.items()}, where="base.pt")
    for other in (openai, from_checkpoint(hugging_face(encoder), where="model.safetensors")):
        assert set(other) == set(found)
        for name, values in found.items():
            np.testing.assert_array_equal(other[name], values)


def test_half_precision_becomes_single(encoder: dict[str, NDArray[Any]], tmp_path: Path) -> None:
    variables = ctranslate2(encoder)
    floats = {name: values.astype(np.float16) for name, values in variables.items() if values.dtype == np.float32}
    path = tmp_path / "model.bin"
    path.write_bytes(ctranslate2_bytes(variables | floats))
    found = from_ctranslate2(path)
    assert {values.dtype for values in found.values()} == {np.dtype(np.float32)}
    np.testing.assert_array_equal(found["blocks.conv1.convolution.bias"], encoder["conv1.bias"].astype(np.float16))


def test_the_key_projection_has_no_bias(model_bin: Path) -> None:
    bias = from_ctranslate2(model_bin)["blocks.layer1.query_key_value.bias"]
    assert not bias[WIDTH : 2 * WIDTH].any()
    assert bias[:WIDTH].all()


def test_an_unknown_variable_keeps_its_name(encoder: dict[str, NDArray[Any]], tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(ctranslate2_bytes({**ctranslate2(encoder), "encoder/extra/weight": np.zeros((2, 2), np.float32)}))
    assert "blocks.extra/weight" in from_ctranslate2(path)


def test_integer_weights_are_rejected(encoder: dict[str, NDArray[Any]], tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    quantised = {**ctranslate2(encoder), "encoder/layer_0/ffn/linear_0/weight": np.zeros((32, 8), np.int8)}
    path.write_bytes(ctranslate2_bytes(quantised))
    with pytest.raises(SourceError, match="is quantised to integers; needed: a float16 or float32 conversion"):
        from_ctranslate2(path)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.999])
def test_a_truncated_file_is_rejected(model_bin: Path, share: float) -> None:
    data = model_bin.read_bytes()
    model_bin.write_bytes(data[: round(share * (len(data) - 4))])
    with pytest.raises(SourceError, match="is truncated"):
        read_ctranslate2(model_bin, prefix="encoder/")


HEADER = struct.pack("<IH", 6, 1) + b"\0" + struct.pack("<II", 3, 1)  # version, empty name, revision, one variable


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            struct.pack("<I", 1397768525),
            "not a CTranslate2 model of a supported version",
        ),
        (struct.pack("<IH", 6, 2) + b"\xff\0", "a name is not text"),
        (struct.pack("<IH", 6, 1) + b"\0" + struct.pack("<II", 3, 10**6), "declares 1000000 variables"),
        (HEADER + struct.pack("<H", 2) + b"x\0\x63", "x declares 99 dimensions"),
        (
            HEADER + struct.pack("<H", 2) + b"x\0" + struct.pack("<BIBI", 1, 4, 0, 15),
            r"x declares shape \[4\], type 0, 15 bytes",
        ),
    ],
)
def test_an_altered_file_is_rejected(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(data)
    with pytest.raises(SourceError, match=message):
        read_ctranslate2(path, prefix="")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"model\.bin cannot be read: No such file"):
        read_ctranslate2(tmp_path / "model.bin", prefix="")


def test_another_checkpoint_is_no_encoder() -> None:
    with pytest.raises(SourceError, match=r"a\.pt contains no encoder of Whisper"):
        from_checkpoint({"classifier.weight": np.zeros((2, 2), np.float32)}, where="a.pt")


def test_an_incomplete_projection_is_left_for_the_check(encoder: dict[str, NDArray[Any]]) -> None:
    found = {f"encoder.{name}": values for name, values in encoder.items() if name != "blocks.0.attn.value.weight"}
    tensors = from_checkpoint(found, where="a.pt")
    assert "blocks.layer1.query.weight" in tensors
    assert "blocks.layer1.query_key_value.weight" not in tensors
