"""The multi-domain network: two convolutions on raw samples, an LSTM over two steps, two wide layers.

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
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from emotone.errors import ConfigError
from emotone.nets.base import check_dropout, require_torch

if TYPE_CHECKING:
    from emotone.nets.blocks.base import Network


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
        from emotone.nets.blocks.base import Network
        from emotone.nets.blocks.dense import LinearClassifier, TanhDense
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


NET = MultiDomain
