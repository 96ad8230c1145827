"""Files of an unknown source: the source is found by their tensors, or the error gives the reasons why none fits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from emotone.errors import SourceError
from emotone.transfer.source import read_any

if TYPE_CHECKING:
    from pathlib import Path


def test_what_every_source_lacks_is_an_error(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", allow_pickle=False, other=np.zeros(1))
    pattern = r"contains the weights of no known source. as .*; as soundnet5: .*missing.*; as yamnet: .*missing"
    with pytest.raises(SourceError, match=pattern):
        read_any(tmp_path / "a.npz")


def test_a_file_that_is_not_there_is_an_error_once(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"a.npz: can't be read: No such file or directory$"):
        read_any(tmp_path / "a.npz")


def test_an_ending_of_no_source_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"their names end in .safetensors, .*.npz, .*; given '.txt'"):
        read_any(tmp_path / "a.txt")
