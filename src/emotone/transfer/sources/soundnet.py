"""SoundNet: five layers as the authors publish it (Torch7) and from ports, and the first two of eight layers.

Tensor names. A convolution's `weight` is [out, in, kernel, 1] in Torch7 and [kernel, 1, in, out] in
ports to TensorFlow; here it is [out, in, kernel].

| here (without `blocks.`) | Torch7: fields of modules in order | ports: `layer/key` |
| --- | --- | --- |
| `convN.convolution.weight`, `.bias` | N-th SpatialConvolution: `weight`, `bias` | `convN/weights`, `/biases` |
| `convN.norm.weight`, `.bias` | SpatialBatchNormalization after it: `weight`, `bias` | `convN/gamma`, `/beta` |
| `convN.norm.running_mean`, `.running_var` | `running_mean`, `running_var` | `convN/mean`, `/var` |
| `heads.heads.objects`, `.scenes` | fifth and sixth SpatialConvolution | `conv5`, `conv5_2` |

Torch7 files from before 2016 have `running_std`, which is 1 / sqrt(variance + 1e-5). `norm.num_batches_tracked`, which
has no effect, is 0.

The first two layers of the eight-layer SoundNet come from arrays by layer; later layers may be pruned.
They have the kernels, strides and pooling of the five-layer network's first two, and half of its channels. The network
is `soundnet5` with `channels = [16, 32]` and any number of channels in its third layer, at 22,050 Hz.

Tensor names: `blocks.convN.convolution.weight`, `.bias` is `convN.weight`, `.bias`; and
`blocks.convN.norm.weight`, `.bias`, `.running_mean`, `.running_var` is `bnN.` with the same names, as PyTorch has them.
Arrays of later layers, whose shapes depend on the pruning, are ignored.

Reference: A. Singh, P. Rajan, A. Bhavsar, SVD-based redundancy removal in 1-D CNNs for acoustic scene classification,
Pattern Recognition Letters 131, 2020 (the pruned network, whose first two layers are unchanged).
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.errors import SourceError
from emotone.nets.architectures.waveform_networks import KERNELS, ORIGINAL_HEADS, OUTPUTS, PADDINGS, STRIDE
from emotone.transfer.readers import read_npz
from emotone.transfer.source import PublishedFile, Source
from emotone.transfer.torch7 import Module, read_torch7

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

ARCHIVE = "http://data.csail.mit.edu/soundnet/soundnet_models_public.zip"
HEADS = tuple(head.name for head in ORIGINAL_HEADS)

CHANNELS8 = (16, 32)


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


TRUNK = convolutions(OUTPUTS)
CONVOLUTIONS = {"nn.SpatialConvolution", "cudnn.SpatialConvolution", "nn.SpatialConvolutionMM"}
NORMS = {"nn.SpatialBatchNormalization", "cudnn.SpatialBatchNormalization"}
EPSILON = 1e-5
GEOMETRY = {"kH": KERNELS, "dH": (STRIDE,) * len(KERNELS), "padH": PADDINGS}  # Torch's height is time here
PORTED = {
    "weights": "convolution.weight",
    "biases": "convolution.bias",
    "gamma": "norm.weight",
    "beta": "norm.bias",
    "mean": "norm.running_mean",
    "var": "norm.running_var",
}
PORTED_HEADS = {"conv5": "objects", "conv5_2": "scenes"}
_PORTED_KEY = re.compile(r"(?P<layer>[^/]+)/(?P<key>[^/]+)")


def _head_shapes() -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for head in ORIGINAL_HEADS:
        shapes[_head(head.name, "weight")] = (head.classes, OUTPUTS[-1], head.kernel)
        shapes[_head(head.name, "bias")] = (head.classes,)
    return shapes


def _head(name: str, tensor: str) -> str:
    return f"blocks.heads.heads.{name}.convolution.{tensor}"


def _from_torch7(path: Path) -> dict[str, NDArray[Any]]:
    """Return the tensors of a `.t7` file of the whole network, with or without training buffers."""
    root = read_torch7(path)
    if not isinstance(root, Module):
        raise SourceError(f"{path} contains a {type(root).__name__} instead of a network")
    tensors: dict[str, NDArray[Any]] = {}
    layer, place = "", 0
    for module in _leaves(root, path, ()):
        arrays = {key: values for key, values in module.fields.items() if isinstance(values, np.ndarray)}
        if module.kind in CONVOLUTIONS:
            layer, place = _place(place), place + 1
            found = {f"convolution.{key}": _kernels(arrays[key]) for key in ("weight", "bias") if key in arrays}
            _check_geometry(module, layer, path)
        elif module.kind in NORMS and layer:
            if not math.isclose(_number(module.fields.get("eps"), EPSILON), EPSILON, rel_tol=1e-3):
                raise SourceError(
                    f"{path}: the normalisation of {layer} has eps {module.fields['eps']}; SoundNet has {EPSILON}"
                )
            found = {f"norm.{key}": values for key, values in _norm(arrays).items()}
        elif "weight" in arrays:
            raise SourceError(f"{path} has weights in a {module.kind}, which has none in SoundNet")
        else:
            continue
        tensors |= {f"{layer}.{key}": np.asarray(values, np.float32) for key, values in found.items()}
    return tensors | _counts(tensors)


def _leaves(module: Module, path: Path, above: tuple[Module, ...]) -> Iterator[Module]:
    """Yield the modules without submodules, in the order of the forward pass."""
    if module in above:
        raise SourceError(f"{path} contains a {module.kind} that contains itself")
    inner = module.fields.get("modules")
    if not isinstance(inner, dict):
        yield module
        return
    for place in sorted(key for key in inner if isinstance(key, int)):
        child = inner[place]
        if isinstance(child, Module):
            yield from _leaves(child, path, (*above, module))


def _number(value: Any, default: float) -> float:
    return float(value) if isinstance(value, float) else default


def _place(number: int) -> str:
    if number < len(TRUNK):
        return f"blocks.{TRUNK[number]}"
    heads = number - len(TRUNK)
    return f"blocks.heads.heads.{HEADS[heads]}" if heads < len(HEADS) else f"convolution {number + 1}"


def _kernels(values: NDArray[Any]) -> NDArray[Any]:
    """Return weights [out, in, kernel] of Torch's [out, in, kernel, 1]; other shapes are not changed."""
    return values[..., 0] if values.ndim == 4 and values.shape[3] == 1 else values


def _norm(arrays: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    wanted = {"weight", "bias", "running_mean", "running_var"}
    found = {key: values for key, values in arrays.items() if key in wanted}
    if "running_var" not in found and "running_std" in arrays:
        with np.errstate(divide="ignore"):  # reported by the check
            found["running_var"] = arrays["running_std"] ** -2.0 - EPSILON
    return found


def _counts(tensors: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    norms = [name for name in tensors if name.endswith("norm.running_mean")]
    return {name.replace("running_mean", "num_batches_tracked"): np.array(0, np.int64) for name in norms}


def _check_geometry(module: Module, layer: str, path: Path) -> None:
    """Compare stride and padding, which the weights do not determine, with the network's."""
    name = layer.removeprefix("blocks.")
    if name not in TRUNK:
        return
    for key, values in GEOMETRY.items():
        given, needed = module.fields.get(key, values[TRUNK.index(name)]), values[TRUNK.index(name)]
        if given != needed:
            raise SourceError(f"{path}: {name} has {key} {given}; SoundNet has {needed}")


def _from_npz(path: Path) -> dict[str, NDArray[Any]]:
    """Return the tensors of an archive of arrays named `layer/key`."""
    arrays = read_npz(path, advice=CONVERT)
    tensors: dict[str, NDArray[Any]] = {}
    for key, values in arrays.items():
        found = _PORTED_KEY.fullmatch(key)
        if found is None or found["key"] not in PORTED:
            tensors[key] = values  # unexpected: reported by the check
            continue
        layer, tensor = found["layer"], PORTED[found["key"]]
        if layer in PORTED_HEADS:
            layer = f"heads.heads.{PORTED_HEADS[layer]}"
        ported = values.ndim == 4 and values.shape[1] == 1 and tensor == "convolution.weight"
        kernels = values[:, 0].transpose(2, 1, 0) if ported else values
        tensors[f"blocks.{layer}.{tensor}"] = np.ascontiguousarray(kernels)
    return tensors | _counts(tensors)


def _reject_npy(path: Path) -> dict[str, NDArray[Any]]:
    raise SourceError(
        f"{path}: a .npy of several arrays is a pickle, which may execute code and is not read; {CONVERT}"
    )


CONVERT = (
    "use the published .t7, or, for a .npy that you trust, write its arrays as 'layer/key' into an .npz yourself: "
    "d = numpy.load('sound5.npy', allow_pickle=True, encoding='latin1').item(); "
    "numpy.savez('sound5.npz', **{f'{layer}/{key}': a for layer, keys in d.items() for key, a in keys.items()})"
)

SOUNDNET5 = Source(
    name="soundnet5",
    title="SoundNet with five layers, trained on two million videos with visual classes as targets",
    citation=(
        "Yusuf Aytar, Carl Vondrick, Antonio Torralba: SoundNet: Learning sound representations from unlabeled video, "
        "NIPS 2016"
    ),
    licence="MIT",
    licence_note="the repository's licence; none is stated for the weights",
    published=(PublishedFile("soundnet5_final.t7", ARCHIVE),),
    rate=22050,
    net="soundnet5",
    layers=TRUNK,
    shapes=convolution_shapes(OUTPUTS),
    optional=_head_shapes(),
    readers={".t7": _from_torch7, ".npz": _from_npz, ".npy": _reject_npy},
)


TRUNK8 = convolutions(CHANNELS8)
_KEY8 = re.compile(r"(?P<part>conv|bn)(?P<layer>\d+)\.(?P<name>\w+)")
_PARTS8 = {"conv": "convolution", "bn": "norm"}
CONVERT8 = (
    "store the arrays of conv1, bn1, conv2 and bn2 as an .npz with numpy.savez, under the names of a PyTorch state, "
    "e.g. 'conv1.weight' [16, 1, 64] and 'bn1.running_var' [16]"
)


def _from_npz8(path: Path) -> dict[str, NDArray[Any]]:
    """Return the tensors of the first two layers."""
    tensors: dict[str, NDArray[Any]] = {}
    for key, values in read_npz(path, advice=CONVERT8).items():
        found = _KEY8.match(key)
        if found is None:
            tensors[key] = values  # unexpected: reported by the check
        elif int(found["layer"]) <= len(TRUNK8):
            tensors[f"blocks.conv{found['layer']}.{_PARTS8[found['part']]}.{found['name']}"] = values
    counts = {f"blocks.{layer}.norm.num_batches_tracked": np.array(0, np.int64) for layer in TRUNK8}
    return counts | tensors


SOUNDNET8 = Source(
    name="soundnet8",
    title="SoundNet with eight layers: the first two, also from pruned networks",
    citation=(
        "Yusuf Aytar, Carl Vondrick, Antonio Torralba: SoundNet: Learning sound representations from unlabeled video, "
        "NIPS 2016"
    ),
    licence="LicenseRef-unstated",
    licence_note="SoundNet's repository is MIT; no licence is stated for the pruned weights: for experiments only",
    published=(
        PublishedFile(
            "p-Snet_weights.hdf5",
            "https://github.com/Arshdeep-Singh-Boparai/Pruned_SoundNet",
        ),
    ),
    rate=22050,
    net="soundnet5",
    layers=TRUNK8,
    shapes=convolution_shapes(CHANNELS8),
    readers={".npz": _from_npz8},
)
