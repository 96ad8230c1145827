"""The teacher on sound: the net `mn04` behind its own front end, in torch, with the scores that it was published with.

The front end is the original's, whose windows are centred on multiples of the hop and which mirrors the sound at both
ends; `mn-log-mel` has the same rows of whole windows only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from emotone.features.front_ends.mn_log_mel import EMPHASIS, FFT, OFFSET, TAPER, MnLogMel, tables
from emotone.nets.architectures.mn04 import Mn04

if TYPE_CHECKING:
    from emotone.nets.blocks.base import LengthAware


class MobileNet(nn.Module):
    """Sound to the logits of `classes` taggers: [batch, samples] at 32 kHz -> [batch, classes].

    Args:
        width: of the channels; 0.4 for the published mn04, 1.0 for mn10.
        classes: 527 for AudioSet.

    """

    def __init__(self, *, width: float, classes: int) -> None:
        super().__init__()
        self.net: LengthAware = Mn04(width=width).build(MnLogMel.dimension, classes)
        for name, table in zip(("window", "bands"), tables(), strict=True):
            self.register_buffer(name, torch.from_numpy(table), persistent=False)

    def rows(self, sound: Tensor) -> Tensor:
        """Return ln(mel power + 1e-5) [batch, time, 128] of sound [batch, samples]."""
        emphasised = sound[:, 1:] - EMPHASIS * sound[:, :-1]
        window, bands = self.get_buffer("window"), self.get_buffer("bands")
        spectrum = torch.stft(emphasised, FFT, MnLogMel.hop, TAPER, window, center=True, return_complex=True)
        power = (spectrum.real**2 + spectrum.imag**2).transpose(1, 2)
        return (torch.matmul(power, bands) + OFFSET).log()

    def forward(self, sound: Tensor) -> Tensor:
        """Return logits [batch, classes]; a class's probability is the sigmoid of its own."""
        logits: Tensor = self.net(self.rows(sound))
        return logits
