"""The house's plain net: which frames a step really sees, its size, and settings out of range."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.toy import TINY_NET, one_thread

from emotone.errors import ConfigError
from emotone.nets.architectures.log_mel_cnn import LogMelCnn
from emotone.nets.base import parameters, receptive_field

__all__ = ["one_thread"]
pytestmark = pytest.mark.usefixtures("one_thread")


def test_a_step_before_pooling_sees_as_many_frames_as_declared() -> None:
    spec = LogMelCnn(**TINY_NET)
    net = spec.build(64, 2).eval()
    with torch.no_grad():
        for value in net.parameters():
            value.abs_()  # nothing is cut off by a ReLU, so that every path to the input is open
    x = torch.rand(1, 1, 64, 200, requires_grad=True)  # what `level` gives, which itself sees all frames
    y: torch.Tensor = x
    for name, block in net.blocks.items():
        if name == "pool":
            break
        if name != "level":
            y, _ = block(y, None)
    step = y.shape[2] // 2
    y[0, :, step].sum().backward()  # type: ignore[no-untyped-call]
    assert x.grad is not None
    seen = torch.nonzero(x.grad.abs().sum(dim=(0, 1, 2)))[:, 0]
    assert int(seen[-1] - seen[0]) + 1 == receptive_field(spec.layers(64, 2)) == 41
    assert len(seen) == 41
    assert abs(int(seen.float().mean()) - 8 * step) <= 1  # strides multiply to 8, and the view is centred


def test_the_default_is_small() -> None:
    assert 100_000 < parameters(LogMelCnn().layers(64, 7)) < 400_000


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
