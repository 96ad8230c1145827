"""Heads fitted further on few embeddings: what changes, what stays, and which candidate is taken."""

from __future__ import annotations

import numpy as np
import pytest

from emotone.bundles.head import EmbeddingHead, OrdinarySpeech
from emotone.errors import RunError
from emotone.fitting.head_refit import CANDIDATES, USUAL, Refit, head_for_labels, refit_head, selected

KNOWN = ("anger", "neutral", "sadness")
VALUES = 6


@pytest.fixture
def head(rng: np.random.Generator) -> EmbeddingHead:
    ones = np.ones(VALUES, np.float32)
    weight = rng.normal(size=(VALUES, 3)).astype(np.float32)
    ordinary = OrdinarySpeech(np.zeros(VALUES, np.float32), -20.0, np.array([0.2, 0.6, 0.2], np.float32))
    return EmbeddingHead(0 * ones, ones, ones, weight, np.array([0.1, 0.2, 0.3], np.float32), 10.0, ordinary)


def drawn(head: EmbeddingHead, rng: np.random.Generator, *, count: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Return embeddings and the labels that the head gives them."""
    values = rng.normal(size=(count, VALUES)).astype(np.float32)
    return values, head.logits(values).argmax(axis=1)


def test_known_labels_keep_their_weights_and_new_ones_start_from_zeros(head: EmbeddingHead) -> None:
    changed = head_for_labels(head, KNOWN, ("neutral", "joy", "anger"))
    np.testing.assert_array_equal(changed.weight[:, [0, 2]], head.weight[:, [1, 0]])
    assert not changed.weight[:, 1].any()
    np.testing.assert_allclose(changed.bias, [0.2, 0.2, 0.1], atol=1e-6)
    assert changed.ordinary is not None
    np.testing.assert_allclose(changed.ordinary.prior, [0.6, 0.2, 0.2], atol=1e-6)
    assert head_for_labels(EmbeddingHead(**{**vars(head), "ordinary": None}), KNOWN, KNOWN).ordinary is None


def test_a_head_that_is_right_stays_as_it_is(head: EmbeddingHead, rng: np.random.Generator) -> None:
    values, truth = drawn(head, rng)
    groups = np.array([f"s{number % 4}" for number in range(len(truth))])
    found = refit_head(head, values, truth, groups, temperature=1.0, new_labels=False)
    assert found.refit == CANDIDATES[0] == Refit(adapted=False, strength=None)
    assert str(found.refit) == "unchanged"
    assert found.head is head
    assert found.temperature < 1  # all of its answers are right, so they may be more confident


def test_a_shift_of_all_recordings_is_adapted_to(head: EmbeddingHead, rng: np.random.Generator) -> None:
    values, truth = drawn(head, rng, count=200)
    shifted = values + 3 * head.weight[:, 0]  # towards anger
    groups = np.array([f"s{number % 5}" for number in range(200)])
    found = refit_head(head, shifted, truth, groups, temperature=1.0, new_labels=False)
    assert found.refit.adapted or found.refit.strength is not None
    assert (found.head.logits(shifted).argmax(axis=1) == truth).mean() > 0.9
    assert (head.logits(shifted).argmax(axis=1) == truth).mean() < 0.7


def test_other_labels_of_the_same_voices_are_learned(head: EmbeddingHead, rng: np.random.Generator) -> None:
    values, truth = drawn(head, rng, count=300)
    other = (truth + 1) % 3
    found = refit_head(head, values, other, np.full(300, "one"), temperature=1.0, new_labels=False)
    assert found.refit.strength is not None
    assert "last layer fitted with strength" in str(found.refit)
    assert (found.head.logits(values).argmax(axis=1) == other).mean() > 0.9


def test_a_new_label_is_always_fitted(head: EmbeddingHead, rng: np.random.Generator) -> None:
    values, truth = drawn(head, rng)
    changed = head_for_labels(head, KNOWN, ("anger", "joy", "sadness"))
    found = refit_head(changed, values, truth, np.full(60, ""), temperature=1.0, new_labels=True)
    assert found.refit.strength is not None


def test_too_few_recordings_are_refused(head: EmbeddingHead, rng: np.random.Generator) -> None:
    values, _ = drawn(head, rng, count=5)
    with pytest.raises(RunError, match="5 recordings with fewer than two labels"):
        refit_head(head, values, np.zeros(5, np.int64), np.full(5, "a"), temperature=1.0, new_labels=False)


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ([[1.0, 1.0, 1.0], [0.5, 0.6, 0.5]], 1),
        ([[1.0, 1.0, 1.0], [0.0, 1.9, 0.8]], 0),  # better on average, by less than two standard errors
        ([[1.0, 1.0, 1.0], [1.2, 1.3, 1.2]], 0),
        ([[1.0, 1.0, 1.0], [0.501, 0.501, 0.501], [0.5, 0.5, 0.5]], 1),  # equal in two digits: the first
    ],
)
def test_another_way_than_the_usual_one_must_be_clearly_better(losses: list[list[float]], expected: int) -> None:
    assert selected(np.array(losses), usual=0) == expected


def test_few_clips_are_fitted_in_the_usual_way(head: EmbeddingHead, rng: np.random.Generator) -> None:
    values, truth = drawn(head, rng, count=20)
    groups = np.array([f"s{number % 4}" for number in range(20)])
    found = refit_head(head, values, truth, groups, temperature=1.0, new_labels=False)
    assert found.refit == USUAL
    assert not found.candidates
    assert found.lines()[-1].endswith("(the usual way; too few clips to compare others)")
