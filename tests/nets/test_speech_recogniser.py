"""The recogniser with recurrent layers: sizes, padding, names of layers, and that CTC trains it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.toy import one_thread

from emotone.errors import ConfigError
from emotone.metrics.transcription import beam_text, greedy_text
from emotone.nets.speech_recogniser import BANDS, BLANK, SpeechRecogniser, layer_outputs

__all__ = ["one_thread"]
pytestmark = pytest.mark.usefixtures("one_thread")
TINY = SpeechRecogniser(units=6, layers=2, characters="AB ")


def test_a_step_is_two_rows_and_every_layer_has_a_name() -> None:
    torch.manual_seed(0)
    net = TINY.build().eval()
    with torch.no_grad():
        found = layer_outputs(net, torch.randn(2, 31, BANDS), None)
    assert list(found) == ["standardise", "conv1", "conv2", "gru1", "gru2", "characters"]
    shapes = {name: tuple(values.shape) for name, (values, _) in found.items()}
    assert shapes["conv1"] == (2, 32, 81, 16)
    assert shapes["conv2"] == (2, 32, 41, 16)
    assert shapes["gru1"] == shapes["gru2"] == (2, 16, 6)
    assert shapes["characters"] == (2, 16, 4)
    torch.testing.assert_close(found["characters"][0].exp().sum(dim=2), torch.ones(2, 16))
    assert all(block.description for block in net.blocks.values())


def test_padding_changes_nothing() -> None:
    torch.manual_seed(0)
    net = TINY.build().eval().double()
    items = [torch.randn(length, BANDS).double() for length in (1, 2, 9, 40)]
    x = torch.full((len(items), 45, BANDS), 7.0).double()
    for row, item in zip(x, items, strict=True):
        row[: len(item)] = item
    lengths = torch.tensor([len(item) for item in items])
    with torch.no_grad():
        together = layer_outputs(net, x, lengths)
        for index, item in enumerate(items):
            for name, (alone, _) in layer_outputs(net, item[None]).items():
                values, valid = together[name]
                assert valid is not None
                cut = values[index, ..., : valid[index]] if values.ndim == 4 else values[index, : valid[index]]
                torch.testing.assert_close(cut, alone[0], atol=1e-9, rtol=1e-9)


def test_the_directions_are_summed() -> None:
    torch.manual_seed(0)
    layer = TINY.build().eval().blocks["gru2"]
    x = torch.randn(1, 5, 6)
    with torch.no_grad():
        normed = layer.norm(x.transpose(1, 2)).transpose(1, 2)  # type: ignore[operator]
        both, _ = layer.gru(normed)  # type: ignore[operator]
        torch.testing.assert_close(layer(x, None)[0], both[..., :6] + both[..., 6:])


def test_ctc_training_learns_a_transcript() -> None:
    torch.manual_seed(0)
    net = TINY.build().train()
    x, lengths = torch.randn(2, 20, BANDS), torch.tensor([20, 16])
    texts = ["AB A", "BB"]
    codes = torch.tensor([[1 + TINY.characters.index(one) for one in text.ljust(4)] for text in texts])
    loss_of = torch.nn.CTCLoss(blank=BLANK)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.03)
    for _ in range(26):
        scores, steps = layer_outputs(net, x, lengths)["characters"]
        loss = loss_of(scores.transpose(0, 1), codes, steps, torch.tensor([4, 2]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert steps is not None
    for values, valid, text in zip(scores.detach().numpy().astype(np.float64), steps, texts, strict=True):
        assert greedy_text(values[:valid], TINY.characters, blank=BLANK) == text
        assert beam_text(values[:valid], TINY.characters, blank=BLANK) == text


def test_its_settings_are_checked() -> None:
    with pytest.raises(ConfigError, match="given 0 and 5"):
        SpeechRecogniser(units=0)
    with pytest.raises(ConfigError, match="each once; given 'AA'"):
        SpeechRecogniser(characters="AA")
