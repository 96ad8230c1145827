"""Tensors in files of PyTorch, and those of Whisper: names, shapes and values."""

from __future__ import annotations

import collections
import io
import pickle
import struct
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.transfer.writers import (
    LAYERS,
    WIDTH,
    ctranslate2,
    ctranslate2_bytes,
    hugging_face,
    random_encoder,
)

from emotone.errors import SourceError
from emotone.transfer.readers import read_ctranslate2, read_torch
from emotone.transfer.sources.whisper import encoder_shapes, from_checkpoint, from_ctranslate2

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


# ----------------------------------------------------------------------------------------------------------------------
# Files of torch.save in both formats: tensors are read unchanged, anything else is rejected, nothing is executed.

FORMS = pytest.mark.parametrize("archive", [True, False], ids=["archive", "stream"])
MAGIC, VERSION = 0x1950A86A20F9469CFC6C, 1001  # the start of a stream


class Harm:
    """An object whose pickle calls a function when it is loaded."""

    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("harm",)


def saved(path: Path, found: object, *, archive: bool = True) -> Path:
    torch.save(found, path, _use_new_zipfile_serialization=archive)
    return path


def example() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    whole = torch.randn(6, 4)
    return {
        "whole": whole,
        "transposed": whole.T,
        "part": whole[2:5, 1::2],
        "number": torch.tensor(7),
        "nothing": torch.zeros(0, 3),
        "half": torch.randn(5).half(),
        "double": torch.randn(2, 3, dtype=torch.float64),
        "bytes": torch.arange(5, dtype=torch.uint8),
        "flags": torch.tensor([True, False]),
        "many": torch.arange(70_000),
    }


@FORMS
def test_tensors_are_read_unchanged(tmp_path: Path, archive: bool) -> None:
    tensors = example()
    found = read_torch(saved(tmp_path / "a.pt", tensors, archive=archive))
    assert list(found) == list(tensors)
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(found[name], tensor.numpy())
        assert found[name].dtype == tensor.numpy().dtype


@FORMS
def test_the_state_of_a_module_is_read(tmp_path: Path, archive: bool) -> None:
    module = torch.nn.Sequential(torch.nn.Linear(2, 300), torch.nn.BatchNorm1d(300))
    found = read_torch(saved(tmp_path / "a.pt", module.state_dict(), archive=archive))
    assert set(found) == set(module.state_dict())


@FORMS
def test_parameters_are_read(tmp_path: Path, archive: bool) -> None:
    tensors = {"a": torch.nn.Parameter(torch.ones(2))}
    assert read_torch(saved(tmp_path / "a.pt", tensors, archive=archive))["a"].tolist() == [1, 1]


@FORMS
@pytest.mark.parametrize(
    ("found", "message"),
    [
        ({"a": Harm()}, r"it contains the Python object '.*print'"),
        (torch.nn.Linear(1, 1), r"it contains the Python object '.*Linear'"),
        ({"a": torch.zeros(1), "epoch": 3}, r"'epoch' is not the name of a tensor"),
        ({1: torch.zeros(1)}, r"1 is not the name of a tensor"),
        ({"state_dict": {"a": torch.zeros(1)}}, r"'state_dict' is not the name of a tensor"),
        ([torch.zeros(1)], r"it contains a list"),
        (torch.zeros(1), r"it contains a Tensor"),
        ({}, r"it contains an empty dict"),
        (1.5, r"it contains a float"),
        ({"a": torch.zeros(1, dtype=torch.complex64)}, r"the tensor 'a' has the type torch.complex64"),
        ({"a": torch.zeros(1, dtype=torch.bfloat16)}, r"the tensor 'a' has the type torch.bfloat16"),
        ({"a": torch.zeros(1).expand(10**12)}, r"the tensor 'a' .* repeats its values"),
        ({"a": (1, 2, 3, None, True)}, r"'a' is not the name of a tensor"),
    ],
)
def test_anything_but_tensors_is_rejected(
    tmp_path: Path, archive: bool, found: object, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SourceError, match=rf"is not a file of tensors by name.*\({message}"):
        read_torch(saved(tmp_path / "a.pt", found, archive=archive))
    assert capsys.readouterr().out == ""


@pytest.mark.filterwarnings("error")
@FORMS
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damage_is_a_source_error_or_has_no_effect(tmp_path: Path, archive: bool, data: st.DataObject) -> None:
    whole = saved(tmp_path / "a.pt", {"a": torch.ones(3), "b": torch.zeros(2, 2)}, archive=archive).read_bytes()
    damaged = bytearray(whole)
    places = st.integers(0, 4095)  # torch.save names storages by their addresses, so that the length varies
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(places) % len(whole)] = data.draw(st.integers(0, 255))
    end = data.draw(places) % (len(whole) + 1)
    path = tmp_path / "b.pt"
    path.write_bytes(bytes(damaged[: end or None]))
    try:
        found = read_torch(path)
    except SourceError:
        return
    assert all(isinstance(values, np.ndarray) for values in found.values())


def stream(*objects: object) -> bytes:
    return b"".join(pickle.dumps(one, protocol=2) for one in objects)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "ends early"),
        (b"\x80\x04\x8d" + (1 << 60).to_bytes(8, "little"), ""),  # a text of so many bytes: no memory is that large
        (b"words, no weights", ""),
        (stream(1, 2), "Invalid magic number"),
        (stream(MAGIC, 1000), "Invalid protocol version"),
        (stream(MAGIC, VERSION, {"little_endian": True}, {}), "ends early"),
        (b"\x80\x02cos\nsystem\nX\x02\x00\x00\x00ls\x85R.", "os.system"),
        (b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(K\x01K\x00))K\x00)tR.", "no attribute"),
        (b"\x80\x02Q.", "empty"),
        (b"\x80\x02i__builtin__\nprint\n.", ""),
        (b"\x80\x02h\x05.", "KeyError 5"),
    ],
)
def test_malformed_streams_are_rejected(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "a.pth").write_bytes(data)
    with pytest.raises(SourceError, match=rf"a.pth is not a file of tensors by name, .*\(.*{message}") as caught:
        read_torch(tmp_path / "a.pth")
    assert "\n" not in str(caught.value)
    assert "weights_only" not in str(caught.value)  # torch's advice to load the file unsafely


def archived(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def members_of(tensors: dict[str, torch.Tensor]) -> dict[str, bytes]:
    buffer = io.BytesIO()
    torch.save(tensors, buffer)
    with zipfile.ZipFile(buffer) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"archive/data/0": b"1234"}, r"record size \(4 bytes\) does not match"),
        ({"archive/data/0": None}, "failed locating file data/0"),
        ({"archive/data.pkl": None}, "failed locating file data.pkl"),
    ],
)
def test_incomplete_archives_are_rejected(tmp_path: Path, changes: dict[str, bytes | None], message: str) -> None:
    members = {**members_of({"a": torch.ones(3)}), **changes}
    path = archived(tmp_path / "a.pt", {name: data for name, data in members.items() if data is not None})
    with pytest.raises(SourceError, match=message):
        read_torch(path)


@pytest.mark.parametrize(
    ("first", "sizes", "strides"), [(1, (3,), (1,)), (0, (4,), (1,)), (0, (2,), (3,)), (0, (3,), (-1,)), (0, (3,), ())]
)
def test_a_tensor_outside_its_storage_is_rejected(
    tmp_path: Path, first: int, sizes: tuple[int, ...], strides: tuple[int, ...]
) -> None:
    """The pickle of one tensor, by hand: a view of a storage of three floats that exceeds it."""

    def integers(values: tuple[int, ...]) -> bytes:
        return b"(" + b"".join(b"J" + value.to_bytes(4, "little", signed=True) for value in values) + b"t"

    storage = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x03tQ"
    view = b"(" + storage + b"K" + bytes([first]) + integers(sizes) + integers(strides) + b"\x89}t"
    made = b"\x80\x02}X\x01\x00\x00\x00actorch._utils\n_rebuild_tensor_v2\n" + view + b"Rs."
    path = archived(tmp_path / "a.pt", {"x/data.pkl": made, "x/data/0": np.ones(3, "<f4").tobytes()})
    with pytest.raises(SourceError, match="is not a file of tensors by name"):
        read_torch(path)


def test_an_ordered_dictionary_keeps_its_order(tmp_path: Path) -> None:
    found = collections.OrderedDict(b=torch.ones(1), a=torch.zeros(1))
    assert list(read_torch(saved(tmp_path / "a.pt", found))) == ["b", "a"]


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"a.pt: can't be read: No such file or directory"):
        read_torch(tmp_path / "a.pt")


# ----------------------------------------------------------------------------------------------------------------------
# Whisper's encoder: the same tensors from every form in which it is published; damaged files are refused.


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
