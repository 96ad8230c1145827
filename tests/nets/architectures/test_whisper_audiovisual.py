"""The network on Whisper's layers and faces: its recipe, the faces of chunks, and clips with one of the two only."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from emotone.errors import ConfigError
from emotone.features.base import FaceTrack
from emotone.features.front_ends.audio_visual import AudioVisual
from emotone.nets.architectures.whisper_audiovisual import WhisperAudiovisual
from emotone.nets.architectures.whisper_encoder import WhisperEncoder
from emotone.recipes.library import load_net_recipe

SMALL: dict[str, Any] = {"layers": (1,), "width": 8, "heads": 2, "context_units": 3}


def test_the_recipe_reads_both_and_freezes_the_encoder() -> None:
    recipe = load_net_recipe("whisper-audiovisual")
    assert recipe.feature == AudioVisual(size=64, sound="whisper-log-mel")
    assert recipe.net_spec == WhisperAudiovisual(size=64)
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
def test_settings_out_of_range_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        WhisperAudiovisual(**settings)


def test_rows_without_sound_are_refused() -> None:
    with pytest.raises(ConfigError, match="81 values per row, and the rows have 80; use the front end audio-visual"):
        WhisperAudiovisual(size=64).build(80, 7)
