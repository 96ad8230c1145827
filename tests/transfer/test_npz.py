from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from emotone.errors import SourceError
from emotone.transfer.npz import read_npz

if TYPE_CHECKING:
    from pathlib import Path


def test_arrays_come_by_name(tmp_path: Path) -> None:
    arrays: dict[str, Any] = {"a/b": np.arange(3), "c": np.float32(1.5)}
    np.savez_compressed(tmp_path / "a.npz", allow_pickle=False, **arrays)
    found = read_npz(tmp_path / "a.npz")
    assert {name: array.tolist() for name, array in found.items()} == {"a/b": [0, 1, 2], "c": 1.5}


def test_objects_are_rejected(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", a=np.array([{}], dtype=object))
    with pytest.raises(SourceError, match=r"a.npz is not an archive of plain arrays \(.*allow_pickle.*\)$"):
        read_npz(tmp_path / "a.npz")


def test_advice_ends_the_message(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_text("words")
    with pytest.raises(SourceError, match=r"is not an archive of plain arrays \(.*\); do that$"):
        read_npz(tmp_path / "a.npz", advice="do that")
