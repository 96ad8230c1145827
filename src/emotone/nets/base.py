"""What every net is: a frozen spec that can say its layers without torch, and build itself with it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from emotone.errors import missing_extra
from emotone.registry import Registry

if TYPE_CHECKING:
    from types import ModuleType

    from emotone.nets.blocks.base import LengthAware


GROUPS = 4  # of layers, in every net


@dataclass(frozen=True)
class Layer:
    """One named row of a layer table.

    Attributes:
        name: how recipes, transfer plans and checkpoints call it.
        kind: e.g. "convolution 5x5".
        output: shape as text, with T for the frames of the input, e.g. "24 x 32 x T/2".
        parameters: trainable parameters.
        kernel: input steps in time that one output step sees.
        stride: input steps in time between two output steps; 1/n where one input step becomes n.

    """

    name: str
    kind: str
    output: str
    parameters: int
    kernel: int = 1
    stride: float = 1


def receptive_field(layers: tuple[Layer, ...]) -> int:
    """Return how many input frames one step of the last layer sees, before pooling over time.

    Key idea: each layer widens the view by (kernel - 1) steps of its own input, and one such step is as many
    input frames as the strides below it multiply to: r = 1 + sum_i (k_i - 1) prod_{j<i} s_j, rounded up where
    a step is a part of a frame.
    """
    field, step = Fraction(1), Fraction(1)
    for layer in layers:
        field += (layer.kernel - 1) * step
        step *= Fraction(layer.stride).limit_denominator(1_000_000)
    return math.ceil(field)


class NetSpec(Protocol):
    """A frozen dataclass of settings that describes and builds one architecture.

    Attributes:
        title: one line for lists.
        paper: where it is from: a citation, or "emotone" for the house's own.
        groups: its layers that hold tensors, each once and from the input on, in `GROUPS` groups: what stands for a
            first convolution, for further ones, for what follows time, and for what decides. Named plans of transfer
            speak of these (see `emotone.transfer.plans`), so that they fit every net.

    """

    title: ClassVar[str]
    paper: ClassVar[str]
    groups: ClassVar[tuple[tuple[str, ...], ...]]

    def layers(self, dimension: int, classes: int) -> tuple[Layer, ...]:
        """Return the layer table for an input of `dimension` values per frame."""
        ...

    def build(self, dimension: int, classes: int) -> LengthAware:
        """Return the torch module: `forward(x [batch, time, dimension], lengths) -> logits [batch, classes]`.

        Weights come from torch's global generator: seed it before.
        """
        ...


def modules() -> ModuleType:
    """Return `emotone.nets.blocks.base`, or raise the error that names the extra which brings torch."""
    try:
        import emotone.nets.blocks.base as found
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise missing_extra("torch", "train", "building a net") from error
    return found


def parameters(layers: tuple[Layer, ...]) -> int:
    """Return the number of trainable parameters of a layer table."""
    return sum(layer.parameters for layer in layers)


NETS: Registry[type[Any]] = Registry("net", "emotone.nets.architectures", "NET")
