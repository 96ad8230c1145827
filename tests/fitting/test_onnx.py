"""ONNX: networks, convolutions, and runs that are loaded again."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import ModelProto, TensorProto, checker, helper, numpy_helper

from emotone.errors import ConfigError, EmotoneError, RunError
from emotone.fitting.onnx_export import MAX_TRACED, onnx_bytes, to_two_dimensions
from emotone.fitting.training_run import RUN, WEIGHTS, load_net, load_run
from emotone.nets.base import NETS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from emotone.nets.blocks.base import Network


# ----------------------------------------------------------------------------------------------------------------------
# Networks of one architecture are traced once, with the same result as tracing each.

BANDS = 40


def small(seed: int) -> Network:
    """Return a network whose statistics and biases differ by seed, as in trained networks."""
    net: Network = NETS.get("log-mel-cnn")(channels=(2, 2, 2, 2, 2), embedding=4, hidden=4).build(BANDS, 3)
    draws = torch.Generator().manual_seed(seed)
    for value in net.state_dict().values():
        if value.is_floating_point():
            value.copy_(torch.rand(value.shape, generator=draws) + 0.1)
    return net


@dataclass
class Exports:
    """Traces of networks by torch.

    Attributes:
        count: how many were asked for.
        repeated: the result of the first is returned for all, as tracing takes seconds.

    """

    count: int = 0
    repeated: bool = False
    first: Any = None


@pytest.fixture
def exports(monkeypatch: pytest.MonkeyPatch) -> Exports:
    made = Exports()
    export = torch.onnx.export

    def counted(net: Any, *args: Any, **options: Any) -> Any:
        made.count += 1
        if not made.repeated:
            return export(net, *args, **options)
        made.first = made.first or export(net, *args, **options)
        return made.first

    monkeypatch.setattr(torch.onnx, "export", counted)
    return made


@pytest.mark.usefixtures("one_thread")
def test_networks_of_one_architecture_are_traced_once_with_the_same_result(exports: Exports) -> None:
    first, alone = onnx_bytes(small(1), BANDS, architecture="once"), onnx_bytes(small(2), BANDS)
    assert exports.count == 2
    assert onnx_bytes(small(2), BANDS, architecture="once") == alone
    assert onnx_bytes(small(1), BANDS, architecture="once") == first != alone
    assert exports.count == 2


@pytest.mark.usefixtures("one_thread")
def test_few_architectures_are_kept(exports: Exports) -> None:
    exports.repeated = True
    for number in range(MAX_TRACED + 1):
        onnx_bytes(small(1), BANDS, architecture=f"kept-{number}")
    onnx_bytes(small(1), BANDS, architecture=f"kept-{MAX_TRACED}")
    assert exports.count == MAX_TRACED + 1
    onnx_bytes(small(1), BANDS, architecture="kept-0")
    assert exports.count == MAX_TRACED + 2


# ----------------------------------------------------------------------------------------------------------------------
# Two-dimensional convolutions give the results of the one-dimensional ones that they replace.

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


# ----------------------------------------------------------------------------------------------------------------------
# A training run on disk: read back unchanged, and refused if damaged.


@pytest.fixture
def copy(trained: Path, tmp_path: Path) -> Path:
    return shutil.copytree(trained, tmp_path / "copy")


def rewrite(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    text = json.loads((folder / RUN).read_text())
    change(text)
    (folder / RUN).write_text(json.dumps(text))


@pytest.mark.usefixtures("one_thread")
def test_the_network_is_read_back_in_eval_mode(trained: Path) -> None:
    run = load_run(trained)
    first, second = load_net(trained, run), load_net(trained, run)
    assert not first.training
    x = torch.randn(2, 50, 64)
    with torch.inference_mode():
        assert torch.equal(first(x, None), second(x, None))


@pytest.mark.usefixtures("one_thread")
def test_a_folder_without_a_training_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"is no folder of a finished training .* that `emotone train` printed"):
        load_run(tmp_path)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda text: text.update(schema="emotone.run/9"), RunError, "has schema 'emotone.run/9'; this version reads"),
        (lambda text: text.pop("schema"), RunError, r"run.json can't be read as a training run: KeyError\('schema'\)"),
        (lambda text: text.pop("labels"), RunError, r"can't be read as a training run: KeyError\('labels'\)"),
        (lambda text: text.update(transfer={"source": "x"}), RunError, r"as a training run: KeyError\('entries'\)"),
        (lambda text: text.update(history=3), RunError, "can't be read as a training run: TypeError"),
        (lambda text: text["recipe"].update(epochs=3), ConfigError, "run.json: unknown key 'epochs'"),
    ],
)
def test_a_description_that_does_not_fit_is_refused(
    copy: Path, change: Callable[[dict[str, Any]], None], error: type[EmotoneError], message: str
) -> None:
    rewrite(copy, change)
    with pytest.raises(error, match=message):
        load_run(copy)


@pytest.mark.usefixtures("one_thread")
def test_a_truncated_description_is_refused(copy: Path) -> None:
    (copy / RUN).write_text((copy / RUN).read_text()[:100])
    with pytest.raises(RunError, match="can't be read as a training run: JSONDecodeError"):
        load_run(copy)


@pytest.mark.usefixtures("one_thread")
def test_weights_that_are_missing_damaged_or_of_another_net_are_refused(copy: Path) -> None:
    run = load_run(copy)
    (copy / WEIGHTS).write_bytes((copy / WEIGHTS).read_bytes()[:-10])
    with pytest.raises(RunError, match=r"weights\.safetensors does not fit the network of this training"):
        load_net(copy, run)
    (copy / WEIGHTS).unlink()
    with pytest.raises(RunError, match=r"weights\.safetensors does not fit the network of this training"):
        load_net(copy, run)


@pytest.mark.usefixtures("one_thread")
def test_every_tensor_must_fit(copy: Path) -> None:
    rewrite(copy, lambda text: text["recipe"]["net"].update(hidden=9))
    with pytest.raises(RunError, match=r"does not fit the network of this training: (.|\n)*classifier.hidden.weight"):
        load_net(copy, load_run(copy))
