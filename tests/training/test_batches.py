"""Sampling probabilities, the content of batches, and that an epoch is a function of its generator."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotone.augment.augmentations.log_mel import Equaliser
from emotone.augment.augmentations.waveform import TempoPitch
from emotone.features.windows import window_starts
from emotone.training.batches import (
    Batch,
    BatchSampler,
    Examples,
    PrefixOutputs,
    mix,
    pad,
    sampling_probabilities,
    split_windows,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emotone.augment.base import Augmentation


def slow(pairs: list[tuple[int, int]], balance: float) -> list[float]:
    counts = Counter(pairs)
    total = sum(count**balance for count in counts.values())
    return [counts[pair] ** balance / total / counts[pair] for pair in pairs]


@given(
    pairs=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), min_size=1, max_size=40),
    balance=st.floats(0.0, 1.0),
)
def test_chances_agree_with_the_slow_reference(pairs: list[tuple[int, int]], balance: float) -> None:
    corpora, labels = (np.array(column, np.int64) for column in zip(*pairs, strict=True))
    chances = sampling_probabilities(labels, corpora, balance=balance)
    np.testing.assert_allclose(chances, slow(pairs, balance), rtol=1e-9)
    assert chances.sum() == pytest.approx(1.0)


@pytest.mark.parametrize(("balance", "rare"), [(0.0, 0.5), (0.5, 0.25), (1.0, 0.1)])
def test_the_chance_of_a_rare_label(balance: float, rare: float) -> None:
    labels = np.array([0] * 9 + [1], np.int64)
    assert sampling_probabilities(labels, np.zeros(10, np.int64), balance=balance)[9] == pytest.approx(rare)


def numbered(count: int, *, lengths: tuple[int, ...] = (3, 8, 20)) -> Examples:
    """Return examples whose values encode (example, frame)."""
    features = tuple(
        (100 * (number + 1) + np.arange(lengths[number % len(lengths)], dtype=np.float32))[:, None].repeat(2, 1)
        for number in range(count)
    )
    return Examples(features, np.arange(count, dtype=np.int64), np.zeros(count, np.int64))


def batches(
    examples: Examples,
    seed: int,
    *,
    batch_size: int = 4,
    crop_frames: int = 8,
    augmentations: tuple[Augmentation, ...] = (),
    **changes: Any,
) -> list[Batch]:
    sampler = BatchSampler(
        batch_size=batch_size, crop_frames=crop_frames, augmentations=augmentations, **{"balance": 0.5, **changes}
    )
    return list(sampler.batches(examples, rng=np.random.default_rng(seed)))


def lengths_of(batch: Batch) -> NDArray[np.int64]:
    assert batch.lengths is not None
    return batch.lengths


def test_every_item_is_a_stretch_of_the_example_its_label_names() -> None:
    examples = numbered(9)
    for batch in batches(examples, 0):
        assert batch.inputs.shape == (4, 8, 2)
        assert batch.inputs.dtype == np.float32
        for rows, length, label in zip(batch.inputs, lengths_of(batch), batch.labels, strict=True):
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
    sampler = BatchSampler(batch_size=4, crop_frames=8, balance=0.5)
    assert [sampler.steps(count) for count in (1, 3, 8, 9, 11)] == [1, 1, 2, 2, 3]
    assert replace(sampler, steps_per_epoch=7).steps(11) == 7
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
        for rows, length in zip(batch.inputs, lengths_of(batch), strict=True):
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


def labelled(*counts: int, corpora: int = 1) -> Examples:
    """Return examples of 12 rows whose value is their number, `counts` of each label."""
    labels = np.repeat(np.arange(len(counts)), counts).astype(np.int64)
    features = tuple(np.full((12, 1), number, np.float32) for number in range(len(labels)))
    return Examples(features, labels, np.arange(len(labels), dtype=np.int64) % corpora)


@pytest.mark.parametrize("balance", [0.0, 1.0])
def test_equal_shares_give_each_label_the_same_places(balance: float) -> None:
    for batch in batches(labelled(3, 40), 0, batch_size=10, sampling="balanced", balance=balance, steps_per_epoch=20):
        assert np.bincount(batch.labels).tolist() == [5, 5]
        np.testing.assert_array_equal(batch.inputs[:, 0, 0] < 3, batch.labels == 0)


def test_what_is_left_over_of_a_batch_goes_at_random() -> None:
    counts = [
        np.bincount(batch.labels, minlength=4)
        for batch in batches(labelled(5, 9, 20, 1), 0, sampling="balanced", batch_size=10)
    ]
    counts += [
        np.bincount(batch.labels)
        for batch in batches(labelled(5, 9, 20, 1), 1, sampling="balanced", batch_size=10, steps_per_epoch=200)
    ]
    assert all(count.min() == 2 and count.max() == 3 for count in counts)
    np.testing.assert_allclose(np.mean(counts, axis=0), 2.5, atol=0.15)


def test_a_label_that_no_example_has_gets_no_place() -> None:
    examples = labelled(4, 0, 4)
    assert {
        label for batch in batches(examples, 0, sampling="balanced", batch_size=6) for label in batch.labels.tolist()
    } == {
        0,
        2,
    }


def test_within_a_label_every_example_is_as_likely_or_every_corpus() -> None:
    examples = labelled(4, 40)
    examples = replace(examples, corpora=np.array([0] * 4 + [0] * 38 + [1] * 2, np.int64))

    def share(balance: float) -> float:
        drawn = batches(examples, 0, sampling="balanced", batch_size=10, steps_per_epoch=400, balance=balance)
        numbers = np.concatenate([batch.inputs[batch.labels == 1, 0, 0] for batch in drawn])
        return float(np.mean(numbers >= 42))

    assert share(1.0) == pytest.approx(2 / 40, abs=0.02)
    assert share(0.0) == pytest.approx(0.5, abs=0.05)


def test_an_epoch_may_have_a_number_of_batches_of_its_own() -> None:
    assert len(batches(numbered(9), 0, steps_per_epoch=7)) == 7


def test_crops_hold_at_least_so_much_and_may_end_with_the_example() -> None:
    drawn = [batch for seed in range(20) for batch in batches(numbered(2, lengths=(12,)), seed, min_frames=6)]
    firsts = Counter(int(rows[0, 0]) % 100 for batch in drawn for rows in batch.inputs)
    assert set(firsts) == set(range(7))
    for batch in drawn:
        for rows, length in zip(batch.inputs, lengths_of(batch), strict=True):
            first = int(rows[0, 0]) % 100
            assert length == min(8, 12 - first)
            assert (rows[length:] == 0).all()
    assert {length for batch in drawn for length in lengths_of(batch).tolist()} == {6, 7, 8}


def test_what_plays_faster_is_given_more_so_that_crops_are_full() -> None:
    rng = np.random.default_rng(0)
    sound = Examples((rng.normal(size=(40000, 1)).astype(np.float32),), np.zeros(1, np.int64), np.zeros(1, np.int64))
    (batch,) = batches(sound, 0, crop_frames=19200, augmentations=(TempoPitch(slowest=1.1),), steps_per_epoch=1)
    assert lengths_of(batch).tolist() == [19200] * 4
    (batch,) = batches(sound, 0, crop_frames=19200, augmentations=(TempoPitch(fastest=0.9),), steps_per_epoch=1)
    assert lengths_of(batch).tolist() == [19200] * 4


@given(count=st.integers(2, 40), size=st.integers(2, 9), seed=st.integers(0, 9))
def test_shuffled_examples_come_once_per_epoch_in_an_order_of_their_own(count: int, size: int, seed: int) -> None:
    drawn = batches(labelled(count), seed, batch_size=size, sampling="shuffled")
    numbers = [batch.inputs[:, 0, 0].astype(int).tolist() for batch in drawn]
    assert len(drawn) == BatchSampler(batch_size=size, crop_frames=8, balance=0.5, sampling="shuffled").steps(count)
    assert all(len(given) == size for given in numbers[:-1])
    seen = [number for given in numbers for number in given]
    assert len(set(seen)) == len(seen) == (count - 1 if count % size == 1 else count)
    again = batches(labelled(count), seed, batch_size=size, sampling="shuffled")
    assert [batch.inputs[:, 0, 0].astype(int).tolist() for batch in again] == numbers


def test_a_shuffled_epoch_has_another_order_than_the_next() -> None:
    orders = {
        tuple(batches(labelled(9), seed, batch_size=9, sampling="shuffled")[0].inputs[:, 0, 0]) for seed in range(5)
    }
    assert len(orders) == 5


def test_a_single_example_is_a_batch_where_there_is_no_other() -> None:
    assert [len(batch.labels) for batch in batches(labelled(1), 0, sampling="shuffled")] == [1]


def test_examples_are_seen_from_their_start() -> None:
    examples = numbered(9)
    for batch in batches(examples, 0, crop_mode="start", min_frames=2):
        for rows, length, label in zip(batch.inputs, lengths_of(batch), batch.labels, strict=True):
            assert length == min(8, len(examples.features[label]))
            np.testing.assert_array_equal(rows[:length], examples.features[label][:length])
            assert (rows[length:] == 0).all()


@pytest.mark.parametrize("min_frames", [0, 3])
def test_windows_become_examples_with_the_label_of_their_recording(min_frames: int) -> None:
    examples = replace(numbered(3), corpora=np.array([4, 5, 6], np.int64))
    cut = split_windows(examples, window=8, hop=5, min_frames=min_frames, source_frames=8)
    slow = [
        (rows[start : start + 8], label, corpus)
        for rows, label, corpus in zip(examples.features, examples.labels, examples.corpora, strict=True)
        for start in window_starts(len(rows), window=8, hop=5, min_frames=min_frames)
    ]
    assert len(cut) == len(slow) == {0: 6, 3: 7}[min_frames]
    assert cut.labels.tolist() == [label for _, label, _ in slow]
    assert cut.corpora.tolist() == [corpus for _, _, corpus in slow]
    for rows, (expected, _, _) in zip(cut.features, slow, strict=True):
        np.testing.assert_array_equal(rows, expected)
        assert any(np.shares_memory(rows, whole) for whole in examples.features)


def test_windows_are_seen_whole_and_given_more_where_what_follows_makes_them_shorter() -> None:
    examples = numbered(1, lengths=(20,))
    (batch,) = batches(
        split_windows(examples, window=8, hop=6, min_frames=0, source_frames=8),
        0,
        batch_size=3,
        crop_mode="grid",
        balance=1.0,
    )
    assert {int(rows[0, 0]) % 100 for rows in batch.inputs} <= {0, 6, 12}
    assert lengths_of(batch).tolist() == [8] * 3
    assert [
        len(rows) for rows in split_windows(examples, window=8, hop=6, min_frames=0, source_frames=10).features
    ] == [10, 10, 8]


def test_given_windows_are_the_only_ones() -> None:
    examples = replace(numbered(2, lengths=(20, 9)), starts=(np.array([6, 12]), np.array([0])))
    cut = split_windows(examples, window=8, hop=6, min_frames=0, source_frames=8)
    assert [int(rows[0, 0]) % 100 for rows in cut.features] == [6, 12, 0]
    assert cut.labels.tolist() == [0, 0, 1]


def test_a_mixture_is_the_sum_of_two_by_their_shares_and_as_long_as_the_longer() -> None:
    values = np.array([0.0, 1.0, 10.0], np.float32)
    batch = Batch(np.tile(values[:, None, None], (1, 4, 2)), np.array([4, 2, 3]), np.array([0, 1, 2]))
    mixture = mix(batch, 1.0, np.random.default_rng(4))
    partner = mixture.mixed_labels  # labels are the examples' own numbers here
    assert partner is not None
    expected = mixture.weight * values + (1 - mixture.weight) * values[partner]
    assert 0 < mixture.weight < 1
    assert sorted(partner) == [0, 1, 2] != partner.tolist()
    assert mixture.inputs.dtype == np.float32
    np.testing.assert_allclose(mixture.inputs, np.tile(expected[:, None, None], (1, 4, 2)), rtol=1e-6)
    assert batch.lengths is not None
    np.testing.assert_array_equal(mixture.lengths, np.maximum(batch.lengths, batch.lengths[partner]))
    assert mixture.labels is batch.labels


def test_little_evenness_mixes_little_and_lengths_may_be_missing() -> None:
    batch = Batch(np.ones((2, 3), np.float32), None, np.array([0, 1]))
    rng = np.random.default_rng(1)
    shares = np.array([mix(batch, 0.05, rng).weight for _ in range(200)])
    even = np.array([mix(batch, 5.0, rng).weight for _ in range(200)])
    assert np.median(np.minimum(shares, 1 - shares)) < 1e-3
    assert np.median(np.minimum(even, 1 - even)) > 0.2
    assert mix(batch, 1.0, rng).lengths is None


def test_the_first_epoch_begins_with_the_shortest_examples() -> None:
    lengths = [9, 3, 7, 3, 12, 5]
    rows = tuple(np.full((length, 2), number, np.float32) for number, length in enumerate(lengths))
    examples = Examples(rows, np.zeros(6, np.int64), np.zeros(6, np.int64))
    sampler = BatchSampler(batch_size=2, crop_frames=20, balance=1.0, sampling="sorted-first", crop_mode="start")

    def order(*, is_first: bool) -> list[int]:
        drawn = sampler.batches(examples, rng=np.random.default_rng(0), is_first=is_first)
        return [int(number) for batch in drawn for number in batch.inputs[:, 0, 0]]

    assert order(is_first=True) == [1, 3, 5, 2, 0, 4]
    assert order(is_first=False) == np.random.default_rng(0).permutation(6).tolist()


def test_outputs_of_frozen_blocks_are_ordered_by_their_steps() -> None:
    zeros = np.zeros(3, np.int64)
    outputs = PrefixOutputs(np.zeros((3, 4), np.float32), np.array([3, 1, 2]), zeros, zeros, np.ones(3, np.int64))
    assert outputs.by_duration().tolist() == [1, 2, 0]
    assert replace(outputs, lengths=None).by_duration().tolist() == [0, 1, 2]
