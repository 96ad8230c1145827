"""Files of torch.save in both forms: tensors come over as they are; what is no tensor is refused, and nothing runs."""

from __future__ import annotations

import collections
import io
import pickle
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emotone.errors import SourceError
from emotone.transfer.torch_tensors import MAGIC, VERSION, read_torch

if TYPE_CHECKING:
    from pathlib import Path

FORMS = pytest.mark.parametrize("archive", [True, False], ids=["archive", "stream"])


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
def test_tensors_come_over_as_they_are(tmp_path: Path, archive: bool) -> None:
    tensors = example()
    found = read_torch(saved(tmp_path / "a.pt", tensors, archive=archive))
    assert list(found) == list(tensors)
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(found[name], tensor.numpy())
        assert found[name].dtype == tensor.numpy().dtype


@FORMS
def test_the_state_of_a_module_comes_over(tmp_path: Path, archive: bool) -> None:
    module = torch.nn.Sequential(torch.nn.Linear(2, 300), torch.nn.BatchNorm1d(300))
    found = read_torch(saved(tmp_path / "a.pt", module.state_dict(), archive=archive))
    assert set(found) == set(module.state_dict())


@FORMS
def test_parameters_come_over(tmp_path: Path, archive: bool) -> None:
    tensors = {"a": torch.nn.Parameter(torch.ones(2))}
    assert read_torch(saved(tmp_path / "a.pt", tensors, archive=archive))["a"].tolist() == [1, 1]


@FORMS
@pytest.mark.parametrize(
    ("found", "message"),
    [
        ({"a": Harm()}, r"it names '(builtins|__builtin__).print', which is no part of tensors"),
        (torch.nn.Linear(1, 1), r"it names '.*Linear', which is no part of tensors"),
        ({"a": torch.zeros(1), "epoch": 3}, r"under 'epoch' is no tensor"),
        ({1: torch.zeros(1)}, r"under 1 is no tensor"),
        ({"state_dict": {"a": torch.zeros(1)}}, r"under 'state_dict' is no tensor"),
        ([torch.zeros(1)], r"it holds a list"),
        ([torch.zeros(1), torch.zeros(1)], r"it holds a list"),
        (torch.zeros(1), r"it holds a view"),
        ({}, r"it holds a dict"),
        (1.5, r"it holds a float"),
        ({"a": torch.zeros(1, dtype=torch.complex64)}, r"it names 'torch.ComplexFloatStorage'"),
        ({"a": (1, 2, 3, None, True)}, r"under 'a' is no tensor"),
    ],
)
def test_what_is_no_tensor_is_refused(
    tmp_path: Path, archive: bool, found: object, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SourceError, match=rf"is no file of tensors by name.*\({message}"):
        read_torch(saved(tmp_path / "a.pt", found, archive=archive))
    assert capsys.readouterr().out == ""


@pytest.mark.filterwarnings("error")
@FORMS
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damage_is_a_source_error_or_nothing(tmp_path: Path, archive: bool, data: st.DataObject) -> None:
    whole = saved(tmp_path / "a.pt", {"a": torch.ones(3), "b": torch.zeros(2, 2)}, archive=archive).read_bytes()
    damaged = bytearray(whole)
    places = st.integers(0, 4095)  # torch.save names storages by their addresses: the length differs between two times
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


def stream(*objects: object, behind: bytes = b"") -> bytes:
    return b"".join(pickle.dumps(one, protocol=2) for one in objects) + behind


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "pickle exhausted"),
        (b"\x80\x04\x8d" + (1 << 60).to_bytes(8, "little"), ""),  # a text of so many bytes: no memory is that large
        (b"words, no weights", ""),
        (stream(1, 2), "it does not begin as one"),
        (stream(MAGIC, 1000), "it does not begin as one"),
        (stream(MAGIC, VERSION, {"little_endian": False}), "its numbers are not little-endian"),
        (stream(MAGIC, VERSION, 7), "its numbers are not little-endian"),
        (stream(MAGIC, VERSION, {"little_endian": True}, {}), "it holds a dict"),
        (b"\x80\x02cos\nsystem\nX\x02\x00\x00\x00ls\x85R.", "it names 'os.system'"),
        (b"\x80\x02ccollections\nOrderedDict\nK\x01\x85R.", "it calls what is no part of tensors"),
        (b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(K\x01K\x00))K\x00)tR.", "it calls what is no part of tensors"),
        (b"\x80\x02Q.", "a step lacks its values"),
        (b"\x80\x02(K\x01tQ.", "not enough values"),
        (b"\x80\x02(X\x01\x00\x00\x00aK\x01K\x01K\x01K\x01tQ.", "it refers to what is no storage"),
        (
            b"\x80\x02(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuNtQ.",
            "a storage of None values",
        ),
        (b"\x80\x02]K\x01K\x02s.", "values are set in what is no table"),
        (b"\x80\x02}K\x01a.", "values are added to what is no list"),
        (b"\x80\x02]}b.", "it says more of an object than of a table"),
        (b"\x80\x02i__builtin__\nprint\n.", "it takes the step INST"),
        (b"\x80\x02h\x05.", "5"),
    ],
)
def test_streams_that_are_none_are_refused(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "a.pth").write_bytes(data)
    with pytest.raises(SourceError, match=rf"a.pth is no file of tensors by name, .*\(.*{message}"):
        read_torch(tmp_path / "a.pth")


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
        ({"archive/byteorder": b"big"}, "its numbers are not little-endian"),
        ({"archive/data/0": b"1234"}, "storage '0' has 4 bytes, not 3 values"),
        ({"archive/data/0": None}, "There is no item named"),
        ({"archive/data.pkl": None}, "the archive has no data.pkl"),
    ],
)
def test_archives_that_lack_something_are_refused(
    tmp_path: Path, changes: dict[str, bytes | None], message: str
) -> None:
    members = {**members_of({"a": torch.ones(3)}), **changes}
    path = archived(tmp_path / "a.pt", {name: data for name, data in members.items() if data is not None})
    with pytest.raises(SourceError, match=message):
        read_torch(path)


@pytest.mark.parametrize(
    ("first", "sizes", "strides"), [(1, (3,), (1,)), (0, (4,), (1,)), (0, (2,), (3,)), (0, (3,), (-1,)), (0, (3,), ())]
)
def test_a_tensor_outside_its_storage_is_refused(
    tmp_path: Path, first: int, sizes: tuple[int, ...], strides: tuple[int, ...]
) -> None:
    """The pickle of one tensor, by hand: a storage of three floats seen where there are none."""

    def integers(values: tuple[int, ...]) -> bytes:
        return b"(" + b"".join(b"J" + value.to_bytes(4, "little", signed=True) for value in values) + b"t"

    storage = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x03tQ"
    view = b"(" + storage + b"K" + bytes([first]) + integers(sizes) + integers(strides) + b"\x89}t"
    made = b"\x80\x02}X\x01\x00\x00\x00actorch._utils\n_rebuild_tensor_v2\n" + view + b"Rs."
    path = archived(tmp_path / "a.pt", {"x/data.pkl": made, "x/data/0": np.ones(3, "<f4").tobytes()})
    with pytest.raises(SourceError, match=r"a tensor of sizes .* and strides"):
        read_torch(path)


def test_a_stream_s_storages_are_those_of_its_tensors(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.pth", {"a": torch.ones(3)}, archive=False)
    data = bytearray(path.read_bytes())
    data[-3 * 4 - 8] = 9  # the count before the values
    path.write_bytes(data)
    with pytest.raises(SourceError, match=r"storage '.*' of 9 values is not what its tensors say"):
        read_torch(path)


def test_an_ordered_dictionary_comes_over(tmp_path: Path) -> None:
    found = collections.OrderedDict(b=torch.ones(1), a=torch.zeros(1))
    assert list(read_torch(saved(tmp_path / "a.pt", found))) == ["b", "a"]


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"a.pt: can't be read: No such file or directory"):
        read_torch(tmp_path / "a.pt")
