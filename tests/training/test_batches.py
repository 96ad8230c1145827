"""Which examples are drawn how often, what a batch holds, and that an epoch is a function of its generator."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotone.augment.equaliser import Equaliser
from emotone.training.batches import (
    Batch,
    Examples,
    epoch_batches,
    pad,
    sampling_probabilities,
    steps_per_epoch,
)

if TYPE_CHECKING:
    from emotone.augment.base import Augmentation


def slow(pairs: list[tuple[int, int]], balance: float) -> list[float]:
    counts = Counter(pairs)
    total = sum(count**balance for count in counts.values())
    return [counts[pair] ** balance / total / counts[pair] for pair in pairs]


@given(
    pairs=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), min_size=1, max_size=40),
    balance=st.floats(0.0, 1.0),
)
def test_chances_agree_with_the_slow_twin(pairs: list[tuple[int, int]], balance: float) -> None:
    corpora, labels = (np.array(column, np.int64) for column in zip(*pairs, strict=True))
    chances = sampling_probabilities(labels, corpora, balance=balance)
    np.testing.assert_allclose(chances, slow(pairs, balance), rtol=1e-9)
    assert chances.sum() == pytest.approx(1.0)


@pytest.mark.parametrize(("balance", "rare"), [(0.0, 0.5), (0.5, 0.25), (1.0, 0.1)])
def test_the_chance_of_a_rare_label(balance: float, rare: float) -> None:
    labels = np.array([0] * 9 + [1], np.int64)
    assert sampling_probabilities(labels, np.zeros(10, np.int64), balance=balance)[9] == pytest.approx(rare)


def numbered(count: int, *, lengths: tuple[int, ...] = (3, 8, 20)) -> Examples:
    """Return examples whose every value tells (example, frame)."""
    features = tuple(
        (100 * (number + 1) + np.arange(lengths[number % len(lengths)], dtype=np.float32))[:, None].repeat(2, 1)
        for number in range(count)
    )
    return Examples(features, np.arange(count, dtype=np.int64), np.zeros(count, np.int64))


def batches(
    examples: Examples,
    seed: int,
    *,
    batch: int = 4,
    crop: int = 8,
    augmentations: tuple[Augmentation, ...] = (),
) -> list[Batch]:
    drawn = epoch_batches(
        examples,
        batch=batch,
        crop=crop,
        balance=0.5,
        augmentations=augmentations,
        rng=np.random.default_rng(seed),
    )
    return list(drawn)


def test_every_item_is_a_stretch_of_the_example_its_label_names() -> None:
    examples = numbered(9)
    for batch in batches(examples, 0):
        assert batch.inputs.shape == (4, 8, 2)
        assert batch.inputs.dtype == np.float32
        for rows, length, label in zip(batch.inputs, batch.lengths, batch.labels, strict=True):
            whole = examples.features[label]
            assert length == min(8, len(whole))
            first = int(rows[0, 0]) - 100 * (label + 1)
            np.testing.assert_array_equal(rows[:length], whole[first : first + length])
            assert (rows[length:] == 0).all()


def test_crops_come_from_everywhere() -> None:
    examples = numbered(2, lengths=(12,))
    firsts = {int(rows[0, 0]) % 100 for seed in range(20) for batch in batches(examples, seed) for rows in batch.inputs}
    assert firsts == {0, 1, 2, 3, 4}


def test_an_epoch_has_about_as_many_examples_as_there_are_and_full_batches() -> None:
    assert [steps_per_epoch(count, 4) for count in (1, 3, 8, 9, 11)] == [1, 1, 2, 2, 3]
    assert [len(batch.labels) for batch in batches(numbered(11), 0)] == [4, 4, 4]
    assert [len(batch.labels) for batch in batches(numbered(1), 0)] == [4]


def test_the_same_generator_gives_the_same_batches_and_another_gives_others() -> None:
    augmentations = (Equaliser(),)
    first, second = (batches(numbered(9), 3, augmentations=augmentations) for _ in range(2))
    other = batches(numbered(9), 4, augmentations=augmentations)
    for one, two in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.inputs, two.inputs)
        np.testing.assert_array_equal(one.labels, two.labels)
    assert any(not np.array_equal(one.inputs, two.inputs) for one, two in zip(first, other, strict=True))


def test_augmentations_change_the_crop_not_the_padding_nor_the_example() -> None:
    examples = numbered(9)
    before = [item.copy() for item in examples.features]
    for plain, changed in zip(batches(examples, 0), batches(examples, 0, augmentations=(Equaliser(),)), strict=True):
        assert not np.array_equal(plain.inputs, changed.inputs)
        break  # later batches draw other examples, since augmentations draw too
    for batch in batches(examples, 0, augmentations=(Equaliser(),)):
        for rows, length in zip(batch.inputs, batch.lengths, strict=True):
            assert (rows[length:] == 0).all()
    for item, kept in zip(examples.features, before, strict=True):
        np.testing.assert_array_equal(item, kept)


def test_draws_follow_the_chances() -> None:
    labels = np.array([0] * 9 + [1], np.int64)
    examples = Examples(tuple(np.ones((4, 1), np.float32) for _ in labels), labels, np.zeros(10, np.int64))
    drawn = np.concatenate([batch.labels for seed in range(300) for batch in batches(examples, seed)])
    assert np.mean(drawn) == pytest.approx(0.25, abs=0.03)


def test_padding_to_the_longest_or_to_a_length() -> None:
    items = [np.ones((2, 3), np.float32), np.ones((4, 3), np.float32)]
    stacked, lengths = pad(items)
    assert stacked.shape == (2, 4, 3)
    assert lengths.tolist() == [2, 4]
    assert stacked.sum(axis=(1, 2)).tolist() == [6, 12]
    assert pad(items, 9)[0].shape == (2, 9, 3)
