"""mn04 of EfficientAT, published as a file of torch.save.

Tensor names. N is 1 to 15; if a block lacks a part, the numbers of later parts are lower.

| here (without `blocks.`) | published |
| --- | --- |
| `conv1`, `conv2` | `features.0`, `features.16` |
| `blockN.expand`, `.depthwise`, `.excite`, `.project` | `features.N.block.0` and up, in this order |
| of these `convolution`, `norm` | `0`, `1` |
| `excite.squeeze`, `.weigh` | `conc_se_layers.0.fc1`, `.fc2` |
| `embedding.linear` | `classifier.2` |
| `classifier.output`: scores of the 527 classes | `classifier.5` |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emotone.nets.architectures.mn04 import LAST, WIDEST, bottlenecks, eighths
from emotone.transfer.readers import read_torch
from emotone.transfer.source import PublishedFile, Source

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

WIDTH = 0.4
CLASSES = 527  # of AudioSet
HEAD = "blocks.classifier.output"
NORM = ("weight", "bias", "running_mean", "running_var")


def published_names(width: float = WIDTH) -> dict[str, str]:
    """Return the names of tensors here by their published names."""
    return {theirs: ours for theirs, ours, _ in _tensors(width, CLASSES)}


def renamed(tensors: dict[str, NDArray[Any]], *, width: float = WIDTH) -> dict[str, NDArray[Any]]:
    """Return tensors under their names here; unknown ones keep theirs."""
    names = published_names(width)
    return {names.get(name, name): values for name, values in tensors.items()}


def _tensors(width: float, classes: int) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """Yield the published name, the name here and the shape of every tensor."""
    rows = bottlenecks(width)
    wide, embedding = WIDEST * rows[-1].outputs, eighths(width * LAST)
    yield from _convolution("features.0", "conv1", (rows[0].inputs, 1, 3, 3))
    for number, row in enumerate(rows, start=1):
        place = 0
        for part, shape in (
            ("expand", (row.expanded, row.inputs, 1, 1) if row.expands else None),
            ("depthwise", (row.expanded, 1, row.kernel, row.kernel)),
            ("excite", (row.expanded, row.squeezed) if row.excited else None),
            ("project", (row.outputs, row.expanded, 1, 1)),
        ):
            if shape is None:
                continue
            theirs, ours = f"features.{number}.block.{place}", f"block{number}.{part}"
            if part == "excite":
                inside = f"{theirs}.conc_se_layers.0"
                yield from _linear(f"{inside}.fc1", f"{ours}.squeeze", (row.squeezed, row.expanded))
                yield from _linear(f"{inside}.fc2", f"{ours}.weigh", (row.expanded, row.squeezed))
            else:
                yield from _convolution(theirs, ours, shape)
            place += 1
    yield from _convolution(f"features.{len(rows) + 1}", "conv2", (wide, rows[-1].outputs, 1, 1))
    yield from _linear("classifier.2", "embedding.linear", (embedding, wide))
    yield from _linear("classifier.5", "classifier.output", (classes, embedding))


def _convolution(theirs: str, ours: str, shape: tuple[int, ...]) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    yield f"{theirs}.0.weight", f"blocks.{ours}.convolution.weight", shape
    for name in NORM:
        yield f"{theirs}.1.{name}", f"blocks.{ours}.norm.{name}", shape[:1]
    yield f"{theirs}.1.num_batches_tracked", f"blocks.{ours}.norm.num_batches_tracked", ()


def _linear(theirs: str, ours: str, shape: tuple[int, int]) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    yield f"{theirs}.weight", f"blocks.{ours}.weight", shape
    yield f"{theirs}.bias", f"blocks.{ours}.bias", shape[:1]


def _from_pt(path: Path) -> dict[str, NDArray[Any]]:
    return renamed(read_torch(path))


def _shapes(*, head: bool) -> dict[str, tuple[int, ...]]:
    return {ours: shape for _, ours, shape in _tensors(WIDTH, CLASSES) if ours.startswith(HEAD) == head}


SOURCE = Source(
    name="mn04",
    title="EfficientAT's mn04, trained on AudioSet (527 classes, mean average precision .432)",
    citation=(
        "Florian Schmid, Khaled Koutini, Gerhard Widmer: Efficient large-scale audio tagging via transformer-to-CNN "
        "knowledge distillation, ICASSP 2023"
    ),
    licence="MIT",
    licence_note="the repository's licence",
    published=(
        PublishedFile(
            "mn04_as_mAP_432.pt",
            "https://github.com/fschmid56/EfficientAT/releases/download/v0.0.1/mn04_as_mAP_432.pt",
            "899a8c6217063f6941793102a2780b3dd788ab11fce468d9cf5f0577c453321c",
        ),
    ),
    rate=32000,
    net="mn04",
    layers=("conv1", *(f"block{number}" for number in range(1, len(bottlenecks(WIDTH)) + 1)), "conv2", "embedding"),
    shapes=_shapes(head=False),
    optional=_shapes(head=True),
    readers={".pt": _from_pt},
)
