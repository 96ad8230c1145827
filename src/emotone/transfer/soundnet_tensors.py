"""Names and shapes of the tensors of SoundNet's convolutions, for the readers of its formats."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emotone.nets.architectures.soundnet5 import KERNELS

if TYPE_CHECKING:
    from collections.abc import Sequence


def convolutions(channels: Sequence[int]) -> tuple[str, ...]:
    """Return the layers' names, starting with `conv1`, one for each number of channels."""
    return tuple(f"conv{number}" for number in range(1, len(channels) + 1))


def convolution_shapes(channels: Sequence[int]) -> dict[str, tuple[int, ...]]:
    """Return the shape of every tensor of the first convolutions, with these channels, by the network's names."""
    shapes: dict[str, tuple[int, ...]] = {}
    inputs = 1
    for layer, outputs, kernel in zip(convolutions(channels), channels, KERNELS, strict=False):
        shapes[f"blocks.{layer}.convolution.weight"] = (outputs, inputs, kernel)
        shapes[f"blocks.{layer}.convolution.bias"] = (outputs,)
        for name in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"blocks.{layer}.norm.{name}"] = (outputs,)
        shapes[f"blocks.{layer}.norm.num_batches_tracked"] = ()
        inputs = outputs
    return shapes
