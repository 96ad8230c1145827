"""Networks with 8-bit weights as ONNX, and what that changes."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from emotone.bundles.contents import INPUT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emotone.types import Array

LOSS = "quantisation_loss"  # in the metadata of an ONNX file


def quantised(data: bytes, *, operators: tuple[str, ...] = ()) -> bytes:
    """Return the model with 8-bit weights of its products, one scale per output channel.

    Args:
        data: the model.
        operators: of ONNX, whose weights are quantised; () for all.

    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    model = onnx.load_from_string(data)
    del model.graph.value_info[:]  # shapes of the export disagree with those that the quantiser infers
    with tempfile.TemporaryDirectory(prefix="emotone-") as folder:
        plain, small = Path(folder) / "plain.onnx", Path(folder) / "small.onnx"
        onnx.save(model, plain)
        logging.getLogger().addFilter(_no_advice)  # the quantiser logs there
        # 7 bits: sums of products of 8-bit numbers overflow on processors without VNNI instructions.
        try:
            quantize_dynamic(
                plain,
                small,
                op_types_to_quantize=list(operators) or None,
                weight_type=QuantType.QInt8,
                per_channel=True,
                reduce_range=True,
            )
        finally:
            logging.getLogger().removeFilter(_no_advice)
        return small.read_bytes()


def with_loss(small: bytes, data: bytes, examples: Sequence[Array]) -> bytes:
    """Return a quantised model whose metadata states by how much its outputs differ from those of the original.

    Args:
        small: the quantised model.
        data: the original.
        examples: inputs [time, dimension].

    """
    import onnx

    model = onnx.load_from_string(small)
    onnx.helper.set_model_props(model, {LOSS: f"{_difference(small, data, examples):.4f}"})
    stated: bytes = model.SerializeToString(deterministic=True)
    return stated


def loss_of(data: bytes) -> float | None:
    """Return what `with_loss` stored in a model: the difference of embeddings, relative to their standard deviation.

    It is None for a model without quantisation, or where it was not measured.
    """
    import onnx

    model = onnx.load_from_string(data)
    return next((float(each.value) for each in model.metadata_props if each.key == LOSS), None)


def _difference(small: bytes, data: bytes, examples: Sequence[Array]) -> float:
    """Return the root mean square of the differences, relative to the standard deviation of values between examples."""
    import onnxruntime

    found = []
    for model in (data, small):
        session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        found.append(np.concatenate([session.run(None, {INPUT: rows[np.newaxis]})[0] for rows in examples]))
    plain, changed = found
    deviation = np.sqrt(np.mean((plain - plain.mean(axis=0)) ** 2))
    return float(np.sqrt(np.mean((changed - plain) ** 2)) / max(deviation, np.finfo(np.float32).tiny))


def _no_advice(record: logging.LogRecord) -> bool:
    """Drop the quantiser's advice to merge operators before: the export is merged already."""
    return "Please consider to run pre-processing" not in record.getMessage()
