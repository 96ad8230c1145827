"""Cepstra with deltas and pitch, and a recogniser's mean among the rows of another branch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from emotone.nets.blocks.reuse import (
    CepstralBranch,
    CepstralFeatures,
    Recogniser,
    deltas,
    mean_as_rows,
    mean_from_rows,
    mean_over_time,
)
from emotone.nets.blocks.transformer import whisper_layers


def slow_deltas(x: np.ndarray) -> np.ndarray:
    """Return the slope of a line through each row, the two before it and the two after it, by least squares."""
    edges = np.concatenate([x[:1]] * 2 + [x] + [x[-1:]] * 2)
    return np.array([np.polyfit(range(-2, 3), edges[row : row + 5], 1)[0] for row in range(len(x))])


@pytest.mark.parametrize("rows", [1, 2, 4, 9])
def test_a_delta_is_the_slope_of_a_regression_line(rows: int) -> None:
    x = np.random.default_rng(0).normal(size=(rows, 3))
    padded = torch.from_numpy(np.concatenate([x, np.full((3, 3), 50.0)]))[None]
    found = deltas(padded, torch.tensor([rows]))[0, :rows]
    np.testing.assert_allclose(found.numpy(), slow_deltas(x), atol=1e-12)


def test_features_are_cepstra_deltas_and_the_smoothed_pitch_each_standardised() -> None:
    x = torch.from_numpy(np.random.default_rng(1).normal(size=(1, 40, 4)))
    y, lengths = CepstralFeatures()(x, None)
    assert lengths is None
    assert y.shape == (1, 40, 7)
    torch.testing.assert_close(y.mean(dim=1), torch.zeros(1, 7).double(), atol=1e-12, rtol=0)
    torch.testing.assert_close((y**2).mean(dim=1), torch.ones(1, 7).double(), atol=1e-9, rtol=0)
    pitch = x[0, :, 3].numpy()
    smoothed = np.array([pitch[max(0, row - 7) : row + 8].mean() for row in range(40)])
    np.testing.assert_allclose(y[0, :, 6].numpy(), (smoothed - smoothed.mean()) / smoothed.std(), atol=1e-9)


def test_unvoiced_recordings_have_a_pitch_of_zero() -> None:
    x = torch.randn(2, 30, 5)
    x[..., 4] = 0.0
    y, _ = CepstralFeatures()(x, torch.tensor([30, 12]))
    assert (y[..., 8] == 0).all()
    assert (y[1, 12:] == 0).all()


def test_a_mean_is_laid_out_as_rows_and_read_back() -> None:
    mean, rows = torch.randn(2, 11), torch.randn(2, 6, 4)
    laid = torch.cat([mean_as_rows(mean, values=4), rows], dim=1)
    assert laid.shape == (2, 9, 4)
    read, rest = mean_from_rows(laid, 11)
    assert torch.equal(read, mean)
    assert torch.equal(rest, rows)


def test_the_recogniser_gives_its_outputs_or_their_mean_before_the_rows_of_the_other_branch() -> None:
    torch.manual_seed(0)
    layers = whisper_layers(6, width=8, heads=2, last=2)
    block = Recogniser(layers, bands=6).eval()
    x = torch.randn(2, 21, 6 + 3)
    lengths = torch.tensor([21, 9])
    y, steps = block(x[..., :6], lengths)
    assert steps is not None
    assert steps.tolist() == [11, 5]
    assert y.shape == (2, 11, 8)
    both, valid = block(x, lengths)
    assert valid is not None
    assert valid.tolist() == [24, 12]  # three rows hold eight values
    mean, rows = mean_from_rows(both, 8)
    torch.testing.assert_close(mean, mean_over_time(y, steps))
    torch.testing.assert_close(rows[0], x[0, :, 6:])
    assert (rows[1, 9:] == 0).all()
    assert block.description == "recogniser up to layer2"
    assert block.time_kernel(6) == 1500
    assert [name.partition(".")[0] for name in block.state_dict()][:2] == ["conv1", "conv1"]


def test_the_branch_returns_both_means() -> None:
    torch.manual_seed(0)
    block = CepstralBranch(5, 4, 3)
    mean, rows = torch.randn(2, 5), torch.randn(2, 30, 4)
    y, lengths = block(torch.cat([mean_as_rows(mean, values=4), rows], dim=1), None)
    assert lengths is None
    assert y.shape == (2, 5 + 6)
    torch.testing.assert_close(y[:, :5], mean)
    features, _ = block.features(rows, None)
    expected = block.gru2(block.gru1(features, None)[0], None)[0].mean(dim=1)
    torch.testing.assert_close(y[:, 5:], expected)
    assert isinstance(block.gru1.gru, nn.GRU)
    assert block.time_kernel(4) == 15
