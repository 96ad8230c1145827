"""Cleaning: anomalies become the median, values are centred and scaled by the training data."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from emotone.nets.blocks.cleaning import Centre, FittedBlock, Limits, Scale


def test_before_fitting_values_are_unchanged() -> None:
    x = torch.randn(3, 5, 4)
    for block in (Limits(4, share=0.01), Centre(4), Scale(4)):
        assert torch.equal(block(x, None)[0], x)


def test_values_beyond_the_range_become_the_median(rng: np.random.Generator) -> None:
    rows = rng.uniform(-1, 1, (2000, 2)).astype(np.float32)
    rows[:5] = 50.0
    block = Limits(2, share=0.01)
    cleaned = block.fit(rows, np.random.default_rng(0))
    assert (cleaned[:5] == block.median.numpy()).all()
    assert np.abs(block.median.numpy()).max() < 0.1
    assert np.mean(cleaned != rows) == pytest.approx(0.01, abs=0.002)
    new = torch.tensor([[0.5, -70.0]])
    assert block(new, None)[0].tolist() == [[0.5, float(block.median[1])]]


def test_values_at_a_common_limit_are_no_anomalies() -> None:
    rows = np.zeros((100, 1), np.float32)
    assert (Limits(1, share=0.1).fit(rows, np.random.default_rng(0)) == 0).all()


def test_a_share_of_zero_replaces_nothing(rng: np.random.Generator) -> None:
    rows = rng.standard_cauchy((500, 3)).astype(np.float32)
    np.testing.assert_array_equal(Limits(3, share=0.0).fit(rows, rng), rows)


def test_fitted_values_have_mean_0_and_deviation_1_and_constants_stay(rng: np.random.Generator) -> None:
    rows = (5 + 3 * rng.standard_normal((1000, 3))).astype(np.float32)
    rows[:, 2] = 7.0
    made = Scale(3).fit(Centre(3).fit(rows, rng), rng)
    np.testing.assert_allclose(made.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(made.std(axis=0), [1, 1, 0], atol=1e-4)


def test_the_base_has_no_statistics() -> None:
    with pytest.raises(NotImplementedError):
        FittedBlock().fit(np.zeros((1, 1), np.float32), np.random.default_rng(0))
