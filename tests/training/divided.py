"""A training that can be divided exactly: no layer depends on the batch, and nothing is random but the batches."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from tests.toy import separable
from tests.training.looping import SETTINGS, task

from emotone.training.classification import train
from emotone.training.processes import current

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from emotone.training.checkpoint import Epoch


class Plain(torch.nn.Module):
    """Two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = torch.nn.Linear(64, 8), torch.nn.Linear(8, 2)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:  # noqa: ARG002 - padding counts too
        logits: Tensor = self.two(torch.relu(self.one(x)).mean(dim=1))
        return logits


def trained(checkpoint: Path, *, lost: Path | None = None) -> tuple[list[tuple[float, float | None]], float]:
    """Return the loss and score of every epoch, and the sum of all weights.

    Args:
        checkpoint: of the training.
        lost: where given, the second process kills itself in the second epoch, unless this file exists.

    """

    def progress(epoch: Epoch) -> None:
        if lost is not None and epoch.number == 2 and current().rank == 1 and not lost.exists():
            lost.touch()
            os.kill(os.getpid(), signal.SIGKILL)

    build: Any = Plain
    settings = replace(SETTINGS, batch_size=9, mixup=0.2, sampling="shuffled")
    torch.set_num_threads(1)
    net, result = train(build, task(train=separable(24)), settings, checkpoint=checkpoint, progress=progress)
    total = sum(float(one.detach().double().abs().sum()) for one in net.parameters())
    return [(one.loss, one.score) for one in result.history], total
