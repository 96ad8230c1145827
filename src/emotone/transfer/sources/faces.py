"""Networks on images: AlexNet and mini-Xception.

AlexNet trained on ImageNet, published by torchvision as a file of torch.save.

Tensor names: `blocks.convN.convolution` is the N-th convolution of `features`, `blocks.dense1.linear` and
`blocks.dense2.linear` are `classifier.1` and `classifier.4`. The scores of 1,000 objects, `classifier.6`, are not read.

mini-Xception, trained on the faces of FER2013, published as a file of Keras.

Tensor names. N is 1 to 4; Keras numbers layers in the order in which they were created.

| here (without `blocks.`) | published |
| --- | --- |
| `conv1`, `conv2`: `.convolution`, `.norm` | `conv2d_1`, `conv2d_2`, `batch_normalization_1`, `_2` |
| `moduleN.around`, `.norm` | `conv2d_(N + 2)`, `batch_normalization_(3 N)` |
| `moduleN.first`, `.second`: `.depthwise`, `.pointwise` | `separable_conv2d_(2 N - 1)`, `_(2 N)` |
| of these `.norm` | `batch_normalization_(3 N + 1)`, `_(3 N + 2)` |
| `classifier.convolution`: scores of seven emotions | `conv2d_7` |
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.nets.architectures.faces import CHANNELS, FILTERS, LEFT, MODULES, UNITS
from emotone.nets.base import scaled
from emotone.transfer.readers import read_keras, read_torch
from emotone.transfer.source import PublishedFile, Source

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

FEATURES = (0, 3, 6, 8, 10)  # places of the convolutions
KERNELS = (11, 5, 3, 3, 3)
OBJECTS = "classifier.6."


def alexnet_tensors(width: float = 1.0) -> Iterator[tuple[str, str, tuple[int, ...]]]:
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
    names = {theirs: ours for theirs, ours, _ in alexnet_tensors()}
    found = read_torch(path)
    return {names.get(name, name): values for name, values in found.items() if not name.startswith(OBJECTS)}


ALEXNET = Source(
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
    shapes={ours: shape for _, ours, shape in alexnet_tensors()},
    readers={".pth": _from_torch},
)


CLASSES = 7
HEAD = "blocks.classifier.convolution"
NORM = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}
BATCHES = "num_batches_tracked"  # torch counts batches, Keras does not


def mini_xception_tensors() -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """Yield the published name, the name here and the shape here of every tensor."""
    for number, inputs in ((1, 1), (2, FILTERS)):
        yield f"conv2d_{number}/kernel", f"blocks.conv{number}.convolution.weight", (FILTERS, inputs, 3, 3)
        yield from _norm(number, f"blocks.conv{number}.norm", FILTERS)
    for number, (inputs, outputs) in enumerate(pairwise(MODULES), start=1):
        ours = f"blocks.module{number}"
        yield f"conv2d_{number + 2}/kernel", f"{ours}.around.weight", (outputs, inputs, 1, 1)
        yield from _norm(3 * number, f"{ours}.norm", outputs)
        for place, (part, given) in enumerate((("first", inputs), ("second", outputs))):
            theirs = f"separable_conv2d_{2 * number - 1 + place}"
            yield f"{theirs}/depthwise_kernel", f"{ours}.{part}.depthwise.weight", (given, 1, 3, 3)
            yield f"{theirs}/pointwise_kernel", f"{ours}.{part}.pointwise.weight", (outputs, given, 1, 1)
            yield from _norm(3 * number + 1 + place, f"{ours}.{part}.norm", outputs)
    yield "conv2d_7/kernel", f"{HEAD}.weight", (CLASSES, MODULES[-1], 3, 3)
    yield "conv2d_7/bias", f"{HEAD}.bias", (CLASSES,)


def _norm(number: int, ours: str, values: int) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    for name, theirs in NORM.items():
        yield f"batch_normalization_{number}/{theirs}", f"{ours}.{name}", (values,)


def _from_keras(path: Path) -> dict[str, NDArray[Any]]:
    names = {theirs: ours for theirs, ours, _ in mini_xception_tensors()}
    found: dict[str, NDArray[Any]] = {}
    for theirs, values in read_keras(path).items():
        ours = names.get(theirs, theirs)
        if theirs.endswith("depthwise_kernel"):
            values = values.transpose(2, 3, 0, 1)  # noqa: PLW2901 - height, width, channels, 1
        elif values.ndim == 4:
            values = values.transpose(3, 2, 0, 1)  # noqa: PLW2901 - height, width, in, out
        found[ours] = np.ascontiguousarray(values)
        if theirs.endswith("/gamma"):
            found[f"{ours.removesuffix('.weight')}.{BATCHES}"] = np.zeros((), np.int64)
    return found


def _shapes(*, head: bool) -> dict[str, tuple[int, ...]]:
    shapes = {ours: shape for _, ours, shape in mini_xception_tensors() if ours.startswith(HEAD) == head}
    counts = {f"{name.removesuffix('.running_mean')}.{BATCHES}": () for name in shapes if name.endswith("running_mean")}
    return {**shapes, **counts}


MINI_XCEPTION = Source(
    name="mini-xception",
    title="mini-Xception, trained on the faces of FER2013 (seven emotions, accuracy .66)",
    citation=(
        "Octavio Arriaga, Matias Valdenegro-Toro, Paul Plöger: Real-time convolutional neural networks for emotion and "
        "gender classification, ESANN 2019"
    ),
    licence="MIT",
    licence_note="the repository's licence; the faces of FER2013 were collected by web searches",
    published=(
        PublishedFile(
            "fer2013_mini_XCEPTION.102-0.66.hdf5",
            "https://github.com/oarriaga/face_classification/raw/master/trained_models/emotion_models/"
            "fer2013_mini_XCEPTION.102-0.66.hdf5",
            "59534287fdfb125e30a94400296c25ea9f5d706fca93dd8adbbbed916799ea0e",
        ),
    ),
    rate=16000,
    net="mini-xception",
    layers=("conv1", "conv2", *(f"module{number}" for number in range(1, len(MODULES)))),
    shapes=_shapes(head=False),
    optional=_shapes(head=True),
    readers={".hdf5": _from_keras, ".h5": _from_keras},
)
