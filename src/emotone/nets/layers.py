"""Layer tables: one row per block of a network, derived from the built network.

The tables of all architectures with their default settings, and those of the shipped recipes, are stored with the
package, so that they can be listed without torch. `make docs` writes the stored tables.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from emotone.nets.base import require_torch

if TYPE_CHECKING:
    from emotone.nets.base import NetSpec
    from emotone.nets.blocks.base import Network

    Shape: TypeAlias = tuple[int, ...]

STORED_TABLES = Path(__file__).with_name("layer_tables.json")
# Rows of the inputs whose shapes are compared: a multiple of every architecture's total stride, so that no step is cut.
TRACED_ROWS = 204_800


@dataclass(frozen=True)
class Layer:
    """One row of a layer table.

    Attributes:
        name: as in recipes, transfer plans and checkpoints.
        kind: what the layer computes, e.g. "convolution 5x5".
        output: shape of the output as text, where T is the number of input frames, e.g. "24 x 32 x T/2".
        parameters: number of trainable parameters.
        kernel: input steps in time that one output step depends on.
        stride: input steps in time between two output steps; 1/n if one input step becomes n output steps.

    """

    name: str
    kind: str
    output: str
    parameters: int
    kernel: int = 1
    stride: float = 1


def layer_table(spec: NetSpec, dimension: int, classes: int) -> tuple[Layer, ...]:
    """Return the layers of an architecture, from the input to the logits.

    Args:
        spec: the architecture and its settings.
        dimension: values per frame of the input.
        classes: number of logits.

    Raises:
        MissingExtraError: torch is not installed, and the table is not among those stored with the package.

    """
    stored = _stored_tables().get(_key(table_identity(spec, dimension, classes)))
    return stored if stored is not None else derive_layers(spec, dimension, classes)


def derive_layers(spec: NetSpec, dimension: int, classes: int) -> tuple[Layer, ...]:
    """Return the layers of an architecture, derived from the network that it builds.

    The network is built and run on torch's meta device: shapes are computed, values are not, and no random number is
    drawn. Key idea: sizes that differ between inputs of two lengths are proportional to the number of frames.
    """
    require_torch("the layer table of a network with other settings")
    import torch

    with torch.device("meta"):
        network = spec.build(dimension, classes).eval()
    short, long = (_shapes(network, rows, dimension) for rows in (TRACED_ROWS, 2 * TRACED_ROWS))
    layers = []
    rate = Fraction(1)  # steps per frame; 0 where the shape does not depend on the number of frames
    for name, block in network.blocks.items():
        sizes = [_size(*pair) for pair in zip(short[name], long[name], strict=True)]
        output_rate = max(slope for _, slope in sizes)
        layers.append(
            Layer(
                name,
                str(block.description),
                " x ".join(text for text, _ in sizes),
                sum(value.numel() for value in block.parameters() if value.requires_grad),
                kernel=block.time_kernel(dimension) if rate else 1,  # type: ignore[operator]
                stride=_plain(rate / output_rate) if rate and output_rate else 1,
            )
        )
        rate = output_rate
    return tuple(layers)


def receptive_field(layers: tuple[Layer, ...]) -> int:
    """Return the number of input frames that one step of the last layer depends on, before pooling over time.

    Key idea: each layer adds (kernel - 1) steps of its input, and such a step is as many input frames as the product
    of the strides of the layers before it: r = 1 + sum_i (k_i - 1) prod_{j<i} s_j, rounded up.
    """
    field, step = Fraction(1), Fraction(1)
    for layer in layers:
        field += (layer.kernel - 1) * step
        step *= Fraction(layer.stride).limit_denominator(1_000_000)
    return math.ceil(field)


def parameter_count(layers: tuple[Layer, ...]) -> int:
    """Return the number of trainable parameters of a layer table."""
    return sum(layer.parameters for layer in layers)


def table_identity(spec: NetSpec, dimension: int, classes: int) -> dict[str, Any]:
    """Return what a stored table is identified by: architecture, settings, and sizes of input and output."""
    return {
        "network": type(spec).__name__,
        "settings": asdict(spec),  # type: ignore[call-overload]
        "dimension": dimension,
        "classes": classes,
    }


@cache
def _stored_tables() -> dict[str, tuple[Layer, ...]]:
    entries = json.loads(STORED_TABLES.read_text(encoding="utf-8"))
    return {_key(entry): tuple(Layer(**layer) for layer in entry.pop("layers")) for entry in entries}


def _key(identity: dict[str, Any]) -> str:
    return json.dumps({name: value for name, value in identity.items() if name != "layers"}, sort_keys=True)


def _shapes(network: Network, rows: int, dimension: int) -> dict[str, Shape]:
    """Return the shape of each block's output, without the batch, for an input of so many rows."""
    import torch

    x, lengths = torch.zeros(1, rows, dimension, device="meta"), None
    shapes: dict[str, Shape] = {}
    with torch.inference_mode():
        for name, block in network.blocks.items():
            x, lengths = block(x, lengths)
            shapes[name] = tuple(x.shape[1:])
    return shapes


def _size(short: int, long: int) -> tuple[str, Fraction]:
    """Return the text of a size, e.g. "64" or "T/2", and its increase per frame."""
    slope = Fraction(long - short, TRACED_ROWS)
    if not slope:
        return str(short), slope
    factor = "" if slope.numerator == 1 else str(slope.numerator)
    return f"{factor}T" + ("" if slope.denominator == 1 else f"/{slope.denominator}"), slope


def _plain(value: Fraction) -> float:
    return value.numerator if value.denominator == 1 else float(value)
