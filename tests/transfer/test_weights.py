"""Files of weights: those that emotone wrote are read, others are rejected."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from safetensors.numpy import save

from emotone.errors import MissingExtraError, SourceError
from emotone.files import sha256_file
from emotone.transfer.weights import SourceWeights, read_weights, write_weights

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

TENSORS: dict[str, NDArray[Any]] = {"b": np.arange(6, dtype=np.float32).reshape(2, 3).T, "a": np.array(3, np.int64)}
WEIGHTS = SourceWeights("soundnet5", TENSORS, "ab" * 32, "MIT")


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "made.safetensors"
    write_weights(path, WEIGHTS)
    found = read_weights(path)
    assert (found.source, found.licence, found.sha256) == ("soundnet5", "MIT", sha256_file(path))
    assert found.tensors.keys() == TENSORS.keys()
    for name, values in TENSORS.items():
        np.testing.assert_array_equal(found.tensors[name], values)
        assert (found.tensors[name].dtype, found.tensors[name].shape) == (values.dtype, values.shape)


def test_equal_weights_give_equal_bytes(tmp_path: Path) -> None:
    turned = SourceWeights("soundnet5", dict(reversed(TENSORS.items())), "ab" * 32, "MIT")
    write_weights(tmp_path / "one", WEIGHTS)
    write_weights(tmp_path / "two", turned)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize(
    "data",
    [b"", b"no weights", save({"a": np.zeros(2)}), save({"a": np.zeros(2)}, {"emotone.source": "[]"})],
    ids=["empty", "text", "others", "other words"],
)
def test_other_files_are_rejected(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "made.safetensors"
    path.write_bytes(data)
    with pytest.raises(
        SourceError, match=r"made\.safetensors contains no weights that emotone wrote \(.*convert the publ"
    ):
        read_weights(path)


def test_a_file_that_is_not_there_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="contains no weights that emotone wrote"):
        read_weights(tmp_path / "none.safetensors")


def test_without_safetensors_the_error_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    with pytest.raises(MissingExtraError, match=r"reading weights needs the package 'safetensors'.*emotone\[train\]"):
        read_weights(tmp_path / "made.safetensors")
