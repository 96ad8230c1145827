"""Small generated recordings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
import pytest
import soundfile

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

RATE = 16000


class Write(Protocol):
    """Write a recording below a temporary folder and return its path."""

    def __call__(self, name: str, signal: NDArray[np.float64] | None = None, *, rate: int = RATE) -> Path: ...


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes a recording; without a signal, half a second of noise unlike any other."""
    seed = 0

    def function(name: str, signal: NDArray[np.float64] | None = None, *, rate: int = RATE) -> Path:
        nonlocal seed
        seed += 1
        if signal is None:
            signal = 0.1 * np.random.default_rng(seed).uniform(-1, 1, rate // 2)
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, signal, rate, subtype="PCM_16")
        return path

    return function
