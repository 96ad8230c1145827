"""Merging a head per corpus: the target's own rows are kept, the others are means of the other heads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.net_inputs import BANDS, INPUTS, TINY, Input
from tests.toy import one_thread

from emotone.fitting.network import output_tensors
from emotone.fitting.pretraining import CorpusHeads
from emotone.nets.base import NETS
from emotone.recipes.recipe import Recipe
from emotone.types import Utterance

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
