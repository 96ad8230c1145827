"""A small convolutional speech encoder, to be trained as the student of a larger one, and a classifier.

The input is rows of `whisper-log-mel`. Two convolutions reduce them to 25 steps per second; ConvNeXt layers with a
context follow, whose outputs are pooled over time as those of `whisper-encoder` are.

Reference: Liu et al., A ConvNet for the 2020s, CVPR 2022 (the layers).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from emotone.errors import ConfigError
from emotone.nets.base import check_dropout, check_layers, require_torch

if TYPE_CHECKING:
    from emotone.nets.blocks.base import Network

STEM = 160  # channels between the two convolutions


@dataclass(frozen=True)
class SpeechStudent:
    """A convolutional encoder of speech, pooled over time, and a classifier.

    Attributes:
        layers: whose outputs are pooled and concatenated, ascending; 0 is the output of the convolutions. The last one
            is the number of layers.
        width: values per step.
        kernel: steps of 40 ms of each layer's convolution; odd.
        expansion: hidden units of a layer per value.
        statistics: over time: "mean", or "mean-deviation" for the mean and the standard deviation.
        peak: log10 mel power to which the loudest value of an input is shifted, so that results do not depend on the
            recording level; None keeps the level.
        dropout: share of pooled values that are dropped in training.

    Raises:
        ConfigError: a number out of range, or no or unordered layers.

    """

    title: ClassVar[str] = "small convolutional speech encoder, a student of a larger one"
    paper: ClassVar[str] = "emotone"
    layers: tuple[int, ...] = (2, 4)
    width: int = 256
    kernel: int = 9
    expansion: int = 4
    statistics: Literal["mean", "mean-deviation"] = "mean"
    peak: float | None = 1.5
    dropout: float = 0.0

    def __post_init__(self) -> None:
        check_layers("speech-student", self.layers)
        if min(self.width, self.expansion) < 1:
            raise ConfigError(
                f"speech-student needs width and expansion of at least 1; given {self.width}, {self.expansion}"
            )
        if self.kernel < 1 or self.kernel % 2 == 0:
            raise ConfigError(f"speech-student needs an odd kernel; given {self.kernel}")
        check_dropout("speech-student", self.dropout)

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """Convolutions, ConvNeXt layers, what follows them, and the classifier."""
        encoder = tuple(f"layer{number}" for number in range(1, self.layers[-1] + 1))
        return (("conv1", "conv2", "stack"), encoder, ("standardise",), ("classifier",))

    def build(self, dimension: int, classes: int) -> Network:
        """Return the torch module (see `NetSpec.build`)."""
        require_torch("building a network")
        from emotone.nets.blocks import convnext, transformer
        from emotone.nets.blocks.base import Block, Network
        from emotone.nets.blocks.dense import EmbeddingClassifier

        blocks: dict[str, Block] = {
            "range": transformer.DynamicRange(peak=self.peak),
            "conv1": transformer.ConvGelu(dimension, STEM, stride=2),
            "conv2": transformer.ConvGelu(STEM, self.width, stride=2),
            "stack": convnext.AsStack(self.width),
        }
        for number in range(1, self.layers[-1] + 1):
            blocks[f"layer{number}"] = convnext.ConvNextLayer(
                self.width, kernel=self.kernel, expansion=self.expansion, keep_input=number - 1 in self.layers
            )
        outputs = len(self.layers)
        blocks["pool"] = transformer.LayerPooling(outputs, statistics=self.statistics, combination="concatenate")
        values = self.width * outputs * (2 if self.statistics == "mean-deviation" else 1)
        blocks["standardise"] = transformer.Standardiser(values)
        blocks["classifier"] = EmbeddingClassifier(values, hidden=0, classes=classes, dropout=self.dropout)
        return Network(blocks)


NET = SpeechStudent
