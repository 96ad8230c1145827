"""The multi-domain network: two convolutions on raw samples, an LSTM over two steps, two wide layers.

Input is the waveform: rows [time, dimension] of samples one after another; the net reads them as one signal, cut or
padded to 54,000 samples.

What the paper says is kept: 54,000 samples, 128 kernels in each convolution with ReLU and a dropout of 0.30, an LSTM
that hears 128 values and returns two outputs of 500, laid side by side, two layers of 1,000 with tanh and 0.30, and
the softmax of the logits. What it does not say stands in the constants below.

- At 16 kHz 54,000 samples are 3.375 s: about what a sentence takes.
- The first convolution's kernels have 400 samples, 25 ms, the usual frame of speech: two periods of the lowest voice.
  They lie 10 ms apart, as the frames of most front ends.
- The second convolution's kernels have 8 of these, 95 ms: a sound of speech with what lies on either side; 20 ms apart.
- The LSTM hears two steps, as two outputs say: each is, kernel by kernel, the largest answer in one half of the clip,
  which is how what tells of emotion is found wherever it lies.
- Strides of half the size, with the larger of two steps kept, made no better of Emo-DB and took twice the time.
- "Features are standardized": each clip is, by its own samples, those that pad it left out. So no statistics have to
  be kept with a model, and how loud a recording was made is of no effect.
- The paper's "CNN" has no LSTM, and it is not said what stands there instead: here, a layer of the same width, with
  tanh, that hears each of the two steps by itself. All around it stays as it is, and only memory is missing.

Reference: Marczewski, Veloso, Ziviani, Learning transferable features for speech emotion recognition, Thematic
Workshops of ACM Multimedia 2017.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from emotone.errors import ConfigError
from emotone.nets.base import Layer, modules

if TYPE_CHECKING:
    from types import ModuleType

    from emotone.nets.blocks.base import LengthAware

SAMPLES = 54_000  # of a clip, whatever its rate: 3.375 s at 16 kHz
KERNEL_1, STRIDE_1 = 400, 160  # samples: 25 ms every 10 ms
KERNEL_2, STRIDE_2 = 8, 2  # steps of 10 ms
STEPS = 2  # that the LSTM hears


def _made(steps: int, *, kernel: int, stride: int) -> int:
    """Return how many steps a convolution makes of so many."""
    return (steps - kernel) // stride + 1


FRAMES = _made(SAMPLES, kernel=KERNEL_1, stride=STRIDE_1)  # 336
POOL = _made(FRAMES, kernel=KERNEL_2, stride=STRIDE_2) // STEPS  # 82: what makes two steps of all


@dataclass(frozen=True)
class MultiDomain:
    """The paper's network, made to be trained on many corpora and taken over by one.

    Layers are called `conv1`, `conv2`, `sequence`, `dense1`, `dense2` and `output`. With six labels it has 3,450,534
    parameters, most of them behind the convolutions.

    Attributes:
        lstm: whether an LSTM hears the two steps; without it each is heard by itself (see above).
        channels: kernels of each convolution.
        units: of the LSTM.
        hidden: units of each of the two layers that follow.
        dropout: share of the outputs of both convolutions and both layers that are dropped in training.

    Raises:
        ConfigError: a number out of range.

    """

    title: ClassVar[str] = "two convolutions on raw samples, an LSTM, two wide layers: learned on many corpora"
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
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"multidomain needs 0 <= dropout < 1; given {self.dropout}")

    def layers(self, dimension: int, classes: int) -> tuple[Layer, ...]:
        """Return the layer table; as every clip has the same length, no output depends on T."""
        kernels, units, hidden = self.channels, self.units, self.hidden
        joined, dropped = STEPS * units, f"dropout {self.dropout:g}"
        first = f"convolution {KERNEL_1}, stride {STRIDE_1}, ReLU, {dropped}"
        second = f"convolution {KERNEL_2}, stride {STRIDE_2}, ReLU, max of {POOL}, {dropped}"
        if self.lstm:
            sequence = "LSTM, its outputs side by side"
            count = 4 * units * (kernels + units + 2)  # four gates, and two biases each, as torch has it
        else:
            sequence, count = "linear, tanh, each step by itself, side by side", units * (kernels + 1)
        return (
            Layer("samples", "rows to samples, cut or padded, standardised", f"1 x {SAMPLES}", 0, 1, 1 / dimension),
            Layer(
                "conv1",
                first,
                f"{kernels} x {FRAMES}",
                kernels * (KERNEL_1 + 1),
                KERNEL_1,
                STRIDE_1,
            ),
            Layer(
                "conv2",
                second,
                f"{kernels} x {STEPS}",
                kernels * (kernels * KERNEL_2 + 1),
                KERNEL_2 + STRIDE_2 * (POOL - 1),
                STRIDE_2 * POOL,
            ),
            Layer("sequence", sequence, f"{joined}", count, STEPS),
            Layer("dense1", f"linear, tanh, {dropped}", f"{hidden}", hidden * (joined + 1)),
            Layer("dense2", f"linear, tanh, {dropped}", f"{hidden}", hidden * (hidden + 1)),
            Layer("output", "linear", f"{classes}", classes * (hidden + 1)),
        )

    def build(self, dimension: int, classes: int) -> LengthAware:  # noqa: ARG002 - any dimension is read as samples
        """Return the torch module (see `NetSpec.build`)."""
        parts, made = modules(), _parts()
        sequence = made.Recurrent if self.lstm else made.Alone
        blocks: dict[str, Any] = {
            "samples": made.Clip(SAMPLES),
            "conv1": made.Conv(1, self.channels, kernel=KERNEL_1, stride=STRIDE_1, dropout=self.dropout),
            "conv2": made.Conv(
                self.channels, self.channels, kernel=KERNEL_2, stride=STRIDE_2, pool=POOL, dropout=self.dropout
            ),
            "sequence": sequence(self.channels, self.units),
            "dense1": made.Dense(STEPS * self.units, self.hidden, dropout=self.dropout),
            "dense2": made.Dense(self.hidden, self.hidden, dropout=self.dropout),
            "output": made.Scores(self.hidden, classes),
        }
        net: LengthAware = parts.LengthAware(blocks)
        return net


def _parts() -> ModuleType:
    modules()  # says what to install where torch is missing
    import emotone.nets.blocks.multidomain as made

    return made


NET = MultiDomain
