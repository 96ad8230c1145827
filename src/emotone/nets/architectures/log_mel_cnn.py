"""A small convolutional net on log-mel bands with attentive statistics over time: the house's plain default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from emotone.errors import ConfigError
from emotone.nets.base import Layer, modules

if TYPE_CHECKING:
    from emotone.nets.blocks.base import LengthAware

KERNELS = (5, 3, 3, 3, 3)
STRIDES = ((2, 2), (2, 2), (2, 1), (1, 2), (2, 1))  # (bands, time) of each convolution


@dataclass(frozen=True)
class LogMelCnn:
    """Five convolutions, bands folded into channels, attentive statistics, a classifier.

    Level is taken away inside the net (`LevelNorm`), per window, so that streamed and offline windows are equal.

    Attributes:
        channels: of the five convolutions.
        embedding: channels per step before pooling.
        hidden: units of the classifier's hidden layer.
        dropout: before and after the hidden layer.
        centre_bands: whether each band's mean over the window is taken away (see `LevelNorm`).

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
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"log-mel-cnn needs 0 <= dropout < 1; given {self.dropout}")

    def layers(self, dimension: int, classes: int) -> tuple[Layer, ...]:
        """Return the layer table (T: frames of the input)."""
        table = [Layer("level", "level normalisation", f"1 x {dimension} x T", 0)]
        inputs, bands, step = 1, dimension, 1
        for number, (outputs, kernel, (over_bands, over_time)) in enumerate(
            zip(self.channels, KERNELS, STRIDES, strict=True), start=1
        ):
            bands, step = (bands - 1) // over_bands + 1, step * over_time
            table.append(
                Layer(
                    f"conv{number}",
                    f"convolution {kernel}x{kernel}, stride {over_bands}x{over_time}, batch norm, ReLU",
                    f"{outputs} x {bands} x T/{step}",
                    inputs * outputs * kernel**2 + 2 * outputs,
                    kernel,
                    over_time,
                )
            )
            inputs = outputs
        size, attention = self.embedding, self.embedding // 2
        flat = inputs * bands
        table.append(Layer("mix", "bands to channels, batch norm, ReLU", f"{size} x T/{step}", flat * size + 2 * size))
        pooling = 2 * size * attention + attention + size
        table.append(Layer("pool", "attentive mean and deviation over time", f"{2 * size}", pooling))
        head = 2 * size * self.hidden + 3 * self.hidden + self.hidden * classes + classes
        table.append(Layer("classifier", "dropout, linear, batch norm, ReLU, dropout, linear", f"{classes}", head))
        return tuple(table)

    def build(self, dimension: int, classes: int) -> LengthAware:
        """Return the torch module (see `NetSpec.build`)."""
        torch_modules = modules()
        blocks = {"level": torch_modules.LevelNorm(centre_bands=self.centre_bands)}
        inputs, bands = 1, dimension
        for number, (outputs, kernel, stride) in enumerate(zip(self.channels, KERNELS, STRIDES, strict=True), start=1):
            blocks[f"conv{number}"] = torch_modules.ConvBlock(inputs, outputs, kernel=kernel, stride=stride)
            inputs, bands = outputs, (bands - 1) // stride[0] + 1
        blocks["mix"] = torch_modules.BandsToChannels(inputs, bands, self.embedding)
        blocks["pool"] = torch_modules.AttentiveStatistics(self.embedding, hidden=self.embedding // 2)
        blocks["classifier"] = torch_modules.Classifier(
            2 * self.embedding, hidden=self.hidden, classes=classes, dropout=self.dropout
        )
        net: LengthAware = torch_modules.LengthAware(blocks)
        return net


NET = LogMelCnn
