"""SoundNet's weights as ports to other tools store them, for the tests of what reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray


def ported(tensors: dict[str, NDArray[Any]], *, heads: bool = True) -> dict[str, Any]:
    """The same as ports to TensorFlow name it: `layer/key`, kernels [k, 1, in, out]."""
    keys = {
        "convolution.weight": "weights",
        "convolution.bias": "biases",
        "norm.weight": "gamma",
        "norm.bias": "beta",
        "norm.running_mean": "mean",
        "norm.running_var": "var",
    }
    arrays: dict[str, Any] = {}
    for name, values in tensors.items():
        layer, _, key = name.removeprefix("blocks.").replace("heads.heads.", "").partition(".")
        layer = {"objects": "conv5", "scenes": "conv5_2"}.get(layer, layer)
        if key in keys and (heads or not layer.startswith("conv5")):
            arrays[f"{layer}/{keys[key]}"] = values.T[:, None] if values.ndim == 3 else values
    return arrays
