"""Rolling buffers equal concatenation and slicing in bounded memory; streamed rows equal those of the whole signal."""

from __future__ import annotations

import math
import tracemalloc
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.inference.conftest import PaddedLogMel

from emotone.features.front_ends.log_mel import LogMel
from emotone.features.front_ends.mn_log_mel import MnLogMel
from emotone.inference.buffers import FrameStream, RollingBuffer

if TYPE_CHECKING:
    from emotone.features.base import Feature


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=40), st.booleans())
def test_a_buffer_equals_concatenation_and_slicing(steps: list[tuple[int, int]], wide: bool) -> None:
    shape = (3,) if wide else ()
    plain = np.zeros((0, *shape), np.float32)
    buffer = RollingBuffer(plain)
    number = 0
    for new, dropped in steps:
        values = np.arange(number, number + new * (3 if wide else 1), dtype=np.float32).reshape(new, *shape)
        number += values.size
        buffer.append(values)
        plain = np.concatenate([plain, values])
        buffer.drop(min(dropped, len(plain)))
        plain = plain[dropped:]
        assert len(buffer) == len(plain)
        np.testing.assert_array_equal(buffer[:], plain)
        np.testing.assert_array_equal(buffer[1:4], plain[1:4])


@pytest.mark.parametrize("piece", [1, 7, 320])
def test_memory_is_bounded(piece: int) -> None:
    buffer = RollingBuffer(np.zeros(0, np.float32))
    tracemalloc.start()
    for _ in range(20_000 // piece):
        buffer.append(np.zeros(piece, np.float32))
        buffer.drop(max(0, len(buffer) - 1000))
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(buffer) <= 1000
    assert size <= 4 * 2 * (1000 + 2 * piece) + 10_000


def test_later_changes_of_a_piece_do_not_matter() -> None:
    buffer = RollingBuffer(np.zeros(0, np.float32))
    piece = np.ones(3, np.float32)
    buffer.append(piece)
    piece[:] = 2
    assert buffer[:].tolist() == [1, 1, 1]


@given(
    feature=st.sampled_from([LogMel(), PaddedLogMel(), PaddedLogMel(window=160), MnLogMel(pads_end=True)]),
    length=st.integers(0, 6000),
    cuts=st.lists(st.integers(0, 6000), max_size=12),
)
def test_rows_do_not_depend_on_the_pieces(feature: Feature, length: int, cuts: list[int]) -> None:
    signal = np.random.default_rng(length).normal(0, 0.1, length).astype(np.float32)
    stream = FrameStream(feature)
    rows = [stream.push(part) for part in np.split(signal, sorted(min(cut, length) for cut in cuts))]
    rows.append(stream.finish())
    whole = feature.compute(signal)
    np.testing.assert_allclose(np.concatenate(rows), whole, atol=1e-5)
    assert (stream.rows, stream.samples) == (len(whole), length)


@pytest.mark.parametrize(("samples", "rows"), [(399, 0), (400, 1), (559, 1), (560, 2)])
def test_a_row_is_complete_with_its_last_sample(samples: int, rows: int) -> None:
    assert len(FrameStream(LogMel()).push(np.zeros(samples, np.float32))) == rows


@pytest.mark.parametrize("samples", [0, 1, 160, 161, 400, 401, 1600])
def test_padded_rows_wait_for_the_end(samples: int) -> None:
    stream = FrameStream(PaddedLogMel())
    signal = np.full(samples, 0.1, np.float32)
    assert len(stream.push(signal)) == max(0, 1 + (samples - 400) // 160)
    stream.finish()
    assert stream.rows == max(1, math.ceil(samples / 160))
