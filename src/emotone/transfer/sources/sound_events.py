"""Networks that were trained on the sounds of AudioSet: VGGish, YAMNet and mn04.

VGGish's weights: from torchvggish (PyTorch), and from arrays with the names of the TensorFlow checkpoint.

Both flatten the last feature map in TensorFlow's order (time, band, channel), as the network here does; torchvggish
transposes for it. Tensor names (`.weight` and `.bias`; TensorFlow: `weights` and `biases`):

| here (without `blocks.`) | torchvggish | TensorFlow (without `vggish/`) |
| --- | --- | --- |
| `conv1.convolution` | `features.0` | `conv1` |
| `conv2.convolution` | `features.3` | `conv2` |
| `conv3_1.convolution`, `conv3_2...` | `features.6`, `features.8` | `conv3/conv3_1`, `conv3/conv3_2` |
| `conv4_1.convolution`, `conv4_2...` | `features.11`, `features.13` | `conv4/conv4_1`, `conv4/conv4_2` |
| `dense1.linear`, `dense2.linear` | `embeddings.0`, `embeddings.2` | `fc1/fc1_1`, `fc1/fc1_2` |
| `embedding.linear` | `embeddings.4` | `fc2` |

TensorFlow's kernels are [time, bands, in, out] and its matrices [in, out]; here [out, in, time, bands] and [out, in].
VGGish's postprocessor (`pproc` in torchvggish) is not part of the network and is ignored.

YAMNet's convolutions with folded batch normalisations: from its port to PyTorch, and from numbered arrays.

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

mn04 of EfficientAT, published as a file of torch.save.

Tensor names. N is 1 to 15; if a block lacks a part, the numbers of later parts are lower.

| here (without `blocks.`) | published |
| --- | --- |
| `conv1`, `conv2` | `features.0`, `features.16` |
| `blockN.expand`, `.depthwise`, `.excite`, `.project` | `features.N.block.0` and up, in this order |
| of these `convolution`, `norm` | `0`, `1` |
| `excite.squeeze`, `.weigh` | `conc_se_layers.0.fc1`, `.fc2` |
| `embedding.linear` | `classifier.2` |
| `classifier.output`: scores of the 527 classes | `classifier.5` |
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.errors import SourceError
from emotone.nets.architectures.sound_events import (
    CONVOLUTIONS,
    DENSE,
    FIRST,
    KERNEL,
    LAST,
    SEPARABLE,
    WIDEST,
    bottlenecks,
    eighths,
)
from emotone.transfer.readers import read_npz, read_torch
from emotone.transfer.source import PublishedFile, Source

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

FLAT = 512 * 6 * 4  # channels, rows and bands after the last convolution
TORCH = {
    "features.0": "conv1.convolution",
    "features.3": "conv2.convolution",
    "features.6": "conv3_1.convolution",
    "features.8": "conv3_2.convolution",
    "features.11": "conv4_1.convolution",
    "features.13": "conv4_2.convolution",
    "embeddings.0": "dense1.linear",
    "embeddings.2": "dense2.linear",
    "embeddings.4": "embedding.linear",
}
TENSORFLOW = {
    "conv1": "conv1.convolution",
    "conv2": "conv2.convolution",
    "conv3/conv3_1": "conv3_1.convolution",
    "conv3/conv3_2": "conv3_2.convolution",
    "conv4/conv4_1": "conv4_1.convolution",
    "conv4/conv4_2": "conv4_2.convolution",
    "fc1/fc1_1": "dense1.linear",
    "fc1/fc1_2": "dense2.linear",
    "fc2": "embedding.linear",
}
TENSORS = {"weights": "weight", "biases": "bias"}
POSTPROCESSOR = "pproc."


def _vggish_shapes() -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    inputs = 1
    for name, outputs, _ in CONVOLUTIONS:
        shapes[f"blocks.{name}.convolution.weight"] = (outputs, inputs, KERNEL, KERNEL)
        shapes[f"blocks.{name}.convolution.bias"] = (outputs,)
        inputs = outputs
    inputs = FLAT
    for name, outputs in DENSE:
        shapes[f"blocks.{name}.linear.weight"] = (outputs, inputs)
        shapes[f"blocks.{name}.linear.bias"] = (outputs,)
        inputs = outputs
    return shapes


def _from_torch(path: Path) -> dict[str, NDArray[Any]]:
    tensors: dict[str, NDArray[Any]] = {}
    for name, values in read_torch(path).items():
        layer, _, tensor = name.rpartition(".")
        if not name.startswith(POSTPROCESSOR):
            tensors[f"blocks.{TORCH[layer]}.{tensor}" if layer in TORCH else name] = values
    return tensors


def _vggish_from_npz(path: Path) -> dict[str, NDArray[Any]]:
    tensors: dict[str, NDArray[Any]] = {}
    for name, values in read_npz(path).items():
        layer, _, tensor = name.removeprefix("vggish/").removesuffix(":0").rpartition("/")
        if layer not in TENSORFLOW or tensor not in TENSORS or not name.startswith("vggish/"):
            tensors[name] = values  # unexpected: reported by the check
            continue
        turned = np.moveaxis(values, (-1, -2), (0, 1)) if values.ndim > 1 else values  # [out, in, ...]
        tensors[f"blocks.{TENSORFLOW[layer]}.{TENSORS[tensor]}"] = np.ascontiguousarray(turned)
    return tensors


def _reject_checkpoint(path: Path) -> dict[str, NDArray[Any]]:
    raise SourceError(f"{path}: TensorFlow checkpoints can't be read; {CONVERT}")


CONVERT = (
    "write its arrays to an .npz with TensorFlow: r = tensorflow.train.load_checkpoint('vggish_model.ckpt'); "
    "numpy.savez('vggish.npz', **{n: r.get_tensor(n) for n in r.get_variable_to_shape_map() if n[:7] == 'vggish/'})"
)

VGGISH = Source(
    name="vggish",
    title="VGGish, trained on AudioSet: an embedding of 128 values",
    citation=(
        "Shawn Hershey et al.: CNN architectures for large-scale audio classification, ICASSP 2017; published as "
        "VGGish in TensorFlow Models, research/audioset"
    ),
    licence="Apache-2.0",
    licence_note="the licence of the repositories that publish the weights and their conversion",
    published=(
        PublishedFile(
            "vggish-10086976.pth",
            "https://github.com/harritaylor/torchvggish/releases/download/v0.1/vggish-10086976.pth",
            "10086976245803799d9194e9a73d9b6c1549c71d1b80106f5cade5608a561f4b",
        ),
        PublishedFile("vggish_model.ckpt", "https://storage.googleapis.com/audioset/vggish_model.ckpt"),
    ),
    rate=16000,
    net="vggish",
    layers=(*(name for name, _, _ in CONVOLUTIONS), *(name for name, _ in DENSE)),
    shapes=_vggish_shapes(),
    readers={".pth": _from_torch, ".npz": _vggish_from_npz, ".ckpt": _reject_checkpoint},
)


YAMNET_CLASSES = 521  # of AudioSet that YAMNet predicts
LAST_LAYER = len(SEPARABLE) + 1  # number of the embedding layer
EPSILON = 1e-4  # of the normalisations
NORM = ("weight", "bias", "running_mean", "running_var")
_KEY = re.compile(r"(?P<number>[0-9]{2})_(?P<kind>conv_w|dw_w|fc_w|b)")
_AXES = {"conv_w": (0, 3, 1, 2), "dw_w": (3, 0, 1, 2), "fc_w": (0, 1)}  # of the array, in the order used here


def _yamnet_shapes() -> dict[str, tuple[int, ...]]:
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
    return "blocks.embedding" if number == LAST_LAYER else f"blocks.layer{number}"


def _place(number: int) -> str:
    """Return the layer of the `number`-th pair of weights and biases."""
    if number == 0:
        return "blocks.layer1.full.convolution"
    if number == 2 * LAST_LAYER - 1:
        return "blocks.classifier.output"
    return f"{_layer((number + 3) // 2)}.{'depthwise' if number % 2 else 'pointwise'}.convolution"


def _yamnet_from_npz(path: Path) -> dict[str, NDArray[Any]]:
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
    for number in range(1, LAST_LAYER + 1):
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
            tensors[f"{_place(2 * LAST_LAYER - 1)}.{name}"] = tensors.pop(f"classifier.{name}")
    return tensors


YAMNET = Source(
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
    layers=(*(f"layer{number}" for number in range(1, LAST_LAYER)), "embedding"),
    shapes=_yamnet_shapes(),
    optional={
        "blocks.classifier.output.weight": (YAMNET_CLASSES, SEPARABLE[-1][0]),
        "blocks.classifier.output.bias": (YAMNET_CLASSES,),
    },
    readers={".pth": _from_pth, ".npz": _yamnet_from_npz},
)


MN04_WIDTH = 0.4
MN04_CLASSES = 527  # of AudioSet
MN04_HEAD = "blocks.classifier.output"


def mn04_names(width: float = MN04_WIDTH) -> dict[str, str]:
    """Return the names of tensors here by their published names."""
    return {theirs: ours for theirs, ours, _ in _tensors(width, MN04_CLASSES)}


def mn04_renamed(tensors: dict[str, NDArray[Any]], *, width: float = MN04_WIDTH) -> dict[str, NDArray[Any]]:
    """Return tensors under their names here; unknown ones keep theirs."""
    names = mn04_names(width)
    return {names.get(name, name): values for name, values in tensors.items()}


def _tensors(width: float, classes: int) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """Yield the published name, the name here and the shape of every tensor."""
    rows = bottlenecks(width)
    wide, embedding = WIDEST * rows[-1].outputs, eighths(width * LAST)
    yield from _convolution("features.0", "conv1", (rows[0].inputs, 1, 3, 3))
    for number, row in enumerate(rows, start=1):
        place = 0
        for part, shape in (
            ("expand", (row.expanded, row.inputs, 1, 1) if row.expands else None),
            ("depthwise", (row.expanded, 1, row.kernel, row.kernel)),
            ("excite", (row.expanded, row.squeezed) if row.excited else None),
            ("project", (row.outputs, row.expanded, 1, 1)),
        ):
            if shape is None:
                continue
            theirs, ours = f"features.{number}.block.{place}", f"block{number}.{part}"
            if part == "excite":
                inside = f"{theirs}.conc_se_layers.0"
                yield from _linear(f"{inside}.fc1", f"{ours}.squeeze", (row.squeezed, row.expanded))
                yield from _linear(f"{inside}.fc2", f"{ours}.weigh", (row.expanded, row.squeezed))
            else:
                yield from _convolution(theirs, ours, shape)
            place += 1
    yield from _convolution(f"features.{len(rows) + 1}", "conv2", (wide, rows[-1].outputs, 1, 1))
    yield from _linear("classifier.2", "embedding.linear", (embedding, wide))
    yield from _linear("classifier.5", "classifier.output", (classes, embedding))


def _convolution(theirs: str, ours: str, shape: tuple[int, ...]) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    yield f"{theirs}.0.weight", f"blocks.{ours}.convolution.weight", shape
    for name in NORM:
        yield f"{theirs}.1.{name}", f"blocks.{ours}.norm.{name}", shape[:1]
    yield f"{theirs}.1.num_batches_tracked", f"blocks.{ours}.norm.num_batches_tracked", ()


def _linear(theirs: str, ours: str, shape: tuple[int, int]) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    yield f"{theirs}.weight", f"blocks.{ours}.weight", shape
    yield f"{theirs}.bias", f"blocks.{ours}.bias", shape[:1]


def _from_pt(path: Path) -> dict[str, NDArray[Any]]:
    return mn04_renamed(read_torch(path))


def _mn04_shapes(*, head: bool) -> dict[str, tuple[int, ...]]:
    return {ours: shape for _, ours, shape in _tensors(MN04_WIDTH, MN04_CLASSES) if ours.startswith(MN04_HEAD) == head}


MN04 = Source(
    name="mn04",
    title="EfficientAT's mn04, trained on AudioSet (527 classes, mean average precision .432)",
    citation=(
        "Florian Schmid, Khaled Koutini, Gerhard Widmer: Efficient large-scale audio tagging via transformer-to-CNN "
        "knowledge distillation, ICASSP 2023"
    ),
    licence="MIT",
    licence_note="the repository's licence",
    published=(
        PublishedFile(
            "mn04_as_mAP_432.pt",
            "https://github.com/fschmid56/EfficientAT/releases/download/v0.0.1/mn04_as_mAP_432.pt",
            "899a8c6217063f6941793102a2780b3dd788ab11fce468d9cf5f0577c453321c",
        ),
    ),
    rate=32000,
    net="mn04",
    layers=(
        "conv1",
        *(f"block{number}" for number in range(1, len(bottlenecks(MN04_WIDTH)) + 1)),
        "conv2",
        "embedding",
    ),
    shapes=_mn04_shapes(head=False),
    optional=_mn04_shapes(head=True),
    readers={".pt": _from_pt},
)
