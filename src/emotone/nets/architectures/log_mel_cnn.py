"""A small convolutional network on log-mel bands with attentive statistics over time: the default architecture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from emotone.errors import ConfigError
from emotone.nets.base import check_dropout, require_torch

if TYPE_CHECKING:
    from emotone.nets.blocks.base import Block, Network

KERNELS = (5, 3, 3, 3, 3)
STRIDES = ((2, 2), (2, 2), (2, 1), (1, 2), (2, 1))  # (bands, time) of each convolution


@dataclass(frozen=True)
class LogMelCnn:
    """Five convolutions, bands mapped to channels, attentive statistics, a classifier.

    The level is normalised inside the network (`LevelNorm`), per window, so streamed and offline windows are equal.

    Attributes:
        channels: of the five convolutions.
        embedding: channels per step before pooling.
        hidden: units of the classifier's hidden layer.
        dropout: share of values dropped before and after the hidden layer.
        centre_bands: whether each band's mean over the window is subtracted (see `LevelNorm`).

    Raises:
        ConfigError: other than five channels, or a number out of range.

    """

    title: ClassVar[str] = "convolutions on log-mel bands, attentive statistics over time"
    paper: ClassVar[str] = "emotone"
    groups: ClassVar[tuple[tuple[str, ...], ...]] = (
        ("conv1",),
        ("conv2", "conv3", "conv4", "conv5"),
        ("mix", "pool"),
        ("classifier",),
    )

    channels: tuple[int, ...] = (16, 32, 48, 64, 96)
    embedding: int = 128
    hidden: int = 64
    dropout: float = 0.2
    centre_bands: bool = True

    def __post_init__(self) -> None:
        if len(self.channels) != len(KERNELS) or min(self.channels) < 1:
            raise ConfigError(f"log-mel-cnn needs {len(KERNELS)} channels of at least 1; given {self.channels}")
        check_dropout("log-mel-cnn", self.dropout)

    def build(self, dimension: int, classes: int) -> Network:
        """Return the torch module (see `NetSpec.build`)."""
        require_torch("building a network")
        from emotone.nets.blocks.base import AttentiveStatistics, Network, NormClassifier
        from emotone.nets.blocks.spectrogram import BandsToChannels, LevelNorm, SpectrogramConv

        blocks: dict[str, Block] = {"level": LevelNorm(centre_bands=self.centre_bands)}
        inputs, bands = 1, dimension
        for number, (outputs, kernel, stride) in enumerate(zip(self.channels, KERNELS, STRIDES, strict=True), start=1):
            blocks[f"conv{number}"] = SpectrogramConv(inputs, outputs, kernel=kernel, stride=stride)
            inputs, bands = outputs, (bands - 1) // stride[0] + 1
        blocks["mix"] = BandsToChannels(inputs, bands, self.embedding)
        blocks["pool"] = AttentiveStatistics(self.embedding, hidden=self.embedding // 2)
        blocks["classifier"] = NormClassifier(
            2 * self.embedding, hidden=self.hidden, classes=classes, dropout=self.dropout
        )
        return Network(blocks)


NET = LogMelCnn
