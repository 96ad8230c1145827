"""How windows become one answer: each way against words, and what holds for all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotone.errors import ConfigError
from emotone.features.window_spec import COMBINED, Combine, Windows
from emotone.inference.engine import Engine
from emotone.inference.model import load
from emotone.inference.pooling import combined

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from tests.conftest import MakeBundle

    from emotone.inference.model import Model

WAYS: tuple[Combine, ...] = get_args(Combine)


def softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    powers: NDArray[np.float64] = np.exp(scores - scores.max(axis=-1, keepdims=True))
    shares: NDArray[np.float64] = powers / powers.sum(axis=-1, keepdims=True)
    return shares


@given(windows=st.integers(1, 9), labels=st.integers(2, 7), seed=st.integers(0, 999), sharpness=st.floats(0, 400))
@pytest.mark.parametrize("way", WAYS)
def test_what_holds_for_every_way(way: Combine, windows: int, labels: int, seed: int, sharpness: float) -> None:
    rng = np.random.default_rng(seed)
    probabilities = softmax(rng.normal(size=(windows, labels)) * sharpness)
    found = combined(probabilities, way)
    assert found.shape == (labels,)
    assert (found >= 0).all()
    assert found.sum() == pytest.approx(1)
    np.testing.assert_allclose(combined(probabilities[rng.permutation(windows)], way), found, atol=1e-12)
    assert combined(probabilities[:1], way).argmax() == probabilities[0].argmax()
    if way != "vote":
        np.testing.assert_allclose(combined(probabilities[:1], way), probabilities[0], atol=1e-12)


@given(windows=st.integers(1, 9), labels=st.integers(2, 7), seed=st.integers(0, 999), constant=st.floats(-50, 50))
def test_the_mean_logit_is_that_of_the_net_s_scores(windows: int, labels: int, seed: int, constant: float) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.normal(0, 4, size=(windows, labels)) + constant * rng.normal(size=(windows, 1))
    np.testing.assert_allclose(combined(softmax(scores), "mean-logit"), softmax(scores.mean(axis=0)), atol=1e-9)


@given(windows=st.integers(1, 9), labels=st.integers(2, 5), seed=st.integers(0, 999))
def test_votes_are_counted_and_ties_go_to_the_mean(windows: int, labels: int, seed: int) -> None:
    probabilities = np.random.default_rng(seed).dirichlet(np.ones(labels), windows)
    votes = [sum(int(row.argmax() == label) for row in probabilities) for label in range(labels)]
    tied = [label for label in range(labels) if votes[label] == max(votes)]
    mean = probabilities.mean(axis=0)
    assert combined(probabilities, "vote").argmax() == max(tied, key=lambda label: mean[label])


def test_counted_on_fingers() -> None:
    probabilities = np.array([[0.6, 0.4, 0.0], [0.0, 0.5, 0.5], [0.9, 0.1, 0.0]])
    np.testing.assert_allclose(combined(probabilities, "mean-probability"), [0.5, 1 / 3, 1 / 6])
    np.testing.assert_allclose(combined(probabilities, "vote"), [2.5 / 4, (1 + 1 / 3) / 4, (1 / 6) / 4])
    np.testing.assert_allclose(combined(probabilities, "max-probability"), [0.9 / 1.9, 0.5 / 1.9, 0.5 / 1.9])
    # The second window excludes the first label, the others the third: what is left is the second.
    np.testing.assert_allclose(combined(probabilities, "mean-logit"), [0, 1, 0], atol=1e-12)


def test_another_way_is_refused_and_each_is_said_in_words() -> None:
    with pytest.raises(ConfigError, match="unknown way to combine 'votes'; did you mean 'vote'"):
        Windows(seconds=3.0, hop=1.0, combine="votes")  # type: ignore[arg-type]
    assert set(COMBINED) == set(WAYS)
    assert Windows(seconds=3.0, hop=1.0).clip == "the mean over its windows with speech"
    assert Windows(seconds=3.0, hop=1.0, combine="vote", speech_only=False).clip == "the vote of its windows"


@pytest.mark.parametrize("way", WAYS)
def test_a_recording_and_its_utterances_are_combined_as_the_bundle_says(
    model: Model, make_bundle: MakeBundle, tmp_path: Path, noise: NDArray[np.float32], way: Combine
) -> None:
    windows = Windows(seconds=1.0, hop=0.5, combine=way)
    other = load(make_bundle(tmp_path / "other", windows=windows))
    clip, segments = Engine(other.bundle).finish(noise)
    assert segments.speech.all()
    np.testing.assert_allclose(list(clip.probabilities.values()), combined(segments.probabilities, way), atol=1e-8)
    with other.session(rate=16000) as session:
        events = [*session.push(noise), *session.end()]
    end = events[-1]
    assert end.type == "utterance.end"
    inside = [one for one in segments if one.end <= end.time]
    assert inside[-1].end == end.time
    numbers = np.array([list(one.probabilities.values()) for one in inside])
    np.testing.assert_allclose(list(end.clip.probabilities.values()), combined(numbers, way), atol=1e-5)


@pytest.mark.parametrize("context", [0, 101])
def test_how_many_windows_are_told_together_is_checked(context: int) -> None:
    with pytest.raises(ConfigError, match=rf"windows: context must be from 1 to 100 windows; given {context}"):
        Windows(seconds=1.2, hop=0.6, context=context)


def test_windows_say_what_is_told_with_them() -> None:
    assert str(Windows(seconds=1.2, hop=0.6, context=3)) == "1.2 s every 0.6 s, each told with up to 2 before it"
