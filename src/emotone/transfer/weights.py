"""Weights of a source under the names of a network's tensors, and their safetensors files."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.errors import SourceError, missing_extra
from emotone.files import atomic_write, sha256_file
from emotone.transfer.plans import BLOCKS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import ModuleType

    from numpy.typing import NDArray

SUFFIX = ".safetensors"
KEY = "emotone.source"


@dataclass(frozen=True, eq=False)
class SourceWeights:
    """Weights that a transfer loads from.

    Attributes:
        source: registry name of the source, or another name of the weights.
        tensors: values by the network's name of the tensor, e.g. `blocks.conv1.norm.running_mean`.
        sha256: of the file that they were read from; "" without a file.
        licence: SPDX identifier, or `LicenseRef-...`.
        labels: of its scores, in order, if it is a complete model; () if unknown.

    """

    source: str
    tensors: Mapping[str, NDArray[Any]] = field(repr=False)
    sha256: str = ""
    licence: str = "unstated"
    labels: tuple[str, ...] = ()


def inside_block(weights: SourceWeights, block: str) -> SourceWeights:
    """Return weights whose layers are those inside a block of a network; weights of that network are not changed.

    Example:
        >>> weights = SourceWeights("small", {"blocks.conv1.bias": np.zeros(2)})
        >>> list(inside_block(weights, "recogniser").tensors)
        ['blocks.recogniser.conv1.bias']

    """
    within = f"{BLOCKS}{block}."
    if not block or any(name.startswith(within) for name in weights.tensors):
        return weights
    moved = {within + name.removeprefix(BLOCKS): values for name, values in weights.tensors.items()}
    return replace(weights, tensors=moved)


def write_weights(path: Path, weights: SourceWeights) -> None:
    """Write weights as safetensors, with their origin; equal weights give equal bytes.

    Raises:
        OutputError: the folder can't be written to.

    """
    module = _safetensors("writing weights")
    about = {"source": weights.source, "sha256": weights.sha256, "licence": weights.licence}
    tensors = {name: np.array(values, order="C") for name, values in sorted(weights.tensors.items())}
    with atomic_write(path) as stream:
        stream.write(module.numpy.save(tensors, {KEY: json.dumps(about, sort_keys=True)}))


def read_weights(path: Path) -> SourceWeights:
    """Return weights that `write_weights` wrote; `sha256` is the file's own.

    Raises:
        SourceError: the file is damaged, or was not written by emotone.

    """
    module = _safetensors("reading weights")
    try:
        with module.safe_open(path, framework="np") as stored:
            about = json.loads((stored.metadata() or {})[KEY])
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 - no mapping
        return SourceWeights(str(about["source"]), tensors, sha256_file(path), str(about["licence"]))
    except (module.SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise SourceError(
            f"{path} contains no weights that emotone wrote ({error}); convert the published file"
        ) from error


def is_emotone_file(path: Path) -> bool:
    """Return whether a safetensors file was written by `write_weights`.

    Raises:
        SourceError: the file is damaged or missing.

    """
    module = _safetensors("reading weights")
    try:
        with module.safe_open(path, framework="np") as stored:
            return KEY in (stored.metadata() or {})
    except (module.SafetensorError, OSError) as error:
        raise SourceError(f"{path} can't be read as weights: {error}") from error


def read_tensors(path: Path) -> dict[str, NDArray[Any]]:
    """Return the tensors of any safetensors file, by name.

    Raises:
        SourceError: the file is damaged or missing.

    """
    module = _safetensors("reading weights")
    try:
        with module.safe_open(path, framework="np") as stored:
            return {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 - no mapping
    except (module.SafetensorError, OSError) as error:
        raise SourceError(f"{path} can't be read as weights: {error}") from error


def _safetensors(purpose: str) -> ModuleType:
    try:
        import safetensors.numpy
    except ModuleNotFoundError as error:
        raise missing_extra("safetensors", "train", purpose) from error
    module: ModuleType = safetensors
    return module
