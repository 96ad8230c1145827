"""Windows with those before them: against a slow twin, in any pieces, and across silence."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotone.inference.context import Context
from emotone.inference.pooling import combined

if TYPE_CHECKING:
    from numpy.typing import NDArray


def slow_context(
    probabilities: NDArray[np.float64], speech: NDArray[np.bool_], windows: int
) -> list[NDArray[np.float64]]:
    told = []
    for number, alone in enumerate(probabilities):
        first = number
        while speech[number] and first > max(0, number - windows + 1) and speech[first - 1]:
            first -= 1
        logits = np.log(probabilities[first : number + 1]).mean(axis=0)
        told.append(np.exp(logits) / np.exp(logits).sum() if speech[number] else alone)
    return told


@given(
    seed=st.integers(0, 2**32 - 1),
    windows=st.integers(1, 5),
    count=st.integers(0, 12),
    cuts=st.lists(st.integers(0, 12), max_size=3),
)
def test_any_pieces_agree_with_the_slow_twin(seed: int, windows: int, count: int, cuts: list[int]) -> None:
    rng = np.random.default_rng(seed)
    probabilities, speech = rng.dirichlet(np.ones(3), size=count), rng.random(count) < 0.8
    context = Context(windows)
    edges = [0, *sorted(min(cut, count) for cut in cuts), count]
    told = [context.push(probabilities[first:last], speech[first:last]) for first, last in itertools.pairwise(edges)]
    expected = slow_context(probabilities, speech, windows)
    np.testing.assert_allclose(np.concatenate(told), np.reshape(expected, (count, 3)), atol=1e-12)


def test_as_many_as_there_are_is_the_mean_logit_of_all() -> None:
    probabilities = np.array([[0.9, 0.1], [0.3, 0.7], [0.6, 0.4]])
    told = Context(10).push(probabilities, np.ones(3, np.bool_))
    np.testing.assert_allclose(told[-1], combined(probabilities, "mean-logit"), atol=1e-15)


def test_alone_a_window_is_what_it_was_and_nothing_is_copied() -> None:
    probabilities = np.array([[0.9, 0.1]])
    assert Context(1).push(probabilities, np.array([True])) is probabilities


def test_what_was_given_is_not_changed() -> None:
    probabilities = np.array([[0.9, 0.1], [0.5, 0.5]])
    Context(2).push(probabilities, np.array([True, True]))
    assert probabilities.tolist() == [[0.9, 0.1], [0.5, 0.5]]


@pytest.mark.parametrize("speech", [[True, False, True], [True, True, False]])
def test_a_window_without_speech_stays_and_ends_what_is_looked_back_on(speech: list[bool]) -> None:
    probabilities = np.array([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8]])
    told = Context(3).push(probabilities, np.array(speech))
    silent = speech.index(False)
    assert told[silent].tolist() == probabilities[silent].tolist()
    if silent == 1:
        np.testing.assert_allclose(told[2], probabilities[2], atol=1e-15)
