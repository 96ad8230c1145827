"""Two-dimensional convolutions give the results of the one-dimensional ones that they replace."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import ModelProto, TensorProto, checker, helper, numpy_helper

from emotone.fitting.onnx_export import to_two_dimensions

WEIGHT = np.random.default_rng(3)


def model(kernel: int, *, shared: bool = False, kernels: int = 2, **attributes: Any) -> ModelProto:
    """Return convolutions of 3 channels, one after another, of 3 inputs."""
    names = ["w" if shared else f"w{index}" for index in range(kernels)]
    weights = [
        numpy_helper.from_array(WEIGHT.normal(size=(3, 3, kernel)).astype(np.float32), name)
        for name in dict.fromkeys(names)
    ]
    nodes = [
        helper.make_node("Conv", [f"x{n}", name], [f"x{n + 1}"], name=f"conv{n}", **attributes)
        for n, name in enumerate(names)
    ]
    shape = ["batch", 3, "time"]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("x0", f"x{kernels}")]
    graph = helper.make_graph(nodes, "graph", ends[:1], ends[1:], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def run(one: ModelProto, x: np.ndarray[Any, np.dtype[np.float32]]) -> np.ndarray[Any, np.dtype[np.float32]]:
    session = onnxruntime.InferenceSession(one.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(["x2"], {"x0": x})[0])


@settings(deadline=None, max_examples=30)
@given(
    kernel=st.integers(2, 9),
    stride=st.integers(1, 3),
    dilation=st.integers(1, 2),
    pads=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    time=st.integers(80, 90),
)
def test_the_same_comes_out(kernel: int, stride: int, dilation: int, pads: tuple[int, int], time: int) -> None:
    made = model(kernel, kernel_shape=[kernel], strides=[stride], dilations=[dilation], pads=list(pads))
    x = np.random.default_rng(time).normal(size=(2, 3, time)).astype(np.float32)
    expected = run(made, x)
    assert to_two_dimensions(made.graph) == 2
    checker.check_model(made, full_check=True)
    np.testing.assert_allclose(run(made, x), expected, rtol=1e-4, atol=1e-4)


def chain(*kinds: str) -> ModelProto:
    """Return a convolution, what follows it, and another one, whose input is told too."""
    made = model(4, kernel_shape=[4], strides=[2], pads=[1, 2])
    follow = {
        "Relu": {},
        "MaxPool": {"kernel_shape": [3], "strides": [3], "pads": [1, 0]},
        "Neg": {},
    }
    first, second = made.graph.node
    between = []
    name = first.output[0]
    for number, kind in enumerate(kinds):
        between.append(helper.make_node(kind, [name], [f"between{number}"], **follow[kind]))
        name = f"between{number}"
    second.input[0] = name
    told = helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 3, "some"])
    graph = helper.make_graph(
        [first, *between, second], "graph", made.graph.input, [*made.graph.output, told], made.graph.initializer
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


@pytest.mark.parametrize(
    "kinds",
    [("Relu",), ("Relu", "MaxPool"), ("MaxPool", "Relu"), ("Neg",), ("Relu", "Neg", "Relu"), ("Neg", "MaxPool")],
)
def test_what_follows_is_laid_flat_too_where_it_can(kinds: tuple[str, ...]) -> None:
    made = chain(*kinds)
    x = np.random.default_rng(1).normal(size=(2, 3, 85)).astype(np.float32)
    expected = run(made, x)
    assert to_two_dimensions(made.graph) == 2
    checker.check_model(made, full_check=True)
    np.testing.assert_allclose(run(made, x), expected, rtol=1e-4, atol=1e-4)
    between = sum(node.op_type == "Unsqueeze" for node in made.graph.node)
    assert between == (2 if "Neg" in kinds else 1)


@pytest.mark.parametrize("made", [model(1), model(3, shared=True)])
def test_others_are_left_alone(made: ModelProto) -> None:
    before = made.SerializeToString(deterministic=True)
    assert to_two_dimensions(made.graph) == 0
    assert made.SerializeToString(deterministic=True) == before


def test_once_is_enough() -> None:
    made = model(3)
    assert (to_two_dimensions(made.graph), to_two_dimensions(made.graph)) == (2, 0)
