"""Inputs of each architecture in the conformance tests, small settings of each, and ported weights of SoundNet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from tests.toy import TINY_NET

if TYPE_CHECKING:
    from numpy.typing import NDArray


# ----------------------------------------------------------------------------------------------------------------------
# Inputs of each architecture in the conformance tests, and small settings of each.

BANDS, CLASSES = 64, 5
# Architectures whose rows are the bands of one channel, then of another.
TWO_CHANNELS = {"audiovisual-lstm", "spectrogram-cnn", "spectrogram-lstm"}


@dataclass(frozen=True)
class Input:
    """Inputs of an architecture: random rows, rows of another level, and lengths.

    Attributes:
        lengths: rows of single inputs, some of them shorter than the receptive field.
        onnx: (batch, rows) of the inputs of the exported network.
        row: seconds per row.

    """

    lengths: tuple[int, ...] = (1, 2, 7, 31, 90)
    onnx: tuple[tuple[int, int], ...] = ((1, 1), (1, 2), (3, 1), (1, 298), (16, 30), (2, 151))
    row: float = 0.01

    def draw(self, batch: int, time: int) -> torch.Tensor:
        return torch.randn(batch, time, BANDS) * 2 - 8

    def constant(self, level: float) -> torch.Tensor:
        """Rows of one value, at a level in ln(power)."""
        return torch.full((2, 50, BANDS), level)

    def louder(self, x: torch.Tensor, by: float) -> torch.Tensor:
        """The rows of the same sound at another level, by ln(power)."""
        return x + by


class Samples(Input):
    """Rows of 64 samples at 16 kHz."""

    def draw(self, batch: int, time: int) -> torch.Tensor:
        return torch.randn(batch, time, BANDS) * 0.05

    def constant(self, level: float) -> torch.Tensor:
        return torch.full((2, 50, BANDS), float(np.exp(level / 2)) if level > np.log(2e-10) else 0.0)

    def louder(self, x: torch.Tensor, by: float) -> torch.Tensor:
        return x * float(np.exp(by / 2))


class Faces(Input):
    """Values of pixels; sound of other networks is far below 0."""

    def draw(self, batch: int, time: int) -> torch.Tensor:
        return torch.rand(batch, time, BANDS)


class SoundAndFaces(Input):
    """Rows of sound, and at the end of each the values of a face of 32 x 32 pixels."""

    def draw(self, batch: int, time: int) -> torch.Tensor:
        return torch.cat([super().draw(batch, time)[..., :-16], torch.rand(batch, time, 16)], dim=2)


class EncodedSoundAndFaces(Input):
    """Rows of sound, and at the end of each a 51st of a face of 24 x 24 pixels."""

    def draw(self, batch: int, time: int) -> torch.Tensor:
        return torch.cat([super().draw(batch, time)[..., :-12] + 4, torch.rand(batch, time, 12)], dim=2)


PATCHES = Input((1, 40, 95, 96, 130), ((1, 1), (1, 95), (3, 96), (2, 97), (1, 298)))  # networks that read 96 rows

INPUTS: dict[str, Input] = {
    # 54,000 samples are 844 rows: later rows are ignored.
    "multidomain": Samples((1, 118, 305, 843, 900), ((1, 1), (3, 301), (2, 844), (1, 1000)), BANDS / 16000),
    "alexnet": Faces((1, 20, 63, 64, 90), ((1, 1), (2, 64)), row=0.008),
    "audiovisual-lstm": SoundAndFaces((1, 20, 64, 65, 200), ((1, 1), (1, 64), (3, 65), (2, 151)), row=0.008),
    "whisper-audiovisual": EncodedSoundAndFaces((1, 20, 51, 53, 140), ((1, 1), (1, 51), (3, 60), (2, 151))),
    "mini-xception": Faces((1, 20, 63, 64, 90), ((1, 1), (1, 63), (3, 64), (2, 97)), row=0.008),
    "chunk-mlp": Input(row=0.512),
    "segment-mlp": PATCHES,
    "spectrogram-cnn": Input((1, 20, 63, 64, 90), ((1, 1), (1, 63), (3, 64), (2, 97), (1, 298)), row=0.008),
    "spectrogram-lstm": Input((1, 20, 64, 65, 200), ((1, 1), (1, 64), (3, 65), (2, 151)), row=0.008),
    "segment-pool": Input((1, 49, 50, 131, 298), ((1, 1), (1, 50), (3, 51), (2, 97), (1, 298))),  # segments every 50
    "vggish": PATCHES,
    "yamnet": PATCHES,
    "soundnet5": Samples((1, 118, 120, 305, 700), ((1, 1), (1, 119), (3, 301), (2, 450)), BANDS / 16000),
}
# Small settings of each architecture, so that its arithmetic is tested with other shapes and switches too. An
# architecture without an entry is tested with its defaults only.
TINY: dict[str, dict[str, Any]] = {
    "log-mel-cnn": TINY_NET,
    "multidomain": {"lstm": False, "channels": 5, "units": 4, "hidden": 6, "dropout": 0.1},
    "soundnet5": {"filters": 5, "dropout": 0.1, "min_samples": 7646},
    "alexnet": {"width": 0.02, "size": 16, "dropout": 0.1},
    "audiovisual-lstm": {"filters": (2,), "units": 3, "context_units": 3, "bidirectional": True, "dropout": 0.1},
    "chunk-mlp": {"depth": 0},
    "spectrogram-cnn": {"filters": (6, 7), "whole": False, "width": 4, "units": 5, "dropout": 0.1, "slope": 0.1},
    "spectrogram-lstm": {"context": "bidirectional-lstm", "filters": (), "context_units": 3, "dropout": 0.1},
    "segment-mlp": {"depth": 4, "units": 7, "dropout": 0.1, "offset": 0.02},
    "segment-pool": {
        "trunk": "yamnet",
        "pooling": "gated-attention",
        "placement": "valleys",
        "hidden": 0,
        "attention": 3,
        "dropout": 0.1,
        "width": 0.125,
        "offset": 0.01,
    },
    "letter-recogniser": {"kind": "convolution", "units": 6, "dropout": 0.1},
    "mfcc-bigru": {"units": 3, "dropout": 0.1},
    "recogniser-reuse": {"width": 6, "heads": 2, "layer": 1, "units": 3, "dropout": 0.1},
    "speech-student": {"layers": (0, 2), "width": 8, "kernel": 5, "expansion": 2, "statistics": "mean-deviation"},
    "vggish": {"hidden": 0, "dropout": 0.1, "width": 0.125, "offset": 0.02},
    "whisper-encoder": {"layers": (0, 2), "width": 8, "heads": 2, "statistics": "mean-deviation", "final_norm": True},
    "whisper-audiovisual": {"layers": (1,), "width": 8, "heads": 2, "context": "attention", "context_units": 3},
    "whisper-lstm": {"layers": (0, 2), "width": 8, "heads": 2, "context": "bidirectional-lstm", "context_units": 3},
    "yamnet": {"hidden": 0, "dropout": 0.1, "width": 0.125, "offset": 0.01},
}


# ----------------------------------------------------------------------------------------------------------------------
# SoundNet's weights as ports to other tools store them, for the tests of what reads them.


def ported(tensors: dict[str, NDArray[Any]], *, heads: bool = True) -> dict[str, Any]:
    """The same as ports to TensorFlow name it: `layer/key`, kernels [k, 1, in, out]."""
    keys = {
        "convolution.weight": "weights",
        "convolution.bias": "biases",
        "norm.weight": "gamma",
        "norm.bias": "beta",
        "norm.running_mean": "mean",
        "norm.running_var": "var",
    }
    arrays: dict[str, Any] = {}
    for name, values in tensors.items():
        layer, _, key = name.removeprefix("blocks.").replace("heads.heads.", "").partition(".")
        layer = {"objects": "conv5", "scenes": "conv5_2"}.get(layer, layer)
        if key in keys and (heads or not layer.startswith("conv5")):
            arrays[f"{layer}/{keys[key]}"] = values.T[:, None] if values.ndim == 3 else values
    return arrays
