"""The default architecture: the frames that a step depends on, its size, and settings out of range."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.toy import TINY_NET, one_thread

from emotone.errors import ConfigError
from emotone.nets.architectures.log_mel_cnn import LogMelCnn
from emotone.nets.layers import layer_table, parameter_count, receptive_field

__all__ = ["one_thread"]
pytestmark = pytest.mark.usefixtures("one_thread")


def test_a_step_before_pooling_depends_on_as_many_frames_as_declared() -> None:
    spec = LogMelCnn(**TINY_NET)
    net = spec.build(64, 2).eval()
    with torch.no_grad():
        for value in net.parameters():
            value.abs_()  # no ReLU is negative, so gradients reach every input
    x = torch.rand(1, 1, 64, 200, requires_grad=True)  # the output of `level`, which depends on all frames
    y: torch.Tensor = x
    for name, block in net.blocks.items():
        if name == "pool":
            break
        if name != "level":
            y, _ = block(y, None)
    step = y.shape[2] // 2
    y[0, :, step].sum().backward()  # type: ignore[no-untyped-call]
    assert x.grad is not None
    inputs = torch.nonzero(x.grad.abs().sum(dim=(0, 1, 2)))[:, 0]
    assert int(inputs[-1] - inputs[0]) + 1 == receptive_field(layer_table(spec, 64, 2)) == 41
    assert len(inputs) == 41
    assert abs(int(inputs.float().mean()) - 8 * step) <= 1  # strides multiply to 8, and the inputs are centred


def test_the_default_is_small() -> None:
    assert 100_000 < parameter_count(layer_table(LogMelCnn(), 64, 7)) < 400_000


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"channels": (8, 8)}, r"log-mel-cnn needs 5 channels of at least 1; given \(8, 8\)"),
        ({"channels": (8, 8, 0, 8, 8)}, r"5 channels of at least 1"),
        ({"dropout": 1.0}, r"log-mel-cnn needs 0 <= dropout < 1; given 1.0"),
        ({"dropout": -0.1}, r"0 <= dropout < 1; given -0.1"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        LogMelCnn(**settings)
