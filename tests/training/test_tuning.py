"""Settings and temperature are chosen on speakers that nothing was fitted on, and nobody else takes part."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pytest

from emotone.bundles.head import softmax
from emotone.classical.base import standardiser
from emotone.classical.classifiers.simple import LogisticRegression, Prior
from emotone.classical.classifiers.svm import LinearSvm
from emotone.errors import MissingExtraError, RunError
from emotone.training.tuning import INNER_FOLDS, TunedClassifier, softmax_temperature, tune

if TYPE_CHECKING:
    from emotone.classical.base import Scorer, Truth, Vectors


@dataclass(frozen=True)
class Given:
    """What a spy was fitted on, and with which candidates."""

    vectors: Vectors
    truth: Truth
    strengths: tuple[float, ...]
    seed: int
    asked: list[Vectors] = field(default_factory=list)


@dataclass(frozen=True)
class Spy:
    """A classifier that keeps what it was given, and scores each clip's second value times a strength."""

    version: ClassVar[int] = 1

    strength: tuple[float, ...] = (1.0,)
    seen: list[Given] = field(default_factory=list)

    @property
    def candidates(self) -> tuple[dict[str, float], ...]:
        """One per strength."""
        return tuple({"strength": strength} for strength in self.strength)

    def fit(self, vectors: Vectors, truth: Truth, *, labels: int, seed: int) -> list[Scorer]:  # noqa: ARG002
        """Return one scorer per strength: a strength above 0 answers by the sign, one below 0 the other way round."""
        given = Given(vectors.copy(), truth.copy(), self.strength, seed)
        self.seen.append(given)

        def scorer(strength: float) -> Scorer:
            def score(others: Vectors) -> Vectors:
                given.asked.append(others.copy())
                margins: Vectors = np.stack([-strength * others[:, 1], strength * others[:, 1]], axis=1)
                return margins

            return score

        return [scorer(strength) for strength in self.strength]


def speakers(rng: np.random.Generator, *, count: int = 7, clips: int = 6) -> tuple[Vectors, Truth, Any]:
    """Return vectors whose first value tells the speaker and whose second one the label, labels, and speakers."""
    groups = np.repeat([f"s{number}" for number in range(count)], clips)
    truth = np.arange(count * clips, dtype=np.int64) % 2
    told = np.repeat(np.arange(count), clips) + 0.0
    return np.stack([told, 2.0 * truth - 1 + rng.normal(0, 0.1, len(truth))], axis=1), truth, groups


def tuned(classifier: Any, vectors: Vectors, truth: Truth, groups: Any, **changes: Any) -> TunedClassifier:
    return tune(classifier, vectors, truth, groups, **{"labels": 2, "seed": 3, "standardise": False, **changes})


@pytest.mark.parametrize(("count", "folds"), [(7, INNER_FOLDS), (5, 5), (3, 3), (2, 2)])
def test_inner_folds_keep_speakers_apart_and_judge_every_clip_once(
    rng: np.random.Generator, count: int, folds: int
) -> None:
    vectors, truth, groups = speakers(rng, count=count)
    spy = Spy()
    tuned(spy, vectors, truth, groups)
    *inner, last = spy.seen
    assert len(inner) == folds
    judged = []
    for given in inner:
        (asked,) = given.asked
        assert set(given.vectors[:, 0]).isdisjoint(asked[:, 0])
        assert len(given.vectors) + len(asked) == len(vectors)
        judged += asked[:, 0].tolist()
    assert sorted(judged) == vectors[:, 0].tolist()
    np.testing.assert_array_equal(last.vectors, vectors)  # what was chosen is fitted on everything
    np.testing.assert_array_equal(last.truth, truth)


def test_inner_scaling_is_of_the_clips_that_are_fitted_on_alone(rng: np.random.Generator) -> None:
    vectors, truth, groups = speakers(rng)
    spy = Spy()
    result = tuned(spy, vectors, truth, groups, standardise=True)
    plain = Spy()
    tuned(plain, vectors, truth, groups)  # the same folds, as they are
    for given, raw in zip(spy.seen, plain.seen, strict=True):
        scale = standardiser(raw.vectors)
        np.testing.assert_array_equal(given.vectors, scale(raw.vectors))
        for asked, raw_asked in zip(given.asked, raw.asked, strict=True):
            np.testing.assert_array_equal(asked, scale(raw_asked))
    others = rng.normal(size=(4, 2))
    result.probabilities(others)
    np.testing.assert_array_equal(spy.seen[-1].asked[-1], standardiser(vectors)(others))


def test_a_held_out_speaker_changes_nothing_of_what_is_fitted_without_it(rng: np.random.Generator) -> None:
    vectors, truth, groups = speakers(rng, count=3)
    wild = vectors.copy()
    wild[groups == "s1", 1] = 1e6 * rng.normal(size=6)
    one, two = Spy(), Spy()
    tuned(one, vectors, truth, groups, standardise=True)
    tuned(two, wild, truth, groups, standardise=True)
    same = [bool((a.vectors == b.vectors).all()) for a, b in zip(one.seen, two.seen, strict=True)]
    assert sorted(same) == [False, False, False, True]  # its own fold; the last is the fit on everything


def test_the_best_is_chosen_and_fitted_again_on_everything(rng: np.random.Generator) -> None:
    vectors, truth, groups = speakers(rng)
    spy = Spy(strength=(-1.0, 1.0, 2.0))
    result = tuned(spy, vectors, truth, groups)
    assert result.inner == (0.0, 1.0, 1.0)
    assert result.chosen == {"strength": 1.0}  # of equal ones the first
    assert spy.seen[-1].strengths == (1.0,)
    assert [given.strengths for given in spy.seen[:-1]] == [(-1.0, 1.0, 2.0)] * INNER_FOLDS
    assert {given.seed for given in spy.seen} == {3}
    np.testing.assert_array_equal(result.probabilities(vectors).argmax(axis=1), truth)


def test_recall_is_pooled_over_the_inner_folds(rng: np.random.Generator) -> None:
    # One speaker with a label of its own: in its fold nobody could know it, and it counts as missed.
    truth = np.array([0, 1, 0, 1, 0, 1, 2, 2], np.int64)
    groups = np.array(["a", "a", "b", "b", "c", "c", "d", "d"])
    vectors = np.eye(3)[truth] + rng.normal(0, 0.01, (8, 3))
    result = tuned(LinearSvm(cost=(1.0,)), vectors, truth, groups, labels=3)
    assert result.inner == pytest.approx((2 / 3,))


def test_a_single_speaker_is_divided_by_clips(rng: np.random.Generator) -> None:
    vectors, truth, _ = speakers(rng, count=1, clips=20)
    spy = Spy()
    result = tuned(spy, vectors, truth, np.full(20, "s0"))
    assert len(spy.seen) == INNER_FOLDS + 1
    assert sorted(np.concatenate([given.asked[0][:, 1] for given in spy.seen[:-1]])) == sorted(vectors[:, 1])
    assert result.inner == (1.0,)
    other = Spy()
    tuned(other, vectors, truth, np.full(20, "s0"), seed=4)
    assert any(
        len(a.truth) != len(b.truth) or (a.vectors != b.vectors).any()
        for a, b in zip(spy.seen, other.seen, strict=True)
    )


def test_folds_that_would_be_learned_from_one_label_are_left_out(rng: np.random.Generator) -> None:
    truth = np.array([0, 0, 1, 1], np.int64)
    spy = Spy(strength=(1.0, 2.0))
    result = tuned(spy, rng.normal(size=(4, 2)), truth, np.array(["a", "a", "b", "b"]))
    assert len(spy.seen) == 1  # only the fit on everything
    assert result.inner == ()
    assert result.chosen == {"strength": 1.0}  # nothing to choose by: the most cautious
    assert result.temperature == 1.0


def test_where_some_folds_are_left_out_the_others_choose(rng: np.random.Generator) -> None:
    truth = np.array([0, 0, 0, 1, 0, 0], np.int64)
    groups = np.array(["a", "a", "b", "b", "c", "c"])
    spy = Spy(strength=(-1.0, 1.0))
    result = tuned(spy, np.stack([truth, 2.0 * truth - 1], axis=1), truth, groups)
    assert len(spy.seen) == 3  # without b there is a single label
    assert result.inner == (0.0, 1.0)


@pytest.mark.parametrize("clips", [0, 1, 5])
def test_a_single_label_is_rejected(rng: np.random.Generator, clips: int) -> None:
    message = f"{clips} training clips have fewer than two labels"
    with pytest.raises(RunError, match=message):
        tuned(Spy(), rng.normal(size=(clips, 2)), np.ones(clips, np.int64), np.full(clips, "a"))


def test_a_label_that_training_never_saw_has_no_probability(rng: np.random.Generator) -> None:
    vectors, truth, groups = speakers(rng)
    for classifier in (LogisticRegression(cost=(1.0,)), LinearSvm(cost=(1.0,)), Prior(), Prior("chance")):
        found = tuned(classifier, vectors, 2 * truth, groups, labels=4).probabilities(vectors)
        np.testing.assert_array_equal(found[:, [1, 3]], 0.0)
        np.testing.assert_allclose(found.sum(axis=1), 1.0, rtol=1e-12)


def test_the_same_seed_gives_the_same_probabilities(rng: np.random.Generator) -> None:
    vectors, truth, groups = speakers(rng)
    first, second = (tuned(LogisticRegression(), vectors, truth, groups, standardise=True) for _ in range(2))
    assert (first.chosen, first.temperature, first.inner) == (second.chosen, second.temperature, second.inner)
    np.testing.assert_array_equal(first.probabilities(vectors), second.probabilities(vectors))


# The temperature.


def sure(count: int, *, right: int, margin: float = 1.0) -> tuple[Vectors, Truth]:
    """Return scores of two labels that are `margin` apart, and truth that `right` of `count` of them hit."""
    truth = np.zeros(count, np.int64)
    truth[right:] = 1
    return np.tile([margin, 0.0], (count, 1)), truth


@pytest.mark.parametrize("right", [60, 75, 90, 99])
@pytest.mark.parametrize("margin", [0.5, 1.0, 20.0])
def test_the_temperature_makes_the_answers_as_sure_unchanged_right(right: int, margin: float) -> None:
    # All scores are alike: the likeliest probability of the answer is the share of hits p, 1 / (1 + exp(-m / T)) = p.
    found = softmax_temperature(*sure(100, right=right, margin=margin))
    assert found == pytest.approx(margin / np.log(right / (100 - right)), rel=1e-3)


def test_the_more_mistakes_the_warmer() -> None:
    found = [softmax_temperature(*sure(100, right=right)) for right in (99, 95, 90, 80, 70, 60)]
    assert found == sorted(found)


@pytest.mark.parametrize(("right", "bound"), [(100, 1e-2), (40, 1e2)])
def test_it_stays_within_its_bounds(right: int, bound: float) -> None:
    assert softmax_temperature(*sure(100, right=right, margin=0.01)) == pytest.approx(bound, rel=1e-3)


def test_it_is_the_least_loss_of_a_fine_grid(rng: np.random.Generator) -> None:
    truth = rng.integers(0, 4, 200)
    scores = rng.normal(size=(200, 4)) + 1.5 * np.eye(4)[truth]

    def loss(temperature: float) -> float:
        return float(-np.mean(np.log(softmax(scores / temperature)[np.arange(200), truth])))

    grid = np.geomspace(0.1, 10, 2000)
    assert softmax_temperature(scores, truth) == pytest.approx(
        grid[int(np.argmin([loss(each) for each in grid]))], rel=5e-3
    )


def test_labels_that_could_not_be_answered_do_not_count() -> None:
    scores, truth = sure(100, right=80)
    impossible = np.vstack([np.hstack([scores, np.full((100, 1), -np.inf)]), [[1.0, 0.0, -np.inf]]])
    assert softmax_temperature(impossible, np.append(truth, 2)) == pytest.approx(
        softmax_temperature(scores, truth), rel=1e-6
    )
    assert softmax_temperature(impossible[-1:], np.array([2])) == 1.0


def test_softmax_of_minus_infinity_is_0_and_of_large_scores_finite() -> None:
    np.testing.assert_array_equal(softmax(np.array([[1e4, -np.inf, -1e4]])), [[1.0, 0.0, 0.0]])
    np.testing.assert_allclose(softmax(np.log([[1.0, 2.0, 5.0]])), [[1 / 8, 2 / 8, 5 / 8]])


def test_a_missing_scikit_learn_is_an_error_with_its_extra(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.model_selection", None)
    with pytest.raises(MissingExtraError, match=r"nested tuning needs the package 'scikit-learn'; .*\[baselines\]"):
        tuned(Spy(), *speakers(rng))
