"""Frozen prefixes: their blocks, their signature, and that the output for a window depends on that window alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from tests.net_inputs import BANDS, CLASSES, INPUTS, TINY, Input
from tests.toy import TINY_NET, one_thread
from torch import nn

from emotone.nets.architectures.log_mel_cnn import LogMelCnn
from emotone.nets.architectures.waveform_networks import SoundNet5
from emotone.nets.base import NETS
from emotone.nets.blocks.base import Network
from emotone.training import prefix as module
from emotone.training.prefix import BATCH, OutputShape, Prefix, split
from emotone.transfer.apply import Freezer
from emotone.transfer.plans import select

if TYPE_CHECKING:
    from emotone.types import Array

__all__ = ["one_thread"]
pytestmark = pytest.mark.usefixtures("one_thread")

SPEC = LogMelCnn(**TINY_NET)


def frozen(*patterns: str, spec: LogMelCnn = SPEC, seed: int = 0) -> Network:
    """Return a network in training mode with some frozen layers."""
    torch.manual_seed(seed)
    net = spec.build(64, 2)
    with torch.no_grad():
        noise = torch.randn(8, 60, 64, generator=torch.Generator().manual_seed(0))
        net.train()(noise, None)  # statistics that are no longer 0 and 1
    if patterns:
        Freezer(net, select(patterns, net.state_dict()))
    return net.train()


def prefix_of(*patterns: str, **options: Any) -> Prefix:
    parts = split(frozen(*patterns, **options))
    assert parts is not None
    return parts[0]


def windows(*lengths: int, seed: int = 0) -> list[Array]:
    rng = np.random.default_rng(seed)
    return [rng.normal(-9.0, 2.0, (length, 64)).astype(np.float32) for length in lengths]


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        (("conv1",), ["level", "conv1"]),
        (("conv[123]",), ["level", "conv1", "conv2", "conv3"]),
        (("conv[13]",), ["level", "conv1"]),
        (("conv?", "mix", "pool"), ["level", "conv1", "conv2", "conv3", "conv4", "conv5", "mix", "pool"]),
    ],
)
def test_the_frozen_blocks_that_a_network_begins_with(patterns: tuple[str, ...], names: list[str]) -> None:
    net = frozen(*patterns)
    parts = split(net)
    assert parts is not None
    first, rest = parts
    assert list(first.blocks) == names
    assert list(first.blocks) + list(rest.blocks) == list(net.blocks)
    assert all(block is net.blocks[name] for name, block in rest.blocks.items())


@pytest.mark.parametrize("patterns", [(), ("conv2",), ("conv1.convolution",), ("*",)])
def test_a_network_without_frozen_first_blocks_or_with_no_others_is_not_split(patterns: tuple[str, ...]) -> None:
    assert split(frozen(*patterns)) is None


def test_a_dropout_that_is_at_work_ends_what_is_computed_once() -> None:
    torch.manual_seed(0)
    net = SoundNet5().build(1, 2)
    Freezer(net, select(["conv[1234]"], net.state_dict()))
    parts = split(net.train())
    assert parts is not None
    assert list(parts[0].blocks) == ["samples", "conv1", "conv2", "conv3", "conv4"]


def test_what_learns_nothing_but_moves_with_the_batches_is_not_computed_once() -> None:
    net = SPEC.build(64, 2)
    net.blocks["conv1"].requires_grad_(requires_grad=False)  # its batch normalisation goes on
    assert split(net.train()) is None


def test_a_network_with_a_way_of_its_own_is_not_split() -> None:
    class Another(Network):
        def forward(self, x: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
            return super().forward(x, lengths)

    net = Another(dict(frozen("conv1").blocks))
    assert split(net.train()) is None


@pytest.mark.parametrize("patterns", [("conv1",), ("conv[123]",), ("conv?", "mix", "pool")])
@pytest.mark.parametrize("lengths", [(40,), (40, 25, 40, 7), (40,) * 40 + (12, 39)])
def test_outcomes_are_those_of_single_windows(patterns: tuple[str, ...], lengths: tuple[int, ...]) -> None:
    net = frozen(*patterns)
    parts = split(net)
    assert parts is not None
    first, rest = parts
    given = windows(*lengths)
    values, steps = first.run(given, 40)
    assert (steps is None) == ("pool" in first.blocks)
    net.eval()
    with torch.inference_mode():
        whole = rest(torch.from_numpy(values), None if steps is None else torch.from_numpy(steps))
        alone = torch.cat([net(torch.from_numpy(rows[None]), None) for rows in given])
    torch.testing.assert_close(whole, alone, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("groups", [1, 2, 3])
@pytest.mark.parametrize("name", NETS.names)
def test_the_first_groups_of_every_network_can_be_computed_once(name: str, groups: int) -> None:
    torch.manual_seed(0)
    spec = NETS.get(name)(**TINY.get(name, {}))
    net: Network = spec.build(BANDS, CLASSES)
    Freezer(net, select([pattern for group in spec.groups[:groups] for pattern in group], net.state_dict()))
    parts = split(net.train())
    assert parts is not None
    first, rest = parts
    heard = INPUTS.get(name, Input())
    width = max(heard.lengths)
    given = [heard.draw(1, length)[0].numpy() for length in heard.lengths]
    values, steps = first.run(given, width)
    net.eval()
    with torch.inference_mode():
        whole = rest(torch.from_numpy(values), None if steps is None else torch.from_numpy(steps))
        alone = torch.cat([net(torch.from_numpy(rows[None]), None) for rows in given])
    torch.testing.assert_close(whole, alone, atol=1e-5, rtol=1e-4)


def test_a_window_has_the_same_outcome_in_any_company_and_with_any_number_of_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = prefix_of("conv?", "mix")
    given = windows(*(40, 31) * 40)
    values, steps = first.run(given, 40)
    backwards, back_steps = first.run(given[::-1], 40)
    assert steps is not None
    assert back_steps is not None
    np.testing.assert_array_equal(backwards[::-1], values)
    np.testing.assert_array_equal(back_steps[::-1], steps)
    np.testing.assert_array_equal(first.run(given[5:6], 40)[0], values[5:6])
    monkeypatch.setattr(module, "worker_count", lambda _threads: 3)
    np.testing.assert_array_equal(first.run(given, 40)[0], values)
    assert torch.get_num_threads() == 1


def test_a_worker_computes_on_what_torch_was_given_and_others_on_all_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 6)
    assert module.worker_count(1) == 6
    monkeypatch.setattr(module, "parent_process", object)
    assert module.worker_count(1) == 1


def test_the_shape_is_reported_before_anything_is_computed_and_so_is_what_is_too_much() -> None:
    shape = prefix_of("conv[1]").shape(40, 64)
    assert shape == OutputShape((4, 32, 20), 20)
    assert shape.fits(1000)
    assert not shape.fits((1 << 30) // (4 * 4 * 32 * 20) + 1)
    pooled = prefix_of("conv?", "mix", "pool").shape(40, 64)
    assert pooled.steps is None


def test_the_signature_is_that_of_what_is_computed() -> None:
    signature = prefix_of("conv[12]").signature
    assert prefix_of("conv[12]").signature == signature
    other_head = LogMelCnn(**{**TINY_NET, "hidden": 9, "dropout": 0.7})
    assert prefix_of("conv[12]", spec=other_head).signature == signature
    others = [
        prefix_of("conv[12]", seed=1),
        prefix_of("conv[123]"),
        prefix_of("conv[12]", spec=LogMelCnn(**{**TINY_NET, "centre_bands": not SPEC.centre_bands})),
    ]
    assert len({signature, *(other.signature for other in others)}) == 4


def test_a_statistic_and_a_setting_without_a_tensor_count(monkeypatch: pytest.MonkeyPatch) -> None:
    first = prefix_of("conv1")
    signature = first.signature
    norm = first.blocks["conv1"].norm
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None
    norm.running_mean[0] += 1
    moved = first.signature
    assert moved != signature
    norm.eps *= 2
    assert first.signature not in {moved, signature}
    before = first.signature
    monkeypatch.setattr("inspect.getsource", lambda _module: "another way to compute it")
    assert first.signature != before


def test_a_portion_has_one_size_and_short_windows_little_padding() -> None:
    seen: list[tuple[int, ...]] = []

    class Listening(nn.Module):
        def forward(self, x: torch.Tensor, lengths: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor | None]:
            seen.append(tuple(x.shape))
            return x, lengths

    given = windows(*(9,) * (BATCH + 1), 4, 3)
    values, steps = Prefix({"listening": Listening()}).run(given, 9)
    whole = sorted((shape for shape in seen if shape[0] > 1), reverse=True)  # threads take batches in any order
    assert whole == [(BATCH, 9, 64)] * 2 + [(BATCH, 4, 64), (BATCH, 3, 64)]
    assert steps is not None
    assert steps.tolist() == [9] * (BATCH + 1) + [4, 3]
    np.testing.assert_array_equal(values[-2, :4], given[-2])
    assert not values[-2, 4:].any()
