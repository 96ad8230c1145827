"""The frozen blocks that a net begins with: found, named by what they compute, and run over windows once."""

from __future__ import annotations

import copy
import hashlib
import inspect
import math
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing import parent_process
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from emotone.nets.blocks.base import LengthAware

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from emotone.types import Array

VERSION = 1  # counts changes of how blocks are run that change a value
MOST = 1 << 30  # bytes of outputs that are held in memory; where there were more, blocks are run for every batch
AT_ONCE = 8  # windows per batch: what layers make of them stays in the processor's caches; more is slower
RANDOM = (nn.modules.dropout._DropoutNd, nn.RReLU)  # noqa: SLF001 - there is no other name for every kind of dropout
PLAIN = (bool, int, float, str, type(None))


@dataclass(frozen=True)
class Shape:
    """What a prefix makes of a window of a width, without the batch: its shape, and the valid steps of a whole one."""

    values: tuple[int, ...]
    whole: int | None

    def bytes(self, windows: int) -> int:
        """Return the size of the outcomes of so many windows."""
        return 4 * windows * math.prod(self.values)

    def fits(self, windows: int) -> bool:
        """Return whether outcomes of so many windows may be held in memory."""
        return self.bytes(windows) <= MOST


class Prefix:
    """The first blocks of a net, which give the same for the same window throughout a training.

    Args:
        blocks: in eval mode for good where they hold tensors.

    """

    def __init__(self, blocks: Mapping[str, nn.Module]) -> None:
        self.blocks = dict(blocks)

    @property
    def signature(self) -> str:
        """SHA-256 of what the blocks compute: their tensors, their settings and their code, but not their names."""
        digest = hashlib.sha256(f"{VERSION}:{torch.__version__}".encode())
        for block in self.blocks.values():
            for module in block.modules():
                digest.update(repr(_settings(module)).encode())
            for tensor in (*block.parameters(), *block.buffers()):
                digest.update(f"{tensor.dtype}:{tuple(tensor.shape)}".encode())
                digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    def shape(self, width: int, dimension: int) -> Shape:
        """Return what comes out for windows [width, dimension]."""
        with torch.inference_mode():
            values, lengths = self._forward(torch.zeros(1, width, dimension), torch.tensor([width]))
        return Shape(tuple(values.shape[1:]), None if lengths is None else int(lengths[0]))

    def run(self, windows: Sequence[Array], width: int) -> tuple[Array, NDArray[np.int64] | None]:
        """Return the outcome [windows, ...] and its valid steps [windows], None where it has no more time.

        Windows are padded to the width. What comes out for one does not depend on the others, bit for bit: batches are
        of one size, whole windows are never in one with others, and each is computed by a single thread.

        Args:
            windows: each [up to width, dimension].
            width: frames that a whole window has.

        """
        shape = self.shape(width, windows[0].shape[1])
        values = np.empty((len(windows), *shape.values), np.float32)
        lengths = None if shape.whole is None else np.full(len(windows), shape.whole, np.int64)
        whole = [number for number, rows in enumerate(windows) if rows.shape[0] == width]
        short = [number for number, rows in enumerate(windows) if rows.shape[0] < width]
        batches = [
            given[first : first + AT_ONCE] for given in (whole, short) for first in range(0, len(given), AT_ONCE)
        ]

        laid = self._laid_out()

        def one(numbers: list[int]) -> None:
            made, steps = laid.batch([windows[number] for number in numbers], width)
            values[numbers] = made[: len(numbers)]
            if lengths is not None and steps is not None:
                lengths[numbers] = steps[: len(numbers)]

        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            with ThreadPoolExecutor(_workers(threads)) as pool:
                list(pool.map(one, batches))
        finally:
            torch.set_num_threads(threads)
        return values, lengths

    def _laid_out(self) -> Prefix:
        """Return a copy whose images have their channels side by side: YAMNet is 1.4 times as fast, on one core."""
        blocks = {name: copy.deepcopy(block) for name, block in self.blocks.items()}
        for block in blocks.values():
            block.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # its stubs lack it
        return Prefix(blocks)

    def batch(self, windows: Sequence[Array], width: int) -> tuple[Array, NDArray[np.int64] | None]:
        """Return the outcome of up to `AT_ONCE` windows, and of zeros in place of those that lack."""
        inputs = np.zeros((AT_ONCE, width, windows[0].shape[1]), np.float32)
        counts = torch.full((AT_ONCE,), width)
        for number, rows in enumerate(windows):
            inputs[number, : rows.shape[0]] = rows
            counts[number] = rows.shape[0]
        whole = bool((counts == width).all())
        with torch.inference_mode():
            values, lengths = self._forward(torch.from_numpy(inputs), None if whole else counts)
        return values.numpy(), None if lengths is None else lengths.numpy()

    def _forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        for block in self.blocks.values():
            x, lengths = block(x, lengths)
        return x, lengths


def split(net: LengthAware) -> tuple[Prefix, LengthAware] | None:
    """Return the frozen blocks that a net in training mode begins with, and a net of the others; None without any.

    A block belongs to the first if nothing of it learns, moves with the batches that pass, or is drawn: all of what
    holds tensors must be in eval mode (see `emotone.transfer.freeze`), and no dropout may be at work. The nets share
    their blocks with the one that is given.
    """
    if type(net).forward is not LengthAware.forward:
        return None
    names: list[str] = []
    for name, block in net.blocks.items():
        if not _is_constant(block):
            break
        names.append(name)
    first = {name: net.blocks[name] for name in names}
    if len(names) == len(net.blocks) or not any(_tensors(block) for block in first.values()):
        return None
    return Prefix(first), LengthAware({name: block for name, block in net.blocks.items() if name not in first})


def _is_constant(block: nn.Module) -> bool:
    if any(parameter.requires_grad for parameter in block.parameters()):
        return False
    return not any(module.training and (_tensors(module) or isinstance(module, RANDOM)) for module in block.modules())


def _tensors(module: nn.Module) -> bool:
    return next(module.parameters(), None) is not None or next(module.buffers(), None) is not None


def _settings(module: nn.Module) -> list[Any]:
    """Return a module's class with its code, and its plain attributes; its children follow as modules of their own."""
    kind = type(module)
    code = "" if kind.__module__.startswith("torch.") else inspect.getsource(sys.modules[kind.__module__])
    plain = sorted((name, value) for name, value in vars(module).items() if name != "training" and _is_plain(value))
    return [kind.__qualname__, hashlib.sha256(code.encode()).hexdigest(), list(module._modules), plain]  # noqa: SLF001


def _is_plain(value: object) -> bool:
    return isinstance(value, PLAIN) or (isinstance(value, list | tuple) and all(map(_is_plain, value)))


def _workers(threads: int) -> int:
    """Return how many batches are computed side by side: on all cores, in a worker on those that torch was given."""
    return threads if parent_process() is not None else os.cpu_count() or 1
