"""All classifiers: scores for every label, deterministic results, and validated settings."""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from emotone.classical.base import CLASSIFIERS, Classifier
from emotone.errors import ConfigError, MissingExtraError, UnknownNameError
from emotone.recipes.recipe import member

if TYPE_CHECKING:
    from emotone.classical.base import Scorer, Truth, Vectors

DEAF = {"prior"}  # it answers without looking at the vectors
SMALL: dict[str, dict[str, Any]] = {"mlp": {"hidden": 64, "epochs": 100, "penalty": (0.01, 0.1)}}
LABELS = 4


@pytest.fixture(params=CLASSIFIERS.names)
def classifier(request: pytest.FixtureRequest) -> Classifier:
    spec: Classifier = CLASSIFIERS.get(request.param)(**SMALL.get(request.param, {}))
    return spec


@pytest.fixture(params=sorted(set(CLASSIFIERS.names) - DEAF))
def listener(request: pytest.FixtureRequest) -> Classifier:
    spec: Classifier = CLASSIFIERS.get(request.param)(**SMALL.get(request.param, {}))
    return spec


def clips(truth: list[int], *, seed: int = 0) -> tuple[Vectors, Truth]:
    """Return standardised vectors that are easily told apart: each label is far along a direction of its own."""
    rng = np.random.default_rng(seed)
    codes = np.array(truth, np.int64)
    vectors = rng.normal(size=(len(truth), LABELS + 2)) + 8.0 * np.eye(LABELS, LABELS + 2)[codes]
    return (vectors - vectors.mean(axis=0)) / vectors.std(axis=0), codes


def scorers(classifier: Classifier, truth: list[int], *, seed: int = 1) -> list[Scorer]:
    return list(classifier.fit(*clips(truth), labels=LABELS, seed=seed))


def test_there_are_classifiers() -> None:
    assert set(CLASSIFIERS.names) >= {"adaptive-svm", "linear-svm", "logistic-regression", "mlp", "prior", "rbf-svm"}


def test_it_is_a_frozen_spec_with_a_version(classifier: Classifier) -> None:
    single: Any = classifier
    assert isinstance(classifier, Classifier)
    assert dataclasses.replace(single) == single
    assert hash(dataclasses.replace(single)) == hash(single)
    assert single.version >= 1


@pytest.mark.parametrize("seen", [[0, 1, 2, 3], [0, 1, 3], [1, 2], [0, 3]])
def test_every_candidate_scores_every_label_that_was_seen(classifier: Classifier, seen: list[int]) -> None:
    found = scorers(classifier, 12 * seen)
    assert len(found) == len(classifier.candidates) >= 1
    others, _ = clips([0, 1, 2, 3, 0], seed=2)
    for scorer in found:
        scores = scorer(others)
        assert scores.shape == (5, LABELS)
        assert scores.dtype == np.float64
        assert np.isfinite(scores[:, seen]).all()
        unseen = sorted(set(range(LABELS)) - set(seen))
        np.testing.assert_array_equal(scores[:, unseen], -np.inf)


@pytest.mark.parametrize("seen", [[0, 1, 2, 3], [1, 3]], ids=["four labels", "two labels"])
def test_some_candidate_learns_what_is_easily_told_apart(listener: Classifier, seen: list[int]) -> None:
    vectors, truth = clips(20 * seen, seed=3)
    recalls = [
        np.mean(scorer(vectors).argmax(axis=1) == truth)
        for scorer in listener.fit(*clips(20 * seen), labels=LABELS, seed=1)
    ]
    assert max(recalls) > 0.95


def test_a_rare_label_is_solved_too(listener: Classifier) -> None:
    truth = [0] * 40 + [1] * 40 + [2] * 6
    vectors, codes = clips(truth, seed=3)
    answers = [scorer(vectors).argmax(axis=1) for scorer in scorers(listener, truth)]
    assert max(np.mean(each[codes == 2] == 2) for each in answers) > 0.8


def test_the_same_seed_gives_the_same_scores(classifier: Classifier) -> None:
    others, _ = clips([0, 1, 2, 3] * 3, seed=2)
    first, second = (scorers(classifier, 8 * [0, 1, 2, 3], seed=7) for _ in range(2))
    for one, two in zip(first, second, strict=True):
        np.testing.assert_array_equal(one(others), two(others))


def test_one_vector_at_a_time_gives_what_all_give_together(listener: Classifier) -> None:
    others, _ = clips([0, 1, 2, 3] * 2, seed=2)
    for scorer in scorers(listener, 8 * [0, 1, 2, 3]):
        alone = np.concatenate([scorer(others[row : row + 1]) for row in range(len(others))])
        np.testing.assert_allclose(alone, scorer(others), rtol=1e-9, atol=1e-9)


def test_its_arguments_are_not_changed(classifier: Classifier) -> None:
    vectors, truth = clips(8 * [0, 1, 2, 3])
    before = vectors.copy()
    vectors.flags.writeable = truth.flags.writeable = False
    for scorer in classifier.fit(vectors, truth, labels=LABELS, seed=1):
        scorer(vectors)
    np.testing.assert_array_equal(vectors, before)


def test_vectors_far_from_all_others_are_answered(classifier: Classifier) -> None:
    vectors, _ = clips([0, 1, 2, 3])
    for scorer in scorers(classifier, 8 * [0, 1, 2, 3]):
        assert np.isfinite(scorer(1e6 * vectors)).all()


def test_each_candidate_alone_is_what_it_is_among_the_others(classifier: Classifier) -> None:
    others, _ = clips([0, 1, 2, 3], seed=2)
    single: Any = classifier
    for candidate, scorer in zip(classifier.candidates, scorers(classifier, 8 * [0, 1, 2, 3]), strict=True):
        alone = dataclasses.replace(single, **{name: (value,) for name, value in candidate.items()})
        assert alone.candidates == (candidate,)
        (only,) = scorers(alone, 8 * [0, 1, 2, 3])
        np.testing.assert_array_equal(only(others), scorer(others))


def test_candidates_begin_with_the_most_cautious(listener: Classifier) -> None:
    """The cautious one follows its clips least: on labels without sense it is the worst on its own training part."""
    rng = np.random.default_rng(5)
    vectors, truth = rng.normal(size=(60, 20)), np.arange(60, dtype=np.int64) % 3
    remembered = [
        np.mean(scorer(vectors).argmax(axis=1) == truth) for scorer in listener.fit(vectors, truth, labels=3, seed=1)
    ]
    assert remembered[0] == min(remembered)
    assert remembered[0] <= remembered[-1]


@pytest.mark.parametrize("name", sorted(set(CLASSIFIERS.names) - DEAF))
def test_a_missing_scikit_learn_is_an_error_with_its_extra(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [module for module in sys.modules if module.partition(".")[0] == "sklearn"]:
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(MissingExtraError, match=r"needs the package 'scikit-learn'; .*'emotone\[baselines\]'"):
        scorers(CLASSIFIERS.get(name)(), 8 * [0, 1, 2, 3])


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"name": "linear-svn"}, "unknown classifier 'linear-svn'; did you mean 'linear-svm'"),
        ({"name": "linear-svm", "costs": [1.0]}, "classifier: unknown key 'costs'; did you mean 'cost'"),
        ({"name": "linear-svm", "cost": 1.0}, r"classifier: cost: a list was expected, 1\.0 was given"),
        ({"name": "linear-svm", "cost": ["1"]}, "classifier: cost: a value of type float was expected, '1' was given"),
        (
            {"name": "linear-svm", "cost": []},
            r"cost must be one or more positive numbers in increasing order; given \[\]",
        ),
        (
            {"name": "logistic-regression", "cost": [0.0]},
            r"cost must be one or more positive numbers .* given \[0\.0\]",
        ),
        ({"name": "rbf-svm", "cost": [2.0, 1.0]}, "cost must be one or more positive numbers in increasing order"),
        (
            {"name": "rbf-svm", "gamma": [-1.0]},
            r"gamma must be one or more positive numbers in increasing order; given \[-1\.0\]",
        ),
        ({"name": "mlp", "penalty": [1.0, 1.0]}, "penalty must be one or more positive numbers in increasing order"),
        ({"name": "mlp", "epochs": 0}, "hidden and epochs must be at least 1; given 128 and 0"),
        ({"name": "prior", "strategy": "chanc"}, "unknown value 'chanc'; did you mean 'chance'"),
        (
            {"name": "adaptive-svm", "source_cost": []},
            r"source_cost must be one or more positive numbers in increasing order; given \[\]",
        ),
        (
            {"name": "adaptive-svm", "cost": [1.0, 0.1]},
            r"^cost must be one or more positive numbers in increasing order; given \[",
        ),
        ({}, "classifier: missing name; allowed: adaptive-svm, .*linear-svm"),
    ],
)
def test_wrong_settings_are_errors(table: dict[str, Any], message: str) -> None:
    with pytest.raises((ConfigError, UnknownNameError), match=message):
        member(CLASSIFIERS, table, where="classifier")
