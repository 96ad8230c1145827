"""mn04's file, as the tests write one with torch.save: all comes over under the net's names."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from emotone.errors import SourceError
from emotone.nets.architectures.mn04 import Mn04
from emotone.transfer.source import SOURCES, read_any
from emotone.transfer.sources.mn04 import published_names

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = SOURCES.get("mn04")


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    """The tensors of an mn04 with random weights."""
    torch.manual_seed(0)
    return Mn04().build(128, 527).state_dict()


def test_every_tensor_is_read(state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    torch.save({theirs: state[ours] for theirs, ours in published_names().items()}, tmp_path / "mine.pt")
    weights = read_any(tmp_path / "mine.pt")
    assert weights.source == "mn04"
    assert weights.licence == "MIT"
    assert set(weights.tensors) == set(state)
    for name, values in state.items():
        np.testing.assert_array_equal(weights.tensors[name], values.numpy())


def test_theirs_are_312_tensors_of_a_known_file() -> None:
    assert len(published_names()) == len(SOURCE.shapes) + len(SOURCE.optional) == 312
    assert SOURCE.published[0].sha256.startswith("899a8c62")


def test_another_file_of_the_published_name_is_rejected(state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    torch.save(state, tmp_path / "mn04_as_mAP_432.pt")
    with pytest.raises(SourceError, match=r"has SHA-256 .*; published: 899a8c62.*; download it again"):
        SOURCE.read(tmp_path / "mn04_as_mAP_432.pt")


def test_a_file_of_another_width_is_rejected(tmp_path: Path) -> None:
    state = Mn04(width=0.1).build(128, 527).state_dict()
    names = published_names(0.1)
    torch.save({theirs: state[ours] for theirs, ours in names.items()}, tmp_path / "mine.pt")
    with pytest.raises(SourceError, match=r"does not contain mn04: .*wrong shapes: .* expected"):
        replace(SOURCE).read(tmp_path / "mine.pt")
