"""Gated recurrent units: a step by step twin, padding, both directions, and the exported operator."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from tests.toy import one_thread

from emotone.bundles.onnx_session import open_session, run_session
from emotone.fitting.onnx_export import onnx_bytes
from emotone.nets.blocks.base import Block, Network
from emotone.nets.blocks.dense import LinearClassifier
from emotone.nets.blocks.recurrent import Activation, GruLayer, RevisedGru
from emotone.nets.blocks.reuse import MeanOfSteps

__all__ = ["one_thread"]
pytestmark = pytest.mark.usefixtures("one_thread")
INPUTS, UNITS = 4, 3


def revised(activation: Activation, *, bidirectional: bool) -> RevisedGru:
    torch.manual_seed(0)
    block = RevisedGru(INPUTS, UNITS, activation=activation, bidirectional=bidirectional)
    with torch.no_grad():
        for value in block.parameters():
            value.normal_(std=0.7)
    return block


def slow(block: RevisedGru, x: Any) -> Any:
    """Return the outputs of the forward direction for one item, gate by gate, as Keras 2 documents them."""
    weights = block.ahead
    split = [np.split(value.detach().numpy(), 3) for value in (weights.input, weights.state, weights.bias)]
    (wz, wr, wh), (uz, ur, uh), (bz, br, bh) = split
    state, outputs = np.zeros(UNITS), []
    for row in x:
        z = np.clip(0.2 * (wz @ row + uz @ state + bz) + 0.5, 0, 1)
        r = np.clip(0.2 * (wr @ row + ur @ state + br) + 0.5, 0, 1)
        new = wh @ row + uh @ (r * state) + bh
        new = np.maximum(new, 0) if block.activation == "relu" else np.tanh(new)
        state = z * state + (1 - z) * new
        outputs.append(state)
    return np.stack(outputs)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_the_revised_gru_agrees_with_its_formula(activation: Activation) -> None:
    block, x = revised(activation, bidirectional=False), torch.randn(2, 7, INPUTS)
    y, lengths = block(x, None)
    assert lengths is None
    for item, expected in zip(x.numpy(), y.detach().numpy(), strict=True):
        np.testing.assert_allclose(expected, slow(block, item), atol=1e-6)
    assert activation in block.description


@pytest.mark.parametrize("block", [GruLayer(INPUTS, UNITS), revised("tanh", bidirectional=True)])
def test_both_directions_read_an_items_own_steps(block: Block) -> None:
    block.double()
    x = torch.randn(1, 5, INPUTS).double()
    padded = torch.cat([x, torch.full((1, 3, INPUTS), 9.0).double()], dim=1)
    y, lengths = block(padded, torch.tensor([5]))
    assert lengths is not None
    assert lengths.tolist() == [5]
    torch.testing.assert_close(y[:, :5], block(x, None)[0], atol=1e-12, rtol=0)
    assert (y[:, 5:] == 0).all()
    assert y.shape == (1, 8, 2 * UNITS)
    assert "direction" in block.description


def test_the_other_direction_is_the_same_layer_on_reversed_steps() -> None:
    block = revised("tanh", bidirectional=True)
    assert block.back is not None
    block.back.load_state_dict(block.ahead.state_dict())
    x = torch.randn(1, 6, INPUTS)
    y, flipped = block(x, None)[0], block(x.flip(1), None)[0]
    torch.testing.assert_close(y[..., :UNITS], flipped.flip(1)[..., UNITS:])


@pytest.mark.parametrize("bidirectional", [False, True])
def test_it_is_exported_as_one_operator_with_the_same_outputs(bidirectional: bool) -> None:
    import onnx

    block = revised("relu", bidirectional=bidirectional)
    values = UNITS * (2 if bidirectional else 1)
    net = Network({"gru": block, "pool": MeanOfSteps(), "classifier": LinearClassifier(values, 2)})
    data = onnx_bytes(net, INPUTS)
    operators = [node.op_type for node in onnx.load_from_string(data).graph.node]
    assert operators.count("GRU") == 1
    assert not {"Loop", "Scan"} & set(operators)
    session = open_session(data, where="test", threads=1, dimension=INPUTS, values=2)
    for batch, time in ((1, 1), (3, 20), (2, 151)):
        x = torch.randn(batch, time, INPUTS)
        with torch.inference_mode():
            expected = net(x, None).numpy()
        np.testing.assert_allclose(run_session(session, x.numpy(), where="test", values=2), expected, atol=1e-5)


@pytest.mark.parametrize("block", [GruLayer(INPUTS, UNITS), revised("relu", bidirectional=False)])
def test_in_an_export_only_shapes_are_computed(block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.randn(2, 7, INPUTS)
    shape = block(x, None)[0].shape
    monkeypatch.setattr(torch.compiler, "is_exporting", lambda: True)
    assert block(x, None)[0].shape == shape


def test_the_gradient_of_padded_items_is_that_of_the_items_one_by_one() -> None:
    torch.manual_seed(0)
    block = GruLayer(INPUTS, UNITS).double()
    items = [torch.randn(1, steps, INPUTS).double() for steps in (5, 3)]
    padded = torch.cat([torch.nn.functional.pad(each, (0, 0, 0, 6 - each.shape[1]), value=9.0) for each in items])
    found = []
    for outputs in ([block(padded, torch.tensor([5, 3]))[0]], [block(each, None)[0] for each in items]):
        block.zero_grad()
        sum(each.square().sum() for each in outputs).backward()
        found.append([value.grad.clone() for value in block.parameters() if value.grad is not None])
    assert len(found[0]) == 8
    for together, alone in zip(*found, strict=True):
        torch.testing.assert_close(together, alone, atol=1e-12, rtol=0)
