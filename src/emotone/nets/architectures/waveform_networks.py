"""Networks on raw samples: the multi-domain network, and SoundNet with five layers.

The multi-domain network: two convolutions on raw samples, an LSTM over two steps, two wide layers.

The input is the waveform: rows [time, dimension] of consecutive samples; the network reads them as one signal, cut or
padded to 54,000 samples.

As in the paper: 54,000 samples; 128 kernels in each convolution with ReLU and a dropout of 0.30; an LSTM with 128
inputs and two outputs of 500, concatenated; two layers of 1,000 with tanh and a dropout of 0.30; the softmax of the
logits. The paper leaves open what the constants below decide:

- At 16 kHz 54,000 samples are 3.375 s, about the length of a sentence.
- The first convolution has kernels of 400 samples, 25 ms, the usual frame of speech: two periods of the lowest voice.
  They are 10 ms apart, like the frames of most front ends.
- The second convolution has kernels of 8 steps, 95 ms: a speech sound with its surroundings; they are 20 ms apart.
- The LSTM has two steps, as two outputs imply. Each step is, for each kernel, the maximum over one half of the signal,
  so a cue is found wherever it occurs.
- Strides of half the size, with the larger of two steps kept, did not improve results on Emo-DB and took twice the
time.
- "Features are standardized": each signal is standardised by its own samples, padding excluded. No statistics need to
  be stored with a model, and the recording level has no effect.
- The paper's "CNN" has no LSTM, and the paper does not state its replacement: here, a layer of the same width with
  tanh, applied to each of the two steps. Everything else is equal; only the memory is missing.

Reference: Marczewski, Veloso, Ziviani, Learning transferable features for speech emotion recognition, Thematic
Workshops of ACM Multimedia 2017.

SoundNet with five layers on raw samples: trained on the sounds of videos, transferred to anger in speech.

The input is the waveform: rows [time, dimension] of consecutive samples, one per row from the front end `waveform`, or
several; the network reads them as one signal of S = time x dimension samples.

Each of the four convolutions has a bias, an affine batch normalisation and a ReLU; max-pooling over 8 steps follows the
first three, and the steps of conv4 are 8,192 samples apart (0.51 s at 16 kHz). Only convolutions follow, so signals of
any length are allowed. The layer after conv4 needs two of its steps, which take 7,646 samples at least; shorter signals
are padded with zeros.

References: Aytar, Vondrick, Torralba, SoundNet: Learning sound representations from unlabeled video, NIPS 2016 (the
layers and the original heads, with input from -256 to 256); ElShaer, Wisdom, Mishra, Transfer learning from sound
representations for anger detection in speech, arXiv:1902.02120, 2019 (conv5, 16 filters in conv4, dropout, level).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from emotone.errors import ConfigError
from emotone.nets.base import check_dropout, require_torch

if TYPE_CHECKING:
    from emotone.nets.blocks.base import Block, Network
    from emotone.nets.blocks.waveform import MultiHeadNetwork


def _output_steps(steps: int, *, kernel: int, stride: int) -> int:
    """Return the number of output steps of a convolution."""
    return (steps - kernel) // stride + 1


SAMPLES = 54_000  # of a signal, at any rate: 3.375 s at 16 kHz
KERNEL_1, STRIDE_1 = 400, 160  # samples: 25 ms every 10 ms
KERNEL_2, STRIDE_2 = 8, 2  # steps of 10 ms
STEPS = 2  # of the LSTM
FRAMES = _output_steps(SAMPLES, kernel=KERNEL_1, stride=STRIDE_1)  # 336
POOL = _output_steps(FRAMES, kernel=KERNEL_2, stride=STRIDE_2) // STEPS  # 82: leaves two steps


@dataclass(frozen=True)
class MultiDomain:
    """The paper's network, for training on many corpora and transfer to another.

    The layers are `conv1`, `conv2`, `sequence`, `dense1`, `dense2` and `output`. With six labels the network has
    3,450,534 parameters, most of them after the convolutions.

    Attributes:
        lstm: whether an LSTM processes the two steps; without it each step has a layer of its own (see above).
        channels: kernels of each convolution.
        units: of the LSTM.
        hidden: units of each of the two layers that follow.
        dropout: share of values dropped after both convolutions and both layers in training.

    Raises:
        ConfigError: a number out of range.

    """

    title: ClassVar[str] = "two convolutions on raw samples, an LSTM, two wide layers: for training on many corpora"
    paper: ClassVar[str] = "Learning transferable features for speech emotion recognition, 2017"
    groups: ClassVar[tuple[tuple[str, ...], ...]] = (
        ("conv1",),
        ("conv2",),
        ("sequence",),
        ("dense1", "dense2", "output"),
    )

    lstm: bool = True
    channels: int = 128
    units: int = 500
    hidden: int = 1000
    dropout: float = 0.3

    def __post_init__(self) -> None:
        if min(self.channels, self.units, self.hidden) < 1:
            raise ConfigError(
                f"multidomain needs channels, units and hidden of at least 1; given {self.channels}, {self.units} and "
                f"{self.hidden}"
            )
        check_dropout("multidomain", self.dropout)

    def build(self, dimension: int, classes: int) -> Network:  # noqa: ARG002 - rows of any dimension are samples
        """Return the torch module (see `NetSpec.build`)."""
        require_torch("building a network")
        from emotone.nets.blocks.base import LinearClassifier, Network, TanhDense
        from emotone.nets.blocks.recurrent import StepDense, StepLstm
        from emotone.nets.blocks.waveform import DropoutConv1d, StandardisedSamples

        sequence = StepLstm if self.lstm else StepDense
        return Network(
            {
                "samples": StandardisedSamples(SAMPLES),
                "conv1": DropoutConv1d(1, self.channels, kernel=KERNEL_1, stride=STRIDE_1, dropout=self.dropout),
                "conv2": DropoutConv1d(
                    self.channels, self.channels, kernel=KERNEL_2, stride=STRIDE_2, pool=POOL, dropout=self.dropout
                ),
                "sequence": sequence(self.channels, self.units),
                "dense1": TanhDense(STEPS * self.units, self.hidden, dropout=self.dropout),
                "dense2": TanhDense(self.hidden, self.hidden, dropout=self.dropout),
                "output": LinearClassifier(self.hidden, classes),
            }
        )


OUTPUTS = (32, 64, 128, 256)  # channels of the original's convolutions
KERNELS = (64, 32, 16, 8)
PADDINGS = (32, 16, 8, 4)
POOLS = (8, 8, 8, 1)
STRIDE = 2
SCALE = 256.0  # value of full scale
STEP = 8192  # samples between two steps of conv4: the product of strides and pools
WINDOW = 19200  # samples: 1.2 s at 16 kHz, the paper's segment
MIN_SAMPLES = 7646  # that give two steps of conv4 (see `samples_for_steps`)


@dataclass(frozen=True)
class SoundNet5:
    """The anger detector: SoundNet's convolutions, fewer filters in the fourth, dropout, and scores from two steps.

    With two classes it has the paper's number of parameters: 215,826, and 463,266 with 256 filters. The layers are
    `conv1` to `conv5`. The paper leaves open, and this class decides: a dropout of half of the values (the usual rate),
    the mean of the logits over time (a window of 1.2 s has two steps), torch's default initialisation.

    Level. The paper normalises each segment "to -20 decibels relative to full-scale" and then scales it "such that the
    maximum absolute amplitude is 256". As statements about the segment's peak the two contradict each other. They agree
    if the first is about the root mean square, like the dBFS of level meters, and the second about full scale, like
    SoundNet's own [-256, 256]: gain to -20 dBFS, clipping at full scale as in a recording with that gain, times 256.
    This happens inside the network, over the samples of its input without padding: training, the exported network,
    streams and files share it, and the level of a recording has no effect. (In its test the paper levels a whole
    recording before cutting it; a stream has no whole, so the level of windows is normalised here, as in training.)

    Attributes:
        filters: channels of the fourth convolution; 256 in SoundNet, 16 in the paper.
        channels: of the three convolutions before it. With 16 and 32, the first two are those of the SoundNet with
            eight layers, whose weights fit them.
        dropout: share of the fourth convolution's outputs that are dropped in training.
        level: root mean square of a window in decibels relative to full scale.
        normalise_level: whether windows are scaled to `level`; otherwise they keep their level.
        min_samples: number of samples below which inputs are padded with zeros, as the paper pads inputs below 1.2 s.

    Raises:
        ConfigError: a number out of range.

    """

    title: ClassVar[str] = "five convolutions on raw samples: SoundNet's first layers, for transfer"
    paper: ClassVar[str] = "Transfer learning from sound representations for anger detection in speech, 2019"
    groups: ClassVar[tuple[tuple[str, ...], ...]] = (("conv1",), ("conv2", "conv3"), ("conv4",), ("conv5",))

    filters: int = 16
    dropout: float = 0.5
    level: float = -20.0
    normalise_level: bool = True
    min_samples: int = WINDOW
    channels: tuple[int, ...] = OUTPUTS[:-1]

    def __post_init__(self) -> None:
        if self.filters < 1:
            raise ConfigError(f"soundnet5 needs at least 1 filter; given {self.filters}")
        if len(self.channels) != len(OUTPUTS) - 1 or min(self.channels) < 1:
            raise ConfigError(f"soundnet5 needs three channels of at least 1; given {list(self.channels)}")
        check_dropout("soundnet5", self.dropout)
        _check_level(self.level)
        if self.min_samples < MIN_SAMPLES:
            raise ConfigError(
                f"soundnet5 needs min_samples >= {MIN_SAMPLES} samples, which give two steps of conv4; "
                f"given {self.min_samples}"
            )

    def build(self, dimension: int, classes: int) -> Network:  # noqa: ARG002 - rows of any dimension are samples
        """Return the torch module (see `NetSpec.build`)."""
        require_torch("building a network")
        from emotone.nets.blocks.base import DropoutBlock, MeanOverTime, Network
        from emotone.nets.blocks.waveform import ScoreConv1d

        level = self.level if self.normalise_level else None
        return Network(
            {
                **_trunk((*self.channels, self.filters), level=level, min_samples=self.min_samples),
                "dropout": DropoutBlock(self.dropout),
                "conv5": ScoreConv1d(self.filters, classes, kernel=2),
                "pool": MeanOverTime(),
            }
        )


@dataclass(frozen=True)
class ScoreHead:
    """Scores of one teacher's classes; kernel, stride and padding in steps of conv4, the original's by default."""

    name: str
    classes: int
    kernel: int = 16
    stride: int = 12
    padding: int = 4

    @property
    def min_steps(self) -> int:
        """Steps of conv4 that give one step of scores."""
        return max(1, self.kernel - 2 * self.padding)


ORIGINAL_HEADS = (ScoreHead("objects", 1000), ScoreHead("scenes", 401))  # classes of ImageNet and Places2


@dataclass(frozen=True)
class SoundNet5Source:
    """SoundNet for training on sounds, as a source of transfer: the same convolutions, with one head per teacher.

    With the original heads it has the original's 6,202,137 parameters and needs 2.6 s at 22,050 Hz; heads of other
    teachers may be of any size. The tensors of `conv1` to `conv4` have the same names as in `SoundNet5`. It is no
    member of the registry, as it has several outputs: `build` returns a module whose `forward(x, lengths)` returns
    logits [batch, classes] by head, the mean over time, and whose `steps(x, lengths)` returns those of every step.

    Attributes:
        heads: one per teacher, with unique names.
        level: as in `SoundNet5`; None, as in the original, keeps the level.
        min_samples: number of samples below which inputs are padded; None for the number that the largest head needs.

    Raises:
        ConfigError: no head, two of one name, or a number out of range.

    """

    heads: tuple[ScoreHead, ...] = ORIGINAL_HEADS
    level: float | None = None
    min_samples: int | None = None

    def __post_init__(self) -> None:
        names = [head.name for head in self.heads]
        if not names or len(set(names)) != len(names):
            raise ConfigError(f"a SoundNet source needs heads with unique names; given {names}")
        for head in self.heads:
            if min(head.classes, head.kernel, head.stride) < 1 or head.padding < 0:
                raise ConfigError(
                    f"a head needs classes, kernel and stride of at least 1 and padding of at least 0; given {head}"
                )
        _check_level(self.level)
        if self.min_samples is not None and self.min_samples < self.needed:
            raise ConfigError(
                f"a SoundNet source with these heads needs min_samples >= {self.needed}; given {self.min_samples}"
            )

    @property
    def needed(self) -> int:
        """Samples that give every head at least one step."""
        return samples_for_steps(max(head.min_steps for head in self.heads))

    def build(self) -> MultiHeadNetwork:
        """Return the torch module; weights come from torch's global random generator."""
        require_torch("building a network")
        from emotone.nets.blocks.waveform import MultiHeadNetwork, ScoreConv1d, ScoreHeads

        heads = {
            head.name: ScoreConv1d(
                OUTPUTS[-1], head.classes, kernel=head.kernel, stride=head.stride, padding=head.padding
            )
            for head in self.heads
        }
        trunk = _trunk(OUTPUTS, level=self.level, min_samples=self.min_samples or self.needed)
        return MultiHeadNetwork(trunk, ScoreHeads(heads))


def samples_for_steps(steps: int) -> int:
    """Return the smallest number of samples that gives so many steps of conv4.

    Key idea: a layer maps n steps to m = ((n + 2 p - k) // 2 + 1) // pool; so m steps need
    n = 2 (m pool - 1) + k - 2 p. Applied from the last layer to the first, this gives samples.

    Example:
        >>> samples_for_steps(2), samples_for_steps(3)
        (7646, 15838)

    """
    for kernel, padding, pool in zip(reversed(KERNELS), reversed(PADDINGS), reversed(POOLS), strict=True):
        steps = max(1, STRIDE * (steps * pool - 1) + kernel - 2 * padding)
    return steps


def _check_level(level: float | None) -> None:
    if level is not None and not -60 <= level <= 0:
        raise ConfigError(f"level must be from -60 to 0 dB relative to full scale; given {level}")


def _trunk(outputs: tuple[int, ...], *, level: float | None, min_samples: int) -> dict[str, Block]:
    from emotone.nets.blocks.waveform import NormConv1d, SampleReader

    gain = None if level is None else 10 ** (level / 20)
    blocks: dict[str, Block] = {"samples": SampleReader(level=gain, scale=SCALE, min_samples=min_samples)}
    inputs = 1
    for number, (channels, kernel, padding, pool) in enumerate(
        zip(outputs, KERNELS, PADDINGS, POOLS, strict=True), start=1
    ):
        blocks[f"conv{number}"] = NormConv1d(inputs, channels, kernel=kernel, stride=STRIDE, padding=padding, pool=pool)
        inputs = channels
    return blocks
