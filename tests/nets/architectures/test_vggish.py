"""VGGish: the published layers and number of parameters, short segments."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from tests.toy import one_thread

from emotone.errors import ConfigError
from emotone.features.front_ends.vggish_log_mel import VggishLogMel
from emotone.nets.architectures.vggish import Vggish
from emotone.nets.blocks.patch import Patch
from emotone.nets.layers import layer_table

__all__ = ["one_thread"]
pytestmark = pytest.mark.usefixtures("one_thread")


def test_parameters_are_those_of_the_published_network() -> None:
    counts = {layer.name: layer.parameters for layer in layer_table(Vggish(), 64, 4)}
    assert sum(count for name, count in counts.items() if name.startswith("conv")) == 4_499_712
    assert sum(count for name, count in counts.items() if name != "classifier") == 72_141_184


def test_the_layers_are_those_of_the_papers_table() -> None:
    outputs = {layer.name: layer.output for layer in layer_table(Vggish(), 64, 4)}
    assert outputs == {
        "patch": "1 x 96 x 64",
        "conv1": "64 x 48 x 32",
        "conv2": "128 x 24 x 16",
        "conv3_1": "256 x 24 x 16",
        "conv3_2": "256 x 12 x 8",
        "conv4_1": "512 x 12 x 8",
        "conv4_2": "512 x 6 x 4",
        "dense1": "4096",
        "dense2": "4096",
        "embedding": "128",
        "classifier": "4",
    }


@pytest.mark.parametrize(("hidden", "count"), [(0, 129 * 4), (100, 129 * 100 + 101 * 4), (400, 129 * 400 + 401 * 4)])
def test_the_classifier_has_a_hidden_layer_or_none(hidden: int, count: int) -> None:
    assert layer_table(Vggish(hidden=hidden), 64, 4)[-1].parameters == count


def test_a_patch_is_the_first_rows_filled_with_silence() -> None:
    patch = Patch(rows=4, silence=-5.0)
    x = torch.arange(12.0).reshape(2, 6, 1)
    image, lengths = patch(x, torch.tensor([3, 6]))
    assert image[:, 0, :, 0].tolist() == [[0, 1, 2, -5], [6, 7, 8, 9]]
    assert lengths is None
    assert patch(x[:, :2], None)[0][:, 0, :, 0].tolist() == [[0, 1, -5, -5], [6, 7, -5, -5]]


@pytest.mark.parametrize("samples", [1, 399, 8000, 15999])
def test_a_short_segment_equals_one_padded_with_zeros_to_a_second(samples: int) -> None:
    torch.manual_seed(0)
    net = Vggish(width=0.125).build(64, 4).eval()
    sound = np.random.default_rng(5).normal(0, 0.1, samples).astype(np.float32)
    padded = np.concatenate([sound, np.zeros(16000 - samples, np.float32)])
    with torch.inference_mode():
        alone, whole = (net(torch.from_numpy(VggishLogMel().compute(one))[None]) for one in (sound, padded))
    torch.testing.assert_close(alone, whole, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"width": -1.0}, r"vggish needs width > 0; given -1.0"),
        ({"hidden": -1}, r"vggish needs hidden >= 0, where 0 means no hidden layer; given -1"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Vggish(**settings)


def test_too_few_bands_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"vggish needs rows of at least 16 bands; given 15"):
        Vggish().build(15, 4)
