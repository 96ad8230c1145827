"""Networks on spectrograms of chunks, and on log-mel bands; with Whisper and with faces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from tests.toy import TINY_NET

from emotone.errors import ConfigError, UnknownNameError
from emotone.features.base import FaceTrack
from emotone.features.front_ends.audio_visual import AudioVisual
from emotone.nets.architectures.audiovisual import WhisperAudiovisual
from emotone.nets.architectures.chunk_networks import ChunkMlp, SpectrogramCnn, SpectrogramLstm
from emotone.nets.architectures.log_mel_cnn import LogMelCnn
from emotone.nets.architectures.speech_encoders import WhisperEncoder, WhisperLstm
from emotone.nets.layers import layer_table, parameter_count, receptive_field
from emotone.recipes.library import load_net_recipe

if TYPE_CHECKING:
    from collections.abc import Callable


# ----------------------------------------------------------------------------------------------------------------------
# Networks on spectrograms of chunks, and on log-mel bands.

# ----------------------------------------------------------------------------------------------------------------------
# The baselines on hand-built values: the layers of table 2.


@pytest.mark.parametrize(
    ("name", "parameters"), [("softmax", 189), ("fc2", 27 * 64 + 455), ("fc3", 27 * 64 + 4160 + 455)]
)
def test_recipes_have_the_layers_of_table_2(name: str, parameters: int) -> None:
    recipe = load_net_recipe(f"spectrogram-{name}")
    net = recipe.net_spec.build(recipe.feature.dimension, 7)
    assert sum(value.numel() for value in net.parameters()) == parameters
    assert recipe.windows.frames(recipe.feature) == (1, 1)


def test_only_the_first_row_counts() -> None:
    net = ChunkMlp().build(26, 7).eval()
    x = torch.randn(2, 3, 26)
    assert torch.equal(net(x), net(x[:, :1]))


# ----------------------------------------------------------------------------------------------------------------------
# Convolutions on spectrograms of chunks: the numbers of parameters of the paper's layers.


def test_parameters_of_r1() -> None:
    # 1024 filters of 64 x 5 in two channels; 32 steps after pooling; 64 and 7 units.
    expected = 1024 * (2 * 64 * 5 + 1) + 64 * (1024 * 32 + 1) + 7 * 65
    assert parameter_count(layer_table(SpectrogramCnn(), 128, 7)) == expected


def test_parameters_of_s1() -> None:
    expected = 16 * (2 * 25 + 1) + 64 * (16 * 32 * 32 + 1) + 7 * 65
    assert parameter_count(layer_table(SpectrogramCnn(filters=(16,), whole=False), 128, 7)) == expected


@pytest.mark.parametrize(
    ("name", "filters", "height", "width"),
    [
        ("s1", (16,), 5, 5),
        ("s2", (32,), 5, 5),
        ("s3", (16, 32), 5, 5),
        ("s4", (256,), 5, 5),
        ("r1", (1024,), 64, 5),
        ("r2", (32,), 64, 5),
        ("r3", (16, 32), 64, 5),
        ("r4", (128,), 64, 10),
        ("r5", (1024,), 64, 10),
        ("r6", (1024,), 64, 5),
    ],
)
def test_recipes_have_the_filters_of_table_4(name: str, filters: tuple[int, ...], height: int, width: int) -> None:
    recipe = load_net_recipe(f"spectrogram-{name}")
    net = recipe.net_spec.build(recipe.feature.dimension, 7)
    weights = [net.get_parameter(f"blocks.conv{number}.convolution.weight") for number in range(1, len(filters) + 1)]
    assert tuple(len(weight) for weight in weights) == filters
    assert weights[0].shape[1:] == (2, height, width)
    assert recipe.windows.frames(recipe.feature) == (64, 64)
    assert net(torch.randn(2, 64, 128)).shape == (2, 7)


def test_filters_as_high_as_the_image_move_over_time_only() -> None:
    net = SpectrogramCnn(filters=(3,)).build(128, 7)
    x = torch.randn(1, 64, 128)
    for name in ("chunk", "limits", "centre", "image", "conv1"):
        x, _ = net.blocks[name](x, None)
    assert x.shape == (1, 3, 1, 32)


def test_rows_of_one_channel_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"needs rows of 2 channels; given 65 values per row"):
        SpectrogramCnn().build(65, 7)


# ----------------------------------------------------------------------------------------------------------------------
# The network with context: recipes, the layers that it shares with `spectrogram-cnn`, and refused settings.


def test_parameters_on_raw_chunks_are_those_of_an_lstm() -> None:
    expected = 4 * 128 * (64 * 128 + 128 + 2) + 7 * 129
    assert parameter_count(layer_table(SpectrogramLstm(filters=()), 128, 7)) == expected


@pytest.mark.parametrize(
    ("name", "context", "filters"),
    [
        ("spectrogram-lstm", "lstm", (1024,)),
        ("spectrogram-lstm-bidirectional", "bidirectional-lstm", (1024,)),
        ("spectrogram-lstm-chunks", "lstm", ()),
        ("spectrogram-lstm-r1", "lstm", (1024,)),
        ("spectrogram-attention", "attention", (1024,)),
    ],
)
def test_recipes(name: str, context: str, filters: tuple[int, ...]) -> None:
    recipe = load_net_recipe(name)
    spec = recipe.net_spec
    assert isinstance(spec, SpectrogramLstm)
    assert (spec.context, spec.filters) == (context, filters)
    assert recipe.windows.frames(recipe.feature) == (1024, 1024)


def test_a_chunk_has_the_hidden_layer_of_the_network_without_context() -> None:
    cnn = SpectrogramCnn(filters=(3, 4), units=5).build(128, 7)
    net = SpectrogramLstm(filters=(3, 4), units=5).build(128, 7)
    shared = {name: value for name, value in cnn.state_dict().items() if "classifier" not in name}
    assert net.load_state_dict(shared, strict=False).unexpected_keys == []
    x = torch.randn(1, 128, 128)
    y, lengths = x, None
    for name in ("chunk", "limits", "centre", "image", "conv1", "conv2", "hidden"):
        y, lengths = net.blocks[name](y, lengths)
    for place, rows in enumerate((x[:, :64], x[:, 64:])):
        alone = rows
        for name in ("chunk", "limits", "centre", "image", "conv1", "conv2", "hidden"):
            alone, _ = cnn.blocks[name](alone, None)
        torch.testing.assert_close(y[:, place], alone)


def test_an_unknown_context_is_refused_with_the_nearest() -> None:
    with pytest.raises((ConfigError, UnknownNameError), match="did you mean 'attention'"):
        SpectrogramLstm(context="atention")  # type: ignore[arg-type]


def test_attention_weighs_the_chunks_of_a_window() -> None:
    torch.manual_seed(0)
    net = SpectrogramLstm(filters=(4,), units=8, context="attention", context_units=4).build(128, 3).eval()
    assert net(torch.randn(2, 192, 128), torch.tensor([192, 128])).shape == (2, 3)


# ----------------------------------------------------------------------------------------------------------------------
# The default architecture: the frames that a step depends on, its size, and settings out of range.


@pytest.mark.usefixtures("one_thread")
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


@pytest.mark.usefixtures("one_thread")
def test_the_default_is_small() -> None:
    assert 100_000 < parameter_count(layer_table(LogMelCnn(), 64, 7)) < 400_000


# ----------------------------------------------------------------------------------------------------------------------
# Settings.


@pytest.mark.parametrize(
    ("net", "settings", "message"),
    [
        (ChunkMlp, {"depth": -1}, r"chunk-mlp needs depth >= 0 and units >= 1; given -1 and 64"),
        (
            SpectrogramCnn,
            {"filters": (1, 2, 3)},
            r"one or two numbers of filters, width >= 1 and units >= 1; given \(1, 2, 3\), 5 and 64",
        ),
        (SpectrogramCnn, {"width": 0}, r"given \(1024,\), 0 and 64"),
        (SpectrogramCnn, {"slope": 1.0}, r"spectrogram-cnn needs 0 <= slope < 1; given 1.0"),
        (
            SpectrogramCnn,
            {"anomalies": -0.1},
            r"needs 0 <= anomalies < 1, a share of values; given -0.1",
        ),
        (SpectrogramLstm, {"filters": (1, 2, 3)}, r"no, one or two numbers of filters"),
        (SpectrogramLstm, {"context_units": 0}, r"context_units >= 1; given 0"),
        (SpectrogramLstm, {"context": "attention", "filters": ()}, r"needs filters with attention"),
        (LogMelCnn, {"channels": (8, 8)}, r"log-mel-cnn needs 5 channels of at least 1; given \(8, 8\)"),
        (LogMelCnn, {"channels": (8, 8, 0, 8, 8)}, r"5 channels of at least 1"),
        (LogMelCnn, {"dropout": 1.0}, r"log-mel-cnn needs 0 <= dropout < 1; given 1.0"),
        (LogMelCnn, {"dropout": -0.1}, r"0 <= dropout < 1; given -0.1"),
    ],
)
def test_settings_out_of_range_are_refused(net: Callable[..., object], settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        net(**settings)


# ----------------------------------------------------------------------------------------------------------------------
# The network on chunks of Whisper's layers: its recipe, the weights that fit it, and refused settings.


def test_the_recipe_freezes_the_encoder() -> None:
    recipe = load_net_recipe("whisper-lstm")
    assert recipe.net_spec == WhisperLstm()
    assert recipe.transfer is not None
    assert recipe.transfer.freeze == recipe.transfer.load
    assert recipe.windows.frames(recipe.feature) == (1024, 1024)  # 20 chunks of 512 ms


@pytest.mark.parametrize("context", ["lstm", "attention"])
def test_tensors_of_the_encoder_have_the_names_of_a_source(context: Any) -> None:
    sizes: dict[str, Any] = {"layers": (1, 2), "width": 8, "heads": 2}
    ours = WhisperLstm(**sizes, context=context, context_units=3).build(80, 7)
    theirs = WhisperEncoder(**sizes).build(80, 7).state_dict()
    encoder = {name: value for name, value in theirs.items() if name.split(".")[1].startswith(("conv", "pos", "layer"))}
    assert len(encoder) == 29
    assert ours.load_state_dict(encoder, strict=False).unexpected_keys == []


def test_statistics_of_training_leave_out_padding() -> None:
    torch.manual_seed(0)
    nets = [WhisperLstm(layers=(1,), width=8, heads=2, context_units=3).build(80, 7).train() for _ in range(2)]
    nets[1].load_state_dict(nets[0].state_dict())
    x = torch.randn(3, 60, 80)
    padded = torch.cat([x, torch.full((3, 200, 80), 5.0)], dim=1)
    for net, given in zip(nets, (x, padded), strict=True):
        net(given, torch.tensor([60, 60, 31]))
    means = [net.get_buffer("blocks.standardise.norm.running_mean") for net in nets]
    torch.testing.assert_close(means[0], means[1])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"layers": (3, 2)}, r"layers in ascending order"),
        ({"layers": (33,)}, r"at most 32 layers; given layer 33"),
        ({"width": 10, "heads": 3}, r"a width that its heads divide"),
        ({"context": "atention"}, r"did you mean 'attention'"),
        ({"context_units": 0}, r"context_units >= 1; given 0"),
    ],
)
def test_settings_of_whisper_lstm_out_of_range_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        WhisperLstm(**settings)


# ----------------------------------------------------------------------------------------------------------------------
# The network on Whisper's layers and faces: its recipe, the faces of chunks, and clips with one of the two only.

SMALL: dict[str, Any] = {"layers": (1,), "width": 8, "heads": 2, "context_units": 3}


def test_the_recipe_reads_both_and_freezes_the_encoder() -> None:
    recipe = load_net_recipe("whisper-audiovisual")
    assert recipe.feature == AudioVisual(size=64, sound="whisper-log-mel")
    assert recipe.net_spec == WhisperAudiovisual(size=64)
    assert recipe.net_spec.groups == (("encoder",), ("standardise", "branches"), ("context",), ("classifier",))
    assert recipe.transfer is not None
    assert recipe.transfer.load == recipe.transfer.freeze == ("encoder",)


def test_tensors_inside_the_encoder_have_the_names_of_a_source() -> None:
    ours = WhisperAudiovisual(**SMALL).build(92, 7).blocks["encoder"].state_dict()
    theirs = WhisperEncoder(layers=(1,), width=8, heads=2).build(80, 7).state_dict()
    assert {f"blocks.{name}" for name in ours} <= theirs.keys()


def test_chunks_have_the_faces_of_the_front_end(rng: np.random.Generator) -> None:
    feature = AudioVisual(size=24, sound="whisper-log-mel")
    faces = rng.random((3, 24, 24, 1), np.float32)
    faces[1] = 0.0  # none
    signal = rng.normal(0, 0.1, 3 * 8192).astype(np.float32)
    signal[:9000] = 0.0
    rows = feature.with_faces(feature.compute(signal), FaceTrack(faces, 0.512), start=0.0)
    block = WhisperAudiovisual(**SMALL).build(feature.dimension, 7).eval().blocks["encoder"]
    padded = torch.zeros(1, len(rows) + 60, feature.dimension)
    padded[0, : len(rows)] = torch.from_numpy(rows)
    y, counts = block(padded, torch.tensor([len(rows)]))
    assert counts.tolist() == [3]
    np.testing.assert_array_equal(y[0, 0, 0, 8:-2].detach().numpy(), faces[0].reshape(-1))
    np.testing.assert_array_equal(y[0, 2, 0, 8:-2].detach().numpy(), faces[2].reshape(-1))
    assert y[0, :3, 0, -2].tolist() == [0, 1, 1]
    assert y[0, :3, 0, -1].tolist() == [1, 0, 1]


def test_without_a_face_its_layers_have_no_effect_and_without_sound_the_encoder_has_none() -> None:
    net = WhisperAudiovisual(**SMALL).build(92, 7).eval()
    heard = torch.randn(1, 110, 92) - 4
    heard[..., 80:] = -11.5
    seen = torch.full((1, 110, 92), -10.0)
    seen[..., 80:] = torch.rand(1, 110, 12)
    before = [net(x, None) for x in (heard, seen)]
    with torch.no_grad():
        net.get_parameter("blocks.branches.face.conv1.convolution.weight").mul_(2)
    assert torch.equal(net(heard, None), before[0])
    with torch.no_grad():
        net.get_parameter("blocks.encoder.conv1.convolution.weight").mul_(2)
    assert not torch.equal(net(heard, None), before[0])
    face_only = net(seen, None)
    with torch.no_grad():
        net.get_parameter("blocks.encoder.conv2.convolution.weight").mul_(2)
    assert torch.equal(net(seen, None), face_only)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"layers": ()}, r"layers in ascending order"),
        ({"layers": (33,)}, r"at most 32 layers"),
        ({"heads": 3}, r"a width that its heads divide"),
        ({"modality_dropout": 0.6}, r"modality_dropout <= 0.5; given 0.6"),
        ({"size": 20}, r"multiple of 8 pixels"),
    ],
)
def test_settings_of_whisper_audiovisual_out_of_range_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        WhisperAudiovisual(**settings)


def test_rows_without_sound_are_refused() -> None:
    with pytest.raises(ConfigError, match="81 values per row, and the rows have 80; use the front end audio-visual"):
        WhisperAudiovisual(size=64).build(80, 7)
