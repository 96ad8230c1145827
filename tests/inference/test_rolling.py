"""An array that grows and shrinks: the same values as joining and cutting gives, and no more room than it needs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotone.inference.rolling import Rolling


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=40), st.booleans())
def test_it_is_joining_and_cutting(steps: list[tuple[int, int]], wide: bool) -> None:
    shape = (3,) if wide else ()
    plain = np.zeros((0, *shape), np.float32)
    held = Rolling(plain)
    number = 0
    for new, dropped in steps:
        values = np.arange(number, number + new * (3 if wide else 1), dtype=np.float32).reshape(new, *shape)
        number += values.size
        held.push(values)
        plain = np.concatenate([plain, values])
        held.drop(min(dropped, len(plain)))
        plain = plain[dropped:]
        assert len(held) == len(plain)
        np.testing.assert_array_equal(held[:], plain)
        np.testing.assert_array_equal(held[1:4], plain[1:4])


@pytest.mark.parametrize("piece", [1, 7, 320])
def test_hours_of_sound_leave_nothing_behind(piece: int) -> None:
    held = Rolling(np.zeros(0, np.float32))
    for _ in range(20_000 // piece):
        held.push(np.zeros(piece, np.float32))
        held.drop(max(0, len(held) - 1000))
    assert len(held) <= 1000
    assert held._held.nbytes <= 4 * 2 * (1000 + 2 * piece)


def test_what_was_pushed_may_change_afterwards() -> None:
    held = Rolling(np.zeros(0, np.float32))
    piece = np.ones(3, np.float32)
    held.push(piece)
    piece[:] = 2
    assert held[:].tolist() == [1, 1, 1]
