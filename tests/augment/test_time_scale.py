"""Changes of tempo agree with a slow implementation of the formula."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from emotone.augment.time_scale import OVERLAP, SEEK, SEGMENT, stretch

if TYPE_CHECKING:
    from emotone.types import Array

STEP = SEGMENT - OVERLAP


def slow_stretch(signal: Array, samples: int) -> Array:
    """Each candidate's correlation by its definition."""
    padded = np.concatenate([signal, np.zeros(SEGMENT + SEEK, np.float32)]).astype(np.float64)
    out = np.zeros(samples + SEGMENT)
    out[:SEGMENT] = padded[:SEGMENT]
    for at in range(STEP, samples, STEP):
        last = max(0, len(signal) - SEEK - min(SEGMENT, samples - at))
        first = min(max(0, round(at * len(signal) / samples) - SEEK // 2), last)
        tail = out[at : at + OVERLAP].copy()
        scores = []
        for offset in range(SEEK + 1):
            piece = padded[first + offset : first + offset + OVERLAP]
            scores.append(tail @ piece / (np.sqrt(piece @ piece) + 1e-9))
        best = first + int(np.argmax(scores))
        for index in range(OVERLAP):
            share = index / OVERLAP
            out[at + index] = (1 - share) * tail[index] + share * padded[best + index]
        out[at + OVERLAP : at + SEGMENT] = padded[best + OVERLAP : best + SEGMENT]
    return out[:samples].astype(np.float32)


@settings(max_examples=12, deadline=None)
@given(count=st.integers(1, 6000), ratio=st.floats(0.75, 1.35), seed=st.integers(0, 99))
def test_it_agrees_with_the_slow_twin(count: int, ratio: float, seed: int) -> None:
    signal = np.random.default_rng(seed).normal(0, 0.1, count).astype(np.float32)
    samples = max(1, round(count * ratio))
    np.testing.assert_allclose(stretch(signal, samples), slow_stretch(signal, samples), atol=1e-5)
