"""Detectors with a frozen encoder: the head is fitted on windows, and tested by the engine."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.toy import emodb_utterances, write_emodb, write_small_encoder

from emotone.audio.read import read
from emotone.corpora.labels import apply_labels, label_set
from emotone.errors import ConfigError, RunError
from emotone.evaluation.run import evaluate_recipe
from emotone.features.windows import Windows
from emotone.fitting.embedding import resolve_embedding
from emotone.fitting.embedding_training import alarm_threshold, train_embedding, write_model
from emotone.fitting.window_embeddings import WindowEmbeddings, encoder_bundle
from emotone.inference.engine import analyse
from emotone.recipes.embedding_recipe import EmbeddingRecipe, EncoderSettings, HiddenSettings

if TYPE_CHECKING:
    from pathlib import Path

    from emotone.fitting.embedding import ResolvedEmbedding
    from emotone.types import Utterance

pytest.importorskip("torch")
LABELS = ("anger", "other")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("detector")


@pytest.fixture(autouse=True)
def shared_cache(folder: Path, private_directories: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Build the encoder once for all tests of this module."""
    monkeypatch.setenv("EMOTONE_CACHE", str(folder / "cache"))


@pytest.fixture(scope="module")
def utterances(folder: Path) -> tuple[Utterance, ...]:
    return tuple(apply_labels(emodb_utterances(write_emodb(folder / "emodb")), label_set("anger"))[0])


@pytest.fixture(scope="module")
def recipe(folder: Path) -> EmbeddingRecipe:
    weights = write_small_encoder(folder / "small.safetensors", layers=1)
    return EmbeddingRecipe(
        "toy-detector",
        "anger",
        encoder=EncoderSettings(str(weights), layers=(1,)),
        windows=Windows(0.4, 0.2, min_seconds=0.3),
        fit_on="windows",
    )


@pytest.fixture
def resolved(recipe: EmbeddingRecipe) -> ResolvedEmbedding:
    return resolve_embedding(recipe)


def test_embeddings_are_those_of_the_windows_that_the_engine_analyses(
    resolved: ResolvedEmbedding, utterances: tuple[Utterance, ...]
) -> None:
    one = utterances[0]
    found = resolved.extract([one]).features
    bundle = encoder_bundle(resolved.encoder, resolved.recipe.windows)
    expected = analyse(bundle, [read(one.path, rate=16_000)[0]]).segments.outputs
    assert len(expected) > 1
    np.testing.assert_allclose(found[one.key], expected, rtol=0, atol=1e-6)


def test_silence_is_one_window(resolved: ResolvedEmbedding) -> None:
    spec = WindowEmbeddings(resolved.encoder, resolved.recipe.windows)
    assert spec.compute(np.zeros(8_000, np.float32)).shape == (1, resolved.encoder.values)


def test_a_detector_has_a_threshold_for_its_label_only(
    resolved: ResolvedEmbedding, utterances: tuple[Utterance, ...], tmp_path: Path
) -> None:
    training = train_embedding(resolved, utterances, labels=LABELS)
    bundle = write_model(training, tmp_path / "model")
    assert set(bundle.manifest.thresholds) == {"anger"}
    assert 0 < bundle.manifest.thresholds["anger"] <= 1
    card = (tmp_path / "model" / "CARD.md").read_text()
    assert "| anger | from a probability of " in card
    assert "the classifier was fitted on single windows" in card


def test_folds_have_rows_of_windows_and_of_clips(
    resolved: ResolvedEmbedding, utterances: tuple[Utterance, ...], tmp_path: Path
) -> None:
    done = evaluate_recipe(resolved, utterances, labels=LABELS, protocol_name="speaker-folds-2", out=tmp_path)
    table = done.table
    assert len(table.whole_utterances()) == len(utterances)
    assert len(table) > 2 * len(utterances)
    clip = table.whole_utterances()
    assert set(clip.truth) == set(LABELS)


def test_a_head_of_windows_is_not_adapted_to_speakers(
    resolved: ResolvedEmbedding, utterances: tuple[Utterance, ...], tmp_path: Path
) -> None:
    with pytest.raises(RunError, match="choose a protocol without speaker-scaled"):
        evaluate_recipe(
            resolved, utterances, labels=LABELS, protocol_name="speaker-folds-2+speaker-scaled", out=tmp_path
        )


def test_copies_of_windows_are_rows_of_their_own(
    resolved: ResolvedEmbedding, utterances: tuple[Utterance, ...], recipe: EmbeddingRecipe
) -> None:
    copied = resolve_embedding(replace(recipe, copies=("speed/0.9",)))  # has another number of windows
    plain = resolved.extract(utterances).features
    both = copied.extract(utterances).features
    assert len(both) == 2 * len(utterances)
    assert sum(map(len, both.values())) != 2 * sum(map(len, plain.values()))
    head = copied.fit(utterances, both, labels=LABELS)
    rows = np.concatenate([*both.values()])
    np.testing.assert_allclose(head.mean, rows.mean(axis=0), rtol=0, atol=1e-4)


def test_copies_of_windows_need_a_linear_head(recipe: EmbeddingRecipe) -> None:
    hidden = replace(recipe.head, hidden=HiddenSettings())
    with pytest.raises(ConfigError, match="those of windows are fitted by a linear head only"):
        replace(recipe, head=hidden, copies=("telephone/mu-law",))


def test_the_threshold_limits_the_mean_of_the_false_alarm_rates_of_corpora(rng: np.random.Generator) -> None:
    scores = np.concatenate([rng.random(1000), 0.5 * rng.random(10)])
    corpora = np.repeat(np.array(["large", "small"]), [1000, 10])
    threshold = alarm_threshold(scores, corpora, rate=0.05)

    def rate(at: float) -> float:
        return float(np.mean([(scores[corpora == corpus] >= at).mean() for corpus in ("large", "small")]))

    assert rate(threshold) <= 0.05 < rate(threshold - 0.002)
    assert 0.89 < threshold < 0.91  # a tenth of the large corpus's, none of the small one's


def test_a_threshold_that_no_score_reaches_is_one_at_most() -> None:
    assert alarm_threshold(np.ones(4), np.full(4, "one"), rate=0.0) == 1.0
    assert alarm_threshold(np.zeros(4), np.full(4, "one"), rate=0.0) == pytest.approx(1e-4)
    assert alarm_threshold(np.full(4, 0.3), np.full(4, "one"), rate=1.0) == 0.0
