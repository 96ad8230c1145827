"""The frozen blocks that a network starts with: found, identified by what they compute, and run over windows once."""

from __future__ import annotations

import copy
import hashlib
import inspect
import math
import os
import sys
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing import parent_process
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from emotone.nets.blocks.base import Network

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from emotone.types import Array

VERSION = 2  # incremented when a change to how blocks are run changes a value
MAX_BYTES = 1 << 30  # of outputs in memory; above, blocks are run for every batch
PARTS = 8  # of a window: shorter ones are padded to a multiple of such a part
BATCH = 8  # windows: activations of this many fit into the processor's caches; larger batches are slower
RANDOM = (nn.modules.dropout._DropoutNd, nn.RReLU)  # noqa: SLF001 - the only base class of every kind of dropout
PLAIN = (bool, int, float, str, type(None))


@dataclass(frozen=True)
class OutputShape:
    """The output of a prefix for one window, without the batch dimension: its shape, and valid steps if full."""

    values: tuple[int, ...]
    steps: int | None

    def bytes(self, windows: int) -> int:
        """Return the size of the outputs for a number of windows."""
        return 4 * windows * math.prod(self.values)

    def fits(self, windows: int) -> bool:
        """Return whether the outputs for a number of windows may be kept in memory."""
        return self.bytes(windows) <= MAX_BYTES


class Prefix:
    """The first blocks of a network, whose output for a window is constant during training.

    Args:
        blocks: permanently in eval mode if they have tensors.

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

    def shape(self, width: int, dimension: int) -> OutputShape:
        """Return the shape of the output for windows [width, dimension]."""
        with torch.inference_mode():
            values, lengths = self._forward(torch.zeros(1, width, dimension), torch.tensor([width]))
        return OutputShape(tuple(values.shape[1:]), None if lengths is None else int(lengths[0]))

    def run(self, windows: Sequence[Array], width: int) -> tuple[Array, NDArray[np.int64] | None]:
        """Return the outputs [windows, ...] and their valid steps [windows]; None without a time axis.

        Windows are padded to the width; where outputs have a time axis, shorter ones to a multiple of an eighth of it,
        from which attention over long windows gains most. The output for a window does not depend on the other windows,
        bit for bit: all batches have as many windows, those of a batch are padded to one length, windows with
        and without padding are in different batches, and one thread computes each.

        Args:
            windows: each [up to width, dimension].
            width: frames of a full window.

        """
        shape = self.shape(width, windows[0].shape[1])
        values = np.empty((len(windows), *shape.values), np.float32)
        lengths = None if shape.steps is None else np.full(len(windows), shape.steps, np.int64)
        are_full = all(rows.shape[0] == width for rows in windows)
        sizes = {width: shape.steps or 0} if are_full else self._padded_sizes(width, windows[0].shape[1], shape)
        groups: dict[tuple[bool, int], list[int]] = defaultdict(list)
        for number, rows in enumerate(windows):
            padded = next(size for size in sizes if rows.shape[0] <= size)
            groups[rows.shape[0] == padded, padded].append(number)
        batches = [
            (numbers[first : first + BATCH], padded)
            for (_, padded), numbers in groups.items()
            for first in range(0, len(numbers), BATCH)
        ]
        fast = self._channels_last()

        def compute(batch: tuple[list[int], int]) -> None:
            numbers, padded = batch
            outputs, steps = fast.batch([windows[number] for number in numbers], padded)
            if outputs.shape[1:] == shape.values:
                values[numbers] = outputs[: len(numbers)]
            else:  # the steps that are missing are those after the valid ones, which are 0
                values[numbers] = 0.0
                inner = tuple(slice(0, size) for size in outputs.shape[1:])
                for place, number in enumerate(numbers):
                    values[number][inner] = outputs[place]
            if lengths is not None:
                lengths[numbers] = sizes[padded] if steps is None else steps[: len(numbers)]

        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            with ThreadPoolExecutor(worker_count(threads)) as pool:
                list(pool.map(compute, batches))
        finally:
            torch.set_num_threads(threads)
        return values, lengths

    def _padded_sizes(self, width: int, dimension: int, full: OutputShape) -> dict[int, int]:
        """Return the lengths that windows are padded to, ascending, with the steps of such a window if it is full.

        Only the width, unless outputs have a time axis.
        """
        if full.steps is None:
            return {width: 0}
        sizes = dict.fromkeys(-(-width * part // PARTS) for part in range(1, PARTS + 1))
        shapes = {size: self.shape(size, dimension) for size in sizes}
        return {
            size: shape.steps or 0
            for size, shape in shapes.items()
            if size == width or _is_shorter(shape.values, full.values)
        }

    def _channels_last(self) -> Prefix:
        """Return a copy with channels in the last memory dimension, which makes YAMNet 1.4 times as fast on a core."""
        blocks = {name: copy.deepcopy(block) for name, block in self.blocks.items()}
        for block in blocks.values():
            block.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # missing in its stubs
        return Prefix(blocks)

    def batch(self, windows: Sequence[Array], width: int) -> tuple[Array, NDArray[np.int64] | None]:
        """Return the outputs for up to `BATCH` windows, followed by those for zeros that fill the batch."""
        inputs = np.zeros((BATCH, width, windows[0].shape[1]), np.float32)
        counts = torch.full((BATCH,), width)
        for number, rows in enumerate(windows):
            inputs[number, : rows.shape[0]] = rows
            counts[number] = rows.shape[0]
        full = bool((counts == width).all())
        with torch.inference_mode():
            values, lengths = self._forward(torch.from_numpy(inputs), None if full else counts)
        return values.numpy(), None if lengths is None else lengths.numpy()

    def _forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        for block in self.blocks.values():
            x, lengths = block(x, lengths)
        return x, lengths


def split(net: Network) -> tuple[Prefix, Network] | None:
    """Return the frozen blocks that a network in training mode starts with, and a network of the others.

    None if there are no such blocks. A block belongs to the prefix if its output is constant: it has no trainable
    parameter, everything in it that has tensors is in eval mode (see `emotone.transfer.apply`), and no dropout is
    active. Both parts share their blocks with the network.
    """
    if type(net).forward is not Network.forward:
        return None
    names: list[str] = []
    for name, block in net.blocks.items():
        if not _is_constant(block):
            break
        names.append(name)
    first = {name: net.blocks[name] for name in names}
    if len(names) == len(net.blocks) or not any(_has_tensors(block) for block in first.values()):
        return None
    return Prefix(first), Network({name: block for name, block in net.blocks.items() if name not in first})


def _is_shorter(values: tuple[int, ...], full: tuple[int, ...]) -> bool:
    """Return whether a shape is that of full windows with fewer steps on a single axis."""
    if len(values) != len(full):
        return False
    differing = [(ours, theirs) for ours, theirs in zip(values, full, strict=True) if ours != theirs]
    return len(differing) == 1 and differing[0][0] < differing[0][1]


def _is_constant(block: nn.Module) -> bool:
    if any(parameter.requires_grad for parameter in block.parameters()):
        return False
    return not any(
        module.training and (_has_tensors(module) or isinstance(module, RANDOM)) for module in block.modules()
    )


def _has_tensors(module: nn.Module) -> bool:
    return next(module.parameters(), None) is not None or next(module.buffers(), None) is not None


def _settings(module: nn.Module) -> list[Any]:
    """Return a module's class with its code, and its plain attributes; its children follow as modules of their own."""
    kind = type(module)
    code = "" if kind.__module__.startswith("torch.") else inspect.getsource(sys.modules[kind.__module__])
    plain = sorted((name, value) for name, value in vars(module).items() if name != "training" and _is_plain(value))
    return [kind.__qualname__, hashlib.sha256(code.encode()).hexdigest(), list(module._modules), plain]  # noqa: SLF001


def _is_plain(value: object) -> bool:
    return isinstance(value, PLAIN) or (isinstance(value, list | tuple) and all(map(_is_plain, value)))


def worker_count(threads: int) -> int:
    """Return the number of batches to compute at a time: all cores, or torch's threads in a worker process."""
    return threads if parent_process() is not None else os.cpu_count() or 1
