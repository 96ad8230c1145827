"""Running statistics of batch normalisations, estimated anew on what a net will hear; no label is needed for it.

A batch normalisation takes mean and deviation of its input away, as they were in training. Other microphones, rooms
and voices have others: with those of the new recordings each layer hears again what it learned to hear.

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

    from emotone.nets.blocks.base import LengthAware
    from emotone.types import Array

AT_ONCE = 32  # windows
TENSORS = ("running_mean", "running_var")


def normalisations(net: nn.Module) -> dict[str, nn.modules.batchnorm._BatchNorm]:
    """Return the modules of a net that have running statistics, by name."""
    kind = nn.modules.batchnorm._BatchNorm  # noqa: SLF001 - there is no other name for every kind of them
    return {
        name: module
        for name, module in net.named_modules()
        if isinstance(module, kind) and module.running_mean is not None
    }


def estimate_statistics(net: LengthAware, windows: Sequence[Array]) -> tuple[str, ...]:
    """Estimate the running statistics of a net anew, in place, and return the names of their tensors.

    From the input on, one normalisation after another gets mean and variance of all that comes to it from all windows,
    with those before it estimated already: so neither the order of windows nor how they lie in batches plays a part.
    Windows of nearly the same length are heard together, cut to the shortest of them, so that nothing is padded, which
    would be counted. Nothing learns, and nothing is dropped. It takes a pass over the windows for each normalisation.

    Args:
        net: whose mode is eval afterwards.
        windows: each [time, dimension].

    Raises:
        RunError: a normalisation hears less than two values.

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
                raise RunError("statistics need two windows at least; give more recordings")
            mean, variance = sums.moments()
            for tensor, values in zip((module.running_mean, module.running_var), (mean, variance), strict=True):
                assert tensor is not None  # noqa: S101 - see `normalisations`
                tensor.copy_(values)
            names += [".".join(("blocks", block, name, tensor)) for tensor in TENSORS]
    return tuple(names)


class _Sums:
    """Sums of what comes to a normalisation, by channel, in double precision: it is called before each batch."""

    def __init__(self) -> None:
        self.count = 0
        self.total: Tensor | float = 0.0
        self.squares: Tensor | float = 0.0

    def __call__(self, module: nn.Module, given: tuple[Any, ...]) -> None:  # noqa: ARG002 - called as torch's hook
        x = given[0].detach().double().transpose(0, 1).flatten(1)  # [channels, values]
        self.count += x.shape[1]
        self.total = self.total + x.sum(dim=1)
        self.squares = self.squares + (x * x).sum(dim=1)

    def moments(self) -> tuple[Tensor, Tensor]:
        """Return mean and variance; the variance is that of a sample, as torch keeps it."""
        mean = torch.as_tensor(self.total) / self.count
        variance = (torch.as_tensor(self.squares) - self.count * mean * mean) / (self.count - 1)
        return mean, variance.clamp(min=0.0)


def _forward(net: LengthAware, x: Tensor, *, until: str) -> None:
    """Run the blocks up to one, that one included."""
    lengths: Tensor | None = None
    for name, block in net.blocks.items():
        x, lengths = block(x, lengths)
        if name == until:
            return


def _batches(windows: Sequence[Array]) -> Iterator[Tensor]:
    """Yield windows by length, in batches [batch, time, dimension]."""
    ordered = sorted(windows, key=len)
    for first in range(0, len(ordered), AT_ONCE):
        together = ordered[first : first + AT_ONCE]
        yield torch.from_numpy(np.stack([rows[: len(together[0])] for rows in together]))
