"""Small recognisers of letters, trained on LibriSpeech, from archives of Keras weights.

One has a convolution and two GRU layers of both directions, the other two GRU layers of one direction. Their tensors
have the names of `letter-recogniser` here.

Gates are in the order update, reset, new in both. Kernels of Keras are [in, out]; here they are [out, in].

| here (without `blocks.`) | Keras |
| --- | --- |
| `gruN.ahead.input`, `.state`, `.bias` | `kernel`, `recurrent_kernel`, `bias` of the forward layer |
| `gruN.back.` the same | those of the backward layer |
| `conv1.convolution.weight` [out, in, 5], `.bias` | `kernel` [5, in, out], `bias` |
| `normN.norm`, `conv1.norm`: `.weight`, `.bias` | `gamma`, `beta` |
| of these `.running_mean`, `.running_var` | `moving_mean`, `moving_variance` |
| `symbols.linear.weight`, `.bias`: 28 characters and the blank | `kernel`, `bias` of the time-distributed layer |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.transfer.readers import read_npz
from emotone.transfer.source import PublishedFile, Source

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    Shapes = dict[str, tuple[int, ...]]

BANDS, UNITS, SYMBOLS, GATES, KERNEL = 161, 200, 29, 3, 5
CHARACTERS = "' abcdefghijklmnopqrstuvwxyz"  # of the symbols; the last one is the blank
CONVERT = (
    "store the arrays of the published .h5 as an .npz with numpy.savez, under their names there, e.g. 'rnn-0/kernel' "
    "or 'bidirectional_9/forward_rnn0/kernel'"
)
_GRU = {"input": "kernel", "state": "recurrent_kernel", "bias": "bias"}
_NORM = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}
_LINEAR = {"weight": "kernel", "bias": "bias"}
_PARTS = {"gru": _GRU, "norm": _NORM, "linear": _LINEAR, "convolution": _LINEAR}


@dataclass(frozen=True)
class LetterTensors:
    """What an archive contains.

    Attributes:
        places: name of each layer in the archive, by its name here, e.g. `gru1.ahead` -> `rnn-0`.

    """

    places: Mapping[str, str]

    @property
    def layers(self) -> tuple[str, ...]:
        """Layers of the network, in order, without the symbols."""
        names = dict.fromkeys(place.partition(".")[0] for place in self.places)
        return tuple(name for name in names if name != "symbols")

    def read(self, path: Path) -> dict[str, NDArray[Any]]:
        """Return the tensors in an archive; arrays of other names keep theirs.

        Raises:
            SourceError: the file can't be read.

        """
        found = read_npz(path, advice=CONVERT)
        tensors: dict[str, NDArray[Any]] = {}
        for place, theirs in self.places.items():
            for ours, name in _PARTS[_part(place)].items():
                values = found.pop(f"{theirs}/{name}", None)
                if values is not None:
                    tensors[f"blocks.{place}.{ours}"] = np.ascontiguousarray(values.T)  # vectors stay as they are
        for layer in self.places:
            if _part(layer) == "norm":
                tensors[f"blocks.{layer}.num_batches_tracked"] = np.array(0, np.int64)
        return tensors | found

    def shapes(self, *, symbols: bool) -> Shapes:
        """Return the shapes of the tensors of the layers, or of those of the symbols, by name."""
        shapes: Shapes = {}
        for place in self.places:
            layer = place.partition(".")[0]
            if (layer == "symbols") == symbols:
                shapes |= {f"blocks.{place}.{name}": shape for name, shape in self._of(place).items()}
        return shapes

    def _of(self, place: str) -> Shapes:
        convolves = "conv1.norm" in self.places
        units = UNITS // 2 if convolves else UNITS
        part = _part(place)
        if part == "gru":
            first = UNITS // 2 if convolves else BANDS
            inputs = first if place.startswith("gru1") else UNITS
            return {"input": (GATES * units, inputs), "state": (GATES * units, units), "bias": (GATES * units,)}
        if part == "norm":
            values = UNITS // 2 if place.startswith("conv1") else UNITS
            return {**dict.fromkeys(_NORM, (values,)), "num_batches_tracked": ()}
        if part == "convolution":
            return {"weight": (UNITS // 2, BANDS, KERNEL), "bias": (UNITS // 2,)}
        return {"weight": (SYMBOLS, UNITS), "bias": (SYMBOLS,)}


def _part(place: str) -> str:
    layer, _, inner = place.partition(".")
    return "gru" if layer.startswith("gru") else inner


def _source(name: str, *, title: str, citation: str, file: str, repository: str, tensors: LetterTensors) -> Source:
    """Return a recogniser of course work, whose archive contains these tensors."""
    return Source(
        name=name,
        title=f"A recogniser of letters: {title}, trained on LibriSpeech",
        citation=f"{citation} (course work); data: V. Panayotov et al.: Librispeech, ICASSP 2015",
        licence="MIT",
        licence_note="the licence of the repository",
        published=(PublishedFile(file, f"https://github.com/{repository}"),),
        rate=16000,
        net="letter-recogniser",
        layers=tensors.layers,
        shapes=tensors.shapes(symbols=False),
        optional=tensors.shapes(symbols=True),
        readers={".npz": tensors.read},
    )


CONVOLUTION_TENSORS = LetterTensors(
    {
        "conv1.convolution": "conv1d",
        "conv1.norm": "bn_conv_1d",
        "gru1.ahead": "bidirectional_9/forward_rnn0",
        "gru1.back": "bidirectional_9/backward_rnn0",
        "norm1.norm": "batch_normalization_9",
        "gru2.ahead": "bidirectional_10/forward_rnn1",
        "gru2.back": "bidirectional_10/backward_rnn1",
        "norm2.norm": "batch_normalization_10",
        "symbols.linear": "time_distributed_7",
    }
)
LETTER_CONVOLUTION = _source(
    "letter-convolution",
    title="a convolution and two bidirectional GRU layers",
    citation="ohnozzy: AIND-VUI-Capstone, 2018",
    file="model_end.h5",
    repository="ohnozzy/AIND-VUI-Capstone",
    tensors=CONVOLUTION_TENSORS,
)
GRU_TENSORS = LetterTensors(
    {
        "gru1.ahead": "rnn-0",
        "norm1.norm": "batch_normalization_1",
        "gru2.ahead": "rnn-1",
        "norm2.norm": "batch_normalization_2",
        "symbols.linear": "time_distributed_3",
    }
)
LETTER_GRU = _source(
    "letter-gru",
    title="two GRU layers of 200 units",
    citation="stereoboy: AIND-VUI-Capstone, 2017",
    file="model_3.h5",
    repository="stereoboy/AIND-VUI-Capstone",
    tensors=GRU_TENSORS,
)
