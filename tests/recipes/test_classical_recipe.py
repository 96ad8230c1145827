"""A baseline as a recipe, and within one fold: what is tested takes no part, unless the protocol's name says so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emotone.config import to_mapping
from emotone.errors import ConfigError, RunError, UnknownNameError
from emotone.recipes.classical_recipe import ClassicalRecipe, fit_and_judge
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


def heard(utterances: tuple[Utterance, ...], *, seed: int = 0, values: int = 5) -> dict[str, Array]:
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


def judged(
    given: ClassicalRecipe, utterances: tuple[Utterance, ...], vectors: dict[str, Array], **changes: Any
) -> tuple[tuple[Utterance, ...], Any, Any]:
    fields: dict[str, Any] = {"fold": fold(utterances), "normalisation": "train", **changes}
    return fit_and_judge(given, utterances, vectors, fields.pop("fold"), labels=LABELS, **fields)


def test_the_tested_clips_are_asked_and_mostly_known() -> None:
    utterances = clips()
    asked, probabilities, tuned = judged(recipe(), utterances, heard(utterances))
    assert [item.key for item in asked] == list(fold(utterances).test)
    assert probabilities.shape == (6, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-12)
    assert [LABELS[best] for best in probabilities.argmax(axis=1)] == [item.label for item in asked]
    assert tuned.chosen == {"cost": 1.0}


@pytest.mark.parametrize("classifier", CHEAP, ids=lambda table: table["name"])
def test_the_tested_clips_take_no_part_in_anything(classifier: dict[str, Any]) -> None:
    utterances, given = clips(), recipe(classifier=classifier)
    vectors = heard(utterances)
    tested = set(fold(utterances).test)
    rng = np.random.default_rng(9)
    wild = {key: rng.normal(0, 1e6, 5).astype("f4") if key in tested else vector for key, vector in vectors.items()}
    # Their labels too, in another order of clips, and without some of them.
    others = [replace(item, label="fear") if item.key in tested else item for item in utterances]
    others = [item for item in others if item.key != "toy/s5-0"]
    _, _, one = judged(given, utterances, vectors)
    _, _, two = judged(given, tuple(others), wild)
    assert (one.chosen, one.temperature, one.inner) == (two.chosen, two.temperature, two.inner)
    probes = rng.normal(2.0, 3.0, (20, 5))
    np.testing.assert_array_equal(one.scorer(probes), two.scorer(probes))  # bit by bit


def test_clips_of_no_part_take_no_part_either() -> None:
    utterances = clips()
    vectors = heard(utterances)
    without_s4 = replace(fold(utterances), train=tuple(key for key in fold(utterances).train if "s4" not in key))
    wild = {key: vector * 1e5 if "s4" in key else vector for key, vector in vectors.items()}
    _, one, _ = judged(recipe(), utterances, vectors, fold=without_s4)
    _, two, _ = judged(recipe(), utterances, wild, fold=without_s4)
    np.testing.assert_array_equal(one, two)


def test_with_speaker_scaling_a_speakers_other_tested_clips_matter_and_its_labels_do_not() -> None:
    utterances = clips()
    vectors = heard(utterances)
    moved = {**vectors, "toy/s5-0": vectors["toy/s5-0"] + 100}
    strict = [judged(recipe(), utterances, each)[1] for each in (vectors, moved)]
    np.testing.assert_array_equal(strict[0][1:], strict[1][1:])  # each clip is answered for itself
    scaled = [judged(recipe(), utterances, each, normalisation="speaker") for each in (vectors, moved)]
    assert not np.allclose(scaled[0][1][1:], scaled[1][1][1:])
    probes = np.random.default_rng(1).normal(size=(9, 5))
    np.testing.assert_array_equal(scaled[0][2].scorer(probes), scaled[1][2].scorer(probes))  # the fit is of the others
    relabelled = tuple(replace(item, label="fear") if item.speaker == "s5" else item for item in utterances)
    np.testing.assert_array_equal(judged(recipe(), relabelled, vectors, normalisation="speaker")[1], scaled[0][1])


def test_speaker_scaling_undoes_what_belongs_to_a_speaker() -> None:
    utterances = clips()
    vectors = heard(utterances)
    odd = {key: vector * 7 - 300 if "s5" in key else vector for key, vector in vectors.items()}
    one, two = (judged(recipe(), utterances, each, normalisation="speaker")[1] for each in (vectors, odd))
    np.testing.assert_allclose(one, two, atol=1e-4)  # float32 keeps four digits below 300


def test_the_development_part_is_learned_from() -> None:
    utterances = clips()
    vectors = heard(utterances)
    for dev in ((), ("s3",), ("s0", "s1")):
        _, probabilities, _ = judged(recipe(), utterances, vectors, fold=fold(utterances, dev=dev))
        np.testing.assert_array_equal(probabilities, judged(recipe(), utterances, vectors)[1])


def test_a_label_that_training_lacks_has_probability_0() -> None:
    utterances = tuple(item for item in clips() if item.label != "fear" or item.speaker == "s5")
    asked, probabilities, _ = judged(recipe(), utterances, heard(utterances))
    assert {item.label for item in asked} == set(LABELS)
    np.testing.assert_array_equal(probabilities[:, 1], 0.0)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-12)


def test_recordings_without_a_vector_are_left_out() -> None:
    utterances = clips()
    vectors = heard(utterances)
    del vectors["toy/s5-2"], vectors["toy/s0-1"]
    asked, probabilities, _ = judged(recipe(), utterances, vectors)
    assert "toy/s5-2" not in {item.key for item in asked}
    assert len(asked) == len(probabilities) == 5


@pytest.mark.parametrize(("gone", "what"), [("s5", "test"), ("others", "learn from")])
def test_a_fold_without_usable_recordings_is_said(gone: str, what: str) -> None:
    utterances = clips()
    vectors = {key: vector for key, vector in heard(utterances).items() if ("s5" in key) is (gone != "s5")}
    with pytest.raises(RunError, match=f"fold fold-1 has no usable recording to {what}"):
        judged(recipe(), utterances, vectors)


def test_a_fold_with_a_single_label_is_said() -> None:
    utterances = tuple(item for item in clips() if item.label == "anger" or item.speaker == "s5")
    message = r"fold fold-1: 10 training clips with fewer than two labels can't be learned from"
    with pytest.raises(RunError, match=message):
        judged(recipe(), utterances, heard(utterances))


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


def heard_in_both(utterances: tuple[Utterance, ...]) -> dict[str, Array]:
    """Return vectors that tell the label by the same words in both corpora; the other one's have another scale."""
    vectors = heard(utterances)
    return {key: 30 * vector - 900 if key.startswith("other") else vector for key, vector in vectors.items()}


def test_what_another_corpus_calls_otherwise_is_adapted() -> None:
    utterances = two_corpora()
    asked, probabilities, tuned = judged(recipe(**ONTO), utterances, heard_in_both(utterances), fold=onto(utterances))
    assert {item.corpus for item in asked} == {"toy"}
    assert [LABELS[best] for best in probabilities.argmax(axis=1)] == [item.label for item in asked]
    assert tuned.chosen["source_cost"] == 0.1


@pytest.mark.parametrize("changes", ADAPTING, ids=str)
def test_the_tested_clips_take_no_part_in_adaptation(changes: dict[str, Any]) -> None:
    utterances, given = two_corpora(), recipe(**changes)
    vectors = heard_in_both(utterances)
    tested = set(onto(utterances).test)
    rng = np.random.default_rng(9)
    wild = {key: rng.normal(0, 1e6, 5).astype("f4") if key in tested else vector for key, vector in vectors.items()}
    others = tuple(replace(item, label="fear") if item.key in tested else item for item in utterances)
    _, _, one = judged(given, utterances, vectors, fold=onto(utterances))
    _, _, two = judged(given, others, wild, fold=onto(utterances))
    assert (one.chosen, one.temperature, one.inner) == (two.chosen, two.temperature, two.inner)
    probes = rng.normal(2.0, 3.0, (20, 5))
    np.testing.assert_array_equal(one.scorer(probes), two.scorer(probes))  # bit by bit


@pytest.mark.parametrize("how", ["corpora", "coral"])
def test_another_corpus_on_another_scale_is_the_same_corpus(how: str) -> None:
    utterances = two_corpora()
    plain, scaled = (
        judged(recipe(adaptation=how), utterances, vectors, fold=onto(utterances))[1]
        for vectors in (heard(utterances), heard_in_both(utterances))
    )
    np.testing.assert_allclose(plain, scaled, atol=1e-3)


def test_speakers_that_are_scaled_by_themselves_are_not_scaled_by_corpus() -> None:
    utterances = two_corpora()
    vectors = heard_in_both(utterances)
    given = [recipe(**{**ONTO, "adaptation": how}) for how in ("none", "corpora", "coral")]
    probes = np.random.default_rng(1).normal(size=(9, 5))
    none, corpora, coral = (
        judged(each, utterances, vectors, fold=onto(utterances), normalisation="speaker")[2].scorer(probes)
        for each in given
    )
    np.testing.assert_array_equal(none, corpora)
    assert not np.allclose(none, coral)


@pytest.mark.parametrize("changes", [ONTO, {"adaptation": "coral"}], ids=str)
@pytest.mark.parametrize(
    ("learned", "tested", "said"),
    [
        ({"toy"}, {"toy"}, "learns from toy and tests toy"),
        ({"other"}, {"toy"}, "learns from other and tests toy"),
        ({"toy", "other"}, {"toy", "other"}, "learns from other, toy and tests other, toy"),
    ],
)
def test_corpora_between_which_nothing_can_be_adapted_are_said(
    changes: dict[str, Any], learned: set[str], tested: set[str], said: str
) -> None:
    utterances = two_corpora()
    heard_of = {item.key for item in utterances if item.corpus in learned and item.speaker != "s0"}
    asked = {item.key for item in utterances if item.corpus in tested and item.speaker == "s0"}
    given = Fold("fold-1", train=tuple(sorted(heard_of)), dev=(), test=tuple(sorted(asked)))
    message = f"fold fold-1 {said}; toy adapts .* a protocol such as onto-{min(tested)}-speaker-folds-5"
    with pytest.raises(RunError, match=message):
        judged(recipe(**changes), utterances, heard(utterances), fold=given)


def test_a_target_of_one_label_is_said_with_its_fold() -> None:
    utterances = tuple(
        item for item in two_corpora() if item.corpus == "other" or item.speaker == "s5" or item.label == "fear"
    )
    message = "fold fold-1: 10 training clips of toy with fewer than two labels can't be adapted to"
    with pytest.raises(RunError, match=message):
        judged(recipe(**ONTO), utterances, heard(utterances), fold=onto(utterances))


# The recipe.


def test_a_recipe_written_out_is_the_same_recipe() -> None:
    given = ClassicalRecipe("toy", "every", classifier={"name": "mlp", "hidden": 16})
    full = given.expanded()
    assert full.signature == given.signature
    assert full.expanded() == full
    assert to_mapping(full)["classifier"] == {"name": "mlp", "hidden": 16, "penalty": [0.1, 1.0, 10.0], "epochs": 60}
    assert full.functionals == {"name": "opensmile", "feature_set": "IS10"}


def test_recipes_from_before_adaptation_are_written_as_they_were() -> None:
    assert "adaptation" not in to_mapping(recipe().expanded())
    assert to_mapping(recipe(adaptation="coral").expanded())["adaptation"] == "coral"


@pytest.mark.parametrize("change", [{"name": "other"}, {"description": "something else"}])
def test_names_do_not_change_the_signature(change: dict[str, Any]) -> None:
    assert recipe(**change).signature == recipe().signature


@pytest.mark.parametrize(
    "change",
    [
        {"labels": "seven"},
        {"functionals": {"name": "loudness"}},
        {"classifier": {"name": "linear-svm", "cost": [2.0]}},
        {"classifier": {"name": "logistic-regression", "cost": [1.0]}},
        {"selection": "iemocap-two-raters"},
        {"seed": 2},
        {"adaptation": "corpora"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_changes_answers_changes_the_signature(change: dict[str, Any]) -> None:
    assert recipe(**change).signature != recipe().signature


@pytest.mark.parametrize(
    "of", ["emotone.classical.classifiers.linear_svm.LinearSvm", "emotone.features.functionals.duration.Duration"]
)
def test_another_version_of_what_computes_changes_the_signature(of: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = recipe().signature
    monkeypatch.setattr(f"{of}.version", 99)
    assert recipe().signature != before


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"name": "My Net"}, ConfigError, "name 'My Net' must be lower-case letters"),
        ({"seed": -1}, ConfigError, "seed must not be negative; given -1"),
        ({"labels": "svn"}, UnknownNameError, "unknown label set 'svn'"),
        ({"selection": "iemocap-two-rater"}, UnknownNameError, "did you mean 'iemocap-two-raters'"),
        ({"functionals": {"name": "opensmil"}}, UnknownNameError, "did you mean 'opensmile'"),
        ({"functionals": {}}, ConfigError, "functionals: missing name; allowed: "),
        (
            {"functionals": {"name": "opensmile", "feature_set": "IS11"}},
            ConfigError,
            "feature_set: unknown value 'IS11'",
        ),
        ({"adaptation": "corall"}, ConfigError, "adaptation: unknown value 'corall'; did you mean 'coral'"),
        ({"classifier": {"name": "svm"}}, UnknownNameError, "unknown classifier 'svm'; did you mean"),
    ],
)
def test_wrong_recipes_are_refused_before_any_work(
    change: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        recipe(**change)


def test_what_is_known_without_listening_is_not_stored() -> None:
    known = recipe(functionals={"name": "speaker-identity"})
    with pytest.raises(ConfigError, match="functionals: speaker-identity is known without listening, and not stored"):
        _ = known.store
    done: list[int] = []
    found = known.extract(clips(), progress=done.append)  # these recordings are not there
    assert set(found.features) == {item.key for item in clips()}
    assert (found.problems, done) == ((), [36])
    assert known.extract(clips()).features.keys() == found.features.keys()
    assert known.steps == 1
