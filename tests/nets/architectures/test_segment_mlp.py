from __future__ import annotations

from typing import Any

import pytest
import torch

from emotone.errors import ConfigError
from emotone.nets.architectures.segment_mlp import SegmentMlp
from emotone.nets.layers import layer_table, parameter_count


def test_parameters_of_the_papers_best() -> None:
    assert parameter_count(layer_table(SegmentMlp(), 64, 4)) == (
        (96 * 64 + 1) * 200 + 2 * 200  # first layer and normalisation
        + 201 * 200 + 2 * 200
        + 201 * 4
    )  # fmt: skip


def test_dropout_and_normalisation_follow_every_layer() -> None:
    names = [type(one).__name__ for one in SegmentMlp(depth=3, units=5).build(64, 4).blocks["hidden"].modules()]
    parts = [name for name in names if name in {"Linear", "Dropout", "BatchNorm1d"}]
    assert parts == ["Linear", "Dropout", "BatchNorm1d"] * 2


def test_dropout_acts_in_training_only() -> None:
    torch.manual_seed(0)
    net = SegmentMlp(units=20).build(64, 4)
    x = torch.randn(4, 96, 64)
    assert not torch.equal(net(x), net(x))
    net.eval()
    assert torch.equal(net(x), net(x))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"depth": 1}, r"segment-mlp needs depth >= 2 and units >= 1; given 1 and 200"),
        ({"units": 0}, r"segment-mlp needs depth >= 2 and units >= 1; given 2 and 0"),
        ({"offset": -1.0}, r"segment-mlp needs offset > 0, the offset of its front end; given -1.0"),
        ({"dropout": 1.0}, r"segment-mlp needs 0 <= dropout < 1; given 1.0"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SegmentMlp(**settings)
