"""YAMNet's convolutions with folded batch normalisations: from its port to PyTorch, and from numbered arrays.

In the port to PyTorch (torch_audioset's `yamnet.pth`, a conversion of the published `yamnet.h5`) a convolution without
bias is followed by a normalisation, which the reader folds into it: with s = gamma / sqrt(variance + 1e-4), the weight
is multiplied by s and the bias is beta - s mean. `layerN.depthwise_conv.conv` and `.bn` become `layerN.depthwise`.

The second format is an `.npz` of arrays numbered in the order of the forward pass, in the layout of TensorFlow Lite.
Convolutions are [out, height, width, in] there and depthwise ones [1, height, width, channels]; here they are [out, in,
height, width] and [channels, 1, height, width]; height is time in both.

| here (without `blocks.`) | array |
| --- | --- |
| `layer1.full.convolution.weight`, `.bias` | `00_conv_w`, `00_b` |
| `layerN.depthwise.convolution.weight`, `.bias` | `(2N-3)_dw_w`, `_b`: 01, 03 ... |
| `layerN.pointwise.convolution.weight`, `.bias` | `(2N-2)_conv_w`, `_b`: 02, 04 ... |
| `embedding`: the same with N = 14 | `25_dw_w`, `25_b`, `26_conv_w`, `26_b` |
| `classifier.output.weight`, `.bias`: scores of the 521 classes | `27_fc_w`, `27_b` |
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.nets.architectures.yamnet import FIRST, SEPARABLE
from emotone.transfer.readers import read_npz, read_torch
from emotone.transfer.source import PublishedFile, Source

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

CLASSES = 521  # of AudioSet that YAMNet predicts
LAST = len(SEPARABLE) + 1  # number of the embedding layer
EPSILON = 1e-4  # of the normalisations
NORM = ("weight", "bias", "running_mean", "running_var")
_KEY = re.compile(r"(?P<number>[0-9]{2})_(?P<kind>conv_w|dw_w|fc_w|b)")
_AXES = {"conv_w": (0, 3, 1, 2), "dw_w": (3, 0, 1, 2), "fc_w": (0, 1)}  # of the array, in the order used here


def _shapes() -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {
        "blocks.layer1.full.convolution.weight": (FIRST, 1, 3, 3),
        "blocks.layer1.full.convolution.bias": (FIRST,),
    }
    inputs = FIRST
    for number, (outputs, _) in enumerate(SEPARABLE, start=2):
        for part, shape in (("depthwise", (inputs, 1, 3, 3)), ("pointwise", (outputs, inputs, 1, 1))):
            shapes[f"{_layer(number)}.{part}.convolution.weight"] = shape
            shapes[f"{_layer(number)}.{part}.convolution.bias"] = shape[:1]
        inputs = outputs
    return shapes


def _layer(number: int) -> str:
    return "blocks.embedding" if number == LAST else f"blocks.layer{number}"


def _place(number: int) -> str:
    """Return the layer of the `number`-th pair of weights and biases."""
    if number == 0:
        return "blocks.layer1.full.convolution"
    if number == 2 * LAST - 1:
        return "blocks.classifier.output"
    return f"{_layer((number + 3) // 2)}.{'depthwise' if number % 2 else 'pointwise'}.convolution"


def _from_npz(path: Path) -> dict[str, NDArray[Any]]:
    tensors: dict[str, NDArray[Any]] = {}
    for key, values in read_npz(path).items():
        found = _KEY.fullmatch(key)
        if found is None:
            tensors[key] = values  # unexpected: reported by the check
            continue
        axes = _AXES.get(found["kind"], ())
        turned = values.transpose(axes) if len(axes) == values.ndim else values
        tensor = "bias" if found["kind"] == "b" else "weight"
        tensors[f"{_place(int(found['number']))}.{tensor}"] = np.ascontiguousarray(turned, np.float32)
    return tensors


def _from_pth(path: Path) -> dict[str, NDArray[Any]]:
    found = read_torch(path)
    tensors = {name: values for name, values in found.items() if not name.endswith(".num_batches_tracked")}
    for number in range(1, LAST + 1):
        for part in ("fused",) if number == 1 else ("depthwise_conv", "pointwise_conv"):
            theirs = f"layer{number}.{part}"
            kernel, norm = f"{theirs}.conv.weight", [f"{theirs}.bn.{name}" for name in NORM]
            channels = tensors[kernel].shape[:1] if kernel in tensors else ()
            if any(name not in tensors or tensors[name].shape != channels for name in norm):
                continue  # incomplete: reported by the check
            gamma, beta, mean, variance = (tensors.pop(name).astype(np.float64) for name in norm)
            with np.errstate(divide="ignore", invalid="ignore"):  # reported by the check
                scale = gamma / np.sqrt(variance + EPSILON)
            name = _place(0 if number == 1 else 2 * number - 3 + (part == "pointwise_conv"))
            weight = (tensors.pop(kernel).T * scale).T  # the first axis is the output channels
            tensors[f"{name}.weight"] = np.ascontiguousarray(weight, np.float32)
            tensors[f"{name}.bias"] = (beta - scale * mean).astype(np.float32)
    for name in ("weight", "bias"):
        if f"classifier.{name}" in tensors:
            tensors[f"{_place(2 * LAST - 1)}.{name}"] = tensors.pop(f"classifier.{name}")
    return tensors


SOURCE = Source(
    name="yamnet",
    title="YAMNet, trained on AudioSet (521 classes)",
    citation="Manoj Plakal, Dan Ellis: YAMNet, TensorFlow Model Garden, research/audioset/yamnet, 2019",
    licence="Apache-2.0",
    licence_note="the repository's licence",
    published=(
        PublishedFile("yamnet.pth", "https://github.com/w-hc/torch_audioset/releases/download/v0.1/yamnet.pth"),
    ),
    rate=16000,
    net="yamnet",
    layers=(*(f"layer{number}" for number in range(1, LAST)), "embedding"),
    shapes=_shapes(),
    optional={
        "blocks.classifier.output.weight": (CLASSES, SEPARABLE[-1][0]),
        "blocks.classifier.output.bias": (CLASSES,),
    },
    readers={".pth": _from_pth, ".npz": _from_npz},
)
