"""Masks: positions, lengths and values."""

from __future__ import annotations

import numpy as np

from emotone.augment.augmentations.spec_mask import MaskRanges, SpecMask


def test_masked_cells_take_the_mean_and_the_others_stay(rng: np.random.Generator) -> None:
    features = rng.normal(-9, 3, (20, 10)).astype(np.float32)
    masked = SpecMask().apply(features, MaskRanges(times=((2, 5),), bands=((0, 1), (8, 10))))
    hidden = np.zeros((20, 10), bool)
    hidden[2:5] = True
    hidden[:, [0, 8, 9]] = True
    np.testing.assert_array_equal(masked[hidden], np.full(hidden.sum(), features.mean()))
    np.testing.assert_array_equal(masked[~hidden], features[~hidden])


def test_masks_fit_and_reach_their_longest(rng: np.random.Generator) -> None:
    spec = SpecMask(times=3, time_share=0.2, bands=1, band_share=0.5)
    drawn = [spec.draw(rng, (50, 8)) for _ in range(300)]
    times = [stretch for masks in drawn for stretch in masks.times]
    bands = [stretch for masks in drawn for stretch in masks.bands]
    assert len(times) == 900
    assert len(bands) == 300
    assert all(0 <= first <= end <= 50 for first, end in times)
    assert all(0 <= first <= end <= 8 for first, end in bands)
    assert {end - first for first, end in times} == set(range(11))
    assert {end - first for first, end in bands} == set(range(5))
    assert {min(first for first, _ in times), max(end for _, end in times)} == {0, 50}


def test_no_masks_change_nothing(rng: np.random.Generator) -> None:
    features = rng.normal(-9, 3, (20, 10)).astype(np.float32)
    spec = SpecMask(times=0, bands=0)
    np.testing.assert_array_equal(spec.apply(features, spec.draw(rng, (20, 10))), features)
