"""Checkpoints of deepspeech.pytorch, on files that the tests write with its names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

from emotone.errors import SourceError
from emotone.nets.speech_recogniser import BANDS, SpeechRecogniser
from emotone.transfer.deep_speech import load_deep_speech

if TYPE_CHECKING:
    from pathlib import Path

CHARACTERS = "AB "
UNITS = 5


def checkpoint(*, layers: int = 2) -> dict[str, torch.Tensor]:
    """Return the state_dict of a small network of deepspeech.pytorch."""
    torch.manual_seed(3)
    parts: dict[str, nn.Module] = {
        "conv.seq_module.0": nn.Conv2d(1, 32, (41, 11)),
        "conv.seq_module.1": nn.BatchNorm2d(32),
        "conv.seq_module.3": nn.Conv2d(32, 32, (21, 11)),
        "conv.seq_module.4": nn.BatchNorm2d(32),
        "fc.0.module.0": nn.BatchNorm1d(UNITS),
        "fc.0.module.1": nn.Linear(UNITS, 1 + len(CHARACTERS), bias=False),
    }
    for number in range(layers):
        parts[f"rnns.{number}.rnn"] = nn.GRU(UNITS if number else 1312, UNITS, bidirectional=True)
        if number:
            parts[f"rnns.{number}.batch_norm.module"] = nn.BatchNorm1d(UNITS)
    return {f"{place}.{name}": value for place, part in parts.items() for name, value in part.state_dict().items()}


def save(path: Path, content: Any) -> Path:
    torch.save(content, path)
    return path


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("layers", [1, 3])
def test_a_checkpoint_becomes_a_network_of_its_size(tmp_path: Path, prefix: str, layers: int) -> None:
    state = checkpoint(layers=layers)
    path = save(tmp_path / "model.pth", {"state_dict": {f"{prefix}{name}": value for name, value in state.items()}})
    spec, network = load_deep_speech(path, characters=CHARACTERS)
    assert spec == SpeechRecogniser(units=UNITS, layers=layers, characters=CHARACTERS)
    assert torch.equal(network.blocks["conv2"].convolution.weight, state["conv.seq_module.3.weight"])  # type: ignore[arg-type, union-attr]
    last = network.blocks[f"gru{layers}"].gru
    name = f"rnns.{layers - 1}.rnn.weight_hh_l0_reverse"
    assert torch.equal(last.weight_hh_l0_reverse, state[name])  # type: ignore[arg-type, union-attr]
    assert not network.training
    with torch.no_grad():
        assert network(torch.randn(1, 20, BANDS)).shape == (1, 10, 4)


def test_a_checkpoint_of_another_shape_is_refused_with_what_differs(tmp_path: Path) -> None:
    state = checkpoint()
    state["conv.seq_module.0.weight"] = torch.zeros(32, 1, 11, 11)
    del state["fc.0.module.0.bias"]
    state["lookahead.0.conv.weight"] = torch.zeros(2)
    path = save(tmp_path / "model.pth", state)
    with pytest.raises(SourceError, match="does not contain a recogniser") as caught:
        load_deep_speech(path, characters=CHARACTERS)
    message = str(caught.value)
    assert "missing: blocks.characters.norm.bias" in message
    assert "unexpected: lookahead.0.conv.weight" in message
    assert "blocks.conv1.convolution.weight has 32 x 1 x 11 x 11, expected 32 x 1 x 41 x 11" in message


def test_other_characters_are_another_shape(tmp_path: Path) -> None:
    path = save(tmp_path / "model.pth", checkpoint())
    with pytest.raises(SourceError, match=r"blocks.characters.linear.weight has 4 x 5, expected 29 x 5"):
        load_deep_speech(path)


def test_a_file_of_another_network_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "other.pth", nn.Linear(2, 2).state_dict())
    with pytest.raises(SourceError, match="it has no layer rnns"):
        load_deep_speech(path)
