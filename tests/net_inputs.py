"""What the conformance tests give each net to hear, and a small setting of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from tests.toy import TINY_NET

BANDS, CLASSES = 64, 5


@dataclass(frozen=True)
class Input:
    """What a net hears: how rows are drawn, what makes them louder, and how long they are.

    Attributes:
        lengths: rows of single inputs, some of them shorter than the net sees.
        onnx: (batch, rows) that the exported net is run with.
        row: seconds of a row.

    """

    lengths: tuple[int, ...] = (1, 2, 7, 31, 90)
    onnx: tuple[tuple[int, int], ...] = ((1, 1), (1, 2), (3, 1), (1, 298), (16, 30), (2, 151))
    row: float = 0.01

    def draw(self, batch: int, time: int) -> torch.Tensor:
        return torch.randn(batch, time, BANDS) * 2 - 8

    def constant(self, level: float) -> torch.Tensor:
        """Rows of one value, at a level in ln(power)."""
        return torch.full((2, 50, BANDS), level)

    def louder(self, x: torch.Tensor, by: float) -> torch.Tensor:
        """The rows of the same sound at another level, by ln(power)."""
        return x + by


class Samples(Input):
    """Rows of 64 samples at 16 kHz."""

    def draw(self, batch: int, time: int) -> torch.Tensor:
        return torch.randn(batch, time, BANDS) * 0.05

    def constant(self, level: float) -> torch.Tensor:
        return torch.full((2, 50, BANDS), float(np.exp(level / 2)) if level > np.log(2e-10) else 0.0)

    def louder(self, x: torch.Tensor, by: float) -> torch.Tensor:
        return x * float(np.exp(by / 2))


INPUTS: dict[str, Input] = {
    "soundnet5": Samples((1, 118, 120, 305, 700), ((1, 1), (1, 119), (3, 301), (2, 450)), BANDS / 16000)
}
# A small setting of each net, so that its arithmetic is seen in other shapes too, with its switches the other way.
# A net without one is tested as it is.
TINY: dict[str, dict[str, Any]] = {
    "log-mel-cnn": TINY_NET,
    "soundnet5": {"filters": 5, "dropout": 0.1, "least": 7646},
}
