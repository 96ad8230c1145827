"""Every set of functionals, and every classifier of vectors."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from emotone.classical.base import CLASSIFIERS, Classifier
from emotone.errors import AudioError, ConfigError, MissingExtraError, TooShortError, UnknownNameError
from emotone.features.base import FUNCTIONALS, Functionals, MetadataFunctionals
from emotone.recipes.recipe import member
from emotone.types import Utterance

if TYPE_CHECKING:
    from emotone.classical.base import Scorer, Truth, Vectors


# ----------------------------------------------------------------------------------------------------------------------
# All functionals: one finite vector for any recording, or an error with the reason.

METADATA = tuple(name for name in FUNCTIONALS.names if hasattr(FUNCTIONALS.get(name), "of"))
COMPUTED = tuple(name for name in FUNCTIONALS.names if name not in METADATA)
DEMANDING = {"fingerprint", "opensmile"}  # these refuse short signals; all others accept any


def signals(rate: int) -> dict[str, Any]:
    rng = np.random.default_rng(1)
    return {
        "silence": np.zeros(rate, np.float32),
        "constant": np.full(rate, 0.5, np.float32),
        "square at full scale": np.sign(np.sin(np.arange(rate) * 0.1)).astype(np.float32),
        "nothing": np.zeros(0, np.float32),
        "one sample": np.array([0.3], np.float32),
        "0.2 s": rng.normal(0, 0.1, rate // 5).astype(np.float32),
        "noise": rng.normal(0, 0.1, rate).astype(np.float32),
        "far above full scale": (1e4 * rng.normal(0, 1, rate)).astype(np.float32),
        "denormal": np.full(rate, 1e-40, np.float32),
    }


@pytest.fixture(params=COMPUTED)
def functionals(request: pytest.FixtureRequest) -> Functionals:
    if request.param == "opensmile":
        pytest.importorskip("opensmile", reason="the extra 'baselines' is not installed")
    spec = FUNCTIONALS.get(request.param)()
    assert isinstance(spec, Functionals)
    return spec


@pytest.fixture(params=METADATA)
def metadata(request: pytest.FixtureRequest) -> MetadataFunctionals:
    spec = FUNCTIONALS.get(request.param)()
    assert isinstance(spec, MetadataFunctionals)
    return spec


def test_there_are_functionals() -> None:
    assert {"duration", "fingerprint", "joined", "loudness", "opensmile", "spectral-tilt"} <= set(COMPUTED)
    assert set(METADATA) >= {"speaker-identity"}


@pytest.mark.parametrize("name", FUNCTIONALS.names)
def test_it_is_a_frozen_spec_with_a_version(name: str) -> None:
    spec: Any = FUNCTIONALS.get(name)()
    assert dataclasses.is_dataclass(FUNCTIONALS.get(name))
    assert spec == type(spec)()
    assert hash(spec) == hash(type(spec)())
    assert spec.version >= 1


@pytest.mark.parametrize("name", signals(16000))
def test_every_signal_gives_one_finite_vector(functionals: Functionals, name: str) -> None:
    signal = signals(functionals.rate)[name]
    try:
        vector = functionals.compute(signal)
    except AudioError:
        refuses = type(functionals).__module__.rpartition(".")[2] in DEMANDING
        assert refuses, "only demanding functionals may refuse"
        return
    assert vector.shape == (len(functionals.names),)
    assert vector.dtype == np.float32
    assert np.isfinite(vector).all()


def test_names_differ(functionals: Functionals) -> None:
    assert len(set(functionals.names)) == len(functionals.names) > 0
    assert all(functionals.names)


def test_the_same_signal_gives_the_same_vector(functionals: Functionals) -> None:
    signal = signals(functionals.rate)["noise"]
    first = functionals.compute(signal)
    np.testing.assert_array_equal(functionals.compute(signal), first)
    np.testing.assert_array_equal(type(functionals)().compute(signal.copy()), first)


def test_the_argument_is_not_changed(functionals: Functionals) -> None:
    signal = signals(functionals.rate)["noise"]
    before = signal.copy()
    signal.flags.writeable = False
    functionals.compute(signal)
    np.testing.assert_array_equal(signal, before)


def test_a_too_short_signal_is_refused_with_its_length() -> None:
    with pytest.raises(TooShortError, match=r"too short for a fingerprint: 0\.200 s; it needs 0\.5 s"):
        FUNCTIONALS.get("fingerprint")().compute(np.zeros(3200, np.float32))  # type: ignore[union-attr]


def test_metadata_values_exist_for_every_utterance_and_ignore_its_label(metadata: MetadataFunctionals) -> None:
    clips = [
        Utterance(name, "toy", Path(name), 0.0, None, speaker, speaker, label)
        for name, speaker, label in (("a", "s1", "anger"), ("b", "s2", "anger"), ("c", "s1", "fear"))
    ]
    found = metadata.of(clips)
    assert set(found) == {"toy/a", "toy/b", "toy/c"}
    assert len({vector.shape for vector in found.values()}) == 1
    assert {vector.dtype for vector in found.values()} == {np.dtype(np.float32)}
    others = metadata.of([dataclasses.replace(clip, label="joy") for clip in clips])
    assert all((others[key] == vector).all() for key, vector in found.items())


# ----------------------------------------------------------------------------------------------------------------------
# All classifiers: scores for every label, deterministic results, and validated settings.

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


def test_a_classifier_is_a_frozen_spec_with_a_version(classifier: Classifier) -> None:
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
