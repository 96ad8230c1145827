"""Every source of weights and every transfer plan."""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING, Any

import pytest
import torch
from tests.net_inputs import BANDS, CLASSES, INPUTS, TINY, Input

from emotone.nets.base import NETS
from emotone.transfer.apply import transfer_into
from emotone.transfer.plans import PLANS, Plan, layer_of, named_plan, uses_groups
from emotone.transfer.source import SOURCES, Source
from emotone.transfer.weights import SourceWeights

if TYPE_CHECKING:
    from emotone.nets.blocks.base import Network


# ----------------------------------------------------------------------------------------------------------------------
# Every source has its metadata, and its layers are layers of its network.

# Settings with which a network has all layers of a source, where the defaults build only some of them.
WHOLE: dict[str, dict[str, Any]] = {
    "letter-convolution": {"kind": "convolution"},
    "whisper-base": {"layers": (6,), "final_norm": True},
    "whisper-tiny-en": {"layers": (4,), "width": 384, "heads": 6, "final_norm": True},
}


@pytest.fixture(params=SOURCES.names)
def source(request: pytest.FixtureRequest) -> Source:
    return SOURCES.get(request.param)


def test_there_are_sources() -> None:
    assert "soundnet5" in SOURCES.names


def test_it_says_what_it_is(source: Source) -> None:
    assert source.name in SOURCES.names
    assert source.title
    assert source.citation
    assert source.licence
    assert source.licence_note
    assert source.published
    assert source.readers
    assert source.rate > 0


def test_it_says_where_its_files_are(source: Source) -> None:
    for one in source.published:
        assert one.url.startswith(("https://", "http://"))
        assert one.file
        assert one.sha256 == "" or re.fullmatch(r"[0-9a-f]{64}", one.sha256)


def test_its_layers_are_the_networks(source: Source) -> None:
    net = NETS.get(source.net)(**WHOLE.get(source.name, {}))
    names = {layer for group in net.groups for layer in group}
    assert set(source.layers) <= names
    assert {layer_of(name) for name in source.shapes} == set(source.layers)
    assert not set(source.shapes) & set(source.optional)


# ----------------------------------------------------------------------------------------------------------------------
# Every net under every plan: after three steps what is frozen is bit-identical, the rest has moved, buffers too.


def built(name: str, *, seed: int) -> Network:
    torch.manual_seed(seed)
    net: Network = NETS.get(name)(**TINY.get(name, {})).build(BANDS, CLASSES)
    return net


def three_steps(net: Network, heard: Input) -> None:
    optimizer = torch.optim.AdamW([p for p in net.parameters() if p.requires_grad] or list(net.parameters()), lr=0.01)
    net.train()
    for _ in range(3):
        x, labels = heard.draw(4, max(heard.lengths)), torch.tensor([0, 1, 2, 3])
        loss = torch.nn.functional.cross_entropy(net(x, torch.tensor([max(heard.lengths)] * 4)), labels)
        optimizer.zero_grad(set_to_none=True)
        if loss.requires_grad:  # not where all is frozen
            loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("name", NETS.names)
@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_frozen_tensors_stay_and_the_rest_moves(name: str, share: float) -> None:
    """The first layers that hold tensors are frozen, as many as `share` says; all but the last are loaded."""
    source, net, heard = built(name, seed=1), built(name, seed=2), INPUTS.get(name, Input())
    three_steps(source, heard)
    layers = list(dict.fromkeys(layer_of(tensor) for tensor in source.state_dict()))
    frozen = tuple(layers[: round(share * len(layers))])
    loaded = tuple(layers) if share == 1.0 else tuple(layers[:-1])
    check_three_steps(source, net, Plan(load=loaded, freeze=frozen), heard)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("name", NETS.names)
@pytest.mark.parametrize("row", [name for name in PLANS if uses_groups(name)])
def test_every_plan_of_groups_does_what_it_says_to_every_network(name: str, row: str) -> None:
    source, net, heard = built(name, seed=1), built(name, seed=2), INPUTS.get(name, Input())
    three_steps(source, heard)
    check_three_steps(source, net, named_plan(row, NETS.get(name)(**TINY.get(name, {})).groups), heard)


def constants(net: Network) -> set[str]:
    """Return the tensors that no training changes: buffers other than the statistics of batch normalisation."""
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    return {name for name, _ in net.named_buffers() if not name.endswith(statistics)}


def check_three_steps(source: Network, net: Network, asked: Plan, heard: Input) -> None:
    state = source.state_dict()
    weights = SourceWeights("source", {tensor: values.numpy().copy() for tensor, values in state.items()})
    transferred = transfer_into(net, weights, asked)
    before: dict[str, Any] = copy.deepcopy(net.state_dict())
    three_steps(net, heard)
    transferred.freezer.check()
    moved = {tensor for tensor, values in net.state_dict().items() if not torch.equal(values, before[tensor])}
    assert moved == set(transferred.report.names("tuned", "fresh")) - constants(net)
    assert all(torch.equal(before[tensor], state[tensor]) for tensor in transferred.report.names("frozen", "tuned"))
    assert {layer_of(tensor) for tensor in transferred.report.names("frozen")} == set(asked.freeze)
    assert {layer_of(tensor) for tensor in transferred.report.names("frozen", "tuned")} == set(asked.load)
