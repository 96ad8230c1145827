"""Networks as ONNX files: open one with its ports checked, and run it with its output checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.errors import BundleError

if TYPE_CHECKING:
    from emotone.types import Array

INPUT, OUTPUT, EMBEDDING = "features", "logits", "embedding"
ONLY_FATAL = 4  # ONNX Runtime's log level; errors are raised


def open_session(model: bytes, *, where: str, threads: int, dimension: int, values: int, output: str = OUTPUT) -> Any:
    """Return an ONNX session for the bytes of a model.

    Args:
        model: one `features` input [batch, time, dimension] and one output [batch, values], float32.
        where: name of the model in messages.
        threads: for the operators; with one, workers do not compete for cores.
        dimension: values per row of the front end.
        output: name of the output: `logits` or `embedding`.
        values: of the output: labels, or values of an embedding.

    Raises:
        BundleError: the bytes are not a model, or it has other shapes.

    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = ONLY_FATAL
    # Memory patterns are kept for every input shape, and recordings have any length: memory would grow with use. The
    # arena keeps the largest batch only; without it, activations of all sizes would fragment the process memory.
    options.enable_mem_pattern = False
    try:
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except onnx_errors() as error:
        raise BundleError(f"{where} can't be opened by ONNX Runtime {onnxruntime.__version__}: {error}") from error
    _check_ports(session.get_inputs(), where=where, name=INPUT, shape=[None, None, dimension])
    _check_ports(session.get_outputs(), where=where, name=output, shape=[None, values])
    return session


def run_session(session: Any, features: Array, *, where: str, values: int, output: str = OUTPUT) -> Array:
    """Return the output [batch, values] float32 of features [batch, time, dimension].

    Raises:
        BundleError: the network fails on this shape, or its scores have another shape or are not finite.

    """
    try:
        (found,) = session.run([output], {INPUT: np.ascontiguousarray(features, np.float32)})
    except onnx_errors() as error:
        raise BundleError(f"{where} fails on features of shape {list(features.shape)}: {error}") from error
    if found.shape != (len(features), values):
        raise BundleError(f"{where} returns {output} of shape {list(found.shape)}; needed: {[len(features), values]}")
    if not np.isfinite(found).all():
        raise BundleError(f"{where} returns {output} that are not finite")
    result: Array = found
    return result


def _check_ports(ports: list[Any], *, where: str, name: str, shape: list[int | None]) -> None:
    """Refuse ports other than one float32 tensor called `name`; None in `shape` allows any size."""
    wanted = f"'{name}' float32 [{', '.join('any' if size is None else str(size) for size in shape)}]"
    given = ", ".join(f"'{port.name}' {port.type} {port.shape}" for port in ports)
    fits = len(ports) == 1 and ports[0].name == name and ports[0].type == "tensor(float)"
    sizes = ports[0].shape if fits else []
    if not fits or len(sizes) != len(shape):
        raise BundleError(f"{where} must have exactly {wanted}; it has {given}")
    for size, expected in zip(sizes, shape, strict=True):
        # A dynamic dimension has a name, or None; batch and time must be dynamic.
        if isinstance(size, int) and size != expected:
            raise BundleError(f"{where} must have exactly {wanted}; it has {given}")


def onnx_errors() -> tuple[type[Exception], ...]:
    """Return what ONNX Runtime raises."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    return (
        state.Fail,
        state.InvalidArgument,
        state.InvalidGraph,
        state.InvalidProtobuf,
        state.NoModel,
        state.NoSuchFile,
        state.NotImplemented,
        state.RuntimeException,
        state.EPFail,
    )
