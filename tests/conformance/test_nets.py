"""Every net: padding and batches don't matter, the layer table is true, all of it learns, ONNX gives the same."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from tests.net_inputs import BANDS, CLASSES, INPUTS, TINY, Input
from tests.toy import one_thread

from emotone.nets.base import GROUPS, NETS, NetSpec, parameters, receptive_field
from emotone.transfer.select import layer_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from emotone.nets.blocks.base import LengthAware

__all__ = ["one_thread"]
pytestmark = pytest.mark.usefixtures("one_thread")

# Published nets of so many parameters that every test would take seconds: a narrower one has the same arithmetic, and
# tests of their own count their parameters as published.
LARGE = {"vggish"}
CASES = [
    (name, settings)
    for name in NETS.names
    for settings in ({}, TINY.get(name))
    if settings is not None and not (name in LARGE and not settings)
]
# Published networks to be taken over, which hear how loud a recording was made: a level of their own would be no copy.
HEAR_THE_LEVEL = {"mn04", "segment-mlp", "segment-pool", "vggish", "yamnet"}
# Parameters that cancel out: a constant added to the attention's scores of all steps is undone by the softmax.
WITHOUT_EFFECT = {"log-mel-cnn": {"blocks.pool.weigh.bias"}}


@pytest.fixture(params=CASES, ids=[f"{name}-{'tiny' if settings else 'default'}" for name, settings in CASES])
def case(request: pytest.FixtureRequest) -> tuple[str, NetSpec]:
    name, settings = request.param
    return name, NETS.get(name)(**settings)


@pytest.fixture
def spec(case: tuple[str, NetSpec]) -> NetSpec:
    return case[1]


@pytest.fixture
def heard(case: tuple[str, NetSpec]) -> Input:
    return INPUTS.get(case[0], Input())


@pytest.fixture
def net(spec: NetSpec, heard: Input) -> LengthAware:
    """A net in eval mode that has seen a few batches, so that its running statistics are no longer 0 and 1."""
    torch.manual_seed(0)
    net = spec.build(BANDS, CLASSES)
    net.train()
    with torch.no_grad():
        for _ in range(3):
            net(heard.draw(4, 60), None)
    return net.eval()


def padded(items: list[torch.Tensor], *, extra: int, filling: float) -> tuple[torch.Tensor, torch.Tensor]:
    lengths = torch.tensor([len(item) for item in items])
    x = torch.full((len(items), int(lengths.max()) + extra, BANDS), filling)
    for row, item in zip(x, items, strict=True):
        row[: len(item)] = item
    return x, lengths


def test_there_are_nets() -> None:
    assert "log-mel-cnn" in NETS.names
    assert set(TINY) | set(INPUTS) <= set(NETS.names)


def test_it_is_a_frozen_spec_that_says_what_it_is(spec: NetSpec) -> None:
    assert dataclasses.is_dataclass(type(spec))
    assert hash(spec) == hash(dataclasses.replace(spec))  # type: ignore[type-var]
    assert spec.title
    assert spec.paper


@pytest.mark.parametrize(("extra", "filling"), [(0, 0.0), (17, 0.0), (5, 3.0)])
def test_padded_batches_give_what_single_inputs_give(
    net: LengthAware, heard: Input, extra: int, filling: float
) -> None:
    items = [heard.draw(1, length)[0] for length in heard.lengths]
    x, lengths = padded(items, extra=extra, filling=filling)
    with torch.inference_mode():
        together = net(x, lengths)
        alone = torch.cat([net(item[None], None) for item in items])
    assert together.shape == (len(heard.lengths), CLASSES)
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)


def test_the_order_in_a_batch_does_not_matter(net: LengthAware, heard: Input) -> None:
    x, lengths = padded([heard.draw(1, length)[0] for length in heard.lengths], extra=0, filling=0.0)
    order = torch.tensor([3, 0, 4, 2, 1])
    with torch.inference_mode():
        torch.testing.assert_close(net(x[order], lengths[order]), net(x, lengths)[order], atol=1e-5, rtol=1e-5)


def test_gradient_reaches_every_trainable_parameter(case: tuple[str, NetSpec], net: LengthAware, heard: Input) -> None:
    net.double()  # what cancels is 0 within 1e-15, what is small is not
    x, lengths = padded([heard.draw(1, length)[0] for length in heard.lengths[-3:]], extra=0, filling=0.0)
    loss = torch.nn.functional.cross_entropy(net(x.double(), lengths), torch.tensor([0, 1, 2]))
    loss.backward()  # type: ignore[no-untyped-call]
    trainable = {name: value for name, value in net.named_parameters() if value.requires_grad}
    silent = {name for name, value in trainable.items() if value.grad is None or value.grad.abs().max() < 1e-12}
    assert silent == WITHOUT_EFFECT.get(case[0], set())


@pytest.mark.parametrize(("bands", "classes"), [(64, 7), (40, 2), (17, 8)])
def test_the_layer_table_is_true(spec: NetSpec, bands: int, classes: int) -> None:
    layers = spec.layers(bands, classes)
    net = spec.build(bands, classes)
    names = [layer.name for layer in layers]
    assert len(set(names)) == len(names)
    assert names == list(net.blocks)
    for layer in layers:
        count = sum(value.numel() for value in net.blocks[layer.name].parameters() if value.requires_grad)
        assert count == layer.parameters, layer.name
    assert parameters(layers) == sum(value.numel() for value in net.parameters() if value.requires_grad)
    assert layers[-1].output == str(classes)


def test_its_groups_hold_every_layer_with_tensors_once(spec: NetSpec, net: LengthAware) -> None:
    """Named plans of transfer rest on them: a layer in no group would never be taken over, or be frozen."""
    assert len(spec.groups) == GROUPS
    assert all(spec.groups)
    named = [layer for group in spec.groups for layer in group]
    assert named == list(dict.fromkeys(layer_of(name) for name in net.state_dict()))


def test_the_receptive_field_is_between_a_syllable_and_a_sentence(spec: NetSpec, heard: Input) -> None:
    assert 0.1 <= heard.row * receptive_field(spec.layers(BANDS, CLASSES)) <= 6.0


def test_how_loud_a_recording_was_made_does_not_matter(
    case: tuple[str, NetSpec], net: LengthAware, heard: Input
) -> None:
    x, lengths = padded([heard.draw(1, length)[0] for length in heard.lengths], extra=0, filling=0.0)
    with torch.inference_mode():
        for louder in (-6.0, 0.5, 6.0):
            if case[0] in HEAR_THE_LEVEL:
                assert not torch.allclose(net(heard.louder(x, louder), lengths), net(x, lengths), atol=1e-5)
                continue
            torch.testing.assert_close(net(heard.louder(x, louder), lengths), net(x, lengths), atol=1e-4, rtol=1e-4)


def test_digital_silence_and_full_scale_give_finite_scores(net: LengthAware, heard: Input) -> None:
    with torch.inference_mode():
        for level in (float(np.log(1e-10)), 0.0, 8.0):
            assert torch.isfinite(net(heard.constant(level), None)).all()


def test_the_seed_decides_the_weights(spec: NetSpec) -> None:
    def weights(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return torch.nn.utils.parameters_to_vector(spec.build(BANDS, CLASSES).parameters())

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


def test_onnx_gives_what_torch_gives(
    net: LengthAware, heard: Input, onnx_run: Callable[..., Callable[..., Any]]
) -> None:
    run = onnx_run(net)
    for batch, time in heard.onnx:
        x = heard.draw(batch, time)
        with torch.inference_mode():
            expected = net(x, None).numpy()
        np.testing.assert_allclose(run(x.numpy()), expected, atol=1e-5, err_msg=f"batch {batch}, {time} frames")


@pytest.fixture
def onnx_run() -> Callable[..., Callable[..., Any]]:
    from emotone.bundles.runtime import open_session, run_session
    from emotone.fitting.onnx_export import onnx_bytes

    def opened(net: LengthAware) -> Callable[..., Any]:
        session = open_session(onnx_bytes(net, BANDS), where="test", threads=1, dimension=BANDS, labels=CLASSES)
        return lambda features: run_session(session, features, where="test", labels=CLASSES)

    return opened
