"""AlexNet trained on ImageNet, published by torchvision as a file of torch.save.

Tensor names: `blocks.convN.convolution` is the N-th convolution of `features`, `blocks.dense1.linear` and
`blocks.dense2.linear` are `classifier.1` and `classifier.4`. The scores of 1,000 objects, `classifier.6`, are not read.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from emotone.nets.architectures.alexnet import CHANNELS, LEFT, UNITS
from emotone.nets.base import scaled
from emotone.transfer.readers import read_torch
from emotone.transfer.source import PublishedFile, Source

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

FEATURES = (0, 3, 6, 8, 10)  # places of the convolutions
KERNELS = (11, 5, 3, 3, 3)
OBJECTS = "classifier.6."


def tensors(width: float = 1.0) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """Yield the published name, the name here and the shape of every tensor, of a network of this width."""
    channels, units = [scaled(number, width) for number in CHANNELS], scaled(UNITS, width)
    layers = zip(FEATURES, KERNELS, pairwise((3, *channels)), strict=True)
    for number, (place, kernel, (inputs, outputs)) in enumerate(layers, start=1):
        ours = f"blocks.conv{number}.convolution"
        yield f"features.{place}.weight", f"{ours}.weight", (outputs, inputs, kernel, kernel)
        yield f"features.{place}.bias", f"{ours}.bias", (outputs,)
    for number, place, inputs in ((1, 1, channels[-1] * LEFT * LEFT), (2, 4, units)):
        ours = f"blocks.dense{number}.linear"
        yield f"classifier.{place}.weight", f"{ours}.weight", (units, inputs)
        yield f"classifier.{place}.bias", f"{ours}.bias", (units,)


def _from_torch(path: Path) -> dict[str, NDArray[Any]]:
    names = {theirs: ours for theirs, ours, _ in tensors()}
    found = read_torch(path)
    return {names.get(name, name): values for name, values in found.items() if not name.startswith(OBJECTS)}


SOURCE = Source(
    name="alexnet",
    title="AlexNet of torchvision, trained on ImageNet (1,000 objects)",
    citation="Alex Krizhevsky: One weird trick for parallelizing convolutional neural networks, arXiv:1404.5997, 2014",
    licence="BSD-3-Clause",
    licence_note="the licence of torchvision; the terms of ImageNet allow non-commercial research only",
    published=(
        PublishedFile("alexnet-owt-7be5be79.pth", "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth"),
    ),
    rate=16000,
    net="alexnet",
    layers=("conv1", "conv2", "conv3", "conv4", "conv5", "dense1", "dense2"),
    shapes={ours: shape for _, ours, shape in tensors()},
    readers={".pth": _from_torch},
)
