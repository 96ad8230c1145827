"""Pooling methods against their definitions, and the properties that all of them share."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotone.errors import ConfigError
from emotone.features.windows import COMBINED, Combine, Windows
from emotone.inference.engine import analyse
from emotone.inference.model import load
from emotone.inference.pooling import ContextPooler, DurationPooler, pool_windows

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from tests.conftest import MakeBundle

    from emotone.inference.model import Model

METHODS: tuple[Combine, ...] = get_args(Combine)


def softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    powers: NDArray[np.float64] = np.exp(scores - scores.max(axis=-1, keepdims=True))
    shares: NDArray[np.float64] = powers / powers.sum(axis=-1, keepdims=True)
    return shares


@given(windows=st.integers(1, 9), labels=st.integers(2, 7), seed=st.integers(0, 999), sharpness=st.floats(0, 400))
@pytest.mark.parametrize("method", METHODS)
def test_properties_of_every_method(method: Combine, windows: int, labels: int, seed: int, sharpness: float) -> None:
    rng = np.random.default_rng(seed)
    probabilities = softmax(rng.normal(size=(windows, labels)) * sharpness)
    found = pool_windows(probabilities, method)
    assert found.shape == (labels,)
    assert (found >= 0).all()
    assert found.sum() == pytest.approx(1)
    np.testing.assert_allclose(pool_windows(probabilities[rng.permutation(windows)], method), found, atol=1e-12)
    assert pool_windows(probabilities[:1], method).argmax() == probabilities[0].argmax()
    if method != "vote":
        np.testing.assert_allclose(pool_windows(probabilities[:1], method), probabilities[0], atol=1e-12)


@given(windows=st.integers(1, 9), labels=st.integers(2, 7), seed=st.integers(0, 999), constant=st.floats(-50, 50))
def test_the_mean_logit_equals_the_softmax_of_mean_scores(
    windows: int, labels: int, seed: int, constant: float
) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.normal(0, 4, size=(windows, labels)) + constant * rng.normal(size=(windows, 1))
    np.testing.assert_allclose(pool_windows(softmax(scores), "mean-logit"), softmax(scores.mean(axis=0)), atol=1e-9)


@given(windows=st.integers(1, 9), labels=st.integers(2, 5), seed=st.integers(0, 999))
def test_the_mean_decides_ties_of_votes(windows: int, labels: int, seed: int) -> None:
    probabilities = np.random.default_rng(seed).dirichlet(np.ones(labels), windows)
    votes = [sum(int(row.argmax() == label) for row in probabilities) for label in range(labels)]
    tied = [label for label in range(labels) if votes[label] == max(votes)]
    mean = probabilities.mean(axis=0)
    assert pool_windows(probabilities, "vote").argmax() == max(tied, key=lambda label: mean[label])


def test_values_computed_by_hand() -> None:
    probabilities = np.array([[0.6, 0.4, 0.0], [0.0, 0.5, 0.5], [0.9, 0.1, 0.0]])
    np.testing.assert_allclose(pool_windows(probabilities, "mean-probability"), [0.5, 1 / 3, 1 / 6])
    np.testing.assert_allclose(pool_windows(probabilities, "vote"), [2.5 / 4, (1 + 1 / 3) / 4, (1 / 6) / 4])
    np.testing.assert_allclose(pool_windows(probabilities, "max-probability"), [0.9 / 1.9, 0.5 / 1.9, 0.5 / 1.9])
    # The second window excludes the first label, the others the third, so only the second remains.
    np.testing.assert_allclose(pool_windows(probabilities, "mean-logit"), [0, 1, 0], atol=1e-12)


def test_another_method_is_refused_and_each_has_a_description() -> None:
    with pytest.raises(ConfigError, match="unknown combination 'votes'; did you mean 'vote'"):
        Windows(seconds=3.0, hop=1.0, combine="votes")  # type: ignore[arg-type]
    assert set(COMBINED) == set(METHODS)


@pytest.mark.parametrize("method", METHODS)
def test_an_utterance_is_pooled_as_the_bundle_states(
    model: Model, make_bundle: MakeBundle, tmp_path: Path, noise: NDArray[np.float32], method: Combine
) -> None:
    windows = Windows(seconds=1.0, hop=0.5, combine=method)
    other = load(make_bundle(tmp_path / "other", windows=windows))
    analysis = analyse(other.bundle, [noise[: 2 * 16000]])
    expected = pool_windows(analysis.segments.probabilities, method)
    np.testing.assert_allclose(list(analysis.clip.probabilities.values()), expected, atol=1e-8)


def test_the_mean_over_time_is_weighted_by_duration() -> None:
    pooler = DurationPooler(labels=2)
    assert pooler.probabilities().tolist() == [0.5, 0.5]
    pooler.add(np.array([0.3, 0.7]), seconds=1.7)
    assert pooler.probabilities().tolist() == [0.3, 0.7]  # exactly
    pooler.add(np.array([0.9, 0.1]), seconds=5.1)
    np.testing.assert_allclose(pooler.probabilities(), [0.75, 0.25], atol=1e-15)


def slow_context(probabilities: NDArray[np.float64], windows: int) -> list[NDArray[np.float64]]:
    firsts = [max(0, number - windows + 1) for number in range(len(probabilities))]
    return [softmax(np.log(probabilities[first : last + 1]).mean(axis=0)) for last, first in enumerate(firsts)]


@given(
    seed=st.integers(0, 2**32 - 1),
    windows=st.integers(1, 5),
    count=st.integers(0, 12),
    cuts=st.lists(st.integers(0, 12), max_size=3),
)
def test_context_equals_the_slow_twin_for_any_pieces(seed: int, windows: int, count: int, cuts: list[int]) -> None:
    probabilities = np.random.default_rng(seed).dirichlet(np.ones(3), size=count)
    pooler = ContextPooler(windows)
    edges = [0, *sorted(min(cut, count) for cut in cuts), count]
    found = [pooler.push(probabilities[first:last]) for first, last in itertools.pairwise(edges)]
    expected = np.reshape(slow_context(probabilities, windows), (count, 3))
    np.testing.assert_allclose(np.concatenate(found), expected, atol=1e-12)


def test_context_does_not_change_its_argument() -> None:
    probabilities = np.array([[0.9, 0.1], [0.5, 0.5]])
    ContextPooler(2).push(probabilities)
    assert probabilities.tolist() == [[0.9, 0.1], [0.5, 0.5]]


@pytest.mark.parametrize("context", [0, 101])
def test_the_number_of_pooled_windows_is_checked(context: int) -> None:
    with pytest.raises(ConfigError, match=rf"windows: context must be from 1 to 100 windows; given {context}"):
        Windows(seconds=1.2, hop=0.6, context=context)


def test_windows_state_their_context() -> None:
    shown = str(Windows(seconds=1.2, hop=0.6, context=3))
    assert shown == "1.2 s every 0.6 s, each pooled with up to 2 preceding ones"
