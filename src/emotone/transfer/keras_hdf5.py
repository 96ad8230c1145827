"""Weights that Keras 2 saved in an HDF5 file (`.h5`, `.hdf5`), read with h5py: the extra `video`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.errors import SourceError, missing_extra

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

WEIGHTS = "model_weights"  # the group of a file with a whole model; a file of weights has the layers at its top


def read_keras(path: Path) -> dict[str, NDArray[Any]]:
    """Return the arrays of a file by `LAYER/NAME`, for example `conv2d_1/kernel`.

    Raises:
        SourceError: the file can't be read, or is not one of Keras.
        MissingExtraError: h5py is not installed.

    """
    try:
        import h5py
    except ImportError as error:
        raise missing_extra("h5py", "video", "reading a file of Keras") from error
    found: dict[str, NDArray[Any]] = {}

    def collect(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            layer, *_, last = name.split("/")
            found[f"{layer}/{last.partition(':')[0]}"] = np.asarray(item)

    try:
        with h5py.File(path, "r") as file:
            file.get(WEIGHTS, file).visititems(collect)
    except (OSError, KeyError, ValueError, RuntimeError, TypeError) as error:
        raise SourceError(f"{path} is not a file of weights that Keras saved ({error})") from error
    if not found:
        raise SourceError(f"{path} is not a file of weights that Keras saved (it contains no array)")
    return found
