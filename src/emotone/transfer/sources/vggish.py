"""VGGish's weights: from torchvggish (PyTorch), and from arrays with the names of the TensorFlow checkpoint.

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
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.errors import SourceError
from emotone.nets.architectures.vggish import CONVOLUTIONS, DENSE, KERNEL
from emotone.transfer.readers import read_npz, read_torch
from emotone.transfer.source import PublishedFile, Source

if TYPE_CHECKING:
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


def _shapes() -> dict[str, tuple[int, ...]]:
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


def _from_npz(path: Path) -> dict[str, NDArray[Any]]:
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

SOURCE = Source(
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
    shapes=_shapes(),
    readers={".pth": _from_torch, ".npz": _from_npz, ".ckpt": _reject_checkpoint},
)
