"""Running statistics of batch normalisations, re-estimated on unlabelled recordings of the target (AdaBN).

A batch normalisation standardises its input with the statistics of the training data. Other microphones, rooms and
voices have other statistics; with those of the target, the inputs of each layer match its training again.

Reference: Li, Wang, Shi, Liu, Hou, Revisiting batch normalization for practical domain adaptation, 2016 (AdaBN).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from emotone.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from emotone.nets.blocks.base import Network
    from emotone.types import Array

BATCH = 32  # windows
TENSORS = ("running_mean", "running_var")


def normalisations(net: nn.Module) -> dict[str, nn.modules.batchnorm._BatchNorm]:
    """Return the modules of a network that have running statistics, by name."""
    kind = nn.modules.batchnorm._BatchNorm  # noqa: SLF001 - the only base class of every kind of them
    return {
        name: module
        for name, module in net.named_modules()
        if isinstance(module, kind) and module.running_mean is not None
    }


def estimate_statistics(net: Network, windows: Sequence[Array]) -> tuple[str, ...]:
    """Re-estimate the running statistics of a network, in place, and return the names of their tensors.

    Starting at the input, each normalisation gets the mean and variance of its input over all windows, with the earlier
    ones already re-estimated, so the result does not depend on the order or the batches of the windows. Windows of
    similar length form a batch and are cut to the shortest of them, because padding would be counted. No parameter
    changes, and dropout is inactive. Each normalisation takes one pass over the windows.

    Args:
        net: modified in place; in eval mode afterwards.
        windows: each [time, dimension].

    Raises:
        RunError: the input of a normalisation has fewer than two values.

    """
    net.eval()
    batches = list(_batches(windows))
    names: list[str] = []
    for block in net.blocks:
        for name, module in normalisations(net.blocks[block]).items():
            sums = _Sums()
            handle = module.register_forward_pre_hook(sums)
            with torch.no_grad():
                for batch in batches:
                    _forward(net, batch, until=block)
            handle.remove()
            if sums.count < 2:
                raise RunError("batch-normalisation statistics need at least two windows; add recordings")
            mean, variance = sums.moments()
            for tensor, values in zip((module.running_mean, module.running_var), (mean, variance), strict=True):
                assert tensor is not None  # noqa: S101 - see `normalisations`
                tensor.copy_(values)
            names += [".".join(("blocks", block, name, tensor)) for tensor in TENSORS]
    return tuple(names)


class _Sums:
    """Sums of the inputs of a normalisation, by channel, in double precision; called before each batch."""

    def __init__(self) -> None:
        self.count = 0
        self.total: Tensor | float = 0.0
        self.squares: Tensor | float = 0.0

    def __call__(self, module: nn.Module, given: tuple[Any, ...]) -> None:  # noqa: ARG002 - the signature of torch's hooks
        x = given[0].detach().double().transpose(0, 1).flatten(1)  # [channels, values]
        self.count += x.shape[1]
        self.total = self.total + x.sum(dim=1)
        self.squares = self.squares + (x * x).sum(dim=1)

    def moments(self) -> tuple[Tensor, Tensor]:
        """Return mean and variance; the variance is the sample variance, as in torch."""
        mean = torch.as_tensor(self.total) / self.count
        variance = (torch.as_tensor(self.squares) - self.count * mean * mean) / (self.count - 1)
        return mean, variance.clamp(min=0.0)


def _forward(net: Network, x: Tensor, *, until: str) -> None:
    """Run the blocks up to and including one."""
    lengths: Tensor | None = None
    for name, block in net.blocks.items():
        x, lengths = block(x, lengths)
        if name == until:
            return


def _batches(windows: Sequence[Array]) -> Iterator[Tensor]:
    """Yield batches [batch, time, dimension] of windows, sorted by length."""
    ordered = sorted(windows, key=len)
    for first in range(0, len(ordered), BATCH):
        batch = ordered[first : first + BATCH]
        yield torch.from_numpy(np.stack([rows[: len(batch[0])] for rows in batch]))
