"""Rows of a streamed front end are those of the whole signal, however it was cut."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.inference.conftest import PaddedLogMel

from emotone.features.front_ends.log_mel import LogMel
from emotone.features.front_ends.mn_log_mel import MnLogMel
from emotone.inference.frames import FrameStream

if TYPE_CHECKING:
    from emotone.features.base import Feature


@given(
    feature=st.sampled_from([LogMel(), PaddedLogMel(), PaddedLogMel(window=160), MnLogMel(pads_end=True)]),
    length=st.integers(0, 6000),
    cuts=st.lists(st.integers(0, 6000), max_size=12),
)
def test_rows_do_not_depend_on_the_cuts(feature: Feature, length: int, cuts: list[int]) -> None:
    signal = np.random.default_rng(length).normal(0, 0.1, length).astype(np.float32)
    stream = FrameStream(feature)
    rows = [stream.push(part) for part in np.split(signal, sorted(min(cut, length) for cut in cuts))]
    rows.append(stream.finish())
    whole = feature.compute(signal)
    np.testing.assert_allclose(np.concatenate(rows), whole, atol=1e-5)
    assert (stream.rows, stream.samples) == (len(whole), length)


def test_nothing_of_a_block_is_kept_alive() -> None:
    stream = FrameStream(LogMel())
    stream.push(np.zeros(160_000, np.float32))
    assert stream._kept.base is None
    assert stream._kept.size < 400


@pytest.mark.parametrize(("samples", "rows"), [(399, 0), (400, 1), (559, 1), (560, 2)])
def test_a_row_comes_with_its_last_sample(samples: int, rows: int) -> None:
    assert len(FrameStream(LogMel()).push(np.zeros(samples, np.float32))) == rows


@pytest.mark.parametrize("samples", [0, 1, 160, 161, 400, 401, 1600])
def test_padded_rows_wait_for_the_end(samples: int) -> None:
    stream = FrameStream(PaddedLogMel())
    signal = np.full(samples, 0.1, np.float32)
    assert len(stream.push(signal)) == max(0, 1 + (samples - 400) // 160)
    stream.finish()
    assert stream.rows == max(1, math.ceil(samples / 160))
