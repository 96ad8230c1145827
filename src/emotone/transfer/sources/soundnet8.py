"""The first two layers of the eight-layer SoundNet, from arrays by layer; later layers may be pruned.

They have the kernels, strides and pooling of the five-layer network's first two, and half of its channels. The network
is `soundnet5` with `channels = [16, 32]` and any number of channels in its third layer, at 22,050 Hz.

Tensor names: `blocks.convN.convolution.weight`, `.bias` is `convN.weight`, `.bias`; and
`blocks.convN.norm.weight`, `.bias`, `.running_mean`, `.running_var` is `bnN.` with the same names, as PyTorch has them.
Arrays of later layers, whose shapes depend on the pruning, are ignored.

Reference: A. Singh, P. Rajan, A. Bhavsar, SVD-based redundancy removal in 1-D CNNs for acoustic scene classification,
Pattern Recognition Letters 131, 2020 (the pruned network, whose first two layers are unchanged).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.transfer.npz import read_npz
from emotone.transfer.soundnet_tensors import convolution_shapes, convolutions
from emotone.transfer.source import PublishedFile, Source

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

CHANNELS = (16, 32)
TRUNK = convolutions(CHANNELS)
_KEY = re.compile(r"(?P<part>conv|bn)(?P<layer>\d+)\.(?P<name>\w+)")
_PARTS = {"conv": "convolution", "bn": "norm"}
CONVERT = (
    "store the arrays of conv1, bn1, conv2 and bn2 as an .npz with numpy.savez, under the names of a PyTorch state, "
    "e.g. 'conv1.weight' [16, 1, 64] and 'bn1.running_var' [16]"
)


def _from_npz(path: Path) -> dict[str, NDArray[Any]]:
    """Return the tensors of the first two layers."""
    tensors: dict[str, NDArray[Any]] = {}
    for key, values in read_npz(path, advice=CONVERT).items():
        found = _KEY.match(key)
        if found is None:
            tensors[key] = values  # unexpected: reported by the check
        elif int(found["layer"]) <= len(TRUNK):
            tensors[f"blocks.conv{found['layer']}.{_PARTS[found['part']]}.{found['name']}"] = values
    counts = {f"blocks.{layer}.norm.num_batches_tracked": np.array(0, np.int64) for layer in TRUNK}
    return counts | tensors


SOURCE = Source(
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
    layers=TRUNK,
    shapes=convolution_shapes(CHANNELS),
    readers={".npz": _from_npz},
)
