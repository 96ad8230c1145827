"""Convolutions on images of chunks."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

from emotone.nets.blocks.chunk import ChunkConv


@pytest.mark.parametrize("whole", [True, False])
def test_the_extent_in_time_is_that_of_the_kernel_and_one_pooling_step(whole: bool) -> None:
    block = ChunkConv(1, 2, kernel=(5, 3), whole=whole, slope=0.0)
    assert block.time_kernel(5) == 4
