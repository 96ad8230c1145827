"""Published networks of sound events: MobileNetV3 (mn04) and YAMNet."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile
import torch

from emotone.audio.samples import resample
from emotone.errors import ConfigError
from emotone.features.front_ends.log_mel import VggishLogMel, rows_of_emphasised
from emotone.nets.architectures.sound_events import Mn04, Yamnet
from emotone.nets.blocks.mobilenet import (
    BandImage,
    ConvNorm,
    InvertedBottleneck,
    MeanEmbedding,
    PatchImage,
    SqueezeExcitation,
)
from emotone.nets.blocks.spectrogram import SameConvolution
from emotone.nets.layers import layer_table, parameter_count, receptive_field
from emotone.transfer.source import SOURCES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from emotone.nets.blocks.base import Block, Network
    from emotone.types import Array

pytestmark = pytest.mark.usefixtures("one_thread")


# ----------------------------------------------------------------------------------------------------------------------
# MobileNetV3: its blocks, and mn04 with its published weights.

# ----------------------------------------------------------------------------------------------------------------------
# Blocks of MobileNetV3: padded batches agree with single inputs, and shapes decide on the parts of a bottleneck.


@pytest.mark.parametrize(
    "block",
    [
        ConvNorm(2, 3, 3, stride=2, activation="hard-swish"),
        InvertedBottleneck((2, 4, 2), kernel=5, stride=1, squeezed=2, activation="relu"),
        InvertedBottleneck((2, 2, 3), kernel=3, stride=2, squeezed=0, activation="hard-swish"),
        MeanEmbedding(2, 3),
    ],
    ids=["convolution", "bottleneck", "bottleneck with stride", "mean"],
)
@pytest.mark.parametrize("length", [1, 4, 7])
def test_padded_batches_agree_with_single_inputs(block: Block, length: int) -> None:
    torch.manual_seed(0)
    block.eval()
    x = torch.randn(1, 2, 6, length)
    longer = torch.cat([x, torch.zeros(1, 2, 6, 5)], dim=3)
    alone, _ = block(x, None)
    padded, lengths = block(longer, torch.tensor([length]))
    if lengths is not None:
        assert lengths.tolist() == [alone.shape[3]]
        assert (padded[..., alone.shape[3] :] == 0).all()
        padded = padded[..., : alone.shape[3]]
    torch.testing.assert_close(padded, alone, atol=1e-6, rtol=1e-5)


def test_the_input_is_added_where_shapes_are_equal() -> None:
    block = InvertedBottleneck((2, 4, 2), kernel=3, stride=1, squeezed=0, activation="relu").eval()
    torch.nn.init.zeros_(block.project.norm.weight)
    x = torch.randn(1, 2, 6, 5)
    assert torch.equal(block(x, None)[0], x)


@pytest.mark.parametrize(
    ("channels", "squeezed", "description", "parts"),
    [
        ((2, 4, 2), 2, "inverted bottleneck 3x3 of 4, stride 1, squeeze and excitation", {"expand", "excite"}),
        ((2, 2, 2), 0, "inverted bottleneck 3x3 of 2, stride 1", set()),
    ],
)
def test_shapes_decide_on_the_parts(
    channels: tuple[int, int, int], squeezed: int, description: str, parts: set[str]
) -> None:
    block = InvertedBottleneck(channels, kernel=3, stride=1, squeezed=squeezed, activation="relu")
    assert block.description == description
    assert {name for name, _ in block.named_children()} == {"depthwise", "project"} | parts


def test_excitation_weights_channels_by_their_means() -> None:
    torch.manual_seed(0)
    block = SqueezeExcitation(3, squeezed=2)
    x = torch.rand(1, 3, 4, 5)
    means = x.mean(dim=(2, 3))
    weight = torch.sigmoid(block.weigh(torch.relu(block.squeeze(means))))
    torch.testing.assert_close(block(x, None)[0], x * weight[:, :, None, None])


def test_an_image_is_shifted_scaled_and_transposed() -> None:
    x = torch.arange(6.0).reshape(1, 3, 2)  # three rows of two bands
    image, _ = BandImage(shift=1.0, scale=2.0)(x, None)
    assert image.tolist() == [[[[0.5, 1.5, 2.5], [1.0, 2.0, 3.0]]]]


def test_a_patch_image_is_filled_with_silence() -> None:
    block = PatchImage(BandImage(shift=0.0, scale=1.0), rows=3, silence=-9.0)
    image, lengths = block(torch.ones(2, 2, 1), torch.tensor([2, 1]))
    assert image[:, 0, 0].tolist() == [[1, 1, -9], [1, -9, -9]]
    assert lengths is None
    assert block.time_kernel(1) == 3


# ----------------------------------------------------------------------------------------------------------------------
# mn04: the published number of parameters, and its published values where its weights are.

ATOL = 1e-4  # golden values are rounded to four digits


def original_rows(sound: Array) -> Array:
    """Return the original's rows: windows centred on multiples of the hop, the ends mirrored."""
    emphasised = sound[1:] - np.float32(0.97) * sound[:-1]
    return rows_of_emphasised(np.pad(emphasised, 400, mode="reflect"))


def test_parameters_are_those_of_the_published_network() -> None:
    assert parameter_count(layer_table(Mn04(), 128, 527)) == 983_599


def test_the_hidden_layer_of_the_classifier_is_counted() -> None:
    assert layer_table(Mn04(hidden=100), 128, 4)[-1].parameters == 513 * 100 + 101 * 4


def test_with_rows_a_segment_is_filled_with_silence() -> None:
    torch.manual_seed(0)
    patched, plain = Mn04(width=0.2, rows=100).build(64, 4).eval(), Mn04(width=0.2).build(64, 4).eval()
    plain.load_state_dict(patched.state_dict())  # the same tensors under the same names
    x = torch.randn(2, 100, 64) - 8
    whole = x.clone()
    whole[1, 37:] = math.log(1e-5)
    with torch.inference_mode():
        expected = plain(whole)
        assert not torch.allclose(plain(x[1:, :37])[0], expected[1], atol=1e-4)
        torch.testing.assert_close(patched(x, torch.tensor([100, 37])), expected, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(patched(x[1:, :37])[0], expected[1], atol=1e-5, rtol=1e-5)
        longer = torch.cat([whole, x], dim=1)  # later rows are ignored
        torch.testing.assert_close(patched(longer), expected, atol=1e-5, rtol=1e-5)


def test_with_rows_the_layer_table_has_a_fixed_size() -> None:
    (patch, *others), (plain, *same) = layer_table(Mn04(rows=100), 128, 4), layer_table(Mn04(), 128, 4)
    assert (patch.kind, patch.output) == ("the first 100 rows to an image, shifted and scaled", "1 x 128 x 100")
    assert (plain.kind, plain.output) == ("rows to an image, shifted and scaled", "1 x 128 x T")
    assert [(layer.name, layer.kind, layer.parameters) for layer in others] == [
        (layer.name, layer.kind, layer.parameters) for layer in same
    ]
    assert receptive_field((patch, *others)) == 100


@pytest.mark.shared
def test_the_published_network_returns_its_published_values(shared: Path) -> None:
    """Golden values come from another program; with its padding they agree within their rounding."""
    file = shared / "sources/mn04_as_mAP_432.pt"
    if not file.exists():
        pytest.skip("mn04's weights are not in sources/")
    reference = json.loads((shared / "sources/reference.json").read_text())
    net = Mn04().build(128, 527).eval()
    tensors = SOURCES.get("mn04").read(file).tensors
    net.load_state_dict({name: torch.from_numpy(values) for name, values in tensors.items()})
    for path, golden in reference.items():
        signal, rate = soundfile.read(shared / "corpora" / path, dtype="float32")
        rows = torch.from_numpy(original_rows(resample(signal, rate=rate, to=32000)))[None]
        assert rows.shape[1] == golden["mn04"]["mel_shape"][2]
        pooled, lengths = rows, None
        with torch.inference_mode():
            for name, block in net.blocks.items():
                if name == "embedding":
                    break
                pooled, lengths = block(pooled, lengths)
            probabilities = net(rows).sigmoid()[0].numpy()
        means = pooled.mean(dim=(2, 3))[0, :8].numpy()
        np.testing.assert_allclose(means, golden["mn04"]["pooled_384_first8"], atol=ATOL)
        for index, _, probability in golden["mn04"]["top"]:
            assert probabilities[index] == pytest.approx(probability, abs=ATOL)


# ----------------------------------------------------------------------------------------------------------------------
# YAMNet: the published number of parameters, silence, TensorFlow's padding, and the published values.


def embedded(net: Network, x: torch.Tensor) -> torch.Tensor:
    """Return the input of the classifier."""
    lengths = None
    for name, block in net.blocks.items():
        if name == "classifier":
            break
        x, lengths = block(x, lengths)
    return x


def test_parameters_of_yamnet_are_those_of_the_published_network() -> None:
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


@pytest.mark.shared
def test_the_published_yamnet_returns_its_published_values(shared: Path) -> None:
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


# ----------------------------------------------------------------------------------------------------------------------
# Settings.


@pytest.mark.parametrize(
    ("net", "settings", "message"),
    [
        (Mn04, {"width": 0.0}, r"mn04 needs width > 0; given 0.0"),
        (Mn04, {"width": 11.0}, r"mn04 needs width <= 10; given 11.0"),
        (Mn04, {"dropout": -0.1}, r"mn04 needs 0 <= dropout < 1; given -0.1"),
        (Mn04, {"rows": -1}, r"mn04 needs rows >= 0, where 0 reads all rows; given -1"),
        (Yamnet, {"width": 0.0}, r"yamnet needs width > 0; given 0.0"),
        (Yamnet, {"width": math.inf}, r"yamnet needs width > 0; given inf"),
        (Yamnet, {"offset": 0.0}, r"yamnet needs offset > 0, the offset of its front end; given 0.0"),
        (Yamnet, {"hidden": -1}, r"yamnet needs hidden >= 0, where 0 means no hidden layer; given -1"),
        (Yamnet, {"dropout": 1.0}, r"yamnet needs 0 <= dropout < 1; given 1.0"),
    ],
)
def test_settings_out_of_range_are_refused(net: Callable[..., object], settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        net(**settings)
