"""Fitting a baseline within one fold: test clips never influence the fit, unless the protocol's name says so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emotone.errors import RunError
from emotone.fitting.classical import fit_and_predict, resolve_baseline
from emotone.recipes.classical_recipe import ClassicalRecipe
from emotone.types import Array, Fold, Utterance

LABELS = ("anger", "fear", "sadness")
CHEAP: tuple[dict[str, Any], ...] = (
    {"name": "linear-svm", "cost": [0.01, 1.0]},
    {"name": "rbf-svm", "cost": [1.0], "gamma": [0.1, 0.3]},
    {"name": "logistic-regression", "cost": [0.1, 1.0]},
    {"name": "mlp", "hidden": 8, "epochs": 5, "penalty": [0.1, 1.0]},
    {"name": "prior"},
)


def recipe(**changes: Any) -> ClassicalRecipe:
    fields: dict[str, Any] = {
        "name": "toy",
        "labels": "every",
        "functionals": {"name": "duration"},
        "classifier": {"name": "linear-svm", "cost": [1.0]},
        **changes,
    }
    return ClassicalRecipe(**fields)


def clips(*, speakers: int = 6, each: int = 6) -> tuple[Utterance, ...]:
    return tuple(
        Utterance(f"s{speaker}-{number}", "toy", Path("x"), 0.0, None, f"s{speaker}", "", LABELS[number % 3])
        for speaker in range(speakers)
        for number in range(each)
    )


def vectors_of(utterances: tuple[Utterance, ...], *, seed: int = 0, values: int = 5) -> dict[str, Array]:
    """Return vectors that tell the label, on a scale that each speaker has for itself."""
    rng = np.random.default_rng(seed)
    places = np.eye(3, values)
    return {
        item.key: (int(item.speaker[1:]) + 4 * places[LABELS.index(item.label)] + rng.normal(size=values)).astype("f4")
        for item in utterances
    }


def fold(utterances: tuple[Utterance, ...], *, tested: tuple[str, ...] = ("s5",), dev: tuple[str, ...] = ()) -> Fold:
    def keys(of: set[str]) -> tuple[str, ...]:
        return tuple(sorted(item.key for item in utterances if item.speaker in of))

    rest = {item.speaker for item in utterances} - {*tested, *dev}
    return Fold("fold-1", train=keys(rest), dev=keys(set(dev)), test=keys(set(tested)))


def predicted(
    given: ClassicalRecipe, utterances: tuple[Utterance, ...], vectors: dict[str, Array], **changes: Any
) -> tuple[tuple[Utterance, ...], Any, Any]:
    fields: dict[str, Any] = {"fold": fold(utterances), "scaling": "train", **changes}
    return fit_and_predict(resolve_baseline(given), utterances, vectors, fields.pop("fold"), labels=LABELS, **fields)


def test_predicts_the_test_clips_of_the_fold() -> None:
    utterances = clips()
    asked, probabilities, tuned = predicted(recipe(), utterances, vectors_of(utterances))
    assert [item.key for item in asked] == list(fold(utterances).test)
    assert probabilities.shape == (6, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-12)
    assert [LABELS[best] for best in probabilities.argmax(axis=1)] == [item.label for item in asked]
    assert tuned.chosen == {"cost": 1.0}


@pytest.mark.parametrize("classifier", CHEAP, ids=lambda table: table["name"])
def test_test_clips_do_not_influence_the_fit(classifier: dict[str, Any]) -> None:
    utterances, given = clips(), recipe(classifier=classifier)
    vectors = vectors_of(utterances)
    tested = set(fold(utterances).test)
    rng = np.random.default_rng(9)
    wild = {key: rng.normal(0, 1e6, 5).astype("f4") if key in tested else vector for key, vector in vectors.items()}
    # Their labels too, in another order of clips, and without some of them.
    others = [replace(item, label="fear") if item.key in tested else item for item in utterances]
    others = [item for item in others if item.key != "toy/s5-0"]
    _, _, one = predicted(given, utterances, vectors)
    _, _, two = predicted(given, tuple(others), wild)
    assert (one.chosen, one.temperature, one.inner) == (two.chosen, two.temperature, two.inner)
    probes = rng.normal(2.0, 3.0, (20, 5))
    np.testing.assert_array_equal(one.scorer(probes), two.scorer(probes))  # bit by bit


def test_clips_outside_the_fold_do_not_influence_the_fit() -> None:
    utterances = clips()
    vectors = vectors_of(utterances)
    without_s4 = replace(fold(utterances), train=tuple(key for key in fold(utterances).train if "s4" not in key))
    wild = {key: vector * 1e5 if "s4" in key else vector for key, vector in vectors.items()}
    _, one, _ = predicted(recipe(), utterances, vectors, fold=without_s4)
    _, two, _ = predicted(recipe(), utterances, wild, fold=without_s4)
    np.testing.assert_array_equal(one, two)


def test_speaker_scaling_uses_the_other_test_clips_of_a_speaker_but_not_their_labels() -> None:
    utterances = clips()
    vectors = vectors_of(utterances)
    moved = {**vectors, "toy/s5-0": vectors["toy/s5-0"] + 100}
    strict = [predicted(recipe(), utterances, each)[1] for each in (vectors, moved)]
    np.testing.assert_array_equal(strict[0][1:], strict[1][1:])  # each clip is answered for itself
    scaled = [predicted(recipe(), utterances, each, scaling="speaker") for each in (vectors, moved)]
    assert not np.allclose(scaled[0][1][1:], scaled[1][1][1:])
    probes = np.random.default_rng(1).normal(size=(9, 5))
    np.testing.assert_array_equal(scaled[0][2].scorer(probes), scaled[1][2].scorer(probes))  # the fit is of the others
    relabelled = tuple(replace(item, label="fear") if item.speaker == "s5" else item for item in utterances)
    np.testing.assert_array_equal(predicted(recipe(), relabelled, vectors, scaling="speaker")[1], scaled[0][1])


def test_speaker_scaling_removes_scale_and_offset_of_a_speaker() -> None:
    utterances = clips()
    vectors = vectors_of(utterances)
    odd = {key: vector * 7 - 300 if "s5" in key else vector for key, vector in vectors.items()}
    one, two = (predicted(recipe(), utterances, each, scaling="speaker")[1] for each in (vectors, odd))
    np.testing.assert_allclose(one, two, atol=1e-4)  # float32 keeps four digits below 300


def test_the_development_part_is_training_data() -> None:
    utterances = clips()
    vectors = vectors_of(utterances)
    for dev in ((), ("s3",), ("s0", "s1")):
        _, probabilities, _ = predicted(recipe(), utterances, vectors, fold=fold(utterances, dev=dev))
        np.testing.assert_array_equal(probabilities, predicted(recipe(), utterances, vectors)[1])


def test_a_label_missing_from_training_has_probability_0() -> None:
    utterances = tuple(item for item in clips() if item.label != "fear" or item.speaker == "s5")
    asked, probabilities, _ = predicted(recipe(), utterances, vectors_of(utterances))
    assert {item.label for item in asked} == set(LABELS)
    np.testing.assert_array_equal(probabilities[:, 1], 0.0)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-12)


def test_recordings_without_a_vector_are_left_out() -> None:
    utterances = clips()
    vectors = vectors_of(utterances)
    del vectors["toy/s5-2"], vectors["toy/s0-1"]
    asked, probabilities, _ = predicted(recipe(), utterances, vectors)
    assert "toy/s5-2" not in {item.key for item in asked}
    assert len(asked) == len(probabilities) == 5


@pytest.mark.parametrize(("gone", "what"), [("s5", "test"), ("others", "train on")])
def test_a_fold_without_usable_recordings_is_refused(gone: str, what: str) -> None:
    utterances = clips()
    vectors = {key: vector for key, vector in vectors_of(utterances).items() if ("s5" in key) is (gone != "s5")}
    with pytest.raises(RunError, match=f"fold fold-1 has no usable recording to {what}"):
        predicted(recipe(), utterances, vectors)


def test_a_fold_with_a_single_label_is_refused() -> None:
    utterances = tuple(item for item in clips() if item.label == "anger" or item.speaker == "s5")
    message = r"fold fold-1: 10 training clips have fewer than two labels"
    with pytest.raises(RunError, match=message):
        predicted(recipe(), utterances, vectors_of(utterances))


# With other corpora.

ONTO = {"adaptation": "corpora", "classifier": {"name": "adaptive-svm", "source_cost": [0.1], "cost": [0.1, 10.0]}}
ADAPTING: tuple[dict[str, Any], ...] = (
    ONTO,
    {**ONTO, "adaptation": "coral"},
    {**ONTO, "adaptation": "none"},
    {"adaptation": "corpora"},
    {"adaptation": "coral"},
)


def two_corpora() -> tuple[Utterance, ...]:
    """Return the clips of a corpus that is tested and those of another one, whose labels are called otherwise."""
    turned = dict(zip(LABELS, (*LABELS[1:], LABELS[0]), strict=True))
    return (*clips(), *(replace(item, corpus="other", label=turned[item.label]) for item in clips(speakers=3)))


def onto(utterances: tuple[Utterance, ...]) -> Fold:
    """Return a fold that tests a speaker of one corpus; the rest and the whole other corpus is learned from."""
    given = fold(tuple(item for item in utterances if item.corpus == "toy"))
    return replace(given, train=(*given.train, *(item.key for item in utterances if item.corpus == "other")))


def vectors_in_both(utterances: tuple[Utterance, ...]) -> dict[str, Array]:
    """Return vectors that tell the label by the same words in both corpora; the other one's have another scale."""
    vectors = vectors_of(utterances)
    return {key: 30 * vector - 900 if key.startswith("other") else vector for key, vector in vectors.items()}


def test_adapts_to_the_labelling_of_the_target_corpus() -> None:
    utterances = two_corpora()
    vectors = vectors_in_both(utterances)
    asked, probabilities, tuned = predicted(recipe(**ONTO), utterances, vectors, fold=onto(utterances))
    assert {item.corpus for item in asked} == {"toy"}
    assert [LABELS[best] for best in probabilities.argmax(axis=1)] == [item.label for item in asked]
    assert tuned.chosen["source_cost"] == 0.1


@pytest.mark.parametrize("changes", ADAPTING, ids=str)
def test_test_clips_do_not_influence_the_adaptation(changes: dict[str, Any]) -> None:
    utterances, given = two_corpora(), recipe(**changes)
    vectors = vectors_in_both(utterances)
    tested = set(onto(utterances).test)
    rng = np.random.default_rng(9)
    wild = {key: rng.normal(0, 1e6, 5).astype("f4") if key in tested else vector for key, vector in vectors.items()}
    others = tuple(replace(item, label="fear") if item.key in tested else item for item in utterances)
    _, _, one = predicted(given, utterances, vectors, fold=onto(utterances))
    _, _, two = predicted(given, others, wild, fold=onto(utterances))
    assert (one.chosen, one.temperature, one.inner) == (two.chosen, two.temperature, two.inner)
    probes = rng.normal(2.0, 3.0, (20, 5))
    np.testing.assert_array_equal(one.scorer(probes), two.scorer(probes))  # bit by bit


@pytest.mark.parametrize("how", ["corpora", "coral"])
def test_adaptation_removes_the_scale_of_a_corpus(how: str) -> None:
    utterances = two_corpora()
    plain, scaled = (
        predicted(recipe(adaptation=how), utterances, vectors, fold=onto(utterances))[1]
        for vectors in (vectors_of(utterances), vectors_in_both(utterances))
    )
    np.testing.assert_allclose(plain, scaled, atol=1e-3)


def test_speaker_scaling_replaces_scaling_by_corpus() -> None:
    utterances = two_corpora()
    vectors = vectors_in_both(utterances)
    given = [recipe(**{**ONTO, "adaptation": how}) for how in ("none", "corpora", "coral")]
    probes = np.random.default_rng(1).normal(size=(9, 5))
    none, corpora, coral = (
        predicted(each, utterances, vectors, fold=onto(utterances), scaling="speaker")[2].scorer(probes)
        for each in given
    )
    np.testing.assert_array_equal(none, corpora)
    assert not np.allclose(none, coral)


@pytest.mark.parametrize("changes", [ONTO, {"adaptation": "coral"}], ids=str)
@pytest.mark.parametrize(
    ("learned", "tested", "said"),
    [
        ({"toy"}, {"toy"}, "trains on toy and tests toy"),
        ({"other"}, {"toy"}, "trains on other and tests toy"),
        ({"toy", "other"}, {"toy", "other"}, "trains on other, toy and tests other, toy"),
    ],
)
def test_adaptation_needs_a_target_and_another_corpus(
    changes: dict[str, Any], learned: set[str], tested: set[str], said: str
) -> None:
    utterances = two_corpora()
    heard_of = {item.key for item in utterances if item.corpus in learned and item.speaker != "s0"}
    asked = {item.key for item in utterances if item.corpus in tested and item.speaker == "s0"}
    given = Fold("fold-1", train=tuple(sorted(heard_of)), dev=(), test=tuple(sorted(asked)))
    message = f"fold fold-1 {said}; toy adapts .* a protocol such as onto-{min(tested)}-speaker-folds-5"
    with pytest.raises(RunError, match=message):
        predicted(recipe(**changes), utterances, vectors_of(utterances), fold=given)


def test_a_target_with_one_label_is_refused() -> None:
    utterances = tuple(
        item for item in two_corpora() if item.corpus == "other" or item.speaker == "s5" or item.label == "fear"
    )
    message = "fold fold-1: 10 training clips of toy with fewer than two labels can't be adapted to"
    with pytest.raises(RunError, match=message):
        predicted(recipe(**ONTO), utterances, vectors_of(utterances), fold=onto(utterances))


def test_values_that_need_no_audio_are_not_stored() -> None:
    baseline = resolve_baseline(recipe(functionals={"name": "speaker-identity"}))
    done: list[int] = []
    found = baseline.extract(clips(), progress=done.append)  # these recordings do not exist
    assert set(found.features) == {item.key for item in clips()}
    assert (found.problems, done) == ((), [36])
    assert baseline.extract(clips()).features.keys() == found.features.keys()
    assert baseline.epochs == 1
