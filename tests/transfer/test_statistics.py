"""Re-estimated statistics against a slow reference that processes one window at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from tests.net_inputs import BANDS, CLASSES, INPUTS, TINY, Input
from tests.toy import TINY_NET, one_thread

from emotone.errors import RunError
from emotone.nets.architectures.log_mel_cnn import LogMelCnn
from emotone.nets.base import NETS
from emotone.transfer.statistics import BATCH, TENSORS, estimate_statistics, normalisations

if TYPE_CHECKING:
    from emotone.nets.blocks.base import Network
    from emotone.types import Array

__all__ = ["one_thread"]
pytestmark = pytest.mark.usefixtures("one_thread")


def built(seed: int = 1) -> Network:
    torch.manual_seed(seed)
    return LogMelCnn(**TINY_NET).build(BANDS, CLASSES)


def windows(rng: np.random.Generator, lengths: list[int]) -> list[Array]:
    return [
        rng.normal(-8 + 0.1 * number, 2.0, (length, BANDS)).astype(np.float32) for number, length in enumerate(lengths)
    ]


def slow(net: Network, given: list[Array]) -> dict[str, np.ndarray[Any, Any]]:
    """Return the statistics of one normalisation after another, from a list of all that comes to it."""
    net.eval()
    found = {}
    for name, module in normalisations(net).items():
        came: list[np.ndarray[Any, Any]] = []

        def keep(_: Any, x: Any, came: list[np.ndarray[Any, Any]] = came) -> None:
            came.append(np.moveaxis(x[0].numpy().astype(np.float64), 1, -1).reshape(-1, x[0].shape[1]))

        hook = module.register_forward_pre_hook(keep)
        with torch.inference_mode():
            for rows in given:
                net(torch.from_numpy(rows[None]), None)
        hook.remove()
        values = np.concatenate(came)
        found[f"{name}.running_mean"] = values.mean(axis=0)
        found[f"{name}.running_var"] = values.var(axis=0, ddof=1)
        state = net.state_dict()
        for tensor in TENSORS:
            state[f"{name}.{tensor}"].copy_(torch.from_numpy(found[f"{name}.{tensor}"]))
    return found


def test_statistics_agree_with_a_slow_reference(rng: np.random.Generator) -> None:
    given = windows(rng, [40] * 5 + [60] * (BATCH - 5 + 1))
    # Those of 60 that lie in a batch with those of 40 are heard as far as these reach.
    seen = [rows[: 40 if number < BATCH else 60] for number, rows in enumerate(given)]
    net, twin = built(), built()
    names = estimate_statistics(net, given)
    expected = slow(twin, seen)
    assert set(names) == set(expected)
    state = net.state_dict()
    for name, values in expected.items():
        np.testing.assert_allclose(state[name].numpy(), values, rtol=1e-4, atol=1e-5)


def test_neither_the_order_of_windows_nor_chance_plays_a_part(rng: np.random.Generator) -> None:
    given = windows(rng, [50] * 7)
    first, second = built(), built()
    estimate_statistics(first, given)
    torch.manual_seed(99)
    estimate_statistics(second, given[::-1])
    for name, values in first.state_dict().items():
        torch.testing.assert_close(values, second.state_dict()[name])


def test_nothing_else_changes_and_the_network_is_in_eval_mode(rng: np.random.Generator) -> None:
    net = built().train()
    before = {name: values.clone() for name, values in net.state_dict().items()}
    names = estimate_statistics(net, windows(rng, [30, 45, 70]))
    changed = {name for name, values in net.state_dict().items() if not torch.equal(values, before[name])}
    assert changed == set(names)
    assert not net.training
    assert not any(module._forward_pre_hooks for module in net.modules())


def test_a_single_window_is_too_few(rng: np.random.Generator) -> None:
    with pytest.raises(RunError, match="statistics need at least two windows; add recordings"):
        estimate_statistics(built(), windows(rng, [50]))


@pytest.mark.parametrize("name", NETS.names)
def test_every_network_with_statistics_has_all_of_them_estimated(name: str) -> None:
    torch.manual_seed(2)
    net = NETS.get(name)(**TINY.get(name, {})).build(BANDS, CLASSES)
    sounds = INPUTS.get(name, Input())
    given = [sounds.draw(1, max(sounds.lengths))[0].numpy() for _ in range(3)]
    names = estimate_statistics(net, given)
    assert set(names) == {tensor for tensor in net.state_dict() if tensor.endswith(TENSORS)}
    assert bool(names) is bool(normalisations(net))
    with torch.inference_mode():
        assert torch.isfinite(net(torch.from_numpy(np.stack(given)), None)).all()
