"""SoundNet's five-layer form on raw samples: learned from the sounds of videos, taken over for anger in speech.

Input is the waveform: rows [time, dimension] of samples one after another, a row per sample as the front end
`waveform` gives them, or rows of several; the net reads them as one signal of S = time x dimension samples.

Each of the four convolutions has a bias, an affine batch normalisation and a ReLU; max-pooling over 8 steps follows
the first three, and one step of conv4 lies 8,192 samples (0.51 s at 16 kHz) from the next. As nothing but
convolutions follows, any length will do. One conv4 step is too few for what follows it: the least for two is 7,646
samples, and shorter signals are padded with zeros.

References: Aytar, Vondrick, Torralba, SoundNet: Learning sound representations from unlabeled video, NIPS 2016 (the
layers and the original heads, with input from -256 to 256); ElShaer, Wisdom, Mishra, Transfer learning from sound
representations for anger detection in speech, arXiv:1902.02120, 2019 (conv5, 16 filters in conv4, dropout, level).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, ClassVar

from emotone.config import LATER
from emotone.errors import ConfigError
from emotone.nets.base import Layer, modules

if TYPE_CHECKING:
    from types import ModuleType

    from emotone.nets.blocks.base import LengthAware
    from emotone.nets.blocks.waveform import ManyHeads

OUTPUTS = (32, 64, 128, 256)  # channels of the original's convolutions
KERNELS = (64, 32, 16, 8)
PADDINGS = (32, 16, 8, 4)
POOLS = (8, 8, 8, 1)
STRIDE = 2
SCALE = 256.0  # what full scale becomes
STEP = 8192  # samples between two steps of conv4: the product of strides and pools
WINDOW = 19200  # 1.2 s at 16 kHz, the paper's segment
LEAST = 7646  # samples that make two steps of conv4 (see `least_samples`)


@dataclass(frozen=True)
class SoundNet5:
    """The anger detector: SoundNet's convolutions, fewer filters in the fourth, dropout, and scores from two steps.

    With two classes it has the paper's number of parameters: 215,826, and 463,266 with 256 filters. Layers are called
    `conv1` to `conv5`. Where the paper is silent, this was chosen: dropout of half of the values (the usual rate),
    the mean of the logits over time (a window of 1.2 s has two), weights as torch draws them.

    Level. The paper normalises each segment "to -20 decibels relative to full-scale" and then scales it "such that the
    maximum absolute amplitude is 256". As two statements about the segment's peak they can't both hold. They can
    if the first is about root mean square, as the dBFS of level tools is, and the second about full scale, which is
    what SoundNet's own [-256, 256] is: gain to -20 dBFS, what then lies beyond full scale is clipped as a recording
    with that gain would be, times 256. It happens inside the net, over the samples of its input without padding:
    training, the exported net, streams and files share it, and the level of a recording is of no effect. (In its test
    the paper levels a whole recording before it is cut; a stream has no whole, so here windows are, as in training.)

    Attributes:
        filters: channels of the fourth convolution; 256 in SoundNet, 16 in the paper.
        channels: of the three convolutions before it. With 16 and 32, the first two are those of the SoundNet with
            eight layers, whose weights fit them.
        dropout: share of the fourth convolution's outputs that are dropped in training.
        level: root mean square of a window in decibels relative to full scale.
        levelled: whether windows are brought to `level`; without it they keep theirs.
        least: samples; shorter inputs are padded with zeros, as the paper pads what is below 1.2 s.

    Raises:
        ConfigError: a number out of range.

    """

    title: ClassVar[str] = "five convolutions on raw samples, SoundNet's first layers: made to be taken over"
    paper: ClassVar[str] = "Transfer learning from sound representations for anger detection in speech, 2019"
    groups: ClassVar[tuple[tuple[str, ...], ...]] = (("conv1",), ("conv2", "conv3"), ("conv4",), ("conv5",))

    filters: int = 16
    dropout: float = 0.5
    level: float = -20.0
    levelled: bool = True
    least: int = WINDOW
    channels: tuple[int, ...] = field(default=OUTPUTS[:-1], metadata=LATER)

    def __post_init__(self) -> None:
        if self.filters < 1:
            raise ConfigError(f"soundnet5 needs at least 1 filter; given {self.filters}")
        if len(self.channels) != len(OUTPUTS) - 1 or min(self.channels) < 1:
            raise ConfigError(f"soundnet5 needs three channels of at least 1; given {list(self.channels)}")
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"soundnet5 needs 0 <= dropout < 1; given {self.dropout}")
        _check_level(self.level)
        if self.least < LEAST:
            raise ConfigError(
                f"soundnet5 needs least >= {LEAST} samples, which two steps of conv4 take; given {self.least}"
            )

    def layers(self, dimension: int, classes: int) -> tuple[Layer, ...]:
        """Return the layer table (T: rows of the input, of `dimension` samples each)."""
        rest = _steps(dimension, STEP)
        table = _trunk_layers(dimension, (*self.channels, self.filters))
        table += [
            Layer("dropout", f"dropout {self.dropout:g}", f"{self.filters} x {rest}", 0),
            Layer(
                "conv5",
                "convolution 2, scores per step",
                f"{classes} x {rest}",
                2 * self.filters * classes + classes,
                2,
            ),
            Layer("pool", "mean over time", f"{classes}", 0),
        ]
        return tuple(table)

    def build(self, dimension: int, classes: int) -> LengthAware:  # noqa: ARG002 - any dimension is read as samples
        """Return the torch module (see `NetSpec.build`)."""
        parts, made = modules(), _parts()
        level = self.level if self.levelled else None
        blocks = _trunk((*self.channels, self.filters), level=level, least=self.least)
        blocks["dropout"] = made.Dropout(self.dropout)
        blocks["conv5"] = made.Conv1dScores(self.filters, classes, kernel=2)
        blocks["pool"] = made.MeanOverTime()
        net: LengthAware = parts.LengthAware(blocks)
        return net


@dataclass(frozen=True)
class Head:
    """Scores of one teacher's classes; kernel, stride and padding in steps of conv4, the original's by default."""

    name: str
    classes: int
    kernel: int = 16
    stride: int = 12
    padding: int = 4

    @property
    def least_steps(self) -> int:
        """Steps of conv4 that give one step of scores."""
        return max(1, self.kernel - 2 * self.padding)


ORIGINAL_HEADS = (Head("objects", 1000), Head("scenes", 401))  # ImageNet's and Places2's classes


@dataclass(frozen=True)
class SoundNet5Source:
    """SoundNet as it is trained on sounds, to be transferred from: the same convolutions, with one head per teacher.

    With the original heads it has the original's 6,202,137 parameters and needs 2.6 s at 22,050 Hz; heads of other
    teachers may be of any size. Its tensors of `conv1` to `conv4` have the names that they have in `SoundNet5`.
    It is no member of the registry, as it has several outputs: `build` gives a module whose `forward(x, lengths)`
    returns logits [batch, classes] by head, the mean over time, and whose `steps(x, lengths)` those of every step.

    Attributes:
        heads: what is learned, with names that differ.
        level: as in `SoundNet5`; None, as in the original, leaves it as it is.
        least: samples; shorter inputs are padded. None: what the largest head needs.

    Raises:
        ConfigError: no head, two of one name, or a number out of range.

    """

    heads: tuple[Head, ...] = ORIGINAL_HEADS
    level: float | None = None
    least: int | None = None

    def __post_init__(self) -> None:
        names = [head.name for head in self.heads]
        if not names or len(set(names)) != len(names):
            raise ConfigError(f"a SoundNet source needs heads with names that differ; given {names}")
        for head in self.heads:
            if min(head.classes, head.kernel, head.stride) < 1 or head.padding < 0:
                raise ConfigError(
                    f"a head needs classes, kernel and stride of at least 1 and padding of at least 0; given {head}"
                )
        _check_level(self.level)
        if self.least is not None and self.least < self.needed:
            raise ConfigError(f"a SoundNet source with these heads needs least >= {self.needed}; given {self.least}")

    @property
    def needed(self) -> int:
        """Samples that give every head one step at least."""
        return least_samples(max(head.least_steps for head in self.heads))

    def layers(self, dimension: int) -> tuple[Layer, ...]:
        """Return the layer table of the trunk, then one row per head."""
        table = _trunk_layers(dimension, OUTPUTS)
        for head in self.heads:
            count = OUTPUTS[-1] * head.classes * head.kernel + head.classes
            output = f"{head.classes} x {_steps(dimension, STEP * head.stride)}"
            kind = f"convolution {head.kernel}, stride {head.stride}, scores per step"
            table.append(Layer(f"heads.{head.name}", kind, output, count, head.kernel, head.stride))
        return tuple(table)

    def build(self) -> ManyHeads:
        """Return the torch module; weights come from torch's global generator."""
        made = _parts()
        heads = {
            head.name: made.Conv1dScores(
                OUTPUTS[-1], head.classes, kernel=head.kernel, stride=head.stride, padding=head.padding
            )
            for head in self.heads
        }
        trunk = _trunk(OUTPUTS, level=self.level, least=self.needed if self.least is None else self.least)
        net: ManyHeads = made.ManyHeads(trunk, made.Heads(heads))
        return net


def least_samples(steps: int) -> int:
    """Return the fewest samples that give so many steps of conv4.

    Key idea: a layer makes m = ((n + 2 p - k) // 2 + 1) // pool steps of n; so m steps need
    n = 2 (m pool - 1) + k - 2 p. Going through it from the last layer to the first gives samples.

    Example:
        >>> least_samples(2), least_samples(3)
        (7646, 15838)

    """
    for kernel, padding, pool in zip(reversed(KERNELS), reversed(PADDINGS), reversed(POOLS), strict=True):
        steps = max(1, STRIDE * (steps * pool - 1) + kernel - 2 * padding)
    return steps


def _check_level(level: float | None) -> None:
    if level is not None and not -60 <= level <= 0:
        raise ConfigError(f"level must be from -60 to 0 dB relative to full scale; given {level}")


def _parts() -> ModuleType:
    modules()  # says what to install where torch is missing
    import emotone.nets.blocks.waveform as made

    return made


def _trunk(outputs: tuple[int, ...], *, level: float | None, least: int) -> dict[str, Any]:
    made = _parts()
    gain = None if level is None else 10 ** (level / 20)
    blocks: dict[str, Any] = {"samples": made.Samples(level=gain, scale=SCALE, least=least)}
    inputs = 1
    for number, (channels, kernel, padding, pool) in enumerate(
        zip(outputs, KERNELS, PADDINGS, POOLS, strict=True), start=1
    ):
        blocks[f"conv{number}"] = made.Conv1dBlock(
            inputs, channels, kernel=kernel, stride=STRIDE, padding=padding, pool=pool
        )
        inputs = channels
    return blocks


def _trunk_layers(dimension: int, outputs: tuple[int, ...]) -> list[Layer]:
    table = [
        Layer("samples", "rows to samples, level, scale", f"1 x {_steps(dimension, 1)}", 0, 1, 1 / dimension),
    ]
    inputs, samples = 1, 1
    for number, (channels, kernel, pool) in enumerate(zip(outputs, KERNELS, POOLS, strict=True), start=1):
        samples *= STRIDE * pool
        pooled = f", max of {pool}" if pool > 1 else ""
        table.append(
            Layer(
                f"conv{number}",
                f"convolution {kernel}, stride {STRIDE}, batch norm, ReLU{pooled}",
                f"{channels} x {_steps(dimension, samples)}",
                inputs * channels * kernel + 3 * channels,
                kernel + STRIDE * (pool - 1),  # pooled steps see the samples of `pool` steps
                STRIDE * pool,
            )
        )
        inputs = channels
    return table


def _steps(dimension: int, samples: int) -> str:
    """Return, as text, the steps of T rows of `dimension` samples where a step is so many samples."""
    part = Fraction(dimension, samples)
    above = "" if part.numerator == 1 else str(part.numerator)
    return f"{above}T" + ("" if part.denominator == 1 else f"/{part.denominator}")


NET = SoundNet5
