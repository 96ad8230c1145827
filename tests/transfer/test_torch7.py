"""Files of Torch7 and of DeepSpeech: every tensor is read, and damaged files are refused."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.transfer.writers import Function, Obj, View, Writer, torch7
from torch import nn

from emotone.errors import SourceError
from emotone.nets.speech_recogniser import BANDS, SpeechRecogniser
from emotone.transfer.deep_speech import load_deep_speech
from emotone.transfer.torch7 import MAX_DEPTH, LuaFunction, Module, read_torch7

if TYPE_CHECKING:
    from pathlib import Path


# ----------------------------------------------------------------------------------------------------------------------
# Torch7 files that the tests write are read back; truncated and malformed files are errors; nothing is executed.

ROWS = np.arange(6, dtype="<f4").reshape(2, 3)
EXAMPLE = {"name": "net", "sizes": {1: 2.5, 2: True, 3: False}, "values": ROWS}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "made.t7"


def read(path: Path, value: Any, *, version: str = "V 1") -> Any:
    path.write_bytes(torch7(value, version=version))
    return read_torch7(path)


def same(found: Any, expected: Any) -> bool:
    if isinstance(expected, dict):
        return found.keys() == expected.keys() and all(same(found[key], expected[key]) for key in expected)
    if isinstance(expected, np.ndarray):
        return found.dtype == expected.dtype and np.array_equal(found, expected)
    return bool(found == expected)


@pytest.mark.parametrize("value", [None, 3.0, -1e300, True, False, "", "caf\xe9\0", {}, EXAMPLE, {1: {2: {3: None}}}])
def test_plain_values_come_back(path: Path, value: Any) -> None:
    assert same(read(path, value), value)


@pytest.mark.parametrize("dtype", ["u1", "i1", "<i2", "<i4", "<i8", "<f4", "<f8"])
def test_tensors_of_every_kind_come_back(path: Path, dtype: str) -> None:
    values = np.arange(24).reshape(2, 3, 4).astype(dtype)
    found = read(path, values)
    assert same(found, values)
    assert found.flags.writeable  # a copy, not a view of the file


@pytest.mark.parametrize(("kind", "dtype"), [("Cuda", "<f4"), ("CudaDouble", "<f8"), ("CudaLong", "<i8")])
def test_tensors_of_a_gpu_are_read_like_others(path: Path, kind: str, dtype: str) -> None:
    values = np.arange(4).astype(dtype)
    assert same(read(path, View(values, (2, 2), (2, 1), kind=kind)), values.reshape(2, 2))


def test_views_share_a_storage_and_may_be_transposed(path: Path) -> None:
    flat = np.arange(10, dtype="<f4")
    value = {"a": View(flat, (2, 3), (3, 1)), "b": View(flat, (3, 2), (1, 3)), "c": View(flat, (4,), (1,), first=6)}
    found = read(path, value)
    np.testing.assert_array_equal(found["a"], flat[:6].reshape(2, 3))
    np.testing.assert_array_equal(found["b"], flat[:6].reshape(2, 3).T)
    np.testing.assert_array_equal(found["c"], flat[6:])


def test_an_empty_tensor_has_no_values(path: Path) -> None:
    assert read(path, np.zeros(0, "<f4")).size == 0
    assert read(path, View(ROWS.reshape(-1), (), ())).size == 0


@pytest.mark.parametrize("version", ["V 1", "V 0", ""])
def test_modules_are_their_class_and_fields(path: Path, version: str) -> None:
    bias = np.ones(2, "<f4")
    inner = Obj("nn.Linear", {"weight": ROWS, "bias": bias})
    found = read(path, Obj("nn.Sequential", {"modules": {1: inner, 2: inner}, "train": False}), version=version)
    assert isinstance(found, Module)
    assert found.kind == "nn.Sequential"
    assert found.fields["modules"][1] is found.fields["modules"][2]
    assert same(found.fields["modules"][1].fields, {"weight": ROWS, "bias": bias})


def test_an_object_may_hold_itself(path: Path) -> None:
    ring: dict[Any, Any] = {}
    ring["self"] = ring
    found = read(path, ring)
    assert found["self"] is found


@pytest.mark.parametrize("kind", [6, 7, 8])
def test_functions_are_passed_over(path: Path, kind: int) -> None:
    function = Function(b"\x1bLJ os.exit()", {1: {"name": "x", "value": 2.0}}, kind)
    found = read(path, {"f": function, "g": function, "after": 1.0})
    assert found == {"f": LuaFunction(13), "g": LuaFunction(13), "after": 1.0}


@pytest.mark.parametrize("kind", ["tds.Hash", "torch.HalfTensor", "torch.Generator", "nnx.Net", "torch.FloatTensorX"])
def test_an_object_of_another_class_is_named_with_its_place(path: Path, kind: str) -> None:
    with pytest.raises(SourceError, match=rf"an object of class '{re.escape(kind)}'; only .* \(at byte 34\)"):
        read(path, {"f": None, "x": Obj(kind, {})})


def test_every_cut_of_a_file_is_reported_as_truncated(path: Path) -> None:
    data = torch7({**EXAMPLE, "f": Function(b"abc", {}), "net": Obj("nn.ReLU", {})})
    for end in range(len(data)):
        path.write_bytes(data[:end])
        with pytest.raises(SourceError, match=r"truncated: .* needs \d+ bytes, \d+ remain \(at byte \d+\)"):
            read_torch7(path)


def test_bytes_after_the_object_are_no_part_of_it(path: Path) -> None:
    path.write_bytes(torch7(1.0) + b"xyz")
    with pytest.raises(SourceError, match=r"3 bytes follow the object \(at byte 12\)"):
        read_torch7(path)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"PK\x03\x04", "an object of type 67324752 (at byte 0)"),
        (struct.pack("<ii", 2, -5), "a string of -5 bytes (at byte 8)"),
        (struct.pack("<iiii", 3, 1, 1, 0), "a table's key is a NoneType (at byte 12)"),
        (struct.pack("<iiiii", 3, 1, 1, 3, 1), "a table's key is a dict (at byte 12)"),
    ],
)
def test_what_is_no_torch7_file_is_an_error(path: Path, data: bytes, message: str) -> None:
    path.write_bytes(data)
    with pytest.raises(SourceError, match=re.escape(message) + "; expected a Torch7 file in binary form"):
        read_torch7(path)


@pytest.mark.parametrize(
    ("sizes", "strides", "first"),
    [
        ((7,), (1,), 0),
        ((2, 3), (3, 1), 1),
        ((2, 3), (3, -1), 0),
        ((-1,), (1,), 0),
        ((3,), (1,), -1),
        ((10**9, 10**9), (0, 0), 0),
        ((2,), (10**18,), 0),
    ],
)
def test_a_tensor_outside_its_storage_is_rejected(
    path: Path, sizes: tuple[int, ...], strides: tuple[int, ...], first: int
) -> None:
    with pytest.raises(SourceError, match=r"a tensor of sizes .* in 6 values \(at byte 0\)"):
        read(path, View(ROWS.reshape(-1), sizes, strides, first))


def test_a_tensor_needs_values_of_its_own_type(path: Path) -> None:
    data = (
        torch7(ROWS).replace(b"torch.FloatTensor", b"torch.IntTensor  ").replace(b"\x11\0\0\0torch", b"\x0f\0\0\0torch")
    )
    path.write_bytes(data.replace(b"torch.IntTensor  ", b"torch.IntTensor"))
    with pytest.raises(SourceError, match="a tensor's values are not of its own type"):
        read_torch7(path)


def test_a_tensor_of_absurd_dimensions_is_rejected(path: Path) -> None:
    with pytest.raises(SourceError, match="a tensor of 17 dimensions"):
        read(path, View(ROWS.reshape(-1), (1,) * 17, (1,) * 17))


def test_fields_that_are_no_table_are_rejected(path: Path) -> None:
    module = Obj("nn.ReLU", {})
    module.fields = 1.0  # type: ignore[assignment]
    with pytest.raises(SourceError, match=r"the fields of a nn\.ReLU are not a table"):
        read(path, module)


def test_objects_too_deep_are_rejected(path: Path) -> None:
    value: dict[int, Any] = {}
    for _ in range(MAX_DEPTH + 5):
        value = {1: value}
    with pytest.raises(SourceError, match=f"objects are nested more than {MAX_DEPTH} deep"):
        read(path, value)


def test_a_name_that_would_spoil_the_message_is_not_shown(path: Path) -> None:
    with pytest.raises(SourceError, match=r"an object of class '\?'"):
        read(path, Obj("evil\nname", {}))


def test_a_file_that_is_not_there_is_an_error(path: Path) -> None:
    with pytest.raises(SourceError, match="can't be read: No such file"):
        read_torch7(path)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(flips=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=4))
def test_damaged_files_are_read_or_refused_and_nothing_else(path: Path, flips: list[tuple[int, int]]) -> None:
    data = bytearray(torch7({**EXAMPLE, "net": Obj("nn.Sequential", {"modules": {1: Obj("nn.ReLU", {})}})}))
    for place, value in flips:
        data[place % len(data)] = value
    path.write_bytes(data)
    try:
        read_torch7(path)
    except SourceError as error:
        assert str(path) in str(error)  # noqa: PT017 - either is right


def test_the_writer_writes_an_object_once() -> None:
    writer = Writer()
    writer.write({1: ROWS, 2: ROWS})
    assert bytes(writer.out).count(b"torch.FloatStorage") == 2  # plain arrays are values
    view = View(ROWS.reshape(-1), (6,), (1,))
    assert torch7({1: view, 2: view}).count(b"torch.FloatStorage") == 1


# ----------------------------------------------------------------------------------------------------------------------
# Checkpoints of deepspeech.pytorch, on files that the tests write with its names.

CHARACTERS = "AB "
UNITS = 5


def checkpoint(*, layers: int = 2) -> dict[str, torch.Tensor]:
    """Return the state_dict of a small network of deepspeech.pytorch."""
    torch.manual_seed(3)
    parts: dict[str, nn.Module] = {
        "conv.seq_module.0": nn.Conv2d(1, 32, (41, 11)),
        "conv.seq_module.1": nn.BatchNorm2d(32),
        "conv.seq_module.3": nn.Conv2d(32, 32, (21, 11)),
        "conv.seq_module.4": nn.BatchNorm2d(32),
        "fc.0.module.0": nn.BatchNorm1d(UNITS),
        "fc.0.module.1": nn.Linear(UNITS, 1 + len(CHARACTERS), bias=False),
    }
    for number in range(layers):
        parts[f"rnns.{number}.rnn"] = nn.GRU(UNITS if number else 1312, UNITS, bidirectional=True)
        if number:
            parts[f"rnns.{number}.batch_norm.module"] = nn.BatchNorm1d(UNITS)
    return {f"{place}.{name}": value for place, part in parts.items() for name, value in part.state_dict().items()}


def save(path: Path, content: Any) -> Path:
    torch.save(content, path)
    return path


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("layers", [1, 3])
def test_a_checkpoint_becomes_a_network_of_its_size(tmp_path: Path, prefix: str, layers: int) -> None:
    state = checkpoint(layers=layers)
    path = save(tmp_path / "model.pth", {"state_dict": {f"{prefix}{name}": value for name, value in state.items()}})
    spec, network = load_deep_speech(path, characters=CHARACTERS)
    assert spec == SpeechRecogniser(units=UNITS, layers=layers, characters=CHARACTERS)
    assert torch.equal(network.blocks["conv2"].convolution.weight, state["conv.seq_module.3.weight"])  # type: ignore[arg-type, union-attr]
    last = network.blocks[f"gru{layers}"].gru
    name = f"rnns.{layers - 1}.rnn.weight_hh_l0_reverse"
    assert torch.equal(last.weight_hh_l0_reverse, state[name])  # type: ignore[arg-type, union-attr]
    assert not network.training
    with torch.no_grad():
        assert network(torch.randn(1, 20, BANDS)).shape == (1, 10, 4)


def test_a_checkpoint_of_another_shape_is_refused_with_what_differs(tmp_path: Path) -> None:
    state = checkpoint()
    state["conv.seq_module.0.weight"] = torch.zeros(32, 1, 11, 11)
    del state["fc.0.module.0.bias"]
    state["lookahead.0.conv.weight"] = torch.zeros(2)
    path = save(tmp_path / "model.pth", state)
    with pytest.raises(SourceError, match="does not contain a recogniser") as caught:
        load_deep_speech(path, characters=CHARACTERS)
    message = str(caught.value)
    assert "missing: blocks.characters.norm.bias" in message
    assert "unexpected: lookahead.0.conv.weight" in message
    assert "blocks.conv1.convolution.weight has 32 x 1 x 11 x 11, expected 32 x 1 x 41 x 11" in message


def test_other_characters_are_another_shape(tmp_path: Path) -> None:
    path = save(tmp_path / "model.pth", checkpoint())
    with pytest.raises(SourceError, match=r"blocks.characters.linear.weight has 4 x 5, expected 29 x 5"):
        load_deep_speech(path)


def test_a_file_of_another_network_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "other.pth", nn.Linear(2, 2).state_dict())
    with pytest.raises(SourceError, match="it has no layer rnns"):
        load_deep_speech(path)
