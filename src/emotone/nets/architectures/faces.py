"""Networks on faces: AlexNet and mini-Xception.

AlexNet on faces, for weights trained on ImageNet: the network that the spectrogram paper fine-tunes.

The input is rows of `audio-visual`, of which it reads the face, enlarged to 224 x 224. The paper
takes CaffeNet, a variant with groups of channels; this is the variant without, whose weights torchvision publishes.

References: Krizhevsky, One weird trick for parallelizing convolutional neural networks, arXiv:1404.5997, 2014; the
paper on spectrogram CNNs and LSTMs (see docs/papers/spectrogram-cnn-lstm.md), section 3.2.

mini-Xception: the expression of a face of 64 x 64 grey pixels, with 58,000 parameters; published weights exist.

The input is rows of `audio-visual`, of which it reads the face.

Reference: Arriaga, Valdenegro-Toro, Plöger, Real-time convolutional neural networks for emotion and gender
classification, ESANN 2019.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

from emotone.errors import ConfigError
from emotone.nets.base import CHUNK_ROWS, check_dropout, check_face, check_face_rows, require_torch, scaled

if TYPE_CHECKING:
    from emotone.nets.blocks.base import Network

PIXELS = 224
LEFT = 6  # pixels of the last image
CHANNELS = (64, 192, 384, 256, 256)
UNITS = 4096
COLOURS = 3


@dataclass(frozen=True)
class AlexNet:
    """Five convolutions, two hidden layers, logits.

    Attributes:
        size: of the face in pixels.
        channels: of the face: 3, or 1 without colour, which is repeated three times.
        width: factor of all channels and units; 1 as published.
        dropout: share of the inputs of both hidden layers dropped in training.
        offset: of the front end; its logarithm is the value where there is no face.

    Raises:
        ConfigError: a number out of range.

    """

    title: ClassVar[str] = "AlexNet on faces, for ImageNet weights of users"
    paper: ClassVar[str] = "One weird trick for parallelizing convolutional neural networks, 2014"
    groups: ClassVar[tuple[tuple[str, ...], ...]] = (
        ("conv1",),
        ("conv2", "conv3", "conv4", "conv5"),
        ("dense1", "dense2"),
        ("classifier",),
    )

    size: int = 32
    channels: int = 1
    width: float = 1.0
    dropout: float = 0.5
    offset: float = 1e-5

    def __post_init__(self) -> None:
        check_face("alexnet", size=self.size, channels=self.channels, offset=self.offset)
        check_dropout("alexnet", self.dropout)
        if not (self.width > 0 and math.isfinite(self.width)):
            raise ConfigError(f"alexnet needs width > 0; given {self.width}")

    def build(self, dimension: int, classes: int) -> Network:
        """Return the torch module (see `NetSpec.build`); raise `ConfigError` for rows of another size of face."""
        check_face_rows("alexnet", dimension, size=self.size, channels=self.channels)
        require_torch("building a network")
        from emotone.nets.blocks.base import LinearClassifier, Network
        from emotone.nets.blocks.image import AlexConv, DropoutDense, FaceImage, ImageNetInput
        from emotone.nets.blocks.spectrogram import Patch

        first, second, third, fourth, fifth = (scaled(channels, self.width) for channels in CHANNELS)
        units = scaled(UNITS, self.width)
        return Network(
            {
                "chunk": Patch(rows=CHUNK_ROWS, silence=math.log(self.offset)),
                "face": FaceImage(rows=CHUNK_ROWS, size=self.size, channels=self.channels, limits=(0.0, 1.0)),
                "input": ImageNetInput(size=PIXELS),
                "conv1": AlexConv(COLOURS, first, kernel=11, stride=4, pool=True),
                "conv2": AlexConv(first, second, kernel=5, pool=True),
                "conv3": AlexConv(second, third, kernel=3),
                "conv4": AlexConv(third, fourth, kernel=3),
                "conv5": AlexConv(fourth, fifth, kernel=3, pool=True),
                "dense1": DropoutDense(fifth * LEFT * LEFT, units, dropout=self.dropout),
                "dense2": DropoutDense(units, units, dropout=self.dropout),
                "classifier": LinearClassifier(units, classes),
            }
        )


FILTERS = 8  # of the first two convolutions
MODULES = (8, 16, 32, 64, 128)  # inputs of the modules, and outputs of the last one


@dataclass(frozen=True)
class MiniXception:
    """Two convolutions, four modules of separable convolutions, scores averaged over the image.

    Attributes:
        size: of the face in pixels.
        offset: of the front end; its logarithm is the value where there is no face.

    Raises:
        ConfigError: a number out of range.

    """

    title: ClassVar[str] = "mini-Xception on faces of 64 x 64 pixels, with published weights"
    paper: ClassVar[str] = "Real-time convolutional neural networks for emotion and gender classification, 2019"
    groups: ClassVar[tuple[tuple[str, ...], ...]] = (
        ("conv1",),
        ("conv2", "module1", "module2"),
        ("module3", "module4"),
        ("classifier",),
    )

    size: int = 32
    offset: float = 1e-5

    def __post_init__(self) -> None:
        check_face("mini-xception", size=self.size, channels=1, offset=self.offset)

    def build(self, dimension: int, classes: int) -> Network:
        """Return the torch module (see `NetSpec.build`); raise `ConfigError` for rows of another size of face."""
        check_face_rows("mini-xception", dimension, size=self.size, channels=1)
        require_torch("building a network")
        from emotone.nets.blocks.base import Network
        from emotone.nets.blocks.image import FaceImage, ImageClassifier, NormConv, XceptionModule
        from emotone.nets.blocks.spectrogram import Patch

        modules = enumerate(pairwise(MODULES), start=1)
        return Network(
            {
                "chunk": Patch(rows=CHUNK_ROWS, silence=math.log(self.offset)),
                "face": FaceImage(rows=CHUNK_ROWS, size=self.size, channels=1),
                "conv1": NormConv(1, FILTERS, kernel=3),
                "conv2": NormConv(FILTERS, FILTERS, kernel=3),
                **{f"module{number}": XceptionModule(*sizes) for number, sizes in modules},
                "classifier": ImageClassifier(MODULES[-1], classes),
            }
        )
