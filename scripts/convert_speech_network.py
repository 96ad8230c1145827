"""Convert the weights of Silero VAD to the ONNX file of `emotone.audio.speech_network`.

    python scripts/convert_speech_network.py silero_vad_16k_sequence.onnx

The weights are those of the ONNX files in the package `silero-vad` 6.2.3 (MIT licence); its .safetensors file holds
others. The network is the same; the graph is another:

- A run processes a block of twelve chunks of 512 samples, so every convolution is one matrix product of a fixed shape:
  faster than the published graph, and the result does not depend on how a recording was divided.
- Kernel taps that only ever meet zero padding are left out.
- The gain of each chunk is an input: the spectrum is multiplied by it.
- Weights are stored in half precision.

Original parameters: `stft` (here computed), `encoder.0` to `encoder.3`, `recurrent` (gates i, o, f, c), `output`.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "src/emotone/audio/speech_network.onnx"
SHA256 = "9ccdacc4719d8aa7e45a77536bfabec45a03ba1f2fad5e241ab4060b24238a85"  # of the file in silero-vad 6.2.3

CHUNKS, CHUNK, CONTEXT = 12, 512, 64  # per run; new samples of a chunk; samples before it that it also reads
WINDOW, STEP, FRAMES = 256, 128, 4  # samples of a spectrum, samples between spectra, spectra of a chunk
BINS, UNITS = WINDOW // 2 + 1, 128
PART = 64  # samples: context, window, step and chunk are multiples of it


class Graph:
    """Nodes and constants of an ONNX graph, named in order."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, values: NDArray[Any]) -> str:
        """Return the name of a constant; float32 values are stored in half precision."""
        name = f"constant{len(self.constants)}"
        if values.dtype != np.float32:
            self.constants.append(numpy_helper.from_array(values, name))
            return name
        self.constants.append(numpy_helper.from_array(values.astype(np.float16), name))
        return self.add("Cast", name, to=TensorProto.FLOAT)

    def add(self, kind: str, *inputs: str, outputs: tuple[str, ...] = (), **attributes: Any) -> str:
        """Return the name of the first output of a new node."""
        names = outputs or (f"value{len(self.nodes)}",)
        self.nodes.append(helper.make_node(kind, inputs, names, **attributes))
        return names[0]

    def rows(self, values: str, index: NDArray[np.int64], width: int) -> str:
        """Return the rows of a matrix at `index` [n, k], joined to [n, k * width]."""
        picked = self.add("Gather", values, self.constant(index), axis=0)
        return self.add("Reshape", picked, self.constant(np.array([len(index), index.shape[1] * width])))

    def dense(self, values: str, weight: NDArray[np.float32], bias: NDArray[np.float32]) -> str:
        """Return max(0, values @ weight + bias)."""
        product = self.add("Gemm", values, self.constant(np.ascontiguousarray(weight)), self.constant(bias))
        return self.add("Relu", product)

    def padded(self, values: str, width: int) -> str:
        """Return a matrix with a row of zeros behind its last one."""
        return self.add("Concat", values, self.constant(np.zeros((1, width), np.float32)), axis=0)


def neighbours(steps: int, stride: int, taps: tuple[int, ...]) -> NDArray[np.int64]:
    """Return the rows [chunks * steps / stride, taps] that a convolution reads.

    Row `step * CHUNKS + chunk` holds a step of a chunk; the row after the last is the zero padding.
    """
    index = [
        [(first + tap) * CHUNKS + chunk if 0 <= first + tap < steps else steps * CHUNKS for tap in taps]
        for first in range(0, steps, stride)
        for chunk in range(CHUNKS)
    ]
    return np.array(index, np.int64)


def spectrum(graph: Graph) -> str:
    """Return magnitudes [frames * chunks, bins] of the input `samples` [context + chunks * chunk], times `gain`.

    The last window of a chunk reaches PART samples beyond its end, where the chunk is reflected. A reflection is
    linear, so the last spectrum is a product of the samples that there are with a basis of its own.
    """
    place, angle = np.arange(WINDOW), 2 * np.pi * np.outer(np.arange(WINDOW), np.arange(BINS)) / WINDOW
    window = 0.5 - 0.5 * np.cos(2 * np.pi * place / WINDOW)
    basis = window[:, np.newaxis] * np.concatenate([np.cos(angle), np.sin(angle)], axis=1)
    there = WINDOW - PART
    reflected = basis[:there].copy()
    reflected[there - 1 - np.arange(1, PART + 1)] += basis[there:]

    rows = graph.add("Reshape", "samples", graph.constant(np.array([-1, PART])))
    chunks = CHUNK // PART * np.arange(CHUNKS)
    first = (np.arange(FRAMES - 1)[:, np.newaxis] * (STEP // PART) + chunks).reshape(-1, 1)
    last = ((FRAMES - 1) * (STEP // PART) + chunks).reshape(-1, 1)
    parts = [
        graph.add("MatMul", graph.rows(rows, start + np.arange(len(wave) // PART), PART), graph.constant(wave))
        for start, wave in ((first, basis.astype(np.float32)), (last, reflected.astype(np.float32)))
    ]
    waves = graph.add("Concat", *parts, axis=0)
    graph.add("Split", graph.add("Mul", waves, waves), outputs=("cosine", "sine"), axis=1)
    magnitude = graph.add("Sqrt", graph.add("Add", "cosine", "sine"))
    by_chunk = graph.add("Reshape", magnitude, graph.constant(np.array([FRAMES, CHUNKS, BINS])))
    return graph.add("Reshape", graph.add("Mul", by_chunk, "gain"), graph.constant(np.array([FRAMES * CHUNKS, BINS])))


def convert(weights: dict[str, NDArray[np.float32]]) -> bytes:
    """Return the ONNX file: (samples, gain [12, 1], hidden, cell) -> (probability [12, 1], hidden, cell)."""
    graph = Graph()
    values, width = spectrum(graph), BINS
    # (name, steps of a chunk before it, stride, taps that reach values)
    for name, steps, stride, taps in (
        ("encoder.0", 4, 1, (-1, 0, 1)),
        ("encoder.1", 4, 2, (-1, 0, 1)),
        ("encoder.2", 2, 2, (0, 1)),
        ("encoder.3", 1, 1, (0,)),
    ):
        kernel = weights[f"{name}.weight"][:, :, [tap + 1 for tap in taps]]
        if len(taps) > 1:
            values = graph.rows(graph.padded(values, width), neighbours(steps, stride, taps), width)
        values = graph.dense(values, kernel.transpose(2, 1, 0).reshape(-1, len(kernel)), weights[f"{name}.bias"])
        width = len(kernel)
    bias = weights["onnx::LSTM_211"]  # of the input, then of the state: added up by the operator
    constants = [graph.constant(part) for part in (weights["onnx::LSTM_209"], weights["onnx::LSTM_210"], bias)]
    sequence = graph.add("Unsqueeze", values, graph.constant(np.array([1])))
    graph.add(
        "LSTM",
        sequence,
        *constants,
        "",
        "hidden",
        "cell",
        outputs=("steps", "hidden_out", "cell_out"),
        hidden_size=UNITS,
    )
    steps_out = graph.add("Relu", graph.add("Reshape", "steps", graph.constant(np.array([CHUNKS, UNITS]))))
    final = [graph.constant(weights[f"output.{name}"].reshape(-1, 1)[:UNITS]) for name in ("weight", "bias")]
    graph.add("Sigmoid", graph.add("Gemm", steps_out, *final), outputs=("probability",))

    def port(name: str, *shape: int) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    state = (1, 1, UNITS)
    inputs = [port("samples", CONTEXT + CHUNKS * CHUNK), port("gain", CHUNKS, 1)]
    made = helper.make_graph(
        graph.nodes,
        "speech",
        [*inputs, port("hidden", *state), port("cell", *state)],
        [port("probability", CHUNKS, 1), port("hidden_out", *state), port("cell_out", *state)],
        graph.constants,
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    model.doc_string = "Silero VAD 6.2, copyright (c) 2020-present Silero Team, MIT licence; graph by emotone"
    onnx.checker.check_model(model, full_check=True)
    serialised: bytes = model.SerializeToString(deterministic=True)
    return serialised


def main() -> int:
    """Return the exit status."""
    parser = argparse.ArgumentParser(description="Convert the weights of Silero VAD.")
    parser.add_argument("weights", type=Path, help="silero_vad_16k_sequence.onnx of the package silero-vad")
    path = parser.parse_args().weights
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != SHA256:
        raise SystemExit(f"{path} has the SHA-256 {found}; expected: {SHA256}")
    published = onnx.load(path).graph.initializer
    OUT.write_bytes(convert({tensor.name: numpy_helper.to_array(tensor) for tensor in published}))
    print(f"written: {OUT.relative_to(ROOT)}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
