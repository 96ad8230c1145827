"""One training in several processes: each computes a part of every batch, and their gradients are added.

The processes are started by a launcher that sets `RANK`, `WORLD_SIZE` and `MASTER_ADDR`, such as `torchrun`, and talk
through gloo. All have equal weights at every step, because a sum of gradients is computed once and sent to all. With a
loss that is a mean over n items, and n_r items in process r, the gradient is  sum_r (n_r / n) g_r , that of the whole
batch, up to rounding. Layers that depend on the batch (batch normalisation) and dropout see the part of their process:
a training with them is similar but not equal.
"""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from torch import distributed

if TYPE_CHECKING:
    from torch import nn

    from emotone.training.objective import NetworkInputs

    BatchT = TypeVar("BatchT", bound=NetworkInputs)

FEWEST = 2  # rows of a part: batch normalisation needs two


@dataclass(frozen=True)
class Processes:
    """The processes of this training.

    Attributes:
        rank: number of this process, from 0.
        count: number of processes.

    """

    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes results and prints."""
        return self.rank == 0

    def part(self, batch: BatchT) -> BatchT:
        """Return the rows of a batch that this process computes; all of them if there are too few to divide."""
        rows = len(batch.inputs)
        if self.count == 1 or rows < FEWEST * self.count:
            return batch
        whole: Any = batch  # a dataclass, which a Protocol can't express
        values = {one.name: getattr(whole, one.name) for one in dataclasses.fields(whole)}
        divided = {
            name: value[self.rank :: self.count]
            for name, value in values.items()
            if isinstance(value, np.ndarray) and len(value) == rows
        }
        part: BatchT = dataclasses.replace(whole, **divided)
        return part

    def add_gradients(self, net: nn.Module, *, count: int) -> int:
        """Replace the gradients of a network, in place, by those of the whole batch; return its number of items.

        Args:
            net: with the gradients of the mean loss over the items of this process.
            count: these items.

        """
        if self.count == 1:
            return count
        total = torch.tensor([float(count)])
        distributed.all_reduce(total)
        gradients = [one.grad for one in net.parameters() if one.grad is not None]
        flat = torch.cat([one.flatten() for one in gradients]) * (count / float(total))
        distributed.all_reduce(flat)
        for gradient, values in zip(gradients, torch.split(flat, [one.numel() for one in gradients]), strict=True):
            gradient.copy_(values.view_as(gradient))
        return round(float(total))

    def mean(self, value: float, *, count: int, total: int) -> float:
        """Return the mean over all processes of a mean over `count` of `total` items."""
        if self.count == 1:
            return value
        shared = torch.tensor([value * count / total], dtype=torch.float64)
        distributed.all_reduce(shared)
        return float(shared)

    def average_buffers(self, *nets: nn.Module | None) -> None:
        """Average the running statistics of networks, in place: each process has seen its own rows."""
        for net in nets if self.count > 1 else ():
            for buffer in net.buffers() if net is not None else ():
                if buffer.is_floating_point():
                    distributed.all_reduce(buffer)
                    buffer.div_(self.count)

    def wait(self) -> None:
        """Wait for the other processes."""
        if self.count > 1:
            distributed.barrier()


def current() -> Processes:
    """Return the processes that `join` made; one without it."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return Processes()
    return Processes(distributed.get_rank(), distributed.get_world_size())


def join() -> Processes:
    """Meet the processes that a launcher started, and return them; there is one without a launcher."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1 or distributed.is_initialized():
        return current()
    if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True":
        distributed.init_process_group("gloo")
        return current()
    from torch.distributed.distributed_c10d import PrefixStore
    from torch.distributed.rendezvous import TCPStore  # type: ignore[attr-defined]

    # The store of torchrun outlives processes that it starts again: addresses of lost ones must not be found.
    attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    store = TCPStore(os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]), is_master=False)
    own = PrefixStore(f"emotone-{attempt}", store)
    distributed.init_process_group("gloo", store=own, rank=int(os.environ["RANK"]), world_size=count)
    return current()
