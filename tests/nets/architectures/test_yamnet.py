"""YAMNet: the published number of parameters, silence, TensorFlow's padding, and the published values."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile
import torch
from tests.toy import one_thread

from emotone.audio.samples import resample
from emotone.errors import ConfigError
from emotone.features.front_ends.log_mel import VggishLogMel
from emotone.nets.architectures.yamnet import Yamnet
from emotone.nets.blocks.patch import SameConvolution
from emotone.nets.layers import layer_table, parameter_count
from emotone.transfer.source import SOURCES

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.nets.blocks.base import Network

__all__ = ["one_thread"]
pytestmark = pytest.mark.usefixtures("one_thread")
ATOL = 1e-4  # golden values are rounded to four digits


def embedded(net: Network, x: torch.Tensor) -> torch.Tensor:
    """Return the input of the classifier."""
    lengths = None
    for name, block in net.blocks.items():
        if name == "classifier":
            break
        x, lengths = block(x, lengths)
    return x


def test_parameters_are_those_of_the_published_network() -> None:
    assert parameter_count(layer_table(Yamnet(hidden=0), 64, 521)) == 3_729_481


def test_missing_rows_are_the_front_end_s_silence() -> None:
    spec = VggishLogMel(offset=0.001)
    sound = np.random.default_rng(5).normal(0, 0.1, 8000).astype(np.float32)
    padded = np.concatenate([sound, np.zeros(8000, np.float32)])
    net = Yamnet(width=0.125).build(64, 4).eval()
    with torch.inference_mode():
        alone, whole = (net(torch.from_numpy(spec.compute(one))[None]) for one in (sound, padded))
    torch.testing.assert_close(alone, whole, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("steps", "stride"), [(7, 1), (8, 1), (7, 2), (8, 2), (1, 2), (9, 3)])
def test_padding_is_tensorflow_s(steps: int, stride: int) -> None:
    """By definition: window i starts at i * stride - before, where before is half of the missing steps."""
    torch.manual_seed(0)
    convolution = SameConvolution(1, 1, kernel=3, stride=stride, size=(steps, steps))
    image = torch.rand(1, 1, steps, steps)
    outputs = math.ceil(steps / stride)
    before = max(0, (outputs - 1) * stride + 3 - steps) // 2
    weight = convolution.convolution.weight[0, 0]
    expected = torch.zeros(outputs, outputs)
    for row in range(outputs):
        for column in range(outputs):
            for i in range(3):
                for j in range(3):
                    time, band = row * stride - before + i, column * stride - before + j
                    if 0 <= time < steps and 0 <= band < steps:
                        expected[row, column] += weight[i, j] * image[0, 0, time, band]
    torch.testing.assert_close(convolution(image)[0, 0], expected.relu(), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"width": 0.0}, r"yamnet needs width > 0; given 0.0"),
        ({"width": math.inf}, r"yamnet needs width > 0; given inf"),
        ({"offset": 0.0}, r"yamnet needs offset > 0, the offset of its front end; given 0.0"),
        ({"hidden": -1}, r"yamnet needs hidden >= 0, where 0 means no hidden layer; given -1"),
        ({"dropout": 1.0}, r"yamnet needs 0 <= dropout < 1; given 1.0"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Yamnet(**settings)


@pytest.mark.shared
def test_the_published_network_returns_its_published_values(shared: Path) -> None:
    """Golden values come from another program: patches of 96 rows every 48, the mean of their probabilities."""
    file = shared / "sources/yamnet_dequant_fp16.npz"
    if not file.exists():
        pytest.skip("YAMNet's weights are not in sources/")
    reference = json.loads((shared / "sources/reference.json").read_text())
    net = Yamnet(hidden=0).build(64, 521).eval()
    tensors = SOURCES.get("yamnet").read(file).tensors
    net.load_state_dict({name: torch.from_numpy(values) for name, values in tensors.items()})
    for path, golden in reference.items():
        signal, rate = soundfile.read(shared / "corpora" / path, dtype="float32")
        sound = resample(signal, rate=rate, to=16000)
        rows = torch.from_numpy(VggishLogMel(offset=0.001).compute(sound))
        patches = torch.stack([rows[48 * place : 48 * place + 96] for place in range(golden["yamnet"]["patches"])])
        with torch.inference_mode():
            embedding = embedded(net, patches[:1])[0, :8].numpy()
            probabilities = net(patches).sigmoid().mean(dim=0).numpy()
        np.testing.assert_allclose(embedding, golden["yamnet"]["embedding_first_patch_first8"], atol=ATOL)
        for index, probability in golden["yamnet"]["top_mean"]:
            assert probabilities[index] == pytest.approx(probability, abs=ATOL)
