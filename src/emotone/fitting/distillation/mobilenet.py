"""The teacher network `mn04` with its own front end in torch, and the scores that it was published with.

The front end is the original's: its windows are centred on multiples of the hop, and the signal is mirrored at both
ends. `mn-log-mel` computes the same frames for full windows only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from emotone.features.front_ends.mn_log_mel import EMPHASIS, FFT, OFFSET, WINDOW, MnLogMel, tables
from emotone.nets.architectures.sound_events import Mn04

if TYPE_CHECKING:
    from emotone.nets.blocks.base import Network


class MobileNet(nn.Module):
    """Signals [batch, samples] at 32 kHz to logits [batch, classes].

    Args:
        width: channel multiplier; 0.4 for the published mn04, 1.0 for mn10.
        classes: 527 for AudioSet.

    """

    def __init__(self, *, width: float, classes: int) -> None:
        super().__init__()
        self.net: Network = Mn04(width=width).build(MnLogMel.dimension, classes)
        for name, table in zip(("window", "bands"), tables(), strict=True):
            self.register_buffer(name, torch.from_numpy(table), persistent=False)

    def log_mel(self, signals: Tensor) -> Tensor:
        """Return ln(mel power + 1e-5) [batch, time, 128] of signals [batch, samples]."""
        emphasised = signals[:, 1:] - EMPHASIS * signals[:, :-1]
        window, bands = self.get_buffer("window"), self.get_buffer("bands")
        spectrum = torch.stft(emphasised, FFT, MnLogMel.hop, WINDOW, window, center=True, return_complex=True)
        power = (spectrum.real**2 + spectrum.imag**2).transpose(1, 2)
        return (torch.matmul(power, bands) + OFFSET).log()

    def forward(self, signals: Tensor) -> Tensor:
        """Return logits [batch, classes]; a class's probability is the sigmoid of its logit."""
        logits: Tensor = self.net(self.log_mel(signals))
        return logits
