"""Heads: merged over corpora, stored with what they were fitted on, and fitted further."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from tests.net_inputs import BANDS, INPUTS, TINY, Input
from tests.toy import one_thread

from emotone.bundles.head import EmbeddingHead, OrdinarySpeech
from emotone.errors import RunError
from emotone.fitting.head_refit import CANDIDATES, USUAL, Refit, head_for_labels, refit_head, selected
from emotone.fitting.network import output_tensors
from emotone.fitting.pretraining import CorpusHeads
from emotone.fitting.training_run import HEAD_RUN, HeadRun, is_head_run, load_head_run
from emotone.nets.base import NETS
from emotone.recipes.library import load_recipe
from emotone.recipes.recipe import Recipe
from emotone.types import Utterance

if TYPE_CHECKING:
    from emotone.recipes.embedding_recipe import EmbeddingRecipe


# ----------------------------------------------------------------------------------------------------------------------
# Merging a head per corpus: the target's own rows are kept, the others are means of the other heads.

__all__ = ["one_thread"]
pytestmark = pytest.mark.usefixtures("one_thread")

LABELS = ("anger", "fear", "joy", "sadness")
PAIRS = (
    ("emodb", "anger"),
    ("emodb", "joy"),
    ("emodb", "sadness"),
    ("emovo", "anger"),
    ("emovo", "fear"),
    ("savee", "anger"),
    ("savee", "fear"),
    ("savee", "joy"),
)


def slow(scores: np.ndarray[Any, Any], target: str) -> np.ndarray[Any, Any]:
    """Return the merged rows for two columns, number by number."""
    made = np.zeros((len(LABELS), scores.shape[1]))
    for column in range(scores.shape[1]):
        by_corpus: dict[str, dict[str, float]] = {}
        for (corpus, label), row in zip(PAIRS, scores, strict=True):
            by_corpus.setdefault(corpus, {})[label] = float(row[column])
        mean = {corpus: sum(rows.values()) / len(rows) for corpus, rows in by_corpus.items()}
        level = mean[target] if target else sum(mean.values()) / len(mean)
        for number, label in enumerate(LABELS):
            corpora = [corpus for corpus, rows in by_corpus.items() if label in rows]
            if target in corpora:
                corpora = [target]
            apart = [by_corpus[corpus][label] - mean[corpus] for corpus in corpora]
            made[number, column] = level + (sum(apart) / len(apart) if apart else 0.0)
    return made


@pytest.mark.parametrize("target", ["", "emodb", "emovo"])
def test_merged_rows_agree_with_a_slow_twin(target: str, rng: np.random.Generator) -> None:
    scores = rng.normal(size=(len(PAIRS), 2)).astype(np.float32)
    merged = CorpusHeads(PAIRS, (target,) if target else ()).merged(scores, LABELS)
    assert merged.dtype == np.float32
    np.testing.assert_allclose(merged, slow(scores, target), atol=1e-6)


def test_the_mean_of_equal_heads_does_not_depend_on_their_levels(rng: np.random.Generator) -> None:
    head = rng.normal(size=(3, 4)).astype(np.float32)
    pairs = tuple((corpus, label) for corpus in ("a", "b", "c") for label in LABELS[:3])
    merged = CorpusHeads(pairs).merged(np.concatenate([head - 7, head + 5, head + 2]), LABELS[:3])
    np.testing.assert_allclose(merged, head, atol=1e-5)
    (unheard,) = CorpusHeads(pairs).merged(np.concatenate([head] * 3), ("boredom",))
    np.testing.assert_allclose(unheard, head.mean(axis=0), atol=1e-5)


def test_which_heads_give_a_label() -> None:
    heads = CorpusHeads(PAIRS, ("emodb",))
    assert [heads.of_label(label) for label in (*LABELS, "boredom")] == [
        ("emodb",),
        ("emovo", "savee"),
        ("emodb",),
        ("emodb",),
        (),
    ]
    assert CorpusHeads(PAIRS).of_label("joy") == ("emodb", "savee")


def test_outputs_are_the_labels_of_each_corpus() -> None:
    def clip(number: int, corpus: str, label: str) -> Utterance:
        return Utterance(str(number), corpus, Path("a.wav"), 0.0, None, "s", "x", label)

    clips = [clip(number, corpus, label) for number, (corpus, label) in enumerate((*PAIRS[::-1], *PAIRS))]
    heads = CorpusHeads.of(clips, target={"emodb", "ravdess"})
    assert heads == CorpusHeads(PAIRS, ("emodb",))
    assert heads.numbers == (0, 0, 0, 1, 1, 2, 2, 2)
    labelled = heads.labelled(clips)
    assert [each.label for each in labelled[-8:]] == list(heads.names)
    assert [replace(each, label="") for each in labelled] == [replace(each, label="") for each in clips]


@pytest.mark.parametrize("name", NETS.names)
def test_the_merged_head_keeps_the_probabilities_of_the_targets_head(name: str) -> None:
    pairs = (("a", "anger"), ("a", "fear"), ("a", "joy"), ("b", "anger"), ("b", "joy"))
    heads, labels = CorpusHeads(pairs, ("a",)), ("joy", "anger", "fear")
    recipe = Recipe(name="toy", labels="six", net={"name": name, **TINY.get(name, {})})
    torch.manual_seed(1)
    whole = recipe.net_spec.build(BANDS, len(pairs)).eval()
    tensors = {name: value.clone() for name, value in whole.state_dict().items()}
    for score in output_tensors(recipe, whole, len(pairs)):
        tensors[score] = torch.from_numpy(heads.merged(tensors[score].numpy(), labels))
    single = recipe.net_spec.build(BANDS, len(labels)).eval()
    single.load_state_dict(tensors)
    heard = INPUTS.get(name, Input())
    x = heard.draw(3, max(heard.lengths))
    with torch.inference_mode():
        own = torch.softmax(whole(x, None)[:, [2, 0, 1]], dim=1)
        torch.testing.assert_close(torch.softmax(single(x, None), dim=1), own, atol=1e-5, rtol=1e-4)


# ----------------------------------------------------------------------------------------------------------------------
# What a head was fitted on: read back unchanged, told from other folders, damaged files are refused.


@pytest.fixture
def run() -> HeadRun:
    recipe: EmbeddingRecipe = load_recipe("default")  # type: ignore[assignment]
    return HeadRun(recipe, ("anger", "neutral"), {"a": 3, "b": 2}, {"a": 2, "b": 1}, "0123456789ab", ("00", "11"))


def test_it_is_read_back_unchanged(run: HeadRun, tmp_path: Path) -> None:
    (tmp_path / HEAD_RUN).write_bytes(run.to_bytes())
    assert is_head_run(tmp_path)
    assert load_head_run(tmp_path) == run


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "does not describe what a head was fitted on"),
        ("{", "does not describe what a head was fitted on"),
        ('{"schema": "emotone.run/1"}', "has schema 'emotone.run/1'; this version reads 'emotone.head-run/1'"),
        ('{"schema": "emotone.head-run/1"}', "does not describe what a head was fitted on: KeyError"),
    ],
)
def test_other_files_are_refused(text: str | None, message: str, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / HEAD_RUN).write_text(text)
    with pytest.raises(RunError, match=message):
        load_head_run(tmp_path)


def test_other_folders_are_told_from_it(tmp_path: Path) -> None:
    assert not is_head_run(tmp_path)
    (tmp_path / HEAD_RUN).write_text('{"schema": "emotone.run/1"}')
    assert not is_head_run(tmp_path)


# ----------------------------------------------------------------------------------------------------------------------
# Heads fitted further on few embeddings: what changes, what stays, and which candidate is taken.

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
