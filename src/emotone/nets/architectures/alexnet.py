"""AlexNet on faces, for weights trained on ImageNet: the network that the spectrogram paper fine-tunes.

The input is rows of `audio-visual`, of which it reads the face, enlarged to 224 x 224. The paper
takes CaffeNet, a variant with groups of channels; this is the variant without, whose weights torchvision publishes.

References: Krizhevsky, One weird trick for parallelizing convolutional neural networks, arXiv:1404.5997, 2014; the
paper on spectrogram CNNs and LSTMs (see docs/papers/spectrogram-cnn-lstm.md), section 3.2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
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
        from emotone.nets.blocks.base import Network
        from emotone.nets.blocks.dense import LinearClassifier
        from emotone.nets.blocks.image import AlexConv, DropoutDense, FaceImage, ImageNetInput
        from emotone.nets.blocks.patch import Patch

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


NET = AlexNet
